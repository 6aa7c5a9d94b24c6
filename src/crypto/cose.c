/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cose.h"

#include "base/mem.h"
#include "crypto/ed25519.h"
#include "crypto/jwk.h"

struct sut_cose_key {
    enum sut_cose_alg alg;
    struct sut_jwk *numbers; /* ES256, RS256 */
    unsigned char point[SUT_ED25519_PUBLIC];
};

void sut_cose_free(struct sut_cose_key **k)
{
    if (*k == NULL)
        return;
    sut_jwk_free(&(*k)->numbers);
    sut_mem_freep(k);
}

static SUT_ERR create(enum sut_cose_alg alg, struct sut_cose_key **ret)
{
    struct sut_cose_key *k = sut_mem_zalloc(1, sizeof(*k));
    ENSURE(k != NULL, NOMEM);
    k->alg = alg;
    *ret = k;
    return SUT_OK;
}

SUT_ERR sut_cose_create_es256(sut_str x, sut_str y, struct sut_cose_key **ret)
{
    DEFER(sut_cose_free) struct sut_cose_key *k = NULL;
    TRY(create(SUT_COSE_ES256, &k));
    TRY(sut_jwk_create_p256(x, y, &k->numbers));
    *ret = STEAL(k);
    return SUT_OK;
}

SUT_ERR sut_cose_create_eddsa(sut_str x, struct sut_cose_key **ret)
{
    DEFER(sut_cose_free) struct sut_cose_key *k = NULL;
    ENSURE(x.n == SUT_ED25519_PUBLIC, INVALID);
    TRY(create(SUT_COSE_EDDSA, &k));
    memcpy(k->point, x.p, x.n);
    *ret = STEAL(k);
    return SUT_OK;
}

SUT_ERR sut_cose_create_rs256(sut_str n, sut_str e, struct sut_cose_key **ret)
{
    DEFER(sut_cose_free) struct sut_cose_key *k = NULL;
    TRY(create(SUT_COSE_RS256, &k));
    TRY(sut_jwk_create_rsa(n, e, &k->numbers));
    *ret = STEAL(k);
    return SUT_OK;
}

enum sut_cose_alg sut_cose_alg_of(const struct sut_cose_key *k)
{
    return k->alg;
}

bool sut_cose_verify(const struct sut_cose_key *k, sut_str msg, sut_str signature)
{
    if (k->alg != SUT_COSE_EDDSA)
        return sut_jwk_verify_der(k->numbers, msg, signature);
    return signature.n == SUT_ED25519_SIGNATURE &&
           sut_ed25519_verify(k->point, msg, (const unsigned char *) signature.p);
}
