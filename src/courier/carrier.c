/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/carrier.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "courier/errand.h"
#include "ipc/permit.h"
#include "os/fd.h"

enum {
    NS_PER_MS = 1000000,
    PATIENCE_MS = 5000, /* for the rest of a message that has begun, and to take a reply */
    AUTHORITIES_MAX = 4 * 1024 * 1024,
    IDLE_MS = 3600 * 1000,
    WAITS_MAX = SUT_CARRIER_WATCHED_MAX + 1 + 2 * SUT_CARRIER_PEERS_MAX,
};

/* Where the system's authorities are: Debian, Fedora, SUSE, Alpine. */
static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

/* A worker's connection and what it waits for. */
struct peer {
    int fd;               /* -1: a free place */
    uint64_t deadline_ns; /* for the rest of what it sends or takes; 0: it has all the time */
    struct sut_ipc_inbox in;
    bool is_running;
    struct sut_errand_run run;
    struct sut_buf out; /* a reply on its way */
    size_t out_at;
};

struct sut_carrier {
    struct sut_errands all;
    struct sut_carrier_settings settings;
    struct sut_buf authorities;
    struct sut_ipc_permit permits[SUT_ERRANDS + 1];
    struct sut_ipc_table table;
    struct peer peers[SUT_CARRIER_PEERS_MAX];
    uint64_t idle_ns; /* since when no errand runs; 0: one does */
};

/* --- life --- */

/* An errand is answered when it is over: nothing is handled where it is read. */
static SUT_ERR handle_none(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    (void) arg;
    (void) in;
    (void) reply;
    FAIL(DENIED);
}

static void make_permits(struct sut_carrier *c)
{
    for (int p = 0; p < SUT_ERRANDS; p++) {
        const enum sut_errand_purpose purpose = (enum sut_errand_purpose) p;
        const struct sut_errand_row *const row = sut_errand_row(purpose);
        c->permits[p] = (struct sut_ipc_permit){
            .type = sut_errand_type(purpose),
            .max = sut_errand_ask_max(purpose),
            .reply_max = sut_errand_reply_max(purpose),
            .per_second = row->per_second,
            .burst = row->per_second,
            .handle = handle_none,
        };
    }
}

static SUT_ERR read_file(const char *path, struct sut_buf *to)
{
    DEFER(sut_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        FAIL_SYS(NOT_FOUND);
    const off_t size = lseek(fd, 0, SEEK_END);
    ENSURE(size > 0 && size <= AUTHORITIES_MAX && lseek(fd, 0, SEEK_SET) == 0, INVALID);
    size_t n = 0;
    char *const room = sut_buf_room(to, (size_t) size + 1);
    ENSURE(room != NULL, NOMEM);
    TRY(sut_fd_read_full(fd, room, (size_t) size, &n));
    to->n += n;
    sut_buf_char(to, '\n');
    return sut_buf_check(to);
}

/* The system's as a file that is read when it is needed, or with our own in one text. */
static SUT_ERR find_authorities(struct sut_carrier *c, struct sut_diag *reterr_diag)
{
    const char *const own = c->settings.ca_file;
    const char *file = NULL;
    for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]) && file == NULL; i++)
        if (access(bundles[i], R_OK) == 0)
            file = bundles[i];
    if (file == NULL && own == NULL) {
        sut_diag_set(reterr_diag, "the system's certificate authorities can't be read");
        sut_diag_hint(reterr_diag,
                      "install the system's package of them (Debian: ca-certificates)");
        FAIL(NOT_FOUND);
    }
    if (own == NULL) {
        c->all.authorities_file = file;
        return SUT_OK;
    }
    if (file != NULL)
        TRY(read_file(file, &c->authorities));
    const sut_err e = read_file(own, &c->authorities);
    if (sut_failed(e)) {
        sut_diag_set(reterr_diag, "courier.ca_file: %s can't be read", own);
        FAIL(INVALID);
    }
    c->all.authorities = sut_buf_str(&c->authorities);
    return SUT_OK;
}

SUT_ERR sut_carrier_create(const struct sut_carrier_settings *s, struct sut_carrier **ret,
                           struct sut_diag *reterr_diag)
{
    DEFER(sut_carrier_free) struct sut_carrier *c = sut_mem_zalloc(1, sizeof(*c));
    ENSURE(c != NULL, NOMEM);
    for (size_t i = 0; i < SUT_CARRIER_PEERS_MAX; i++)
        c->peers[i].fd = -1;
    c->settings = *s;
    c->all.settings = &c->settings;
    c->idle_ns = sut_monotonic_ns();
    sut_buf_init(&c->authorities, 2 * AUTHORITIES_MAX);
    make_permits(c);
    TRY(sut_ipc_table_init(&c->table, c->permits, c));
    TRY(find_authorities(c, reterr_diag));
    TRY(sut_curl_load(&c->all.curl, reterr_diag));
    c->all.multi = c->all.curl.curl_multi_init();
    ENSURE(c->all.multi != NULL, NOMEM);
    TRY(sut_resolver_create(&c->all.resolver));
    *ret = STEAL(c);
    return SUT_OK;
}

SUT_ERR sut_carrier_start(struct sut_carrier *c)
{
    return sut_resolver_start(c->all.resolver);
}

static void forget_reply(struct peer *p)
{
    if (p->out.p != NULL)
        sut_wipe(p->out.p, p->out.cap);
    sut_buf_done(&p->out);
    p->out_at = 0;
}

static void end_run(struct sut_carrier *c, struct peer *p)
{
    if (!p->is_running)
        return;
    sut_errand_end(&p->run);
    p->is_running = false;
    for (size_t i = 0; i < SUT_CARRIER_PEERS_MAX; i++)
        if (c->peers[i].is_running)
            return;
    c->idle_ns = sut_monotonic_ns();
}

static void drop(struct sut_carrier *c, struct peer *p)
{
    end_run(c, p);
    sut_ipc_inbox_done(&p->in);
    forget_reply(p);
    sut_fd_close(&p->fd);
}

void sut_carrier_free(struct sut_carrier **c)
{
    struct sut_carrier *const x = *c;
    if (x == NULL)
        return;
    for (size_t i = 0; i < SUT_CARRIER_PEERS_MAX; i++)
        drop(x, &x->peers[i]);
    if (x->all.multi != NULL)
        (void) x->all.curl.curl_multi_cleanup(x->all.multi);
    sut_resolver_free(&x->all.resolver);
    sut_ipc_table_done(&x->table);
    sut_buf_done(&x->authorities);
    sut_mem_freep(c);
}

SUT_ERR sut_carrier_take(struct sut_carrier *c, int fd)
{
    for (size_t i = 0; i < SUT_CARRIER_PEERS_MAX; i++) {
        struct peer *const p = &c->peers[i];
        if (p->fd >= 0)
            continue;
        *p = (struct peer){ .fd = fd };
        sut_ipc_inbox_init(&p->in);
        return SUT_OK;
    }
    FAIL(FULL);
}

size_t sut_carrier_peers(const struct sut_carrier *c)
{
    size_t n = 0;
    for (size_t i = 0; i < SUT_CARRIER_PEERS_MAX; i++)
        n += c->peers[i].fd >= 0 ? 1 : 0;
    return n;
}

uint64_t sut_carrier_idle_ms(const struct sut_carrier *c)
{
    return c->idle_ns == 0 ? 0 : (sut_monotonic_ns() - c->idle_ns) / NS_PER_MS;
}

struct sut_ipc_meter sut_carrier_count(struct sut_carrier *c, enum sut_errand_purpose p)
{
    return sut_ipc_table_count(&c->table, sut_errand_type(p));
}

/* --- a peer --- */

static uint64_t patience_end(void)
{
    return sut_monotonic_ns() + (uint64_t) PATIENCE_MS * NS_PER_MS;
}

/* Send what there is room for; UNAVAILABLE: nobody takes it any more. */
static SUT_ERR send_reply(struct peer *p)
{
    while (p->out_at < p->out.n) {
        const ssize_t n =
            send(p->fd, p->out.p + p->out_at, p->out.n - p->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return SUT_OK;
        if (n < 0)
            FAIL_SYS(UNAVAILABLE);
        p->out_at += (size_t) n;
    }
    forget_reply(p);
    p->deadline_ns = 0;
    return SUT_OK;
}

static SUT_ERR begin_reply(struct peer *p, const struct sut_buf *fields)
{
    unsigned char raw[SUT_IPC_HEADER];
    const struct sut_ipc_header h = { .type = (uint16_t) (p->in.header.type | SUT_IPC_REPLY),
                                      .length = (uint32_t) fields->n,
                                      .id = p->in.header.id };
    TRY(sut_buf_check(fields));
    sut_ipc_header_write(&h, raw);
    sut_buf_init(&p->out, SUT_IPC_HEADER + fields->n);
    (void) sut_buf_room(&p->out, SUT_IPC_HEADER + fields->n);
    sut_buf_add(&p->out, (const char *) raw, sizeof(raw));
    sut_buf_str_add(&p->out, sut_buf_str(fields));
    TRY(sut_buf_check(&p->out));
    /* The next message begins anew. */
    sut_ipc_inbox_done(&p->in);
    p->deadline_ns = patience_end();
    return send_reply(p);
}

/* Its errand is over: tell it. */
static SUT_ERR answer(struct sut_carrier *c, struct peer *p)
{
    struct sut_buf fields;
    sut_buf_init(&fields, p->in.permit->reply_max);
    sut_errand_put(&p->run, &fields);
    end_run(c, p);
    const sut_err e = begin_reply(p, &fields);
    if (fields.p != NULL)
        sut_wipe(fields.p, fields.cap);
    sut_buf_done(&fields);
    return e;
}

static SUT_ERR refuse_rate(struct peer *p)
{
    struct sut_buf fields;
    sut_buf_init(&fields, SUT_COURIER_U);
    sut_ipc_put_u64(&fields, SUT_COURIER_BUSY);
    const sut_err e = begin_reply(p, &fields);
    sut_buf_done(&fields);
    return e;
}

static SUT_ERR begin_errand(struct sut_carrier *c, struct peer *p)
{
    struct sut_request q;
    uint32_t wait_ms = 0;
    TRY(sut_request_read(p->in.header.type, sut_buf_str(&p->in.fields), &q));
    p->deadline_ns = 0;
    if (!sut_ipc_table_take(&c->table, (size_t) (p->in.permit - c->permits), p->in.header.length,
                            sut_monotonic_ns(), &wait_ms))
        return refuse_rate(p);
    p->is_running = true;
    c->idle_ns = 0;
    sut_errand_begin(&p->run, &c->all, &q, p);
    return p->run.is_over ? answer(c, p) : SUT_OK;
}

static SUT_ERR read_peer(struct sut_carrier *c, struct peer *p)
{
    for (bool more = true; more;) {
        bool is_whole = false;
        TRY(sut_ipc_inbox_read(&p->in, &c->table, p->fd, false, &is_whole, &more));
        if (is_whole)
            return begin_errand(c, p);
        if (p->deadline_ns == 0 && sut_ipc_inbox_is_half(&p->in))
            p->deadline_ns = patience_end();
    }
    return SUT_OK;
}

/* Something happened on its socket. */
static SUT_ERR serve_peer(struct sut_carrier *c, struct peer *p)
{
    if (p->out.n > 0)
        return send_reply(p);
    if (!p->is_running)
        return read_peer(c, p);
    /* It has one errand at a time: all that can come is that it hung up. */
    char byte = 0;
    const ssize_t n = recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    ENSURE(n != 0, UNAVAILABLE);
    ENSURE(n < 0, DENIED);
    ENSURE(errno == EAGAIN || errno == EINTR, UNAVAILABLE);
    return SUT_OK;
}

static void drop_for(struct sut_carrier *c, struct peer *p, sut_err e)
{
    /* A worker that ended hung up; anything else is what no worker of ours does. */
    if (e.code != SUT_E_UNAVAILABLE && c->settings.dropped != NULL)
        c->settings.dropped(e);
    drop(c, p);
}

/* --- the turn --- */

static void note_end(struct sut_carrier *c, struct peer *p)
{
    if (!p->run.is_over)
        return;
    const sut_err e = answer(c, p);
    if (sut_failed(e))
        drop_for(c, p, e);
}

void sut_carrier_clamd(struct sut_carrier *c, int fd)
{
    for (size_t i = 0; i < SUT_CARRIER_PEERS_MAX; i++) {
        struct peer *const p = &c->peers[i];
        if (!p->is_running || !sut_errand_wants_clamd(&p->run))
            continue;
        sut_errand_clamd(&p->run, fd);
        note_end(c, p);
        return;
    }
    /* Who asked for it has hung up. */
    sut_fd_close(&fd);
}

/* A socket of the errand's own is ready. */
static void serve_errand(struct sut_carrier *c, struct peer *p, int fd)
{
    /* What was read meanwhile may have ended it. */
    if (!p->is_running || sut_errand_fd(&p->run) != fd)
        return;
    sut_errand_ready(&p->run);
    note_end(c, p);
}

static void take_lookups(struct sut_carrier *c)
{
    for (struct sut_lookup *l; (l = sut_resolver_next(c->all.resolver)) != NULL;) {
        struct peer *const p = l->owner;
        sut_errand_found(&p->run, l);
        note_end(c, p);
    }
}

static void take_transfers(struct sut_carrier *c)
{
    const struct sut_curl *const curl = &c->all.curl;
    int n = 0;
    (void) curl->curl_multi_perform(c->all.multi, &n);
    for (CURLMsg *m; (m = curl->curl_multi_info_read(c->all.multi, &n)) != NULL;) {
        struct sut_errand_run *run = NULL;
        if (m->msg != CURLMSG_DONE ||
            curl->curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &run) != CURLE_OK)
            continue;
        struct peer *const p = run->owner;
        sut_errand_done(run, m->data.result);
        note_end(c, p);
    }
}

/* Half a message, or a reply that nobody takes. */
static SUT_ERR dawdled(void)
{
    FAIL(PARSE);
}

static void end_late(struct sut_carrier *c)
{
    const uint64_t now = sut_monotonic_ns();
    for (size_t i = 0; i < SUT_CARRIER_PEERS_MAX; i++) {
        struct peer *const p = &c->peers[i];
        if (p->fd >= 0 && p->deadline_ns != 0 && now >= p->deadline_ns)
            drop_for(c, p, dawdled());
        else if (p->is_running && now >= p->run.deadline_ns) {
            sut_errand_stop(&p->run, SUT_COURIER_UNAVAILABLE);
            note_end(c, p);
        }
    }
}

static int until_due(const struct sut_carrier *c, int timeout_ms)
{
    const uint64_t now = sut_monotonic_ns();
    uint64_t ms = timeout_ms < 0 ? IDLE_MS : (uint64_t) timeout_ms;
    for (size_t i = 0; i < SUT_CARRIER_PEERS_MAX; i++) {
        const struct peer *const p = &c->peers[i];
        const uint64_t due = p->is_running ? p->run.deadline_ns : p->deadline_ns;
        if (p->fd < 0 || due == 0)
            continue;
        const uint64_t left = due <= now ? 0 : (due - now) / NS_PER_MS + 1;
        ms = left < ms ? left : ms;
    }
    return (int) ms;
}

static struct curl_waitfd errand_wait(const struct sut_errand_run *r)
{
    const short e = sut_errand_events(r);
    return (struct curl_waitfd){
        .fd = sut_errand_fd(r),
        .events = (short) (((e & POLLIN) != 0 ? CURL_WAIT_POLLIN : 0) |
                           ((e & POLLOUT) != 0 ? CURL_WAIT_POLLOUT : 0)),
    };
}

SUT_ERR sut_carrier_turn(struct sut_carrier *c, const int *fds, size_t n, int timeout_ms,
                         unsigned *ret_ready)
{
    struct curl_waitfd waits[WAITS_MAX];
    struct peer *of[WAITS_MAX] = { NULL };
    size_t n_peers = 0;
    size_t used = 0;
    ENSURE(n <= SUT_CARRIER_WATCHED_MAX, INVALID);
    for (; used < n; used++)
        waits[used] = (struct curl_waitfd){ .fd = fds[used], .events = CURL_WAIT_POLLIN };
    waits[used++] =
        (struct curl_waitfd){ .fd = sut_resolver_fd(c->all.resolver), .events = CURL_WAIT_POLLIN };
    for (size_t i = 0; i < SUT_CARRIER_PEERS_MAX; i++)
        if (c->peers[i].fd >= 0) {
            of[used] = &c->peers[i];
            waits[used++] = (struct curl_waitfd){
                .fd = c->peers[i].fd,
                .events = c->peers[i].out.n > 0 ? CURL_WAIT_POLLOUT : CURL_WAIT_POLLIN,
            };
        }
    n_peers = used;
    for (size_t i = 0; i < SUT_CARRIER_PEERS_MAX; i++)
        if (c->peers[i].is_running && sut_errand_fd(&c->peers[i].run) >= 0) {
            of[used] = &c->peers[i];
            waits[used++] = errand_wait(&c->peers[i].run);
        }
    int ready = 0;
    ENSURE(c->all.curl.curl_multi_poll(c->all.multi, waits, (unsigned) used,
                                       until_due(c, timeout_ms), &ready) == CURLM_OK,
           SYSTEM);
    *ret_ready = 0;
    for (size_t i = 0; i < n; i++)
        *ret_ready |= waits[i].revents != 0 ? 1U << i : 0;
    for (size_t i = n_peers; i < used; i++)
        if (waits[i].revents != 0)
            serve_errand(c, of[i], waits[i].fd);
    for (size_t i = n + 1; i < n_peers; i++) {
        const sut_err e = waits[i].revents != 0 ? serve_peer(c, of[i]) : SUT_OK;
        if (sut_failed(e))
            drop_for(c, of[i], e);
    }
    take_lookups(c);
    take_transfers(c);
    end_late(c);
    return SUT_OK;
}
