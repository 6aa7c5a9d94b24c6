/* SPDX-License-Identifier: Apache-2.0
 *
 * random - unpredictable bytes as a parameter, so that a test can own them.
 *
 * struct sut_random is borrowed and must outlive its users.  The system's one
 * may be used from any thread.  A source that can't deliver is an error
 * (SYSTEM), never weak bytes.
 */
#ifndef SUT_CRYPTO_RANDOM_H
#define SUT_CRYPTO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_random {
    SUT_ERR (*fill)(void *ctx, void *p, size_t n);
    void *ctx;
};

/* OpenSSL's generator, seeded by the kernel. */
extern const struct sut_random sut_random_system;

/* Fill p with n bytes. */
static inline SUT_ERR sut_random_fill(const struct sut_random *r, void *p, size_t n)
{
    return r->fill(r->ctx, p, n);
}

/* n bytes (at most 64) as 2 n lower-case hexadecimal characters; no NUL is written. */
SUT_ERR sut_random_hex(const struct sut_random *r, size_t n, char *ret);
/* A positive number below 2^63 that is not 0: ids of sessions and the like. */
SUT_ERR sut_random_id(const struct sut_random *r, int64_t *ret);
/* n characters of [A-Za-z0-9], each equally likely; no NUL is written. */
SUT_ERR sut_random_alnum(const struct sut_random *r, size_t n, char *ret);

#endif
