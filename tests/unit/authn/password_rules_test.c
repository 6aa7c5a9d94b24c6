/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/password_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "authn/common_passwords.h"
#include "base/mem.h"
#include "corpus_json.h"

static const struct sut_password_policy as_django = { .length_min = 8 };
static const struct sut_password_policy ours = { .length_min = 12, .has_more_words = true };
static const struct sut_password_user sarah = {
    .username = SUT_STR_INIT("sarah"),
    .first_name = SUT_STR_INIT("Sarah"),
    .last_name = SUT_STR_INIT("O'Connor"),
    .email = SUT_STR_INIT("sarah@example.com"),
};
static struct sut_arena *arena;

static int set_up(void **state)
{
    (void) state;
    return sut_failed(sut_arena_create(1 << 20, &arena)) ? -1 : 0;
}

static int tear_down(void **state)
{
    (void) state;
    sut_arena_free(&arena);
    return 0;
}

static struct sut_password_verdict check(const struct sut_password_policy *policy,
                                         const struct sut_password_user *user, sut_str password)
{
    struct sut_password_verdict v;
    sut_arena_reset(arena);
    assert_false(sut_failed(sut_password_check(arena, policy, user, password, &v)));
    size_t bits = 0;
    for (unsigned f = v.faults; f != 0; f &= f - 1)
        bits++;
    assert_int_equal(v.n, bits);
    return v;
}

static unsigned fault_named(const char *name)
{
    if (strcmp(name, "similarity") == 0)
        return SUT_PASSWORD_SIMILAR;
    if (strcmp(name, "min8") == 0)
        return SUT_PASSWORD_SHORT;
    if (strcmp(name, "common") == 0)
        return SUT_PASSWORD_COMMON;
    assert_string_equal(name, "numeric");
    return SUT_PASSWORD_NUMERIC;
}

static sut_str value_of(const json_t *user, const char *key)
{
    return sut_str_from(corpus_str(user, key));
}

static void django_s_verdicts_are_ours(void **state)
{
    (void) state;
    json_t *d = corpus_json("django/validator_oracle.json");
    if (d == NULL)
        skip();
    size_t i = 0;
    size_t k = 0;
    size_t wrong = 0;
    const json_t *c = NULL;
    const json_t *name = NULL;
    json_array_foreach(json_object_get(d, "cases"), i, c)
    {
        const json_t *text = json_array_get(c, 0);
        const json_t *u = json_array_get(json_object_get(d, "users"),
                                         (size_t) json_integer_value(json_array_get(c, 1)));
        const struct sut_password_user user = {
            .username = value_of(u, "username"),
            .first_name = value_of(u, "first_name"),
            .last_name = value_of(u, "last_name"),
            .email = value_of(u, "email"),
        };
        unsigned want = 0;
        json_array_foreach(json_array_get(c, 2), k, name) want |=
            fault_named(json_string_value(name));
        const sut_str password = sut_str_of(json_string_value(text), json_string_length(text));
        const struct sut_password_verdict v = check(&as_django, &user, password);
        if (v.faults != want) {
            wrong++;
            print_message("# %.*s: %u, Django says %u\n", SUT_STR_ARG(password), v.faults, want);
        }
    }
    assert_int_equal(i, 4983);
    assert_int_equal(wrong, 0);
    json_decref(d);
}

static void all_of_django_s_common_passwords_are_refused(void **state)
{
    (void) state;
    /* 19,726 lines, and a last word without an end of line. */
    assert_int_equal(sut_common_passwords_n, 19727);
    for (size_t i = 0; i < sut_common_passwords_n; i++) {
        const uint32_t from = sut_common_passwords_at[i];
        const sut_str word = sut_str_of((const char *) sut_common_passwords + from,
                                        sut_common_passwords_at[i + 1] - from);
        assert_true((check(&as_django, NULL, word).faults & SUT_PASSWORD_COMMON) != 0);
    }
    assert_int_equal(check(&as_django, NULL, SUT_STR("  PassWord123\t")).faults,
                     SUT_PASSWORD_COMMON);
}

static void says_it_in_django_s_words(void **state)
{
    (void) state;
    const struct sut_password_verdict v = check(&as_django, &sarah, SUT_STR("12345"));
    assert_int_equal(v.n, 3);
    assert_true(sut_str_is(v.messages[0], "This password is too short. It must contain at least 8 "
                                          "characters."));
    assert_true(sut_str_is(v.messages[1], "This password is too common."));
    assert_true(sut_str_is(v.messages[2], "This password is entirely numeric."));

    static const struct {
        const char *password;
        const char *text;
    } rows[] = {
        { "sarah", "The password is too similar to the username." },
        { "O'Connor", "The password is too similar to the last name." },
        { "example.moc", "The password is too similar to the email address." },
    };
    for (size_t i = 0; i < 3; i++)
        assert_true(sut_str_is(
            check(&as_django, &sarah, sut_str_from(rows[i].password)).messages[0], rows[i].text));
    const struct sut_password_user named = { .first_name = SUT_STR("Wilhelmina") };
    assert_true(sut_str_is(check(&as_django, &named, SUT_STR("wilhelmina1")).messages[0],
                           "The password is too similar to the first name."));
    const struct sut_password_policy one = { .length_min = 1 };
    assert_true(sut_str_is(check(&one, NULL, SUT_STR("")).messages[0],
                           "This password is too short. It must contain at least 1 character."));
}

static void every_character_counts_once(void **state)
{
    (void) state;
    assert_int_equal(check(&as_django, NULL,
                           SUT_STR("\xf0\x9f\xa6\x8a\xf0\x9f\xa6\x8b\xf0\x9f\xa6"
                                   "\x8c\xf0\x9f\xa6\x8d"))
                         .faults,
                     SUT_PASSWORD_SHORT);
    assert_int_equal(check(&as_django, NULL, SUT_STR("\xc3\xa9t\xc3\xa9 \xc3\xa0 Nimes")).faults,
                     0);

    char *text = sut_mem_alloc(4 * (SUT_PASSWORD_CHARS_MAX + 1));
    assert_non_null(text);
    for (size_t i = 0; i <= SUT_PASSWORD_CHARS_MAX; i++)
        memcpy(text + 4 * i, i % 2 == 0 ? "\xf0\x9f\xa6\x8a" : "\xf0\x9f\xa6\x8b", 4);
    assert_int_equal(check(&ours, &sarah, sut_str_of(text, 4 * SUT_PASSWORD_CHARS_MAX)).faults, 0);
    const struct sut_password_verdict v =
        check(&ours, &sarah, sut_str_of(text, 4 * (SUT_PASSWORD_CHARS_MAX + 1)));
    assert_int_equal(v.faults, SUT_PASSWORD_LONG);
    assert_true(sut_str_is(v.messages[0], "This password is too long. It must contain at most 1024 "
                                          "characters."));
    sut_mem_free(text);

    struct sut_password_verdict none;
    assert_int_equal(sut_password_check(arena, &ours, NULL, SUT_STR("ab\xff"), &none).code,
                     SUT_E_PARSE);
}

static void a_word_of_the_dictionaries_is_common_where_the_policy_says_so(void **state)
{
    (void) state;
    static const char *const words[] = { "establishment", "Establishment", "extraordinary" };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(check(&ours, NULL, sut_str_from(words[i])).faults, SUT_PASSWORD_COMMON);
        assert_int_equal(check(&as_django, NULL, sut_str_from(words[i])).faults, 0);
    }
    assert_int_equal(check(&ours, NULL, SUT_STR("establishment of an extraordinary")).faults, 0);
}

static void strength_grows_with_the_guesses(void **state)
{
    (void) state;
    assert_int_equal(sut_password_strength(NULL, SUT_STR("")), 0);
    assert_int_equal(sut_password_strength(NULL, SUT_STR("password")), 0);
    assert_int_equal(sut_password_strength(NULL, SUT_STR("correct horse battery staple")), 4);
    assert_int_equal(sut_password_strength(NULL, SUT_STR("kT7#vQ9!zLp2@wXe")), 4);
    const struct sut_password_user u = { .username = SUT_STR("xqzvkjwpfy") };
    const unsigned without = sut_password_strength(NULL, SUT_STR("xqzvkjwpfy"));
    assert_true(sut_password_strength(&u, SUT_STR("xqzvkjwpfy")) < without);
}

/* The thread's own time: what else the machine does must not count. */
static uint64_t cpu_ns(void)
{
    struct timespec t = { 0 };
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

static void a_hostile_password_is_judged_quickly(void **state)
{
    (void) state;
    char text[SUT_PASSWORD_CHARS_MAX];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = "password1qwerty"[i % 15];
    const uint64_t from = cpu_ns();
    (void) check(&ours, &sarah, sut_str_of(text, sizeof(text)));
    (void) check(&ours, &sarah, sut_str_of(text, 100));
    (void) sut_password_strength(&sarah, sut_str_of(text, sizeof(text)));
    /* Wide, for a slow machine and a sanitizer. */
    assert_true(cpu_ns() - from < UINT64_C(500) * 1000 * 1000);
}

static void too_little_memory_is_an_error_of_its_own(void **state)
{
    (void) state;
    struct sut_arena *small = NULL;
    struct sut_password_verdict v;
    assert_false(sut_failed(sut_arena_create(8, &small)));
    assert_int_equal(
        sut_password_check(small, &ours, &sarah, SUT_STR("Correct Horse Battery"), &v).code,
        SUT_E_NOMEM);
    sut_arena_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(django_s_verdicts_are_ours),
        cmocka_unit_test(all_of_django_s_common_passwords_are_refused),
        cmocka_unit_test(says_it_in_django_s_words),
        cmocka_unit_test(every_character_counts_once),
        cmocka_unit_test(a_word_of_the_dictionaries_is_common_where_the_policy_says_so),
        cmocka_unit_test(strength_grows_with_the_guesses),
        cmocka_unit_test(a_hostile_password_is_judged_quickly),
        cmocka_unit_test(too_little_memory_is_an_error_of_its_own),
    };
    return cmocka_run_group_tests_name("password_rules", tests, set_up, tear_down);
}
