/* SPDX-License-Identifier: Apache-2.0 */
#include "darkroom/develop.h"

#include <string.h>

#include "darkroom/formats.h"

/* What bytes say that they are. */
enum claim { CLAIM_NONE, CLAIM_JPEG, CLAIM_PNG, CLAIM_WEBP, CLAIM_GIF };

/* How what was decoded is written. */
struct shape {
    enum sut_picture_kind kind;
    bool is_exact; /* WebP without loss */
};

static bool begins(sut_str s, const char *with, size_t n)
{
    return s.n >= n && memcmp(s.p, with, n) == 0;
}

/* A PNG's first bytes are made to show damage: one that has taken some is a broken PNG. */
static bool is_nearly_png(sut_str s)
{
    static const char mark[] = { (char) 0x89, 'P', 'N', 'G' };
    size_t same = 0;
    for (size_t i = 0; i < sizeof(mark) && s.n > sizeof(mark); i++)
        same += s.p[i] == mark[i] ? 1 : 0;
    return same >= sizeof(mark) - 1;
}

static enum claim claim_of(sut_str s)
{
    if (begins(s, "\xff\xd8\xff", 3))
        return CLAIM_JPEG;
    if (begins(s, "GIF87a", 6) || begins(s, "GIF89a", 6))
        return CLAIM_GIF;
    if (begins(s, "RIFF", 4) && s.n >= 12 && memcmp(s.p + 8, "WEBP", 4) == 0)
        return CLAIM_WEBP;
    return is_nearly_png(s) ? CLAIM_PNG : CLAIM_NONE;
}

static SUT_ERR encode(const struct sut_codecs *l, const struct sut_pixels *x, struct shape shape,
                      bool is_full, struct sut_buf *ret)
{
    switch (shape.kind) {
    case SUT_PICTURE_JPEG:
        return sut_jpeg_encode(l, x, !is_full, ret);
    case SUT_PICTURE_PNG:
        return sut_png_encode(l, x, ret);
    case SUT_PICTURE_WEBP:
        return sut_webp_encode(l, x, shape.is_exact, ret);
    }
    FAIL(INVALID);
}

/*
 * The two smaller files of a picture of w x h whose full one stands: `larger` has the larger's
 * size.  What has the same size as the one before is the same file.
 */
static SUT_ERR write_smaller(const struct sut_codecs *l, uint32_t w, uint32_t h,
                             const struct sut_pixels *larger, struct shape shape,
                             struct sut_picture *to)
{
    DEFER(sut_pixels_done) struct sut_pixels thumbnail = { 0 };
    struct sut_buf *const f = to->files;
    uint32_t small_w = 0;
    uint32_t small_h = 0;
    to->width = w;
    to->height = h;
    if (larger->w == w && larger->h == h)
        sut_buf_str_add(&f[SUT_PICTURE_LARGER], sut_buf_str(&f[SUT_PICTURE_FULL]));
    else
        TRY(encode(l, larger, shape, false, &f[SUT_PICTURE_LARGER]));
    TRY(sut_buf_check(&f[SUT_PICTURE_LARGER]));
    sut_pixels_fit(w, h, SUT_PICTURE_THUMBNAIL_W, SUT_PICTURE_THUMBNAIL_H, &small_w, &small_h);
    if (larger->w == small_w && larger->h == small_h) {
        sut_buf_str_add(&f[SUT_PICTURE_THUMBNAIL], sut_buf_str(&f[SUT_PICTURE_LARGER]));
        return sut_buf_check(&f[SUT_PICTURE_THUMBNAIL]);
    }
    TRY(sut_pixels_shrink(larger, small_w, small_h, &thumbnail));
    return encode(l, &thumbnail, shape, false, &f[SUT_PICTURE_THUMBNAIL]);
}

static SUT_ERR write_all(const struct sut_codecs *l, const struct sut_pixels *x, struct shape shape,
                         struct sut_picture *to)
{
    DEFER(sut_pixels_done) struct sut_pixels larger = { 0 };
    uint32_t w = 0;
    uint32_t h = 0;
    to->kind = shape.kind;
    TRY(encode(l, x, shape, true, &to->files[SUT_PICTURE_FULL]));
    sut_pixels_fit(x->w, x->h, SUT_PICTURE_LARGE, SUT_PICTURE_LARGE, &w, &h);
    if (w == x->w && h == x->h)
        return write_smaller(l, x->w, x->h, x, shape, to);
    TRY(sut_pixels_shrink(x, w, h, &larger));
    return write_smaller(l, x->w, x->h, &larger, shape, to);
}

/* --- a JPEG that is upright: its rows are written anew and made smaller as they come --- */

struct pass {
    const struct sut_codecs *l;
    struct sut_picture *picture;
    struct sut_jpeg_writer *writer;
    struct sut_shrinker *shrinker; /* to the larger file's size */
};

static void pass_done(struct pass *p)
{
    sut_jpeg_writer_free(&p->writer);
    sut_shrinker_free(&p->shrinker);
}

static sut_err pass_begin(void *ctx, uint32_t w, uint32_t h)
{
    struct pass *const p = ctx;
    uint32_t to_w = 0;
    uint32_t to_h = 0;
    sut_pixels_fit(w, h, SUT_PICTURE_LARGE, SUT_PICTURE_LARGE, &to_w, &to_h);
    TRY(sut_shrinker_create(w, h, 3, to_w, to_h, &p->shrinker));
    return sut_jpeg_writer_create(p->l, w, h, false, &p->picture->files[SUT_PICTURE_FULL],
                                  &p->writer);
}

static sut_err pass_rows(void *ctx, unsigned char *const *rows, uint32_t n)
{
    struct pass *const p = ctx;
    for (uint32_t i = 0; i < n; i++)
        sut_shrinker_row(p->shrinker, rows[i]);
    return sut_jpeg_writer_rows(p->writer, rows, n);
}

static SUT_ERR develop_jpeg(const struct sut_codecs *l, sut_str bytes, struct sut_picture *to)
{
    static const struct shape shape = { .kind = SUT_PICTURE_JPEG };
    DEFER(sut_pixels_done) struct sut_pixels x = { 0 };
    DEFER(sut_pixels_done) struct sut_pixels larger = { 0 };
    DEFER(pass_done) struct pass p = { .l = l, .picture = to };
    const struct sut_rows rows = { .ctx = &p, .begin = pass_begin, .rows = pass_rows };
    TRY(sut_jpeg_decode(l, bytes, &rows, &x));
    /* One that was turned is here as a whole. */
    if (x.p != NULL)
        return write_all(l, &x, shape, to);
    to->kind = shape.kind;
    TRY(sut_jpeg_writer_finish(p.writer));
    larger = sut_shrinker_take(p.shrinker);
    return write_smaller(l, x.w, x.h, &larger, shape, to);
}

/* --- any --- */

static SUT_ERR decode(const struct sut_codecs *l, enum claim claim, sut_str bytes,
                      struct sut_pixels *x, struct shape *ret)
{
    *ret = (struct shape){ .kind = SUT_PICTURE_PNG };
    if (claim == CLAIM_PNG)
        return sut_png_decode(l, bytes, x);
    if (claim == CLAIM_GIF)
        return sut_gif_decode(l, bytes, x);
    ret->kind = SUT_PICTURE_WEBP;
    return sut_webp_decode(l, bytes, x, &ret->is_exact);
}

static SUT_ERR develop(const struct sut_codecs *l, sut_str bytes, struct sut_picture *to)
{
    DEFER(sut_pixels_done) struct sut_pixels x = { 0 };
    const enum claim claim = claim_of(bytes);
    struct shape shape;
    ENSURE(claim != CLAIM_NONE, INVALID);
    if (claim == CLAIM_JPEG)
        return develop_jpeg(l, bytes, to);
    TRY(decode(l, claim, bytes, &x, &shape));
    return write_all(l, &x, shape, to);
}

/* More memory than there may be is too much. */
static SUT_ERR give(sut_err e, struct sut_picture *p, struct sut_picture *ret)
{
    if (!sut_failed(e)) {
        *ret = *p;
        return SUT_OK;
    }
    sut_picture_done(p);
    ENSURE(e.code != SUT_E_NOMEM, TOO_LARGE);
    return e;
}

static struct sut_picture no_picture(void)
{
    struct sut_picture p = { .width = 0 };
    for (size_t i = 0; i < SUT_PICTURE_FILES; i++)
        sut_buf_init(&p.files[i], SUT_PICTURE_OUT_MAX);
    return p;
}

SUT_ERR sut_develop(const struct sut_codecs *l, sut_str bytes, struct sut_picture *ret)
{
    ENSURE(bytes.n <= SUT_PICTURE_BYTES_MAX, TOO_LARGE);
    struct sut_picture p = no_picture();
    return give(develop(l, bytes, &p), &p, ret);
}

static SUT_ERR print(const struct sut_codecs *l, sut_str rgb, uint32_t width, uint32_t height,
                     struct sut_picture *to)
{
    static const struct shape shape = { .kind = SUT_PICTURE_JPEG };
    DEFER(sut_pixels_done) struct sut_pixels x = { 0 };
    TRY(sut_pixels_init(width, height, 3, &x));
    const size_t n = sut_pixels_stride(&x) * height;
    ENSURE(rgb.n == n, INVALID);
    memcpy(x.p, rgb.p, n);
    return write_all(l, &x, shape, to);
}

SUT_ERR sut_develop_print(const struct sut_codecs *l, sut_str rgb, uint32_t width, uint32_t height,
                          struct sut_picture *ret)
{
    struct sut_picture p = no_picture();
    return give(print(l, rgb, width, height, &p), &p, ret);
}
