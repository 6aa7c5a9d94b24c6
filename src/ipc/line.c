/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/line.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "os/fd.h"

enum { NS_PER_MS = 1000000, PACKET_MAX = SUT_IPC_HEADER + SUT_LINE_MESSAGE_MAX };

/* Room for what travels beside a packet; aligned as the kernel wants it. */
union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(SUT_LINE_FDS_MAX * sizeof(int))];
};

SUT_ERR sut_line_pair(int ret[2])
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        FAIL_SYS(SYSTEM);
    /* A packet must fit whole; where the system's own size is less the long ones fail. */
    const int room = 2 * PACKET_MAX;
    for (int i = 0; i < 2; i++)
        (void) setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    ret[0] = pair[0];
    ret[1] = pair[1];
    return SUT_OK;
}

static SUT_ERR wait_room(int fd, uint64_t until_ns)
{
    for (;;) {
        const uint64_t now = sut_monotonic_ns();
        ENSURE(now < until_ns, UNAVAILABLE);
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        const int n = poll(&p, 1, (int) ((until_ns - now) / NS_PER_MS) + 1);
        if (n > 0)
            return SUT_OK;
        if (n < 0 && errno != EINTR)
            FAIL_SYS(SYSTEM);
    }
}

SUT_ERR sut_line_send(int fd, uint16_t type, sut_str fields, const int *fds, size_t n_fds,
                      unsigned timeout_ms)
{
    ENSURE(fields.n <= SUT_LINE_MESSAGE_MAX, TOO_LARGE);
    ENSURE(n_fds <= SUT_LINE_FDS_MAX, INVALID);
    const struct sut_ipc_header h = { .type = type, .length = (uint32_t) fields.n };
    unsigned char head[SUT_IPC_HEADER];
    sut_ipc_header_write(&h, head);
    /* sendmsg takes an unqualified pointer but changes nothing. */
    union {
        const char *in;
        void *out;
    } body = { .in = fields.p };
    struct iovec parts[] = {
        { .iov_base = head, .iov_len = sizeof(head) },
        { .iov_base = body.out, .iov_len = fields.n },
    };
    union control control;
    memset(&control, 0, sizeof(control));
    struct msghdr m = { .msg_iov = parts, .msg_iovlen = fields.n > 0 ? 2 : 1 };
    if (n_fds > 0) {
        m.msg_control = control.room;
        m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
    }
    const uint64_t until_ns = sut_monotonic_ns() + (uint64_t) timeout_ms * NS_PER_MS;
    for (;;) {
        if (sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return SUT_OK;
        if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
            FAIL_SYS(UNAVAILABLE);
        if (errno != EAGAIN && errno != EINTR)
            FAIL_SYS(SYSTEM);
        TRY(wait_room(fd, until_ns));
    }
}

/* All descriptors that came, also those that are too many: they are ours to close. */
static void collect_fds(struct msghdr *m, struct sut_line_message *to)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        const size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (to->n_fds < SUT_LINE_FDS_MAX)
                to->fds[to->n_fds++] = fd;
            else
                (void) close(fd);
        }
    }
}

static const struct sut_line_permit *permit_of(const struct sut_line_permit *permits, uint16_t type)
{
    for (const struct sut_line_permit *p = permits; p->type != 0; p++)
        if (p->type == type)
            return p;
    return NULL;
}

static uint32_t longest(const struct sut_line_permit *permits)
{
    uint32_t most = 0;
    for (const struct sut_line_permit *p = permits; p->type != 0; p++)
        if (p->max > most)
            most = p->max;
    return most < SUT_LINE_MESSAGE_MAX ? most : SUT_LINE_MESSAGE_MAX;
}

/* Hold what came against the table. */
static SUT_ERR check(const struct sut_line_permit *permits, const unsigned char *head, ssize_t n,
                     int flags, struct sut_line_message *m)
{
    ENSURE(n >= SUT_IPC_HEADER, PARSE);
    const struct sut_ipc_header h = sut_ipc_header_read(head);
    const struct sut_line_permit *p = permit_of(permits, h.type);
    ENSURE(p != NULL, DENIED);
    ENSURE(h.length <= p->max && (flags & MSG_TRUNC) == 0, TOO_LARGE);
    ENSURE(h.length == (size_t) n - SUT_IPC_HEADER && h.id == 0, PARSE);
    ENSURE((flags & MSG_CTRUNC) == 0 && m->n_fds <= p->fds_max, DENIED);
    m->type = h.type;
    m->fields.n = h.length;
    return SUT_OK;
}

SUT_ERR sut_line_receive(int fd, const struct sut_line_permit *permits,
                         struct sut_line_message *ret)
{
    struct sut_line_message got = { .type = 0 };
    const uint32_t most = longest(permits);
    sut_buf_init(&got.fields, (size_t) most + 1);
    char *room = sut_buf_room(&got.fields, (size_t) most + 1);
    ENSURE(room != NULL, NOMEM);
    unsigned char head[SUT_IPC_HEADER];
    struct iovec parts[] = {
        { .iov_base = head, .iov_len = sizeof(head) },
        { .iov_base = room, .iov_len = most + 1 },
    };
    union control control;
    struct msghdr m = {
        .msg_iov = parts,
        .msg_iovlen = 2,
        .msg_control = control.room,
        .msg_controllen = sizeof(control.room),
    };
    ssize_t n = 0;
    bool was_reset = false;
    do {
        /* A reset is told once, and before what was sent ahead of it. */
        was_reset = was_reset || (n < 0 && errno == ECONNRESET);
        n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (n < 0 && (errno == EINTR || (errno == ECONNRESET && !was_reset)));
    if (n < 0) {
        const int why = errno;
        sut_line_message_done(&got);
        errno = why;
        if (why == EAGAIN)
            FAIL(BUSY);
        if (why == ECONNRESET || why == ENOTCONN)
            FAIL_SYS(UNAVAILABLE);
        FAIL_SYS(SYSTEM);
    }
    collect_fds(&m, &got);
    if (n == 0) {
        sut_line_message_done(&got);
        FAIL(UNAVAILABLE);
    }
    const sut_err e = check(permits, head, n, m.msg_flags, &got);
    if (sut_failed(e)) {
        sut_line_message_done(&got);
        return e;
    }
    *ret = got;
    return SUT_OK;
}

void sut_line_message_done(struct sut_line_message *m)
{
    for (size_t i = 0; i < m->n_fds; i++)
        sut_fd_close(&m->fds[i]);
    if (m->fields.p != NULL)
        sut_wipe(m->fields.p, m->fields.cap);
    sut_buf_done(&m->fields);
    *m = (struct sut_line_message){ .type = 0 };
}
