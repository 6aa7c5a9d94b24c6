/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/aead.h"

#include <limits.h>
#include <openssl/evp.h>

#include "base/secret.h"

static void ctx_freep(EVP_CIPHER_CTX **c)
{
    EVP_CIPHER_CTX_free(*c);
}

/* OpenSSL takes lengths as int. */
static bool fits(sut_str s)
{
    return s.n <= INT_MAX - SUT_AEAD_OVERHEAD;
}

static const unsigned char *bytes_of(sut_str s)
{
    static const unsigned char none[1];
    return s.n > 0 ? (const unsigned char *) s.p : none;
}

static SUT_ERR run_seal(EVP_CIPHER_CTX *c, sut_str key, sut_str aad, sut_str plain,
                        unsigned char *nonce)
{
    unsigned char *const body = nonce + SUT_AEAD_NONCE;
    int n = 0;
    ENSURE(EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, bytes_of(key), nonce) == 1, SYSTEM);
    ENSURE(EVP_EncryptUpdate(c, NULL, &n, bytes_of(aad), (int) aad.n) == 1, SYSTEM);
    ENSURE(EVP_EncryptUpdate(c, body, &n, bytes_of(plain), (int) plain.n) == 1, SYSTEM);
    ENSURE(n == (int) plain.n, SYSTEM);
    ENSURE(EVP_EncryptFinal_ex(c, body + plain.n, &n) == 1 && n == 0, SYSTEM);
    ENSURE(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, SUT_AEAD_TAG, body + plain.n) == 1,
           SYSTEM);
    return SUT_OK;
}

SUT_ERR sut_aead_seal(const struct sut_random *rnd, sut_str key, sut_str aad, sut_str plain,
                      struct sut_buf *out)
{
    ENSURE(key.n == SUT_AEAD_KEY && fits(aad) && fits(plain), INVALID);
    DEFER(ctx_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    ENSURE(c != NULL, NOMEM);
    char *const to = sut_buf_room(out, plain.n + SUT_AEAD_OVERHEAD);
    if (to == NULL)
        return sut_buf_check(out);

    TRY(sut_random_fill(rnd, to, SUT_AEAD_NONCE));
    TRY(run_seal(c, key, aad, plain, (unsigned char *) to));
    out->n += plain.n + SUT_AEAD_OVERHEAD;
    return SUT_OK;
}

SUT_ERR sut_aead_open(sut_str key, sut_str aad, sut_str sealed, struct sut_buf *out)
{
    ENSURE(key.n == SUT_AEAD_KEY && fits(aad) && fits(sealed), INVALID);
    ENSURE(sealed.n >= SUT_AEAD_OVERHEAD, CORRUPT);
    const size_t n = sealed.n - SUT_AEAD_OVERHEAD;
    const unsigned char *const nonce = (const unsigned char *) sealed.p;
    const unsigned char *const body = nonce + SUT_AEAD_NONCE;
    unsigned char tag[SUT_AEAD_TAG];
    memcpy(tag, body + n, sizeof(tag));

    DEFER(ctx_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    ENSURE(c != NULL, NOMEM);
    /* One byte more, so that there is room to point at when the text is empty. */
    unsigned char *const to = (unsigned char *) sut_buf_room(out, n + 1);
    if (to == NULL)
        return sut_buf_check(out);

    int got = 0;
    int end = 0;
    const bool is_genuine =
        EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, bytes_of(key), nonce) == 1 &&
        EVP_DecryptUpdate(c, NULL, &got, bytes_of(aad), (int) aad.n) == 1 &&
        EVP_DecryptUpdate(c, to, &got, body, (int) n) == 1 && got == (int) n &&
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, SUT_AEAD_TAG, tag) == 1 &&
        EVP_DecryptFinal_ex(c, to + n, &end) == 1 && end == 0;
    if (!is_genuine) {
        sut_wipe(to, n);
        FAIL(CORRUPT);
    }
    out->n += n;
    return SUT_OK;
}
