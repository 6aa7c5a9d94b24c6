/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listen.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/diag.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "os/fd.h"

enum { ACCEPTS_PER_TURN = 32 };

struct sut_listener {
    uv_poll_t poll;
    int fd;
    sut_accept_fn *fn;
    void *ctx;
    bool is_paused;
};

static SUT_ERR parse_host(sut_str host, struct sut_addr *ret)
{
    if (host.n == 0 || sut_str_is(host, "*"))
        return sut_addr_parse(SUT_STR("::"), ret);
    if (sut_str_is(host, "localhost"))
        return sut_addr_parse(SUT_STR("127.0.0.1"), ret);
    return sut_addr_parse(host, ret);
}

static SUT_ERR open_socket(bool is_v4, int *ret)
{
    DEFER(sut_fd_close)
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        FAIL_SYS(SYSTEM);
    const int on = 1;
    const int off = 0;
    /* Accepted sockets inherit NODELAY, which spares a call on each. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
        (!is_v4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0))
        FAIL_SYS(SYSTEM);
    *ret = sut_fd_take(&fd);
    return SUT_OK;
}

static SUT_ERR bind_to(int fd, const struct sut_addr *a, uint16_t port)
{
    if (sut_addr_is_ipv4(a)) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
        memcpy(&in.sin_addr, a->ip + 12, 4);
        if (bind(fd, (const struct sockaddr *) &in, sizeof(in)) < 0)
            FAIL_SYS(SYSTEM);
    } else {
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        memcpy(&in6.sin6_addr, a->ip, 16);
        if (bind(fd, (const struct sockaddr *) &in6, sizeof(in6)) < 0)
            FAIL_SYS(SYSTEM);
    }
    return SUT_OK;
}

SUT_ERR sut_listen_open(sut_str host, uint16_t port, int *ret_fd, struct sut_diag *reterr_diag)
{
    struct sut_addr a;
    sut_err e = parse_host(host, &a);
    sut_diag_place(reterr_diag, "%.*s:%u", SUT_STR_ARG(host), (unsigned) port);
    if (sut_failed(e)) {
        sut_diag_set(reterr_diag, "this is no numeric address");
        return e;
    }
    DEFER(sut_fd_close) int fd = -1;
    e = open_socket(sut_addr_is_ipv4(&a), &fd);
    if (sut_failed(e) && e.sys == EAFNOSUPPORT && (host.n == 0 || sut_str_is(host, "*"))) {
        /* A kernel without IPv6: every address means every IPv4 address. */
        TRY(sut_addr_parse(SUT_STR("0.0.0.0"), &a));
        e = open_socket(true, &fd);
    }
    TRY(e);
    e = bind_to(fd, &a, port);
    if (!sut_failed(e) && listen(fd, SUT_LISTEN_BACKLOG) == 0) {
        *ret_fd = sut_fd_take(&fd);
        return SUT_OK;
    }
    const int code = sut_failed(e) ? e.sys : errno;
    errno = code;
    if (code == EADDRINUSE) {
        sut_diag_set(reterr_diag, "the port is in use by another program");
        FAIL_SYS(BUSY);
    }
    if (code == EACCES) {
        sut_diag_set(reterr_diag, "this user may not take the port");
        sut_diag_hint(reterr_diag,
                      "take a port above 1023, or start as root with a user to become");
        FAIL_SYS(DENIED);
    }
    sut_diag_set(reterr_diag, "the address can't be bound");
    FAIL_SYS(SYSTEM);
}

SUT_ERR sut_listen_addr(int fd, struct sut_addr *ret)
{
    struct sockaddr_storage ss;
    socklen_t n = sizeof(ss);
    if (getsockname(fd, (struct sockaddr *) &ss, &n) < 0)
        FAIL_SYS(SYSTEM);
    return sut_addr_from_sockaddr((const struct sockaddr *) &ss, ret);
}

static void on_readable(uv_poll_t *h, int status, int events)
{
    struct sut_listener *l = h->data;
    (void) status;
    (void) events;
    for (int i = 0; i < ACCEPTS_PER_TURN && !l->is_paused && !uv_is_closing((uv_handle_t *) h);
         i++) {
        struct sockaddr_storage ss;
        socklen_t n = sizeof(ss);
        int fd = accept4(l->fd, (struct sockaddr *) &ss, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
            sut_listener_pause(l);
        /* All other errors concern one connection that is gone already (accept(2)). */
        if (fd < 0)
            return;
        struct sut_addr peer;
        if (sut_failed(sut_addr_from_sockaddr((const struct sockaddr *) &ss, &peer)))
            sut_fd_close(&fd);
        else
            l->fn(l->ctx, fd, &peer);
    }
}

SUT_ERR sut_listener_start(struct sut_loop *loop, int fd, sut_accept_fn *fn, void *ctx,
                           struct sut_listener **ret)
{
    struct sut_listener *l = sut_mem_zalloc(1, sizeof(*l));
    ENSURE(l != NULL, NOMEM);
    *l = (struct sut_listener){ .fd = fd, .fn = fn, .ctx = ctx };
    const int rc = uv_poll_init(sut_loop_uv(loop), &l->poll, fd);
    if (rc < 0) {
        sut_mem_free(l);
        errno = -rc;
        FAIL_SYS(SYSTEM);
    }
    l->poll.data = l;
    SUT_BUG_IF(uv_poll_start(&l->poll, UV_READABLE, on_readable) != 0);
    *ret = l;
    return SUT_OK;
}

static void on_closed(uv_handle_t *h)
{
    sut_mem_free(h->data);
}

void sut_listener_stop(struct sut_listener **l)
{
    if (*l == NULL)
        return;
    uv_close((uv_handle_t *) &(*l)->poll, on_closed);
    *l = NULL;
}

void sut_listener_pause(struct sut_listener *l)
{
    l->is_paused = true;
    uv_poll_stop(&l->poll);
}

void sut_listener_resume(struct sut_listener *l)
{
    if (!l->is_paused)
        return;
    l->is_paused = false;
    SUT_BUG_IF(uv_poll_start(&l->poll, UV_READABLE, on_readable) != 0);
}
