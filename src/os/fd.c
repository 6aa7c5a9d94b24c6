/* SPDX-License-Identifier: Apache-2.0 */
#include "os/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

void sut_fd_close(int *fd)
{
    if (*fd >= 0) {
        const int saved = errno;
        close(*fd);
        errno = saved;
    }
    *fd = -1;
}

int sut_fd_take(int *fd)
{
    const int taken = *fd;
    *fd = -1;
    return taken;
}

SUT_ERR sut_fd_set_cloexec(int fd, bool is_on)
{
    const int flags = fcntl(fd, F_GETFD);
    if (flags < 0)
        FAIL_SYS(SYSTEM);
    if (fcntl(fd, F_SETFD, is_on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC) < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

SUT_ERR sut_fd_set_nonblock(int fd, bool is_on)
{
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        FAIL_SYS(SYSTEM);
    if (fcntl(fd, F_SETFL, is_on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

SUT_ERR sut_fd_read_full(int fd, void *p, size_t n, size_t *ret)
{
    char *to = p;
    size_t got = 0;
    while (got < n) {
        const ssize_t r = read(fd, to + got, n - got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            FAIL_SYS(SYSTEM);
        if (r == 0)
            break;
        got += (size_t) r;
    }
    *ret = got;
    return SUT_OK;
}

SUT_ERR sut_fd_write_full(int fd, sut_str s)
{
    size_t done = 0;
    while (done < s.n) {
        const ssize_t r = write(fd, s.p + done, s.n - done);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            FAIL_SYS(SYSTEM);
        done += (size_t) r;
    }
    return SUT_OK;
}

SUT_ERR sut_fd_pipe(int ret[2])
{
    if (pipe2(ret, O_CLOEXEC) < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

SUT_ERR sut_fd_socketpair(int ret[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret) < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

SUT_ERR sut_fd_open_standard(void)
{
    int fd = -1;
    do {
        fd = open("/dev/null", O_RDWR);
        if (fd < 0)
            FAIL_SYS(SYSTEM);
    } while (fd <= STDERR_FILENO);
    sut_fd_close(&fd);
    return SUT_OK;
}

SUT_ERR sut_fd_raise_limit(uint64_t want, uint64_t *ret)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
        FAIL_SYS(SYSTEM);
    if (lim.rlim_cur < want) {
        lim.rlim_cur = want < lim.rlim_max ? want : lim.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &lim) < 0)
            FAIL_SYS(SYSTEM);
    }
    *ret = lim.rlim_cur;
    return SUT_OK;
}

size_t sut_fd_count(void)
{
    DIR *d = opendir("/proc/self/fd");
    if (d == NULL)
        return 0;
    size_t n = 0;
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        n += e->d_name[0] != '.';
    closedir(d);
    return n - 1; /* the directory's own */
}
