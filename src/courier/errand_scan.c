/* SPDX-License-Identifier: Apache-2.0
 *
 * A file on its way to clamd: over a socket of our own, since libcurl does not speak its protocol.
 * One at a unix path is connected to by the supervisor: a courier that could do it might reach any
 * such socket of the machine, the shop's own control socket among them.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "courier/errand.h"
#include "os/fd.h"

/* --- where to --- */

static SUT_ERR find_target(struct sut_errand_run *r)
{
    const struct sut_carrier_settings *const s = r->all->settings;
    ENSURE(s->clamd_host.n > 0, NOT_FOUND);
    /* As a URL, so that the host is read as any other; the settings may name one elsewhere. */
    sut_buf_printf(&r->out, "https://%.*s:%u/", SUT_STR_ARG(s->clamd_host), s->clamd_port);
    TRY(sut_buf_check(&r->out));
    return sut_target_parse(&r->all->curl, sut_buf_str(&r->out), SUT_ERRAND_SETTINGS, &r->target);
}

/* To the next of its addresses; UNAVAILABLE: none is left. */
static SUT_ERR connect_next(struct sut_errand_run *r)
{
    struct sut_scan_way *const w = &r->scan;
    while (w->at < r->n_pinned) {
        const struct sut_address *const a = &r->pinned[w->at++];
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(r->target.port) };
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(r->target.port) };
        memcpy(&in.sin_addr, a->ip, sizeof(in.sin_addr));
        memcpy(&in6.sin6_addr, a->ip, sizeof(in6.sin6_addr));
        sut_fd_close(&w->fd);
        w->fd =
            socket(a->is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (w->fd < 0)
            continue;
        const int code = a->is_v6 ? connect(w->fd, (const struct sockaddr *) &in6, sizeof(in6))
                                  : connect(w->fd, (const struct sockaddr *) &in, sizeof(in));
        w->is_connecting = code < 0 && errno == EINPROGRESS;
        if (code == 0 || w->is_connecting)
            return SUT_OK;
    }
    FAIL(UNAVAILABLE);
}

SUT_ERR sut_errand__scan_go(struct sut_errand_run *r)
{
    r->scan.at = 0;
    return connect_next(r);
}

SUT_ERR sut_errand__scan_begin(struct sut_errand_run *r)
{
    const struct sut_carrier_settings *const s = r->all->settings;
    sut_clamd_head((uint32_t) r->request.text.n, r->scan.head);
    if (s->ask_clamd == NULL)
        return find_target(r);
    r->scan.is_waiting = true;
    return s->ask_clamd(s->arg);
}

void sut_errand_clamd(struct sut_errand_run *r, int fd)
{
    r->scan.is_waiting = false;
    r->scan.fd = fd;
    if (fd < 0)
        sut_errand_stop(r, SUT_COURIER_UNAVAILABLE);
}

/* --- what is said --- */

static size_t total(const struct sut_errand_run *r)
{
    return SUT_CLAMD_HEAD + r->request.text.n + SUT_CLAMD_TAIL;
}

/* The next piece that is to be sent, of the three. */
static sut_str piece(const struct sut_errand_run *r)
{
    const sut_str parts[] = { sut_str_of((const char *) r->scan.head, SUT_CLAMD_HEAD),
                              r->request.text,
                              sut_str_of((const char *) sut_clamd_tail, SUT_CLAMD_TAIL) };
    size_t at = r->sent;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (at < parts[i].n)
            return sut_str_sub(parts[i], at, parts[i].n);
        at -= parts[i].n;
    }
    return SUT_STR("");
}

static bool is_again(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static SUT_ERR send_on(struct sut_errand_run *r)
{
    while (r->sent < total(r)) {
        const sut_str s = piece(r);
        const ssize_t n = send(r->scan.fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && is_again())
            return SUT_OK;
        if (n < 0)
            FAIL_SYS(UNAVAILABLE);
        r->sent += (size_t) n;
    }
    return SUT_OK;
}

/* Take what there is of the answer; *ret_whole: all of it. */
static SUT_ERR read_on(struct sut_errand_run *r, bool *ret_whole)
{
    struct sut_scan_way *const w = &r->scan;
    *ret_whole = false;
    for (;;) {
        ENSURE(w->said_n < sizeof(w->said), UNAVAILABLE);
        const ssize_t n =
            recv(w->fd, w->said + w->said_n, sizeof(w->said) - w->said_n, MSG_DONTWAIT);
        if (n < 0 && is_again())
            return SUT_OK;
        if (n < 0)
            FAIL_SYS(UNAVAILABLE);
        ENSURE(n > 0, UNAVAILABLE);
        const char *const end = memchr(w->said + w->said_n, '\0', (size_t) n);
        w->said_n += (size_t) n;
        if (end != NULL) {
            w->said_n = (size_t) (end - w->said);
            *ret_whole = true;
            return SUT_OK;
        }
    }
}

static SUT_ERR step(struct sut_errand_run *r)
{
    bool is_whole = false;
    if (r->scan.is_connecting) {
        int code = 0;
        socklen_t n = sizeof(code);
        if (getsockopt(r->scan.fd, SOL_SOCKET, SO_ERROR, &code, &n) != 0 || code != 0)
            return connect_next(r);
        r->scan.is_connecting = false;
    }
    TRY(send_on(r));
    TRY(read_on(r, &is_whole));
    if (!is_whole)
        return SUT_OK;
    /* What it says before it has all of it is not about the file. */
    ENSURE(r->sent == total(r), UNAVAILABLE);
    TRY(sut_clamd_read(sut_str_of(r->scan.said, r->scan.said_n), &r->malware));
    sut_errand_stop(r, SUT_COURIER_OK);
    return SUT_OK;
}

short sut_errand_events(const struct sut_errand_run *r)
{
    if (r->scan.is_connecting)
        return POLLOUT;
    return r->sent < total(r) ? POLLIN | POLLOUT : POLLIN;
}

void sut_errand_ready(struct sut_errand_run *r)
{
    /* That it was found, or not, is the one answer: any fault is none. */
    if (sut_failed(step(r)))
        sut_errand_stop(r, SUT_COURIER_UNAVAILABLE);
}

void sut_errand__scan_end(struct sut_errand_run *r)
{
    sut_fd_close(&r->scan.fd);
}
