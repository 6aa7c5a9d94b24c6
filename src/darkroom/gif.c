/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "darkroom/formats.h"

enum { GRAPHICS_BYTES = 4, HAS_TRANSPARENT = 1, COLOURS_MAX = 256 };

/* What is left of the bytes. */
struct source {
    const unsigned char *p;
    size_t n;
};

struct gif {
    const struct sut_codecs *l;
    GifFileType *file;
    struct source source;
    int transparent; /* the colour of the next image that is none; -1: all are */
};

static int read_bytes(GifFileType *f, GifByteType *to, int n)
{
    struct source *const s = f->UserData;
    const size_t want = n < 0 ? 0 : (size_t) n;
    const size_t k = want < s->n ? want : s->n;
    if (k > 0)
        memcpy(to, s->p, k);
    s->p += k;
    s->n -= k;
    return (int) k;
}

static SUT_ERR outcome(const struct gif *g, int code)
{
    if (code == GIF_OK)
        return SUT_OK;
    ENSURE(g->file->Error != D_GIF_ERR_NOT_ENOUGH_MEM, NOMEM);
    FAIL(PARSE);
}

/* What the one extension says that changes how the next image looks. */
static SUT_ERR read_extension(struct gif *g)
{
    int code = 0;
    GifByteType *block = NULL;
    TRY(outcome(g, g->l->DGifGetExtension(g->file, &code, &block)));
    while (block != NULL) {
        if (code == GRAPHICS_EXT_FUNC_CODE && block[0] >= GRAPHICS_BYTES)
            g->transparent = (block[1] & HAS_TRANSPARENT) != 0 ? block[4] : NO_TRANSPARENT_COLOR;
        TRY(outcome(g, g->l->DGifGetExtensionNext(g->file, &block)));
    }
    return SUT_OK;
}

static SUT_ERR skip_image(struct gif *g)
{
    int size = 0;
    GifByteType *block = NULL;
    TRY(outcome(g, g->l->DGifGetImageDesc(g->file)));
    TRY(outcome(g, g->l->DGifGetCode(g->file, &size, &block)));
    while (block != NULL)
        TRY(outcome(g, g->l->DGifGetCodeNext(g->file, &block)));
    return SUT_OK;
}

/* To the next image, or (PARSE where there must be one) to the end. */
static SUT_ERR next_image(struct gif *g, bool *ret_is_end)
{
    for (;;) {
        GifRecordType type = UNDEFINED_RECORD_TYPE;
        TRY(outcome(g, g->l->DGifGetRecordType(g->file, &type)));
        *ret_is_end = type == TERMINATE_RECORD_TYPE;
        if (*ret_is_end || type == IMAGE_DESC_RECORD_TYPE)
            return SUT_OK;
        ENSURE(type == EXTENSION_RECORD_TYPE, PARSE);
        TRY(read_extension(g));
    }
}

static SUT_ERR draw_row(const struct gif *g, const ColorMapObject *map, const unsigned char *row,
                        uint32_t y, struct sut_pixels *to)
{
    const GifImageDesc *const d = &g->file->Image;
    unsigned char *at = sut_pixels_row(to, (uint32_t) d->Top + y) + (size_t) d->Left * to->channels;
    for (int x = 0; x < d->Width; x++, at += to->channels) {
        if (row[x] == g->transparent)
            continue;
        ENSURE(row[x] < map->ColorCount, PARSE);
        const GifColorType *const c = &map->Colors[row[x]];
        at[0] = c->Red;
        at[1] = c->Green;
        at[2] = c->Blue;
        if (to->channels == 4)
            at[3] = UINT8_MAX;
    }
    return SUT_OK;
}

/* The rows come in four passes when they are interlaced. */
static SUT_ERR draw_rows(const struct gif *g, const ColorMapObject *map, unsigned char *row,
                         struct sut_pixels *to)
{
    static const struct {
        uint32_t first;
        uint32_t step;
    } passes[] = { { 0, 8 }, { 4, 8 }, { 2, 4 }, { 1, 2 } };
    const GifImageDesc *const d = &g->file->Image;
    const uint32_t h = (uint32_t) d->Height;
    const size_t n = d->Interlace ? sizeof(passes) / sizeof(passes[0]) : 1;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t y = passes[i].first; y < h; y += d->Interlace ? passes[i].step : 1) {
            TRY(outcome(g, g->l->DGifGetLine(g->file, row, d->Width)));
            TRY(draw_row(g, map, row, y, to));
        }
    }
    return SUT_OK;
}

/* The first image, on the canvas that the file speaks of or as large as it needs. */
static SUT_ERR draw_first(struct gif *g, struct sut_pixels *ret)
{
    bool is_end = false;
    TRY(next_image(g, &is_end));
    ENSURE(!is_end, PARSE);
    TRY(outcome(g, g->l->DGifGetImageDesc(g->file)));
    const GifImageDesc *const d = &g->file->Image;
    const ColorMapObject *const map = d->ColorMap != NULL ? d->ColorMap : g->file->SColorMap;
    ENSURE(map != NULL && map->ColorCount <= COLOURS_MAX, PARSE);
    ENSURE(d->Width > 0 && d->Height > 0 && d->Left >= 0 && d->Top >= 0, PARSE);
    const int right = d->Left + d->Width;
    const int bottom = d->Top + d->Height;
    const int w = g->file->SWidth > right ? g->file->SWidth : right;
    const int h = g->file->SHeight > bottom ? g->file->SHeight : bottom;
    const bool is_covered = d->Width == w && d->Height == h && g->transparent < 0;
    TRY(sut_pixels_init((uint32_t) w, (uint32_t) h, is_covered ? 3 : 4, ret));
    memset(ret->p, 0, sut_pixels_stride(ret) * ret->h);
    DEFER(sut_mem_freep) unsigned char *row = sut_mem_alloc((size_t) d->Width);
    ENSURE(row != NULL, NOMEM);
    return draw_rows(g, map, row, ret);
}

static SUT_ERR decode(struct gif *g, struct sut_pixels *ret)
{
    TRY(sut_pixels_check(g->file->SWidth > 0 ? (uint64_t) g->file->SWidth : 1,
                         g->file->SHeight > 0 ? (uint64_t) g->file->SHeight : 1));
    TRY(draw_first(g, ret));
    for (;;) {
        bool is_end = false;
        TRY(next_image(g, &is_end));
        if (is_end)
            break;
        TRY(skip_image(g));
    }
    /* Nothing after its end. */
    ENSURE(g->source.n == 0, PARSE);
    return SUT_OK;
}

SUT_ERR sut_gif_decode(const struct sut_codecs *l, sut_str bytes, struct sut_pixels *ret)
{
    struct gif g = { .l = l,
                     .source = { .p = (const unsigned char *) bytes.p, .n = bytes.n },
                     .transparent = NO_TRANSPARENT_COLOR };
    int code = 0;
    g.file = l->DGifOpen(&g.source, read_bytes, &code);
    if (g.file == NULL) {
        ENSURE(code != D_GIF_ERR_NOT_ENOUGH_MEM, NOMEM);
        FAIL(PARSE);
    }
    struct sut_pixels x = { 0 };
    const sut_err e = decode(&g, &x);
    (void) l->DGifCloseFile(g.file, &code);
    if (sut_failed(e))
        sut_pixels_done(&x);
    else
        *ret = x;
    return e;
}
