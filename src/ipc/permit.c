/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/permit.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "ipc/channel.h"

enum { NS_PER_MS = 1000000, MS_PER_S = 1000 };

SUT_ERR sut_ipc_table_init(struct sut_ipc_table *t, const struct sut_ipc_permit *permits, void *arg)
{
    size_t n = 0;
    for (; permits[n].handle != NULL; n++)
        ENSURE(n < SUT_IPC_PERMITS_MAX && permits[n].type < SUT_IPC_REPLY &&
                   permits[n].max <= SUT_IPC_LENGTH_MAX &&
                   permits[n].reply_max <= SUT_IPC_LENGTH_MAX &&
                   (permits[n].per_second == 0 || permits[n].burst > 0),
               INVALID);
    *t = (struct sut_ipc_table){ .permits = permits, .n = n, .arg = arg };
    ENSURE(pthread_mutex_init(&t->mutex, NULL) == 0, NOMEM);
    const uint64_t now_ns = sut_monotonic_ns();
    for (size_t i = 0; i < n; i++)
        t->meters[i] = (struct sut_ipc_meter){ .left = permits[i].burst, .at_ns = now_ns };
    return SUT_OK;
}

void sut_ipc_table_done(struct sut_ipc_table *t)
{
    if (t->permits != NULL)
        (void) pthread_mutex_destroy(&t->mutex);
    t->permits = NULL;
}

struct sut_ipc_meter sut_ipc_table_count(struct sut_ipc_table *t, uint16_t type)
{
    struct sut_ipc_meter m = { 0 };
    (void) pthread_mutex_lock(&t->mutex);
    for (size_t i = 0; i < t->n; i++)
        if (t->permits[i].type == type)
            m = t->meters[i];
    (void) pthread_mutex_unlock(&t->mutex);
    return m;
}

bool sut_ipc_table_take(struct sut_ipc_table *t, size_t at, uint32_t bytes, uint64_t now_ns,
                        uint32_t *ret_wait_ms)
{
    const struct sut_ipc_permit *const p = &t->permits[at];
    struct sut_ipc_meter *const m = &t->meters[at];
    const double cost = 1 + (p->unit == 0 ? 0 : (double) (bytes / p->unit));
    bool may = true;
    (void) pthread_mutex_lock(&t->mutex);
    if (p->per_second > 0) {
        const double per_ms = (double) p->per_second / MS_PER_S;
        if (now_ns > m->at_ns) {
            m->left += (double) (now_ns - m->at_ns) / NS_PER_MS * per_ms;
            m->at_ns = now_ns;
        }
        if (m->left > p->burst)
            m->left = p->burst;
        /* One that costs more than the burst waits until that is whole. */
        const double need = cost < p->burst ? cost : p->burst;
        may = m->left >= need;
        if (may)
            m->left -= need;
        else
            *ret_wait_ms = (uint32_t) ((need - m->left) / per_ms) + 1;
    }
    if (may)
        m->asked++;
    else
        m->spent++;
    (void) pthread_mutex_unlock(&t->mutex);
    return may;
}

void sut_ipc_inbox_init(struct sut_ipc_inbox *b)
{
    *b = (struct sut_ipc_inbox){ .used = 0 };
}

SUT_ERR sut_ipc_inbox_init_locked(struct sut_ipc_inbox *b, const struct sut_ipc_table *t)
{
    size_t fields = 1;
    size_t reply = 1;
    for (size_t i = 0; i < t->n; i++) {
        fields = t->permits[i].max > fields ? t->permits[i].max : fields;
        reply = t->permits[i].reply_max > reply ? t->permits[i].reply_max : reply;
    }
    sut_ipc_inbox_init(b);
    ENSURE(fields + reply <= 64 * 1024, TOO_LARGE);
    TRY(sut_secret_create(fields + reply, &b->memory));
    char *const p = sut_secret_bytes(b->memory);
    b->fields = (struct sut_buf){ .p = p, .cap = fields };
    b->reply = (struct sut_buf){ .p = p + fields, .cap = reply };
    return SUT_OK;
}

/* Fields may hold a password, a reply a key. */
static void empty(struct sut_ipc_inbox *b, struct sut_buf *buf)
{
    if (b->memory == NULL) {
        if (buf->p != NULL)
            sut_wipe(buf->p, buf->cap);
        sut_buf_done(buf);
        return;
    }
    sut_wipe(buf->p, buf->n);
    sut_buf_reset(buf);
}

static void forget_message(struct sut_ipc_inbox *b)
{
    empty(b, &b->fields);
    empty(b, &b->reply);
    b->raw_n = 0;
    b->permit = NULL;
}

void sut_ipc_inbox_done(struct sut_ipc_inbox *b)
{
    forget_message(b);
    sut_secret_free(&b->memory);
    sut_ipc_inbox_init(b);
}

static void prepare(const struct sut_ipc_inbox *b, struct sut_buf *buf, size_t max)
{
    if (b->memory == NULL)
        sut_buf_init(buf, max);
    else
        buf->cap = buf->max = max; /* there is that much, and it never grows */
}

/* The header is in: find its permit and make room for its fields. */
static SUT_ERR begin_message(struct sut_ipc_inbox *b, const struct sut_ipc_table *t)
{
    b->header = sut_ipc_header_read(b->raw);
    for (size_t i = 0; i < t->n; i++) {
        const struct sut_ipc_permit *permit = &t->permits[i];
        if (permit->type != b->header.type)
            continue;
        ENSURE(b->header.length <= permit->max, TOO_LARGE);
        ENSURE(!permit->once || (b->used & 1U << i) == 0, DENIED);
        b->used |= 1U << i;
        b->permit = permit;
        prepare(b, &b->fields, permit->max);
        if (b->header.length > 0)
            ENSURE(sut_buf_room(&b->fields, b->header.length) != NULL, NOMEM);
        return SUT_OK;
    }
    FAIL(DENIED);
}

bool sut_ipc_inbox_is_half(const struct sut_ipc_inbox *b)
{
    return b->raw_n > 0;
}

/* Take bytes that are there; none is no fault. */
static SUT_ERR take_bytes(int fd, char *to, size_t want, bool may_wait, size_t *ret)
{
    const ssize_t n = recv(fd, to, want, may_wait ? 0 : MSG_DONTWAIT);
    *ret = n > 0 ? (size_t) n : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return SUT_OK;
    if (n < 0)
        FAIL_SYS(UNAVAILABLE);
    ENSURE(n > 0, UNAVAILABLE);
    return SUT_OK;
}

SUT_ERR sut_ipc_inbox_read(struct sut_ipc_inbox *b, const struct sut_ipc_table *t, int fd,
                           bool may_wait, bool *ret_whole, bool *ret_more)
{
    const bool in_header = b->raw_n < SUT_IPC_HEADER;
    char *to = in_header ? (char *) b->raw + b->raw_n : b->fields.p + b->fields.n;
    const size_t want = in_header ? SUT_IPC_HEADER - b->raw_n : b->header.length - b->fields.n;
    size_t *const have = in_header ? &b->raw_n : &b->fields.n;
    size_t n = 0;
    *ret_whole = false;
    TRY(take_bytes(fd, to, want, may_wait, &n));
    *have += n;
    *ret_more = n > 0;
    if (b->raw_n == SUT_IPC_HEADER && b->permit == NULL)
        TRY(begin_message(b, t));
    *ret_whole = b->permit != NULL && b->fields.n == b->header.length;
    return SUT_OK;
}

static SUT_ERR fill_reply(struct sut_ipc_inbox *b, struct sut_ipc_table *t)
{
    struct sut_ipc_reader in = sut_ipc_reader_of(sut_buf_str(&b->fields));
    uint32_t wait_ms = 0;
    prepare(b, &b->reply, b->permit->reply_max);
    if (!sut_ipc_table_take(t, (size_t) (b->permit - t->permits), b->header.length,
                            sut_monotonic_ns(), &wait_ms)) {
        ENSURE(t->spent != NULL, RATE);
        t->spent(wait_ms, &b->reply);
        return sut_buf_check(&b->reply);
    }
    TRY(b->permit->handle(t->arg, &in, &b->reply));
    TRY(sut_ipc_get_end(&in));
    return sut_buf_check(&b->reply);
}

SUT_ERR sut_ipc_inbox_answer(struct sut_ipc_inbox *b, struct sut_ipc_table *t, int fd,
                             unsigned patience_ms)
{
    const uint16_t type = (uint16_t) (b->header.type | SUT_IPC_REPLY);
    sut_err e = fill_reply(b, t);
    if (!sut_failed(e))
        e = sut_ipc_send(fd, type, b->header.id, sut_buf_str(&b->reply), patience_ms);
    forget_message(b);
    return e;
}
