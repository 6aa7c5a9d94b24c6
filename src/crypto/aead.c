/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/aead.h"

#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>

#include "base/secret.h"
#include "crypto/aead_int.h"

_Static_assert(sizeof(crypto_aead_aes256gcm_state) == SUT_AEAD_SODIUM_STATE, "libsodium's state");
_Static_assert(_Alignof(struct sut_aead_key) >= _Alignof(crypto_aead_aes256gcm_state), "aligned");
_Static_assert(crypto_aead_aes256gcm_KEYBYTES == SUT_AEAD_KEY, "key");
_Static_assert(crypto_aead_aes256gcm_NPUBBYTES == SUT_AEAD_NONCE, "nonce");
_Static_assert(crypto_aead_aes256gcm_ABYTES == SUT_AEAD_TAG, "tag");

/* What the CPU can: asked once, a constant afterwards. */
static pthread_once_t asked = PTHREAD_ONCE_INIT;
static enum sut_aead_way best = SUT_AEAD_WAY_EVP;

static void ask(void)
{
    if (sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() == 1)
        best = SUT_AEAD_WAY_SODIUM;
}

enum sut_aead_way sut_aead_best_way(void)
{
    (void) pthread_once(&asked, ask);
    return best;
}

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

static const struct sut_aead_inside *inside_of(const struct sut_aead_key *k)
{
    return (const struct sut_aead_inside *) (const void *) k->state;
}

static const crypto_aead_aes256gcm_state *sodium_of(const struct sut_aead_inside *in)
{
    return (const crypto_aead_aes256gcm_state *) (const void *) in->sodium;
}

SUT_ERR sut_aead_key_init_as(struct sut_aead_key *k, enum sut_aead_way way, sut_str key)
{
    struct sut_aead_inside *const in = (struct sut_aead_inside *) (void *) k->state;
    in->way = SUT_AEAD_WAY_NONE;
    ENSURE(key.n == SUT_AEAD_KEY, INVALID);
    if (way == SUT_AEAD_WAY_SODIUM) {
        ENSURE(crypto_aead_aes256gcm_beforenm((crypto_aead_aes256gcm_state *) (void *) in->sodium,
                                              bytes_of(key)) == 0,
               SYSTEM);
    } else {
        memcpy(in->key, key.p, sizeof(in->key));
    }
    in->way = way;
    return SUT_OK;
}

SUT_ERR sut_aead_key_init(struct sut_aead_key *k, sut_str key)
{
    return sut_aead_key_init_as(k, sut_aead_best_way(), key);
}

void sut_aead_key_done(struct sut_aead_key *k)
{
    sut_wipe(k->state, sizeof(k->state));
}

static SUT_ERR evp_seal(const struct sut_aead_inside *in, sut_str aad, sut_str plain,
                        unsigned char *nonce)
{
    unsigned char *const body = nonce + SUT_AEAD_NONCE;
    int n = 0;
    DEFER(ctx_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    ENSURE(c != NULL, NOMEM);
    ENSURE(EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, in->key, nonce) == 1, SYSTEM);
    ENSURE(EVP_EncryptUpdate(c, NULL, &n, bytes_of(aad), (int) aad.n) == 1, SYSTEM);
    ENSURE(EVP_EncryptUpdate(c, body, &n, bytes_of(plain), (int) plain.n) == 1, SYSTEM);
    ENSURE(n == (int) plain.n, SYSTEM);
    ENSURE(EVP_EncryptFinal_ex(c, body + plain.n, &n) == 1 && n == 0, SYSTEM);
    ENSURE(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, SUT_AEAD_TAG, body + plain.n) == 1,
           SYSTEM);
    return SUT_OK;
}

static SUT_ERR sodium_seal(const struct sut_aead_inside *in, sut_str aad, sut_str plain,
                           unsigned char *nonce)
{
    unsigned char *const body = nonce + SUT_AEAD_NONCE;
    ENSURE(crypto_aead_aes256gcm_encrypt_afternm(body, NULL, bytes_of(plain), plain.n,
                                                 bytes_of(aad), aad.n, NULL, nonce,
                                                 sodium_of(in)) == 0,
           SYSTEM);
    return SUT_OK;
}

SUT_ERR sut_aead_key_seal(const struct sut_random *rnd, const struct sut_aead_key *k, sut_str aad,
                          sut_str plain, struct sut_buf *out)
{
    const struct sut_aead_inside *const in = inside_of(k);
    ENSURE(fits(aad) && fits(plain) && in->way != SUT_AEAD_WAY_NONE, INVALID);
    char *const to = sut_buf_room(out, plain.n + SUT_AEAD_OVERHEAD);
    if (to == NULL)
        return sut_buf_check(out);

    TRY(sut_random_fill(rnd, to, SUT_AEAD_NONCE));
    TRY(in->way == SUT_AEAD_WAY_SODIUM ? sodium_seal(in, aad, plain, (unsigned char *) to)
                                       : evp_seal(in, aad, plain, (unsigned char *) to));
    out->n += plain.n + SUT_AEAD_OVERHEAD;
    return SUT_OK;
}

static SUT_ERR evp_open(const struct sut_aead_inside *in, sut_str aad, const unsigned char *nonce,
                        size_t n, unsigned char *to)
{
    const unsigned char *const body = nonce + SUT_AEAD_NONCE;
    unsigned char tag[SUT_AEAD_TAG];
    int got = 0;
    int end = 0;
    memcpy(tag, body + n, sizeof(tag));
    DEFER(ctx_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    ENSURE(c != NULL, NOMEM);
    const bool is_genuine = EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, in->key, nonce) == 1 &&
                            EVP_DecryptUpdate(c, NULL, &got, bytes_of(aad), (int) aad.n) == 1 &&
                            EVP_DecryptUpdate(c, to, &got, body, (int) n) == 1 && got == (int) n &&
                            EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, SUT_AEAD_TAG, tag) == 1 &&
                            EVP_DecryptFinal_ex(c, to + n, &end) == 1 && end == 0;
    ENSURE(is_genuine, CORRUPT);
    return SUT_OK;
}

static SUT_ERR sodium_open(const struct sut_aead_inside *in, sut_str aad,
                           const unsigned char *nonce, size_t n, unsigned char *to)
{
    ENSURE(crypto_aead_aes256gcm_decrypt_afternm(to, NULL, NULL, nonce + SUT_AEAD_NONCE,
                                                 n + SUT_AEAD_TAG, bytes_of(aad), aad.n, nonce,
                                                 sodium_of(in)) == 0,
           CORRUPT);
    return SUT_OK;
}

SUT_ERR sut_aead_key_open(const struct sut_aead_key *k, sut_str aad, sut_str sealed,
                          struct sut_buf *out)
{
    const struct sut_aead_inside *const in = inside_of(k);
    ENSURE(fits(aad) && fits(sealed) && in->way != SUT_AEAD_WAY_NONE, INVALID);
    ENSURE(sealed.n >= SUT_AEAD_OVERHEAD, CORRUPT);
    const size_t n = sealed.n - SUT_AEAD_OVERHEAD;
    const unsigned char *const nonce = (const unsigned char *) sealed.p;
    /* One byte more, so that there is room to point at when the text is empty. */
    unsigned char *const to = (unsigned char *) sut_buf_room(out, n + 1);
    if (to == NULL)
        return sut_buf_check(out);

    const sut_err e = in->way == SUT_AEAD_WAY_SODIUM ? sodium_open(in, aad, nonce, n, to)
                                                     : evp_open(in, aad, nonce, n, to);
    if (sut_failed(e)) {
        sut_wipe(to, n);
        return e;
    }
    out->n += n;
    return SUT_OK;
}

SUT_ERR sut_aead_seal(const struct sut_random *rnd, sut_str key, sut_str aad, sut_str plain,
                      struct sut_buf *out)
{
    DEFER(sut_aead_key_done) struct sut_aead_key k;
    TRY(sut_aead_key_init(&k, key));
    return sut_aead_key_seal(rnd, &k, aad, plain, out);
}

SUT_ERR sut_aead_open(sut_str key, sut_str aad, sut_str sealed, struct sut_buf *out)
{
    DEFER(sut_aead_key_done) struct sut_aead_key k;
    TRY(sut_aead_key_init(&k, key));
    return sut_aead_key_open(&k, aad, sealed, out);
}
