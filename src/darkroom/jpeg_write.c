/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "darkroom/formats.h"
#include "darkroom/jpeg_int.h"
#include "ipc/darkroom.h"

enum { ROWS = 16, RGB = 3, FIRST_ROOM = 64 * 1024 };

static SUT_ERR too_large(void)
{
    FAIL(TOO_LARGE);
}
static SUT_ERR no_memory(void)
{
    FAIL(NOMEM);
}

struct sut_jpeg_writer {
    const struct sut_codecs *l;
    struct jpeg_compress_struct out;
    struct jpeg_destination_mgr to;
    struct sut_jpeg_trouble trouble;
    struct sut_buf *buf;
};

static void give_room(j_compress_ptr c, size_t n)
{
    struct sut_jpeg_writer *const w = c->client_data;
    const size_t left = w->buf->max - w->buf->n;
    const size_t take = n < left ? n : left;
    char *const room = take == 0 ? NULL : sut_buf_room(w->buf, take);
    if (room == NULL)
        sut_jpeg__leave((j_common_ptr) c, take == 0 ? too_large() : no_memory());
    w->to.next_output_byte = (JOCTET *) room;
    w->to.free_in_buffer = take;
}

static void on_begin(j_compress_ptr c)
{
    give_room(c, FIRST_ROOM);
}

/* libjpeg means all of the room that it was given. */
static boolean on_full(j_compress_ptr c)
{
    struct sut_jpeg_writer *const w = c->client_data;
    const char *const begin = w->buf->p + w->buf->n;
    const char *const end = (const char *) w->to.next_output_byte + w->to.free_in_buffer;
    w->buf->n += (size_t) (end - begin);
    give_room(c, w->buf->n);
    return TRUE;
}

static void on_end(j_compress_ptr c)
{
    struct sut_jpeg_writer *const w = c->client_data;
    w->buf->n += (size_t) ((const char *) w->to.next_output_byte - (w->buf->p + w->buf->n));
}

static sut_err begin(struct sut_jpeg_writer *w, uint32_t width, uint32_t height, bool is_tight)
{
    struct jpeg_compress_struct *const out = &w->out;
    out->err = sut_jpeg__trouble_init(w->l, &w->trouble);
    if (setjmp(w->trouble.out) != 0)
        return w->trouble.e;
    w->l->jpeg_CreateCompress(out, JPEG_LIB_VERSION, sizeof(*out));
    out->client_data = w;
    out->dest = &w->to;
    out->image_width = width;
    out->image_height = height;
    out->input_components = RGB;
    out->in_color_space = JCS_RGB;
    w->l->jpeg_set_defaults(out);
    w->l->jpeg_set_quality(out, SUT_PICTURE_QUALITY, TRUE);
    out->optimize_coding = is_tight ? TRUE : FALSE;
    w->l->jpeg_start_compress(out, TRUE);
    return SUT_OK;
}

SUT_ERR sut_jpeg_writer_create(const struct sut_codecs *l, uint32_t width, uint32_t height,
                               bool is_tight, struct sut_buf *to, struct sut_jpeg_writer **ret)
{
    DEFER(sut_jpeg_writer_free) struct sut_jpeg_writer *w = sut_mem_zalloc(1, sizeof(*w));
    ENSURE(w != NULL, NOMEM);
    w->l = l;
    w->buf = to;
    w->to = (struct jpeg_destination_mgr){ .init_destination = on_begin,
                                           .empty_output_buffer = on_full,
                                           .term_destination = on_end };
    TRY(begin(w, width, height, is_tight));
    *ret = STEAL(w);
    return SUT_OK;
}

void sut_jpeg_writer_free(struct sut_jpeg_writer **w)
{
    if (*w == NULL)
        return;
    (*w)->l->jpeg_destroy_compress(&(*w)->out);
    sut_mem_freep(w);
}

SUT_ERR sut_jpeg_writer_rows(struct sut_jpeg_writer *w, unsigned char *const *rows, uint32_t n)
{
    JSAMPROW at[ROWS];
    ENSURE(n <= ROWS, INVALID);
    memcpy(at, rows, n * sizeof(*rows));
    if (setjmp(w->trouble.out) != 0)
        return w->trouble.e;
    (void) w->l->jpeg_write_scanlines(&w->out, at, n);
    return SUT_OK;
}

SUT_ERR sut_jpeg_writer_finish(struct sut_jpeg_writer *w)
{
    if (setjmp(w->trouble.out) != 0)
        return w->trouble.e;
    w->l->jpeg_finish_compress(&w->out);
    return SUT_OK;
}

SUT_ERR sut_jpeg_encode(const struct sut_codecs *l, const struct sut_pixels *x, bool is_tight,
                        struct sut_buf *ret)
{
    DEFER(sut_jpeg_writer_free) struct sut_jpeg_writer *w = NULL;
    ENSURE(x->channels == RGB, INVALID);
    TRY(sut_jpeg_writer_create(l, x->w, x->h, is_tight, ret, &w));
    for (uint32_t y = 0; y < x->h;) {
        unsigned char *rows[ROWS];
        uint32_t n = 0;
        for (; n < ROWS && y < x->h; n++, y++)
            rows[n] = sut_pixels_row(x, y);
        TRY(sut_jpeg_writer_rows(w, rows, n));
    }
    return sut_jpeg_writer_finish(w);
}
