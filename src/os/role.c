/* SPDX-License-Identifier: Apache-2.0 */
#include "os/role.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fd.h"

enum { HIGH_FD = 256 };

/* All that the child needs, made before fork: after it only async-signal-safe calls may follow. */
struct launch {
    const struct sut_role_spec *spec;
    char *const *argv;
    char *const *env;
    int report; /* write end: errno of what failed */
    pid_t parent;
};

static SUT_ERR check(const struct sut_role_spec *s)
{
    ENSURE(s->binary != NULL && s->name != NULL, INVALID);
    ENSURE(s->n_fds <= SUT_ROLE_FDS_MAX, INVALID);
    for (size_t i = 0; i < s->n_fds; i++) {
        ENSURE(s->fds[i].fd >= 0 && s->fds[i].as >= 0 && s->fds[i].as < HIGH_FD, INVALID);
        for (size_t k = 0; k < i; k++)
            ENSURE(s->fds[k].as != s->fds[i].as, INVALID);
    }
    return SUT_OK;
}

/* First all go to high numbers, so that none is overwritten before its turn. */
static bool place_fds(const struct sut_role_spec *s, int *report)
{
    int high[SUT_ROLE_FDS_MAX];
    for (size_t i = 0; i < s->n_fds; i++) {
        high[i] = fcntl(s->fds[i].fd, F_DUPFD, HIGH_FD);
        if (high[i] < 0)
            return false;
    }
    const int moved = fcntl(*report, F_DUPFD_CLOEXEC, HIGH_FD);
    if (moved < 0)
        return false;
    *report = moved;
    const int null = open("/dev/null", O_RDWR);
    if (null < 0 || fcntl(null, F_DUPFD, HIGH_FD) < 0)
        return false;
    for (int fd = 0; fd < 3; fd++)
        if (null != fd && dup2(null, fd) < 0)
            return false;
    unsigned above = 3;
    for (size_t i = 0; i < s->n_fds; i++) {
        if (dup2(high[i], s->fds[i].as) < 0)
            return false;
        if ((unsigned) s->fds[i].as >= above)
            above = (unsigned) s->fds[i].as + 1;
    }
    /* Gaps below `above` hold what the parent had there: close all that was not listed. */
    for (unsigned fd = 3; fd < above; fd++) {
        bool is_listed = false;
        for (size_t i = 0; i < s->n_fds; i++)
            is_listed |= (unsigned) s->fds[i].as == fd;
        if (!is_listed)
            close((int) fd);
    }
    return close_range(above, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

static void child_report(int fd)
{
    const int code = errno;
    /* Nobody is left to tell when this fails too. */
    if (write(fd, &code, sizeof(code)) < 0)
        _exit(126);
}

static _Noreturn void child(struct launch *l)
{
    sigset_t none;
    sigemptyset(&none);
    int report = l->report;
    const int sig = l->spec->death_signal;
    bool ok = sigprocmask(SIG_SETMASK, &none, NULL) == 0;
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL); /* KILL, STOP and libc's own refuse, rightly */
    ok = ok && (sig == 0 || prctl(PR_SET_PDEATHSIG, sig, 0, 0, 0) == 0);
    /* The parent may have ended before prctl. */
    if (ok && sig != 0 && getppid() != l->parent)
        _exit(127);
    if (ok && place_fds(l->spec, &report))
        execve(l->spec->binary, l->argv, l->env);
    child_report(report);
    _exit(127);
}

static int open_pidfd(pid_t pid)
{
    return (int) syscall(SYS_pidfd_open, pid, 0);
}

static void reap(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
}

/* Who started us may have left ends of children ignored: then the kernel keeps none to wait for. */
static SUT_ERR heed_ends(void)
{
    struct sigaction now;
    if (sigaction(SIGCHLD, NULL, &now) < 0)
        FAIL_SYS(SYSTEM);
    if ((now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_IGN &&
        signal(SIGCHLD, SIG_DFL) == SIG_ERR)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

SUT_ERR sut_role_spawn(const struct sut_role_spec *spec, struct sut_role *ret)
{
    TRY(check(spec));
    TRY(heed_ends());
    char role[64];
    const int n = snprintf(role, sizeof(role), "--role=%s", spec->name);
    ENSURE(n > 0 && (size_t) n < sizeof(role), INVALID);
    const char *argv[SUT_ROLE_ARGS_MAX + 3] = { spec->title != NULL ? spec->title : spec->binary,
                                                role };
    for (size_t i = 0; spec->args != NULL && spec->args[i] != NULL; i++) {
        ENSURE(i < SUT_ROLE_ARGS_MAX, INVALID);
        argv[i + 2] = spec->args[i];
    }
    static const char *const no_env[] = { NULL };
    int report[2];
    TRY(sut_fd_pipe(report));
    DEFER(sut_fd_close) int rd = report[0];
    DEFER(sut_fd_close) int wr = report[1];
    /* execve takes unqualified pointers but changes nothing. */
    union {
        const char *const *in;
        char *const *out;
    } av = { .in = argv }, ev = { .in = spec->env != NULL ? spec->env : no_env };
    struct launch l = {
        .spec = spec, .argv = av.out, .env = ev.out, .report = wr, .parent = getpid()
    };

    const pid_t pid = fork();
    if (pid < 0)
        FAIL_SYS(SYSTEM);
    if (pid == 0)
        child(&l);
    sut_fd_close(&wr);
    int code = 0;
    size_t got = 0;
    const sut_err read_err = sut_fd_read_full(rd, &code, sizeof(code), &got);
    if (sut_failed(read_err) || got == sizeof(code)) {
        reap(pid);
        TRY(read_err);
        errno = code;
        FAIL_SYS(SYSTEM);
    }
    const int pidfd = open_pidfd(pid);
    if (pidfd < 0) {
        const int saved = errno;
        kill(pid, SIGKILL);
        reap(pid);
        errno = saved;
        FAIL_SYS(SYSTEM);
    }
    *ret = (struct sut_role){ .pid = pid, .pidfd = pidfd };
    return SUT_OK;
}

static SUT_ERR collect(struct sut_role *r, int options, bool *ret_ended, struct sut_role_end *ret)
{
    ENSURE(r->pid > 0, INVALID);
    int status = 0;
    pid_t got;
    do {
        got = waitpid(r->pid, &status, options);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        FAIL_SYS(SYSTEM);
    *ret_ended = got == r->pid;
    if (!*ret_ended)
        return SUT_OK;
    *ret = (struct sut_role_end){
        .is_signal = WIFSIGNALED(status),
        .code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
    };
    sut_fd_close(&r->pidfd);
    *r = SUT_ROLE_NONE;
    return SUT_OK;
}

SUT_ERR sut_role_wait(struct sut_role *r, struct sut_role_end *ret)
{
    bool ended;
    return collect(r, 0, &ended, ret);
}

SUT_ERR sut_role_poll(struct sut_role *r, bool *ret_ended, struct sut_role_end *ret)
{
    return collect(r, WNOHANG, ret_ended, ret);
}

SUT_ERR sut_role_wait_ms(struct sut_role *r, int ms, bool *ret_ended, struct sut_role_end *ret)
{
    ENSURE(r->pid > 0, INVALID);
    struct pollfd p = { .fd = r->pidfd, .events = POLLIN };
    if (poll(&p, 1, ms) < 0 && errno != EINTR)
        FAIL_SYS(SYSTEM);
    return collect(r, WNOHANG, ret_ended, ret);
}

SUT_ERR sut_role_signal(const struct sut_role *r, int sig)
{
    ENSURE(r->pid > 0, INVALID);
    if (syscall(SYS_pidfd_send_signal, r->pidfd, sig, NULL, 0) < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

void sut_role_done(struct sut_role *r)
{
    if (r->pid <= 0)
        return;
    sut_ignore(sut_role_signal(r, SIGKILL), "it may have ended already");
    reap(r->pid);
    sut_fd_close(&r->pidfd);
    *r = SUT_ROLE_NONE;
}
