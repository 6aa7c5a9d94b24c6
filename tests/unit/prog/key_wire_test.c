/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/key_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

static struct sut_key_list list;
static struct sut_key_list again;

/* As many rows as there can be, each as long as it can be. */
static void fill(void)
{
    memset(&list, 0, sizeof(list));
    (void) snprintf(list.master_id, sizeof(list.master_id), "0123456789abcdef");
    list.unfinished[SUT_KIND_DATA] = true;
    for (list.n = 0; list.n < SUT_KEY_ROWS_MAX; list.n++) {
        struct sut_key_row *r = &list.rows[list.n];
        memset(r->purpose, 'p', sizeof(r->purpose) - 1);
        memset(r->state, 's', sizeof(r->state) - 1);
        memset(r->kind, 'k', sizeof(r->kind) - 1);
        r->version = UINT32_MAX;
        r->made_at.v = INT64_MIN;
        r->greatest_days = 730;
    }
}

static sut_err read_list(sut_str text)
{
    struct sut_ipc_reader r = sut_ipc_reader_of(text);
    return sut_key_list_get(&r, &again);
}

static void the_longest_list_goes_there_and_back(void **state)
{
    (void) state;
    DEFER(sut_buf_done) struct sut_buf b;
    sut_buf_init(&b, SUT_KEY_LIST_MAX);
    fill();
    sut_key_list_put(&b, &list);
    OK(sut_buf_check(&b));
    OK(read_list(sut_buf_str(&b)));
    assert_int_equal(again.n, list.n);
    assert_memory_equal(again.unfinished, list.unfinished, sizeof(list.unfinished));
    assert_string_equal(again.master_id, list.master_id);
    assert_memory_equal(again.rows, list.rows, sizeof(list.rows));
    /* One row more than there can be: the count stands behind the marks. */
    char *count = b.p + 5 + 16 + 9 * SUT_KINDS + 1;
    assert_int_equal((unsigned char) *count, SUT_KEY_ROWS_MAX & 0xff);
    (*count)++;
    assert_true(sut_failed(read_list(sut_buf_str(&b))));
}

static void each_cut_and_each_byte_too_many_is_refused(void **state)
{
    (void) state;
    DEFER(sut_buf_done) struct sut_buf b;
    sut_buf_init(&b, SUT_KEY_LIST_MAX);
    fill();
    list.n = 2;
    sut_key_list_put(&b, &list);
    for (size_t n = 0; n < b.n; n++)
        assert_true(sut_failed(read_list(sut_str_of(b.p, n))));
    sut_buf_char(&b, 0);
    assert_true(sut_failed(read_list(sut_buf_str(&b))));
}

static void a_status_goes_there_and_back(void **state)
{
    (void) state;
    char room[SUT_KEY_STATUS_MAX];
    struct sut_buf b = { .p = room, .cap = sizeof(room), .max = sizeof(room) };
    struct sut_key_status s = { .is_known = true, .has_failed = true, .kind = SUT_KIND_TLS };
    struct sut_key_status got;
    s.done = UINT64_MAX;
    s.total = UINT64_MAX - 1;
    memset(s.phase, 'f', sizeof(s.phase) - 1);
    memset(s.text, 't', sizeof(s.text) - 1);
    memset(s.hint, 'h', sizeof(s.hint) - 1);
    sut_key_status_put(&b, &s);
    OK(sut_buf_check(&b));
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
    OK(sut_key_status_get(&r, &got));
    assert_true(got.is_known && got.has_failed && !got.is_running);
    assert_int_equal(got.kind, SUT_KIND_TLS);
    assert_true(got.done == s.done && got.total == s.total);
    assert_string_equal(got.phase, s.phase);
    assert_string_equal(got.text, s.text);
    assert_string_equal(got.hint, s.hint);
    for (size_t n = 0; n < b.n; n++) {
        r = sut_ipc_reader_of(sut_str_of(b.p, n));
        assert_true(sut_failed(sut_key_status_get(&r, &got)));
    }
}

static void a_kind_that_is_none_and_a_nul_in_a_text_are_refused(void **state)
{
    (void) state;
    char room[SUT_KEY_STATUS_MAX];
    struct sut_buf b = { .p = room, .cap = sizeof(room), .max = sizeof(room) };
    struct sut_key_status s = { .kind = SUT_KINDS };
    struct sut_key_status got;
    sut_key_status_put(&b, &s);
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
    assert_true(sut_failed(sut_key_status_get(&r, &got)));

    struct sut_diag d;
    sut_buf_reset(&b);
    sut_ipc_put_bytes(&b, sut_str_of("a\0b", 3));
    sut_ipc_put_bytes(&b, SUT_STR(""));
    r = sut_ipc_reader_of(sut_buf_str(&b));
    assert_int_equal(sut_key_answer_get(&r, &d).code, SUT_E_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_list_goes_there_and_back),
        cmocka_unit_test(each_cut_and_each_byte_too_many_is_refused),
        cmocka_unit_test(a_status_goes_there_and_back),
        cmocka_unit_test(a_kind_that_is_none_and_a_nul_in_a_text_are_refused),
    };
    return cmocka_run_group_tests_name("key_wire", tests, NULL, NULL);
}
