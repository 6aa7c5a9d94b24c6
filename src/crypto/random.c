/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/random.h"

#include <limits.h>
#include <openssl/rand.h>

#include "base/secret.h"

enum { HEX_BYTES_MAX = 64, ALPHABET = 62 };

static SUT_ERR fill_from_system(void *ctx, void *p, size_t n)
{
    (void) ctx;
    ENSURE(n <= INT_MAX, INVALID);
    ENSURE(n == 0 || RAND_bytes(p, (int) n) == 1, SYSTEM);
    return SUT_OK;
}

const struct sut_random sut_random_system = { .fill = fill_from_system, .ctx = NULL };

SUT_ERR sut_random_hex(const struct sut_random *r, size_t n, char *ret)
{
    unsigned char raw[HEX_BYTES_MAX];
    ENSURE(n <= sizeof(raw), INVALID);
    TRY(sut_random_fill(r, raw, n));

    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = digits[raw[i] >> 4];
        ret[2 * i + 1] = digits[raw[i] & 15];
    }
    sut_wipe(raw, sizeof(raw));
    return SUT_OK;
}

SUT_ERR sut_random_id(const struct sut_random *r, int64_t *ret)
{
    uint64_t v = 0;
    /* 0 comes once in 2^63; a source that gives nothing else is broken. */
    for (int tries = 0; v == 0; tries++) {
        ENSURE(tries < 8, SYSTEM);
        TRY(sut_random_fill(r, &v, sizeof(v)));
        v &= INT64_MAX;
    }
    *ret = (int64_t) v;
    return SUT_OK;
}

SUT_ERR sut_random_alnum(const struct sut_random *r, size_t n, char *ret)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    _Static_assert(sizeof(alphabet) == ALPHABET + 1, "letters and digits");
    size_t made = 0;
    for (int tries = 0; made < n; tries++) {
        ENSURE(tries < 1000, SYSTEM);
        unsigned char raw[32];
        TRY(sut_random_fill(r, raw, sizeof(raw)));
        for (size_t i = 0; i < sizeof(raw) && made < n; i++) {
            /* Above the last multiple of 62 a remainder would favour the first letters. */
            if (raw[i] < 256 / ALPHABET * ALPHABET)
                ret[made++] = alphabet[raw[i] % ALPHABET];
        }
    }
    return SUT_OK;
}
