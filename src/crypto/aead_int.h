/* SPDX-License-Identifier: Apache-2.0
 *
 * aead_int - the two ways in which a prepared key works, for aead.c and its
 * test alone.
 *
 * Both make the same bytes.  libsodium's needs AES and carry-less multiplication
 * in the CPU; OpenSSL's works everywhere and is half as fast for short texts.
 */
#ifndef SUT_CRYPTO_AEAD_INT_H
#define SUT_CRYPTO_AEAD_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/aead.h"

enum sut_aead_way {
    SUT_AEAD_WAY_NONE = 0, /* of a key that was wiped */
    SUT_AEAD_WAY_EVP = 0x45565031,
    SUT_AEAD_WAY_SODIUM = 0x534f4431,
};

enum { SUT_AEAD_SODIUM_STATE = 512 };

/* What lies in a key's state. */
struct sut_aead_inside {
    _Alignas(16) unsigned char sodium[SUT_AEAD_SODIUM_STATE];
    unsigned char key[SUT_AEAD_KEY]; /* of OpenSSL's way, which prepares it for each text */
    uint32_t way;
};

_Static_assert(sizeof(struct sut_aead_inside) <= SUT_AEAD_KEY_STATE, "fits into the state");

/* The best way of this CPU; asked once.  Any thread. */
enum sut_aead_way sut_aead_best_way(void);
/* sut_aead_key_init() for a way that the caller chooses. */
SUT_ERR sut_aead_key_init_as(struct sut_aead_key *k, enum sut_aead_way way, sut_str key);

#endif
