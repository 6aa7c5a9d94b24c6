/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/mem.h"

enum { FIRST_CAP = 256 };

void sut_buf_init(struct sut_buf *b, size_t max)
{
    *b = (struct sut_buf){ .max = max };
}

void sut_buf_init_arena(struct sut_buf *b, struct sut_arena *a, size_t max)
{
    *b = (struct sut_buf){ .max = max, .arena = a };
}

void sut_buf_done(struct sut_buf *b)
{
    if (b->arena == NULL)
        sut_mem_free(b->p);
    *b = (struct sut_buf){ .max = b->max, .arena = b->arena };
}

void sut_buf_reset(struct sut_buf *b)
{
    b->n = 0;
    b->overflowed = b->starved = false;
}

static bool grow(struct sut_buf *b, size_t need)
{
    size_t cap = b->cap == 0 ? FIRST_CAP : b->cap;
    while (cap < need)
        cap = cap > b->max / 2 ? b->max : cap * 2;
    if (cap > b->max)
        cap = b->max;

    char *p = NULL;
    if (b->arena == NULL) {
        p = sut_mem_realloc(b->p, cap);
    } else {
        p = sut_arena_bytes(b->arena, cap);
        if (p != NULL && b->n > 0)
            memcpy(p, b->p, b->n);
    }
    if (p == NULL)
        return false;
    b->p = p;
    b->cap = cap;
    return true;
}

char *sut_buf__grow(struct sut_buf *b, size_t n)
{
    if (b->overflowed)
        return NULL;
    const bool fits = n <= b->max - b->n;
    if (!fits || !grow(b, b->n + n)) {
        b->overflowed = true;
        b->starved = fits;
        return NULL;
    }
    return b->p + b->n;
}

SUT_ERR sut_buf_check(const struct sut_buf *b)
{
    if (!b->overflowed)
        return SUT_OK;
    ENSURE(!b->starved, NOMEM);
    FAIL(TOO_LARGE);
}

void sut_buf_z(struct sut_buf *b, const char *z)
{
    sut_buf_add(b, z, strlen(z));
}

void sut_buf_u64(struct sut_buf *b, uint64_t v)
{
    sut_buf_pad(b, v, 1);
}

void sut_buf_i64(struct sut_buf *b, int64_t v)
{
    if (v < 0)
        sut_buf_char(b, '-');
    sut_buf_u64(b, v < 0 ? 0 - (uint64_t) v : (uint64_t) v);
}

void sut_buf_pad(struct sut_buf *b, uint64_t v, unsigned width)
{
    enum { DIGITS_MAX = 40 };
    size_t n = 1;
    for (uint64_t rest = v / 10; rest != 0; rest /= 10)
        n++;
    if (v == 0)
        n = 0;
    if (n < width)
        n = width < DIGITS_MAX ? width : DIGITS_MAX;
    char *to = n == 0 ? NULL : sut_buf_room(b, n);
    if (to == NULL)
        return;
    b->n += n;
    for (; n > 0; v /= 10)
        to[--n] = (char) ('0' + v % 10);
}

void sut_buf_hex(struct sut_buf *b, const void *p, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *from = p;
    char *to = sut_buf_room(b, n * 2);
    if (to == NULL)
        return;
    for (size_t i = 0; i < n; i++) {
        to[2 * i] = hex[from[i] >> 4];
        to[2 * i + 1] = hex[from[i] & 15];
    }
    b->n += n * 2;
}

void sut_buf_printf(struct sut_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *to = n <= 0 ? NULL : sut_buf_room(b, (size_t) n + 1);
    if (to != NULL) {
        (void) vsnprintf(to, (size_t) n + 1, fmt, again);
        b->n += (size_t) n;
    }
    va_end(again);
}
