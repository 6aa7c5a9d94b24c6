/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "darkroom/formats.h"
#include "ipc/darkroom.h"

enum {
    SIGNATURE = 8,
    CHUNK = 12, /* length, type and sum of a chunk */
    CHUNK_MAX = SUT_PICTURE_BYTES_MAX,
    CACHE_MAX = 2 * SUT_PICTURE_BYTES_MAX,
    LARGE = 2 * 1000 * 1000, /* pixels: from here on speed counts more than length */
    LEVEL = 6,
    LEVEL_LARGE = 2,
};

static struct spng_alloc allocator(void)
{
    return (struct spng_alloc){ .malloc_fn = sut_mem_alloc,
                                .realloc_fn = sut_mem_realloc,
                                .calloc_fn = sut_mem_zalloc,
                                .free_fn = sut_mem_free };
}

static uint32_t u32_at(sut_str s, size_t at)
{
    const unsigned char *const b = (const unsigned char *) s.p + at;
    return (uint32_t) b[0] << 24 | (uint32_t) b[1] << 16 | (uint32_t) b[2] << 8 | b[3];
}

/* Chunk after chunk to IEND, and nothing after it: libspng stops there. */
static SUT_ERR check_end(sut_str bytes)
{
    size_t at = SIGNATURE;
    for (;;) {
        ENSURE(bytes.n >= CHUNK && at <= bytes.n - CHUNK, PARSE);
        const uint32_t n = u32_at(bytes, at);
        ENSURE(n <= bytes.n - CHUNK - at, PARSE);
        const bool is_end = memcmp(bytes.p + at + 4, "IEND", 4) == 0;
        at += CHUNK + (size_t) n;
        if (is_end)
            break;
    }
    ENSURE(at == bytes.n, PARSE);
    return SUT_OK;
}

static SUT_ERR outcome(int code)
{
    if (code == 0)
        return SUT_OK;
    ENSURE(code != SPNG_EMEM, NOMEM);
    ENSURE(code != SPNG_ECHUNK_LIMITS && code != SPNG_EOVERFLOW, TOO_LARGE);
    FAIL(PARSE);
}

static SUT_ERR decode(const struct sut_codecs *l, spng_ctx *c, sut_str bytes,
                      struct sut_pixels *ret)
{
    struct spng_ihdr head;
    struct spng_trns trns;
    TRY(outcome(l->spng_set_chunk_limits(c, CHUNK_MAX, CACHE_MAX)));
    /* A broken sum counts wherever it is. */
    TRY(outcome(l->spng_set_crc_action(c, SPNG_CRC_ERROR, SPNG_CRC_ERROR)));
    TRY(outcome(l->spng_set_png_buffer(c, bytes.p, bytes.n)));
    TRY(outcome(l->spng_get_ihdr(c, &head)));
    TRY(sut_pixels_check(head.width, head.height));
    const bool has_trns = l->spng_get_trns(c, &trns) == 0;
    const bool has_alpha = has_trns || head.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
                           head.color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
    TRY(sut_pixels_init(head.width, head.height, has_alpha ? 4 : 3, ret));
    int code = l->spng_decode_image(c, ret->p, sut_pixels_stride(ret) * ret->h,
                                    has_alpha ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8, SPNG_DECODE_TRNS);
    if (code == 0)
        code = l->spng_decode_chunks(c);
    const sut_err e = outcome(code);
    if (sut_failed(e))
        sut_pixels_done(ret);
    return e;
}

SUT_ERR sut_png_decode(const struct sut_codecs *l, sut_str bytes, struct sut_pixels *ret)
{
    struct spng_alloc a = allocator();
    TRY(check_end(bytes));
    spng_ctx *const c = l->spng_ctx_new2(&a, 0);
    ENSURE(c != NULL, NOMEM);
    const sut_err e = decode(l, c, bytes, ret);
    l->spng_ctx_free(c);
    return e;
}

static SUT_ERR encode(const struct sut_codecs *l, spng_ctx *c, const struct sut_pixels *x,
                      struct sut_buf *ret)
{
    struct spng_ihdr head = {
        .width = x->w,
        .height = x->h,
        .bit_depth = 8,
        .color_type =
            x->channels == 4 ? SPNG_COLOR_TYPE_TRUECOLOR_ALPHA : SPNG_COLOR_TYPE_TRUECOLOR,
    };
    const bool is_large = (uint64_t) x->w * x->h >= LARGE;
    size_t n = 0;
    int code = 0;
    TRY(outcome(l->spng_set_option(c, SPNG_ENCODE_TO_BUFFER, 1)));
    TRY(outcome(l->spng_set_option(c, SPNG_IMG_COMPRESSION_LEVEL, is_large ? LEVEL_LARGE : LEVEL)));
    TRY(outcome(l->spng_set_ihdr(c, &head)));
    TRY(outcome(l->spng_encode_image(c, x->p, sut_pixels_stride(x) * x->h, SPNG_FMT_PNG,
                                     SPNG_ENCODE_FINALIZE)));
    char *const p = l->spng_get_png_buffer(c, &n, &code);
    TRY(outcome(code));
    ENSURE(p != NULL, NOMEM);
    sut_buf_add(ret, p, n);
    sut_mem_free(p);
    return sut_buf_check(ret);
}

SUT_ERR sut_png_encode(const struct sut_codecs *l, const struct sut_pixels *x, struct sut_buf *ret)
{
    struct spng_alloc a = allocator();
    spng_ctx *const c = l->spng_ctx_new2(&a, SPNG_CTX_ENCODER);
    ENSURE(c != NULL, NOMEM);
    const sut_err e = encode(l, c, x, ret);
    l->spng_ctx_free(c);
    return e;
}
