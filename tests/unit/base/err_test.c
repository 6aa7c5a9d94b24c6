/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/mem.h"
#include "death.h"

static const enum sut_ecode all[] = {
#define X(name, kind, http, slug, text) SUT_E_##name,
#include "base/err.def"
#undef X
};
enum { CODES = sizeof(all) / sizeof(all[0]) };

/* The contracts' codes; a client switches on them. */
static const char *const closed_list[] = {
    "not_authenticated", "token_not_valid", "permission_denied", "not_found", "parse_error",
    "too_large",         "throttled",       "invalid",           "duplicate", "unavailable",
};

static void every_code_has_a_whole_row(void **state)
{
    (void) state;
    for (size_t i = 0; i < CODES; i++) {
        const struct sut_einfo *info = sut_err_info(all[i]);
        assert_int_equal(all[i], i + 1);
        assert_true(info->name[0] != '\0');
        assert_true(info->text[0] != '\0');
        bool is_listed = false;
        for (size_t k = 0; k < sizeof(closed_list) / sizeof(closed_list[0]); k++)
            is_listed = is_listed || strcmp(info->slug, closed_list[k]) == 0;
        assert_true(is_listed);
    }
}

static void the_status_tells_whose_doing_it_is(void **state)
{
    (void) state;
    for (size_t i = 0; i < CODES; i++) {
        const struct sut_einfo *info = sut_err_info(all[i]);
        switch (info->kind) {
        case SUT_EKIND_CLIENT:
            assert_in_range(info->http, 400, 499);
            break;
        case SUT_EKIND_AUTH:
            assert_true(info->http == 401 || info->http == 403);
            break;
        case SUT_EKIND_SERVER:
            assert_in_range(info->http, 500, 599);
            /* A client learns that it failed, never what. */
            assert_string_equal(info->slug, "unavailable");
            break;
        case SUT_EKIND_NONE:
            fail();
        }
    }
}

static void names_are_unique(void **state)
{
    (void) state;
    for (size_t i = 0; i < CODES; i++)
        for (size_t k = i + 1; k < CODES; k++)
            assert_string_not_equal(sut_err_info(all[i])->name, sut_err_info(all[k])->name);
}

static void a_code_out_of_the_table_is_our_fault(void **state)
{
    (void) state;
    assert_string_equal(sut_err_info((enum sut_ecode)(CODES + 1))->name, "SYSTEM");
    assert_string_equal(sut_err_info((enum sut_ecode) 100000)->name, "SYSTEM");
    assert_string_equal(sut_err_info(SUT_E_OK)->name, "OK");
}

static SUT_ERR born_here(void)
{
    FAIL(CONFLICT);
}

static SUT_ERR passes_on(void)
{
    TRY(born_here());
    return SUT_OK;
}

static SUT_ERR of_the_system(void)
{
    errno = ENOSPC;
    FAIL_SYS(FULL);
}

static SUT_ERR ensures(bool cond)
{
    ENSURE(cond, DENIED);
    return SUT_OK;
}

static void an_error_keeps_its_birthplace_on_the_way_up(void **state)
{
    (void) state;
    const sut_err e = passes_on();
    assert_true(sut_failed(e));
    assert_int_equal(e.code, SUT_E_CONFLICT);
    assert_string_equal(e.at->func, "born_here");
    assert_non_null(strstr(e.at->file, "err_test.c"));
    assert_true(e.at->line > 0);
    assert_int_equal(e.sys, 0);
    assert_int_equal(of_the_system().sys, ENOSPC);
    assert_int_equal(ensures(false).code, SUT_E_DENIED);
    assert_false(sut_failed(ensures(true)));
    assert_false(sut_failed(SUT_OK));
    sut_ignore(born_here(), "a test");
}

static SUT_ERR makes(bool fails, void **ret)
{
    void *p DEFER(sut_mem_freep) = sut_mem_alloc(8);
    ENSURE(p != NULL, NOMEM);
    ENSURE(!fails, INVALID);
    *ret = STEAL(p);
    return SUT_OK;
}

static void what_is_stolen_is_not_freed(void **state)
{
    (void) state;
    void *p = NULL;
    assert_true(sut_failed(makes(true, &p)));
    assert_null(p);
    assert_false(sut_failed(makes(false, &p)));
    assert_non_null(p);
    memset(p, 1, 8);
    sut_mem_freep(&p);
    assert_null(p);
}

static void a_bug(void *arg)
{
    SUT_BUG_IF(arg == NULL);
}

static void no_bug(void *arg)
{
    SUT_BUG_IF(arg != NULL);
}

static void a_bug_says_where_and_ends_the_process(void **state)
{
    (void) state;
    char text[4096];
    int status = death_of(a_bug, NULL, text, sizeof(text));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "bug at "));
    assert_non_null(strstr(text, "err_test.c:"));
    assert_non_null(strstr(text, "arg == NULL"));
    status = death_of(no_bug, NULL, text, sizeof(text));
    assert_int_equal(status, 0);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_whole_row),
        cmocka_unit_test(the_status_tells_whose_doing_it_is),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(a_code_out_of_the_table_is_our_fault),
        cmocka_unit_test(an_error_keeps_its_birthplace_on_the_way_up),
        cmocka_unit_test(what_is_stolen_is_not_freed),
        cmocka_unit_test(a_bug_says_where_and_ends_the_process),
    };
    return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
