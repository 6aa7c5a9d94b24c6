/* SPDX-License-Identifier: Apache-2.0 */
#include "darkroom/pixels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ipc/darkroom.h"

static void expect_fit(uint32_t w, uint32_t h, uint32_t max_w, uint32_t max_h, uint32_t to_w,
                       uint32_t to_h)
{
    uint32_t got_w = 0;
    uint32_t got_h = 0;
    sut_pixels_fit(w, h, max_w, max_h, &got_w, &got_h);
    if (got_w != to_w || got_h != to_h)
        fail_msg("%ux%u into %ux%u: %ux%u", w, h, max_w, max_h, got_w, got_h);
}

static void a_picture_is_fitted_and_never_enlarged(void **state)
{
    (void) state;
    expect_fit(300, 200, 300, 200, 300, 200);
    expect_fit(10, 20, 300, 200, 10, 20);
    expect_fit(600, 400, 300, 200, 300, 200);
    expect_fit(4000, 3000, 300, 200, 267, 200);
    expect_fit(3000, 4000, 1200, 1200, 900, 1200);
    expect_fit(65535, 1, 300, 200, 300, 1);
    expect_fit(1, 65535, 300, 200, 1, 200);
    expect_fit(301, 100, 300, 200, 300, 100);
}

static void a_size_is_judged_before_there_is_room(void **state)
{
    (void) state;
    assert_int_equal(sut_pixels_check(0, 5).code, SUT_E_PARSE);
    assert_int_equal(sut_pixels_check(8000, 5000).code, SUT_E_OK);
    assert_int_equal(sut_pixels_check(8001, 5000).code, SUT_E_TOO_LARGE);
    assert_int_equal(sut_pixels_check(50000, 50000).code, SUT_E_TOO_LARGE);
    assert_int_equal(sut_pixels_check(UINT32_MAX, UINT32_MAX).code, SUT_E_TOO_LARGE);
    assert_int_equal(sut_pixels_check(UINT64_MAX, UINT64_MAX).code, SUT_E_TOO_LARGE);
    assert_int_equal(sut_pixels_check(65536, 1).code, SUT_E_TOO_LARGE);
}

/* The same by the definition: each new pixel is the sum over all old ones by their overlap. */
static unsigned by_definition(const struct sut_pixels *x, uint32_t w, uint32_t h, uint32_t at_x,
                              uint32_t at_y, unsigned c)
{
    uint64_t sum = 0;
    uint64_t weights = 0;
    for (uint64_t y = 0; y < x->h; y++) {
        for (uint64_t k = 0; k < x->w; k++) {
            const uint64_t left = k * w > (uint64_t) at_x * x->w ? k * w : (uint64_t) at_x * x->w;
            const uint64_t right = (k + 1) * w < (uint64_t) (at_x + 1) * x->w
                                       ? (k + 1) * w
                                       : (uint64_t) (at_x + 1) * x->w;
            const uint64_t top = y * h > (uint64_t) at_y * x->h ? y * h : (uint64_t) at_y * x->h;
            const uint64_t bottom = (y + 1) * h < (uint64_t) (at_y + 1) * x->h
                                        ? (y + 1) * h
                                        : (uint64_t) (at_y + 1) * x->h;
            if (right <= left || bottom <= top)
                continue;
            const unsigned char *const p = sut_pixels_row(x, (uint32_t) y) + k * x->channels;
            const uint64_t area = (right - left) * (bottom - top);
            const uint64_t weight = x->channels == 4 && c < 3 ? area * p[3] : area;
            sum += weight * p[c];
            weights += weight;
        }
    }
    return weights == 0 ? 0 : (unsigned) ((sum + weights / 2) / weights);
}

static void expect_shrunk(uint32_t from_w, uint32_t from_h, uint32_t w, uint32_t h,
                          unsigned channels)
{
    struct sut_pixels x = { 0 };
    struct sut_pixels small = { 0 };
    assert_false(sut_failed(sut_pixels_init(from_w, from_h, channels, &x)));
    uint32_t seed = from_w * 31 + from_h;
    for (size_t i = 0; i < sut_pixels_stride(&x) * x.h; i++) {
        seed = seed * 1103515245U + 12345U;
        x.p[i] = (unsigned char) (seed >> 16);
    }
    assert_false(sut_failed(sut_pixels_shrink(&x, w, h, &small)));
    assert_int_equal(small.w, w);
    assert_int_equal(small.h, h);
    for (uint32_t at_y = 0; at_y < h; at_y++)
        for (uint32_t at_x = 0; at_x < w; at_x++)
            for (unsigned c = 0; c < channels; c++)
                if (sut_pixels_row(&small, at_y)[at_x * channels + c] !=
                    by_definition(&x, w, h, at_x, at_y, c))
                    fail_msg("%ux%u to %ux%u: (%u, %u) %u", from_w, from_h, w, h, at_x, at_y, c);
    sut_pixels_done(&x);
    sut_pixels_done(&small);
}

static void each_new_pixel_is_the_average_of_what_it_covers(void **state)
{
    (void) state;
    for (unsigned channels = 3; channels <= 4; channels++) {
        expect_shrunk(7, 5, 7, 5, channels);
        expect_shrunk(7, 5, 3, 2, channels);
        expect_shrunk(31, 17, 30, 1, channels);
        expect_shrunk(64, 48, 16, 12, channels);
        expect_shrunk(5, 700, 2, 1, channels);
        expect_shrunk(5, 700, 2, 2, channels);
        expect_shrunk(1, 1, 1, 1, channels);
    }
}

/* The hue of what can't be seen does not bleed into what can. */
static void what_is_transparent_gives_no_colour(void **state)
{
    (void) state;
    unsigned char p[] = { 200, 10, 10, 255, 0, 255, 0, 0 };
    const struct sut_pixels x = { .w = 2, .h = 1, .channels = 4, .p = p };
    struct sut_pixels small = { 0 };
    assert_false(sut_failed(sut_pixels_shrink(&x, 1, 1, &small)));
    static const unsigned char want[] = { 200, 10, 10, 128 };
    assert_memory_equal(small.p, want, 4);
    sut_pixels_done(&small);
}

static void it_never_makes_a_picture_larger(void **state)
{
    (void) state;
    unsigned char p[] = { 1, 2, 3 };
    const struct sut_pixels x = { .w = 1, .h = 1, .channels = 3, .p = p };
    struct sut_pixels to = { 0 };
    assert_int_equal(sut_pixels_shrink(&x, 2, 1, &to).code, SUT_E_INVALID);
    assert_int_equal(sut_pixels_shrink(&x, 0, 1, &to).code, SUT_E_INVALID);
}

/* A 3 x 2 picture of 1 2 3 / 4 5 6 as it must stand for each of EXIF's eight numbers. */
static void a_picture_is_turned_upright(void **state)
{
    static const char *const want[] = { "123456", "321654", "654321", "456123",
                                        "142536", "415263", "635241", "362514" };
    (void) state;
    for (unsigned o = 1; o <= 8; o++) {
        unsigned char rows[6 * 3];
        for (size_t i = 0; i < sizeof(rows); i++)
            rows[i] = (unsigned char) ('1' + i / 3);
        struct sut_pixels to = { 0 };
        assert_false(sut_failed(sut_pixels_init(o >= 5 ? 2 : 3, o >= 5 ? 3 : 2, 3, &to)));
        sut_pixels_place(&to, o, 3, 2, 0, rows, 1);
        sut_pixels_place(&to, o, 3, 2, 1, rows + 9, 1);
        for (size_t i = 0; i < 6; i++)
            if (to.p[i * 3] != (unsigned char) want[o - 1][i])
                fail_msg("%u: at %zu stands %c", o, i, to.p[i * 3]);
        sut_pixels_done(&to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_is_fitted_and_never_enlarged),
        cmocka_unit_test(a_size_is_judged_before_there_is_room),
        cmocka_unit_test(each_new_pixel_is_the_average_of_what_it_covers),
        cmocka_unit_test(what_is_transparent_gives_no_colour),
        cmocka_unit_test(it_never_makes_a_picture_larger),
        cmocka_unit_test(a_picture_is_turned_upright),
    };
    return cmocka_run_group_tests_name("darkroom_pixels", tests, NULL, NULL);
}
