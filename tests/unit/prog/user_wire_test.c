/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prog/user_wire.h"

static const struct sut_user_ask full = {
    .verb = SUT_USER_ROLE,
    .who = SUT_STR_INIT("12"),
    .email = SUT_STR_INIT("a@example.com"),
    .password = SUT_STR_INIT("p\"w \xc3\xa9"),
    .first_name = SUT_STR_INIT("Ann"),
    .last_name = SUT_STR_INIT("Bee"),
    .phone = SUT_STR_INIT("123"),
    .is_verified = true,
    .has_role = true,
    .role = SUT_USER_SUPERUSER,
    .join = SUT_STR_INIT("Product Managers"),
    .leave = SUT_STR_INIT("x"),
    .search = SUT_STR_INIT("y"),
    .lock_s = 7200,
    .offset = 300,
};

static void gives_an_ask_back(void **state)
{
    (void) state;
    struct sut_buf b;
    struct sut_user_ask got = { 0 };
    sut_buf_init(&b, SUT_USER_ASK_MAX);
    sut_user_ask_put(&b, &full);
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
    assert_false(sut_failed(sut_user_ask_get(&r, &got)));
    assert_int_equal(got.verb, SUT_USER_ROLE);
    assert_true(sut_str_eq(got.who, full.who) && sut_str_eq(got.email, full.email));
    assert_true(sut_str_eq(got.password, full.password) && sut_str_eq(got.phone, full.phone));
    assert_true(sut_str_eq(got.join, full.join) && sut_str_eq(got.leave, full.leave));
    assert_true(sut_str_eq(got.search, full.search));
    assert_true(got.is_verified && got.has_role);
    assert_int_equal(got.role, SUT_USER_SUPERUSER);
    assert_int_equal(got.lock_s, 7200);
    assert_int_equal(got.offset, 300);
    sut_buf_done(&b);
}

/* Every cut and every flipped bit is refused, or is an ask within its bounds. */
static void takes_no_ask_out_of_bounds(void **state)
{
    (void) state;
    struct sut_buf b;
    sut_buf_init(&b, SUT_USER_ASK_MAX);
    sut_user_ask_put(&b, &full);
    for (size_t n = 0; n < b.n; n++) {
        struct sut_user_ask got;
        struct sut_ipc_reader r = sut_ipc_reader_of(sut_str_of(b.p, n));
        assert_int_equal(sut_user_ask_get(&r, &got).code, SUT_E_PARSE);
    }
    for (size_t i = 0; i < b.n * 8; i++) {
        struct sut_user_ask got = { 0 };
        b.p[i / 8] = (char) (b.p[i / 8] ^ (char) (1U << i % 8));
        struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
        if (!sut_failed(sut_user_ask_get(&r, &got))) {
            assert_true((int) got.verb < SUT_USER_VERBS && got.role <= SUT_USER_SUPERUSER);
            assert_true(got.lock_s <= SUT_USER_LOCK_MAX_S);
            assert_true(got.who.n <= SUT_USER_TEXT_MAX);
        }
        b.p[i / 8] = (char) (b.p[i / 8] ^ (char) (1U << i % 8));
    }
    sut_buf_char(&b, 'x');
    struct sut_user_ask got;
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
    assert_int_equal(sut_user_ask_get(&r, &got).code, SUT_E_PARSE);
    sut_buf_done(&b);
}

static void refuses_a_text_that_is_too_long(void **state)
{
    (void) state;
    static char text[SUT_USER_TEXT_MAX + 1];
    memset(text, 'a', sizeof(text));
    for (size_t over = 0; over < 2; over++) {
        const struct sut_user_ask ask = { .who = sut_str_of(text, SUT_USER_TEXT_MAX + over) };
        struct sut_user_ask got;
        struct sut_buf b;
        sut_buf_init(&b, SUT_USER_ASK_MAX);
        sut_user_ask_put(&b, &ask);
        struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
        assert_int_equal(sut_user_ask_get(&r, &got).code, over == 0 ? SUT_E_OK : SUT_E_PARSE);
        sut_buf_done(&b);
    }
}

static void gives_an_answer_back_and_bounds_its_rows(void **state)
{
    (void) state;
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    static struct sut_user_row rows[SUT_USER_PAGE_MAX + 1];
    for (size_t i = 0; i < SUT_USER_PAGE_MAX + 1; i++)
        rows[i] = (struct sut_user_row){ .id = (int64_t) i + 1,
                                         .email = SUT_STR("a@b.c"),
                                         .role = SUT_USER_STAFF,
                                         .groups = SUT_STR("x\ny"),
                                         .is_active = true,
                                         .joined = { .v = 5 },
                                         .factors = 3,
                                         .locked_until = { .v = 77 },
                                         .pseudonym = SUT_STR("p0123456789abcdef") };
    assert_false(sut_failed(sut_arena_create(1024 * 1024, &a)));
    for (size_t over = 0; over < 2; over++) {
        const struct sut_user_answer answer = { .rows = rows,
                                                .n_rows = SUT_USER_PAGE_MAX + over,
                                                .has_more = true };
        struct sut_user_answer got;
        struct sut_buf b;
        sut_buf_init(&b, SUT_USER_ANSWER_MAX);
        sut_user_answer_put(&b, &answer);
        struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
        assert_int_equal(sut_user_answer_get(&r, a, &got).code, over == 0 ? SUT_E_OK : SUT_E_PARSE);
        if (over == 0) {
            assert_int_equal(got.n_rows, SUT_USER_PAGE_MAX);
            assert_true(got.has_more);
            assert_int_equal(got.rows[99].id, 100);
            assert_true(sut_str_is(got.rows[99].groups, "x\ny"));
            assert_int_equal(got.rows[0].role, SUT_USER_STAFF);
            assert_int_equal(got.rows[0].factors, 3);
            assert_int_equal(got.rows[0].locked_until.v, 77);
            assert_true(sut_str_is(got.rows[0].pseudonym, "p0123456789abcdef"));
        }
        sut_buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_an_ask_back),
        cmocka_unit_test(takes_no_ask_out_of_bounds),
        cmocka_unit_test(refuses_a_text_that_is_too_long),
        cmocka_unit_test(gives_an_answer_back_and_bounds_its_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
