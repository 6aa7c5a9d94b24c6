/* SPDX-License-Identifier: Apache-2.0
 *
 * with_seal - a seal without a keeper, whose open keys the test puts in.
 *
 * Include after cmocka.h.
 */
#ifndef TESTS_UNIT_SEAL_WITH_SEAL_H
#define TESTS_UNIT_SEAL_WITH_SEAL_H

#include <string.h>

#include "crypto/random.h"
#include "seal/seal.h"
#include "seal/seal_int.h"

enum { KEYS_MAX = 64 };

static inline int make_seal(void **state)
{
    const struct sut_seal_options o = { .random = &sut_random_system, .keys_max = KEYS_MAX };
    struct sut_seal *s = NULL;
    if (sut_failed(sut_seal_create(&o, &s)))
        return -1;
    *state = s;
    return 0;
}

static inline int free_seal(void **state)
{
    struct sut_seal *s = *state;
    sut_seal_free(&s);
    return 0;
}

/* A key whose bytes tell whose it is. */
static inline void key_bytes(int64_t person, uint32_t version, unsigned char ret[SUT_KEY_SIZE])
{
    memset(ret, 0xa5, SUT_KEY_SIZE);
    memcpy(ret, &person, sizeof(person));
    memcpy(ret + 8, &version, sizeof(version));
}

static inline void put_key(struct sut_seal *s, int64_t person, uint32_t version)
{
    unsigned char raw[SUT_KEY_SIZE];
    key_bytes(person, version, raw);
    sut_keycache_put(s->cache, person, version, 0, raw, sut_keycache_now(s->cache, person));
}

#endif
