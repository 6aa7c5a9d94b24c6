/* SPDX-License-Identifier: Apache-2.0
 *
 * Each test forks a child that shuts itself in and then does one thing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "folder.h"
#include "os/harden.h"
#include "os/sandbox.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

enum { SETUP_FAILED = 99, NOT_THERE = 98, WITHOUT_LANDLOCK = 97 };

#define ALLOW(name_)                                                                               \
    {                                                                                              \
        .number = SCMP_SYS(name_)                                                                  \
    }

static const struct sut_sandbox_call least[] = {
    ALLOW(exit_group),
    ALLOW(exit),
    ALLOW(rt_sigreturn),
    ALLOW(rt_sigprocmask),
    ALLOW(rt_sigaction),
    ALLOW(futex),
    ALLOW(madvise),
    ALLOW(munmap),
    ALLOW(brk),
    ALLOW(getpid),
    ALLOW(gettid),
    ALLOW(rseq),
    ALLOW(set_robust_list),
    ALLOW(write),
    { .number = SCMP_SYS(mmap), .checks = { { 2, PROT_EXEC, 0 } } },
    { .number = SCMP_SYS(mprotect), .checks = { { 2, PROT_EXEC, 0 } } },
    { .number = SCMP_SYS(clone), .checks = { { 0, 0x10000, 0x10000 } } },
    { .number = SCMP_SYS(clone3), .error = ENOSYS },
    { .number = SCMP_SYS(getppid), .error = EPERM },
    { .number = -1 },
};
static const struct sut_sandbox_call files[] = {
    ALLOW(openat), ALLOW(close),    ALLOW(read),  ALLOW(unlink),  ALLOW(mkdir),     ALLOW(rename),
    ALLOW(fstat),  ALLOW(truncate), ALLOW(rmdir), ALLOW(symlink), { .number = -1 },
};
static const struct sut_sandbox_call network[] = {
    { .number = SCMP_SYS(socket),
      .checks = { { 0, UINT32_MAX, AF_INET }, { 1, 0xf, SOCK_STREAM }, { 2, ~6ULL, 0 } } },
    { .number = SCMP_SYS(socket),
      .checks = { { 0, UINT32_MAX, AF_UNIX }, { 1, 0xf, SOCK_STREAM }, { 2, ~0ULL, 0 } } },
    ALLOW(connect),
    ALLOW(bind),
    ALLOW(close),
    { .number = -1 },
};
static const struct sut_sandbox_call signals[] = { ALLOW(kill), { .number = -1 } };

static struct folder folder;
static pid_t test_pid;
static char inside[160], outside[160], outside_file[200];

static SUT_ERR enter(const struct sut_sandbox_call *more, const uint16_t *ports, size_t n_ports,
                     int *ret_abi)
{
    const struct sut_sandbox_call *const tables[] = { least, more };
    const struct sut_sandbox_path paths[] = {
        { inside, SUT_SANDBOX_READ | SUT_SANDBOX_WRITE },
        { outside, SUT_SANDBOX_READ },
        { "/nowhere/at/all", SUT_SANDBOX_READ | SUT_SANDBOX_WRITE },
    };
    const struct sut_sandbox s = {
        .role = "test",
        .paths = paths,
        .n_paths = 3,
        .ports = ports,
        .n_ports = n_ports,
        .calls = tables,
        .n_calls = more == NULL ? 1 : 2,
        .files_max = 64,
    };
    return sut_sandbox_enter(&s, ret_abi, NULL);
}

/* How a child ends that shuts itself in with these calls and then acts. */
static int run(const struct sut_sandbox_call *more, int (*act)(void))
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        static const uint16_t ports[] = { 9 };
        int abi = 0;
        const struct rlimit none = { 0, 0 };
        (void) setrlimit(RLIMIT_CORE, &none);
        if (sut_failed(enter(more, ports, 1, &abi)))
            _exit(SETUP_FAILED);
        _exit(abi == 0 && more != NULL ? WITHOUT_LANDLOCK : act());
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* Killed by its table; a sanitizer's own table lets a few of these calls through. */
static void assert_killed(const struct sut_sandbox_call *more, int (*act)(void))
{
    const int got = run(more, act);
    if (got == WITHOUT_LANDLOCK)
        skip();
    if (got != -SIGSYS)
        fail_msg("it ended with %d", got);
}

static void assert_ends(const struct sut_sandbox_call *more, int (*act)(void), int code)
{
    const int got = run(more, act);
    if (got == WITHOUT_LANDLOCK)
        skip();
    if (got != code)
        fail_msg("it ended with %d", got);
}

static int do_nothing(void)
{
    return 0;
}
static int do_open(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : errno;
}
static int do_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : errno;
}
static int do_exec(void)
{
    static const char *const argv[] = { "/bin/true", NULL };
    union {
        const char *const *in;
        char *const *out;
    } av = { .in = argv };
    (void) execve(argv[0], av.out, av.out + 1);
    return errno;
}
static int do_fork(void)
{
    return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0 ? 0 : errno;
}
static int do_exec_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
           MAP_FAILED;
}
static int do_ptrace(void)
{
    return (int) syscall(SYS_ptrace, 16, 1, 0, 0);
}
static int do_old_abi(void)
{
#ifdef __x86_64__
    long out;
    /* getpid by the 32-bit gate: another architecture to the kernel. */
    __asm__ volatile("int $0x80" : "=a"(out) : "a"(20) : "memory");
    return (int) (out == 0);
#else
    return (int) syscall(SYS_ptrace, 16, 1, 0, 0);
#endif
}

static void what_is_not_in_the_table_kills(void **state)
{
    (void) state;
    assert_ends(NULL, do_nothing, 0);
    assert_killed(NULL, do_socket);
    assert_killed(NULL, do_exec);
    assert_killed(NULL, do_old_abi);
    if (IS_SANITIZED)
        return;
    assert_killed(NULL, do_open);
    assert_killed(NULL, do_fork);
    assert_killed(NULL, do_exec_memory);
    assert_killed(NULL, do_ptrace);
}

static int do_refused(void)
{
    return syscall(SYS_getppid) == -1 && errno == EPERM ? 0 : 1;
}

static void a_call_can_be_refused_instead(void **state)
{
    (void) state;
    if (!IS_SANITIZED)
        assert_ends(NULL, do_refused, 0);
}

static void *touch(void *arg)
{
    *(int *) arg = 7;
    return NULL;
}
static int do_thread(void)
{
    pthread_t t;
    int got = 0;
    if (pthread_create(&t, NULL, touch, &got) != 0 || pthread_join(t, NULL) != 0)
        return 1;
    return got == 7 ? 0 : 2;
}
static void *opens(void *arg)
{
    *(int *) arg = do_socket();
    return NULL;
}
static int do_thread_that_opens(void)
{
    pthread_t t;
    int got = 0;
    if (pthread_create(&t, NULL, opens, &got) != 0 || pthread_join(t, NULL) != 0)
        return 1;
    return 0;
}

static void threads_start_and_are_shut_in_too(void **state)
{
    (void) state;
    assert_ends(NULL, do_thread, 0);
    assert_killed(NULL, do_thread_that_opens);
}

static int do_use_inside(void)
{
    char path[200];
    char other[200];
    (void) snprintf(path, sizeof(path), "%s/new", inside);
    (void) snprintf(other, sizeof(other), "%s/newer", inside);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || rename(path, other) != 0)
        return errno;
    if (truncate(other, 0) != 0)
        return errno;
    return unlink(other) == 0 ? 0 : errno;
}
static int do_read_outside(void)
{
    return open(outside_file, O_RDONLY | O_CLOEXEC) >= 0 ? 0 : errno;
}
static int do_write_outside(void)
{
    return open(outside_file, O_WRONLY | O_CLOEXEC) >= 0 ? 0 : errno;
}
static int do_truncate_outside(void)
{
    return truncate(outside_file, 0) == 0 ? 0 : errno;
}
static int do_unlink_outside(void)
{
    return unlink(outside_file) == 0 ? 0 : errno;
}
static int do_symlink_inside(void)
{
    char path[200];
    (void) snprintf(path, sizeof(path), "%s/link", inside);
    return symlink("/etc/passwd", path) == 0 ? 0 : errno;
}

static void files_are_reached_where_the_table_says(void **state)
{
    (void) state;
    assert_ends(files, do_use_inside, 0);
    assert_ends(files, do_read_outside, 0);
    assert_ends(files, do_write_outside, EACCES);
    assert_ends(files, do_truncate_outside, EACCES);
    assert_ends(files, do_unlink_outside, EACCES);
    assert_ends(files, do_open, EACCES);
    assert_ends(files, do_symlink_inside, EACCES);
}

static int connect_to(uint16_t port)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
    };
    return connect(fd, (const struct sockaddr *) &to, sizeof(to)) == 0 ? 0 : errno;
}
static int do_connect_allowed(void)
{
    const int got = connect_to(9);
    return got == ECONNREFUSED ? 0 : got;
}
static int do_connect_else(void)
{
    return connect_to(10);
}
static int do_bind(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in to = { .sin_family = AF_INET };
    return bind(fd, (const struct sockaddr *) &to, sizeof(to)) == 0 ? 0 : errno;
}
static int do_datagram(void)
{
    return socket(AF_INET, SOCK_DGRAM, 0) >= 0 ? 0 : errno;
}
static int do_netlink(void)
{
    return socket(AF_NETLINK, SOCK_RAW, 0) >= 0 ? 0 : errno;
}
static int do_multipath(void)
{
    return socket(AF_INET, SOCK_STREAM, 262) >= 0 ? 0 : errno;
}

static void the_network_is_reached_where_the_table_says(void **state)
{
    (void) state;
    assert_ends(network, do_connect_allowed, 0);
    assert_ends(network, do_connect_else, EACCES);
    assert_ends(network, do_bind, EACCES);
    assert_killed(network, do_datagram);
    assert_killed(network, do_netlink);
    assert_killed(network, do_multipath);
}

/* The test's own process is outside of the child's walls. */
static int do_signal_outside(void)
{
    return kill(test_pid, 0) == 0 ? 0 : errno;
}
static int do_signal_self(void)
{
    return kill(getpid(), 0) == 0 ? 0 : errno;
}

static void signals_stay_inside(void **state)
{
    (void) state;
    assert_ends(signals, do_signal_self, 0);
    if (syscall(444, NULL, 0, 1) >= 6)
        assert_ends(signals, do_signal_outside, EPERM);
}

static void resource_limits_hold(void **state)
{
    (void) state;
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        static const struct sut_sandbox_call more[] = { ALLOW(prlimit64), { .number = -1 } };
        int abi = 0;
        struct rlimit got = { 0, 0 };
        if (sut_failed(enter(more, NULL, 0, &abi)))
            _exit(SETUP_FAILED);
        (void) getrlimit(RLIMIT_NOFILE, &got);
        _exit(got.rlim_max == 64 && got.rlim_cur == 64 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void no_capability_is_left(void **state)
{
    (void) state;
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (sut_failed(sut_harden_process()) || sut_failed(sut_harden_drop_capabilities()))
            _exit(1);
        size_t n = 0;
        char *text = NULL;
        char all[8192] = { 0 };
        const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? 0 : (size_t) read(fd, all, sizeof(all) - 1);
        static const char *const sets[] = { "CapInh", "CapPrm", "CapEff", "CapAmb" };
        for (size_t i = 0; i < 4 && n > 0; i++) {
            text = strstr(all, sets[i]);
            if (text == NULL || strncmp(text + 6, ":\t0000000000000000", 18) != 0)
                _exit(2);
        }
        if (geteuid() == 0 && strstr(all, "CapBnd:\t0000000000000000") == NULL)
            _exit(3);
        /* Not even an exec as root brings one back. */
        _exit(n == 0 ? 4 : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int setup(void **state)
{
    (void) state;
    if (!folder_init(&folder))
        return -1;
    test_pid = getpid();
    (void) snprintf(inside, sizeof(inside), "%s/inside", folder.dir);
    (void) snprintf(outside, sizeof(outside), "%s/outside", folder.dir);
    (void) snprintf(outside_file, sizeof(outside_file), "%s/file", outside);
    if (mkdir(inside, 0700) != 0 || mkdir(outside, 0700) != 0)
        return -1;
    return folder_write(outside_file, "some", 4) ? 0 : -1;
}

static int teardown(void **state)
{
    (void) state;
    folder_done(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_in_the_table_kills),
        cmocka_unit_test(a_call_can_be_refused_instead),
        cmocka_unit_test(threads_start_and_are_shut_in_too),
        cmocka_unit_test(files_are_reached_where_the_table_says),
        cmocka_unit_test(the_network_is_reached_where_the_table_says),
        cmocka_unit_test(signals_stay_inside),
        cmocka_unit_test(resource_limits_hold),
        cmocka_unit_test(no_capability_is_left),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
