/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/webhook.h"

#include "base/buf.h"
#include "base/scan.h"
#include "base/secret.h"
#include "codec/json.h"
#include "crypto/hmac.h"
#include "crypto/sha256.h"
#include "store/webhook.h"

enum { MS = 1000, HEX = 2 * SUT_HMAC_SIZE };

struct header {
    sut_str time; /* as it is written: it is part of what is signed */
    int64_t time_s;
    unsigned char macs[SUT_WEBHOOK_SIGNATURES_MAX][SUT_HMAC_SIZE];
    size_t n;
};

static SUT_ERR read_part(struct header *h, sut_str key, sut_str value)
{
    if (sut_str_is(key, "t")) {
        uint64_t t = 0;
        ENSURE(h->time.p == NULL, PARSE);
        ENSURE(!sut_failed(sut_parse_u64(value, INT64_MAX / MS, &t)), PARSE);
        h->time = value;
        h->time_s = (int64_t) t;
    } else if (sut_str_is(key, "v1")) {
        ENSURE(h->n < SUT_WEBHOOK_SIGNATURES_MAX, PARSE);
        /* One that is no signature is not the right one. */
        if (value.n == HEX && !sut_failed(sut_parse_hex(value, h->macs[h->n], SUT_HMAC_SIZE)))
            h->n++;
    }
    return SUT_OK;
}

static SUT_ERR read_header(sut_str text, struct header *ret)
{
    struct sut_scan c = sut_scan_of(text);
    *ret = (struct header){ .n = 0 };
    while (!sut_scan_at_end(&c)) {
        const sut_str part = sut_str_trim(sut_scan_until(&c, ','));
        const size_t at = sut_str_find(part, 0, '=');
        (void) sut_scan_char(&c, ',');
        TRY(read_part(ret, sut_str_sub(part, 0, at), sut_str_sub(part, at + 1, part.n)));
    }
    ENSURE(ret->time.p != NULL && ret->n > 0, PARSE);
    return SUT_OK;
}

static bool is_signed(const struct header *h, sut_str body, sut_str secret)
{
    const sut_str parts[] = { h->time, SUT_STR("."), body };
    unsigned char own[SUT_HMAC_SIZE];
    struct sut_hmac_key k;
    bool is_ours = false;
    sut_hmac_key_init(&k, secret);
    sut_hmac_parts(&k, parts, sizeof(parts) / sizeof(parts[0]), own);
    for (size_t i = 0; i < h->n; i++)
        is_ours |= sut_secret_eq(sut_str_of((const char *) own, sizeof(own)),
                                 sut_str_of((const char *) h->macs[i], sizeof(h->macs[i])));
    sut_wipe(&k, sizeof(k));
    sut_wipe(own, sizeof(own));
    return is_ours;
}

SUT_ERR sut_webhook_check_stripe(sut_str header, sut_str body, const sut_str *secrets, size_t n,
                                 sut_ms now)
{
    struct header h;
    bool is_ours = false;
    TRY(read_header(header, &h));
    for (size_t i = 0; i < n; i++)
        is_ours |= secrets[i].n > 0 && is_signed(&h, body, secrets[i]);
    ENSURE(is_ours, DENIED);
    const int64_t off_s = now.v / MS - h.time_s;
    ENSURE(off_s <= SUT_WEBHOOK_TOLERANCE_S && off_s >= -SUT_WEBHOOK_TOLERANCE_S, STALE);
    return SUT_OK;
}

static SUT_ERR word_of(const struct sut_json *o, const char *key, sut_str *ret)
{
    const struct sut_json *const v = sut_json_get(o, key);
    ENSURE(v != NULL && v->type == SUT_JSON_STRING && v->s.n > 0 && v->s.n <= SUT_WEBHOOK_WORD_MAX,
           PARSE);
    *ret = v->s;
    return SUT_OK;
}

/* Paystack gives its events no name: the same text is the same event. */
static SUT_ERR name_by_digest(struct sut_arena *a, sut_str body, sut_str *ret)
{
    unsigned char digest[SUT_SHA256_SIZE];
    struct sut_buf b;
    sut_buf_init_arena(&b, a, HEX);
    sut_sha256(body, digest);
    sut_buf_hex(&b, digest, sizeof(digest));
    *ret = sut_buf_str(&b);
    return sut_buf_check(&b);
}

SUT_ERR sut_webhook_name_of(struct sut_arena *a, enum sut_pay_method provider, sut_str body,
                            struct sut_webhook_name *ret)
{
    const struct sut_json *v = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    TRY(sut_json_parse(a, body, &v, &fault));
    if (provider == SUT_PAY_PAYSTACK) {
        TRY(word_of(v, "event", &ret->type));
        return name_by_digest(a, body, &ret->event);
    }
    TRY(word_of(v, "id", &ret->event));
    return word_of(v, "type", &ret->type);
}
