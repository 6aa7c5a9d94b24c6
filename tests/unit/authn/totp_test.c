/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/totp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/arena.h"

#define SECRET SUT_STR("12345678901234567890")

static sut_str digits(char to[8], uint32_t code)
{
    (void) snprintf(to, 8, "%06u", code % 1000000);
    return sut_str_of(to, 6);
}

static sut_str code_of(char to[8], int64_t step)
{
    uint32_t code = 0;
    assert_int_equal(sut_totp_code(SECRET, step, &code).code, SUT_E_OK);
    return digits(to, code);
}

/* RFC 6238 appendix B gives eight digits: ours are the last six of them. */
static void agrees_with_rfc_6238(void **state)
{
    (void) state;
    static const struct {
        int64_t at_s;
        uint32_t digits8;
    } rows[] = {
        { 59, 94287082 },         { 1111111109, 7081804 },  { 1111111111, 14050471 },
        { 1234567890, 89005924 }, { 2000000000, 69279037 }, { 20000000000, 65353130 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t code = 0;
        const int64_t step = sut_totp_step((sut_ms){ rows[i].at_s * 1000 });
        assert_int_equal(sut_totp_code(SECRET, step, &code).code, SUT_E_OK);
        assert_int_equal(code, rows[i].digits8 % 1000000);
    }
}

/* RFC 4226 appendix D: the counter's first ten values. */
static void agrees_with_rfc_4226(void **state)
{
    (void) state;
    static const uint32_t codes[] = { 755224, 287082, 359152, 969429, 338314,
                                      254676, 287922, 162583, 399871, 520489 };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        uint32_t code = 0;
        assert_int_equal(sut_totp_code(SECRET, (int64_t) i, &code).code, SUT_E_OK);
        assert_int_equal(code, codes[i]);
    }
}

static void a_code_is_good_one_step_to_either_side(void **state)
{
    (void) state;
    char text[8];
    const int64_t step = 50000000;
    const sut_ms now = { step * 30000 + 12345 };
    for (int64_t d = -4; d <= 4; d++) {
        int64_t found = 0;
        const sut_err e = sut_totp_match(SECRET, code_of(text, step + d), now, 0, &found);
        assert_int_equal(e.code, d >= -1 && d <= 1 ? SUT_E_OK : SUT_E_DENIED);
        if (!sut_failed(e))
            assert_int_equal(found, step + d);
    }
}

static void no_step_is_good_again_nor_one_before_it(void **state)
{
    (void) state;
    char text[8];
    int64_t found = 0;
    const int64_t step = 50000000;
    const sut_ms now = { step * 30000 };
    for (int64_t d = -1; d <= 1; d++) {
        const sut_str code = code_of(text, step + d);
        assert_int_equal(sut_totp_match(SECRET, code, now, step + d, &found).code, SUT_E_DENIED);
        assert_int_equal(sut_totp_match(SECRET, code, now, step + 1, &found).code, SUT_E_DENIED);
        assert_int_equal(sut_totp_match(SECRET, code, now, step + d - 1, &found).code, SUT_E_OK);
    }
    /* A clock that steps back an hour opens nothing that was used, nor anything before it. */
    const sut_ms back = { now.v - INT64_C(3600) * 1000 };
    const sut_str old = code_of(text, sut_totp_step(back));
    assert_int_equal(sut_totp_match(SECRET, old, back, step, &found).code, SUT_E_DENIED);
}

static void blanks_inside_do_not_count(void **state)
{
    (void) state;
    char text[8];
    char spaced[16];
    int64_t found = 0;
    const int64_t step = 50000000;
    (void) code_of(text, step);
    (void) snprintf(spaced, sizeof(spaced), " %.3s %.3s", text, text + 3);
    assert_int_equal(
        sut_totp_match(SECRET, sut_str_from(spaced), (sut_ms){ step * 30000 }, 0, &found).code,
        SUT_E_OK);
}

static void what_is_no_code_is_denied(void **state)
{
    (void) state;
    static const char *const wrong[] = { "",       "12345",  "1234567", "12345a",
                                         "-12345", "+12345", "0x1234",  "١٢٣٤٥٦",
                                         "12 34",  "      ", "123456x", "12345\n" };
    int64_t found = 0;
    const sut_ms now = { INT64_C(1500000000000) };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(sut_totp_match(SECRET, sut_str_from(wrong[i]), now, 0, &found).code,
                         SUT_E_DENIED);
    assert_int_equal(sut_totp_match(SECRET, SUT_STR("123\0456"), now, 0, &found).code,
                     SUT_E_DENIED);
    assert_int_equal(sut_totp_match(SECRET, SUT_STR("755224"), (sut_ms){ 0 }, -1, &found).code,
                     SUT_E_DENIED);
}

static void secrets_are_told_in_base32(void **state)
{
    (void) state;
    /* RFC 4648 10, without padding */
    static const char *const rows[][2] = { { "", "" },
                                           { "f", "MY" },
                                           { "fo", "MZXQ" },
                                           { "foo", "MZXW6" },
                                           { "foob", "MZXW6YQ" },
                                           { "fooba", "MZXW6YTB" },
                                           { "foobar", "MZXW6YTBOI" },
                                           { "12345678901234567890",
                                             "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sut_buf b;
        sut_buf_init(&b, 64);
        sut_totp_base32(&b, sut_str_from(rows[i][0]));
        assert_true(sut_str_is(sut_buf_str(&b), rows[i][1]));
        sut_buf_done(&b);
    }
}

static void the_uri_names_shop_and_account_escaped(void **state)
{
    (void) state;
    struct sut_arena *a = NULL;
    sut_str uri = { 0 };
    assert_int_equal(sut_arena_create(64 * 1024, &a).code, SUT_E_OK);
    assert_int_equal(
        sut_totp_uri(a, SECRET, SUT_STR("Hats & Söhne: Ltd"), SUT_STR("ada+x@example.com"), &uri)
            .code,
        SUT_E_OK);
    assert_true(sut_str_is(
        uri, "otpauth://totp/Hats%20%26%20S%C3%B6hne%3A%20Ltd:ada%2Bx%40example.com?secret="
             "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Hats%20%26%20S%C3%B6hne%3A%20Ltd"
             "&algorithm=SHA1&digits=6&period=30"));
    sut_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_rfc_6238),
        cmocka_unit_test(agrees_with_rfc_4226),
        cmocka_unit_test(a_code_is_good_one_step_to_either_side),
        cmocka_unit_test(no_step_is_good_again_nor_one_before_it),
        cmocka_unit_test(blanks_inside_do_not_count),
        cmocka_unit_test(what_is_no_code_is_denied),
        cmocka_unit_test(secrets_are_told_in_base32),
        cmocka_unit_test(the_uri_names_shop_and_account_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
