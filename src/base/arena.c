/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <string.h>

#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define SUT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SUT_ASAN 1
#endif
#endif
#ifdef SUT_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#define REDZONE        ((size_t) 16)
#else
#define POISON(p, n)   ((void) 0)
#define UNPOISON(p, n) ((void) 0)
#define REDZONE        ((size_t) 0)
#endif

enum { CHUNK_SIZE = 4096 };

struct chunk {
    struct chunk *prev;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char data[];
};

struct deferred {
    struct deferred *prev;
    void (*fn)(void *arg);
    void *arg;
};

struct sut_arena {
    struct chunk *top;
    struct deferred *deferred;
    size_t limit;
    size_t held;
    unsigned flags;
    bool overflowed;
};

SUT_ERR sut_arena_create(size_t limit, struct sut_arena **ret)
{
    struct sut_arena *a = sut_mem_zalloc(1, sizeof(*a));
    ENSURE(a != NULL, NOMEM);
    a->limit = limit;
    *ret = a;
    return SUT_OK;
}

static void wipe_from(const struct sut_arena *a, struct chunk *c, size_t from)
{
    if ((a->flags & SUT_ARENA_SECRET) == 0 || c->used <= from)
        return;
    UNPOISON(c->data, c->size);
    explicit_bzero(c->data + from, c->used - from);
}

static void chunk_drop(struct sut_arena *a)
{
    struct chunk *c = a->top;
    a->top = c->prev;
    a->held -= c->size;
    wipe_from(a, c, 0);
    UNPOISON(c->data, c->size);
    sut_mem_free(c);
}

static void run_deferred(struct sut_arena *a, const struct deferred *until)
{
    while (a->deferred != until && a->deferred != NULL) {
        const struct deferred d = *a->deferred;
        a->deferred = d.prev;
        d.fn(d.arg);
    }
}

void sut_arena_free(struct sut_arena **a)
{
    if (*a == NULL)
        return;
    run_deferred(*a, NULL);
    while ((*a)->top != NULL)
        chunk_drop(*a);
    sut_mem_free(*a);
    *a = NULL;
}

void sut_arena_reset(struct sut_arena *a)
{
    run_deferred(a, NULL);
    while (a->top != NULL && (a->top->prev != NULL || a->top->size > CHUNK_SIZE))
        chunk_drop(a);
    if (a->top != NULL) {
        wipe_from(a, a->top, 0);
        a->top->used = 0;
        POISON(a->top->data, a->top->size);
    }
    a->flags = 0;
    a->overflowed = false;
}

void sut_arena_set_limit(struct sut_arena *a, size_t limit)
{
    a->limit = limit < a->held ? a->held : limit;
}

void sut_arena_set_flags(struct sut_arena *a, unsigned flags)
{
    a->flags |= flags;
}

static bool chunk_push(struct sut_arena *a, size_t need)
{
    const size_t size = need > CHUNK_SIZE ? need : CHUNK_SIZE;
    if (a->limit - a->held < size)
        return false;
    struct chunk *c = sut_mem_alloc(sizeof(*c) + size);
    if (c == NULL)
        return false;
    *c = (struct chunk){ .prev = a->top, .size = size };
    POISON(c->data, size);
    a->top = c;
    a->held += size;
    return true;
}

static size_t round_up(size_t n, size_t align)
{
    return (n + align - 1) & ~(align - 1);
}

static void *take(struct sut_arena *a, size_t want, size_t align)
{
    if (want > a->limit || want > SIZE_MAX - REDZONE - CHUNK_SIZE) {
        a->overflowed = true;
        return NULL;
    }
    size_t at = a->top == NULL ? 0 : round_up(a->top->used, align);
    if (a->top == NULL || at > a->top->size || a->top->size - at < want + REDZONE) {
        if (!chunk_push(a, want + REDZONE)) {
            a->overflowed = true;
            return NULL;
        }
        at = 0;
    }
    void *p = a->top->data + at;
    a->top->used = at + want + REDZONE;
    UNPOISON(p, want);
    return p;
}

void *sut_arena_alloc(struct sut_arena *a, size_t n, size_t size, size_t align)
{
    size_t want = 0;
    if (__builtin_mul_overflow(n, size, &want)) {
        a->overflowed = true;
        return NULL;
    }
    void *p = take(a, want, align);
    return p == NULL ? NULL : memset(p, 0, want);
}

void *sut_arena_bytes(struct sut_arena *a, size_t n)
{
    return take(a, n, 1);
}

SUT_ERR sut_arena_defer(struct sut_arena *a, void (*fn)(void *arg), void *arg)
{
    struct deferred *d = ARENA_NEW(a, struct deferred);
    ENSURE(d != NULL, NOMEM);
    *d = (struct deferred){ .prev = a->deferred, .fn = fn, .arg = arg };
    a->deferred = d;
    return SUT_OK;
}

struct sut_mark sut_arena_mark(const struct sut_arena *a)
{
    return (struct sut_mark){
        .chunk = a->top,
        .used = a->top == NULL ? 0 : a->top->used,
        .deferred = a->deferred,
    };
}

void sut_arena_rewind(struct sut_arena *a, struct sut_mark m)
{
    run_deferred(a, m.deferred);
    while (a->top != m.chunk)
        chunk_drop(a);
    if (a->top != NULL) {
        wipe_from(a, a->top, m.used);
        a->top->used = m.used;
        POISON(a->top->data + m.used, a->top->size - m.used);
    }
}

bool sut_arena_overflowed(const struct sut_arena *a)
{
    return a->overflowed;
}

size_t sut_arena_held(const struct sut_arena *a)
{
    return a->held;
}
