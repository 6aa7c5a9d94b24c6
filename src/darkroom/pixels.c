/* SPDX-License-Identifier: Apache-2.0 */
#include "darkroom/pixels.h"

#include <string.h>

#include "base/mem.h"
#include "ipc/darkroom.h"

/* A fuzzer gets nowhere with pictures that take seconds. */
#ifndef SUT_DARKROOM_PIXELS_MAX
#define SUT_DARKROOM_PIXELS_MAX SUT_PICTURE_PIXELS_MAX
#endif

enum { SIDE_MAX = 65535, RGB = 3, TILE = 16 };

SUT_ERR sut_pixels_check(uint64_t w, uint64_t h)
{
    ENSURE(w > 0 && h > 0, PARSE);
    ENSURE(w <= UINT32_MAX && h <= UINT32_MAX && w * h <= SUT_DARKROOM_PIXELS_MAX, TOO_LARGE);
    /* What the encoders take, too. */
    ENSURE(w <= SIDE_MAX && h <= SIDE_MAX, TOO_LARGE);
    return SUT_OK;
}

SUT_ERR sut_pixels_init(uint32_t w, uint32_t h, unsigned channels, struct sut_pixels *ret)
{
    TRY(sut_pixels_check(w, h));
    unsigned char *const p = sut_mem_alloc((size_t) w * h * channels);
    ENSURE(p != NULL, NOMEM);
    *ret = (struct sut_pixels){ .w = w, .h = h, .channels = channels, .p = p };
    return SUT_OK;
}

void sut_pixels_done(struct sut_pixels *x)
{
    sut_mem_free(x->p);
    x->p = NULL;
}

/* Where the pixel (x, y) stands: first + x * step, in pixels. */
struct way {
    ptrdiff_t first;
    ptrdiff_t step;
};

static struct way way_of(unsigned orientation, ptrdiff_t w, ptrdiff_t h, ptrdiff_t y)
{
    switch (orientation) {
    case 2: /* mirrored */
        return (struct way){ y * w + w - 1, -1 };
    case 3: /* upside down */
        return (struct way){ (h - 1 - y) * w + w - 1, -1 };
    case 4:
        return (struct way){ (h - 1 - y) * w, 1 };
    case 5: /* from here on rows become columns: the new width is h */
        return (struct way){ y, h };
    case 6:
        return (struct way){ h - 1 - y, h };
    case 7:
        return (struct way){ (w - 1) * h + h - 1 - y, -h };
    case 8:
        return (struct way){ (w - 1) * h + y, -h };
    default:
        return (struct way){ y * w, 1 };
    }
}

void sut_pixels_place(struct sut_pixels *to, unsigned orientation, uint32_t w, uint32_t h,
                      uint32_t y, const unsigned char *rows, uint32_t n)
{
    struct way ways[TILE];
    for (uint32_t done = 0; done < n; done += TILE) {
        const uint32_t k = n - done < TILE ? n - done : TILE;
        const unsigned char *const from = rows + (size_t) done * w * RGB;
        for (uint32_t i = 0; i < k; i++)
            ways[i] = way_of(orientation, w, h, (ptrdiff_t) y + done + i);
        /* Column by column: those of neighbouring rows stand side by side when it is turned. */
        for (uint32_t x = 0; x < w; x++) {
            for (uint32_t i = 0; i < k; i++) {
                unsigned char *const at =
                    to->p + (ways[i].first + (ptrdiff_t) x * ways[i].step) * RGB;
                memcpy(at, from + ((size_t) i * w + x) * RGB, RGB);
            }
        }
    }
}

void sut_pixels_fit(uint32_t w, uint32_t h, uint32_t max_w, uint32_t max_h, uint32_t *ret_w,
                    uint32_t *ret_h)
{
    *ret_w = w;
    *ret_h = h;
    if (w <= max_w && h <= max_h)
        return;
    if ((uint64_t) w * max_h >= (uint64_t) h * max_w) {
        *ret_w = max_w;
        *ret_h = (uint32_t) (((uint64_t) h * max_w + w / 2) / w);
    } else {
        *ret_h = max_h;
        *ret_w = (uint32_t) (((uint64_t) w * max_h + h / 2) / h);
    }
    if (*ret_w == 0)
        *ret_w = 1;
    if (*ret_h == 0)
        *ret_h = 1;
}
