/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/webauthn_int.h"
#include "base/scan.h"
#include "base/secret.h"
#include "codec/b64url.h"
#include "codec/cbor.h"
#include "codec/json.h"

/* Bits of the byte after the hash, 6.1 (backup: level 3). */
enum {
    FLAG_PRESENT = 1,
    FLAG_VERIFIED = 4,
    FLAG_ELIGIBLE = 8,
    FLAG_BACKED_UP = 16,
    FLAG_CREDENTIAL = 64,
    FLAG_EXTENSIONS = 128,
};

enum { COUNT_SIZE = 4, LENGTH_SIZE = 2, BYTE_MASK = 0xff };

const char *sut_webauthn_fault_word(enum sut_webauthn_fault f)
{
    switch (f) {
    case SUT_WEBAUTHN_FINE:
        return "fine";
#define X(name, word)                                                                              \
    case SUT_WEBAUTHN_BAD_##name:                                                                  \
        return word;
#include "authn/webauthn.def"
#undef X
    }
    return "";
}

/* --- client data --- */

static sut_str text_of(const struct sut_json *o, const char *key)
{
    const struct sut_json *v = sut_json_get(o, key);
    return v == NULL || v->type != SUT_JSON_STRING ? (sut_str){ 0 } : v->s;
}

static SUT_ERR read_client_data(struct sut_arena *a, sut_str json, const struct sut_json **ret,
                                enum sut_webauthn_fault *reterr_fault)
{
    enum sut_json_fault fault = SUT_JSON_OK;
    if (json.n == 0 || json.n > SUT_WEBAUTHN_CLIENT_DATA_MAX)
        REFUSE(CLIENT_DATA);
    const sut_err e = sut_json_parse(a, json, ret, &fault);
    if (e.code == SUT_E_PARSE || (!sut_failed(e) && (*ret)->type != SUT_JSON_OBJECT))
        REFUSE(CLIENT_DATA);
    return e;
}

bool sut_webauthn_challenge_of(struct sut_arena *a, sut_str client_data,
                               unsigned char ret[SUT_WEBAUTHN_CHALLENGE_SIZE])
{
    const struct sut_json *o = NULL;
    enum sut_webauthn_fault fault = SUT_WEBAUTHN_FINE;
    size_t n = 0;
    return !sut_failed(read_client_data(a, client_data, &o, &fault)) &&
           !sut_failed(
               sut_b64url_decode(text_of(o, "challenge"), ret, SUT_WEBAUTHN_CHALLENGE_SIZE, &n)) &&
           n == SUT_WEBAUTHN_CHALLENGE_SIZE;
}

static bool is_challenge(sut_str text, sut_str challenge)
{
    unsigned char bytes[SUT_WEBAUTHN_CHALLENGE_SIZE];
    size_t n = 0;
    return !sut_failed(sut_b64url_decode(text, bytes, sizeof(bytes), &n)) &&
           sut_secret_eq(sut_str_of((const char *) bytes, n), challenge);
}

/* Empty, or a colon and digits. */
static bool is_port(sut_str s)
{
    uint64_t n = 0;
    return s.n == 0 ||
           (s.p[0] == ':' && !sut_failed(sut_parse_u64(sut_str_sub(s, 1, s.n), UINT16_MAX, &n)));
}

/* "http://localhost" or https, with any port. */
static bool is_localhost(sut_str origin)
{
    static const char *const bases[] = { "http://localhost", "https://localhost" };
    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        const sut_str base = sut_str_from(bases[i]);
        if (sut_str_starts(origin, base) && is_port(sut_str_sub(origin, base.n, origin.n)))
            return true;
    }
    return false;
}

/* As texts: a browser writes an origin in one way only. */
static bool is_origin(const struct sut_webauthn_site *site, sut_str origin)
{
    if (origin.n == 0)
        return false;
    for (size_t i = 0; i < site->n_origins; i++)
        if (sut_str_eq(site->origins[i], origin))
            return true;
    return site->any_localhost && is_localhost(origin);
}

/* We use no token binding: a client that says it did speaks to somebody else. */
static bool binds_no_token(const struct sut_json *c)
{
    const struct sut_json *binding = sut_json_get(c, "tokenBinding");
    if (binding == NULL)
        return true;
    return sut_str_is(text_of(binding, "status"), "supported");
}

SUT_ERR sut_webauthn__client_data(struct sut_arena *a, const struct sut_webauthn_site *site,
                                  sut_str json, const char *type, sut_str challenge,
                                  enum sut_webauthn_fault *reterr_fault)
{
    const struct sut_json *c = NULL;
    /* 7.1 5, 6; 7.2 9, 10 */
    TRY(read_client_data(a, json, &c, reterr_fault));
    /* 7.1 7; 7.2 11 */
    if (!sut_str_is(text_of(c, "type"), type))
        REFUSE(TYPE);
    /* 7.1 8; 7.2 12 */
    if (!is_challenge(text_of(c, "challenge"), challenge))
        REFUSE(CHALLENGE);
    /* 7.1 9; 7.2 13 */
    if (!is_origin(site, text_of(c, "origin")))
        REFUSE(ORIGIN);
    /* In a frame of another site the user can't tell for whom it is. */
    const struct sut_json *cross = sut_json_get(c, "crossOrigin");
    if (cross != NULL && (cross->type != SUT_JSON_BOOL || cross->b))
        REFUSE(CROSS_ORIGIN);
    /* 7.1 10; 7.2 14 */
    if (!binds_no_token(c))
        REFUSE(TOKEN_BINDING);
    return SUT_OK;
}

/* --- authenticator data --- */

static bool take(struct sut_scan *c, size_t n, sut_str *ret)
{
    if ((size_t) (c->end - c->p) < n)
        return false;
    *ret = sut_str_of(c->p, n);
    c->p += n;
    return true;
}

static uint32_t number(sut_str big_endian)
{
    uint32_t v = 0;
    for (size_t i = 0; i < big_endian.n; i++)
        v = v << 8 | (uint32_t) (big_endian.p[i] & BYTE_MASK);
    return v;
}

/* 6.5.1 */
static SUT_ERR read_credential(struct sut_arena *a, struct sut_scan *c,
                               struct sut_webauthn__auth_data *d,
                               enum sut_webauthn_fault *reterr_fault)
{
    sut_str length = { 0 };
    if (!take(c, SUT_AAGUID, &d->aaguid) || !take(c, LENGTH_SIZE, &length) ||
        !take(c, number(length), &d->credential_id))
        REFUSE(AUTH_DATA);
    if (d->credential_id.n == 0 || d->credential_id.n > SUT_WEBAUTHN_CREDENTIAL_MAX)
        REFUSE(CREDENTIAL);
    const char *begin = c->p;
    const sut_err e = sut_cbor_take(a, c, &d->key);
    if (e.code == SUT_E_PARSE)
        REFUSE(AUTH_DATA);
    TRY(e);
    d->public_key = sut_str_of(begin, (size_t) (c->p - begin));
    if (d->key->type != SUT_CBOR_MAP || d->public_key.n > SUT_WEBAUTHN_KEY_MAX)
        REFUSE(KEY);
    return SUT_OK;
}

SUT_ERR sut_webauthn__auth_data(struct sut_arena *a, sut_str bytes,
                                struct sut_webauthn__auth_data *ret,
                                enum sut_webauthn_fault *reterr_fault)
{
    struct sut_scan c = sut_scan_of(bytes);
    struct sut_webauthn__auth_data d = { .extensions = NULL };
    sut_str flags = { 0 };
    sut_str count = { 0 };
    if (bytes.n > SUT_WEBAUTHN_AUTH_DATA_MAX || !take(&c, SUT_SHA256_SIZE, &d.rp_id_hash) ||
        !take(&c, 1, &flags) || !take(&c, COUNT_SIZE, &count))
        REFUSE(AUTH_DATA);
    const unsigned f = (unsigned char) flags.p[0];
    d.is_present = (f & FLAG_PRESENT) != 0;
    d.is_verified = (f & FLAG_VERIFIED) != 0;
    d.is_eligible = (f & FLAG_ELIGIBLE) != 0;
    d.is_backed_up = (f & FLAG_BACKED_UP) != 0;
    d.has_credential = (f & FLAG_CREDENTIAL) != 0;
    d.sign_count = number(count);
    if (d.has_credential)
        TRY(read_credential(a, &c, &d, reterr_fault));
    if ((f & FLAG_EXTENSIONS) != 0) {
        const sut_err e = sut_cbor_take(a, &c, &d.extensions);
        if (e.code == SUT_E_PARSE || (!sut_failed(e) && d.extensions->type != SUT_CBOR_MAP))
            REFUSE(AUTH_DATA);
        TRY(e);
    }
    if (!sut_scan_at_end(&c))
        REFUSE(AUTH_DATA);
    *ret = d;
    return SUT_OK;
}

SUT_ERR sut_webauthn__check_auth_data(const struct sut_webauthn_site *site,
                                      const struct sut_webauthn__auth_data *d, bool needs_user,
                                      enum sut_webauthn_fault *reterr_fault)
{
    unsigned char hash[SUT_SHA256_SIZE];
    sut_sha256(site->rp_id, hash);
    /* 7.1 13; 7.2 15 */
    if (!sut_str_eq(d->rp_id_hash, sut_str_of((const char *) hash, sizeof(hash))))
        REFUSE(RP_ID);
    /* 7.1 14; 7.2 16 */
    if (!d->is_present)
        REFUSE(NOT_PRESENT);
    /* 7.1 15; 7.2 17 */
    if (needs_user && !d->is_verified)
        REFUSE(NOT_VERIFIED);
    if (d->is_backed_up && !d->is_eligible)
        REFUSE(BACKUP);
    return SUT_OK;
}

SUT_ERR sut_webauthn__signed(struct sut_arena *a, sut_str auth_data, sut_str client_data,
                             sut_str *ret)
{
    char *to = sut_arena_bytes(a, auth_data.n + SUT_SHA256_SIZE);
    ENSURE(to != NULL, NOMEM);
    memcpy(to, auth_data.p, auth_data.n);
    sut_sha256(client_data, (unsigned char *) to + auth_data.n);
    *ret = sut_str_of(to, auth_data.n + SUT_SHA256_SIZE);
    return SUT_OK;
}

unsigned sut_webauthn__flags(const struct sut_webauthn__auth_data *d)
{
    return (d->is_verified ? SUT_WEBAUTHN_VERIFIED : 0U) |
           (d->is_eligible ? SUT_WEBAUTHN_ELIGIBLE : 0U) |
           (d->is_backed_up ? SUT_WEBAUTHN_BACKED_UP : 0U);
}
