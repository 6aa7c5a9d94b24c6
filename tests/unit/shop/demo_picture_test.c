/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/demo_picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shop/demo.h"
#include "shop/demo_canvas.h"

static unsigned char a[SUT_DEMO_PICTURE_BYTES];
static unsigned char b[SUT_DEMO_PICTURE_BYTES];

static uint64_t sum_of(const unsigned char *p)
{
    uint64_t v = 14695981039346656037U;
    for (size_t i = 0; i < SUT_DEMO_PICTURE_BYTES; i++)
        v = (v ^ p[i]) * 1099511628211U;
    return v;
}

static void the_same_product_looks_the_same(void **state)
{
    (void) state;
    for (size_t i = 0; i < 18; i++) {
        memset(a, 0, sizeof(a));
        memset(b, 0xff, sizeof(b));
        sut_demo_picture_draw(i, a);
        sut_demo_picture_draw(i, b);
        assert_memory_equal(a, b, sizeof(a));
    }
}

static void products_look_different(void **state)
{
    static uint64_t sums[SUT_DEMO_PRODUCTS];
    (void) state;
    for (size_t i = 0; i < SUT_DEMO_PRODUCTS; i++) {
        sut_demo_picture_draw(i, a);
        sums[i] = sum_of(a);
        for (size_t k = 0; k < i; k++)
            assert_true(sums[k] != sums[i]);
    }
}

/* Something stands in the middle that the wall is not. */
static void there_is_a_garment_on_each(void **state)
{
    (void) state;
    for (size_t i = 0; i < 36; i++) {
        size_t other = 0;
        sut_demo_picture_draw(i, a);
        for (size_t y = 140; y < 420; y += 4) {
            const unsigned char *const row = a + y * SUT_DEMO_PICTURE_W * 3;
            const unsigned char *const wall = row + 6;
            for (size_t x = 200; x < 400; x++) {
                const int far = row[x * 3] - wall[0];
                const int deep = row[x * 3 + 2] - wall[2];
                other += far * far + deep * deep > 600 ? 1 : 0;
            }
        }
        if (other < 2000)
            fail_msg("%zu: %zu pixels", i, other);
    }
}

static struct sut_colour black(const void *ctx, int x, int y)
{
    (void) ctx;
    (void) x;
    (void) y;
    return (struct sut_colour){ 0, 0, 0 };
}

/* What lies beyond an edge is cut off, and an outline that is too long is left out. */
static void an_outline_beyond_the_picture_does_no_harm(void **state)
{
    static struct sut_outline o;
    unsigned char p[8 * 8 * 3 + 16];
    struct sut_canvas c = { .rgb = p, .w = 8, .h = 8 };
    (void) state;
    memset(p, 0xee, sizeof(p));
    sut_outline_ellipse(&o, 4, 4, 1000, 1000);
    sut_canvas_fill(&c, &o, black, NULL, 255);
    for (size_t i = 0; i < sizeof(p); i++)
        assert_int_equal(p[i], i < 8 * 8 * 3 ? 0 : 0xee);
    memset(p, 0xee, sizeof(p));
    o.n = 0;
    for (int i = 0; i < 2 * SUT_OUTLINE_POINTS; i++)
        sut_outline_add(&o, i % 2 == 0 ? -50 : 90, i * 0.01);
    sut_canvas_fill(&c, &o, black, NULL, 255);
    o.n = 0;
    sut_canvas_fill(&c, &o, black, NULL, 255);
    for (size_t i = 8 * 8 * 3; i < sizeof(p); i++)
        assert_int_equal(p[i], 0xee);
}

/* Half a pixel is half as dark. */
static void edges_are_smooth(void **state)
{
    static struct sut_outline o;
    unsigned char p[4 * 1 * 3];
    struct sut_canvas c = { .rgb = p, .w = 4, .h = 1 };
    (void) state;
    memset(p, 200, sizeof(p));
    o.n = 0;
    sut_outline_add(&o, 0.5, -1);
    sut_outline_add(&o, 2.25, -1);
    sut_outline_add(&o, 2.25, 2);
    sut_outline_add(&o, 0.5, 2);
    sut_canvas_fill(&c, &o, black, NULL, 255);
    assert_int_equal(p[0], 100);
    assert_int_equal(p[3], 0);
    assert_int_equal(p[6], 150);
    assert_int_equal(p[9], 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_product_looks_the_same),
        cmocka_unit_test(products_look_different),
        cmocka_unit_test(there_is_a_garment_on_each),
        cmocka_unit_test(an_outline_beyond_the_picture_does_no_harm),
        cmocka_unit_test(edges_are_smooth),
    };
    return cmocka_run_group_tests_name("shop_demo_picture", tests, NULL, NULL);
}
