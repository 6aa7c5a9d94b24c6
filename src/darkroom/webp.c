/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "darkroom/formats.h"
#include "ipc/darkroom.h"

enum {
    RIFF_HEAD = 8, /* "RIFF" and how many bytes follow */
    EXACT = 2,     /* the format of WebPBitstreamFeatures that loses nothing */
    /* Pixels from which on the encoder is told to hurry. */
    LARGE = 3 * 1000 * 1000,
    METHOD = 4,
    METHOD_LARGE = 1,
    EXACT_LEVEL = 4,
    EXACT_LEVEL_LARGE = 0,
};

static SUT_ERR outcome(VP8StatusCode code)
{
    if (code == VP8_STATUS_OK)
        return SUT_OK;
    ENSURE(code != VP8_STATUS_OUT_OF_MEMORY, NOMEM);
    FAIL(PARSE);
}

/* The length that stands in front is that of the file: nothing is cut off, nothing follows. */
static SUT_ERR check_end(sut_str bytes)
{
    ENSURE(bytes.n > RIFF_HEAD, PARSE);
    const unsigned char *const b = (const unsigned char *) bytes.p + 4;
    const uint64_t n = b[0] | (uint64_t) b[1] << 8 | (uint64_t) b[2] << 16 | (uint64_t) b[3] << 24;
    ENSURE(n + (n & 1) + RIFF_HEAD == bytes.n, PARSE);
    return SUT_OK;
}

/* One image that stands alone, into the place (x, y) of `to`, which has room for it. */
static SUT_ERR decode_into(const struct sut_codecs *l, const WebPData *d, uint32_t x, uint32_t y,
                           struct sut_pixels *to)
{
    const size_t stride = sut_pixels_stride(to);
    const size_t at = y * stride + (size_t) x * to->channels;
    const size_t room = stride * to->h - at;
    const bool is_rgba = to->channels == 4;
    const uint8_t *const got =
        is_rgba ? l->WebPDecodeRGBAInto(d->bytes, d->size, to->p + at, room, (int) stride)
                : l->WebPDecodeRGBInto(d->bytes, d->size, to->p + at, room, (int) stride);
    ENSURE(got != NULL, PARSE);
    return SUT_OK;
}

static SUT_ERR features_of(const struct sut_codecs *l, const WebPData *d,
                           WebPBitstreamFeatures *ret)
{
    TRY(outcome(l->WebPGetFeaturesInternal(d->bytes, d->size, ret, WEBP_DECODER_ABI_VERSION)));
    return sut_pixels_check((uint64_t) ret->width, (uint64_t) ret->height);
}

/* The first frame, on a canvas of nothing. */
static SUT_ERR decode_frame(const struct sut_codecs *l, const WebPIterator *frame, uint32_t w,
                            uint32_t h, struct sut_pixels *ret, bool *ret_is_exact)
{
    WebPBitstreamFeatures f;
    TRY(features_of(l, &frame->fragment, &f));
    ENSURE(frame->complete && f.width == frame->width && f.height == frame->height, PARSE);
    ENSURE(frame->x_offset >= 0 && (int64_t) frame->x_offset + f.width <= w, PARSE);
    ENSURE(frame->y_offset >= 0 && (int64_t) frame->y_offset + f.height <= h, PARSE);
    TRY(sut_pixels_init(w, h, 4, ret));
    memset(ret->p, 0, sut_pixels_stride(ret) * h);
    *ret_is_exact = f.format == EXACT;
    return decode_into(l, &frame->fragment, (uint32_t) frame->x_offset, (uint32_t) frame->y_offset,
                       ret);
}

static SUT_ERR decode_animated(const struct sut_codecs *l, const WebPData *d,
                               struct sut_pixels *ret, bool *ret_is_exact)
{
    WebPDemuxer *const m = l->WebPDemuxInternal(d, 0, NULL, WEBP_DEMUX_ABI_VERSION);
    ENSURE(m != NULL, PARSE);
    const uint32_t w = l->WebPDemuxGetI(m, WEBP_FF_CANVAS_WIDTH);
    const uint32_t h = l->WebPDemuxGetI(m, WEBP_FF_CANVAS_HEIGHT);
    WebPIterator frame;
    memset(&frame, 0, sizeof(frame));
    const bool has_frame = l->WebPDemuxGetFrame(m, 1, &frame) != 0;
    sut_err e = SUT_OK;
    if (has_frame)
        e = decode_frame(l, &frame, w, h, ret, ret_is_exact);
    l->WebPDemuxReleaseIterator(&frame);
    l->WebPDemuxDelete(m);
    ENSURE(has_frame, PARSE);
    return e;
}

static SUT_ERR decode_still(const struct sut_codecs *l, const WebPData *d,
                            const WebPBitstreamFeatures *f, struct sut_pixels *ret,
                            bool *ret_is_exact)
{
    TRY(sut_pixels_init((uint32_t) f->width, (uint32_t) f->height, f->has_alpha ? 4 : 3, ret));
    *ret_is_exact = f->format == EXACT;
    return decode_into(l, d, 0, 0, ret);
}

SUT_ERR sut_webp_decode(const struct sut_codecs *l, sut_str bytes, struct sut_pixels *ret,
                        bool *ret_is_exact)
{
    WebPBitstreamFeatures f;
    const WebPData d = { .bytes = (const uint8_t *) bytes.p, .size = bytes.n };
    struct sut_pixels x = { 0 };
    TRY(check_end(bytes));
    TRY(features_of(l, &d, &f));
    const sut_err e = f.has_animation ? decode_animated(l, &d, &x, ret_is_exact)
                                      : decode_still(l, &d, &f, &x, ret_is_exact);
    if (sut_failed(e))
        sut_pixels_done(&x);
    else
        *ret = x;
    return e;
}

/* --- encoding --- */

static SUT_ERR configure(const struct sut_codecs *l, const struct sut_pixels *x, bool is_exact,
                         WebPConfig *ret)
{
    const bool is_large = (uint64_t) x->w * x->h >= LARGE;
    ENSURE(l->WebPConfigInitInternal(ret, WEBP_PRESET_DEFAULT, SUT_PICTURE_QUALITY,
                                     WEBP_ENCODER_ABI_VERSION) != 0,
           SYSTEM);
    if (is_exact) {
        ENSURE(l->WebPConfigLosslessPreset(ret, is_large ? EXACT_LEVEL_LARGE : EXACT_LEVEL) != 0,
               SYSTEM);
        return SUT_OK;
    }
    ret->method = is_large ? METHOD_LARGE : METHOD;
    return SUT_OK;
}

static SUT_ERR encode(const struct sut_codecs *l, const WebPConfig *c, WebPPicture *p,
                      const struct sut_pixels *x)
{
    const int stride = (int) sut_pixels_stride(x);
    const int has_room = x->channels == 4 ? l->WebPPictureImportRGBA(p, x->p, stride)
                                          : l->WebPPictureImportRGB(p, x->p, stride);
    ENSURE(has_room != 0, NOMEM);
    if (l->WebPEncode(c, p) != 0)
        return SUT_OK;
    ENSURE(p->error_code == VP8_ENC_ERROR_BAD_WRITE || p->error_code == VP8_ENC_ERROR_FILE_TOO_BIG,
           NOMEM);
    FAIL(TOO_LARGE);
}

SUT_ERR sut_webp_encode(const struct sut_codecs *l, const struct sut_pixels *x, bool is_exact,
                        struct sut_buf *ret)
{
    WebPConfig c;
    WebPPicture p;
    WebPMemoryWriter to;
    ENSURE(x->w <= WEBP_MAX_DIMENSION && x->h <= WEBP_MAX_DIMENSION, TOO_LARGE);
    TRY(configure(l, x, is_exact, &c));
    ENSURE(l->WebPPictureInitInternal(&p, WEBP_ENCODER_ABI_VERSION) != 0, SYSTEM);
    l->WebPMemoryWriterInit(&to);
    p.use_argb = is_exact;
    p.width = (int) x->w;
    p.height = (int) x->h;
    p.writer = l->WebPMemoryWrite;
    p.custom_ptr = &to;
    sut_err e = encode(l, &c, &p, x);
    if (!sut_failed(e)) {
        sut_buf_add(ret, (const char *) to.mem, to.size);
        e = sut_buf_check(ret);
    }
    l->WebPPictureFree(&p);
    l->WebPMemoryWriterClear(&to);
    return e;
}
