/* SPDX-License-Identifier: Apache-2.0
 *
 * Lengths are counted in parts, so that all overlaps are whole numbers: a row of the old picture
 * is as high as `h` parts of the new one's rows, a row of the new one as high as the old picture's
 * rows are many; columns the same.
 */
#include <string.h>

#include "base/mem.h"
#include "darkroom/pixels.h"

enum {
    RGB = 3,
    RGBA = 4,
    PLAIN_MAX = 257, /* so many bytes add up to 16 bits at most */
};

/* The rows of one new row, added up as they come. */
struct sums {
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

static void flush_plain(struct sums *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->of[i] += s->plain[i] * s->whole;
    memset(s->plain, 0, s->n * sizeof(*s->plain));
    s->n_plain = 0;
}

static void add_rgb(struct sums *s, const unsigned char *row, uint32_t weight)
{
    if (weight == s->whole) {
        add_plain(s->plain, row, s->n);
        if (++s->n_plain == PLAIN_MAX)
            flush_plain(s);
        return;
    }
    for (size_t i = 0; i < s->n; i++)
        s->of[i] += row[i] * weight;
}

static void add_rgba(struct sums *s, const unsigned char *row, uint32_t weight)
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

/* The sums of one new pixel's columns, each by its width; `channels` is a constant. */
__attribute__((always_inline)) static inline void sum_columns(const uint32_t *row,
                                                              unsigned channels, uint64_t begin,
                                                              uint64_t end, uint32_t part,
                                                              uint64_t sum[RGBA])
{
    const uint32_t first = (uint32_t) (begin / part);
    const uint32_t last = (uint32_t) ((end - 1) / part);
    const uint32_t *at = row + (size_t) first * channels;
    uint64_t inner[RGBA] = { 0 };
    const uint64_t head = (first == last ? end : (uint64_t) (first + 1) * part) - begin;
    for (unsigned c = 0; c < channels; c++)
        sum[c] = at[c] * head;
    if (first == last)
        return;
    at += channels;
    for (uint32_t x = first + 1; x < last; x++, at += channels)
        for (unsigned c = 0; c < channels; c++)
            inner[c] += at[c];
    const uint64_t tail = end - (uint64_t) last * part;
    for (unsigned c = 0; c < channels; c++)
        sum[c] += inner[c] * part + at[c] * tail;
}

static void finish_rgb(unsigned char *to, const uint64_t sum[RGBA], uint64_t area)
{
    for (unsigned c = 0; c < RGB; c++)
        to[c] = (unsigned char) ((sum[c] + area / 2) / area);
}

static void finish_rgba(unsigned char *to, const uint64_t sum[RGBA], uint64_t area)
{
    const uint64_t opacity = sum[3];
    for (unsigned c = 0; c < RGB; c++)
        to[c] = opacity == 0 ? 0 : (unsigned char) ((sum[c] + opacity / 2) / opacity);
    to[3] = (unsigned char) ((opacity + area / 2) / area);
}

static void finish_row(const struct sut_pixels *from, const struct sums *s, struct sut_pixels *to,
                       uint32_t y)
{
    const uint64_t area = (uint64_t) from->w * from->h;
    unsigned char *at = sut_pixels_row(to, y);
    uint64_t sum[RGBA];
    for (uint32_t x = 0; x < to->w; x++, at += to->channels) {
        const uint64_t begin = (uint64_t) x * from->w;
        if (s->channels == RGBA) {
            sum_columns(s->of, RGBA, begin, begin + from->w, to->w, sum);
            finish_rgba(at, sum, area);
        } else {
            sum_columns(s->of, RGB, begin, begin + from->w, to->w, sum);
            finish_rgb(at, sum, area);
        }
    }
}

static void shrink(const struct sut_pixels *from, struct sut_pixels *to, struct sums *s)
{
    const uint64_t part = to->h;
    for (uint32_t y = 0; y < to->h; y++) {
        const uint64_t begin = (uint64_t) y * from->h;
        const uint64_t end = begin + from->h;
        memset(s->of, 0, s->n * sizeof(*s->of));
        for (uint64_t k = begin / part; k * part < end; k++) {
            const uint64_t top = k * part > begin ? k * part : begin;
            const uint64_t bottom = (k + 1) * part < end ? (k + 1) * part : end;
            const uint32_t weight = (uint32_t) (bottom - top);
            const unsigned char *const line = sut_pixels_row(from, (uint32_t) k);
            if (s->channels == RGBA)
                add_rgba(s, line, weight);
            else
                add_rgb(s, line, weight);
        }
        flush_plain(s);
        finish_row(from, s, to, y);
    }
}

SUT_ERR sut_pixels_shrink(const struct sut_pixels *from, uint32_t w, uint32_t h,
                          struct sut_pixels *ret)
{
    ENSURE(w > 0 && h > 0 && w <= from->w && h <= from->h, INVALID);
    const size_t n = sut_pixels_stride(from);
    DEFER(sut_mem_freep) uint32_t *of = sut_mem_zalloc(n, sizeof(*of));
    DEFER(sut_mem_freep) uint16_t *plain = sut_mem_zalloc(n, sizeof(*plain));
    ENSURE(of != NULL && plain != NULL, NOMEM);
    struct sums s = { .of = of, .plain = plain, .whole = h, .n = n, .channels = from->channels };
    TRY(sut_pixels_init(w, h, from->channels, ret));
    shrink(from, ret, &s);
    return SUT_OK;
}
