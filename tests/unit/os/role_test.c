/* SPDX-License-Identifier: Apache-2.0
 *
 * The roles that are started here are this very program again, with --role=NAME.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/fd.h"
#include "os/harden.h"
#include "os/role.h"
#include "os/user.h"

static const char SELF[] = "/proc/self/exe";

static void echo_env(int fd, const char *name)
{
    const char *v = getenv(name);
    sut_ignore(sut_fd_write_full(fd, sut_str_from(v == NULL ? "(none)" : v)), "a test's child");
}

/* Only what was listed is open: 0 to 2 and 7. */
static int role_fds(void)
{
    int bits = 0;
    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0 && fd != 0 && fd != 1 && fd != 2 && fd != 7)
            bits = 1;
    if (fcntl(7, F_GETFD) < 0)
        bits |= 2;
    echo_env(7, "SUTLER_GIVEN");
    return bits;
}

static int role_harden(void)
{
    if (sut_failed(sut_harden_process()))
        return 1;
    struct rlimit core;
    if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0)
        return 2;
    if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return 3;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 4;
    int p[2];
    if (sut_failed(sut_fd_pipe(p)))
        return 5;
    close(p[0]);
    if (sut_fd_write_full(p[1], SUT_STR("x")).sys != EPIPE)
        return 6;
    return 0;
}

/* The environment as the kernel shows it must hold nothing of the secret. */
static int role_environ(void)
{
    if (getenv("SUTLER_GIVEN") == NULL)
        return 1;
    sut_harden_wipe_environ();
    if (getenv("SUTLER_GIVEN") != NULL)
        return 2;
    const int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
    char all[4096];
    size_t n = 0;
    if (fd < 0 || sut_failed(sut_fd_read_full(fd, all, sizeof(all), &n)))
        return 3;
    for (size_t i = 0; i < n; i++)
        if (all[i] != '\0')
            return 4;
    return n > 0 ? 0 : 5;
}

static int role_user(void)
{
    struct sut_user nobody;
    if (sut_failed(sut_user_find("nobody", &nobody)))
        return 1;
    const struct sut_user root = { .uid = 0, .gid = 0 };
    if (sut_user_drop(&root).code != SUT_E_INVALID)
        return 2;
    const bool was_root = sut_user_is_root();
    const sut_err e = sut_user_drop(&nobody);
    if (!was_root)
        return e.code == SUT_E_DENIED ? 0 : 3;
    if (sut_failed(e))
        return 4;
    if (getuid() != nobody.uid || sut_user_is_root() || setuid(0) == 0)
        return 5;
    return 0;
}

static int role_main(const char *name)
{
    if (sut_str_is(sut_str_from(name), "fds"))
        return role_fds();
    if (sut_str_is(sut_str_from(name), "harden"))
        return role_harden();
    if (sut_str_is(sut_str_from(name), "environ"))
        return role_environ();
    if (sut_str_is(sut_str_from(name), "user"))
        return role_user();
    if (sut_str_is(sut_str_from(name), "sleep"))
        for (;;)
            pause();
    if (sut_str_is(sut_str_from(name), "crash"))
        abort();
    return 99;
}

static const char *const ENV[] = { "SUTLER_GIVEN=canary", NULL };

static int run_role(const char *name)
{
    const struct sut_role_spec spec = { .binary = SELF, .name = name, .env = ENV };
    struct sut_role r;
    struct sut_role_end end;
    assert_false(sut_failed(sut_role_spawn(&spec, &r)));
    assert_false(sut_failed(sut_role_wait(&r, &end)));
    assert_int_equal(r.pid, 0);
    assert_false(end.is_signal);
    return end.code;
}

/* A shell's `trap '' CHLD` goes over to what it starts: then no end could be waited for. */
static void one_is_waited_for_though_who_started_us_ignored_such_ends(void **state)
{
    (void) state;
    assert_true(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    assert_int_equal(run_role("harden"), 0);
}

static void a_role_gets_the_descriptors_it_was_given_and_no_other(void **state)
{
    (void) state;
    int p[2];
    assert_false(sut_failed(sut_fd_pipe(p)));
    /* One that is not close-on-exec and low: it must not leak. */
    const int leak = dup(p[0]);
    assert_true(leak >= 0);
    const struct sut_role_fd fds[] = { { .fd = p[1], .as = 7 } };
    const struct sut_role_spec spec = {
        .binary = SELF, .name = "fds", .env = ENV, .fds = fds, .n_fds = 1
    };
    struct sut_role r;
    struct sut_role_end end;
    assert_false(sut_failed(sut_role_spawn(&spec, &r)));
    sut_fd_close(&p[1]);
    char got[64];
    size_t n;
    assert_false(sut_failed(sut_fd_read_full(p[0], got, sizeof(got), &n)));
    assert_int_equal(n, 6);
    assert_memory_equal(got, "canary", 6);
    assert_false(sut_failed(sut_role_wait(&r, &end)));
    assert_int_equal(end.code, 0);
    close(leak);
    sut_fd_close(&p[0]);
}

static void descriptors_may_swap_their_numbers(void **state)
{
    (void) state;
    int p[2];
    int q[2];
    assert_false(sut_failed(sut_fd_pipe(p)));
    assert_false(sut_failed(sut_fd_pipe(q)));
    assert_int_equal(dup3(p[1], 7, O_CLOEXEC), 7);
    assert_int_equal(dup3(q[1], 8, O_CLOEXEC), 8);
    /* 8 becomes 7: the role writes to q. */
    const struct sut_role_fd fds[] = { { .fd = 7, .as = 2 }, { .fd = 8, .as = 7 } };
    const struct sut_role_spec spec = {
        .binary = SELF, .name = "fds", .env = ENV, .fds = fds, .n_fds = 2
    };
    struct sut_role r;
    struct sut_role_end end;
    assert_false(sut_failed(sut_role_spawn(&spec, &r)));
    close(7);
    close(8);
    close(p[1]);
    close(q[1]);
    char got[64];
    size_t n;
    assert_false(sut_failed(sut_fd_read_full(q[0], got, sizeof(got), &n)));
    assert_int_equal(n, 6);
    assert_false(sut_failed(sut_role_wait(&r, &end)));
    assert_int_equal(end.code, 0);
    close(p[0]);
    close(q[0]);
}

static void a_missing_program_is_an_error_and_leaves_nothing(void **state)
{
    (void) state;
    const size_t before = sut_fd_count();
    const struct sut_role_spec spec = { .binary = "/nonexistent/sutler", .name = "worker" };
    struct sut_role r;
    const sut_err e = sut_role_spawn(&spec, &r);
    assert_int_equal(e.code, SUT_E_SYSTEM);
    assert_int_equal(e.sys, ENOENT);
    assert_int_equal(sut_fd_count(), before);
}

static void a_spec_beyond_the_limits_is_refused(void **state)
{
    (void) state;
    struct sut_role r;
    const struct sut_role_fd twice[] = { { .fd = 0, .as = 5 }, { .fd = 1, .as = 5 } };
    const struct sut_role_spec same = { .binary = SELF, .name = "fds", .fds = twice, .n_fds = 2 };
    assert_int_equal(sut_role_spawn(&same, &r).code, SUT_E_INVALID);
    const struct sut_role_fd high[] = { { .fd = 0, .as = 256 } };
    const struct sut_role_spec far = { .binary = SELF, .name = "fds", .fds = high, .n_fds = 1 };
    assert_int_equal(sut_role_spawn(&far, &r).code, SUT_E_INVALID);
    const struct sut_role_spec none = { .binary = SELF };
    assert_int_equal(sut_role_spawn(&none, &r).code, SUT_E_INVALID);
}

static void a_crash_is_seen_as_a_signal(void **state)
{
    (void) state;
    const struct sut_role_spec spec = { .binary = SELF, .name = "crash" };
    struct sut_role r;
    struct sut_role_end end;
    assert_false(sut_failed(sut_role_spawn(&spec, &r)));
    assert_false(sut_failed(sut_role_wait(&r, &end)));
    assert_true(end.is_signal);
    assert_int_equal(end.code, SIGABRT);
}

static void polling_waiting_and_killing(void **state)
{
    (void) state;
    const struct sut_role_spec spec = { .binary = SELF, .name = "sleep", .death_signal = SIGKILL };
    struct sut_role r;
    struct sut_role_end end;
    bool ended = true;
    assert_false(sut_failed(sut_role_spawn(&spec, &r)));
    assert_false(sut_failed(sut_role_poll(&r, &ended, &end)));
    assert_false(ended);
    assert_false(sut_failed(sut_role_wait_ms(&r, 20, &ended, &end)));
    assert_false(ended);
    assert_false(sut_failed(sut_role_signal(&r, SIGTERM)));
    assert_false(sut_failed(sut_role_wait_ms(&r, 30000, &ended, &end)));
    assert_true(ended);
    assert_true(end.is_signal);
    assert_int_equal(end.code, SIGTERM);
    assert_int_equal(sut_role_wait(&r, &end).code, SUT_E_INVALID);
    assert_false(sut_failed(sut_role_spawn(&spec, &r)));
    sut_role_done(&r);
    assert_int_equal(r.pid, 0);
    sut_role_done(&r);
}

static void a_hardened_role_can_neither_dump_nor_gain(void **state)
{
    (void) state;
    assert_int_equal(run_role("harden"), 0);
}

static void the_environment_is_wiped_where_the_kernel_shows_it(void **state)
{
    (void) state;
    assert_int_equal(run_role("environ"), 0);
}

static void a_dropped_user_has_no_way_back(void **state)
{
    (void) state;
    assert_int_equal(run_role("user"), 0);
}

static void an_unknown_user_is_not_found(void **state)
{
    (void) state;
    struct sut_user u;
    assert_int_equal(sut_user_find("no-such-user-here", &u).code, SUT_E_NOT_FOUND);
}

int main(int argc, char **argv)
{
    const sut_str first = sut_str_from(argc > 1 ? argv[1] : "");
    if (sut_str_starts(first, SUT_STR("--role=")))
        return role_main(argv[1] + sizeof("--role=") - 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_waited_for_though_who_started_us_ignored_such_ends),
        cmocka_unit_test(a_role_gets_the_descriptors_it_was_given_and_no_other),
        cmocka_unit_test(descriptors_may_swap_their_numbers),
        cmocka_unit_test(a_missing_program_is_an_error_and_leaves_nothing),
        cmocka_unit_test(a_spec_beyond_the_limits_is_refused),
        cmocka_unit_test(a_crash_is_seen_as_a_signal),
        cmocka_unit_test(polling_waiting_and_killing),
        cmocka_unit_test(a_hardened_role_can_neither_dump_nor_gain),
        cmocka_unit_test(the_environment_is_wiped_where_the_kernel_shows_it),
        cmocka_unit_test(a_dropped_user_has_no_way_back),
        cmocka_unit_test(an_unknown_user_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
