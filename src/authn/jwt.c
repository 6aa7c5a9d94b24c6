/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/jwt.h"

#include <string.h>

#include "base/buf.h"
#include "base/scan.h"
#include "codec/json.h"
#include "codec/json_out.h"
#include "crypto/sha256.h"

enum {
    CLAIMS_MAX = 900, /* bytes of JSON that we make */
    HALF = 16,        /* hexadecimal characters of 64 bits */
    MS_PER_S = 1000,
};
static const int64_t time_max_s = INT64_C(253402300799); /* the end of the year 9999 */

/* Claims as they stand in the token, before they are judged. */
struct claims {
    sut_str token_type;
    sut_str jti;
    sut_str iss; /* p is NULL when absent */
    sut_str aud;
    int64_t exp;
    int64_t iat;
    int64_t nbf; /* 0 when absent */
    int64_t user_id;
};

static const char *const kind_names[SUT_TOKEN_KINDS] = {
    [SUT_TOKEN_ACCESS] = "access",
    [SUT_TOKEN_REFRESH] = "refresh",
};

#define REFUSE(why_)                                                                               \
    do {                                                                                           \
        *reterr_fault = SUT_TOKEN_##why_;                                                          \
        FAIL(TOKEN);                                                                               \
    } while (0)

const char *sut_token_kind_name(enum sut_token_kind kind)
{
    return kind_names[kind];
}

const char *sut_token_fault_text(enum sut_token_fault fault)
{
    switch (fault) {
    case SUT_TOKEN_EXPIRED:
        return "Token is expired";
    case SUT_TOKEN_KIND:
        return "Token has wrong type";
    case SUT_TOKEN_FINE:
    case SUT_TOKEN_MALFORMED:
    case SUT_TOKEN_ALGORITHM:
    case SUT_TOKEN_KEY:
    case SUT_TOKEN_SIGNATURE:
    case SUT_TOKEN_EARLY:
    case SUT_TOKEN_AUDIENCE:
    case SUT_TOKEN_FOREIGN:
        break;
    }
    return "Token is invalid";
}

static void put_hex(char *to, uint64_t v)
{
    for (size_t i = 0; i < HALF; i++)
        to[i] = "0123456789abcdef"[v >> (4 * (HALF - 1 - i)) & 15];
}

static void hash_jti(sut_str jti, unsigned char ret[SUT_JTI_HASH])
{
    unsigned char digest[SUT_SHA256_SIZE];
    sut_sha256(jti, digest);
    memcpy(ret, digest, SUT_JTI_HASH);
}

static void write_claims(const struct sut_token_policy *policy, const struct sut_token *t,
                         sut_str jti, struct sut_buf *out)
{
    struct sut_jw w = sut_jw_of(out);
    sut_jw_obj(&w);
    sut_jw_key(&w, "token_type");
    sut_jw_z(&w, kind_names[t->kind]);
    sut_jw_key(&w, "exp");
    sut_jw_i64(&w, t->exp_s);
    sut_jw_key(&w, "iat");
    sut_jw_i64(&w, t->iat_s);
    sut_jw_key(&w, "jti");
    sut_jw_str(&w, jti);
    sut_jw_key(&w, "user_id");
    sut_jw_i64(&w, t->user_id);
    if (policy->iss.n > 0) {
        sut_jw_key(&w, "iss");
        sut_jw_str(&w, policy->iss);
    }
    if (policy->aud.n > 0) {
        sut_jw_key(&w, "aud");
        sut_jw_str(&w, policy->aud);
    }
    sut_jw_obj_end(&w);
}

static void write_jti(const struct sut_token *t, char jti[SUT_JTI_OURS])
{
    jti[0] = 's';
    put_hex(jti + 1, (uint64_t) t->session);
    jti[1 + HALF] = '-';
    put_hex(jti + 2 + HALF, t->nonce);
}

SUT_ERR sut_token_name(const struct sut_random *rnd, struct sut_token *t)
{
    ENSURE(t->session > 0, INVALID);
    char jti[SUT_JTI_OURS];
    uint64_t nonce = 0;
    while (nonce == 0)
        TRY(sut_random_fill(rnd, &nonce, sizeof(nonce)));
    t->nonce = nonce;
    write_jti(t, jti);
    hash_jti(sut_str_of(jti, sizeof(jti)), t->jti_hash);
    return SUT_OK;
}

SUT_ERR sut_token_mint(const struct sut_keyring *ring, const struct sut_token_policy *policy,
                       const struct sut_random *rnd, struct sut_token *t, char *to, size_t cap,
                       size_t *ret_n)
{
    ENSURE((unsigned) t->kind < SUT_TOKEN_KINDS && t->user_id > 0 && t->session > 0, INVALID);
    ENSURE(t->iat_s > 0 && t->exp_s > t->iat_s, INVALID);
    ENSURE(policy->iss.n <= SUT_TOKEN_NAME_MAX && policy->aud.n <= SUT_TOKEN_NAME_MAX, INVALID);
    char json[CLAIMS_MAX];
    char jti[SUT_JTI_OURS];
    if (t->nonce == 0)
        TRY(sut_token_name(rnd, t));
    write_jti(t, jti);

    struct sut_buf claims = { .p = json, .cap = sizeof(json), .max = sizeof(json) };
    struct sut_buf out = { .p = to, .cap = cap, .max = cap };
    write_claims(policy, t, sut_str_of(jti, sizeof(jti)), &claims);
    TRY(sut_buf_check(&claims));
    TRY(sut_jws_sign(ring, sut_buf_str(&claims), &out));
    t->is_foreign = false;
    hash_jti(sut_str_of(jti, sizeof(jti)), t->jti_hash);
    *ret_n = out.n;
    return SUT_OK;
}

static bool get_int(const struct sut_json *o, const char *key, int64_t *ret)
{
    const struct sut_json *v = sut_json_get(o, key);
    if (v == NULL || v->type != SUT_JSON_INT)
        return false;
    *ret = v->i;
    return true;
}

static bool get_str(const struct sut_json *o, const char *key, sut_str *ret)
{
    const struct sut_json *v = sut_json_get(o, key);
    if (v == NULL || v->type != SUT_JSON_STRING)
        return false;
    *ret = v->s;
    return true;
}

/* The claims that must be there are, each of its type. */
static bool read_claims(const struct sut_json *o, struct claims *ret)
{
    *ret = (struct claims){ 0 };
    if (o->type != SUT_JSON_OBJECT || !get_str(o, "token_type", &ret->token_type) ||
        !get_str(o, "jti", &ret->jti) || !get_int(o, "exp", &ret->exp) ||
        !get_int(o, "iat", &ret->iat) || !get_int(o, "user_id", &ret->user_id))
        return false;
    (void) get_str(o, "iss", &ret->iss);
    (void) get_str(o, "aud", &ret->aud);
    if (sut_json_get(o, "nbf") != NULL && !get_int(o, "nbf", &ret->nbf))
        return false;
    return ret->jti.n > 0 && ret->jti.n <= SUT_TOKEN_NAME_MAX && ret->user_id > 0;
}

/* Text that needs no unescaping and that any JSON parser takes as it stands. */
static bool scan_text(struct sut_scan *c, const char *before, sut_str *ret)
{
    if (!sut_scan_lit(c, sut_str_from(before)))
        return false;
    *ret = sut_scan_until(c, '"');
    for (size_t i = 0; i < ret->n; i++) {
        if (ret->p[i] < ' ' || ret->p[i] > '~' || ret->p[i] == '\\')
            return false;
    }
    return sut_scan_char(c, '"');
}

static bool scan_int(struct sut_scan *c, const char *before, int64_t *ret)
{
    uint64_t v = 0;
    if (!sut_scan_lit(c, sut_str_from(before)) || sut_scan_at_end(c) || *c->p == '0' ||
        sut_failed(sut_scan_u64(c, INT64_MAX, &v)))
        return false;
    *ret = (int64_t) v;
    return true;
}

/*
 * Claims exactly as write_claims() renders them: what every request of a
 * signed-in customer brings.  Whatever else a token holds goes through the
 * JSON parser; where both can read a text they read the same.
 */
static bool scan_claims(sut_str json, struct claims *ret)
{
    struct sut_scan c = sut_scan_of(json);
    *ret = (struct claims){ 0 };
    if (!scan_text(&c, "{\"token_type\":\"", &ret->token_type) ||
        !scan_int(&c, ",\"exp\":", &ret->exp) || !scan_int(&c, ",\"iat\":", &ret->iat) ||
        !scan_text(&c, ",\"jti\":\"", &ret->jti) || ret->jti.n != SUT_JTI_OURS ||
        !scan_int(&c, ",\"user_id\":", &ret->user_id))
        return false;
    if (!sut_scan_at_end(&c) && *c.p == ',' &&
        (!scan_text(&c, ",\"iss\":\"", &ret->iss) || !scan_text(&c, ",\"aud\":\"", &ret->aud)))
        return false;
    return sut_scan_char(&c, '}') && sut_scan_at_end(&c);
}

static bool take_half(sut_str text, uint64_t *ret)
{
    uint64_t v = 0;
    for (size_t i = 0; i < text.n; i++) {
        const char c = text.p[i];
        const bool is_letter = c >= 'a' && c <= 'f';
        if (!is_letter && (c < '0' || c > '9'))
            return false;
        v = v << 4 | (uint64_t) (is_letter ? c - 'a' + 10 : c - '0');
    }
    *ret = v;
    return text.n == HALF;
}

/* Whether the jti is one of ours; then its two halves. */
static bool read_jti(sut_str jti, struct sut_token *to)
{
    uint64_t session = 0;
    if (jti.n != SUT_JTI_OURS || jti.p[0] != 's' || jti.p[1 + HALF] != '-' ||
        !take_half(sut_str_sub(jti, 1, 1 + HALF), &session) ||
        !take_half(sut_str_sub(jti, 2 + HALF, jti.n), &to->nonce) || session == 0 ||
        session > INT64_MAX)
        return false;
    to->session = (int64_t) session;
    return true;
}

static bool is_for(const struct sut_token_policy *policy, const struct claims *c)
{
    return (policy->iss.n == 0 || sut_str_eq(policy->iss, c->iss)) &&
           (policy->aud.n == 0 || sut_str_eq(policy->aud, c->aud));
}

static SUT_ERR judge(const struct sut_token_policy *policy, enum sut_token_kind kind,
                     const struct claims *c, sut_ms now, struct sut_token *ret,
                     enum sut_token_fault *reterr_fault)
{
    const int64_t now_s = now.v / MS_PER_S;
    if (c->exp <= now_s)
        REFUSE(EXPIRED);
    /* No time that anybody could mean, and no room for its milliseconds. */
    if (c->exp > time_max_s)
        REFUSE(MALFORMED);
    if (c->iat > now_s + SUT_TOKEN_SKEW_S || c->nbf > now_s + SUT_TOKEN_SKEW_S)
        REFUSE(EARLY);
    if (!sut_str_is(c->token_type, kind_names[kind]))
        REFUSE(KIND);
    if (!is_for(policy, c))
        REFUSE(AUDIENCE);

    struct sut_token t = { .kind = kind, .user_id = c->user_id, .exp_s = c->exp, .iat_s = c->iat };
    t.is_foreign = !read_jti(c->jti, &t);
    if (t.is_foreign && !policy->takes_foreign)
        REFUSE(FOREIGN);
    if (t.is_foreign)
        t.nonce = 0;
    hash_jti(c->jti, t.jti_hash);
    *ret = t;
    return SUT_OK;
}

static enum sut_token_fault fault_of(enum sut_jws_fault f)
{
    switch (f) {
    case SUT_JWS_OK:
    case SUT_JWS_MALFORMED:
        return SUT_TOKEN_MALFORMED;
    case SUT_JWS_ALGORITHM:
        return SUT_TOKEN_ALGORITHM;
    case SUT_JWS_KEY:
        return SUT_TOKEN_KEY;
    case SUT_JWS_SIGNATURE:
        return SUT_TOKEN_SIGNATURE;
    }
    return SUT_TOKEN_MALFORMED;
}

static SUT_ERR read_payload(sut_str json, struct sut_arena *scratch, struct claims *ret,
                            enum sut_token_fault *reterr_fault)
{
    const struct sut_json *tree = NULL;
    if (scan_claims(json, ret))
        return SUT_OK;
    const sut_err e = sut_json_parse(scratch, json, &tree, NULL);
    if (sut_failed(e) && e.code != SUT_E_PARSE)
        return e;
    if (sut_failed(e) || !read_claims(tree, ret))
        REFUSE(MALFORMED);
    return SUT_OK;
}

SUT_ERR sut_token_verify(const struct sut_keyring *ring, const struct sut_token_policy *policy,
                         enum sut_token_kind kind, sut_str text, sut_ms now,
                         struct sut_arena *scratch, struct sut_token *ret,
                         enum sut_token_fault *reterr_fault)
{
    char payload[SUT_JWS_PAYLOAD_MAX];
    size_t n = 0;
    struct claims claims = { 0 };
    enum sut_jws_fault fault = SUT_JWS_OK;
    sut_err e = sut_jws_verify(ring, text, scratch, payload, sizeof(payload), &n, &fault);
    if (sut_failed(e)) {
        *reterr_fault = fault_of(fault);
        return e;
    }
    const struct sut_mark mark = sut_arena_mark(scratch);
    e = read_payload(sut_str_of(payload, n), scratch, &claims, reterr_fault);
    if (!sut_failed(e))
        e = judge(policy, kind, &claims, now, ret, reterr_fault);
    sut_arena_rewind(scratch, mark);
    return e;
}
