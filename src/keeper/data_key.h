/* SPDX-License-Identifier: Apache-2.0
 *
 * data_key - the key of one person, wrapped by a key of purpose DATA.
 *
 * Wrapped it is the byte 3 and an AES-256-GCM text, SUT_DATA_WRAPPED bytes,
 * whose associated data are format, person and both versions: moved to another
 * person or row it does not open.  Any thread.
 */
#ifndef SUT_KEEPER_DATA_KEY_H
#define SUT_KEEPER_DATA_KEY_H

#include "crypto/aead.h"
#include "ipc/keeper.h"

/* Whose key it is; all of it is bound to the wrapped key. */
struct sut_data_key_name {
    int64_t person;
    uint32_t version;
    uint32_t kek_version;
};

/* As sut_aead_key_seal(). */
SUT_ERR sut_data_key_wrap(const struct sut_random *rnd, const struct sut_aead_key *kek,
                          const struct sut_data_key_name *name,
                          const unsigned char key[SUT_KEY_SIZE], char ret[SUT_DATA_WRAPPED]);
/* CORRUPT: altered, or another's; ret is zeros then. */
SUT_ERR sut_data_key_open(const struct sut_aead_key *kek, const struct sut_data_key_name *name,
                          const char wrapped[SUT_DATA_WRAPPED], unsigned char ret[SUT_KEY_SIZE]);

#endif
