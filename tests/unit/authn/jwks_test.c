/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/jwks.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "authn/asking.h"
#include "test_signer.h"

enum { THREADS = 1 + SUT_ASKING_MAX, MORE = 24, KEYS = 4 };

/* What the provider says next, and how often it was asked; and the time. */
static struct {
    int64_t now_ms;
    struct sut_buf body;
    sut_err answer;
    uint32_t max_age_s;
    atomic_int asked;
    atomic_int at_once; /* fetches that go on now */
    int at_once_max;
    int delay_ms;
    atomic_bool is_held; /* it answers when it is let go */
} far;

static struct test_signer *signers[KEYS];

static sut_ms far_now(void *ctx)
{
    (void) ctx;
    return (sut_ms){ .v = far.now_ms };
}

static const struct sut_clock far_clock = { .now = far_now };

static sut_err far_fetch(void *ctx, struct sut_buf *body, uint32_t *ret_max_age_s)
{
    (void) ctx;
    const int at_once = atomic_fetch_add(&far.at_once, 1) + 1;
    far.at_once_max = at_once > far.at_once_max ? at_once : far.at_once_max;
    atomic_fetch_add(&far.asked, 1);
    if (far.delay_ms > 0)
        (void) nanosleep(&(struct timespec){ .tv_nsec = far.delay_ms * 1000000L }, NULL);
    for (int i = 0; i < 60000 && atomic_load(&far.is_held); i++)
        (void) nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    sut_buf_str_add(body, sut_buf_str(&far.body));
    *ret_max_age_s = far.max_age_s;
    atomic_fetch_sub(&far.at_once, 1);
    return far.answer;
}

/* The provider has these keys now: "ab" is signers 0 and 1 under the names a and b. */
static void far_has(const char *names)
{
    sut_buf_reset(&far.body);
    sut_buf_lit(&far.body, "{\"keys\":[");
    for (size_t i = 0; names[i] != '\0'; i++) {
        char more[] = "\"kid\":\"x\",\"use\":\"sig\"";
        more[7] = names[i];
        if (i > 0)
            sut_buf_lit(&far.body, ",");
        test_signer_jwk(signers[names[i] - 'a'], more, &far.body);
    }
    sut_buf_lit(&far.body, "]}");
}

static sut_err fail_with_unavailable(void)
{
    FAIL(UNAVAILABLE);
}

static int begin(void **state)
{
    struct sut_jwks *j = NULL;
    far.now_ms = 1000000;
    far.answer = SUT_OK;
    far.max_age_s = 600;
    far.asked = far.at_once = far.at_once_max = far.delay_ms = 0;
    far_has("ab");
    if (sut_failed(sut_jwks_create(far_fetch, NULL, &far_clock, &j)))
        return -1;
    *state = j;
    return 0;
}

static int end(void **state)
{
    struct sut_jwks *j = *state;
    sut_jwks_free(&j);
    return 0;
}

/* What a look for this name gives. */
static enum sut_ecode look(struct sut_jwks *j, const char *kid)
{
    struct sut_jwks_set *set = NULL;
    const struct sut_jwk *key = NULL;
    const sut_err e = sut_jwks_find(j, sut_str_from(kid), SUT_JWK_ES256, &set, &key);
    assert_true(sut_failed(e) == (set == NULL));
    sut_jwks_set_unref(&set);
    return e.code;
}

static void one_fetch_serves_until_the_keys_have_aged(void **state)
{
    for (int i = 0; i < 100; i++) {
        assert_int_equal(look(*state, "a"), SUT_E_OK);
        assert_int_equal(look(*state, "b"), SUT_E_OK);
    }
    assert_int_equal(far.asked, 1);
    far.now_ms += 600 * 1000 - 1;
    assert_int_equal(look(*state, "a"), SUT_E_OK);
    assert_int_equal(far.asked, 1);
    far.now_ms += 1;
    far_has("b");
    /* A key that the provider has taken back is none any more. */
    assert_int_equal(look(*state, "a"), SUT_E_TOKEN);
    assert_int_equal(look(*state, "b"), SUT_E_OK);
    assert_int_equal(far.asked, 2);
}

static void max_age_is_kept_within_bounds(void **state)
{
    static const struct {
        uint32_t told_s;
        int64_t fresh_ms;
    } rows[] = {
        { 0, SUT_JWKS_FRESH_UNTOLD_MS },       { 1, SUT_JWKS_FRESH_MIN_MS },
        { 300, SUT_JWKS_FRESH_MIN_MS },        { 19800, INT64_C(19800000) },
        { UINT32_MAX, SUT_JWKS_FRESH_MAX_MS },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sut_jwks *j = NULL;
        far.max_age_s = rows[i].told_s;
        far.asked = 0;
        assert_false(sut_failed(sut_jwks_create(far_fetch, NULL, &far_clock, &j)));
        assert_int_equal(look(j, "a"), SUT_E_OK);
        far.now_ms += rows[i].fresh_ms - 1;
        assert_int_equal(look(j, "a"), SUT_E_OK);
        assert_int_equal(far.asked, 1);
        far.now_ms += 1;
        assert_int_equal(look(j, "a"), SUT_E_OK);
        assert_int_equal(far.asked, 2);
        sut_jwks_free(&j);
    }
    (void) state;
}

static void an_unknown_name_asks_once_a_minute(void **state)
{
    assert_int_equal(look(*state, "a"), SUT_E_OK);
    far_has("abc");
    assert_int_equal(look(*state, "c"), SUT_E_OK);
    assert_int_equal(far.asked, 2);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(look(*state, "d"), SUT_E_TOKEN);
    assert_int_equal(far.asked, 2);
    far.now_ms += SUT_JWKS_UNKNOWN_MS - 1;
    assert_int_equal(look(*state, "d"), SUT_E_TOKEN);
    assert_int_equal(far.asked, 2);
    far.now_ms += 1;
    far_has("d");
    assert_int_equal(look(*state, "d"), SUT_E_OK);
    assert_int_equal(look(*state, "a"), SUT_E_TOKEN);
    assert_int_equal(far.asked, 3);
}

static void a_name_of_another_algorithm_is_unknown(void **state)
{
    struct sut_jwks_set *set = NULL;
    const struct sut_jwk *key = NULL;
    assert_int_equal(sut_jwks_find(*state, SUT_STR("a"), SUT_JWK_RS256, &set, &key).code,
                     SUT_E_TOKEN);
    assert_int_equal(look(*state, "a"), SUT_E_OK);
}

static void keys_of_before_hold_while_the_provider_is_down(void **state)
{
    assert_int_equal(look(*state, "a"), SUT_E_OK);
    far.answer = fail_with_unavailable();
    far.now_ms += 600 * 1000;
    for (int i = 0; i < 100; i++)
        assert_int_equal(look(*state, "a"), SUT_E_OK);
    assert_int_equal(far.asked, 2);
    /* Whether it has this one now can't be told. */
    assert_int_equal(look(*state, "c"), SUT_E_UNAVAILABLE);
    assert_int_equal(far.asked, 2);
    far.now_ms += SUT_JWKS_RETRY_MS;
    assert_int_equal(look(*state, "a"), SUT_E_OK);
    assert_int_equal(far.asked, 3);
    far.now_ms += SUT_JWKS_KEEP_MS - SUT_JWKS_RETRY_MS - 1;
    assert_int_equal(look(*state, "a"), SUT_E_OK);
    far.now_ms += 1;
    assert_int_equal(look(*state, "a"), SUT_E_UNAVAILABLE);
    far.answer = SUT_OK;
    assert_int_equal(look(*state, "a"), SUT_E_UNAVAILABLE);
    far.now_ms += SUT_JWKS_RETRY_MS;
    assert_int_equal(look(*state, "a"), SUT_E_OK);
}

static void without_any_keys_nothing_can_be_told(void **state)
{
    far.answer = fail_with_unavailable();
    for (int i = 0; i < 100; i++)
        assert_int_equal(look(*state, "a"), SUT_E_UNAVAILABLE);
    assert_int_equal(far.asked, 1);
    far.answer = SUT_OK;
    far.now_ms += SUT_JWKS_RETRY_MS;
    assert_int_equal(look(*state, "a"), SUT_E_OK);
}

static void garbage_in_place_of_keys_changes_nothing(void **state)
{
    static const char *const garbage[] = {
        "",
        "<html>sorry</html>",
        "{}",
        "[]",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[1,null,\"x\",[]]}",
        "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AAAA\"}]}",
        "{\"keys\":[],\"keys\":[]}",
    };
    assert_int_equal(look(*state, "a"), SUT_E_OK);
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        far.now_ms += 600 * 1000;
        sut_buf_reset(&far.body);
        sut_buf_z(&far.body, garbage[i]);
        assert_int_equal(look(*state, "a"), SUT_E_OK);
        assert_int_equal(far.asked, i + 2);
    }
}

struct seeker {
    struct sut_jwks *j;
    const char *kid;
    enum sut_ecode got;
};

static atomic_int n_told; /* of the seekers, so far */

static void *seek(void *arg)
{
    struct seeker *s = arg;
    s->got = look(s->j, s->kid);
    atomic_fetch_add(&n_told, 1);
    return NULL;
}

static void one_fetch_goes_on_at_a_time(void **state)
{
    pthread_t threads[THREADS];
    struct seeker seekers[THREADS];
    far.delay_ms = 100;
    for (size_t i = 0; i < THREADS; i++) {
        seekers[i] =
            (struct seeker){ .j = *state, .kid = i % 2 == 0 ? "a" : "b", .got = SUT_E_RATE };
        assert_int_equal(pthread_create(&threads[i], NULL, seek, &seekers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(seekers[i].got, SUT_E_OK);
    }
    assert_int_equal(far.asked, 1);
    assert_int_equal(far.at_once_max, 1);
}

static void of_many_who_need_a_slow_provider_some_wait(void **state)
{
    pthread_t threads[MORE];
    struct seeker seekers[MORE];
    size_t n_found = 0;
    atomic_store(&far.is_held, true);
    atomic_store(&n_told, 0);
    for (size_t i = 0; i < MORE; i++) {
        seekers[i] = (struct seeker){ .j = *state, .kid = "a", .got = SUT_E_RATE };
        assert_int_equal(pthread_create(&threads[i], NULL, seek, &seekers[i]), 0);
    }
    /* All but the one that fetches and those who wait are told at once. */
    for (int i = 0; i < 30000 && atomic_load(&n_told) < MORE - THREADS; i++)
        (void) nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    const int told_at_once = atomic_load(&n_told);
    atomic_store(&far.is_held, false);
    assert_int_equal(told_at_once, MORE - THREADS);
    for (size_t i = 0; i < MORE; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(seekers[i].got == SUT_E_OK || seekers[i].got == SUT_E_BUSY);
        n_found += seekers[i].got == SUT_E_OK;
    }
    assert_int_equal(far.asked, 1);
    assert_int_equal(n_found, THREADS);
    /* And those who come later are not held against them. */
    assert_int_equal(look(*state, "b"), SUT_E_OK);
}

static void who_has_a_key_does_not_wait_for_a_fetch(void **state)
{
    pthread_t thread;
    assert_int_equal(look(*state, "a"), SUT_E_OK);
    far.now_ms += 600 * 1000;
    atomic_store(&far.is_held, true);
    struct seeker s = { .j = *state, .kid = "c", .got = SUT_E_RATE };
    assert_int_equal(pthread_create(&thread, NULL, seek, &s), 0);
    while (far.asked < 2)
        (void) nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    assert_int_equal(look(*state, "a"), SUT_E_OK);
    const int going_on = atomic_load(&far.at_once);
    atomic_store(&far.is_held, false);
    assert_int_equal(going_on, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(s.got, SUT_E_TOKEN);
    assert_int_equal(far.asked, 2);
}

static size_t keys_in(const char *list)
{
    struct sut_jwks_set *set = NULL;
    struct sut_buf b;
    sut_buf_init(&b, 64 * 1024);
    sut_buf_lit(&b, "{\"keys\":[");
    sut_buf_z(&b, list);
    sut_buf_lit(&b, "]}");
    const sut_err e = sut_jwks_set_parse(sut_buf_str(&b), &set);
    assert_true(!sut_failed(e) || e.code == SUT_E_PARSE);
    const size_t n = set == NULL ? 0 : sut_jwks_set_n(set);
    sut_jwks_set_unref(&set);
    sut_buf_done(&b);
    return n;
}

static size_t with(const char *more)
{
    struct sut_buf b;
    sut_buf_init(&b, 8192);
    test_signer_jwk(signers[0], more, &b);
    sut_buf_char(&b, '\0');
    const size_t n = keys_in(b.p);
    sut_buf_done(&b);
    return n;
}

static void only_public_keys_for_signatures_are_taken(void **state)
{
    (void) state;
    assert_int_equal(with("\"kid\":\"k\""), 1);
    assert_int_equal(with("\"kid\":\"k\",\"use\":\"sig\",\"alg\":\"ES256\""), 1);
    assert_int_equal(with("\"kid\":\"k\",\"key_ops\":[\"verify\"],\"x5c\":[\"AA\"]"), 1);
    static const char *const bad[] = {
        "",
        "\"kid\":\"\"",
        "\"kid\":1",
        "\"kid\":\"k\",\"use\":\"enc\"",
        "\"kid\":\"k\",\"use\":1",
        "\"kid\":\"k\",\"alg\":\"RS256\"",
        "\"kid\":\"k\",\"alg\":\"ES384\"",
        "\"kid\":\"k\",\"alg\":\"HS256\"",
        "\"kid\":\"k\",\"alg\":null",
        "\"kid\":\"k\",\"key_ops\":[]",
        "\"kid\":\"k\",\"key_ops\":[\"sign\"]",
        "\"kid\":\"k\",\"key_ops\":\"verify\"",
        "\"kid\":\"k\",\"d\":\"AAAA\"",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(with(bad[i]), 0);
    assert_int_equal(keys_in("{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"AQAB\",\"e\":\"AQAB\"}"), 0);
    assert_int_equal(keys_in("{\"kty\":\"EC\",\"crv\":\"P-384\",\"kid\":\"k\",\"x\":\"\",\"y\":"
                             "\"\"}"),
                     0);
}

static void sets_and_names_are_bounded(void **state)
{
    (void) state;
    struct sut_buf b;
    struct sut_jwks_set *set = NULL;
    for (int n = 15; n < 18; n++) {
        sut_buf_init(&b, 64 * 1024);
        sut_buf_lit(&b, "{\"keys\":[");
        for (int i = 0; i < n; i++) {
            char more[] = "\"kid\":\"A\"";
            more[7] = (char) ('A' + i);
            if (i > 0)
                sut_buf_lit(&b, ",");
            test_signer_jwk(signers[0], more, &b);
        }
        sut_buf_lit(&b, "]}");
        const sut_err e = sut_jwks_set_parse(sut_buf_str(&b), &set);
        assert_int_equal(e.code, n > SUT_JWKS_KEYS_MAX ? SUT_E_TOO_LARGE : SUT_E_OK);
        sut_jwks_set_unref(&set);
        sut_buf_done(&b);
    }
    sut_buf_init(&b, 2 * SUT_JWKS_TEXT_MAX);
    sut_buf_lit(&b, "{\"keys\":[");
    for (int i = 0; i < 65; i++)
        sut_buf_z(&b, i == 0 ? "1" : ",1");
    sut_buf_lit(&b, "]}");
    assert_int_equal(sut_jwks_set_parse(sut_buf_str(&b), &set).code, SUT_E_TOO_LARGE);
    while (b.n <= SUT_JWKS_TEXT_MAX)
        sut_buf_lit(&b, " ");
    assert_int_equal(sut_jwks_set_parse(sut_buf_str(&b), &set).code, SUT_E_TOO_LARGE);
    sut_buf_done(&b);
    char name[256] = "\"kid\":\"";
    memset(name + 7, 'k', SUT_JWS_KID_MAX);
    memcpy(name + 7 + SUT_JWS_KID_MAX, "\"", 2);
    assert_int_equal(with(name), 1);
    memcpy(name + 7 + SUT_JWS_KID_MAX, "k\"", 3);
    assert_int_equal(with(name), 0);
}

static int make_signers(void **state)
{
    (void) state;
    sut_buf_init(&far.body, SUT_JWKS_TEXT_MAX);
    for (size_t i = 0; i < KEYS; i++)
        signers[i] = test_signer_p256();
    return 0;
}

static int end_signers(void **state)
{
    (void) state;
    sut_buf_done(&far.body);
    for (size_t i = 0; i < KEYS; i++)
        test_signer_free(&signers[i]);
    return 0;
}

#define T(name_) cmocka_unit_test_setup_teardown(name_, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(one_fetch_serves_until_the_keys_have_aged),
        T(max_age_is_kept_within_bounds),
        T(an_unknown_name_asks_once_a_minute),
        T(a_name_of_another_algorithm_is_unknown),
        T(keys_of_before_hold_while_the_provider_is_down),
        T(without_any_keys_nothing_can_be_told),
        T(garbage_in_place_of_keys_changes_nothing),
        T(one_fetch_goes_on_at_a_time),
        T(of_many_who_need_a_slow_provider_some_wait),
        T(who_has_a_key_does_not_wait_for_a_fetch),
        T(only_public_keys_for_signatures_are_taken),
        T(sets_and_names_are_bounded),
    };
    return cmocka_run_group_tests(tests, make_signers, end_signers);
}
