/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/id_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_S = 1772366400, TEXT_MAX = 8192 };

static const struct sut_id_token_policy policy = {
    .audiences = { .v = { SUT_STR_INIT("web"), SUT_STR_INIT("android") }, .n = 2 },
    .issuers = { .v = { SUT_STR_INIT("https://accounts.google.com"),
                        SUT_STR_INIT("accounts.google.com") },
                 .n = 2 },
};

static struct sut_identity who;
static struct sut_arena *arena;

static enum sut_id_token_fault judge_with(sut_str claims, sut_str nonce)
{
    enum sut_id_token_fault fault = SUT_ID_TOKEN_FINE;
    sut_arena_reset(arena);
    const sut_err e = sut_id_token_read(arena, claims, &policy, nonce,
                                        (sut_ms){ NOW_S * INT64_C(1000) + 999 }, &who, &fault);
    assert_true(sut_failed(e) ? e.code == SUT_E_TOKEN && fault != SUT_ID_TOKEN_FINE
                              : fault == SUT_ID_TOKEN_FINE);
    return fault;
}

/* The claims of a good token, in this order; a case puts another text in one's place. */
enum claim { ISS, AUD, AZP, EXP, IAT, NBF, SUB, EMAIL, VERIFIED, NONCE, NAMES, CLAIMS };
#define NAMES_GOOD                                                                                 \
    "\"name\":\"John Smith\",\"given_name\":\"John\",\"family_name\":\"Smith\","                   \
    "\"picture\":\"https://lh3.example/photo.jpg\",\"hd\":\"example.com\""
static const char *const good[CLAIMS] = {
    [ISS] = "\"iss\":\"https://accounts.google.com\"",
    [AUD] = "\"aud\":\"web\"",
    [AZP] = "\"azp\":\"android\"",
    [EXP] = "\"exp\":1772370000",
    [IAT] = "\"iat\":1772366400",
    [NBF] = "\"nbf\":1772366100",
    [SUB] = "\"sub\":\"110169484474386276334\"",
    [EMAIL] = "\"email\":\"jsmith@example.com\"",
    [VERIFIED] = "\"email_verified\":true",
    [NONCE] = "\"nonce\":\"n-0S6_WzA2Mj\"",
    [NAMES] = NAMES_GOOD,
};

/* `instead` empty: the claim is left out. */
static enum sut_id_token_fault judge(enum claim changed, const char *instead)
{
    char text[TEXT_MAX];
    size_t n = 0;
    const char *comma = "{";
    for (int i = 0; i < CLAIMS; i++) {
        const char *claim = i == (int) changed ? instead : good[i];
        if (*claim == '\0')
            continue;
        n += (size_t) snprintf(text + n, sizeof(text) - n, "%s%s", comma, claim);
        assert_true(n < sizeof(text) - 1);
        comma = ",";
    }
    text[n++] = '}';
    return judge_with(sut_str_of(text, n), (sut_str){ 0 });
}

static void a_good_token_tells_who_it_is(void **state)
{
    (void) state;
    assert_int_equal(judge(CLAIMS, ""), SUT_ID_TOKEN_FINE);
    assert_true(sut_str_is(who.subject, "110169484474386276334"));
    assert_true(sut_str_is(who.email, "jsmith@example.com"));
    assert_true(sut_str_is(who.name, "John Smith"));
    assert_true(sut_str_is(who.first_name, "John"));
    assert_true(sut_str_is(who.last_name, "Smith"));
    assert_true(sut_str_is(who.picture, "https://lh3.example/photo.jpg"));
    assert_int_equal(judge(NAMES, ""), SUT_ID_TOKEN_FINE);
    assert_int_equal(who.name.n + who.first_name.n + who.last_name.n + who.picture.n, 0);
}

struct row {
    enum claim claim;
    const char *instead;
    enum sut_id_token_fault want;
};

static void judge_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const enum sut_id_token_fault f = judge(rows[i].claim, rows[i].instead);
        if (f != rows[i].want)
            fail_msg("%s: %d", rows[i].instead, f);
    }
}
#define JUDGE(rows_) judge_rows(rows_, sizeof(rows_) / sizeof((rows_)[0]))

static void only_our_issuer_and_audience_pass(void **state)
{
    (void) state;
    static const struct row rows[] = {
        { ISS, "\"iss\":\"accounts.google.com\"", SUT_ID_TOKEN_FINE },
        { ISS, "", SUT_ID_TOKEN_ISSUER },
        { ISS, "\"iss\":\"https://accounts.google.com/\"", SUT_ID_TOKEN_ISSUER },
        { ISS, "\"iss\":\"http://accounts.google.com\"", SUT_ID_TOKEN_ISSUER },
        { ISS, "\"iss\":\"https://accounts.google.com.evil.example\"", SUT_ID_TOKEN_ISSUER },
        { ISS, "\"iss\":\"HTTPS://ACCOUNTS.GOOGLE.COM\"", SUT_ID_TOKEN_ISSUER },
        { ISS, "\"iss\":[\"https://accounts.google.com\"]", SUT_ID_TOKEN_ISSUER },
        { ISS, "\"iss\":\"\"", SUT_ID_TOKEN_ISSUER },
        { ISS, "\"iss\":null", SUT_ID_TOKEN_ISSUER },
        { AUD, "\"aud\":\"android\"", SUT_ID_TOKEN_FINE },
        { AUD, "\"aud\":[\"web\"]", SUT_ID_TOKEN_FINE },
        { AUD, "\"aud\":[\"other\",\"web\"]", SUT_ID_TOKEN_FINE },
        { AUD, "", SUT_ID_TOKEN_AUDIENCE },
        { AUD, "\"aud\":\"other\"", SUT_ID_TOKEN_AUDIENCE },
        { AUD, "\"aud\":\"Web\"", SUT_ID_TOKEN_AUDIENCE },
        { AUD, "\"aud\":\"web \"", SUT_ID_TOKEN_AUDIENCE },
        { AUD, "\"aud\":\"web,android\"", SUT_ID_TOKEN_AUDIENCE },
        { AUD, "\"aud\":\"\"", SUT_ID_TOKEN_AUDIENCE },
        { AUD, "\"aud\":[]", SUT_ID_TOKEN_AUDIENCE },
        { AUD, "\"aud\":[\"other\"]", SUT_ID_TOKEN_AUDIENCE },
        { AUD, "\"aud\":[\"web\",1]", SUT_ID_TOKEN_AUDIENCE },
        { AUD, "\"aud\":[[\"web\"]]", SUT_ID_TOKEN_AUDIENCE },
        { AUD, "\"aud\":{\"web\":1}", SUT_ID_TOKEN_AUDIENCE },
        { AUD,
          "\"aud\":[\"web\",\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\","
          "\"12\",\"13\",\"14\",\"15\",\"16\"]",
          SUT_ID_TOKEN_AUDIENCE },
        { AZP, "", SUT_ID_TOKEN_FINE },
        { AZP, "\"azp\":\"other\"", SUT_ID_TOKEN_AUDIENCE },
        { AZP, "\"azp\":\"\"", SUT_ID_TOKEN_AUDIENCE },
        { AZP, "\"azp\":null", SUT_ID_TOKEN_AUDIENCE },
        { AZP, "\"azp\":[\"web\"]", SUT_ID_TOKEN_AUDIENCE },
    };
    JUDGE(rows);
    /* Several audiences, and nobody says for whom it was made. */
    assert_int_equal(
        judge_with(SUT_STR("{\"iss\":\"accounts.google.com\",\"aud\":[\"web\",\"android\"]}"),
                   (sut_str){ 0 }),
        SUT_ID_TOKEN_AUDIENCE);
}

static void only_a_token_of_today_passes(void **state)
{
    (void) state;
    static const struct row rows[] = {
        { EXP, "\"exp\":1772366401", SUT_ID_TOKEN_FINE },
        { EXP, "\"exp\":1772366400", SUT_ID_TOKEN_TIME },
        { EXP, "\"exp\":1772366399", SUT_ID_TOKEN_TIME },
        { EXP, "", SUT_ID_TOKEN_TIME },
        { EXP, "\"exp\":\"1772370000\"", SUT_ID_TOKEN_TIME },
        { EXP, "\"exp\":1772370000.5", SUT_ID_TOKEN_TIME },
        { EXP, "\"exp\":-1", SUT_ID_TOKEN_TIME },
        { EXP, "\"exp\":null", SUT_ID_TOKEN_TIME },
        { EXP, "\"exp\":9223372036854775807", SUT_ID_TOKEN_FINE },
        { EXP, "\"exp\":99999999999999999999", SUT_ID_TOKEN_MALFORMED },
        { IAT, "\"iat\":1772366460", SUT_ID_TOKEN_FINE },
        { IAT, "\"iat\":1772366461", SUT_ID_TOKEN_TIME },
        { IAT, "\"iat\":9223372036854775807", SUT_ID_TOKEN_TIME },
        { IAT, "\"iat\":1772280000", SUT_ID_TOKEN_FINE },
        { IAT, "\"iat\":1772279999", SUT_ID_TOKEN_TIME },
        { IAT, "\"iat\":0", SUT_ID_TOKEN_TIME },
        { IAT, "", SUT_ID_TOKEN_TIME },
        { IAT, "\"iat\":\"1772366400\"", SUT_ID_TOKEN_TIME },
        { NBF, "", SUT_ID_TOKEN_FINE },
        { NBF, "\"nbf\":1772366461", SUT_ID_TOKEN_TIME },
        { NBF, "\"nbf\":\"x\"", SUT_ID_TOKEN_TIME },
    };
    JUDGE(rows);
}

static void only_a_verified_address_and_a_subject_pass(void **state)
{
    (void) state;
    static const struct row rows[] = {
        { VERIFIED, "\"email_verified\":\"true\"", SUT_ID_TOKEN_FINE },
        { VERIFIED, "", SUT_ID_TOKEN_EMAIL },
        { VERIFIED, "\"email_verified\":false", SUT_ID_TOKEN_EMAIL },
        { VERIFIED, "\"email_verified\":\"false\"", SUT_ID_TOKEN_EMAIL },
        { VERIFIED, "\"email_verified\":\"True\"", SUT_ID_TOKEN_EMAIL },
        { VERIFIED, "\"email_verified\":1", SUT_ID_TOKEN_EMAIL },
        { VERIFIED, "\"email_verified\":\"1\"", SUT_ID_TOKEN_EMAIL },
        { VERIFIED, "\"email_verified\":null", SUT_ID_TOKEN_EMAIL },
        { VERIFIED, "\"email_verified\":[true]", SUT_ID_TOKEN_EMAIL },
        { EMAIL, "", SUT_ID_TOKEN_EMAIL },
        { EMAIL, "\"email\":\"\"", SUT_ID_TOKEN_EMAIL },
        { EMAIL, "\"email\":\"jsmith\"", SUT_ID_TOKEN_EMAIL },
        { EMAIL, "\"email\":\"a@b.example,c@d.example\"", SUT_ID_TOKEN_EMAIL },
        { EMAIL, "\"email\":\"a@b.example\\r\\nBcc: c@d.example\"", SUT_ID_TOKEN_EMAIL },
        { EMAIL, "\"email\":[\"jsmith@example.com\"]", SUT_ID_TOKEN_EMAIL },
        { EMAIL, "\"email\":\"x@y.example\",\"email\":\"jsmith@example.com\"",
          SUT_ID_TOKEN_MALFORMED },
        { SUB, "", SUT_ID_TOKEN_SUBJECT },
        { SUB, "\"sub\":\"\"", SUT_ID_TOKEN_SUBJECT },
        { SUB, "\"sub\":110169484474386276", SUT_ID_TOKEN_SUBJECT },
        { SUB, "\"sub\":\"1 2\"", SUT_ID_TOKEN_SUBJECT },
        { SUB, "\"sub\":\"\\u00e9\"", SUT_ID_TOKEN_SUBJECT },
        { SUB, "\"sub\":\"1\\u0000\"", SUT_ID_TOKEN_MALFORMED },
    };
    JUDGE(rows);
    char sub[400];
    for (int n = 255; n < 257; n++) {
        char *end = sub + snprintf(sub, sizeof(sub), "\"sub\":\"");
        memset(end, 'a', (size_t) n);
        end[n] = '"';
        end[n + 1] = '\0';
        assert_int_equal(judge(SUB, sub), n == 255 ? SUT_ID_TOKEN_FINE : SUT_ID_TOKEN_SUBJECT);
    }
}

static void a_nonce_that_was_asked_for_must_be_there(void **state)
{
    (void) state;
    static const char *const texts[] = { "\"nonce\":\"n1\",", "\"nonce\":\"N1\",", "\"nonce\":1,",
                                         "" };
    for (size_t i = 0; i < 4; i++) {
        char text[TEXT_MAX];
        const int n =
            snprintf(text, sizeof(text),
                     "{%s\"iss\":\"accounts.google.com\",\"aud\":\"web\",\"exp\":1772370000,"
                     "\"iat\":1772366400,\"sub\":\"1\",\"email\":\"a@b.example\","
                     "\"email_verified\":true}",
                     texts[i]);
        const sut_str claims = sut_str_of(text, (size_t) n);
        assert_int_equal(judge_with(claims, SUT_STR("n1")),
                         i == 0 ? SUT_ID_TOKEN_FINE : SUT_ID_TOKEN_NONCE);
        assert_int_equal(judge_with(claims, (sut_str){ 0 }), SUT_ID_TOKEN_FINE);
    }
}

static void what_is_no_object_is_malformed(void **state)
{
    (void) state;
    static const char *const texts[] = { "",     "null", "[]",       "\"x\"",
                                         "{",    "{}x",  "{\"a\":}", "{\"a\":1,\"a\":1}",
                                         "\xff", "1" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(judge_with(sut_str_from(texts[i]), (sut_str){ 0 }),
                         SUT_ID_TOKEN_MALFORMED);
    assert_int_equal(judge_with(SUT_STR("{}"), (sut_str){ 0 }), SUT_ID_TOKEN_ISSUER);
}

static void what_is_no_name_and_no_picture_is_left_out(void **state)
{
    (void) state;
    assert_int_equal(judge(NAMES, "\"name\":\"  Ana  \",\"given_name\":\"A\\nB\","
                                  "\"family_name\":\"4111 1111 1111 1111\","
                                  "\"picture\":\"http://lh3.example/p.jpg\""),
                     SUT_ID_TOKEN_FINE);
    assert_true(sut_str_is(who.name, "Ana"));
    assert_int_equal(who.first_name.n + who.last_name.n + who.picture.n, 0);
    assert_int_equal(judge(NAMES, "\"name\":1,\"given_name\":null,\"picture\":\"javascript:1\""),
                     SUT_ID_TOKEN_FINE);
    assert_int_equal(who.name.n + who.first_name.n + who.picture.n, 0);
    assert_int_equal(judge(NAMES, "\"picture\":\"https://lh3.example/a b\""), SUT_ID_TOKEN_FINE);
    assert_int_equal(who.picture.n, 0);
    /* cut at the end of a character */
    char text[TEXT_MAX];
    char *end = text + snprintf(text, sizeof(text), "\"name\":\"a");
    for (int i = 0; i < 100; i++)
        end += snprintf(end, 3, "\xc3\xa9");
    (void) snprintf(end, 2, "\"");
    assert_int_equal(judge(NAMES, text), SUT_ID_TOKEN_FINE);
    assert_int_equal(who.name.n, 149);
}

static void lists_of_names_are_parted_by_commas(void **state)
{
    (void) state;
    struct sut_id_token_names names;
    assert_false(sut_failed(sut_id_token_names(SUT_STR(" a, b ,,c,"), &names)));
    assert_int_equal(names.n, 3);
    assert_true(sut_str_is(names.v[0], "a") && sut_str_is(names.v[2], "c"));
    assert_false(sut_failed(sut_id_token_names((sut_str){ 0 }, &names)));
    assert_int_equal(names.n, 0);
    assert_int_equal(
        sut_id_token_names(SUT_STR("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"), &names).code,
        SUT_E_TOO_LARGE);
}

static int make_arena(void **state)
{
    (void) state;
    return sut_failed(sut_arena_create(256 * 1024, &arena));
}

static int end_arena(void **state)
{
    (void) state;
    sut_arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_token_tells_who_it_is),
        cmocka_unit_test(only_our_issuer_and_audience_pass),
        cmocka_unit_test(only_a_token_of_today_passes),
        cmocka_unit_test(only_a_verified_address_and_a_subject_pass),
        cmocka_unit_test(a_nonce_that_was_asked_for_must_be_there),
        cmocka_unit_test(what_is_no_object_is_malformed),
        cmocka_unit_test(what_is_no_name_and_no_picture_is_left_out),
        cmocka_unit_test(lists_of_names_are_parted_by_commas),
    };
    return cmocka_run_group_tests(tests, make_arena, end_arena);
}
