/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "prog/mail_wire.h"

static struct sut_mail_row one_row = {
    .id = 12,
    .what = SUT_STR_INIT("verify"),
    .state = SUT_STR_INIT("given up"),
    .person = 7,
    .pseudonym = SUT_STR_INIT("p0123456789abcdef"),
    .tries = 3,
    .created_at = { 1770000000000 },
    .due_at = { 1770000001000 },
    .done_at = { 1770000002000 },
    .why = SUT_STR_INIT("server_refused"),
};

static struct sut_mail_shown full(void)
{
    return (struct sut_mail_shown){ .refused = SUT_STR("no"),
                                    .rows = &one_row,
                                    .n_rows = 1,
                                    .has_more = true,
                                    .message = SUT_STR("Subject: x\r\n\r\nbody\r\n") };
}

static void an_ask_comes_back_and_no_other_is_taken(void **state)
{
    (void) state;
    const struct sut_mail_ask ask = { .verb = SUT_MAIL_SHOW, .id = 4711, .offset = 200 };
    struct sut_mail_ask got = { .id = 0 };
    struct sut_buf b;
    sut_buf_init(&b, SUT_MAIL_ASK_MAX);
    sut_mail_ask_put(&b, &ask);
    assert_false(sut_failed(sut_buf_check(&b)));
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
    assert_false(sut_failed(sut_mail_ask_get(&r, &got)));
    assert_int_equal(got.verb, SUT_MAIL_SHOW);
    assert_int_equal(got.id, 4711);
    assert_int_equal(got.offset, 200);
    for (size_t n = 0; n < b.n; n++) {
        r = sut_ipc_reader_of(sut_str_of(b.p, n));
        assert_int_equal(sut_mail_ask_get(&r, &got).code, SUT_E_PARSE);
    }
    for (size_t i = 0; i < b.n * 8; i++) {
        b.p[i / 8] = (char) (b.p[i / 8] ^ (1 << i % 8));
        r = sut_ipc_reader_of(sut_buf_str(&b));
        if (!sut_failed(sut_mail_ask_get(&r, &got)))
            assert_in_range(got.verb, 0, SUT_MAIL_VERBS - 1);
        b.p[i / 8] = (char) (b.p[i / 8] ^ (1 << i % 8));
    }
    sut_buf_done(&b);
}

static void an_answer_comes_back(void **state)
{
    (void) state;
    const struct sut_mail_shown answer = full();
    struct sut_mail_shown got;
    struct sut_arena *a = NULL;
    struct sut_buf b;
    assert_false(sut_failed(sut_arena_create(1 << 20, &a)));
    sut_buf_init(&b, SUT_MAIL_ANSWER_MAX);
    sut_mail_shown_put(&b, &answer);
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
    assert_false(sut_failed(sut_mail_shown_get(&r, a, &got)));
    assert_true(sut_str_eq(got.refused, answer.refused) && got.has_more);
    assert_true(sut_str_eq(got.message, answer.message));
    assert_int_equal(got.n_rows, 1);
    assert_int_equal(got.rows[0].id, 12);
    assert_int_equal(got.rows[0].person, 7);
    assert_int_equal(got.rows[0].tries, 3);
    assert_true(sut_str_eq(got.rows[0].what, one_row.what));
    assert_true(sut_str_eq(got.rows[0].state, one_row.state));
    assert_true(sut_str_eq(got.rows[0].pseudonym, one_row.pseudonym));
    assert_true(sut_str_eq(got.rows[0].why, one_row.why));
    assert_true(got.rows[0].created_at.v == one_row.created_at.v);
    assert_true(got.rows[0].due_at.v == one_row.due_at.v);
    assert_true(got.rows[0].done_at.v == one_row.done_at.v);
    sut_buf_done(&b);
    sut_arena_free(&a);
}

static void a_cut_or_bent_answer_is_refused_or_harmless(void **state)
{
    (void) state;
    const struct sut_mail_shown answer = full();
    struct sut_mail_shown got;
    struct sut_arena *a = NULL;
    struct sut_buf b;
    assert_false(sut_failed(sut_arena_create(1 << 20, &a)));
    sut_buf_init(&b, SUT_MAIL_ANSWER_MAX);
    sut_mail_shown_put(&b, &answer);
    for (size_t n = 0; n < b.n; n++) {
        struct sut_ipc_reader r = sut_ipc_reader_of(sut_str_of(b.p, n));
        assert_int_equal(sut_mail_shown_get(&r, a, &got).code, SUT_E_PARSE);
        sut_arena_reset(a);
    }
    for (size_t i = 0; i < b.n * 8; i++) {
        b.p[i / 8] = (char) (b.p[i / 8] ^ (1 << i % 8));
        struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
        if (!sut_failed(sut_mail_shown_get(&r, a, &got)))
            assert_in_range(got.n_rows, 0, SUT_MAIL_PAGE_MAX);
        b.p[i / 8] = (char) (b.p[i / 8] ^ (1 << i % 8));
        sut_arena_reset(a);
    }
    sut_buf_done(&b);
    sut_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ask_comes_back_and_no_other_is_taken),
        cmocka_unit_test(an_answer_comes_back),
        cmocka_unit_test(a_cut_or_bent_answer_is_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
