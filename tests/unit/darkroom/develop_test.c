/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures are made by the encoders of the layer itself and a few bytes by hand; PngSuite is read
 * where it stands.
 */
#include "darkroom/develop.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "corpora.h"
#include "darkroom/formats.h"

enum { FILE_MAX = 4 << 20, W = 640, H = 480 };

static struct sut_codecs *codecs;

static int load(void **state)
{
    struct sut_diag d = { 0 };
    (void) state;
    return sut_failed(sut_codecs_load(&codecs, &d)) ? -1 : 0;
}

static int unload(void **state)
{
    (void) state;
    sut_codecs_free(&codecs);
    return 0;
}

/* --- what there is to decode --- */

/* Left half red, right half blue, the upper quarter white. */
static void draw(struct sut_pixels *x, uint32_t w, uint32_t h, unsigned channels)
{
    assert_false(sut_failed(sut_pixels_init(w, h, channels, x)));
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t i = 0; i < w; i++) {
            unsigned char *const p = sut_pixels_row(x, y) + (size_t) i * channels;
            const bool is_white = y < h / 4;
            p[0] = is_white || i < w / 2 ? 250 : 5;
            p[1] = is_white ? 250 : 5;
            p[2] = is_white || i >= w / 2 ? 250 : 5;
            if (channels == 4)
                p[3] = i < w / 2 ? 255 : 0;
        }
    }
}

static void make(enum sut_picture_kind kind, unsigned channels, bool is_exact, uint32_t w,
                 uint32_t h, struct sut_buf *to)
{
    struct sut_pixels x = { 0 };
    draw(&x, w, h, channels);
    sut_buf_init(to, FILE_MAX);
    const sut_err e = kind == SUT_PICTURE_JPEG  ? sut_jpeg_encode(codecs, &x, false, to)
                      : kind == SUT_PICTURE_PNG ? sut_png_encode(codecs, &x, to)
                                                : sut_webp_encode(codecs, &x, is_exact, to);
    assert_false(sut_failed(e));
    sut_pixels_done(&x);
}

/* Two images of 4 x 2, the second of which is never shown. */
static const unsigned char gif[] = {
    'G',  'I',  'F',  '8',  '9',  'a',  4,    0, 2,   0,
    0x80, 0,    0,    255,  0,    0,    0,    0, 255, /* 2 colours */
    0x21, 0xf9, 4,    1,    0,    0,    1,    0,      /* blue is transparent */
    0x2c, 0,    0,    0,    0,    4,    0,    2, 0,   0,
    2,    5,    0x04, 0x98, 0x10, 0x60, 0x52, 0, /* 0 0 1 1 / 0 0 1 1 */
    0x2c, 0,    0,    0,    0,    4,    0,    2, 0,   0,
    2,    5,    0x04, 0x98, 0x10, 0x60, 0x52, 0, /* again */
    0x3b,
};

static sut_err develop(const void *p, size_t n, struct sut_picture *ret)
{
    *ret = (struct sut_picture){ .width = 0 };
    /* A copy without a byte to spare: reading past its end shows. */
    char *const copy = sut_mem_alloc(n > 0 ? n : 1);
    assert_non_null(copy);
    if (n > 0)
        memcpy(copy, p, n);
    const sut_err e = sut_develop(codecs, sut_str_of(copy, n), ret);
    sut_mem_free(copy);
    return e;
}

static void expect_code(const void *p, size_t n, enum sut_ecode code)
{
    struct sut_picture got;
    const sut_err e = develop(p, n, &got);
    if (e.code != code)
        fail_msg("%zu bytes: %s and not %s", n, sut_err_info(e.code)->name,
                 sut_err_info(code)->name);
    if (!sut_failed(e))
        sut_picture_done(&got);
}

static void decode_file(const struct sut_picture *p, enum sut_picture_file which,
                        struct sut_pixels *ret)
{
    const sut_str s = sut_buf_str(&p->files[which]);
    bool is_exact = false;
    const sut_err e = p->kind == SUT_PICTURE_JPEG  ? sut_jpeg_decode(codecs, s, NULL, ret)
                      : p->kind == SUT_PICTURE_PNG ? sut_png_decode(codecs, s, ret)
                                                   : sut_webp_decode(codecs, s, ret, &is_exact);
    assert_false(sut_failed(e));
}

static void expect_near(const struct sut_pixels *x, uint32_t at_x, uint32_t at_y, int r, int g,
                        int b)
{
    const unsigned char *const p = sut_pixels_row(x, at_y) + (size_t) at_x * x->channels;
    const int want[] = { r, g, b };
    for (int c = 0; c < 3; c++)
        if (p[c] - want[c] > 24 || want[c] - p[c] > 24)
            fail_msg("(%u, %u): %u %u %u", at_x, at_y, p[0], p[1], p[2]);
}

/* The three files, of the sizes that they must have, with the drawing on them. */
static void expect_drawing(const struct sut_picture *p, uint32_t w, uint32_t h)
{
    assert_int_equal(p->width, w);
    assert_int_equal(p->height, h);
    for (int k = 0; k < SUT_PICTURE_FILES; k++) {
        struct sut_pixels x = { 0 };
        uint32_t to_w = w;
        uint32_t to_h = h;
        if (k == SUT_PICTURE_THUMBNAIL)
            sut_pixels_fit(w, h, SUT_PICTURE_THUMBNAIL_W, SUT_PICTURE_THUMBNAIL_H, &to_w, &to_h);
        if (k == SUT_PICTURE_LARGER)
            sut_pixels_fit(w, h, SUT_PICTURE_LARGE, SUT_PICTURE_LARGE, &to_w, &to_h);
        decode_file(p, (enum sut_picture_file) k, &x);
        assert_int_equal(x.w, to_w);
        assert_int_equal(x.h, to_h);
        expect_near(&x, x.w / 4, x.h / 8, 250, 250, 250);
        expect_near(&x, x.w / 4, x.h / 2, 250, 5, 5);
        if (x.channels == 3)
            expect_near(&x, x.w - x.w / 4, x.h / 2, 5, 5, 250);
        else
            assert_int_equal(sut_pixels_row(&x, x.h / 2)[(x.w - x.w / 4) * 4 + 3], 0);
        sut_pixels_done(&x);
    }
}

static bool holds(const struct sut_picture *p, const char *text)
{
    for (size_t k = 0; k < SUT_PICTURE_FILES; k++)
        if (memmem(p->files[k].p, p->files[k].n, text, strlen(text)) != NULL)
            return true;
    return false;
}

/* --- good ones --- */

static void each_kind_is_written_anew_in_three_sizes(void **state)
{
    static const struct {
        enum sut_picture_kind kind;
        unsigned channels;
        bool is_exact;
        uint32_t w;
        uint32_t h;
    } rows[] = {
        { SUT_PICTURE_JPEG, 3, false, W, H },     { SUT_PICTURE_JPEG, 3, false, 1600, 2000 },
        { SUT_PICTURE_PNG, 3, false, W, H },      { SUT_PICTURE_PNG, 4, false, 1500, 700 },
        { SUT_PICTURE_WEBP, 3, false, W, H },     { SUT_PICTURE_WEBP, 4, false, W, H },
        { SUT_PICTURE_WEBP, 3, true, 1300, 500 }, { SUT_PICTURE_WEBP, 4, true, W, H },
        { SUT_PICTURE_JPEG, 3, false, 16, 16 },   { SUT_PICTURE_PNG, 4, false, 8, 8 },
    };
    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sut_buf file;
        struct sut_picture p;
        make(rows[i].kind, rows[i].channels, rows[i].is_exact, rows[i].w, rows[i].h, &file);
        assert_false(sut_failed(develop(file.p, file.n, &p)));
        assert_int_equal(p.kind, rows[i].kind);
        expect_drawing(&p, rows[i].w, rows[i].h);
        struct sut_pixels x = { 0 };
        bool is_exact = false;
        if (rows[i].kind == SUT_PICTURE_WEBP) {
            assert_false(
                sut_failed(sut_webp_decode(codecs, sut_buf_str(&p.files[0]), &x, &is_exact)));
            assert_int_equal(is_exact, rows[i].is_exact);
            sut_pixels_done(&x);
        }
        sut_picture_done(&p);
        sut_buf_done(&file);
    }
}

static void a_gif_becomes_the_png_of_its_first_image(void **state)
{
    struct sut_picture p;
    struct sut_pixels x = { 0 };
    (void) state;
    const sut_err e = develop(gif, sizeof(gif), &p);
    if (sut_failed(e))
        fail_msg("%s %s:%d", sut_err_info(e.code)->name, e.at->file, e.at->line);
    assert_int_equal(p.kind, SUT_PICTURE_PNG);
    assert_int_equal(p.width, 4);
    assert_int_equal(p.height, 2);
    decode_file(&p, SUT_PICTURE_FULL, &x);
    assert_int_equal(x.channels, 4);
    static const unsigned char want[] = { 255, 0, 0, 255, 255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0 };
    assert_memory_equal(x.p, want, sizeof(want));
    sut_pixels_done(&x);
    sut_picture_done(&p);
}

static void pixels_of_our_own_are_printed(void **state)
{
    struct sut_pixels x = { 0 };
    struct sut_picture p;
    (void) state;
    draw(&x, W, H, 3);
    const sut_str rgb = sut_str_of((const char *) x.p, (size_t) W * H * 3);
    assert_false(sut_failed(sut_develop_print(codecs, rgb, W, H, &p)));
    assert_int_equal(p.kind, SUT_PICTURE_JPEG);
    expect_drawing(&p, W, H);
    sut_picture_done(&p);
    assert_int_equal(sut_develop_print(codecs, rgb, W, H + 1, &p).code, SUT_E_INVALID);
    assert_int_equal(sut_develop_print(codecs, rgb, UINT32_MAX, UINT32_MAX, &p).code,
                     SUT_E_TOO_LARGE);
    sut_pixels_done(&x);
}

/* --- metadata --- */

/* The JPEG with a segment after its first two bytes. */
static void add_segment(const struct sut_buf *jpeg, unsigned char marker, const void *p, size_t n,
                        struct sut_buf *to)
{
    const unsigned char head[] = { 0xff, marker, (unsigned char) ((n + 2) >> 8),
                                   (unsigned char) (n + 2) };
    sut_buf_init(to, FILE_MAX);
    sut_buf_add(to, jpeg->p, 2);
    sut_buf_add(to, (const char *) head, sizeof(head));
    sut_buf_add(to, p, n);
    sut_buf_add(to, jpeg->p + 2, jpeg->n - 2);
}

/* EXIF with an orientation and a place on the earth. */
static size_t exif_of(unsigned char to[64], unsigned orientation, bool is_big_endian)
{
    static const unsigned char little[] = { 'E', 'x', 'i', 'f', 0,   0,    'I',  'I',  42, 0, 8,
                                            0,   0,   0,   2,   0,   0x12, 1,    3,    0,  1, 0,
                                            0,   0,   0,   0,   0,   0,    0x25, 0x88, 2,  0, 4,
                                            0,   0,   0,   'G', 'P', 'S',  '!',  0,    0,  0, 0 };
    static const unsigned char big[] = { 'E', 'x', 'i', 'f', 0,   0,   'M',  'M',  0, 42, 0,
                                         0,   0,   8,   0,   2,   1,   0x12, 0,    3, 0,  0,
                                         0,   1,   0,   0,   0,   0,   0x88, 0x25, 0, 2,  0,
                                         0,   0,   4,   'G', 'P', 'S', '!',  0,    0, 0,  0 };
    memcpy(to, is_big_endian ? big : little, sizeof(big));
    to[is_big_endian ? 25 : 24] = (unsigned char) orientation;
    return sizeof(big);
}

static void a_picture_comes_out_upright_and_without_its_place(void **state)
{
    struct sut_buf jpeg;
    (void) state;
    make(SUT_PICTURE_JPEG, 3, false, W, H, &jpeg);
    for (unsigned o = 1; o <= 8; o++) {
        for (int is_big = 0; is_big < 2; is_big++) {
            unsigned char exif[64];
            struct sut_buf file;
            struct sut_picture p;
            struct sut_pixels x = { 0 };
            const size_t n = exif_of(exif, o, is_big != 0);
            assert_int_equal(sut_exif_orientation(sut_str_of((const char *) exif, n)), o);
            add_segment(&jpeg, 0xe1, exif, n, &file);
            assert_false(sut_failed(develop(file.p, file.n, &p)));
            assert_int_equal(p.width, o >= 5 ? H : W);
            assert_false(holds(&p, "Exif"));
            assert_false(holds(&p, "GPS!"));
            decode_file(&p, SUT_PICTURE_FULL, &x);
            /* Where the white edge is. */
            const uint32_t ex = o == 5 || o == 8 ? 9 : o == 6 || o == 7 ? x.w - 9 : x.w / 4;
            const uint32_t ey = o <= 2 ? 9 : o == 3 || o == 4 ? x.h - 9 : x.h / 4;
            expect_near(&x, ex, ey, 250, 250, 250);
            expect_near(&x, x.w - 1 - ex, x.h - 1 - ey,
                        o == 1 || o == 4 || o == 5 || o == 6 ? 5 : 250, 5,
                        o == 1 || o == 4 || o == 5 || o == 6 ? 250 : 5);
            sut_pixels_done(&x);
            sut_picture_done(&p);
            sut_buf_done(&file);
        }
    }
    sut_buf_done(&jpeg);
}

static void exif_that_is_none_says_upright(void **state)
{
    unsigned char exif[64];
    (void) state;
    const size_t n = exif_of(exif, 6, false);
    for (size_t k = 0; k < n; k++)
        (void) sut_exif_orientation(sut_str_of((const char *) exif, k));
    exif[24] = 9;
    assert_int_equal(sut_exif_orientation(sut_str_of((const char *) exif, n)), 1);
    exif[24] = 6;
    memset(exif + 10, 0xff, 4);
    assert_int_equal(sut_exif_orientation(sut_str_of((const char *) exif, n)), 1);
    assert_int_equal(sut_exif_orientation(SUT_STR("")), 1);
}

static void comments_and_profiles_are_gone(void **state)
{
    static const char word[] = "<script>secret</script>";
    static const unsigned char markers[] = { 0xfe, 0xe1, 0xe2, 0xed };
    struct sut_buf jpeg;
    (void) state;
    make(SUT_PICTURE_JPEG, 3, false, W, H, &jpeg);
    for (size_t i = 0; i < sizeof(markers); i++) {
        struct sut_buf file;
        struct sut_picture p;
        add_segment(&jpeg, markers[i], word, sizeof(word), &file);
        assert_false(sut_failed(develop(file.p, file.n, &p)));
        assert_false(holds(&p, "secret"));
        sut_picture_done(&p);
        sut_buf_done(&file);
    }
    sut_buf_done(&jpeg);
}

/* --- bad ones --- */

static void what_is_no_picture_is_invalid(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        "<?xml version=\"1.0\"?><svg/>",
        "BM6\1\0\0",
        "%PDF-1.4",
        "PK\3\4",
        "MZ",
        "II*\0",
        "GIF88a",
        "RIFF\1\1\1\1WAVE",
        "<html>",
        "\xff\xd8",
        "#!/bin/sh\n",
        "ftypavif",
        "\0\0\1\0",
    };
    (void) state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        expect_code(texts[i], strlen(texts[i]), SUT_E_INVALID);
}

static void one_that_is_cut_short_is_broken(void **state)
{
    static const enum sut_picture_kind kinds[] = { SUT_PICTURE_JPEG, SUT_PICTURE_PNG,
                                                   SUT_PICTURE_WEBP };
    (void) state;
    for (size_t i = 0; i < 3; i++) {
        struct sut_buf file;
        make(kinds[i], 3, false, 64, 48, &file);
        for (size_t n = 16; n < file.n; n++)
            expect_code(file.p, n, SUT_E_PARSE);
        sut_buf_done(&file);
    }
    for (size_t n = 6; n < sizeof(gif); n++)
        expect_code(gif, n, SUT_E_PARSE);
}

/* Two files in one: what another program would read begins after the picture's end. */
static void one_with_bytes_after_its_end_is_broken(void **state)
{
    static const char *const tails[] = { "\n",
                                         "PK\3\4\24\0\0\0",
                                         "<html><script>alert(1)</script>",
                                         "*/=1;alert(1)",
                                         "\0\0\0\0",
                                         "\xff\xd9",
                                         ";" };
    static const enum sut_picture_kind kinds[] = { SUT_PICTURE_JPEG, SUT_PICTURE_PNG,
                                                   SUT_PICTURE_WEBP };
    (void) state;
    for (size_t k = 0; k < sizeof(tails) / sizeof(tails[0]); k++) {
        const size_t n = k == 4 ? 4 : strlen(tails[k]);
        for (size_t i = 0; i < 4; i++) {
            struct sut_buf file;
            if (i < 3) {
                make(kinds[i], 3, false, 64, 48, &file);
            } else {
                sut_buf_init(&file, FILE_MAX);
                sut_buf_add(&file, (const char *) gif, sizeof(gif));
            }
            sut_buf_add(&file, tails[k], n);
            expect_code(file.p, file.n, SUT_E_PARSE);
            sut_buf_done(&file);
        }
    }
}

/* Whatever bit is turned: a picture, or refused; PNG tells each. */
static void one_with_a_bit_turned_does_no_harm(void **state)
{
    static const enum sut_picture_kind kinds[] = { SUT_PICTURE_JPEG, SUT_PICTURE_PNG,
                                                   SUT_PICTURE_WEBP };
    (void) state;
    for (size_t i = 0; i < 4; i++) {
        struct sut_buf file;
        if (i < 3) {
            make(kinds[i], 3, false, 32, 24, &file);
        } else {
            sut_buf_init(&file, FILE_MAX);
            sut_buf_add(&file, (const char *) gif, sizeof(gif));
        }
        for (size_t at = 0; at < file.n; at++) {
            struct sut_picture p;
            const char bit = (char) (1 << at % 8);
            file.p[at] = (char) (file.p[at] ^ bit);
            const sut_err e = develop(file.p, file.n, &p);
            if (!sut_failed(e)) {
                sut_picture_done(&p);
                if (i == 1)
                    fail_msg("a PNG with a bit turned at %zu", at);
            } else if (e.code != SUT_E_PARSE && e.code != SUT_E_INVALID &&
                       e.code != SUT_E_TOO_LARGE) {
                fail_msg("%zu: %s", at, sut_err_info(e.code)->name);
            }
            file.p[at] = (char) (file.p[at] ^ bit);
        }
        sut_buf_done(&file);
    }
}

/* Heads that speak of more pixels than may be: refused by them. */
static void a_bomb_is_refused_by_its_head(void **state)
{
    /* 50,000 x 50,000 */
    static const unsigned char png[] = { 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00,
                                         0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0xc3, 0x50,
                                         0x00, 0x00, 0xc3, 0x50, 0x08, 0x02, 0x00, 0x00, 0x00, 0xc4,
                                         0xcd, 0xaa, 0x9d, 0x00, 0x00, 0x00, 0x00, 0x49, 0x44, 0x41,
                                         0x54, 0x35, 0xaf, 0x06, 0x1e, 0x00, 0x00, 0x00, 0x00, 0x49,
                                         0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82 };
    unsigned char big_gif[sizeof(gif)];
    struct sut_buf jpeg;
    (void) state;
    expect_code(png, sizeof(png), SUT_E_TOO_LARGE);
    memcpy(big_gif, gif, sizeof(gif));
    memset(big_gif + 6, 0xff, 4);
    expect_code(big_gif, sizeof(big_gif), SUT_E_TOO_LARGE);
    make(SUT_PICTURE_JPEG, 3, false, 32, 24, &jpeg);
    char *const frame = memmem(jpeg.p, jpeg.n, "\xff\xc0", 2);
    assert_non_null(frame);
    memset(frame + 5, 0xf0, 4);
    expect_code(jpeg.p, jpeg.n, SUT_E_TOO_LARGE);
    sut_buf_done(&jpeg);
}

static void more_bytes_than_may_be_sent_are_not_looked_at(void **state)
{
    (void) state;
    char *const p = sut_mem_zalloc(1, SUT_PICTURE_BYTES_MAX + 1);
    assert_non_null(p);
    expect_code(p, SUT_PICTURE_BYTES_MAX + 1, SUT_E_TOO_LARGE);
    expect_code(p, SUT_PICTURE_BYTES_MAX, SUT_E_INVALID);
    sut_mem_free(p);
}

/* --- PngSuite --- */

static void each_file_of(const char *folder, const char *broken, size_t least)
{
    char path[SUT_CORPORA_PATH_MAX];
    char name[SUT_CORPORA_PATH_MAX + 300];
    size_t seen = 0;
    if (!corpora_path(folder, path))
        skip();
    DIR *const d = opendir(path);
    assert_non_null(d);
    for (struct dirent *f = readdir(d); f != NULL; f = readdir(d)) {
        const size_t n = strlen(f->d_name);
        if (n < 4 || strcmp(f->d_name + n - 4, ".png") != 0)
            continue;
        (void) snprintf(name, sizeof(name), "%s/%s", path, f->d_name);
        const sut_str s = corpora_read(name);
        struct sut_picture p;
        assert_non_null(s.p);
        const bool is_broken = broken == NULL || f->d_name[0] == broken[0];
        const sut_err e = develop(s.p, s.n, &p);
        if (e.code != (is_broken ? SUT_E_PARSE : SUT_E_OK))
            fail_msg("%s: %s", f->d_name, sut_err_info(e.code)->name);
        if (!sut_failed(e))
            sut_picture_done(&p);
        sut_mem_free((void *) (uintptr_t) s.p);
        seen++;
    }
    (void) closedir(d);
    assert_true(seen >= least);
}

/* Those whose names begin with x are broken, each in its own way. */
static void pngsuite_comes_through_but_for_what_is_broken(void **state)
{
    (void) state;
    each_file_of("pngsuite/tests/images", "x", 175);
}

static void what_crashed_others_is_refused(void **state)
{
    (void) state;
    each_file_of("pngsuite/tests/crashers", NULL, 27);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_written_anew_in_three_sizes),
        cmocka_unit_test(a_gif_becomes_the_png_of_its_first_image),
        cmocka_unit_test(pixels_of_our_own_are_printed),
        cmocka_unit_test(a_picture_comes_out_upright_and_without_its_place),
        cmocka_unit_test(exif_that_is_none_says_upright),
        cmocka_unit_test(comments_and_profiles_are_gone),
        cmocka_unit_test(what_is_no_picture_is_invalid),
        cmocka_unit_test(one_that_is_cut_short_is_broken),
        cmocka_unit_test(one_with_bytes_after_its_end_is_broken),
        cmocka_unit_test(one_with_a_bit_turned_does_no_harm),
        cmocka_unit_test(a_bomb_is_refused_by_its_head),
        cmocka_unit_test(more_bytes_than_may_be_sent_are_not_looked_at),
        cmocka_unit_test(pngsuite_comes_through_but_for_what_is_broken),
        cmocka_unit_test(what_crashed_others_is_refused),
    };
    return cmocka_run_group_tests_name("darkroom_develop", tests, load, unload);
}
