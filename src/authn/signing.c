/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/signing.h"

#include "base/secret.h"
#include "codec/b64url.h"
#include "codec/json.h"
#include "codec/time.h"
#include "codec/utf8.h"
#include "crypto/hmac.h"
#include "crypto/sha256.h"

enum {
    MAC_TEXT = 43,  /* 32 bytes in base64url */
    STAMP_MAX = 11, /* digits of base 62 that are worth a look */
};
static const int64_t stamp_max_s = INT64_C(1) << 40;
static const char digits62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Django's salted_hmac(): the key is the digest of "<salt>signer<secret>". */
static void derive(const struct sut_signing_key *key, sut_str salt, struct sut_hmac_key *ret)
{
    unsigned char digest[SUT_SHA256_SIZE];
    const sut_str parts[] = { salt, SUT_STR("signer"), sut_signing_key_secret(key) };
    sut_sha256_parts(parts, 3, digest);
    sut_hmac_key_init(ret, sut_str_of((const char *) digest, sizeof(digest)));
    sut_wipe(digest, sizeof(digest));
}

/* The signature as text. */
static void sign(const struct sut_signing_key *key, sut_str salt, sut_str text, char ret[MAC_TEXT])
{
    struct sut_hmac_key k;
    unsigned char mac[SUT_HMAC_SIZE];
    struct sut_buf out = { .p = ret, .cap = MAC_TEXT, .max = MAC_TEXT };
    derive(key, salt, &k);
    sut_hmac(&k, text, mac);
    sut_wipe(&k, sizeof(k));
    sut_b64url_encode(&out, sut_str_of((const char *) mac, sizeof(mac)));
}

static bool is_signed(const struct sut_signing_key *key, sut_str salt, sut_str text, sut_str mac)
{
    char want[MAC_TEXT];
    sign(key, salt, text, want);
    return sut_secret_eq(sut_str_of(want, sizeof(want)), mac);
}

static void add_base62(struct sut_buf *b, uint64_t v)
{
    char text[STAMP_MAX];
    size_t at = sizeof(text);
    do {
        text[--at] = digits62[v % 62];
        v /= 62;
    } while (v > 0 && at > 0);
    sut_buf_add(b, text + at, sizeof(text) - at);
}

static SUT_ERR parse_base62(sut_str s, int64_t *ret)
{
    int64_t v = 0;
    ENSURE(s.n > 0 && s.n <= STAMP_MAX, TOKEN);
    for (size_t i = 0; i < s.n; i++) {
        const char *at = s.p[i] == '\0' ? NULL : strchr(digits62, s.p[i]);
        ENSURE(at != NULL, TOKEN);
        v = v * 62 + (at - digits62);
        ENSURE(v <= stamp_max_s, TOKEN);
    }
    *ret = v;
    return SUT_OK;
}

SUT_ERR sut_signing_dumps(const struct sut_keyring *ring, struct sut_arena *a, sut_str salt,
                          sut_str json, sut_ms now, sut_str *ret)
{
    ENSURE(now.v >= 0, INVALID);
    struct sut_buf b;
    char mac[MAC_TEXT];
    sut_buf_init_arena(&b, a, SUT_SIGNED_MAX);
    sut_b64url_encode(&b, json);
    sut_buf_char(&b, ':');
    add_base62(&b, (uint64_t) now.v / 1000);
    TRY(sut_buf_check(&b));
    sign(&sut_keyring_look(ring)->current, salt, sut_buf_str(&b), mac);
    sut_buf_char(&b, ':');
    sut_buf_add(&b, mac, sizeof(mac));
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

/* "head:tail" at the last colon; false when there is none. */
static bool split(sut_str s, sut_str *ret_head, sut_str *ret_tail)
{
    const char *at = s.n == 0 ? NULL : memrchr(s.p, ':', s.n);
    if (at == NULL)
        return false;
    const size_t n = (size_t) (at - s.p);
    *ret_head = sut_str_sub(s, 0, n);
    *ret_tail = sut_str_sub(s, n + 1, s.n);
    return true;
}

static SUT_ERR decode(struct sut_arena *a, sut_str text, sut_str *ret)
{
    const size_t cap = sut_b64_decoded_max(text.n);
    size_t n = 0;
    char *to = sut_arena_bytes(a, cap);
    ENSURE(to != NULL, NOMEM);
    ENSURE(!sut_failed(sut_b64url_decode(text, to, cap, &n)), TOKEN);
    *ret = sut_str_of(to, n);
    return SUT_OK;
}

SUT_ERR sut_signing_loads(const struct sut_keyring *ring, struct sut_arena *a, sut_str salt,
                          sut_str text, sut_str *ret_json, sut_ms *ret_signed_at)
{
    sut_str body = { 0 };
    sut_str mac = { 0 };
    sut_str data = { 0 };
    sut_str stamp = { 0 };
    int64_t at_s = 0;
    ENSURE(text.n <= SUT_SIGNED_MAX && split(text, &body, &mac), TOKEN);
    const struct sut_signing_keys *keys = sut_keyring_look(ring);
    bool is_ours = is_signed(&keys->current, salt, body, mac);
    for (size_t i = 0; i < keys->n_others && !is_ours; i++)
        is_ours = is_signed(&keys->others[i], salt, body, mac);
    ENSURE(is_ours && split(body, &data, &stamp), TOKEN);
    TRY(parse_base62(stamp, &at_s));
    /* A leading '.' would say that it is compressed: no letter of base64url. */
    TRY(decode(a, data, ret_json));
    ret_signed_at->v = at_s * 1000;
    return SUT_OK;
}

/* --- the link that verifies an address --- */

static void add_u16(struct sut_buf *b, uint32_t v)
{
    const unsigned char two[] = { (unsigned char) (v >> 8), (unsigned char) v };
    sut_buf_lit(b, "\\u");
    sut_buf_hex(b, two, sizeof(two));
}

/* As Python's json writes a text: everything but printable ASCII as \uXXXX. */
static SUT_ERR add_text(struct sut_buf *b, sut_str s)
{
    uint32_t cp = 0;
    ENSURE(sut_utf8_is_valid(s), INVALID);
    sut_buf_char(b, '"');
    for (size_t at = 0; sut_utf8_next(s, &at, &cp);) {
        if (cp == '"' || cp == '\\')
            sut_buf_char(b, '\\');
        if (cp >= ' ' && cp <= '~') {
            sut_buf_char(b, (char) cp);
        } else if (cp < 0x10000) {
            add_u16(b, cp);
        } else {
            add_u16(b, 0xd800 + ((cp - 0x10000) >> 10));
            add_u16(b, 0xdc00 + ((cp - 0x10000) & 0x3ff));
        }
    }
    sut_buf_char(b, '"');
    return SUT_OK;
}

/* "2026-03-01T12:00:00.123000+00:00", without the fraction when it is 0: Python's isoformat(). */
static void add_isoformat(struct sut_buf *b, sut_ms t)
{
    sut_time_iso(b, t);
    if (!b->overflowed)
        b->n--; /* the Z */
    if (t.v % 1000 != 0) {
        sut_buf_char(b, '.');
        sut_buf_pad(b, (uint64_t) (t.v % 1000) * 1000, 6);
    }
    sut_buf_lit(b, "+00:00");
}

SUT_ERR sut_verify_mint(const struct sut_keyring *ring, struct sut_arena *a,
                        const struct sut_verify *v, sut_ms now, sut_str *ret)
{
    struct sut_buf json;
    struct sut_buf out;
    sut_str text = { 0 };
    sut_buf_init_arena(&json, a, SUT_SIGNED_MAX);
    sut_buf_init_arena(&out, a, SUT_VERIFY_MAX);
    sut_buf_lit(&json, "{\"user_id\":");
    sut_buf_i64(&json, v->user_id);
    sut_buf_lit(&json, ",\"email\":");
    TRY(add_text(&json, v->email));
    sut_buf_lit(&json, ",\"timestamp\":\"");
    add_isoformat(&json, now);
    sut_buf_lit(&json, "\"}");
    TRY(sut_buf_check(&json));
    TRY(sut_signing_dumps(ring, a, SUT_STR(SUT_SIGNING_DEFAULT_SALT), sut_buf_str(&json), now,
                          &text));
    sut_b64url_encode(&out, text);
    while (out.n % 4 != 0 && !out.overflowed)
        sut_buf_char(&out, '=');
    TRY(sut_buf_check(&out));
    *ret = sut_buf_str(&out);
    return SUT_OK;
}

/* The padding that mail programs like to cut off: all of it, or none. */
static sut_str without_padding(sut_str s)
{
    size_t n = s.n;
    while (n > 0 && s.n - n < 2 && s.p[n - 1] == '=')
        n--;
    return n < s.n && s.n % 4 != 0 ? s : sut_str_sub(s, 0, n);
}

static SUT_ERR read_claims(struct sut_arena *a, sut_str json, struct sut_verify *ret)
{
    const struct sut_json *o = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    const sut_err e = sut_json_parse(a, json, &o, &fault);
    ENSURE(e.code != SUT_E_PARSE, TOKEN);
    TRY(e);
    const struct sut_json *id = sut_json_get(o, "user_id");
    const struct sut_json *email = sut_json_get(o, "email");
    ENSURE(id != NULL && id->type == SUT_JSON_INT && id->i > 0, TOKEN);
    ENSURE(email != NULL && email->type == SUT_JSON_STRING, TOKEN);
    *ret = (struct sut_verify){ .user_id = id->i, .email = email->s };
    return SUT_OK;
}

SUT_ERR sut_verify_read(const struct sut_keyring *ring, struct sut_arena *a, sut_str text,
                        sut_ms now, struct sut_verify *ret, enum sut_verify_fault *reterr_fault)
{
    sut_str inner = { 0 };
    sut_str json = { 0 };
    sut_ms signed_at = { 0 };
    *reterr_fault = SUT_VERIFY_INVALID;
    ENSURE(text.n <= SUT_VERIFY_MAX, TOKEN);
    TRY(decode(a, without_padding(text), &inner));
    TRY(sut_signing_loads(ring, a, SUT_STR(SUT_SIGNING_DEFAULT_SALT), inner, &json, &signed_at));
    TRY(read_claims(a, json, ret));
    *reterr_fault = SUT_VERIFY_EXPIRED;
    /* As Django's max_age; a signature of a clock that is ahead is none of its business. */
    ENSURE(now.v - signed_at.v <= SUT_VERIFY_LIFE_S * INT64_C(1000), TOKEN);
    *reterr_fault = SUT_VERIFY_FINE;
    return SUT_OK;
}
