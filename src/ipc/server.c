/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ipc/channel.h"
#include "os/fd.h"

enum { NS_PER_MS = 1000000, SLOT_WAKE = 0, SLOT_LISTEN = 1, SLOT_PEERS = 2 };

struct peer {
    int fd;               /* -1: free */
    uint64_t deadline_ns; /* by when the next message must be whole */
    struct sut_ipc_inbox in;
};

struct sut_ipc_server {
    int listen_fd;
    int wake_fd;
    unsigned patience_ms;
    struct sut_ipc_table table;
    struct peer peers[SUT_IPC_PEERS_MAX];
};

SUT_ERR sut_ipc_server_create(int listen_fd, const struct sut_ipc_permit *permits, void *arg,
                              unsigned patience_ms, struct sut_ipc_server **ret)
{
    DEFER(sut_mem_freep) struct sut_ipc_server *s = sut_mem_zalloc(1, sizeof(*s));
    ENSURE(s != NULL, NOMEM);
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake_fd < 0)
        FAIL_SYS(SYSTEM);
    const sut_err e = sut_ipc_table_init(&s->table, permits, arg);
    if (sut_failed(e)) {
        sut_fd_close(&s->wake_fd);
        return e;
    }
    s->listen_fd = listen_fd;
    s->patience_ms = patience_ms;
    for (size_t i = 0; i < SUT_IPC_PEERS_MAX; i++)
        s->peers[i].fd = -1;
    *ret = STEAL(s);
    return SUT_OK;
}

static uint64_t patience_end(const struct sut_ipc_server *s)
{
    return sut_monotonic_ns() + (uint64_t) s->patience_ms * NS_PER_MS;
}

static void drop(struct peer *p)
{
    sut_ipc_inbox_done(&p->in);
    sut_fd_close(&p->fd);
}

void sut_ipc_server_free(struct sut_ipc_server **s)
{
    if (*s == NULL)
        return;
    for (size_t i = 0; i < SUT_IPC_PEERS_MAX; i++)
        drop(&(*s)->peers[i]);
    sut_fd_close(&(*s)->listen_fd);
    sut_fd_close(&(*s)->wake_fd);
    sut_ipc_table_done(&(*s)->table);
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

/* One message at most, so that no peer keeps the others waiting for long. */
static SUT_ERR serve_peer(struct sut_ipc_server *s, struct peer *p)
{
    for (bool more = true; more;) {
        bool is_whole = false;
        TRY(sut_ipc_inbox_read(&p->in, &s->table, p->fd, false, &is_whole, &more));
        if (is_whole) {
            TRY(sut_ipc_inbox_answer(&p->in, &s->table, p->fd, s->patience_ms));
            p->deadline_ns = patience_end(s);
            return SUT_OK;
        }
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
