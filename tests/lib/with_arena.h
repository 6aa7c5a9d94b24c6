/* SPDX-License-Identifier: Apache-2.0
 *
 * with_arena - cmocka's setup and teardown for a test whose state is an arena of 16 MiB.
 *
 * Include after cmocka.h.
 */
#ifndef TESTS_LIB_WITH_ARENA_H
#define TESTS_LIB_WITH_ARENA_H

#include "base/arena.h"

static inline int make_arena(void **state)
{
    struct sut_arena *a = NULL;
    if (sut_failed(sut_arena_create(16 << 20, &a)))
        return -1;
    *state = a;
    return 0;
}

static inline int free_arena(void **state)
{
    struct sut_arena *a = *state;
    sut_arena_free(&a);
    return 0;
}

#endif
