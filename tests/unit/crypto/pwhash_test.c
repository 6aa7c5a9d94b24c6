/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pwhash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "corpus_json.h"

static const struct sut_pwhash_policy quick_pbkdf2 = { .kind = SUT_PWHASH_PBKDF2, .rounds = 1000 };
static const struct sut_pwhash_policy quick_argon2 = {
    .kind = SUT_PWHASH_ARGON2ID, .memory_kib = 64, .passes = 2, .lanes = 1
};
static const struct sut_pwhash_budget wide = {
    .rounds = 2000000, .memory_kib = 131072, .passes = 8, .lanes = 8
};

static enum sut_pwhash_verdict verdict(const char *encoded, const char *password)
{
    enum sut_pwhash_verdict v = SUT_PWHASH_OK;
    assert_false(sut_failed(
        sut_pwhash_verify(sut_str_from(encoded), sut_str_from(password), &wide, SUT_STR(""), &v)));
    return v;
}

static void django_s_own_hashes_verify(void **state)
{
    (void) state;
    json_t *d = corpus_json("django/pbkdf2_vectors.json");
    if (d == NULL)
        skip();
    size_t i = 0;
    const json_t *t = NULL;
    json_array_foreach(d, i, t)
    {
        assert_int_equal(verdict(corpus_str(t, "encoded"), corpus_str(t, "password")),
                         SUT_PWHASH_OK);
        assert_int_equal(verdict(corpus_str(t, "encoded"), "another"), SUT_PWHASH_NO);
    }
    assert_int_equal(i, 19);
    json_decref(d);
}

/* Made by Django 3.2 (Argon2id) and by argon2-cffi (i and d). */
static void argon2_of_every_kind_verifies(void **state)
{
    (void) state;
    static const char *const hashes[] = {
        "argon2$argon2id$v=19$m=19456,t=2,p=1$YWJjZGVmZ2hpajAxMjM0NTY3ODlBQg$"
        "jqIjnpFYa8smoAIEmOhvhWowGxptoAd9amskJnvJVj8",
        "argon2$argon2id$v=19$m=102400,t=2,p=8$QUJDREVGR0hJSjAxMjM0NTY3ODlhYg$vxgi+UAhSAvZfPgQM/"
        "zD0Q",
        "argon2$argon2i$v=19$m=512,t=2,p=2$c29tZXNhbHQ$4JI43bpJGTeqHMQmP6cjhg",
        "argon2$argon2i$v=16$m=512,t=2,p=2$c29tZXNhbHQ$2IdoNVglVTxb9w4YVJqW8w",
        "argon2$argon2i$m=512,t=2,p=2$c29tZXNhbHQ$2IdoNVglVTxb9w4YVJqW8w",
        "argon2$argon2d$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"
        "AieTSfpALJXZccX6ji3VLm25VCvfo96ieiWs2io38HLEZkTQwuFJQ/Wuu5eUiTqxZRGINgfKZTv6Oy/T/g1AzA",
    };
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        assert_int_equal(verdict(hashes[i], "secret"), SUT_PWHASH_OK);
        assert_int_equal(verdict(hashes[i], "Secret"), SUT_PWHASH_NO);
    }
}

static void what_is_hashed_verifies_and_nothing_else(void **state)
{
    (void) state;
    const struct sut_pwhash_policy *const policies[] = { &quick_pbkdf2, &quick_argon2 };
    for (size_t i = 0; i < 2; i++) {
        struct sut_pwhash_text a;
        struct sut_pwhash_text b;
        enum sut_pwhash_verdict v = SUT_PWHASH_NO;
        assert_false(
            sut_failed(sut_pwhash_hash(policies[i], &sut_random_system, SUT_STR("p\xc3\xa9"), &a)));
        assert_false(
            sut_failed(sut_pwhash_hash(policies[i], &sut_random_system, SUT_STR("p\xc3\xa9"), &b)));
        assert_false(sut_str_eq(sut_pwhash_str(&a), sut_pwhash_str(&b)));
        assert_false(sut_failed(
            sut_pwhash_verify(sut_pwhash_str(&a), SUT_STR("p\xc3\xa9"), &wide, SUT_STR(""), &v)));
        assert_int_equal(v, SUT_PWHASH_OK);
        assert_false(
            sut_failed(sut_pwhash_verify(sut_pwhash_str(&a), SUT_STR(""), &wide, SUT_STR(""), &v)));
        assert_int_equal(v, SUT_PWHASH_NO);
        assert_false(sut_pwhash_needs_rehash(sut_pwhash_str(&a), policies[i]));

        struct sut_pwhash_info info;
        sut_pwhash_parse(sut_pwhash_str(&a), &info);
        assert_int_equal(info.kind, policies[i]->kind);
        assert_int_equal(info.memory_bytes, sut_pwhash_policy_memory(policies[i]));
        if (info.kind == SUT_PWHASH_PBKDF2)
            assert_int_equal(info.salt.n, 22);
    }
}

static void a_damaged_hash_never_verifies(void **state)
{
    (void) state;
    const struct sut_pwhash_policy *const policies[] = { &quick_pbkdf2, &quick_argon2 };
    const struct sut_pwhash_budget tight = {
        .rounds = 9999, .memory_kib = 128, .passes = 4, .lanes = 2
    };
    for (size_t k = 0; k < 2; k++) {
        struct sut_pwhash_text t;
        enum sut_pwhash_verdict v = SUT_PWHASH_NO;
        assert_false(
            sut_failed(sut_pwhash_hash(policies[k], &sut_random_system, SUT_STR("p"), &t)));
        for (size_t n = 0; n < t.n; n++) {
            assert_false(sut_failed(
                sut_pwhash_verify(sut_str_of(t.p, n), SUT_STR("p"), &tight, SUT_STR(""), &v)));
            assert_int_not_equal(v, SUT_PWHASH_OK);
        }
        for (size_t bit = 0; bit < 8 * t.n; bit++) {
            t.p[bit / 8] = (char) (t.p[bit / 8] ^ (1 << (bit % 8)));
            assert_false(sut_failed(
                sut_pwhash_verify(sut_pwhash_str(&t), SUT_STR("p"), &tight, SUT_STR(""), &v)));
            assert_int_not_equal(v, SUT_PWHASH_OK);
            t.p[bit / 8] = (char) (t.p[bit / 8] ^ (1 << (bit % 8)));
        }
    }
}

static void tells_gibberish_from_unusable(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "",
        "md5$a$b",
        "pbkdf2_sha256",
        "pbkdf2_sha256$$salt$AAAA",
        "pbkdf2_sha256$0$salt$YlZ2Vggtqdc61YjArZuoApoBh9JNGYoDRBUGu6tcJQo=",
        "pbkdf2_sha256$-1$salt$YlZ2Vggtqdc61YjArZuoApoBh9JNGYoDRBUGu6tcJQo=",
        "pbkdf2_sha256$01$salt$YlZ2Vggtqdc61YjArZuoApoBh9JNGYoDRBUGu6tcJQo=",
        "pbkdf2_sha256$4294967296$salt$YlZ2Vggtqdc61YjArZuoApoBh9JNGYoDRBUGu6tcJQo=",
        "pbkdf2_sha256$1$$YlZ2Vggtqdc61YjArZuoApoBh9JNGYoDRBUGu6tcJQo=",
        "pbkdf2_sha256$1$s$YlZ2Vggtqdc61YjArZuoApoBh9JNGYoDRBUGu6tcJQo",
        "pbkdf2_sha256$1$s$YlZ2Vggtqdc61YjArZuoApoBh9JNGYoDRBUGu6tcJQp=",
        "pbkdf2_sha256$1$s$ YlZ2Vggtqdc61YjArZuoApoBh9JNGYoDRBUGu6tcJQo=",
        "pbkdf2_sha1$1$s$YlZ2Vggtqdc61YjArZuoApoBh9JNGYoDRBUGu6tcJQo=",
        "argon2$argon2id$v=19$m=7,t=1,p=1$c2FsdHNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
        "argon2$argon2id$v=18$m=64,t=1,p=1$c2FsdHNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
        "argon2$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
        "argon2$argon2id$v=19$m=64,t=1,p=0$c2FsdHNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
        "argon2$argon2id$v=19$m=64,t=1$c2FsdHNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
        "argon2$argon2id$v=19$m=64,t=1,p=1$c2E$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
        "argon2$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$",
        "argon2$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$AAAA",
    };
    struct sut_pwhash_info info;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sut_pwhash_parse(sut_str_from(bad[i]), &info);
        assert_int_equal(info.shape, SUT_PWHASH_MALFORMED);
        assert_int_equal(verdict(bad[i], ""), SUT_PWHASH_MALFORMED);
        assert_false(sut_pwhash_needs_rehash(sut_str_from(bad[i]), &quick_argon2));
    }
    static const char many[SUT_PWHASH_PARSE_MAX + 1] = "pbkdf2_sha256$1$s";
    sut_pwhash_parse(sut_str_of(many, sizeof(many)), &info);
    assert_int_equal(info.shape, SUT_PWHASH_MALFORMED);
    assert_int_equal(verdict("!", ""), SUT_PWHASH_UNUSABLE);
    assert_int_equal(verdict("!abc", "!abc"), SUT_PWHASH_UNUSABLE);
}

static void a_hash_over_the_budget_is_not_computed(void **state)
{
    (void) state;
    static const char tail[] = "$c2FsdHNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA";
    static const char *const greedy[] = { "m=4194304,t=2,p=1", "m=1024,t=4294967295,p=1",
                                          "m=1024,t=1,p=64" };
    for (size_t i = 0; i < 3; i++) {
        char text[256];
        (void) snprintf(text, sizeof(text), "argon2$argon2id$v=19$%s%s", greedy[i], tail);
        assert_int_equal(verdict(text, "p"), SUT_PWHASH_OVER_BUDGET);
    }
    assert_int_equal(
        verdict("pbkdf2_sha256$4294967295$s$YlZ2Vggtqdc61YjArZuoApoBh9JNGYoDRBUGu6tcJQo=", "p"),
        SUT_PWHASH_OVER_BUDGET);
}

static void a_weaker_hash_is_renewed_and_a_stronger_one_kept(void **state)
{
    (void) state;
#define PB(rounds_, salt_)                                                                         \
    SUT_STR("pbkdf2_sha256$" rounds_ "$" salt_ "$YlZ2Vggtqdc61YjArZuoApoBh9JNGYoDRBUGu6tcJQo=")
#define AR(kind_, v_, params_)                                                                     \
    SUT_STR("argon2$argon2" kind_ v_ "$" params_                                                   \
            "$c2FsdHNhbHRzYWx0c2FsdHNhbHRhYQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA")
    const struct sut_pwhash_policy m = { .kind = SUT_PWHASH_PBKDF2, .rounds = 390000 };
    const struct sut_pwhash_policy d = {
        .kind = SUT_PWHASH_ARGON2ID, .memory_kib = 19456, .passes = 2, .lanes = 1
    };
    const struct {
        sut_str hash;
        bool under_m;
        bool under_d;
    } rows[] = {
        { PB("390000", "aaaaaaaaaaaaaaaaaaaaaa"), false, true },
        { PB("389999", "aaaaaaaaaaaaaaaaaaaaaa"), true, true },
        { PB("1000000", "aaaaaaaaaaaaaaaaaaaaaa"), false, true },
        { PB("390000", "aaaaaaaaaaaa"), true, true },
        { AR("id", "$v=19", "m=19456,t=2,p=1"), false, false },
        { AR("id", "$v=19", "m=102400,t=2,p=8"), false, false },
        { AR("id", "$v=19", "m=65536,t=1,p=4"), false, false },
        { AR("id", "$v=19", "m=19455,t=9,p=1"), false, true },
        { AR("id", "$v=19", "m=19456,t=1,p=1"), false, true },
        { AR("id", "$v=19", "m=512,t=2,p=2"), true, true },
        { AR("id", "$v=16", "m=102400,t=2,p=8"), true, true },
        { AR("i", "$v=19", "m=102400,t=2,p=8"), true, true },
        { AR("d", "", "m=102400,t=2,p=8"), true, true },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(sut_pwhash_needs_rehash(rows[i].hash, &m), rows[i].under_m);
        assert_int_equal(sut_pwhash_needs_rehash(rows[i].hash, &d), rows[i].under_d);
    }
}

/* The process's own time: what else the machine does must not count. */
static double cpu_ms(void)
{
    struct timespec t = { 0 };
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
    return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

static double spent_ms(sut_str encoded, sut_str dummy, enum sut_pwhash_verdict want)
{
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        enum sut_pwhash_verdict v = SUT_PWHASH_OK;
        const double from = cpu_ms();
        assert_false(sut_failed(sut_pwhash_verify(encoded, SUT_STR("pw"), &wide, dummy, &v)));
        const double ms = cpu_ms() - from;
        assert_int_equal(v, want);
        best = ms < best ? ms : best;
    }
    return best;
}

static void nothing_to_compare_with_takes_as_long(void **state)
{
    (void) state;
    const struct sut_pwhash_policy policy = { .kind = SUT_PWHASH_PBKDF2, .rounds = 60000 };
    const struct sut_pwhash_policy older = { .kind = SUT_PWHASH_PBKDF2, .rounds = 20000 };
    struct sut_pwhash_text dummy;
    struct sut_pwhash_text real;
    struct sut_pwhash_text old;
    assert_false(sut_failed(sut_pwhash_dummy(&policy, &sut_random_system, &dummy)));
    assert_false(sut_failed(sut_pwhash_hash(&policy, &sut_random_system, SUT_STR("x"), &real)));
    assert_false(sut_failed(sut_pwhash_hash(&older, &sut_random_system, SUT_STR("x"), &old)));
    assert_int_equal(verdict(dummy.n > 0 ? "!" : "", "x"), SUT_PWHASH_UNUSABLE);

    const sut_str d = sut_pwhash_str(&dummy);
    const double known = spent_ms(sut_pwhash_str(&real), d, SUT_PWHASH_NO);
    const double times[] = {
        spent_ms(SUT_STR("!x"), d, SUT_PWHASH_UNUSABLE),
        spent_ms(SUT_STR("gibberish"), d, SUT_PWHASH_MALFORMED),
        spent_ms(sut_pwhash_str(&old), d, SUT_PWHASH_NO),
    };
    /* Wide, for shared caches: without the dummy it would be a thousandth. */
    for (size_t i = 0; i < 3; i++)
        assert_true(times[i] > known / 2 && times[i] < known * 2);
}

static void refuses_a_policy_that_is_none(void **state)
{
    (void) state;
    const struct sut_pwhash_policy none[] = {
        { .kind = SUT_PWHASH_PBKDF2, .rounds = 0 },
        { .kind = SUT_PWHASH_ARGON2ID, .memory_kib = 7, .passes = 1, .lanes = 1 },
        { .kind = SUT_PWHASH_ARGON2ID, .memory_kib = 64, .passes = 0, .lanes = 1 },
        { .kind = SUT_PWHASH_ARGON2ID, .memory_kib = 64, .passes = 1, .lanes = 0 },
        { .kind = SUT_PWHASH_ARGON2ID, .memory_kib = 64, .passes = 1, .lanes = 9 },
    };
    struct sut_pwhash_text t;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(sut_pwhash_hash(&none[i], &sut_random_system, SUT_STR("p"), &t).code,
                         SUT_E_INVALID);
        assert_int_equal(sut_pwhash_dummy(&none[i], &sut_random_system, &t).code, SUT_E_INVALID);
    }
    static char long_one[SUT_PWHASH_PASSWORD_MAX + 1];
    enum sut_pwhash_verdict v = SUT_PWHASH_NO;
    const sut_str p = sut_str_of(long_one, sizeof(long_one));
    assert_int_equal(sut_pwhash_hash(&quick_pbkdf2, &sut_random_system, p, &t).code, SUT_E_INVALID);
    assert_int_equal(sut_pwhash_verify(SUT_STR("!"), p, &wide, SUT_STR(""), &v).code,
                     SUT_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(django_s_own_hashes_verify),
        cmocka_unit_test(argon2_of_every_kind_verifies),
        cmocka_unit_test(what_is_hashed_verifies_and_nothing_else),
        cmocka_unit_test(a_damaged_hash_never_verifies),
        cmocka_unit_test(tells_gibberish_from_unusable),
        cmocka_unit_test(a_hash_over_the_budget_is_not_computed),
        cmocka_unit_test(a_weaker_hash_is_renewed_and_a_stronger_one_kept),
        cmocka_unit_test(nothing_to_compare_with_takes_as_long),
        cmocka_unit_test(refuses_a_policy_that_is_none),
    };
    return cmocka_run_group_tests_name("pwhash", tests, NULL, NULL);
}
