/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/fd.h"

static void a_pipe_carries_all_bytes_and_closes_on_exec(void **state)
{
    (void) state;
    int p[2];
    assert_false(sut_failed(sut_fd_pipe(p)));
    assert_true(fcntl(p[0], F_GETFD) & FD_CLOEXEC);
    assert_false(sut_failed(sut_fd_write_full(p[1], SUT_STR("hello"))));
    sut_fd_close(&p[1]);
    assert_int_equal(p[1], -1);
    char got[16];
    size_t n = 0;
    assert_false(sut_failed(sut_fd_read_full(p[0], got, sizeof(got), &n)));
    assert_int_equal(n, 5);
    assert_memory_equal(got, "hello", 5);
    sut_fd_close(&p[0]);
}

static void flags_can_be_set_and_cleared(void **state)
{
    (void) state;
    int p[2];
    assert_false(sut_failed(sut_fd_socketpair(p)));
    assert_false(sut_failed(sut_fd_set_cloexec(p[0], false)));
    assert_false(fcntl(p[0], F_GETFD) & FD_CLOEXEC);
    assert_false(sut_failed(sut_fd_set_nonblock(p[0], true)));
    char c;
    size_t n;
    const sut_err e = sut_fd_read_full(p[0], &c, 1, &n);
    assert_int_equal(e.code, SUT_E_SYSTEM);
    assert_int_equal(e.sys, EAGAIN);
    assert_false(sut_failed(sut_fd_set_nonblock(p[0], false)));
    assert_false(fcntl(p[0], F_GETFL) & O_NONBLOCK);
    sut_fd_close(&p[0]);
    sut_fd_close(&p[1]);
}

static void a_closed_descriptor_is_an_error_everywhere(void **state)
{
    (void) state;
    char c;
    size_t n;
    assert_int_equal(sut_fd_read_full(-1, &c, 1, &n).sys, EBADF);
    assert_int_equal(sut_fd_write_full(-1, SUT_STR("x")).sys, EBADF);
    assert_int_equal(sut_fd_set_cloexec(-1, true).sys, EBADF);
    assert_int_equal(sut_fd_set_nonblock(-1, true).sys, EBADF);
    int none = -1;
    sut_fd_close(&none);
}

static void taking_leaves_none_behind(void **state)
{
    (void) state;
    int fd = 77;
    assert_int_equal(sut_fd_take(&fd), 77);
    assert_int_equal(fd, -1);
}

static void the_limit_rises_no_higher_than_the_hard_one(void **state)
{
    (void) state;
    uint64_t now = 0;
    assert_false(sut_failed(sut_fd_raise_limit(64, &now)));
    assert_true(now >= 64);
    uint64_t huge = 0;
    assert_false(sut_failed(sut_fd_raise_limit(UINT64_MAX, &huge)));
    assert_true(huge >= now);
}

static void open_descriptors_are_counted(void **state)
{
    (void) state;
    const size_t before = sut_fd_count();
    int p[2];
    assert_false(sut_failed(sut_fd_pipe(p)));
    assert_int_equal(sut_fd_count(), before + 2);
    sut_fd_close(&p[0]);
    sut_fd_close(&p[1]);
    assert_int_equal(sut_fd_count(), before);
}

static void what_is_closed_of_the_first_three_is_opened(void **state)
{
    (void) state;
    int status = -1;
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(0);
        close(2);
        int code = sut_failed(sut_fd_open_standard()) ? 1 : 0;
        for (int fd = 0; fd < 3; fd++)
            code |= fcntl(fd, F_GETFD) < 0 ? 2 : 0;
        const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
        _exit(next < 3 ? code | 4 : code);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_closed_of_the_first_three_is_opened),
        cmocka_unit_test(a_pipe_carries_all_bytes_and_closes_on_exec),
        cmocka_unit_test(flags_can_be_set_and_cleared),
        cmocka_unit_test(a_closed_descriptor_is_an_error_everywhere),
        cmocka_unit_test(taking_leaves_none_behind),
        cmocka_unit_test(the_limit_rises_no_higher_than_the_hard_one),
        cmocka_unit_test(open_descriptors_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
