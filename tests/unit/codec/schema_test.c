/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "codec/schema.h"
#include "with_arena.h"

static const char *const colours[] = { "red", "blue", NULL };
static const struct sut_field part_fields[] = {
    { .name = "sku", .type = SUT_F_STRING, .flags = SUT_F_REQUIRED, .max = 4 },
};
static const struct sut_schema part = SUT_SCHEMA("Part", part_fields);
static const struct sut_field fields[] = {
    { .name = "name", .type = SUT_F_STRING, .flags = SUT_F_REQUIRED, .min = 2, .max = 5 },
    { .name = "note", .type = SUT_F_STRING, .flags = SUT_F_BLANK | SUT_F_NULLABLE },
    { .name = "email", .type = SUT_F_EMAIL, .max = 30 },
    { .name = "phone", .type = SUT_F_PHONE, .max = 15 },
    { .name = "password", .type = SUT_F_PASSWORD, .max = 8 },
    { .name = "n", .type = SUT_F_INT, .min = 1, .max = 100 },
    { .name = "any", .type = SUT_F_INT },
    { .name = "price", .type = SUT_F_PRICE, .max = 999999 },
    { .name = "on", .type = SUT_F_BOOL },
    { .name = "colour", .type = SUT_F_CHOICE, .choices = colours },
    { .name = "device", .type = SUT_F_OBJECT, .flags = SUT_F_UNUSED },
    { .name = "part", .type = SUT_F_OBJECT, .of = &part },
    { .name = "parts", .type = SUT_F_ARRAY, .of = &part, .max = 2 },
    { .name = "ids", .type = SUT_F_ARRAY, .items = SUT_F_INT, .min = 1 },
    { .name = "number", .type = SUT_F_NUMBER },
    { .name = "nothing", .type = SUT_F_NULL },
};
static const struct sut_schema schema = SUT_SCHEMA("Test", fields);

/* The faults of a body as "field: message" lines; "" when it passes. */
static const char *faults(struct sut_arena *a, sut_str text)
{
    const struct sut_json *body = NULL;
    const struct sut_fault *f = NULL;
    assert_false(sut_failed(sut_json_parse(a, text, &body, NULL)));
    const sut_err e = sut_schema_check(a, &schema, body, &f);
    assert_int_equal(e.code, f == NULL ? SUT_E_OK : SUT_E_INVALID);

    struct sut_buf b;
    sut_buf_init_arena(&b, a, 1 << 20);
    for (; f != NULL; f = f->next) {
        sut_buf_str_add(&b, f->field);
        sut_buf_lit(&b, ": ");
        sut_buf_str_add(&b, f->message);
        sut_buf_lit(&b, "\n");
    }
    return sut_str_z(a, sut_buf_str(&b));
}

#define FAULTS(body_, want_) assert_string_equal(faults(*state, SUT_STR(body_)), (want_))
/* The same with the one required field given. */
#define MEMBER(member_, want_) FAULTS("{\"name\":\"abc\"," member_ "}", want_)

static void a_good_body_passes(void **state)
{
    FAULTS("{\"name\":\" Anna \",\"note\":null,\"email\":\"a@b.co\",\"phone\":\"+27(0)21-555.01\","
           "\"password\":\" x \",\"n\":100,\"any\":-5,\"price\":\"12.50\",\"on\":false,"
           "\"colour\":\"red\",\"device\":[1],\"part\":{\"sku\":\"a\"},\"parts\":[],\"ids\":[1],"
           "\"number\":1.5,\"nothing\":null}",
           "");
}

static void every_fault_is_told_in_field_order(void **state)
{
    FAULTS("{\"zz\":1,\"n\":\"x\",\"email\":\"nope\",\"is_superuser\":true}",
           "name: This field is required.\n"
           "email: Enter a valid email address.\n"
           "n: A valid integer is required.\n"
           "zz: Unknown field.\n"
           "is_superuser: Unknown field.\n");
}

static void a_body_that_is_no_object_is_refused(void **state)
{
    FAULTS("[]", "non_field_errors: Invalid data. Expected a dictionary.\n");
    FAULTS("\"name\"", "non_field_errors: Invalid data. Expected a dictionary.\n");
    FAULTS("null", "non_field_errors: Invalid data. Expected a dictionary.\n");
    const struct sut_fault *f = NULL;
    assert_int_equal(sut_schema_check(*state, &schema, NULL, &f).code, SUT_E_INVALID);
    assert_true(sut_str_is(f->field, "name"));
    assert_null(f->next);
}

static void text_is_judged_without_its_outer_blanks(void **state)
{
    FAULTS("{\"name\":\"   \"}", "name: This field may not be blank.\n");
    FAULTS("{\"name\":null}", "name: This field may not be null.\n");
    FAULTS("{\"name\":5}", "name: Not a valid string.\n");
    FAULTS("{\"name\":[\"a\"]}", "name: Not a valid string.\n");
    FAULTS("{\"name\":\" a \"}", "name: Ensure this field has at least 2 characters.\n");
    FAULTS("{\"name\":\"abcdef\"}", "name: Ensure this field has no more than 5 characters.\n");
    FAULTS("{\"name\":\"  \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9 \"}", "");
    MEMBER("\"note\":\"  \"", "");
}

static void controls_are_refused_but_lines_are_not(void **state)
{
    MEMBER("\"note\":\"one\\ntwo\\tthree\\r\\nfour\"", "");
    MEMBER("\"note\":\"a\\u0007b\"", "note: Control characters are not allowed.\n");
    MEMBER("\"note\":\"a\\rb\"", "note: Control characters are not allowed.\n");
    MEMBER("\"note\":\"a\\u0085b\"", "note: Control characters are not allowed.\n");
    MEMBER("\"note\":\"a\\u007fb\"", "note: Control characters are not allowed.\n");
    MEMBER("\"email\":\"\\\"\\\\\\t\\\"@here.com\"", "email: Enter a valid email address.\n");
}

static void null_characters_are_named(void **state)
{
    const struct sut_json v = { .type = SUT_JSON_STRING, .s = SUT_STR("ab\0c") };
    const sut_str key = SUT_STR("name");
    const struct sut_json body = { .type = SUT_JSON_OBJECT, .n = 1, .items = &v, .keys = &key };
    const struct sut_fault *f = NULL;
    assert_int_equal(sut_schema_check(*state, &schema, &body, &f).code, SUT_E_INVALID);
    assert_true(sut_str_is(f->message, "Null characters are not allowed."));
}

static void a_password_is_taken_as_it_is(void **state)
{
    MEMBER("\"password\":\"  \\u0001\"", "");
    MEMBER("\"password\":\"\"", "password: This field may not be blank.\n");
    MEMBER("\"password\":\"123456789\"",
           "password: Ensure this field has no more than 8 characters.\n");
    MEMBER("\"password\":\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\"", "");
}

static void card_numbers_are_refused_in_free_text(void **state)
{
    static const char words[] = "note: Card numbers are not accepted.\n";
    MEMBER("\"note\":\"my card 4111 1111 1111 1111 please\"", words);
    MEMBER("\"note\":\"4111-1111-1111-1111\"", words);
    MEMBER("\"note\":\"5555555555554444\"", words);
    MEMBER("\"note\":\"378282246310005.\"", words);
    MEMBER("\"note\":\"4111 1111 1111 1111 2026\"", words);
    MEMBER("\"note\":\"12 4111111111111111\"", words);
    MEMBER("\"note\":\"4222222222222\"", words);
    MEMBER("\"note\":\"6304000000000000000\"", words);
    MEMBER("\"note\":\"4111 1111 1111 1112\"", "");
    MEMBER("\"note\":\"41111111111111111111\"", "");
    MEMBER("\"note\":\"1234567890\"", "");
    MEMBER("\"note\":\"+27 21 555 0123\"", "");
}

static void phones_hold_digits_and_little_else(void **state)
{
    static const char words[] = "phone: Enter a valid phone number.\n";
    MEMBER("\"phone\":\"0215550123\"", "");
    MEMBER("\"phone\":\"1234\"", words);
    MEMBER("\"phone\":\"+()-. \"", words);
    MEMBER("\"phone\":\"12345x\"", words);
    MEMBER("\"phone\":\"\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5\"", words);
    MEMBER("\"phone\":\"1234567890123456\"",
           "phone: Ensure this field has no more than 15 characters.\n");
}

static void integers_stay_in_their_range(void **state)
{
    MEMBER("\"n\":0", "n: Ensure this value is greater than or equal to 1.\n");
    MEMBER("\"n\":101", "n: Ensure this value is less than or equal to 100.\n");
    MEMBER("\"n\":1.0", "n: A valid integer is required.\n");
    MEMBER("\"n\":\"1\"", "n: A valid integer is required.\n");
    MEMBER("\"n\":true", "n: A valid integer is required.\n");
    MEMBER("\"any\":9223372036854775807", "");
}

static void a_price_below_zero_may_be_the_domains_to_judge(void **state)
{
    struct sut_arena *a = *state;
    static const struct sut_field signed_fields[] = {
        { .name = "price", .type = SUT_F_PRICE, .flags = SUT_F_SIGNED },
    };
    static const struct sut_schema signed_schema = SUT_SCHEMA("Signed", signed_fields);
    static const struct {
        const char *body;
        bool is_good;
        int64_t cents;
    } rows[] = {
        { "{\"price\":\"-12.50\"}", true, -1250 },  { "{\"price\":-0.01}", true, -1 },
        { "{\"price\":\"10000\"}", true, 1000000 }, { "{\"price\":\"-\"}", false, 0 },
        { "{\"price\":\"--1\"}", false, 0 },        { "{\"price\":\"-1.005\"}", false, 0 },
        { "{\"price\":\"-NaN\"}", false, 0 },       { "{\"price\":-0}", false, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct sut_json *body = NULL;
        const struct sut_fault *faults = NULL;
        enum sut_json_fault fault = SUT_JSON_OK;
        assert_false(sut_failed(sut_json_parse(a, sut_str_from(rows[i].body), &body, &fault)));
        assert_int_equal(!sut_failed(sut_schema_check(a, &signed_schema, body, &faults)),
                         rows[i].is_good);
        if (rows[i].is_good)
            assert_true(sut_schema_cents(body, "price", INT64_MIN) == rows[i].cents);
    }
}

static void prices_are_read_from_their_digits(void **state)
{
    static const char words[] = "price: A valid number is required.\n";
    MEMBER("\"price\":12", "");
    MEMBER("\"price\":12.5", "");
    MEMBER("\"price\":12.50", "");
    MEMBER("\"price\":\"9999.99\"", "");
    MEMBER("\"price\":0", "");
    MEMBER("\"price\":\"10000\"", "price: Ensure this value is less than or equal to 9999.99.\n");
    MEMBER("\"price\":-1", "price: Ensure this value is greater than or equal to 0.00.\n");
    MEMBER("\"price\":\"-0.01\"", "price: Ensure this value is greater than or equal to 0.00.\n");
    MEMBER("\"price\":12.505", "price: Ensure that there are no more than 2 decimal places.\n");
    MEMBER("\"price\":\"1.000\"", "price: Ensure that there are no more than 2 decimal places.\n");
    MEMBER("\"price\":\"1e2\"", words);
    MEMBER("\"price\":1e2", words);
    MEMBER("\"price\":1.5e1", words);
    MEMBER("\"price\":\"NaN\"", words);
    MEMBER("\"price\":\"\"", words);
    MEMBER("\"price\":\" 1\"", words);
    MEMBER("\"price\":\"+1\"", words);
    MEMBER("\"price\":\"1.\"", words);
    MEMBER("\"price\":\".5\"", words);
    MEMBER("\"price\":\"-\"", words);
    MEMBER("\"price\":\"-0\"", words);
    MEMBER("\"price\":\"1,5\"", words);
    MEMBER("\"price\":\"9223372036854775808\"", words);
    MEMBER("\"price\":\"99999999999999999999\"", words);
    MEMBER("\"price\":true", words);
}

static void choices_and_booleans_are_exact(void **state)
{
    MEMBER("\"colour\":\" blue \"", "");
    MEMBER("\"colour\":\"Red\"", "colour: \"Red\" is not a valid choice.\n");
    MEMBER("\"colour\":7", "colour: \"7\" is not a valid choice.\n");
    MEMBER("\"colour\":\"\"", "colour: \"\" is not a valid choice.\n");
    MEMBER("\"colour\":{}", "colour: Not a valid string.\n");
    MEMBER("\"on\":1", "on: Must be a valid boolean.\n");
    MEMBER("\"on\":\"true\"", "on: Must be a valid boolean.\n");
    MEMBER("\"on\":null", "on: This field may not be null.\n");
    MEMBER("\"number\":\"1\"", "number: A valid number is required.\n");
    MEMBER("\"nothing\":1", "nothing: Invalid data.\n");
}

static void what_stands_inside_is_named_by_its_path(void **state)
{
    MEMBER("\"part\":[]", "part: Invalid data. Expected a dictionary.\n");
    MEMBER("\"part\":{\"sku\":\"abcde\",\"x\":1}",
           "part.sku: Ensure this field has no more than 4 characters.\npart.x: Unknown field.\n");
    MEMBER("\"parts\":[{\"sku\":\"a\"},{}]", "parts.1.sku: This field is required.\n");
    MEMBER("\"parts\":[1]", "parts.0: Invalid data. Expected a dictionary.\n");
    MEMBER("\"parts\":[{},{},{}]", "parts: Ensure this field has no more than 2 elements.\n");
    MEMBER("\"parts\":{}", "parts: Expected a list of items.\n");
    MEMBER("\"ids\":[]", "ids: Ensure this field has at least 1 elements.\n");
    MEMBER("\"ids\":[1,\"2\"]", "ids.1: A valid integer is required.\n");
}

static void a_long_wrong_choice_is_cut_in_the_answer(void **state)
{
    struct sut_arena *a = *state;
    char text[3000];
    memset(text, 'x', sizeof(text));
    memcpy(text, "{\"name\":\"abc\",\"colour\":\"", 24);
    memcpy(text + sizeof(text) - 2, "\"}", 2);
    assert_true(strlen(faults(a, sut_str_of(text, sizeof(text)))) < 200);
}

static void handlers_read_what_was_judged(void **state)
{
    struct sut_arena *a = *state;
    const struct sut_json *body = NULL;
    assert_false(
        sut_failed(sut_json_parse(a,
                                  SUT_STR("{\"name\":\" a b \",\"note\":null,\"n\":5,\"on\":true,"
                                          "\"price\":12.5,\"p\":\"7\"}"),
                                  &body, NULL)));
    assert_true(sut_str_is(sut_schema_str(body, "name"), "a b"));
    assert_true(sut_str_is(sut_schema_raw(body, "name"), " a b "));
    assert_null(sut_schema_str(body, "note").p);
    assert_null(sut_schema_str(body, "absent").p);
    assert_null(sut_schema_str(NULL, "absent").p);
    assert_int_equal(sut_schema_i64(body, "n", -1), 5);
    assert_int_equal(sut_schema_i64(body, "name", -1), -1);
    assert_true(sut_schema_bool(body, "on", false));
    assert_true(sut_schema_bool(body, "absent", true));
    assert_int_equal(sut_schema_cents(body, "price", -1), 1250);
    assert_int_equal(sut_schema_cents(body, "p", -1), 700);
    assert_int_equal(sut_schema_cents(body, "name", -1), -1);
}

static void an_exhausted_arena_is_told(void **state)
{
    (void) state;
    struct sut_arena *small = NULL;
    const struct sut_fault *f = NULL;
    sut_str keys[200];
    struct sut_json items[200];
    memset(items, 0, sizeof(items));
    for (size_t i = 0; i < 200; i++)
        keys[i] = SUT_STR("unknown");
    const struct sut_json body = {
        .type = SUT_JSON_OBJECT, .n = 200, .items = items, .keys = keys
    };
    assert_false(sut_failed(sut_arena_create(4096, &small)));
    assert_non_null(sut_arena_bytes(small, 2048));
    assert_int_equal(sut_schema_check(small, &schema, &body, &f).code, SUT_E_NOMEM);
    sut_arena_free(&small);
}

static void a_body_of_faults_alone_is_answered_with_a_hundred(void **state)
{
    (void) state;
    struct sut_arena *a = NULL;
    const struct sut_fault *f = NULL;
    static sut_str keys[5000];
    static struct sut_json items[5000];
    for (size_t i = 0; i < 5000; i++)
        keys[i] = SUT_STR("unknown");
    const struct sut_json body = {
        .type = SUT_JSON_OBJECT, .n = 5000, .items = items, .keys = keys
    };
    assert_false(sut_failed(sut_arena_create(64 * 1024, &a)));
    assert_int_equal(sut_schema_check(a, &schema, &body, &f).code, SUT_E_INVALID);
    size_t n = 0;
    for (; f != NULL; f = f->next)
        n++;
    assert_int_equal(n, 100);
    sut_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_body_passes),
        cmocka_unit_test(every_fault_is_told_in_field_order),
        cmocka_unit_test(a_body_that_is_no_object_is_refused),
        cmocka_unit_test(text_is_judged_without_its_outer_blanks),
        cmocka_unit_test(controls_are_refused_but_lines_are_not),
        cmocka_unit_test(null_characters_are_named),
        cmocka_unit_test(a_password_is_taken_as_it_is),
        cmocka_unit_test(card_numbers_are_refused_in_free_text),
        cmocka_unit_test(phones_hold_digits_and_little_else),
        cmocka_unit_test(integers_stay_in_their_range),
        cmocka_unit_test(prices_are_read_from_their_digits),
        cmocka_unit_test(a_price_below_zero_may_be_the_domains_to_judge),
        cmocka_unit_test(choices_and_booleans_are_exact),
        cmocka_unit_test(what_stands_inside_is_named_by_its_path),
        cmocka_unit_test(a_long_wrong_choice_is_cut_in_the_answer),
        cmocka_unit_test(handlers_read_what_was_judged),
        cmocka_unit_test(an_exhausted_arena_is_told),
        cmocka_unit_test(a_body_of_faults_alone_is_answered_with_a_hundred),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
