/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/channel.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "os/fd.h"

enum { BACKLOG = 8, NS_PER_MS = 1000000, MS_PER_S = 1000, NAME_BYTES_MAX = 64 };

/* A socket's address, and the folder that it leans on while it is used. */
struct place {
    struct sockaddr_un addr;
    int folder; /* -1: none */
};

static void place_done(struct place *p)
{
    sut_fd_close(&p->folder);
}

/* An address has room for 107 bytes: a longer path is reached by its folder's descriptor. */
static SUT_ERR make_place(const char *path, struct place *ret)
{
    const char *slash = strrchr(path, '/');
    const size_t n = strlen(path);
    char folder[PATH_MAX];
    *ret = (struct place){ .addr = { .sun_family = AF_UNIX }, .folder = -1 };
    if (n > 0 && n < sizeof(ret->addr.sun_path)) {
        memcpy(ret->addr.sun_path, path, n + 1);
        return SUT_OK;
    }
    ENSURE(slash != NULL && n < sizeof(folder) && strlen(slash) <= NAME_BYTES_MAX, INVALID);
    memcpy(folder, path, (size_t) (slash - path));
    folder[slash - path] = '\0';
    ret->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (ret->folder < 0 && (errno == ENOENT || errno == ENOTDIR))
        FAIL(NOT_FOUND);
    if (ret->folder < 0)
        FAIL_SYS(SYSTEM);
    (void) snprintf(ret->addr.sun_path, sizeof(ret->addr.sun_path), "/proc/self/fd/%d%.*s",
                    ret->folder, NAME_BYTES_MAX, slash);
    return SUT_OK;
}

static SUT_ERR open_socket(int *ret)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        FAIL_SYS(SYSTEM);
    *ret = fd;
    return SUT_OK;
}

bool sut_ipc_is_trusted(int fd)
{
    struct ucred peer = { 0 };
    socklen_t n = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0 || n != sizeof(peer))
        return false;
    return peer.uid == geteuid() || peer.uid == 0;
}

/* With a server that hangs connect(2) waits for room among those that wait already. */
static SUT_ERR bound_connect(int fd)
{
    const struct timeval most = { .tv_sec = SUT_IPC_CONNECT_MS / MS_PER_S };
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)) != 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

SUT_ERR sut_ipc_connect(const char *path, int *ret_fd)
{
    DEFER(place_done) struct place at = { .folder = -1 };
    DEFER(sut_fd_close) int fd = -1;
    TRY(make_place(path, &at));
    TRY(open_socket(&fd));
    TRY(bound_connect(fd));
    if (connect(fd, (const struct sockaddr *) &at.addr, sizeof(at.addr)) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
            FAIL(NOT_FOUND);
        if (errno == EAGAIN)
            FAIL_SYS(BUSY);
        if (errno == EACCES || errno == EPERM)
            FAIL_SYS(DENIED);
        FAIL_SYS(SYSTEM);
    }
    ENSURE(geteuid() == 0 || sut_ipc_is_trusted(fd), DENIED);
    *ret_fd = sut_fd_take(&fd);
    return SUT_OK;
}

/* Take a socket away that its owner left behind. */
static SUT_ERR clear_path(const char *path, struct sut_diag *d)
{
    struct stat st;
    DEFER(sut_fd_close) int probe = -1;
    if (lstat(path, &st) != 0) {
        if (errno == ENOENT)
            return SUT_OK;
        FAIL_SYS(SYSTEM);
    }
    if (!S_ISSOCK(st.st_mode)) {
        sut_diag_set(d, "%s is in the way: it is no socket", path);
        FAIL(EXISTS);
    }
    const sut_err e = sut_ipc_connect(path, &probe);
    if (e.code != SUT_E_NOT_FOUND) {
        sut_diag_set(d, "another server listens on %s", path);
        FAIL(BUSY);
    }
    if (unlink(path) != 0 && errno != ENOENT)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

SUT_ERR sut_ipc_listen(const char *path, int *ret_fd, struct sut_diag *reterr_diag)
{
    DEFER(place_done) struct place at = { .folder = -1 };
    DEFER(sut_fd_close) int fd = -1;
    const sut_err e = make_place(path, &at);
    if (sut_failed(e)) {
        sut_diag_set(reterr_diag, "%s can be no socket's address", path);
        sut_diag_hint(reterr_diag, "put the data folder where its path is shorter");
        return e;
    }
    TRY(clear_path(path, reterr_diag));
    TRY(open_socket(&fd));
    if (bind(fd, (const struct sockaddr *) &at.addr, sizeof(at.addr)) != 0 ||
        chmod(path, 0600) != 0 || listen(fd, BACKLOG) != 0) {
        const int why = errno;
        sut_diag_set(reterr_diag, "can't listen on %s", path);
        errno = why;
        FAIL_SYS(SYSTEM);
    }
    *ret_fd = sut_fd_take(&fd);
    return SUT_OK;
}

/* Wait until fd is ready for `events` or the deadline (monotonic ns) has passed. */
static SUT_ERR wait_ready(int fd, short events, uint64_t deadline_ns)
{
    for (;;) {
        const uint64_t now = sut_monotonic_ns();
        ENSURE(now < deadline_ns, UNAVAILABLE);
        const uint64_t left_ms = (deadline_ns - now) / NS_PER_MS + 1;
        struct pollfd p = { .fd = fd, .events = events };
        const int n = poll(&p, 1, left_ms > 60000 ? 60000 : (int) left_ms);
        if (n > 0)
            return SUT_OK;
        if (n < 0 && errno != EINTR)
            FAIL_SYS(SYSTEM);
    }
}

static bool is_again(void)
{
    return errno == EAGAIN || errno == EINTR;
}

/* Header and fields leave in one call where there is room: the other side wakes up once. */
static SUT_ERR write_all(int fd, struct iovec *parts, size_t n_parts, uint64_t deadline_ns)
{
    struct msghdr m = { .msg_iov = parts, .msg_iovlen = n_parts };
    for (;;) {
        const ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && is_again()) {
            TRY(wait_ready(fd, POLLOUT, deadline_ns));
            continue;
        }
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
            FAIL_SYS(UNAVAILABLE);
        if (n < 0)
            FAIL_SYS(SYSTEM);
        size_t gone = (size_t) n;
        while (m.msg_iovlen > 0 && gone >= m.msg_iov->iov_len) {
            gone -= m.msg_iov->iov_len;
            m.msg_iov++;
            m.msg_iovlen--;
        }
        if (m.msg_iovlen == 0)
            return SUT_OK;
        m.msg_iov->iov_base = (char *) m.msg_iov->iov_base + gone;
        m.msg_iov->iov_len -= gone;
    }
}

static SUT_ERR read_all(int fd, char *to, size_t want, uint64_t deadline_ns)
{
    while (want > 0) {
        const ssize_t n = recv(fd, to, want, MSG_DONTWAIT);
        if (n < 0 && is_again()) {
            TRY(wait_ready(fd, POLLIN, deadline_ns));
            continue;
        }
        if (n < 0 && errno == ECONNRESET)
            FAIL_SYS(UNAVAILABLE);
        if (n < 0)
            FAIL_SYS(SYSTEM);
        ENSURE(n > 0, UNAVAILABLE);
        to += n;
        want -= (size_t) n;
    }
    return SUT_OK;
}

/*
 * The header of an answer and, by the same call, what fits of its fields into the room that
 * `reply` has already.  It is waited for first: that nothing is there yet is certain.
 */
static SUT_ERR read_begin(int fd, unsigned char raw[SUT_IPC_HEADER], uint64_t deadline_ns,
                          struct sut_buf *reply)
{
    struct iovec parts[] = {
        { .iov_base = raw, .iov_len = SUT_IPC_HEADER },
        { .iov_base = reply->p, .iov_len = reply->cap },
    };
    struct msghdr m = { .msg_iov = parts, .msg_iovlen = reply->cap > 0 ? 2 : 1 };
    TRY(wait_ready(fd, POLLIN, deadline_ns));
    ssize_t n;
    while ((n = recvmsg(fd, &m, MSG_DONTWAIT)) < 0 && is_again())
        TRY(wait_ready(fd, POLLIN, deadline_ns));
    if (n < 0 && errno == ECONNRESET)
        FAIL_SYS(UNAVAILABLE);
    if (n < 0)
        FAIL_SYS(SYSTEM);
    ENSURE(n > 0, UNAVAILABLE);
    const size_t got = (size_t) n;
    reply->n = got > SUT_IPC_HEADER ? got - SUT_IPC_HEADER : 0;
    if (got >= SUT_IPC_HEADER)
        return SUT_OK;
    return read_all(fd, (char *) raw + got, SUT_IPC_HEADER - got, deadline_ns);
}

static uint64_t deadline_in(unsigned ms)
{
    return sut_monotonic_ns() + (uint64_t) ms * NS_PER_MS;
}

static SUT_ERR send_message(int fd, const struct sut_ipc_header *h, sut_str fields,
                            uint64_t deadline_ns)
{
    unsigned char raw[SUT_IPC_HEADER];
    sut_ipc_header_write(h, raw);
    struct iovec parts[] = {
        { .iov_base = raw, .iov_len = sizeof(raw) },
        /* sendmsg(2) only reads what it is given. */
        { .iov_base = (void *) (uintptr_t) fields.p, .iov_len = fields.n },
    };
    return write_all(fd, parts, fields.n > 0 ? 2 : 1, deadline_ns);
}

SUT_ERR sut_ipc_send(int fd, uint16_t type, uint32_t id, sut_str fields, unsigned timeout_ms)
{
    ENSURE(fields.n <= SUT_IPC_LENGTH_MAX, TOO_LARGE);
    const struct sut_ipc_header h = { .type = type, .length = (uint32_t) fields.n, .id = id };
    return send_message(fd, &h, fields, deadline_in(timeout_ms));
}

SUT_ERR sut_ipc_call(int fd, uint16_t type, uint32_t id, sut_str fields, unsigned timeout_ms,
                     struct sut_buf *reply)
{
    const uint64_t deadline_ns = deadline_in(timeout_ms);
    const struct sut_ipc_header ask = { .type = type, .length = (uint32_t) fields.n, .id = id };
    unsigned char raw[SUT_IPC_HEADER];

    ENSURE(fields.n <= SUT_IPC_LENGTH_MAX, TOO_LARGE);
    TRY(send_message(fd, &ask, fields, deadline_ns));
    sut_buf_reset(reply);
    TRY(read_begin(fd, raw, deadline_ns, reply));
    const struct sut_ipc_header got = sut_ipc_header_read(raw);
    ENSURE(got.type == (type | SUT_IPC_REPLY) && got.id == id, PARSE);
    ENSURE(got.length <= SUT_IPC_LENGTH_MAX, TOO_LARGE);
    ENSURE(got.length >= reply->n, PARSE); /* nobody asked for more than one answer */

    const size_t left = got.length - reply->n;
    if (left == 0)
        return SUT_OK;
    char *to = sut_buf_room(reply, left);
    if (to == NULL)
        TRY(sut_buf_check(reply));
    TRY(read_all(fd, to, left, deadline_ns));
    reply->n = got.length;
    return SUT_OK;
}
