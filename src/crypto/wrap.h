/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap - a key kept under another key.
 *
 * A wrapped key is a version byte (1) and an AES-256-GCM text whose associated
 * data are the version and the purpose: a key wrapped for one purpose does not
 * unwrap for another.  Any thread.
 */
#ifndef SUT_CRYPTO_WRAP_H
#define SUT_CRYPTO_WRAP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"
#include "crypto/random.h"

enum {
    SUT_WRAP_KEY_MAX = 4096,   /* bytes of a key that is wrapped */
    SUT_WRAP_PURPOSE_MAX = 64, /* bytes of a purpose */
};

/* Append `key`, wrapped under `master` (32 bytes), to out.  Errors as sut_aead_seal(). */
SUT_ERR sut_wrap(const struct sut_random *rnd, sut_str master, sut_str purpose, sut_str key,
                 struct sut_buf *out);
/* The key again, owned by the caller.  CORRUPT: another master key, purpose or version, or damage.
 */
SUT_ERR sut_unwrap(sut_str master, sut_str purpose, sut_str wrapped, struct sut_secret **ret);

#endif
