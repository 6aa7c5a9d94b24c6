/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ipc/message.h"

static void gives_fields_back_as_they_were(void **state)
{
    (void) state;
    struct sut_buf b;
    uint64_t u = 0;
    int64_t i = 0;
    sut_str s = { 0 };
    sut_buf_init(&b, 100);
    sut_ipc_put_u64(&b, UINT64_MAX);
    sut_ipc_put_i64(&b, INT64_MIN);
    sut_ipc_put_bytes(&b, sut_str_of("a\0b", 3));
    sut_ipc_put_bytes(&b, SUT_STR(""));
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
    assert_false(sut_failed(sut_ipc_get_u64(&r, UINT64_MAX, &u)));
    assert_true(u == UINT64_MAX);
    assert_false(sut_failed(sut_ipc_get_i64(&r, &i)));
    assert_true(i == INT64_MIN);
    assert_false(sut_failed(sut_ipc_get_bytes(&r, 3, &s)));
    assert_true(sut_str_eq(s, sut_str_of("a\0b", 3)));
    assert_int_equal(sut_ipc_get_end(&r).code, SUT_E_PARSE);
    assert_false(sut_failed(sut_ipc_get_bytes(&r, 0, &s)));
    assert_int_equal(s.n, 0);
    assert_false(sut_failed(sut_ipc_get_end(&r)));
    sut_buf_done(&b);
}

static void refuses_other_tags_lengths_and_cuts(void **state)
{
    (void) state;
    struct sut_buf b;
    uint64_t u = 7;
    int64_t i = 7;
    sut_str s = { 0 };
    sut_buf_init(&b, 100);
    sut_ipc_put_u64(&b, 1000);
    sut_ipc_put_bytes(&b, SUT_STR("hello"));
    for (size_t n = 0; n <= b.n; n++) {
        struct sut_ipc_reader r = sut_ipc_reader_of(sut_str_of(b.p, n));
        const bool first = !sut_failed(sut_ipc_get_u64(&r, 1000, &u));
        assert_int_equal(first, n >= 9);
        if (first)
            assert_int_equal(!sut_failed(sut_ipc_get_bytes(&r, 5, &s)), n == b.n);
    }
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
    const struct sut_ipc_reader start = r;
    assert_int_equal(sut_ipc_get_u64(&r, 999, &u).code, SUT_E_PARSE);
    assert_int_equal(sut_ipc_get_i64(&r, &i).code, SUT_E_PARSE);
    assert_int_equal(sut_ipc_get_bytes(&r, 100, &s).code, SUT_E_PARSE);
    assert_ptr_equal(r.p, start.p);
    assert_false(sut_failed(sut_ipc_get_u64(&r, 1000, &u)));
    assert_int_equal(sut_ipc_get_bytes(&r, 4, &s).code, SUT_E_PARSE);
    sut_buf_done(&b);

    struct sut_ipc_reader lie = sut_ipc_reader_of(sut_str_of("b\xff\xff\xff\xffxx", 7));
    assert_int_equal(sut_ipc_get_bytes(&lie, SIZE_MAX, &s).code, SUT_E_PARSE);
}

static void a_bool_is_0_or_1_and_exact_is_exact(void **state)
{
    (void) state;
    char room[64];
    struct sut_buf b = { .p = room, .cap = sizeof(room), .max = sizeof(room) };
    bool is = false;
    sut_str s = { 0 };
    sut_ipc_put_u64(&b, 1);
    sut_ipc_put_u64(&b, 2);
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
    assert_false(sut_failed(sut_ipc_get_bool(&r, &is)));
    assert_true(is);
    assert_int_equal(sut_ipc_get_bool(&r, &is).code, SUT_E_PARSE);
    for (size_t n = 2; n <= 4; n++) {
        sut_buf_reset(&b);
        sut_ipc_put_bytes(&b, SUT_STR("abc"));
        r = sut_ipc_reader_of(sut_buf_str(&b));
        assert_int_equal(sut_ipc_get_exact(&r, n, &s).code, n == 3 ? SUT_E_OK : SUT_E_PARSE);
    }
    assert_true(sut_str_is(s, "abc"));
}

static void writes_headers_in_one_byte_order(void **state)
{
    (void) state;
    const struct sut_ipc_header h = { .type = 0x0102, .length = 0x03040506, .id = 0x0708090a };
    unsigned char raw[SUT_IPC_HEADER];
    sut_ipc_header_write(&h, raw);
    assert_memory_equal(raw, "\x02\x01\x06\x05\x04\x03\x0a\x09\x08\x07", SUT_IPC_HEADER);
    const struct sut_ipc_header back = sut_ipc_header_read(raw);
    assert_int_equal(back.type, h.type);
    assert_int_equal(back.length, h.length);
    assert_int_equal(back.id, h.id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_fields_back_as_they_were),
        cmocka_unit_test(refuses_other_tags_lengths_and_cuts),
        cmocka_unit_test(a_bool_is_0_or_1_and_exact_is_exact),
        cmocka_unit_test(writes_headers_in_one_byte_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
