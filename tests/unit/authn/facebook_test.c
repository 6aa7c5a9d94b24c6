/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/facebook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_S = 1772366400 };

/* What the Graph API answers. */
static struct {
    const char *debug;
    const char *me;
    int debug_status;
    int me_status;
    int asked_debug;
    int asked_me;
    sut_err failed;
} graph;

/* As the documents have them. */
#define DEBUG_OK                                                                                   \
    "{\"data\":{\"app_id\":\"138483919580948\",\"type\":\"USER\",\"application\":\"Social Cafe\"," \
    "\"expires_at\":1772370000,\"is_valid\":true,\"issued_at\":1772366000,"                        \
    "\"scopes\":[\"email\",\"public_profile\"],\"user_id\":\"1207059\"}}"
#define ME_OK                                                                                      \
    "{\"id\":\"1207059\",\"email\":\"ana@example.com\",\"first_name\":\"Ana\",\"last_name\":"      \
    "\"Lee\",\"picture\":{\"data\":{\"height\":50,\"is_silhouette\":false,\"url\":"                \
    "\"https://platform-lookaside.example/?asid=1&hash=x\",\"width\":50}}}"
#define EXPIRED                                                                                    \
    "{\"data\":{\"app_id\":\"138483919580948\",\"error\":{\"code\":190,\"message\":\"Error "       \
    "validating access token: Session has expired\",\"subcode\":463},\"expires_at\":1352419328,"   \
    "\"is_valid\":false,\"scopes\":[],\"user_id\":\"1207059\"}}"
#define MALFORMED                                                                                  \
    "{\"data\":{\"error\":{\"code\":190,\"message\":\"Malformed access token\"},\"is_valid\":"     \
    "false,\"scopes\":[]}}"
#define ERROR_190                                                                                  \
    "{\"error\":{\"message\":\"Invalid OAuth access token.\",\"type\":\"OAuthException\","         \
    "\"code\":190,\"fbtrace_id\":\"A\"}}"
#define ERROR_4                                                                                    \
    "{\"error\":{\"message\":\"(#4) Application request limit reached\",\"type\":"                 \
    "\"OAuthException\",\"is_transient\":true,\"code\":4,\"fbtrace_id\":\"A\"}}"

static sut_err fetch(void *ctx, enum sut_facebook_question q, sut_str token, struct sut_buf *body,
                     int *ret_status)
{
    (void) ctx;
    assert_true(sut_str_is(token, "EAAtoken"));
    if (sut_failed(graph.failed))
        return graph.failed;
    if (q == SUT_FACEBOOK_DEBUG) {
        graph.asked_debug++;
        sut_buf_z(body, graph.debug);
        *ret_status = graph.debug_status;
    } else {
        graph.asked_me++;
        sut_buf_z(body, graph.me);
        *ret_status = graph.me_status;
    }
    return SUT_OK;
}

static struct sut_identity who;
static struct sut_arena *arena;
static const char *why;

/* -1: UNAVAILABLE. */
static int judge_token(sut_str token)
{
    const struct sut_facebook f = { .app_id = SUT_STR("138483919580948"), .fetch = fetch };
    enum sut_facebook_verdict v = SUT_FACEBOOK_GOOD;
    sut_arena_reset(arena);
    const sut_err e =
        sut_facebook_check(&f, arena, token, (sut_ms){ NOW_S * INT64_C(1000) }, &who, &v, &why);
    assert_true(!sut_failed(e) || e.code == SUT_E_UNAVAILABLE);
    return sut_failed(e) ? -1 : (int) v;
}

static int judge(int debug_status, const char *debug, int me_status, const char *me)
{
    graph.debug_status = debug_status;
    graph.debug = debug;
    graph.me_status = me_status;
    graph.me = me;
    graph.asked_debug = graph.asked_me = 0;
    return judge_token(SUT_STR("EAAtoken"));
}

static void a_good_token_tells_who_it_is(void **state)
{
    (void) state;
    assert_int_equal(judge(200, DEBUG_OK, 200, ME_OK), SUT_FACEBOOK_GOOD);
    assert_true(sut_str_is(who.subject, "1207059"));
    assert_true(sut_str_is(who.email, "ana@example.com"));
    assert_true(sut_str_is(who.first_name, "Ana"));
    assert_true(sut_str_is(who.last_name, "Lee"));
    assert_true(sut_str_is(who.picture, "https://platform-lookaside.example/?asid=1&hash=x"));
    assert_int_equal(graph.asked_debug + graph.asked_me, 2);
}

#define DEBUG(app_, type_, expires_, valid_, user_)                                                \
    "{\"data\":{\"app_id\":" app_ ",\"type\":" type_ ",\"expires_at\":" expires_                   \
    ",\"is_valid\":" valid_ ",\"user_id\":" user_ "}}"
#define APP "\"138483919580948\""

static void a_token_that_is_not_for_us_is_bad_and_nobody_is_asked_who_has_it(void **state)
{
    (void) state;
    static const char *const rows[] = {
        EXPIRED,
        DEBUG("\"999\"", "\"USER\"", "0", "true", "\"1207059\""),
        DEBUG("138483919580948", "\"USER\"", "0", "true", "\"1207059\""),
        DEBUG("null", "\"USER\"", "0", "true", "\"1207059\""),
        DEBUG(APP, "\"PAGE\"", "0", "true", "\"1207059\""),
        DEBUG(APP, "\"APP\"", "0", "true", "\"1207059\""),
        DEBUG(APP, "\"USER\"", "1772366400", "true", "\"1207059\""),
        DEBUG(APP, "\"USER\"", "1", "true", "\"1207059\""),
        DEBUG(APP, "\"USER\"", "-1", "true", "\"1207059\""),
        DEBUG(APP, "\"USER\"", "\"0\"", "true", "\"1207059\""),
        DEBUG(APP, "\"USER\"", "0", "false", "\"1207059\""),
        DEBUG(APP, "\"USER\"", "0", "\"true\"", "\"1207059\""),
        DEBUG(APP, "\"USER\"", "0", "1", "\"1207059\""),
        DEBUG(APP, "\"USER\"", "0", "true", "1207059"),
        DEBUG(APP, "\"USER\"", "0", "true", "\"\""),
        "{\"data\":{}}",
        MALFORMED,
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (judge(200, rows[i], 200, ME_OK) != SUT_FACEBOOK_BAD)
            fail_msg("%s", rows[i]);
        assert_int_equal(graph.asked_me, 0);
        assert_true(why[0] != '\0');
    }
    /* One that never expires is fine. */
    assert_int_equal(judge(200, DEBUG(APP, "\"USER\"", "0", "true", "\"1207059\""), 200, ME_OK),
                     SUT_FACEBOOK_GOOD);
}

static void who_has_it_must_be_whose_it_is(void **state)
{
    (void) state;
    assert_int_equal(judge(200, DEBUG_OK, 200, "{\"id\":\"666\",\"email\":\"ana@example.com\"}"),
                     SUT_FACEBOOK_BAD);
    assert_string_equal(why, "subject");
    assert_int_equal(judge(200, DEBUG_OK, 200, "{\"email\":\"ana@example.com\"}"),
                     SUT_FACEBOOK_BAD);
    /* Taken back between the two questions. */
    assert_int_equal(judge(200, DEBUG_OK, 400, ERROR_190), SUT_FACEBOOK_BAD);
    assert_int_equal(judge(200, DEBUG_OK, 401, ERROR_190), SUT_FACEBOOK_BAD);
}

static void a_person_without_an_address_is_told_so(void **state)
{
    (void) state;
    static const char *const rows[] = {
        "{\"id\":\"1207059\",\"first_name\":\"Ana\"}",
        "{\"id\":\"1207059\",\"email\":\"\"}",
        "{\"id\":\"1207059\",\"email\":null}",
        "{\"id\":\"1207059\",\"email\":\"+27821234567\"}",
        "{\"id\":\"1207059\",\"email\":[\"ana@example.com\"]}",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(judge(200, DEBUG_OK, 200, rows[i]), SUT_FACEBOOK_NO_EMAIL);
}

static void facebook_out_of_order_is_no_verdict(void **state)
{
    (void) state;
    static const struct {
        int status;
        const char *body;
    } rows[] = { { 500, "" },        { 503, "{\"error\":{\"code\":2}}" },
                 { 200, "" },        { 200, "<html></html>" },
                 { 200, "[]" },      { 200, "null" },
                 { 429, ERROR_4 },   { 400, ERROR_4 },
                 { 302, "" },        { 404, "{}" },
                 { 200, "\"data\"" } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(judge(rows[i].status, rows[i].body, 200, ME_OK), -1);
        assert_int_equal(graph.asked_me, 0);
        assert_int_equal(judge(200, DEBUG_OK, rows[i].status, rows[i].body), -1);
    }
    /* It refuses our own app: nothing is known of the token. */
    assert_int_equal(judge(400, ERROR_190, 200, ME_OK), -1);
    assert_int_equal(judge(200, "{\"error\":{\"code\":190}}", 200, ME_OK), -1);
    graph.failed = (sut_err){ .code = SUT_E_UNAVAILABLE };
    assert_int_equal(judge(200, DEBUG_OK, 200, ME_OK), -1);
    graph.failed = (sut_err){ .code = SUT_E_DENIED };
    assert_int_equal(judge(200, DEBUG_OK, 200, ME_OK), -1);
    graph.failed = SUT_OK;
}

static void what_can_be_no_token_is_not_asked_about(void **state)
{
    (void) state;
    char longest[SUT_FACEBOOK_TOKEN_MAX + 1];
    memset(longest, 'E', sizeof(longest));
    graph.asked_debug = 0;
    const sut_str bad[] = {
        { 0 },           SUT_STR("a b"),      SUT_STR("a\r\nb"),
        SUT_STR("a\0b"), SUT_STR("\xc3\xa9"), sut_str_of(longest, sizeof(longest))
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(judge_token(bad[i]), SUT_FACEBOOK_BAD);
    assert_int_equal(graph.asked_debug, 0);
}

static void a_grey_head_is_no_picture(void **state)
{
    (void) state;
    assert_int_equal(
        judge(200, DEBUG_OK, 200,
              "{\"id\":\"1207059\",\"email\":\"ana@example.com\",\"picture\":{\"data\":{\"url\":"
              "\"https://a.example/\",\"is_silhouette\":true}}}"),
        SUT_FACEBOOK_GOOD);
    assert_int_equal(who.picture.n, 0);
    assert_int_equal(judge(200, DEBUG_OK, 200,
                           "{\"id\":\"1207059\",\"email\":\"ana@example.com\",\"picture\":1}"),
                     SUT_FACEBOOK_GOOD);
    assert_int_equal(who.picture.n, 0);
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
        cmocka_unit_test(a_token_that_is_not_for_us_is_bad_and_nobody_is_asked_who_has_it),
        cmocka_unit_test(who_has_it_must_be_whose_it_is),
        cmocka_unit_test(a_person_without_an_address_is_told_so),
        cmocka_unit_test(facebook_out_of_order_is_no_verdict),
        cmocka_unit_test(what_can_be_no_token_is_not_asked_about),
        cmocka_unit_test(a_grey_head_is_no_picture),
    };
    return cmocka_run_group_tests(tests, make_arena, end_arena);
}
