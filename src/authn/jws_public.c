/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/jws_public.h"

#include "authn/jws_int.h"
#include "codec/b64url.h"
#include "codec/json.h"

enum { HEADER_MAX = 2048 /* bytes of a header's JSON */ };

#define REFUSE(why_)                                                                               \
    do {                                                                                           \
        *reterr_fault = SUT_JWS_##why_;                                                            \
        FAIL(TOKEN);                                                                               \
    } while (0)

static bool is_text(const struct sut_json *v)
{
    return v != NULL && v->type == SUT_JSON_STRING;
}

static bool alg_of(sut_str name, enum sut_jwk_alg *ret)
{
    if (sut_str_is(name, sut_jwk_alg_name(SUT_JWK_RS256)))
        *ret = SUT_JWK_RS256;
    else if (sut_str_is(name, sut_jwk_alg_name(SUT_JWK_ES256)))
        *ret = SUT_JWK_ES256;
    else
        return false;
    return true;
}

static SUT_ERR read_header(const struct sut_json *h, struct sut_jws_public *ret,
                           enum sut_jws_fault *reterr_fault)
{
    if (h->type != SUT_JSON_OBJECT)
        REFUSE(MALFORMED);
    const struct sut_json *alg = sut_json_get(h, "alg");
    const struct sut_json *typ = sut_json_get(h, "typ");
    const struct sut_json *kid = sut_json_get(h, "kid");
    if (!is_text(alg) || !alg_of(alg->s, &ret->alg))
        REFUSE(ALGORITHM);
    if (typ != NULL && (!is_text(typ) || !sut_jws__is_jwt(typ->s)))
        REFUSE(ALGORITHM);
    /* RFC 7515 4.1.11: we understand none of the extensions that it could name. */
    if (sut_json_get(h, "crit") != NULL)
        REFUSE(ALGORITHM);
    if (!is_text(kid) || kid->s.n == 0 || kid->s.n > SUT_JWS_KID_MAX)
        REFUSE(KEY);
    ret->kid = kid->s;
    return SUT_OK;
}

/* Decode into the arena. */
static SUT_ERR decode(struct sut_arena *a, sut_str text, sut_str *ret,
                      enum sut_jws_fault *reterr_fault)
{
    const size_t cap = sut_b64_decoded_max(text.n);
    char *to = sut_arena_bytes(a, cap);
    size_t n = 0;
    ENSURE(to != NULL, NOMEM);
    if (sut_failed(sut_b64url_decode(text, to, cap, &n)))
        REFUSE(MALFORMED);
    *ret = sut_str_of(to, n);
    return SUT_OK;
}

SUT_ERR sut_jws_public_open(struct sut_arena *a, sut_str text, struct sut_jws_public *ret,
                            enum sut_jws_fault *reterr_fault)
{
    struct sut_jws_parts p;
    sut_str header = { 0 };
    const struct sut_json *tree = NULL;
    if (!sut_jws__split(text, SUT_JWS_PUBLIC_MAX, &p) || p.signature.n == 0 ||
        p.header.n > HEADER_MAX / 3 * 4)
        REFUSE(MALFORMED);
    TRY(decode(a, p.header, &header, reterr_fault));
    const sut_err e = sut_json_parse(a, header, &tree, NULL);
    if (e.code == SUT_E_PARSE)
        REFUSE(MALFORMED);
    TRY(e);
    struct sut_jws_public j = {
        .signed_text = p.signed_text,
        .payload = p.payload,
        .signature = p.signature,
    };
    TRY(read_header(tree, &j, reterr_fault));
    *ret = j;
    return SUT_OK;
}

SUT_ERR sut_jws_public_verify(struct sut_arena *a, const struct sut_jws_public *j,
                              const struct sut_jwk *key, sut_str *ret_payload,
                              enum sut_jws_fault *reterr_fault)
{
    sut_str signature = { 0 };
    if (sut_jwk_alg(key) != j->alg)
        REFUSE(ALGORITHM);
    TRY(decode(a, j->signature, &signature, reterr_fault));
    if (!sut_jwk_verify(key, j->signed_text, signature))
        REFUSE(SIGNATURE);
    /* Decoded last: nobody but a holder of the key gets this far. */
    return decode(a, j->payload, ret_payload, reterr_fault);
}
