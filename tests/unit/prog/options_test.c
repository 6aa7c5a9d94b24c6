/* SPDX-License-Identifier: Apache-2.0
 *
 * The words that commands share, and the settings that they lead to.
 */
#include "prog/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int run_nothing(int argc, char **argv)
{
    (void) argc;
    (void) argv;
    return 0;
}

static const struct sut_command command = {
    .name = "thing",
    .summary = "a test's",
    .usage = "usage: sutler thing\n",
    .run = run_nothing,
};

enum { WORDS_MAX = 64 };

/* Words after the command's name; NULL ends. */
static int parse(struct sut_options *ret, const char *const *words)
{
    static char room[WORDS_MAX][64];
    char *argv[WORDS_MAX + 1] = { NULL };
    int argc = 0;
    (void) snprintf(room[0], sizeof(room[0]), "thing");
    argv[argc++] = room[0];
    for (; words[argc - 1] != NULL; argc++) {
        assert_true(argc < WORDS_MAX);
        (void) snprintf(room[argc], sizeof(room[argc]), "%s", words[argc - 1]);
        argv[argc] = room[argc];
    }
    *ret = (struct sut_options){ .file = NULL };
    return sut_options_parse(&command, argc, argv, ret);
}

#define PARSE(o_, ...) parse((o_), (const char *const[]){ __VA_ARGS__, NULL })

static void a_value_stands_behind_an_equals_sign_or_a_blank(void **state)
{
    (void) state;
    struct sut_options o;
    assert_int_equal(PARSE(&o, "--config", "a.conf", "--data=d", "--keys", "k", "--preset=nsgg"),
                     SUT_EXIT_OK);
    assert_string_equal(o.file, "a.conf");
    assert_int_equal(o.n_args, 3);
    assert_string_equal(o.args[0].name, "server.data");
    assert_string_equal(o.args[0].value, "d");
    assert_string_equal(o.args[1].name, "server.keys");
    assert_string_equal(o.args[1].value, "k");
    assert_string_equal(o.args[2].name, "server.preset");
    assert_string_equal(o.args[2].value, "nsgg");
    assert_int_equal(PARSE(&o, "--listen=127.0.0.1:1", "--listen-tls=127.0.0.1:2"), SUT_EXIT_OK);
    assert_string_equal(o.args[0].name, "server.listen");
    assert_string_equal(o.args[1].name, "server.listen_tls");
    assert_string_equal(o.args[1].value, "127.0.0.1:2");
    /* An empty value is a value. */
    assert_int_equal(PARSE(&o, "--data="), SUT_EXIT_OK);
    assert_string_equal(o.args[0].value, "");
}

static void flags_and_words_keep_their_order(void **state)
{
    (void) state;
    struct sut_options o;
    assert_int_equal(PARSE(&o, "show", "--demo", "me", "--json", "--insecure-dev"), SUT_EXIT_OK);
    assert_true(o.demo);
    assert_true(o.json);
    assert_true(o.insecure_dev);
    assert_false(o.help);
    assert_int_equal(o.n_rest, 2);
    assert_string_equal(o.rest[0], "show");
    assert_string_equal(o.rest[1], "me");
}

static void what_the_command_does_not_take_is_a_usage_error(void **state)
{
    (void) state;
    struct sut_options o;
    static const char *const wrong[] = { "--dat", "--data-dir=x", "-x", "--", "--demo=yes", "-" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(PARSE(&o, wrong[i]), SUT_EXIT_USAGE);
    assert_int_equal(PARSE(&o, "--data"), SUT_EXIT_USAGE);
    assert_int_equal(PARSE(&o, "--demo", "--config"), SUT_EXIT_USAGE);
}

static void too_much_is_refused_and_not_dropped(void **state)
{
    (void) state;
    const char *words[WORDS_MAX] = { NULL };
    struct sut_options o;
    for (size_t i = 0; i <= SUT_OPTIONS_REST_MAX; i++)
        words[i] = "word";
    assert_int_equal(parse(&o, words), SUT_EXIT_USAGE);
    words[SUT_OPTIONS_REST_MAX] = NULL;
    assert_int_equal(parse(&o, words), SUT_EXIT_OK);
    for (size_t i = 0; i <= SUT_OPTIONS_ARGS_MAX; i++)
        words[i] = "--data=x";
    words[SUT_OPTIONS_ARGS_MAX + 1] = NULL;
    assert_int_equal(parse(&o, words), SUT_EXIT_USAGE);
}

static void help_prints_the_usage(void **state)
{
    (void) state;
    struct sut_options o;
    char name[] = "/tmp/sutler-options-XXXXXX";
    const int fd = mkostemp(name, 0);
    assert_true(fd >= 0);
    (void) unlink(name);
    const int before = dup(STDOUT_FILENO);
    (void) fflush(stdout);
    (void) dup2(fd, STDOUT_FILENO);
    const int code = PARSE(&o, "--help");
    (void) dup2(before, STDOUT_FILENO);
    (void) close(before);
    char text[64] = { 0 };
    assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
    (void) close(fd);
    assert_int_equal(code, SUT_EXIT_OK);
    assert_true(o.help);
    assert_string_equal(text, command.usage);
}

static void options_lead_to_settings(void **state)
{
    (void) state;
    struct sut_options o;
    assert_int_equal(PARSE(&o, "--preset=nsgg", "--data=here"), SUT_EXIT_OK);
    struct sut_config *c = sut_options_config(&o, true);
    assert_non_null(c);
    assert_int_equal(c->server.preset, SUT_PRESET_NSGG);
    assert_true(sut_str_is(c->server.data, "here"));
    sut_config_free(&c);
    assert_int_equal(PARSE(&o, "--preset=none-such"), SUT_EXIT_OK);
    assert_null(sut_options_config(&o, true));
    assert_int_equal(PARSE(&o, "--config=/nowhere/sutler.conf"), SUT_EXIT_OK);
    assert_null(sut_options_config(&o, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_stands_behind_an_equals_sign_or_a_blank),
        cmocka_unit_test(flags_and_words_keep_their_order),
        cmocka_unit_test(what_the_command_does_not_take_is_a_usage_error),
        cmocka_unit_test(too_much_is_refused_and_not_dropped),
        cmocka_unit_test(help_prints_the_usage),
        cmocka_unit_test(options_lead_to_settings),
    };
    return cmocka_run_group_tests_name("prog/options", tests, NULL, NULL);
}
