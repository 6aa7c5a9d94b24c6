/* SPDX-License-Identifier: Apache-2.0
 *
 * buf - bytes that grow up to a maximum; the only way text is built.
 *
 * init'ed in the caller's storage, over an arena (then sut_buf_done() is not
 * needed) or over the heap (then it is).  Past `max`, or without memory, the
 * buffer stays overflowed and appends do nothing: check once at the end with
 * sut_buf_check().  One thread at a time.
 */
#ifndef SUT_BASE_BUF_H
#define SUT_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

struct sut_arena;

struct sut_buf {
    char *p;  /* the bytes; not NUL-terminated */
    size_t n; /* how many */
    size_t cap;
    size_t max;
    struct sut_arena *arena; /* NULL: the heap */
    bool overflowed;
    bool starved; /* and it was for want of memory */
};

void sut_buf_init(struct sut_buf *b, size_t max);
/* The same with storage in an arena, which must outlive the buffer. */
void sut_buf_init_arena(struct sut_buf *b, struct sut_arena *a, size_t max);
/* Give heap storage back; safe on an empty or arena buffer. */
void sut_buf_done(struct sut_buf *b);
/* Empty, keep storage, clear overflow. */
void sut_buf_reset(struct sut_buf *b);

/* sut_buf_room() where the storage must grow, or can't. */
char *sut_buf__grow(struct sut_buf *b, size_t n);

/* Room for n more bytes at b->p + b->n, or NULL (then overflowed).  Commit with b->n += used. */
static inline char *sut_buf_room(struct sut_buf *b, size_t n)
{
    return n <= b->cap - b->n && !b->overflowed ? b->p + b->n : sut_buf__grow(b, n);
}

/* TOO_LARGE past the maximum, NOMEM without memory; else ok. */
SUT_ERR sut_buf_check(const struct sut_buf *b);

static inline sut_str sut_buf_str(const struct sut_buf *b)
{
    return (sut_str){ .p = b->p, .n = b->n };
}

static inline void sut_buf_add(struct sut_buf *b, const char *p, size_t n)
{
    char *to = n == 0 ? NULL : sut_buf_room(b, n);
    if (to != NULL) {
        memcpy(to, p, n);
        b->n += n;
    }
}

static inline void sut_buf_str_add(struct sut_buf *b, sut_str s)
{
    sut_buf_add(b, s.p, s.n);
}

static inline void sut_buf_char(struct sut_buf *b, char c)
{
    char *to = sut_buf_room(b, 1);
    if (to != NULL) {
        *to = c;
        b->n++;
    }
}

#define sut_buf_lit(b_, lit_) sut_buf_add((b_), "" lit_, sizeof(lit_) - 1)

/* Add a NUL-terminated text without its NUL, or a number in decimal. */
void sut_buf_z(struct sut_buf *b, const char *z);
void sut_buf_i64(struct sut_buf *b, int64_t v);
void sut_buf_u64(struct sut_buf *b, uint64_t v);
/* Decimal, left-padded with zeros to `width` digits. */
void sut_buf_pad(struct sut_buf *b, uint64_t v, unsigned width);
/* Lower-case hexadecimal of n bytes. */
void sut_buf_hex(struct sut_buf *b, const void *p, size_t n);
/* For cold paths: messages, documents. */
void sut_buf_printf(struct sut_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
