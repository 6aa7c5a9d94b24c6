/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/jws.h"

#include "authn/jws_int.h"
#include "codec/b64url.h"
#include "codec/json.h"

enum {
    SIGNATURE_TEXT = 43, /* 32 bytes in base64url */
    HEADER_MAX = 1024,   /* bytes of a header's JSON */
};

#define REFUSE(why_)                                                                               \
    do {                                                                                           \
        *reterr_fault = SUT_JWS_##why_;                                                            \
        FAIL(TOKEN);                                                                               \
    } while (0)

bool sut_jws__split(sut_str text, size_t max, struct sut_jws_parts *ret)
{
    if (text.n > max)
        return false;
    const size_t first = sut_str_find(text, 0, '.');
    const size_t second = sut_str_find(text, first + 1, '.');
    if (first == 0 || second >= text.n)
        return false;
    ret->signed_text = sut_str_sub(text, 0, second);
    ret->header = sut_str_sub(text, 0, first);
    ret->payload = sut_str_sub(text, first + 1, second);
    ret->signature = sut_str_sub(text, second + 1, text.n);
    return true;
}

/* The keys that may have signed: one by its id, or all. */
struct candidates {
    const struct sut_signing_key *keys[1 + SUT_SIGNING_OTHERS_MAX];
    size_t n;
};

bool sut_jws__is_jwt(sut_str typ)
{
    /* RFC 7515 4.1.9: a media type, whose "application/" may be left out. */
    if (typ.n > 12 && sut_str_eq_nocase(sut_str_sub(typ, 0, 12), SUT_STR("application/")))
        typ = sut_str_sub(typ, 12, typ.n);
    return sut_str_eq_nocase(typ, SUT_STR("JWT"));
}

static bool is_named(const struct sut_signing_key *k, sut_str kid)
{
    return sut_str_eq(sut_str_of(k->kid, k->kid_n), kid);
}

/* Every key of the ring, the current one first. */
static void take_all(const struct sut_signing_keys *keys, struct candidates *ret)
{
    ret->n = 0;
    ret->keys[ret->n++] = &keys->current;
    for (size_t i = 0; i < keys->n_others; i++)
        ret->keys[ret->n++] = &keys->others[i];
}

/* Leave the one that is the i-th. */
static void take_one(struct candidates *c, size_t i)
{
    c->keys[0] = c->keys[i];
    c->n = 1;
}

static SUT_ERR read_header(const struct sut_signing_keys *keys, const struct sut_json *h,
                           struct candidates *ret, enum sut_jws_fault *reterr_fault)
{
    if (h->type != SUT_JSON_OBJECT)
        REFUSE(MALFORMED);
    const struct sut_json *alg = sut_json_get(h, "alg");
    const struct sut_json *typ = sut_json_get(h, "typ");
    const struct sut_json *kid = sut_json_get(h, "kid");
    if (alg == NULL || alg->type != SUT_JSON_STRING || !sut_str_is(alg->s, "HS256"))
        REFUSE(ALGORITHM);
    if (typ != NULL && (typ->type != SUT_JSON_STRING || !sut_jws__is_jwt(typ->s)))
        REFUSE(ALGORITHM);
    /* RFC 7515 4.1.11: we understand none of the extensions that it could name. */
    if (sut_json_get(h, "crit") != NULL)
        REFUSE(ALGORITHM);

    take_all(keys, ret);
    if (kid == NULL)
        return SUT_OK;
    if (kid->type != SUT_JSON_STRING)
        REFUSE(KEY);
    for (size_t i = 0; i < ret->n; i++)
        if (is_named(ret->keys[i], kid->s)) {
            take_one(ret, i);
            return SUT_OK;
        }
    REFUSE(KEY);
}

static SUT_ERR parse_header(const struct sut_signing_keys *keys, sut_str header,
                            struct sut_arena *scratch, struct candidates *ret,
                            enum sut_jws_fault *reterr_fault)
{
    char json[HEADER_MAX];
    size_t n = 0;
    const struct sut_json *tree = NULL;
    if (sut_failed(sut_b64url_decode(header, json, sizeof(json), &n)))
        REFUSE(MALFORMED);

    const struct sut_mark mark = sut_arena_mark(scratch);
    sut_err e = sut_json_parse(scratch, sut_str_of(json, n), &tree, NULL);
    if (!sut_failed(e))
        e = read_header(keys, tree, ret, reterr_fault);
    sut_arena_rewind(scratch, mark);
    if (e.code == SUT_E_PARSE)
        REFUSE(MALFORMED);
    return e;
}

static bool is_header_of(const struct sut_signing_key *k, sut_str header)
{
    return sut_str_eq(sut_str_of(k->header, k->header_n), header);
}

static SUT_ERR find_keys(const struct sut_signing_keys *keys, sut_str header,
                         struct sut_arena *scratch, struct candidates *ret,
                         enum sut_jws_fault *reterr_fault)
{
    /* Our own header, byte for byte, needs no parser. */
    take_all(keys, ret);
    for (size_t i = 0; i < ret->n; i++)
        if (is_header_of(ret->keys[i], header)) {
            take_one(ret, i);
            return SUT_OK;
        }
    return parse_header(keys, header, scratch, ret, reterr_fault);
}

SUT_ERR sut_jws_sign(const struct sut_keyring *ring, sut_str payload, struct sut_buf *out)
{
    ENSURE(payload.n <= SUT_JWS_PAYLOAD_MAX, TOO_LARGE);
    const struct sut_signing_key *key = &sut_keyring_look(ring)->current;
    unsigned char mac[SUT_HMAC_SIZE];
    const size_t from = out->n;
    sut_buf_add(out, key->header, key->header_n);
    sut_buf_char(out, '.');
    sut_b64url_encode(out, payload);
    TRY(sut_buf_check(out));
    sut_hmac(&key->mac, sut_str_of(out->p + from, out->n - from), mac);
    sut_buf_char(out, '.');
    sut_b64url_encode(out, sut_str_of((const char *) mac, sizeof(mac)));
    return sut_buf_check(out);
}

SUT_ERR sut_jws_verify(const struct sut_keyring *ring, sut_str text, struct sut_arena *scratch,
                       void *ret_payload, size_t cap, size_t *ret_n,
                       enum sut_jws_fault *reterr_fault)
{
    struct sut_jws_parts p;
    struct candidates found;
    char mac[SUT_HMAC_SIZE];
    size_t mac_n = 0;
    if (!sut_jws__split(text, SUT_JWS_MAX, &p) || p.payload.n == 0 ||
        p.signature.n != SIGNATURE_TEXT ||
        sut_failed(sut_b64url_decode(p.signature, mac, sizeof(mac), &mac_n)))
        REFUSE(MALFORMED);
    const sut_err e = find_keys(sut_keyring_look(ring), p.header, scratch, &found, reterr_fault);
    if (e.code == SUT_E_TOKEN && *reterr_fault == SUT_JWS_KEY)
        sut_keyring_miss(ring);
    TRY(e);

    bool is_genuine = false;
    for (size_t i = 0; i < found.n && !is_genuine; i++)
        is_genuine = sut_hmac_verify(&found.keys[i]->mac, p.signed_text, sut_str_of(mac, mac_n));
    if (!is_genuine)
        REFUSE(SIGNATURE);
    /* Decoded last: nobody but a holder of the key gets this far. */
    if (sut_failed(sut_b64url_decode(p.payload, ret_payload, cap, ret_n)))
        REFUSE(MALFORMED);
    return SUT_OK;
}
