/* SPDX-License-Identifier: Apache-2.0 */
#include "api/totp.h"

#include "api/entry.h"
#include "api/factor_change.h"
#include "api/links.h"
#include "audit/audit.h"
#include "authn/media_url.h"
#include "authn/totp.h"
#include "base/secret.h"
#include "codec/qr.h"
#include "config/config.h"
#include "crypto/sha256.h"
#include "mail/mail.h"
#include "store/factor.h"

enum { TEXT_MAX = 128, URL_MAX = 2048, MARK = 16 };

static const char what[] = "an authenticator app"; /* as mails tell of it */

/* What all changes work on; a job may run again, and makes its results anew. */
struct change {
    struct api_factor_change of;
    sut_str secret;
    sut_str otp;
    const struct api_recovery_codes *codes;
};

/* --- the secret, in its three spellings --- */

static SUT_ERR uri_of(struct sut_req *r, struct sut_db_conn *c, int64_t person, sut_str secret,
                      sut_str *ret)
{
    struct sut_person_row p;
    TRY(sut_person_by_id(c, r->arena, person, &p));
    return sut_totp_uri(r->arena, secret, r->app->config->shop.name, p.email, ret);
}

/* In hexadecimal, which enrolment it is: the address of one shows no other's secret. */
static void write_mark(struct sut_buf *b, sut_str secret)
{
    unsigned char digest[SUT_SHA256_SIZE];
    const sut_str parts[] = { SUT_STR("sutler totp picture"), secret };
    sut_sha256_parts(parts, 2, digest);
    sut_buf_hex(b, digest, MARK);
}

/* "https://shop.example/media/totp/12-04f1….svg?exp=…&sig=…" */
static SUT_ERR picture_url(struct sut_req *r, sut_str secret, sut_str *ret)
{
    struct sut_buf path;
    struct sut_buf url;
    sut_str is_signed = { 0 };
    const sut_ms ends = { r->now.v + INT64_C(1000) * API_TOTP_QR_LIFE_S };
    sut_buf_init_arena(&path, r->arena, TEXT_MAX);
    sut_buf_lit(&path, "/media/totp/");
    sut_buf_i64(&path, r->auth.user_id);
    sut_buf_char(&path, '-');
    write_mark(&path, secret);
    sut_buf_lit(&path, ".svg");
    TRY(sut_buf_check(&path));
    TRY(sut_media_url_sign(r->app->media, r->arena, sut_buf_str(&path), ends, &is_signed));
    sut_buf_init_arena(&url, r->arena, URL_MAX);
    sut_buf_str_add(&url, r->app->config->server.public_url);
    sut_buf_str_add(&url, is_signed);
    TRY(sut_buf_check(&url));
    *ret = sut_buf_str(&url);
    return SUT_OK;
}

static SUT_ERR enrol_job(struct sut_db_conn *c, void *arg)
{
    struct change *ch = arg;
    api_factor_change_begin(&ch->of);
    return sut_totp_begin(c, ch->of.r->auth.user_id, ch->secret, ch->of.r->now);
}

SUT_ERR api_totp_enrol(struct sut_req *r, struct api_totp_secret *ret)
{
    char *secret = ARENA_ARRAY(r->arena, char, SUT_TOTP_SECRET);
    struct sut_db_conn *conn = NULL;
    struct sut_buf text;
    ENSURE(secret != NULL, NOMEM);
    TRY(sut_random_fill(r->app->random, secret, SUT_TOTP_SECRET));
    struct change ch = { .of = { .r = r, .what = what },
                         .secret = sut_str_of(secret, SUT_TOTP_SECRET) };
    TRY(sut_req_conn(r, &conn));
    TRY(uri_of(r, conn, r->auth.user_id, ch.secret, &ret->uri));
    TRY(picture_url(r, ch.secret, &ret->qr));
    sut_buf_init_arena(&text, r->arena, TEXT_MAX);
    sut_totp_base32(&text, ch.secret);
    TRY(sut_buf_check(&text));
    ret->secret = sut_buf_str(&text);
    return api_factor_change_run(&ch.of, enrol_job, &ch);
}

/* --- recovery codes --- */

SUT_ERR api_recovery_make(struct sut_req *r, struct api_recovery_codes *ret)
{
    for (size_t i = 0; i < SUT_RECOVERY_CODES; i++) {
        char *text = ARENA_ARRAY(r->arena, char, SUT_RECOVERY_TEXT);
        ENSURE(text != NULL, NOMEM);
        TRY(sut_recovery_make(r->app->random, text));
        ret->text[i] = sut_str_of(text, SUT_RECOVERY_TEXT);
    }
    return SUT_OK;
}

SUT_ERR api_recovery_put(struct sut_db_conn *c, struct sut_req *r,
                         const struct api_recovery_codes *codes)
{
    unsigned char hashes[SUT_RECOVERY_CODES][SUT_RECOVERY_HASH];
    sut_str rows[SUT_RECOVERY_CODES];
    const int64_t id = r->auth.user_id;
    for (size_t i = 0; i < SUT_RECOVERY_CODES; i++) {
        TRY(sut_recovery_hash(id, codes->text[i], hashes[i]));
        rows[i] = sut_str_of((const char *) hashes[i], SUT_RECOVERY_HASH);
    }
    return sut_recovery_put(c, id, rows, SUT_RECOVERY_CODES, r->now);
}

static SUT_ERR renew_job(struct sut_db_conn *c, void *arg)
{
    struct change *ch = arg;
    struct sut_person_account p;
    api_factor_change_begin(&ch->of);
    TRY(sut_person_account(c, ch->of.r->arena, ch->of.r->auth.user_id, &p));
    ENSURE(p.factors != 0, NOT_FOUND);
    TRY(api_recovery_put(c, ch->of.r, ch->codes));
    return api_factor_change_note(c, &ch->of, SUT_ACTION_USER_RECOVERY_CODES);
}

SUT_ERR api_recovery_renew(struct sut_req *r, struct api_recovery_codes *ret)
{
    struct change ch = { .of = { .r = r, .what = what }, .codes = ret };
    TRY(api_recovery_make(r, ret));
    return api_factor_change_run(&ch.of, renew_job, &ch);
}

/* --- confirming, taking away --- */

static SUT_ERR confirm_job(struct sut_db_conn *c, void *arg)
{
    struct change *ch = arg;
    const struct sut_token *t = &ch->of.r->auth.token;
    const sut_ms now = ch->of.r->now;
    struct sut_totp_row row;
    int64_t step = 0;
    api_factor_change_begin(&ch->of);
    TRY(sut_totp_find(c, ch->of.r->arena, t->user_id, &row));
    ENSURE(!row.is_confirmed, NOT_FOUND);
    TRY(sut_totp_match(row.secret, ch->otp, now, row.last_step, &step));
    TRY(sut_totp_use(c, t->user_id, step, now));
    TRY(api_recovery_put(c, ch->of.r, ch->codes));
    /* This session has shown the factor that it just got. */
    TRY(sut_session_prove(c, t->session, t->user_id, SUT_PROOF_TOTP, now));
    TRY(api_factor_change_note(c, &ch->of, SUT_ACTION_USER_FACTOR_ADD));
    return api_factor_change_mail(c, &ch->of, SUT_MAIL_FACTOR_ADDED);
}

SUT_ERR api_totp_confirm(struct sut_req *r, sut_str otp, struct api_recovery_codes *ret)
{
    struct change ch = { .of = { .r = r, .what = what }, .codes = ret, .otp = otp };
    TRY(api_recovery_make(r, ret));
    TRY(api_factor_change_run(&ch.of, confirm_job, &ch));
    api_mail_wake(r);
    return SUT_OK;
}

static SUT_ERR remove_job(struct sut_db_conn *c, void *arg)
{
    struct change *ch = arg;
    const int64_t id = ch->of.r->auth.user_id;
    struct sut_person_account p;
    api_factor_change_begin(&ch->of);
    TRY(sut_person_account(c, ch->of.r->arena, id, &p));
    TRY(sut_totp_remove(c, id, ch->of.r->now));
    /* One that was never confirmed was none. */
    if ((p.factors & SUT_FACTOR_TOTP) == 0)
        return SUT_OK;
    TRY(api_factor_change_note(c, &ch->of, SUT_ACTION_USER_FACTOR_REMOVE));
    return api_factor_change_mail(c, &ch->of, SUT_MAIL_FACTOR_REMOVED);
}

SUT_ERR api_totp_remove(struct sut_req *r)
{
    struct change ch = { .of = { .r = r, .what = what } };
    TRY(api_factor_change_run(&ch.of, remove_job, &ch));
    api_mail_wake(r);
    return SUT_OK;
}

/* --- the picture --- */

SUT_ERR api_totp_picture(struct sut_req *r, int64_t person, sut_str mark, struct sut_buf *out)
{
    struct sut_db_conn *conn = NULL;
    struct sut_totp_row row;
    struct sut_buf own;
    sut_str uri = { 0 };
    TRY(sut_req_conn(r, &conn));
    TRY(sut_totp_find(conn, r->arena, person, &row));
    sut_buf_init_arena(&own, r->arena, TEXT_MAX);
    write_mark(&own, row.secret);
    TRY(sut_buf_check(&own));
    ENSURE(!row.is_confirmed && sut_secret_eq(sut_buf_str(&own), mark), NOT_FOUND);
    TRY(uri_of(r, conn, person, row.secret, &uri));
    return sut_qr_svg(out, uri);
}
