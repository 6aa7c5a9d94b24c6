/* SPDX-License-Identifier: Apache-2.0
 *
 * Lengths are counted in parts, so that all overlaps are whole numbers: a row of the old picture
 * is as high as `h` parts of the new one's rows, a row of the new one as high as the old picture's
 * rows are many; columns the same.
 */
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "darkroom/pixels.h"
#include "ipc/darkroom.h"

enum {
    RGB = 3,
    RGBA = 4,
    PLAIN_MAX = 257, /* so many bytes add up to 16 bits at most */
};

/* The rows of one new row, added up as they come. */
struct sut_shrinker {
    struct sut_pixels to;
    uint32_t from_w;
    uint32_t from_h;
    uint32_t y;      /* the new row */
    uint32_t filled; /* parts of it, of from_h */
    uint32_t *of;    /* by their weights */
    uint16_t *plain; /* of whole rows, that weigh `whole` each: quick */
    uint32_t whole;
    unsigned n_plain;
    size_t n;
    unsigned channels;
};

/*
 * A value is at most 255 * 255 (a colour times its opacity) and all weights of a column add up to
 * the old height, 65535 at most: it fits.
 */
_Static_assert((uint64_t) 255 * 255 * 65535 <= UINT32_MAX, "a sum fits");
_Static_assert((int) PLAIN_MAX * 255 <= UINT16_MAX, "and a quick one");

static void add_plain(uint16_t *restrict to, const unsigned char *restrict row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint16_t) (to[i] + row[i]);
}

/* Of 16 bits each, as processors multiply many at once; a weight is at most a side. */
static void add_weighted(uint32_t *restrict to, const unsigned char *restrict row, size_t n,
                         uint16_t weight)
{
    for (size_t i = 0; i < n; i++) {
        const uint16_t v = row[i];
        to[i] += (uint32_t) v * weight;
    }
}

static void flush_plain(struct sut_shrinker *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->of[i] += (uint32_t) s->plain[i] * (uint16_t) s->whole;
    memset(s->plain, 0, s->n * sizeof(*s->plain));
    s->n_plain = 0;
}

static void add_rgb(struct sut_shrinker *s, const unsigned char *row, uint32_t weight)
{
    if (weight == s->whole) {
        add_plain(s->plain, row, s->n);
        if (++s->n_plain == PLAIN_MAX)
            flush_plain(s);
        return;
    }
    add_weighted(s->of, row, s->n, (uint16_t) weight);
}

static void add_rgba(struct sut_shrinker *s, const unsigned char *row, uint32_t weight)
{
    uint32_t *const to = s->of;
    for (size_t i = 0; i < s->n; i += RGBA) {
        const uint32_t opacity = row[i + 3] * weight;
        to[i] += row[i] * opacity;
        to[i + 1] += row[i + 1] * opacity;
        to[i + 2] += row[i + 2] * opacity;
        to[i + 3] += opacity;
    }
}

/* How a number is divided by the same other one again and again: exact for what comes here. */
struct divisor {
    uint64_t by;
    uint64_t inverse; /* 2^SHIFT / by, rounded up */
};
enum { SHIFT = 60 };
/* Of n / by it is off by less than n / 2^SHIFT, and so right while n * by fits into SHIFT bits. */
_Static_assert((uint64_t) 256 * SUT_PICTURE_PIXELS_MAX <
                   ((uint64_t) 1 << SHIFT) / SUT_PICTURE_PIXELS_MAX,
               "a sum divided by the area is exact");

static struct divisor divisor_of(uint64_t by)
{
    return (struct divisor){ by, (((uint64_t) 1 << SHIFT) + by - 1) / by };
}

static unsigned char divide(uint64_t n, const struct divisor *d)
{
    __extension__ typedef unsigned __int128 wide;
    return (unsigned char) ((wide) (n + d->by / 2) * d->inverse >> SHIFT);
}

/* Where a new pixel begins or ends: behind so many whole columns, in the next by so many parts. */
struct edge {
    uint32_t column;
    uint32_t parts;
};

static struct edge next_edge(struct edge e, uint32_t whole, uint32_t rest, uint32_t part)
{
    e.column += whole;
    e.parts += rest;
    if (e.parts >= part) {
        e.parts -= part;
        e.column++;
    }
    return e;
}

/* The sums of one new pixel's columns, each by its width; `channels` is a constant. */
__attribute__((always_inline)) static inline void sum_columns(const uint32_t *row,
                                                              unsigned channels, struct edge from,
                                                              struct edge to, uint32_t part,
                                                              uint64_t sum[RGBA])
{
    const uint32_t *at = row + (size_t) from.column * channels;
    const bool is_one = from.column == to.column;
    const uint32_t head = is_one ? to.parts - from.parts : part - from.parts;
    uint64_t inner[RGBA] = { 0 };
    for (unsigned c = 0; c < channels; c++)
        sum[c] = (uint64_t) at[c] * head;
    if (is_one)
        return;
    at += channels;
    for (uint32_t x = from.column + 1; x < to.column; x++, at += channels)
        for (unsigned c = 0; c < channels; c++)
            inner[c] += at[c];
    for (unsigned c = 0; c < channels; c++)
        sum[c] += inner[c] * part;
    /* At the right edge of the picture there is no next column. */
    for (unsigned c = 0; to.parts > 0 && c < channels; c++)
        sum[c] += (uint64_t) at[c] * to.parts;
}

static void finish_rgb(unsigned char *to, const uint64_t sum[RGBA], const struct divisor *area)
{
    for (unsigned c = 0; c < RGB; c++)
        to[c] = divide(sum[c], area);
}

static void finish_rgba(unsigned char *to, const uint64_t sum[RGBA], const struct divisor *area)
{
    const uint64_t opacity = sum[3];
    for (unsigned c = 0; c < RGB; c++)
        to[c] = opacity == 0 ? 0 : (unsigned char) ((sum[c] + opacity / 2) / opacity);
    to[3] = divide(opacity, area);
}

static void finish_row(struct sut_shrinker *s)
{
    const struct divisor area = divisor_of((uint64_t) s->from_w * s->from_h);
    const uint32_t part = s->to.w;
    const uint32_t whole = s->from_w / part;
    const uint32_t rest = s->from_w % part;
    unsigned char *at = sut_pixels_row(&s->to, s->y++);
    struct edge begin = { 0 };
    uint64_t sum[RGBA];
    flush_plain(s);
    for (uint32_t x = 0; x < part; x++, at += s->channels) {
        const struct edge end = next_edge(begin, whole, rest, part);
        if (s->channels == RGBA) {
            sum_columns(s->of, RGBA, begin, end, part, sum);
            finish_rgba(at, sum, &area);
        } else {
            sum_columns(s->of, RGB, begin, end, part, sum);
            finish_rgb(at, sum, &area);
        }
        begin = end;
    }
    memset(s->of, 0, s->n * sizeof(*s->of));
    s->filled = 0;
}

static void add(struct sut_shrinker *s, const unsigned char *row, uint32_t weight)
{
    if (s->channels == RGBA)
        add_rgba(s, row, weight);
    else
        add_rgb(s, row, weight);
    s->filled += weight;
}

/* Each lies in one new row, or in two. */
void sut_shrinker_row(struct sut_shrinker *s, const unsigned char *row)
{
    const uint32_t room = s->from_h - s->filled;
    const uint32_t first = s->whole < room ? s->whole : room;
    if (s->y == s->to.h)
        return;
    add(s, row, first);
    if (s->filled < s->from_h)
        return;
    finish_row(s);
    if (s->whole > first)
        add(s, row, s->whole - first);
}

SUT_ERR sut_shrinker_create(uint32_t from_w, uint32_t from_h, unsigned channels, uint32_t w,
                            uint32_t h, struct sut_shrinker **ret)
{
    ENSURE(w > 0 && h > 0 && w <= from_w && h <= from_h, INVALID);
    DEFER(sut_shrinker_free) struct sut_shrinker *s = sut_mem_zalloc(1, sizeof(*s));
    ENSURE(s != NULL, NOMEM);
    s->from_w = from_w;
    s->from_h = from_h;
    s->whole = h;
    s->channels = channels;
    s->n = (size_t) from_w * channels;
    s->of = sut_mem_zalloc(s->n, sizeof(*s->of));
    s->plain = sut_mem_zalloc(s->n, sizeof(*s->plain));
    ENSURE(s->of != NULL && s->plain != NULL, NOMEM);
    TRY(sut_pixels_init(w, h, channels, &s->to));
    *ret = STEAL(s);
    return SUT_OK;
}

void sut_shrinker_free(struct sut_shrinker **s)
{
    if (*s == NULL)
        return;
    sut_pixels_done(&(*s)->to);
    sut_mem_free((*s)->of);
    sut_mem_free((*s)->plain);
    sut_mem_freep(s);
}

struct sut_pixels sut_shrinker_take(struct sut_shrinker *s)
{
    const struct sut_pixels x = s->to;
    s->to.p = NULL;
    return x;
}

SUT_ERR sut_pixels_shrink(const struct sut_pixels *from, uint32_t w, uint32_t h,
                          struct sut_pixels *ret)
{
    DEFER(sut_shrinker_free) struct sut_shrinker *s = NULL;
    TRY(sut_shrinker_create(from->w, from->h, from->channels, w, h, &s));
    for (uint32_t y = 0; y < from->h; y++)
        sut_shrinker_row(s, sut_pixels_row(from, y));
    *ret = sut_shrinker_take(s);
    return SUT_OK;
}
