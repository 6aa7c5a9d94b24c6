/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/kdf.h"

#include <argon2.h>

SUT_ERR sut_kdf_argon2id(const struct sut_kdf *p, sut_str passphrase,
                         unsigned char ret[SUT_KDF_KEY])
{
    const int rc = argon2id_hash_raw(p->passes, p->memory_kib, p->lanes, passphrase.p, passphrase.n,
                                     p->salt, sizeof(p->salt), ret, SUT_KDF_KEY);
    ENSURE(rc != ARGON2_MEMORY_ALLOCATION_ERROR && rc != ARGON2_THREAD_FAIL, NOMEM);
    ENSURE(rc == ARGON2_OK, INVALID);
    return SUT_OK;
}
