/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/google.h"

#include "base/mem.h"

struct sut_google {
    struct sut_id_token_policy policy;
    struct sut_jwks *keys;
};

SUT_ERR sut_google_create(const struct sut_google_options *opt, struct sut_google **ret)
{
    DEFER(sut_google_free) struct sut_google *g = sut_mem_zalloc(1, sizeof(*g));
    ENSURE(g != NULL, NOMEM);
    TRY(sut_id_token_names(opt->client_ids, &g->policy.audiences));
    TRY(sut_id_token_names(opt->issuers, &g->policy.issuers));
    ENSURE(g->policy.audiences.n > 0 && g->policy.issuers.n > 0, INVALID);
    TRY(sut_jwks_create(opt->fetch, opt->fetch_ctx, opt->steady, &g->keys));
    *ret = STEAL(g);
    return SUT_OK;
}

void sut_google_free(struct sut_google **g)
{
    if (*g == NULL)
        return;
    sut_jwks_free(&(*g)->keys);
    sut_mem_freep(g);
}

static const char *word_of_text(enum sut_jws_fault f)
{
    switch (f) {
    case SUT_JWS_OK:
        break;
    case SUT_JWS_MALFORMED:
        return "malformed";
    case SUT_JWS_ALGORITHM:
        return "algorithm";
    case SUT_JWS_KEY:
        return "key";
    case SUT_JWS_SIGNATURE:
        return "signature";
    }
    return "";
}

static const char *word_of_claims(enum sut_id_token_fault f)
{
    switch (f) {
    case SUT_ID_TOKEN_FINE:
        break;
    case SUT_ID_TOKEN_MALFORMED:
        return "malformed";
    case SUT_ID_TOKEN_ISSUER:
        return "issuer";
    case SUT_ID_TOKEN_AUDIENCE:
        return "audience";
    case SUT_ID_TOKEN_TIME:
        return "time";
    case SUT_ID_TOKEN_NONCE:
        return "nonce";
    case SUT_ID_TOKEN_SUBJECT:
        return "subject";
    case SUT_ID_TOKEN_EMAIL:
        return "email";
    }
    return "";
}

/* The claims of a text that one of the provider's keys has signed. */
static SUT_ERR open_token(struct sut_google *g, struct sut_arena *a, sut_str token, sut_str *ret,
                          enum sut_jws_fault *reterr_fault)
{
    DEFER(sut_jwks_set_unref) struct sut_jwks_set *set = NULL;
    const struct sut_jwk *key = NULL;
    struct sut_jws_public j;
    TRY(sut_jws_public_open(a, token, &j, reterr_fault));
    const sut_err e = sut_jwks_find(g->keys, j.kid, j.alg, &set, &key);
    if (e.code == SUT_E_TOKEN)
        *reterr_fault = SUT_JWS_KEY;
    TRY(e);
    return sut_jws_public_verify(a, &j, key, ret, reterr_fault);
}

SUT_ERR sut_google_check(struct sut_google *g, struct sut_arena *a, sut_str token, sut_str nonce,
                         sut_ms now, struct sut_identity *ret, const char **reterr_why)
{
    enum sut_jws_fault text_fault = SUT_JWS_OK;
    enum sut_id_token_fault claims_fault = SUT_ID_TOKEN_FINE;
    sut_str claims = { 0 };
    const sut_err opened = open_token(g, a, token, &claims, &text_fault);
    *reterr_why = word_of_text(text_fault);
    TRY(opened);
    const sut_err e = sut_id_token_read(a, claims, &g->policy, nonce, now, ret, &claims_fault);
    *reterr_why = word_of_claims(claims_fault);
    return e;
}
