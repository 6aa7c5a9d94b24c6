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

static SUT_ERR decode(const struct sut_codecs *l, sut_str bytes, struct sut_pixels *x,
                      struct shape *ret)
{
    *ret = (struct shape){ .kind = SUT_PICTURE_PNG };
    switch (claim_of(bytes)) {
    case CLAIM_JPEG:
        ret->kind = SUT_PICTURE_JPEG;
        return sut_jpeg_decode(l, bytes, x);
    case CLAIM_PNG:
        return sut_png_decode(l, bytes, x);
    case CLAIM_WEBP:
        ret->kind = SUT_PICTURE_WEBP;
        return sut_webp_decode(l, bytes, x, &ret->is_exact);
    case CLAIM_GIF:
        return sut_gif_decode(l, bytes, x);
    case CLAIM_NONE:
        break;
    }
    FAIL(INVALID);
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

/* The picture that a file is of, and the file. */
struct print {
    const struct sut_pixels *pixels;
    const struct sut_buf *file;
};

/*
 * One of the smaller files: `full` fitted into max_w x max_h, made from the smallest picture that
 * there is; the same file when that has the size.  *made is the smaller picture, if one was.
 */
static SUT_ERR reduce(const struct sut_codecs *l, const struct sut_pixels *full, struct print from,
                      uint32_t max_w, uint32_t max_h, struct shape shape, struct sut_pixels *made,
                      struct sut_buf *ret)
{
    uint32_t w = 0;
    uint32_t h = 0;
    sut_pixels_fit(full->w, full->h, max_w, max_h, &w, &h);
    if (w == from.pixels->w && h == from.pixels->h) {
        sut_buf_str_add(ret, sut_buf_str(from.file));
        return sut_buf_check(ret);
    }
    TRY(sut_pixels_shrink(from.pixels, w, h, made));
    return encode(l, made, shape, false, ret);
}

static SUT_ERR write_all(const struct sut_codecs *l, const struct sut_pixels *x, struct shape shape,
                         struct sut_picture *to)
{
    DEFER(sut_pixels_done) struct sut_pixels larger = { 0 };
    DEFER(sut_pixels_done) struct sut_pixels thumbnail = { 0 };
    struct sut_buf *const f = to->files;
    struct print from = { x, &f[SUT_PICTURE_FULL] };
    TRY(encode(l, x, shape, true, &f[SUT_PICTURE_FULL]));
    TRY(reduce(l, x, from, SUT_PICTURE_LARGE, SUT_PICTURE_LARGE, shape, &larger,
               &f[SUT_PICTURE_LARGER]));
    if (larger.p != NULL)
        from = (struct print){ &larger, &f[SUT_PICTURE_LARGER] };
    return reduce(l, x, from, SUT_PICTURE_THUMBNAIL_W, SUT_PICTURE_THUMBNAIL_H, shape, &thumbnail,
                  &f[SUT_PICTURE_THUMBNAIL]);
}

static SUT_ERR write_picture(const struct sut_codecs *l, const struct sut_pixels *x,
                             struct shape shape, struct sut_picture *ret)
{
    struct sut_picture p = { .kind = shape.kind, .width = x->w, .height = x->h };
    for (size_t i = 0; i < SUT_PICTURE_FILES; i++)
        sut_buf_init(&p.files[i], SUT_PICTURE_OUT_MAX);
    const sut_err e = write_all(l, x, shape, &p);
    if (sut_failed(e))
        sut_picture_done(&p);
    else
        *ret = p;
    return e;
}

/* More memory than there may be is too much. */
static SUT_ERR judged(sut_err e)
{
    ENSURE(e.code != SUT_E_NOMEM, TOO_LARGE);
    return e;
}

SUT_ERR sut_develop(const struct sut_codecs *l, sut_str bytes, struct sut_picture *ret)
{
    DEFER(sut_pixels_done) struct sut_pixels x = { 0 };
    struct shape shape;
    ENSURE(bytes.n <= SUT_PICTURE_BYTES_MAX, TOO_LARGE);
    TRY(judged(decode(l, bytes, &x, &shape)));
    return judged(write_picture(l, &x, shape, ret));
}

SUT_ERR sut_develop_print(const struct sut_codecs *l, sut_str rgb, uint32_t width, uint32_t height,
                          struct sut_picture *ret)
{
    DEFER(sut_pixels_done) struct sut_pixels x = { 0 };
    const struct shape shape = { .kind = SUT_PICTURE_JPEG };
    TRY(judged(sut_pixels_init(width, height, 3, &x)));
    const size_t n = sut_pixels_stride(&x) * height;
    ENSURE(rgb.n == n, INVALID);
    memcpy(x.p, rgb.p, n);
    return judged(write_picture(l, &x, shape, ret));
}
