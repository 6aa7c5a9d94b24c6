/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <jerror.h>

#include "base/mem.h"
#include "darkroom/formats.h"
#include "darkroom/jpeg_int.h"

enum {
    SCANS_MAX = 64, /* a progressive one of an encoder has some ten; each goes over all of it */
    EXIF_MAX = 65533,
    ROWS = 16, /* decoded at a time */
    RGB = 3,
    CMYK = 4,
};

static SUT_ERR parse_failed(void)
{
    FAIL(PARSE);
}
static SUT_ERR too_large(void)
{
    FAIL(TOO_LARGE);
}
static SUT_ERR no_memory(void)
{
    FAIL(NOMEM);
}

_Noreturn void sut_jpeg__leave(j_common_ptr c, sut_err e)
{
    struct sut_jpeg_trouble *const t = (struct sut_jpeg_trouble *) c->err;
    t->e = e;
    longjmp(t->out, 1);
}

_Noreturn static void on_error(j_common_ptr c)
{
    const int code = c->err->msg_code;
    sut_jpeg__leave(c, code == JERR_OUT_OF_MEMORY   ? no_memory()
                       : code == JERR_IMAGE_TOO_BIG ? too_large()
                                                    : parse_failed());
}

/* A negative level is a warning: data that can't be right.  Two are about the wrapping alone. */
static void on_message(j_common_ptr c, int level)
{
    if (level < 0 && c->err->msg_code != JWRN_JFIF_MAJOR && c->err->msg_code != JWRN_ADOBE_XFORM)
        sut_jpeg__leave(c, parse_failed());
}

static void on_output(j_common_ptr c)
{
    (void) c;
}

struct jpeg_error_mgr *sut_jpeg__trouble_init(const struct sut_codecs *l,
                                              struct sut_jpeg_trouble *t)
{
    struct jpeg_error_mgr *const m = l->jpeg_std_error(&t->manager);
    m->error_exit = on_error;
    m->emit_message = on_message;
    m->output_message = on_output;
    return m;
}

/* --- decoding --- */

struct reading {
    const struct sut_codecs *l;
    struct jpeg_decompress_struct in;
    struct jpeg_progress_mgr progress;
    struct sut_jpeg_trouble trouble;
    const struct sut_rows *to; /* NULL: all rows are kept */
    struct sut_pixels pixels;
    unsigned char *rows; /* ROWS of them, as they come */
    unsigned orientation;
    bool is_passed; /* rows go to `to` */
};

static void on_progress(j_common_ptr c)
{
    const struct jpeg_decompress_struct *const in = (const struct jpeg_decompress_struct *) c;
    if (in->input_scan_number > SCANS_MAX)
        sut_jpeg__leave(c, too_large());
}

static unsigned orientation_of(const struct jpeg_decompress_struct *in)
{
    for (const struct jpeg_marker_struct *m = in->marker_list; m != NULL; m = m->next) {
        const unsigned o = sut_exif_orientation(sut_str_of((const char *) m->data, m->data_length));
        if (o != 1)
            return o;
    }
    return 1;
}

/* Adobe's four inks stand inverted in the file, and are taken so by all. */
static void rgb_of_cmyk(unsigned char *row, uint32_t w)
{
    for (uint32_t x = 0; x < w; x++) {
        const unsigned k = row[x * CMYK + 3];
        for (unsigned c = 0; c < RGB; c++)
            row[x * RGB + c] = (unsigned char) ((row[x * CMYK + c] * k + 127) / 255);
    }
}

static sut_err make_room(struct reading *r)
{
    struct jpeg_decompress_struct *const in = &r->in;
    const bool is_turned = r->orientation >= 5;
    r->rows = sut_mem_alloc((size_t) ROWS * in->output_width * CMYK);
    ENSURE(r->rows != NULL, NOMEM);
    r->is_passed = r->to != NULL && r->orientation == 1 && in->out_color_space == JCS_RGB;
    if (r->is_passed) {
        r->pixels =
            (struct sut_pixels){ .w = in->output_width, .h = in->output_height, .channels = RGB };
        return r->to->begin(r->to->ctx, in->output_width, in->output_height);
    }
    return sut_pixels_init(is_turned ? in->output_height : in->output_width,
                           is_turned ? in->output_width : in->output_height, RGB, &r->pixels);
}

/* As many rows as are asked for, into the places of `at`. */
static void read_some(struct reading *r, JSAMPROW *at, uint32_t want)
{
    const uint32_t w = r->in.output_width;
    for (uint32_t n = 0; n < want;)
        n += r->l->jpeg_read_scanlines(&r->in, at + n, want - n);
    for (uint32_t i = 0; i < want && r->in.out_color_space == JCS_CMYK; i++) {
        rgb_of_cmyk(at[i], w);
        if (i > 0)
            memmove(r->rows + (size_t) i * w * RGB, at[i], (size_t) w * RGB);
    }
}

/* Where the next rows are decoded to: their places in the picture, or a room of their own. */
static void place_rows(const struct reading *r, JSAMPROW *at, uint32_t y, uint32_t n)
{
    const bool is_cmyk = r->in.out_color_space == JCS_CMYK;
    const bool is_direct = r->orientation == 1 && !is_cmyk && !r->is_passed;
    for (uint32_t i = 0; i < n; i++)
        at[i] = is_direct ? sut_pixels_row(&r->pixels, y + i)
                          : r->rows + (size_t) i * r->in.output_width * (is_cmyk ? CMYK : RGB);
}

static void read_rows(struct reading *r)
{
    struct jpeg_decompress_struct *const in = &r->in;
    JSAMPROW at[ROWS];
    while (in->output_scanline < in->output_height) {
        const uint32_t y = in->output_scanline;
        const uint32_t left = in->output_height - y;
        const uint32_t n = left < ROWS ? left : ROWS;
        place_rows(r, at, y, n);
        read_some(r, at, n);
        if (r->is_passed) {
            const sut_err e = r->to->rows(r->to->ctx, at, n);
            if (sut_failed(e))
                sut_jpeg__leave((j_common_ptr) in, e);
        } else if (at[0] == r->rows) {
            sut_pixels_place(&r->pixels, r->orientation, in->output_width, in->output_height, y,
                             r->rows, n);
        }
    }
}

/* Each call of libjpeg's may leave by `trouble.out`. */
static sut_err read_all(struct reading *r, sut_str bytes)
{
    struct jpeg_decompress_struct *const in = &r->in;
    r->l->jpeg_CreateDecompress(in, JPEG_LIB_VERSION, sizeof(*in));
    r->progress.progress_monitor = on_progress;
    in->progress = &r->progress;
    r->l->jpeg_save_markers(in, JPEG_APP0 + 1, EXIF_MAX);
    r->l->jpeg_mem_src(in, (const unsigned char *) bytes.p, bytes.n);
    (void) r->l->jpeg_read_header(in, TRUE);
    TRY(sut_pixels_check(in->image_width, in->image_height));
    r->orientation = orientation_of(in);
    const bool is_inks = in->jpeg_color_space == JCS_CMYK || in->jpeg_color_space == JCS_YCCK;
    in->out_color_space = is_inks ? JCS_CMYK : JCS_RGB;
    (void) r->l->jpeg_start_decompress(in);
    TRY(make_room(r));
    read_rows(r);
    (void) r->l->jpeg_finish_decompress(in);
    /* Nothing after its end. */
    ENSURE(in->src->bytes_in_buffer == 0, PARSE);
    return SUT_OK;
}

static sut_err guard_reading(struct reading *r, sut_str bytes)
{
    r->in.err = sut_jpeg__trouble_init(r->l, &r->trouble);
    if (setjmp(r->trouble.out) != 0)
        return r->trouble.e;
    return read_all(r, bytes);
}

SUT_ERR sut_jpeg_decode(const struct sut_codecs *l, sut_str bytes, const struct sut_rows *to,
                        struct sut_pixels *ret)
{
    DEFER(sut_mem_freep) struct reading *r = sut_mem_zalloc(1, sizeof(*r));
    ENSURE(r != NULL, NOMEM);
    r->l = l;
    r->to = to;
    const sut_err e = guard_reading(r, bytes);
    l->jpeg_destroy_decompress(&r->in);
    sut_mem_free(r->rows);
    if (sut_failed(e))
        sut_pixels_done(&r->pixels);
    else
        *ret = r->pixels;
    return e;
}
