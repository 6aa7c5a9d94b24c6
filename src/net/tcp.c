/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tcp.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "loop/loop.h"

enum {
    READ_BYTES = 64 * 1024,
    SCRATCH_BYTES = 16 * 1024, /* one TLS record */
    PARTS_MAX = 4,
};

struct sut_wire {
    struct sut_loop *loop;
    size_t pending_max;
    struct sut_buf out;
    char scratch[SCRATCH_BYTES];
    char read[READ_BYTES];
};

/* What the kernel would not take at once. */
struct outgoing {
    uv_write_t req;
    struct sut_tcp *tcp;
    char bytes[];
};

SUT_ERR sut_wire_create(struct sut_loop *l, size_t pending_max, struct sut_wire **ret)
{
    struct sut_wire *w = sut_mem_alloc(sizeof(*w));
    ENSURE(w != NULL, NOMEM);
    w->loop = l;
    w->pending_max = pending_max;
    /* TLS adds at most 256 bytes to each record of 16 KiB. */
    sut_buf_init(&w->out, pending_max + pending_max / 64 + SCRATCH_BYTES);
    *ret = w;
    return SUT_OK;
}

void sut_wire_free(struct sut_wire **w)
{
    if (*w == NULL)
        return;
    sut_buf_done(&(*w)->out);
    sut_mem_free(*w);
    *w = NULL;
}

char *sut_wire_scratch(struct sut_wire *w, size_t *ret_n)
{
    *ret_n = sizeof(w->scratch);
    return w->scratch;
}

struct sut_buf *sut_wire_out(struct sut_wire *w)
{
    return &w->out;
}

static struct sut_tcp *of(struct sut_filter *f)
{
    return (struct sut_tcp *) f;
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
    const struct sut_tcp *t = h->data;
    (void) suggested;
    *ret = uv_buf_init(t->wire->read, READ_BYTES);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct sut_tcp *t = s->data;
    if (n == 0 || t->is_closing)
        return;
    if (n > 0) {
        sut_filter_up_bytes(&t->filter, sut_str_of(buf->base, (size_t) n));
        return;
    }
    t->is_reading = false;
    sut_filter_up_end(&t->filter, n == UV_EOF ? SUT_NET_END_EOF : SUT_NET_END_RESET);
}

static void tcp_set_reading(struct sut_filter *f, bool is_on)
{
    struct sut_tcp *t = of(f);
    if (t->is_closing || t->is_reading == is_on)
        return;
    if (!is_on)
        uv_read_stop((uv_stream_t *) &t->uv);
    else if (uv_read_start((uv_stream_t *) &t->uv, on_alloc, on_read) != 0)
        return; /* its end was seen already */
    t->is_reading = is_on;
}

static void on_written(uv_write_t *req, int status)
{
    struct outgoing *o = (struct outgoing *) req;
    struct sut_tcp *t = o->tcp;
    sut_mem_free(o);
    if (t->is_closing || t->has_failed)
        return;
    if (status < 0) {
        t->has_failed = true;
        sut_filter_up_end(&t->filter, SUT_NET_END_RESET);
    } else if (uv_stream_get_write_queue_size((uv_stream_t *) &t->uv) == 0) {
        sut_filter_up_drained(&t->filter);
    }
}

/* Copy what is left after `skip` bytes and let libuv send it when it can. */
static SUT_ERR queue_rest(struct sut_tcp *t, const sut_str *parts, size_t n, size_t total,
                          size_t skip)
{
    const size_t queued = uv_stream_get_write_queue_size((uv_stream_t *) &t->uv);
    const size_t rest = total - skip;
    ENSURE(queued <= t->wire->pending_max && rest <= t->wire->pending_max - queued, TOO_LARGE);
    struct outgoing *o = sut_mem_alloc(sizeof(*o) + rest);
    ENSURE(o != NULL, NOMEM);
    o->tcp = t;
    char *to = o->bytes;
    for (size_t i = 0; i < n; i++) {
        const size_t gone = skip < parts[i].n ? skip : parts[i].n;
        skip -= gone;
        if (parts[i].n > gone)
            memcpy(to, parts[i].p + gone, parts[i].n - gone);
        to += parts[i].n - gone;
    }
    const uv_buf_t b = uv_buf_init(o->bytes, (unsigned) rest);
    const int rc = uv_write(&o->req, (uv_stream_t *) &t->uv, &b, 1, on_written);
    if (rc < 0) {
        sut_mem_free(o);
        errno = -rc;
        FAIL_SYS(SYSTEM);
    }
    return SUT_OK;
}

static SUT_ERR tcp_write(struct sut_filter *f, const sut_str *parts, size_t n)
{
    struct sut_tcp *t = of(f);
    ENSURE(!t->is_closing && !t->is_shut && !t->has_failed, SYSTEM);
    SUT_BUG_IF(n > PARTS_MAX);
    uv_buf_t bufs[PARTS_MAX];
    unsigned n_bufs = 0;
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n == 0)
            continue;
        /* libuv takes a pointer to non-const but only reads. */
        bufs[n_bufs].base = (char *) (uintptr_t) parts[i].p;
        bufs[n_bufs++].len = parts[i].n;
        total += parts[i].n;
    }
    if (total == 0)
        return SUT_OK;
    const int sent = uv_try_write((uv_stream_t *) &t->uv, bufs, n_bufs);
    if (sent < 0 && sent != UV_EAGAIN) {
        t->has_failed = true;
        errno = -sent;
        FAIL_SYS(SYSTEM);
    }
    const size_t gone = sent < 0 ? 0 : (size_t) sent;
    return gone == total ? SUT_OK : queue_rest(t, parts, n, total, gone);
}

static void on_shut(uv_shutdown_t *req, int status)
{
    /* A peer that is gone shows itself by reading or by the timeout. */
    (void) req;
    (void) status;
}

static void tcp_shut(struct sut_filter *f)
{
    struct sut_tcp *t = of(f);
    if (t->is_closing || t->is_shut)
        return;
    t->is_shut = true;
    sut_ignore(uv_shutdown(&t->shutdown, (uv_stream_t *) &t->uv, on_shut) == 0
                   ? SUT_OK
                   : (sut_err){ .code = SUT_E_SYSTEM },
               "not connected any more: close follows");
}

static void on_closed(uv_handle_t *h)
{
    struct sut_tcp *t = h->data;
    sut_filter_up_closed(&t->filter);
}

static void tcp_close(struct sut_filter *f)
{
    struct sut_tcp *t = of(f);
    if (t->is_closing)
        return;
    t->is_closing = true;
    uv_close((uv_handle_t *) &t->uv, on_closed);
}

static size_t tcp_pending(const struct sut_filter *f)
{
    const struct sut_tcp *t = (const struct sut_tcp *) f;
    return uv_stream_get_write_queue_size((const uv_stream_t *) &t->uv);
}

static const struct sut_filter_ops tcp_ops = {
    .name = "tcp",
    .write = tcp_write,
    .set_reading = tcp_set_reading,
    .shut = tcp_shut,
    .close = tcp_close,
    .pending = tcp_pending,
};

SUT_ERR sut_tcp_init(struct sut_tcp *t, struct sut_wire *w, int fd)
{
    *t = (struct sut_tcp){ .filter = { .ops = &tcp_ops }, .wire = w };
    /* Fails only when the loop's table of descriptors can't grow, before anything was made. */
    SUT_BUG_IF(uv_tcp_init(sut_loop_uv(w->loop), &t->uv) != 0);
    t->uv.data = t;
    const int rc = uv_tcp_open(&t->uv, fd);
    /* uv_tcp_open fails for a descriptor that is no socket or is in this loop already: ours to
     * know. */
    SUT_BUG_IF(rc != 0);
    return SUT_OK;
}
