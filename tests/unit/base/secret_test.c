/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/mem.h"
#include "death.h"

static struct sut_secret *secret_of(size_t n)
{
    struct sut_secret *s = NULL;
    assert_false(sut_failed(sut_secret_create(n, &s)));
    return s;
}

static void it_begins_as_zeroes_and_holds_a_copy(void **state)
{
    (void) state;
    struct sut_secret *s = secret_of(32);
    const sut_str view = sut_secret_str(s);
    assert_int_equal(view.n, 32);
    for (size_t i = 0; i < view.n; i++)
        assert_int_equal(view.p[i], 0);
    memset(sut_secret_bytes(s), 7, 32);
    assert_int_equal(view.p[31], 7);
    sut_secret_free(&s);
    assert_null(s);
    sut_secret_free(&s);

    char key[] = "key";
    assert_false(sut_failed(sut_secret_dup(sut_str_from(key), &s)));
    key[0] = 'X';
    assert_true(sut_str_is(sut_secret_str(s), "key"));
    sut_secret_free(&s);
}

static void its_size_has_two_ends(void **state)
{
    (void) state;
    struct sut_secret *s = NULL;
    assert_int_equal(sut_secret_create(0, &s).code, SUT_E_INVALID);
    assert_int_equal(sut_secret_create(64 * 1024 + 1, &s).code, SUT_E_INVALID);
    assert_int_equal(sut_secret_dup((sut_str){ 0 }, &s).code, SUT_E_INVALID);
    assert_null(s);
    s = secret_of(64 * 1024);
    memset(sut_secret_bytes(s), 1, 64 * 1024);
    sut_secret_free(&s);
}

/* The VmFlags of the mapping that holds p. */
static void flags_of(const void *p, char *ret, size_t n)
{
    FILE *f = fopen("/proc/self/smaps", "re");
    assert_non_null(f);
    char line[512];
    bool is_here = false;
    ret[0] = '\0';
    while (fgets(line, sizeof(line), f) != NULL) {
        char *dash = NULL;
        const uintptr_t from = strtoull(line, &dash, 16);
        if (*dash == '-') {
            const uintptr_t to = strtoull(dash + 1, NULL, 16);
            is_here = (uintptr_t) p >= from && (uintptr_t) p < to;
        }
        if (is_here && strncmp(line, "VmFlags:", 8) == 0)
            (void) snprintf(ret, n, "%s", line + 8);
    }
    (void) fclose(f);
}

static void its_pages_are_locked_and_left_out_of_core_files(void **state)
{
    (void) state;
    char flags[sizeof("VmFlags:") + 512];
    struct sut_secret *s = secret_of(32);
    flags_of(sut_secret_str(s).p, flags, sizeof(flags));
    /* The sanitizer turns mlock() off. */
    if (!HAS_ASAN)
        assert_non_null(strstr(flags, " lo"));
    assert_non_null(strstr(flags, " dd"));
    sut_secret_free(&s);
    /* Other memory is not, which shows that the flags above say something. */
    void *plain = sut_mem_alloc(32);
    assert_non_null(plain);
    flags_of(plain, flags, sizeof(flags));
    assert_true(flags[0] != '\0');
    assert_null(strstr(flags, " dd"));
    sut_mem_free(plain);
}

static void touch(void *arg)
{
    *(volatile char *) arg = 'x';
}

static void a_step_past_its_pages_ends_the_process(void **state)
{
    (void) state;
    const size_t page = (size_t) sysconf(_SC_PAGESIZE);
    struct sut_secret *s = secret_of(page);
    char *p = sut_secret_bytes(s);
    char text[4096];
    assert_int_equal(death_of(touch, p + page - 1, text, sizeof(text)), 0);
    assert_int_not_equal(death_of(touch, p + page, text, sizeof(text)), 0);
    assert_int_not_equal(death_of(touch, p - 1, text, sizeof(text)), 0);
    sut_secret_free(&s);
}

static void use_after_end(void *arg)
{
    struct sut_secret *s = arg;
    volatile char *p = sut_secret_bytes(s);
    sut_secret_free(&s);
    *p = 'x';
}

static void what_ended_is_no_longer_there(void **state)
{
    (void) state;
    struct sut_secret *s = secret_of(16);
    char text[4096];
    assert_int_not_equal(death_of(use_after_end, s, text, sizeof(text)), 0);
    sut_secret_free(&s);
}

static void a_child_by_fork_sees_zeroes(void **state)
{
    (void) state;
    struct sut_secret *s = NULL;
    assert_false(sut_failed(sut_secret_dup(SUT_STR("top secret"), &s)));
    const pid_t pid = fork();
    if (pid == 0) {
        int seen = 0;
        for (size_t i = 0; i < sut_secret_str(s).n; i++)
            seen |= sut_secret_str(s).p[i];
        _exit(seen == 0 ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(sut_str_is(sut_secret_str(s), "top secret"));
    sut_secret_free(&s);
}

#if !HAS_ASAN /* which turns mlock() off */
/* In a child: the limit does not come back for the rest of the tests. */
static _Noreturn void want_a_secret_without_the_right_to_lock(void *arg)
{
    (void) arg;
    const struct rlimit none = { .rlim_cur = 0, .rlim_max = 0 };
    /* root may lock whatever the limit says: be nobody. */
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 ||
        (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0))
        _exit(2);
    struct sut_secret *s = NULL;
    const sut_err e = sut_secret_create(32, &s);
    if (!sut_failed(e))
        _exit(3);
    _exit(e.code == SUT_E_SYSTEM && s == NULL && e.sys != 0 ? 0 : 4);
}

static void what_can_not_be_locked_is_refused(void **state)
{
    (void) state;
    char text[4096];
    const int status = death_of(want_a_secret_without_the_right_to_lock, NULL, text, sizeof(text));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}
#endif

static void without_memory_there_is_none(void **state)
{
    (void) state;
    struct sut_secret *s = NULL;
    sut_mem_fault_nth(1);
    assert_int_equal(sut_secret_create(32, &s).code, SUT_E_NOMEM);
    assert_null(s);
}

static void equality_looks_at_every_byte(void **state)
{
    (void) state;
    char a[64];
    char b[64];
    memset(a, 'a', sizeof(a));
    memcpy(b, a, sizeof(b));
    assert_true(sut_secret_eq(sut_str_of(a, 64), sut_str_of(b, 64)));
    for (size_t i = 0; i < sizeof(b); i++) {
        b[i] = 'b';
        assert_false(sut_secret_eq(sut_str_of(a, 64), sut_str_of(b, 64)));
        b[i] = 'a';
    }
    assert_false(sut_secret_eq(sut_str_of(a, 64), sut_str_of(a, 63)));
    assert_false(sut_secret_eq(sut_str_of(a, 1), (sut_str){ 0 }));
    assert_true(sut_secret_eq((sut_str){ 0 }, (sut_str){ 0 }));
}

static void a_wipe_leaves_zeroes(void **state)
{
    (void) state;
    char a[16];
    memset(a, 'a', sizeof(a));
    sut_wipe(a + 1, 14);
    assert_int_equal(a[0], 'a');
    assert_int_equal(a[15], 'a');
    for (size_t i = 1; i < 15; i++)
        assert_int_equal(a[i], 0);
    sut_wipe(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_as_zeroes_and_holds_a_copy),
        cmocka_unit_test(its_size_has_two_ends),
        cmocka_unit_test(its_pages_are_locked_and_left_out_of_core_files),
        cmocka_unit_test(a_step_past_its_pages_ends_the_process),
        cmocka_unit_test(what_ended_is_no_longer_there),
        cmocka_unit_test(a_child_by_fork_sees_zeroes),
#if !HAS_ASAN /* which turns mlock() off */
        cmocka_unit_test(what_can_not_be_locked_is_refused),
#endif
        cmocka_unit_test(without_memory_there_is_none),
        cmocka_unit_test(equality_looks_at_every_byte),
        cmocka_unit_test(a_wipe_leaves_zeroes),
    };
    return cmocka_run_group_tests_name("base/secret", tests, NULL, NULL);
}
