/* SPDX-License-Identifier: Apache-2.0 */
#include "api/links.h"

#include "codec/b64url.h"
#include "codec/email.h"
#include "codec/url.h"
#include "config/config.h"
#include "counters/counters.h"
#include "crypto/random.h"
#include "crypto/sha256.h"
#include "mail/postman.h"

enum { LINK_MAX = 8 * 1024, SECRET_TEXT_MAX = 64, SUBJECT_MAX = 1024 };

SUT_ERR api_secret_make(struct sut_req *r, struct api_secret *ret)
{
    unsigned char bytes[SUT_LINK_SECRET];
    struct sut_buf text;
    sut_buf_init_arena(&text, r->arena, SECRET_TEXT_MAX);
    TRY(sut_random_fill(r->app->random, bytes, sizeof(bytes)));
    const sut_str secret = sut_str_of((const char *) bytes, sizeof(bytes));
    sut_b64url_encode(&text, secret);
    sut_sha256(secret, ret->hash);
    sut_wipe(bytes, sizeof(bytes));
    TRY(sut_buf_check(&text));
    ret->text = sut_buf_str(&text);
    return SUT_OK;
}

bool api_secret_read(sut_str text, unsigned char ret[SUT_LINK_HASH])
{
    unsigned char bytes[SUT_LINK_SECRET];
    size_t n = 0;
    if (sut_failed(sut_b64url_decode(text, bytes, sizeof(bytes), &n)) || n != sizeof(bytes))
        return false;
    sut_sha256(sut_str_of((const char *) bytes, sizeof(bytes)), ret);
    sut_wipe(bytes, sizeof(bytes));
    return true;
}

SUT_ERR api_link(const struct sut_req *r, struct sut_arena *a, const char *path, sut_str token,
                 sut_str *ret)
{
    const struct sut_config *c = r->app->config;
    struct sut_buf b;
    bool is_first = true;
    sut_buf_init_arena(&b, a, LINK_MAX);
    sut_buf_str_add(&b, c->frontend.url.n > 0 ? c->frontend.url : c->server.public_url);
    sut_buf_z(&b, path);
    sut_url_add_query(&b, &is_first, SUT_STR("token"), token);
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

void api_mail_wake(const struct sut_req *r)
{
    if (r->app->postman != NULL)
        sut_postman_wake(r->app->postman);
}

bool api_mail_may_go(struct sut_req *r, const char *kind, sut_str address_key,
                     struct sut_rate_result *ret)
{
    char subject[SUBJECT_MAX];
    struct sut_buf b = { .p = subject, .cap = sizeof(subject), .max = sizeof(subject) };
    sut_buf_z(&b, kind);
    sut_buf_char(&b, ':');
    /* What is longer is no address. */
    sut_buf_str_add(&b, sut_str_sub(address_key, 0, sizeof(subject) / 2));
    const struct sut_rate_ask ask = sut_rate_ask_text(SUT_RATE_MAIL, sut_buf_str(&b));
    return sut_counters_take(r->app->counters, &ask, 1, r->now, ret);
}

SUT_ERR api_is_address_of(struct sut_arena *a, sut_str own, sut_str given, bool *ret)
{
    sut_str own_key = { 0 };
    sut_str given_key = { 0 };
    TRY(sut_email_key(a, own, &own_key));
    TRY(sut_email_key(a, given, &given_key));
    *ret = sut_str_eq(own_key, given_key);
    return SUT_OK;
}
