/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/secret.h"
#include "ipc/channel.h"
#include "os/fd.h"

enum { PERMITS_MAX = 32, NS_PER_MS = 1000000, SLOT_WAKE = 0, SLOT_LISTEN = 1, SLOT_PEERS = 2 };

struct peer {
    int fd;               /* -1: free */
    uint64_t deadline_ns; /* by when the next message must be whole */
    uint32_t used;        /* `once` permits spent, by their place in the table */
    unsigned char raw[SUT_IPC_HEADER];
    size_t raw_n;
    const struct sut_ipc_permit *permit; /* of the message, once its header is in */
    struct sut_ipc_header header;
    struct sut_buf fields;
};

struct sut_ipc_server {
    int listen_fd;
    int wake_fd;
    unsigned patience_ms;
    void *arg;
    const struct sut_ipc_permit *permits;
    size_t n_permits;
    struct peer peers[SUT_IPC_PEERS_MAX];
};

SUT_ERR sut_ipc_server_create(int listen_fd, const struct sut_ipc_permit *permits, void *arg,
                              unsigned patience_ms, struct sut_ipc_server **ret)
{
    size_t n = 0;
    for (; permits[n].handle != NULL; n++)
        ENSURE(n < PERMITS_MAX && permits[n].type < SUT_IPC_REPLY &&
                   permits[n].max <= SUT_IPC_LENGTH_MAX &&
                   permits[n].reply_max <= SUT_IPC_LENGTH_MAX,
               INVALID);

    DEFER(sut_mem_freep) struct sut_ipc_server *s = sut_mem_zalloc(1, sizeof(*s));
    ENSURE(s != NULL, NOMEM);
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake_fd < 0)
        FAIL_SYS(SYSTEM);
    s->listen_fd = listen_fd;
    s->permits = permits;
    s->n_permits = n;
    s->arg = arg;
    s->patience_ms = patience_ms;
    for (size_t i = 0; i < SUT_IPC_PEERS_MAX; i++)
        s->peers[i].fd = -1;
    *ret = STEAL(s);
    return SUT_OK;
}

/* Fields may hold a password. */
static void forget_message(struct peer *p)
{
    if (p->fields.p != NULL)
        sut_wipe(p->fields.p, p->fields.cap);
    sut_buf_done(&p->fields);
    p->raw_n = 0;
    p->permit = NULL;
}

static uint64_t patience_end(const struct sut_ipc_server *s)
{
    return sut_monotonic_ns() + (uint64_t) s->patience_ms * NS_PER_MS;
}

static void drop(struct peer *p)
{
    forget_message(p);
    sut_fd_close(&p->fd);
    p->used = 0;
}

void sut_ipc_server_free(struct sut_ipc_server **s)
{
    if (*s == NULL)
        return;
    for (size_t i = 0; i < SUT_IPC_PEERS_MAX; i++)
        drop(&(*s)->peers[i]);
    sut_fd_close(&(*s)->listen_fd);
    sut_fd_close(&(*s)->wake_fd);
    sut_mem_freep(s);
}

void sut_ipc_server_stop(struct sut_ipc_server *s)
{
    const uint64_t one = 1;
    /* A full counter has woken it already. */
    const ssize_t n = write(s->wake_fd, &one, sizeof(one));
    (void) n;
}

static void accept_peer(struct sut_ipc_server *s)
{
    DEFER(sut_fd_close) int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 || !sut_ipc_is_trusted(fd))
        return;
    for (size_t i = 0; i < SUT_IPC_PEERS_MAX; i++) {
        struct peer *p = &s->peers[i];
        if (p->fd >= 0)
            continue;
        p->fd = sut_fd_take(&fd);
        p->deadline_ns = patience_end(s);
        return;
    }
}

/* The header is in: find its permit and make room for its fields. */
static SUT_ERR begin_message(struct sut_ipc_server *s, struct peer *p)
{
    p->header = sut_ipc_header_read(p->raw);
    for (size_t i = 0; i < s->n_permits; i++) {
        const struct sut_ipc_permit *permit = &s->permits[i];
        if (permit->type != p->header.type)
            continue;
        ENSURE(p->header.length <= permit->max, TOO_LARGE);
        ENSURE(!permit->once || (p->used & 1U << i) == 0, DENIED);
        p->used |= 1U << i;
        p->permit = permit;
        sut_buf_init(&p->fields, permit->max);
        if (p->header.length > 0)
            ENSURE(sut_buf_room(&p->fields, p->header.length) != NULL, NOMEM);
        return SUT_OK;
    }
    FAIL(DENIED);
}

static SUT_ERR answer(struct sut_ipc_server *s, struct peer *p)
{
    struct sut_buf reply;
    struct sut_ipc_reader in = sut_ipc_reader_of(sut_buf_str(&p->fields));
    const uint16_t type = (uint16_t) (p->header.type | SUT_IPC_REPLY);
    const uint32_t id = p->header.id;

    sut_buf_init(&reply, p->permit->reply_max);
    sut_err e = p->permit->handle(s->arg, &in, &reply);
    if (!sut_failed(e))
        e = sut_ipc_get_end(&in);
    if (!sut_failed(e))
        e = sut_buf_check(&reply);
    if (!sut_failed(e))
        e = sut_ipc_send(p->fd, type, id, sut_buf_str(&reply), s->patience_ms);
    sut_buf_done(&reply);
    forget_message(p);
    p->deadline_ns = patience_end(s);
    return e;
}

/* Read what is due of the message; *ret_more is false when nothing more is there now. */
static SUT_ERR read_some(struct peer *p, bool *ret_more)
{
    const bool in_header = p->raw_n < SUT_IPC_HEADER;
    char *to = in_header ? (char *) p->raw + p->raw_n : p->fields.p + p->fields.n;
    const size_t want = in_header ? SUT_IPC_HEADER - p->raw_n : p->header.length - p->fields.n;
    const ssize_t n = recv(p->fd, to, want, MSG_DONTWAIT);
    *ret_more = n > 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return SUT_OK;
    if (n < 0)
        FAIL_SYS(UNAVAILABLE);
    ENSURE(n > 0, UNAVAILABLE);
    if (in_header)
        p->raw_n += (size_t) n;
    else
        p->fields.n += (size_t) n;
    return SUT_OK;
}

/* One message at most, so that no peer keeps the others waiting for long. */
static SUT_ERR serve_peer(struct sut_ipc_server *s, struct peer *p)
{
    for (bool more = true; more;) {
        TRY(read_some(p, &more));
        if (p->raw_n == SUT_IPC_HEADER && p->permit == NULL)
            TRY(begin_message(s, p));
        if (p->permit != NULL && p->fields.n == p->header.length)
            return answer(s, p);
    }
    return SUT_OK;
}

static void drop_late(struct sut_ipc_server *s)
{
    const uint64_t now = sut_monotonic_ns();
    for (size_t i = 0; i < SUT_IPC_PEERS_MAX; i++)
        if (s->peers[i].fd >= 0 && s->peers[i].deadline_ns < now)
            drop(&s->peers[i]);
}

SUT_ERR sut_ipc_server_run(struct sut_ipc_server *s)
{
    for (;;) {
        struct pollfd fds[SLOT_PEERS + SUT_IPC_PEERS_MAX] = {
            [SLOT_WAKE] = { .fd = s->wake_fd, .events = POLLIN },
            [SLOT_LISTEN] = { .fd = s->listen_fd, .events = POLLIN },
        };
        for (size_t i = 0; i < SUT_IPC_PEERS_MAX; i++)
            fds[SLOT_PEERS + i] = (struct pollfd){ .fd = s->peers[i].fd, .events = POLLIN };

        /* A short nap bounds how late a dawdler is found out. */
        const int nap_ms = s->patience_ms < 1000 ? (int) s->patience_ms : 1000;
        if (poll(fds, SLOT_PEERS + SUT_IPC_PEERS_MAX, nap_ms) < 0 && errno != EINTR)
            FAIL_SYS(SYSTEM);
        if (fds[SLOT_WAKE].revents != 0)
            return SUT_OK;
        for (size_t i = 0; i < SUT_IPC_PEERS_MAX; i++) {
            struct peer *p = &s->peers[i];
            if (p->fd >= 0 && fds[SLOT_PEERS + i].revents != 0 && sut_failed(serve_peer(s, p)))
                drop(p);
        }
        if ((fds[SLOT_LISTEN].revents & POLLIN) != 0)
            accept_peer(s);
        drop_late(s);
    }
}
