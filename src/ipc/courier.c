/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's side: a pool of connections, an errand on each at a time.
 */
#include "ipc/courier.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/thread.h"
#include "ipc/channel.h"
#include "ipc/courier_wire.h"
#include "os/fd.h"

enum {
    NS_PER_MS = 1000000,
    WITHOUT_MS = 3000, /* while it is being replaced a call waits for the new one so long */
    LATE_MS = 2000,    /* it answers in time itself; one that does not is given up then */
};

struct conn {
    int fd; /* -1: a free place */
    uint32_t id;
    bool is_taken;
    bool is_heavy; /* taken for a whole file */
    bool is_old;   /* others have come in its place */
};

struct sut_courier {
    pthread_mutex_t mutex;
    pthread_cond_t change; /* by the monotonic clock */
    /* Those in use, and the old ones that calls still have. */
    struct conn conns[2 * SUT_COURIER_PEERS_MAX];
};

SUT_ERR sut_courier_create(const int *fds, size_t n, struct sut_courier **ret)
{
    ENSURE(n <= SUT_COURIER_PEERS_MAX, INVALID);
    DEFER(sut_mem_freep) struct sut_courier *c = sut_mem_zalloc(1, sizeof(*c));
    ENSURE(c != NULL, NOMEM);
    (void) pthread_mutex_init(&c->mutex, NULL);
    sut_cond_init(&c->change);
    for (size_t i = 0; i < sizeof(c->conns) / sizeof(c->conns[0]); i++)
        c->conns[i].fd = i < n ? fds[i] : -1;
    *ret = STEAL(c);
    return SUT_OK;
}

void sut_courier_free(struct sut_courier **c)
{
    if (*c == NULL)
        return;
    for (size_t i = 0; i < sizeof((*c)->conns) / sizeof((*c)->conns[0]); i++)
        sut_fd_close(&(*c)->conns[i].fd);
    (void) pthread_mutex_destroy(&(*c)->mutex);
    (void) pthread_cond_destroy(&(*c)->change);
    sut_mem_freep(c);
}

SUT_ERR sut_courier_reconnect(struct sut_courier *c, const int *fds, size_t n)
{
    ENSURE(n > 0 && n <= SUT_COURIER_PEERS_MAX, INVALID);
    size_t room = 0;
    (void) pthread_mutex_lock(&c->mutex);
    const size_t places = sizeof(c->conns) / sizeof(c->conns[0]);
    for (size_t i = 0; i < places; i++)
        room += c->conns[i].fd < 0 || !c->conns[i].is_taken ? 1 : 0;
    size_t given = 0;
    for (size_t i = 0; room >= n && i < places; i++) {
        struct conn *const x = &c->conns[i];
        x->is_old = true;
        if (x->fd >= 0 && x->is_taken)
            continue;
        sut_fd_close(&x->fd);
        if (given < n)
            *x = (struct conn){ .fd = fds[given++] };
    }
    (void) pthread_cond_broadcast(&c->change);
    (void) pthread_mutex_unlock(&c->mutex);
    ENSURE(given == n, FULL);
    return SUT_OK;
}

size_t sut_courier_connections(struct sut_courier *c)
{
    size_t n = 0;
    (void) pthread_mutex_lock(&c->mutex);
    for (size_t i = 0; i < sizeof(c->conns) / sizeof(c->conns[0]); i++)
        n += c->conns[i].fd >= 0 && !c->conns[i].is_old ? 1 : 0;
    (void) pthread_mutex_unlock(&c->mutex);
    return n;
}

/* --- the pool --- */

/* An idle connection on which anything can be read has ended: nobody was asked. */
static bool has_ended(const struct conn *x)
{
    struct pollfd p = { .fd = x->fd, .events = POLLIN };
    return poll(&p, 1, 0) != 0;
}

/* Whether files have their half of the connections. */
static bool is_full_of_files(const struct sut_courier *c)
{
    size_t n = 0;
    size_t n_heavy = 0;
    for (size_t i = 0; i < sizeof(c->conns) / sizeof(c->conns[0]); i++) {
        const struct conn *const x = &c->conns[i];
        n += x->fd >= 0 && !x->is_old ? 1 : 0;
        n_heavy += x->fd >= 0 && !x->is_old && x->is_taken && x->is_heavy ? 1 : 0;
    }
    return n_heavy >= (n + 1) / 2;
}

/* One that is free and lives, or NULL; *ret_any: there are some, all taken. */
static struct conn *find_free(struct sut_courier *c, bool is_heavy, bool *ret_any)
{
    *ret_any = false;
    if (is_heavy && is_full_of_files(c)) {
        for (size_t i = 0; i < sizeof(c->conns) / sizeof(c->conns[0]); i++)
            *ret_any |= c->conns[i].fd >= 0 && !c->conns[i].is_old;
        return NULL;
    }
    for (size_t i = 0; i < sizeof(c->conns) / sizeof(c->conns[0]); i++) {
        struct conn *const x = &c->conns[i];
        if (x->fd < 0 || x->is_old)
            continue;
        *ret_any |= x->is_taken;
        if (x->is_taken)
            continue;
        if (!has_ended(x))
            return x;
        sut_fd_close(&x->fd);
    }
    return NULL;
}

static SUT_ERR take(struct sut_courier *c, bool is_heavy, uint64_t deadline_ns, struct conn **ret)
{
    const uint64_t start_ns = sut_monotonic_ns();
    const uint64_t without_ns = start_ns + (uint64_t) WITHOUT_MS * NS_PER_MS;
    struct conn *x = NULL;
    bool has_any = false;
    (void) pthread_mutex_lock(&c->mutex);
    while ((x = find_free(c, is_heavy, &has_any)) == NULL) {
        const uint64_t until_ns = !has_any && without_ns < deadline_ns ? without_ns : deadline_ns;
        if (sut_monotonic_ns() >= until_ns)
            break;
        (void) sut_cond_wait_until(&c->change, &c->mutex, until_ns);
    }
    if (x != NULL) {
        x->is_taken = true;
        x->is_heavy = is_heavy;
    }
    (void) pthread_mutex_unlock(&c->mutex);
    ENSURE(x != NULL || !has_any, BUSY);
    ENSURE(x != NULL, UNAVAILABLE);
    *ret = x;
    return SUT_OK;
}

static void give_back(struct sut_courier *c, struct conn *x, bool is_broken)
{
    (void) pthread_mutex_lock(&c->mutex);
    x->is_taken = false;
    if (is_broken || x->is_old)
        sut_fd_close(&x->fd);
    /* All: the one that woke up may be waiting for a file's turn. */
    (void) pthread_cond_broadcast(&c->change);
    (void) pthread_mutex_unlock(&c->mutex);
}

/* --- a call --- */

static SUT_ERR outcome_of(uint64_t reply)
{
    switch ((enum sut_courier_reply) reply) {
    case SUT_COURIER_OK:
        return SUT_OK;
    case SUT_COURIER_BUSY:
        FAIL(BUSY);
    case SUT_COURIER_UNAVAILABLE:
        FAIL(UNAVAILABLE);
    case SUT_COURIER_DENIED:
        FAIL(DENIED);
    case SUT_COURIER_TOO_LARGE:
        FAIL(TOO_LARGE);
    case SUT_COURIER_NOT_FOUND:
        FAIL(NOT_FOUND);
    case SUT_COURIER_PARSE:
    case SUT_COURIER_REPLIES:
        break;
    }
    FAIL(PARSE);
}

static unsigned left_ms(uint64_t deadline_ns)
{
    const uint64_t now = sut_monotonic_ns();
    return now >= deadline_ns ? 0 : (unsigned) ((deadline_ns - now) / NS_PER_MS);
}

/* What can be said of a reply before it is read. */
struct call {
    enum sut_errand_purpose purpose;
    bool has_method;
    enum sut_errand_method method;
    sut_str parts[3];
    size_t n_parts;
    unsigned timeout_ms;
    SUT_ERR (*get)(struct sut_ipc_reader *r, const struct call *call);
    void *out;
    struct sut_buf *body;
};

static SUT_ERR read_reply(const struct call *call, sut_str text, sut_err *ret_outcome)
{
    struct sut_ipc_reader r = sut_ipc_reader_of(text);
    uint64_t reply = 0;
    TRY(sut_ipc_get_u64(&r, SUT_COURIER_REPLIES - 1, &reply));
    *ret_outcome = outcome_of(reply);
    if (reply == SUT_COURIER_OK)
        TRY(call->get(&r, call));
    return sut_ipc_get_end(&r);
}

static SUT_ERR ask(struct conn *x, const struct call *call, uint64_t deadline_ns,
                   struct sut_buf *fields, struct sut_buf *reply, sut_err *ret_outcome)
{
    const unsigned ms = left_ms(deadline_ns);
    ENSURE(ms > 0, UNAVAILABLE);
    sut_ipc_put_u64(fields, ms);
    if (call->has_method)
        sut_ipc_put_u64(fields, call->method);
    for (size_t i = 0; i < call->n_parts; i++)
        sut_ipc_put_bytes(fields, call->parts[i]);
    TRY(sut_buf_check(fields));
    TRY(sut_ipc_call(x->fd, sut_errand_type(call->purpose), ++x->id, sut_buf_str(fields),
                     ms + LATE_MS, reply));
    return read_reply(call, sut_buf_str(reply), ret_outcome);
}

/* What went over it may hold a link or a token. */
static void forget(struct sut_buf *b)
{
    if (b->p != NULL)
        sut_wipe(b->p, b->cap);
    sut_buf_done(b);
}

static SUT_ERR run(struct sut_courier *c, const struct call *call)
{
    ENSURE(call->timeout_ms > 0 && call->timeout_ms <= SUT_ERRAND_TIMEOUT_MAX_MS, INVALID);
    ENSURE(c != NULL, NOT_FOUND);
    const uint64_t deadline_ns = sut_monotonic_ns() + (uint64_t) call->timeout_ms * NS_PER_MS;
    struct conn *x = NULL;
    struct sut_buf fields;
    struct sut_buf reply;
    sut_err outcome = SUT_OK;
    const uint32_t ask_max = sut_errand_ask_max(call->purpose);
    TRY(take(c, sut_errand_is_of_files(call->purpose), deadline_ns, &x));
    sut_buf_init(&fields, ask_max);
    size_t n = (call->has_method ? 2 : 1) * (size_t) SUT_COURIER_U;
    for (size_t i = 0; i < call->n_parts; i++)
        n += SUT_COURIER_B + call->parts[i].n;
    /* At once, so that it never moves and leaves a copy behind. */
    (void) sut_buf_room(&fields, n);
    sut_buf_init(&reply, sut_errand_reply_max(call->purpose));
    const sut_err e = ask(x, call, deadline_ns, &fields, &reply, &outcome);
    forget(&fields);
    forget(&reply);
    give_back(c, x, sut_failed(e));
    if (sut_failed(e) && e.code != SUT_E_NOMEM)
        FAIL(UNAVAILABLE);
    TRY(e);
    return outcome;
}

/* --- over HTTP --- */

static SUT_ERR get_answer(struct sut_ipc_reader *r, const struct call *call)
{
    struct sut_errand_answer *const out = call->out;
    uint64_t status = 0;
    uint64_t max_age = 0;
    sut_str type = { 0 };
    sut_str body = { 0 };
    TRY(sut_ipc_get_u64(r, 999, &status));
    TRY(sut_ipc_get_u64(r, UINT32_MAX, &max_age));
    TRY(sut_ipc_get_bytes(r, SUT_ERRAND_TYPE_MAX, &type));
    TRY(sut_ipc_get_bytes(r, sut_errand_row(call->purpose)->in_max, &body));
    *out = (struct sut_errand_answer){ .status = (int) status, .max_age_s = (uint32_t) max_age };
    if (type.n > 0)
        memcpy(out->content_type, type.p, type.n);
    sut_buf_reset(call->body);
    sut_buf_str_add(call->body, body);
    return sut_buf_check(call->body);
}

_Static_assert(sizeof(((struct sut_errand_answer *) 0)->content_type) == SUT_ERRAND_TYPE_MAX + 1,
               "the type and a NUL");

static bool is_askable(const struct sut_errand *e)
{
    const struct sut_errand_row *const r = sut_errand_row(e->purpose);
    const bool is_form = r->what == SUT_ERRAND_BY_FORM;
    if (e->text.n > r->out_max)
        return false;
    if (r->what == SUT_ERRAND_BY_CALL)
        return e->url.n == 0 && e->signature.n == 0 &&
               sut_errand_is_call(e->purpose, e->method, e->path) &&
               sut_errand_is_call_body(e->purpose, e->method, e->text, e->key);
    if (r->what == SUT_ERRAND_BY_OBJECT)
        return e->url.n == 0 && e->signature.n == 0 && e->key.n == 0 &&
               sut_errand_is_object(e->purpose, e->path, e->type);
    if ((!is_form && r->what != SUT_ERRAND_BY_GET) || e->path.n > 0 || e->key.n > 0)
        return false;
    if (!is_form && e->text.n > 0 && !sut_errand_is_token(e->text))
        return false;
    if (e->signature.n > 0 && (!is_form || !sut_errand_is_signature(e->signature)))
        return false;
    return r->where == SUT_ERRAND_DATA || e->url.n == 0;
}

SUT_ERR sut_courier_fetch(struct sut_courier *c, const struct sut_errand *e, struct sut_buf *body,
                          struct sut_errand_answer *ret)
{
    ENSURE((size_t) e->purpose < SUT_ERRANDS && is_askable(e), INVALID);
    ENSURE(body->max >= sut_errand_row(e->purpose)->in_max, INVALID);
    /* What can be no URL leads nowhere. */
    if (sut_errand_row(e->purpose)->where == SUT_ERRAND_DATA)
        ENSURE(sut_errand_is_url_text(e->url), DENIED);
    struct call call = { .purpose = e->purpose,
                         .parts = { e->url, e->text, e->signature },
                         .n_parts = 3,
                         .timeout_ms = e->timeout_ms,
                         .get = get_answer,
                         .out = ret,
                         .body = body };
    if (sut_errand_row(e->purpose)->what == SUT_ERRAND_BY_CALL) {
        call.has_method = true;
        call.method = e->method;
        call.parts[0] = e->path;
        call.parts[2] = e->key;
    } else if (sut_errand_row(e->purpose)->what == SUT_ERRAND_BY_OBJECT) {
        call.parts[0] = e->path;
        call.parts[2] = e->type;
    }
    return run(c, &call);
}

static SUT_ERR get_verdict(struct sut_ipc_reader *r, const struct call *call)
{
    return sut_ipc_get_bool(r, call->out);
}

SUT_ERR sut_courier_verify(struct sut_courier *c, enum sut_errand_purpose purpose, sut_str body,
                           sut_str signature, unsigned timeout_ms, bool *ret_is_theirs)
{
    ENSURE((size_t) purpose < SUT_ERRANDS, INVALID);
    const struct sut_errand_row *const row = sut_errand_row(purpose);
    ENSURE(row->what == SUT_ERRAND_BY_VERIFY && body.n <= row->out_max, INVALID);
    *ret_is_theirs = false;
    /* What can be no signature is nobody's. */
    if (!sut_errand_is_signature(signature))
        return SUT_OK;
    const struct call call = { .purpose = purpose,
                               .parts = { body, signature },
                               .n_parts = 2,
                               .timeout_ms = timeout_ms,
                               .get = get_verdict,
                               .out = ret_is_theirs };
    return run(c, &call);
}

/* --- malware --- */

static SUT_ERR get_malware(struct sut_ipc_reader *r, const struct call *call)
{
    struct sut_malware_answer *const out = call->out;
    sut_str name = { 0 };
    *out = (struct sut_malware_answer){ .is_found = true };
    TRY(sut_ipc_get_bool(r, &out->is_found));
    TRY(sut_ipc_get_bytes(r, SUT_ERRAND_TEXT_MAX, &name));
    if (name.n > 0)
        memcpy(out->name, name.p, name.n);
    return SUT_OK;
}

SUT_ERR sut_courier_scan(struct sut_courier *c, sut_str bytes, unsigned timeout_ms,
                         struct sut_malware_answer *ret)
{
    ENSURE(bytes.n > 0 && bytes.n <= sut_errand_row(SUT_ERRAND_SCAN)->out_max, INVALID);
    const struct call call = { .purpose = SUT_ERRAND_SCAN,
                               .parts = { bytes },
                               .n_parts = 1,
                               .timeout_ms = timeout_ms,
                               .get = get_malware,
                               .out = ret };
    return run(c, &call);
}

/* --- mail --- */

static SUT_ERR get_mail(struct sut_ipc_reader *r, const struct call *call)
{
    struct sut_mail_answer *const out = call->out;
    uint64_t fate = 0;
    uint64_t code = 0;
    sut_str text = { 0 };
    TRY(sut_ipc_get_u64(r, SUT_MAIL_REFUSED, &fate));
    TRY(sut_ipc_get_u64(r, 999, &code));
    TRY(sut_ipc_get_bytes(r, SUT_ERRAND_TEXT_MAX, &text));
    *out = (struct sut_mail_answer){ .fate = (enum sut_mail_fate) fate, .code = (int) code };
    if (text.n > 0)
        memcpy(out->text, text.p, text.n);
    return SUT_OK;
}

SUT_ERR sut_courier_mail(struct sut_courier *c, sut_str from, sut_str to, sut_str message,
                         unsigned timeout_ms, struct sut_mail_answer *ret)
{
    ENSURE(sut_errand_is_address(from) && sut_errand_is_address(to), INVALID);
    ENSURE(message.n <= sut_errand_row(SUT_ERRAND_MAIL)->out_max, INVALID);
    ENSURE(sut_errand_is_message(message), INVALID);
    const struct call call = { .purpose = SUT_ERRAND_MAIL,
                               .parts = { from, to, message },
                               .n_parts = 3,
                               .timeout_ms = timeout_ms,
                               .get = get_mail,
                               .out = ret };
    return run(c, &call);
}
