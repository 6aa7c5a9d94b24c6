/* SPDX-License-Identifier: Apache-2.0
 *
 * arena - memory that ends together: one per request, passed explicitly.
 *
 * The creator owns it.  It never holds more than its limit: past it, alloc
 * returns NULL and the arena stays overflowed, so that builders check once.
 * One thread at a time.  Under AddressSanitizer free space and red zones are
 * poisoned, so a write past an array or through a rewound pointer is reported.
 */
#ifndef SUT_BASE_ARENA_H
#define SUT_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_arena;

enum sut_arena_flags {
    SUT_ARENA_SECRET = 1, /* wipe what was used on reset, rewind and free */
};

/* A point to return to; see sut_arena_rewind(). */
struct sut_mark {
    void *chunk;
    size_t used;
    void *deferred;
};

/* Create an arena that never holds more than `limit` bytes.  End it with sut_arena_free(). */
SUT_ERR sut_arena_create(size_t limit, struct sut_arena **ret);
/* Run what was deferred, in reverse, then give all memory back. */
void sut_arena_free(struct sut_arena **a);
/* Run what was deferred, forget everything, keep the first chunk, clear overflow and flags. */
void sut_arena_reset(struct sut_arena *a);
/* Change the limit (a route may allow more); never below what is held. */
void sut_arena_set_limit(struct sut_arena *a, size_t limit);
void sut_arena_set_flags(struct sut_arena *a, unsigned flags);

/* Zeroed memory that lives until the arena is reset; NULL past the limit.  align: at most
 * that of max_align_t. */
void *sut_arena_alloc(struct sut_arena *a, size_t n, size_t size, size_t align)
    __attribute__((malloc, alloc_size(2, 3), alloc_align(4), warn_unused_result));
/* The same, not zeroed: for bytes that are overwritten at once. */
void *sut_arena_bytes(struct sut_arena *a, size_t n)
    __attribute__((malloc, alloc_size(2), warn_unused_result));

#define ARENA_NEW(a_, T_)       ((T_ *) sut_arena_alloc((a_), 1, sizeof(T_), _Alignof(T_)))
#define ARENA_ARRAY(a_, T_, n_) ((T_ *) sut_arena_alloc((a_), (n_), sizeof(T_), _Alignof(T_)))

/* Run fn(arg) when the arena is reset, freed, or rewound past this point; last come first. */
SUT_ERR sut_arena_defer(struct sut_arena *a, void (*fn)(void *arg), void *arg);

struct sut_mark sut_arena_mark(const struct sut_arena *a);
void sut_arena_rewind(struct sut_arena *a, struct sut_mark m);
/* Whether an allocation was refused since the last reset. */
bool sut_arena_overflowed(const struct sut_arena *a);
/* Bytes of chunks held now. */
size_t sut_arena_held(const struct sut_arena *a);

#endif
