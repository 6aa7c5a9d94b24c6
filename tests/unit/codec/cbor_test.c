/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cbor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "with_arena.h"

#define BYTES(lit_) sut_str_of("" lit_, sizeof(lit_) - 1)

static const struct sut_cbor *read(struct sut_arena *a, sut_str s)
{
    const struct sut_cbor *v = NULL;
    assert_false(sut_failed(sut_cbor_parse(a, s, &v)));
    return v;
}

static enum sut_ecode code(struct sut_arena *a, sut_str s)
{
    const struct sut_cbor *v = NULL;
    return sut_cbor_parse(a, s, &v).code;
}

/* RFC 8949, appendix A. */
static void integers_are_read(void **state)
{
    struct sut_arena *a = *state;
    static const struct {
        sut_str bytes;
        int64_t want;
    } cases[] = {
        { SUT_STR_INIT("\x00"), 0 },
        { SUT_STR_INIT("\x17"), 23 },
        { SUT_STR_INIT("\x18\x18"), 24 },
        { SUT_STR_INIT("\x18\xff"), 255 },
        { SUT_STR_INIT("\x19\x03\xe8"), 1000 },
        { SUT_STR_INIT("\x1a\x00\x0f\x42\x40"), 1000000 },
        { SUT_STR_INIT("\x1b\x00\x00\x00\xe8\xd4\xa5\x10\x00"), INT64_C(1000000000000) },
        { SUT_STR_INIT("\x1b\x7f\xff\xff\xff\xff\xff\xff\xff"), INT64_MAX },
        { SUT_STR_INIT("\x20"), -1 },
        { SUT_STR_INIT("\x26"), -7 },
        { SUT_STR_INIT("\x39\x01\x00"), -257 },
        { SUT_STR_INIT("\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"), INT64_MIN },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct sut_cbor *v = read(a, cases[i].bytes);
        assert_int_equal(v->type, SUT_CBOR_INT);
        assert_true(v->i == cases[i].want);
    }
}

static void texts_bytes_and_words_are_read(void **state)
{
    struct sut_arena *a = *state;
    const struct sut_cbor *v = read(a, BYTES("\x44\x01\x02\x03\x04"));
    assert_int_equal(v->type, SUT_CBOR_BYTES);
    assert_true(sut_str_is(v->s, "\x01\x02\x03\x04"));
    v = read(a, BYTES("\x62\xc3\xbc"));
    assert_int_equal(v->type, SUT_CBOR_TEXT);
    assert_true(sut_str_is(v->s, "\xc3\xbc"));
    assert_int_equal(read(a, BYTES("\x40"))->s.n, 0);
    assert_int_equal(read(a, BYTES("\xf5"))->b, true);
    assert_int_equal(read(a, BYTES("\xf4"))->type, SUT_CBOR_BOOL);
    assert_int_equal(read(a, BYTES("\xf6"))->type, SUT_CBOR_NULL);
    assert_int_equal(read(a, BYTES("\xf7"))->type, SUT_CBOR_OTHER);
    assert_int_equal(read(a, BYTES("\xf9\x3c\x00"))->type, SUT_CBOR_OTHER);
    assert_int_equal(read(a, BYTES("\xfa\x47\xc3\x50\x00"))->type, SUT_CBOR_OTHER);
    assert_int_equal(read(a, BYTES("\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a"))->type, SUT_CBOR_OTHER);
}

static void maps_and_arrays_are_read(void **state)
{
    struct sut_arena *a = *state;
    const struct sut_cbor *v = read(a, BYTES("\xa2\x61\x61\x01\x20\x82\x02\x03"));
    assert_int_equal(v->type, SUT_CBOR_MAP);
    assert_int_equal(v->n, 2);
    assert_int_equal(sut_cbor_get(v, "a")->i, 1);
    assert_int_equal(sut_cbor_get_int(v, -1)->n, 2);
    assert_int_equal(sut_cbor_get_int(v, -1)->items[1].i, 3);
    assert_null(sut_cbor_get(v, "b"));
    assert_null(sut_cbor_get_int(v, 1));
    assert_null(sut_cbor_get(&v->items[0], "a"));
    assert_null(sut_cbor_get(NULL, "a"));
    assert_int_equal(read(a, BYTES("\xa0"))->n, 0);
    assert_int_equal(read(a, BYTES("\x80"))->n, 0);
}

static void one_value_can_be_taken_off_the_front(void **state)
{
    struct sut_arena *a = *state;
    struct sut_scan c = sut_scan_of(BYTES("\x01\x61\x78\xff"));
    const struct sut_cbor *v = NULL;
    assert_false(sut_failed(sut_cbor_take(a, &c, &v)));
    assert_int_equal(v->i, 1);
    assert_false(sut_failed(sut_cbor_take(a, &c, &v)));
    assert_true(sut_str_is(v->s, "x"));
    const char *here = c.p;
    assert_int_equal(sut_cbor_take(a, &c, &v).code, SUT_E_PARSE);
    assert_ptr_equal(c.p, here);
}

static void what_is_not_canonical_is_refused(void **state)
{
    struct sut_arena *a = *state;
    static const sut_str bad[] = {
        SUT_STR_INIT(""),
        SUT_STR_INIT("\x01\x01"),                             /* something after it */
        SUT_STR_INIT("\x18\x17"),                             /* 23 in two bytes */
        SUT_STR_INIT("\x19\x00\xff"),                         /* 255 in three */
        SUT_STR_INIT("\x1a\x00\x00\xff\xff"),                 /* 65535 in five */
        SUT_STR_INIT("\x1b\x00\x00\x00\x00\xff\xff\xff\xff"), /* 2^32 - 1 in nine */
        SUT_STR_INIT("\x38\x00"),                             /* -1 in two */
        SUT_STR_INIT("\x58\x01x"),                            /* a length in two */
        SUT_STR_INIT("\x78\x01x"),
        SUT_STR_INIT("\x98\x01\x01"),
        SUT_STR_INIT("\xb8\x01\x01\x01"),
        SUT_STR_INIT("\x1b\x80\x00\x00\x00\x00\x00\x00\x00"), /* beyond int64 */
        SUT_STR_INIT("\x3b\x80\x00\x00\x00\x00\x00\x00\x00"),
        SUT_STR_INIT("\x3b\xff\xff\xff\xff\xff\xff\xff\xff"),
        SUT_STR_INIT("\x5f\x41x\xff"), /* indefinite bytes, text, array, map */
        SUT_STR_INIT("\x7f\x61x\xff"),
        SUT_STR_INIT("\x9f\x01\xff"),
        SUT_STR_INIT("\xbf\x01\x01\xff"),
        SUT_STR_INIT("\xff"),
        SUT_STR_INIT("\xc0\x61x"), /* a tag */
        SUT_STR_INIT("\xd9\xd9\xf7\x01"),
        SUT_STR_INIT("\x1c"), /* reserved */
        SUT_STR_INIT("\x5d"),
        SUT_STR_INIT("\xfc"),
        SUT_STR_INIT("\xe0"),     /* a simple value of nobody's */
        SUT_STR_INIT("\xf8\x20"), /* likewise */
        SUT_STR_INIT("\x61\xff"), /* no UTF-8 */
        SUT_STR_INIT("\x63\xed\xa0\x80"),
        SUT_STR_INIT("\xa2\x01\x01\x01\x02"), /* a key twice */
        SUT_STR_INIT("\xa2\x61x\x01\x61x\x02"),
        SUT_STR_INIT("\xa1\x41x\x01"), /* keys of other kinds */
        SUT_STR_INIT("\xa1\x80\x01"),
        SUT_STR_INIT("\xa1\xf5\x01"),
        SUT_STR_INIT("\xa1\xf6\x01"),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (code(a, bad[i]) != SUT_E_PARSE)
            fail_msg("case %zu", i);
}

static void what_is_cut_off_is_refused(void **state)
{
    struct sut_arena *a = *state;
    const sut_str whole = BYTES("\xa3\x63"
                                "fmt\x64none\x67"
                                "attStmt\xa1\x63sig\x43xyz\x68"
                                "authData\x58\x20"
                                "0123456789abcdef0123456789abcdef");
    assert_int_equal(code(a, whole), SUT_E_OK);
    for (size_t n = 0; n < whole.n; n++) {
        /* At the very end of its memory, so that a sanitizer sees a byte too far. */
        char *own = sut_arena_bytes(a, n + 1);
        assert_non_null(own);
        memcpy(own, whole.p, n);
        assert_int_equal(code(a, sut_str_of(own, n)), SUT_E_PARSE);
    }
}

static void counts_that_promise_too_much_are_refused(void **state)
{
    struct sut_arena *a = *state;
    static const sut_str bad[] = {
        SUT_STR_INIT("\x81"),
        SUT_STR_INIT("\x9a\x7f\xff\xff\xff\x01"),
        SUT_STR_INIT("\x9b\x7f\xff\xff\xff\xff\xff\xff\xff\x01"),
        SUT_STR_INIT("\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        SUT_STR_INIT("\xbb\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x01"),
        SUT_STR_INIT("\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01"),
        SUT_STR_INIT("\x5b\xff\xff\xff\xff\xff\xff\xff\xff"),
        SUT_STR_INIT("\x5b\x7f\xff\xff\xff\xff\xff\xff\xffx"),
        SUT_STR_INIT("\x7b\xff\xff\xff\xff\xff\xff\xff\xffx"),
        SUT_STR_INIT("\x5a\xff\xff\xff\xffx"),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (code(a, bad[i]) != SUT_E_PARSE)
            fail_msg("case %zu", i);
}

static void depth_and_number_are_bounded(void **state)
{
    struct sut_arena *a = *state;
    assert_int_equal(code(a, BYTES("\x81\x81\x81\x81\x01")), SUT_E_OK);
    assert_int_equal(code(a, BYTES("\x81\x81\x81\x81\x80")), SUT_E_PARSE);
    assert_int_equal(code(a, BYTES("\xa1\x01\xa1\x01\xa1\x01\xa1\x01\xa0")), SUT_E_PARSE);
    char many[3 + SUT_CBOR_ITEMS_MAX];
    memset(many, 1, sizeof(many));
    many[0] = '\x99';
    many[1] = (SUT_CBOR_ITEMS_MAX - 1) >> 8;
    many[2] = (char) ((SUT_CBOR_ITEMS_MAX - 1) & 0xff);
    assert_int_equal(code(a, sut_str_of(many, sizeof(many) - 1)), SUT_E_OK);
    many[1] = SUT_CBOR_ITEMS_MAX >> 8;
    many[2] = (char) (SUT_CBOR_ITEMS_MAX & 0xff);
    assert_int_equal(code(a, sut_str_of(many, sizeof(many))), SUT_E_PARSE);
}

static void without_room_it_is_no_memory(void **state)
{
    (void) state;
    struct sut_arena *small = NULL;
    assert_false(sut_failed(sut_arena_create(4096, &small)));
    char many[] = "\x98\xc8";
    char all[2 + 200];
    memset(all, 1, sizeof(all));
    memcpy(all, many, 2);
    assert_int_equal(code(small, sut_str_of(all, sizeof(all))), SUT_E_NOMEM);
    sut_arena_free(&small);
}

#define T(name_) cmocka_unit_test_setup_teardown(name_, make_arena, free_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(integers_are_read),
        T(texts_bytes_and_words_are_read),
        T(maps_and_arrays_are_read),
        T(one_value_can_be_taken_off_the_front),
        T(what_is_not_canonical_is_refused),
        T(what_is_cut_off_is_refused),
        T(counts_that_promise_too_much_are_refused),
        T(depth_and_number_are_bounded),
        T(without_room_it_is_no_memory),
    };
    return cmocka_run_group_tests_name("cbor", tests, NULL, NULL);
}
