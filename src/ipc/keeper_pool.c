/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/keeper_int.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "ipc/channel.h"
#include "ipc/keeper_wire.h"
#include "os/core.h"
#include "os/fd.h"

enum {
    NS_PER_MS = 1000000,
    NS_PER_S = 1000000000,
    BREAKS_MAX = 8, /* connections that one call may break before it gives up */
    TYPES = SUT_KEEPER_CHECKPOINT + 1,
};

/* A connection; in the pool's list, owned by the call that has it meanwhile. */
struct conn {
    int fd;
    uint32_t id;   /* of the last message */
    uint32_t core; /* where the keeper's thread of it was asked to stay; SUT_CORES_MAX: nowhere */
    bool is_taken;
    bool is_old;               /* others have come in its place */
    struct sut_secret *memory; /* what is asked, then what is answered */
    struct conn *next;
};

struct sut_keeper {
    pthread_mutex_t mutex;
    pthread_cond_t change; /* a connection came free, or new ones came; by the monotonic clock */
    struct conn *conns;
    uint64_t calls[TYPES];
};

static void conn_free(struct conn **c)
{
    if (*c == NULL)
        return;
    sut_fd_close(&(*c)->fd);
    sut_secret_free(&(*c)->memory);
    sut_mem_free(*c);
    *c = NULL;
}

static void conns_free(struct conn **list)
{
    while (*list != NULL) {
        struct conn *c = *list;
        *list = c->next;
        conn_free(&c);
    }
}

static SUT_ERR conns_create(const int *fds, size_t n, struct conn **ret)
{
    DEFER(conns_free) struct conn *list = NULL;
    ENSURE(n > 0 && n <= SUT_KEEPER_PEERS_MAX, INVALID);
    for (size_t i = 0; i < n; i++) {
        DEFER(conn_free) struct conn *c = sut_mem_zalloc(1, sizeof(*c));
        ENSURE(c != NULL, NOMEM);
        c->fd = -1;
        c->core = SUT_CORES_MAX;
        TRY(sut_secret_create(SUT_KEEPER_ASK_MAX + SUT_KEEPER_REPLY_MAX, &c->memory));
        c->next = list;
        list = STEAL(c);
    }
    /* On failure they stay the caller's. */
    size_t i = 0;
    for (struct conn *c = list; c != NULL; c = c->next)
        c->fd = fds[i++];
    *ret = STEAL(list);
    return SUT_OK;
}

SUT_ERR sut_keeper_create(const int *fds, size_t n, struct sut_keeper **ret)
{
    DEFER(sut_mem_freep) struct sut_keeper *k = sut_mem_zalloc(1, sizeof(*k));
    ENSURE(k != NULL, NOMEM);
    (void) pthread_mutex_init(&k->mutex, NULL);
    sut_cond_init(&k->change);
    const sut_err e = conns_create(fds, n, &k->conns);
    if (sut_failed(e)) {
        (void) pthread_mutex_destroy(&k->mutex);
        (void) pthread_cond_destroy(&k->change);
        return e;
    }
    *ret = STEAL(k);
    return SUT_OK;
}

void sut_keeper_free(struct sut_keeper **k)
{
    if (*k == NULL)
        return;
    conns_free(&(*k)->conns);
    (void) pthread_mutex_destroy(&(*k)->mutex);
    (void) pthread_cond_destroy(&(*k)->change);
    sut_mem_freep(k);
}

SUT_ERR sut_keeper_reconnect(struct sut_keeper *k, const int *fds, size_t n)
{
    struct conn *list = NULL;
    DEFER(conns_free) struct conn *gone = NULL;
    TRY(conns_create(fds, n, &list));
    (void) pthread_mutex_lock(&k->mutex);
    struct conn **end = &list;
    while (*end != NULL)
        end = &(*end)->next;
    struct conn *c = k->conns;
    while (c != NULL) {
        struct conn *const next = c->next;
        struct conn **const to = c->is_taken ? end : &gone;
        c->is_old = true;
        if (c->is_taken)
            end = &c->next;
        c->next = c->is_taken ? NULL : gone;
        *to = c;
        c = next;
    }
    k->conns = list;
    (void) pthread_cond_broadcast(&k->change);
    (void) pthread_mutex_unlock(&k->mutex);
    return SUT_OK;
}

uint64_t sut_keeper_calls(struct sut_keeper *k)
{
    uint64_t n = 0;
    (void) pthread_mutex_lock(&k->mutex);
    for (size_t i = 0; i < TYPES; i++)
        n += k->calls[i];
    (void) pthread_mutex_unlock(&k->mutex);
    return n;
}

size_t sut_keeper_connections(struct sut_keeper *k)
{
    size_t n = 0;
    (void) pthread_mutex_lock(&k->mutex);
    for (const struct conn *c = k->conns; c != NULL; c = c->next)
        n += c->is_old ? 0 : 1;
    (void) pthread_mutex_unlock(&k->mutex);
    return n;
}

/* --- the pool --- */

/* An idle connection on which anything can be read has ended: nobody was asked. */
static bool has_ended(const struct conn *c)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    return poll(&p, 1, 0) != 0;
}

static void unlink_conn(struct sut_keeper *k, struct conn *c)
{
    struct conn **at = &k->conns;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
}

/* 0 is best: the other end is on this core; then one that may be anywhere. */
static unsigned distance(const struct conn *c, uint32_t core)
{
    if (c->core == core)
        return 0;
    return c->core == SUT_CORES_MAX ? 1 : 2;
}

/*
 * The best one that is free and lives, or NULL; those that ended are thrown away.  Unless it looks
 * (a system call), a call finds out by losing one try.
 */
static struct conn *find_free(struct sut_keeper *k, uint32_t core, bool looks)
{
    for (;;) {
        struct conn *best = NULL;
        for (struct conn *c = k->conns; c != NULL; c = c->next)
            if (!c->is_taken && !c->is_old &&
                (best == NULL || distance(c, core) < distance(best, core)))
                best = c;
        if (best == NULL || !looks || !has_ended(best))
            return best;
        unlink_conn(k, best);
        conn_free(&best);
    }
}

static SUT_ERR take(struct sut_keeper *k, uint32_t core, bool looks, uint64_t deadline_ns,
                    struct conn **ret)
{
    struct conn *c = NULL;
    bool has_time = true;
    (void) pthread_mutex_lock(&k->mutex);
    while ((c = find_free(k, core, looks)) == NULL && has_time)
        has_time = sut_cond_wait_until(&k->change, &k->mutex, deadline_ns);
    if (c != NULL)
        c->is_taken = true;
    (void) pthread_mutex_unlock(&k->mutex);
    ENSURE(c != NULL, UNAVAILABLE);
    *ret = c;
    return SUT_OK;
}

static void give_back(struct sut_keeper *k, struct conn *c, bool is_broken)
{
    (void) pthread_mutex_lock(&k->mutex);
    if (is_broken || c->is_old) {
        unlink_conn(k, c);
        conn_free(&c);
    } else {
        c->is_taken = false;
    }
    (void) pthread_cond_signal(&k->change);
    (void) pthread_mutex_unlock(&k->mutex);
}

/* --- one call --- */

/* What an answer came to: done (then the call's outcome), or to be asked again after a while. */
struct outcome {
    sut_err err;
    uint32_t wait_ms; /* above 0: ask again then */
};

static SUT_ERR outcome_of(uint64_t status)
{
    switch ((enum sut_keeper_answer) status) {
    case SUT_KEEPER_CORRUPT:
        FAIL(CORRUPT);
    case SUT_KEEPER_NOT_FOUND:
        FAIL(NOT_FOUND);
    case SUT_KEEPER_INVALID:
        FAIL(INVALID);
    case SUT_KEEPER_OK:
    case SUT_KEEPER_BUSY:
    case SUT_KEEPER_ANSWERS:
        break;
    }
    FAIL(PARSE);
}

/* An error here is the keeper's, who said what makes no sense. */
static SUT_ERR read_answer(const struct sut_keeper_call *a, sut_str text, struct outcome *ret)
{
    struct sut_ipc_reader r = sut_ipc_reader_of(text);
    uint64_t status = 0;
    TRY(sut_ipc_get_u64(&r, SUT_KEEPER_ANSWERS - 1, &status));
    if (status == SUT_KEEPER_OK) {
        TRY(a->get(&r, a->out));
    } else if (status == SUT_KEEPER_BUSY) {
        uint64_t wait_ms = 0;
        TRY(sut_ipc_get_u64(&r, UINT32_MAX, &wait_ms));
        ret->wait_ms = wait_ms > 0 ? (uint32_t) wait_ms : 1;
    } else {
        ret->err = outcome_of(status);
    }
    return sut_ipc_get_end(&r);
}

static SUT_ERR ask_once(struct conn *c, const struct sut_keeper_call *a, uint64_t deadline_ns,
                        struct outcome *ret)
{
    char *const p = sut_secret_bytes(c->memory);
    struct sut_buf fields = { .p = p, .cap = SUT_KEEPER_ASK_MAX, .max = SUT_KEEPER_ASK_MAX };
    struct sut_buf reply = { .p = p + SUT_KEEPER_ASK_MAX,
                             .cap = SUT_KEEPER_REPLY_MAX,
                             .max = SUT_KEEPER_REPLY_MAX };
    const uint64_t now_ns = sut_monotonic_ns();
    *ret = (struct outcome){ .err = SUT_OK };
    ENSURE(now_ns < deadline_ns, UNAVAILABLE);
    if (a->put != NULL)
        a->put(a->in, &fields);
    TRY(sut_buf_check(&fields));
    sut_err e = sut_ipc_call(c->fd, a->type, ++c->id, sut_buf_str(&fields),
                             (unsigned) ((deadline_ns - now_ns) / NS_PER_MS) + 1, &reply);
    if (!sut_failed(e))
        e = read_answer(a, sut_buf_str(&reply), ret);
    sut_wipe(fields.p, fields.n);
    /* A cut one may have left bytes behind n. */
    sut_wipe(reply.p, sut_failed(e) ? reply.cap : reply.n);
    return e;
}

static void rest(uint64_t ns)
{
    const struct timespec t = { .tv_sec = (time_t) (ns / NS_PER_S),
                                .tv_nsec = (long) (ns % NS_PER_S) };
    (void) nanosleep(&t, NULL);
}

SUT_ERR sut_keeper__call(struct sut_keeper *k, const struct sut_keeper_call *a)
{
    const uint64_t deadline_ns = sut_monotonic_ns() + (uint64_t) SUT_KEEPER_PATIENCE_MS * NS_PER_MS;
    for (unsigned broken = 0; broken < BREAKS_MAX;) {
        struct conn *c = NULL;
        struct outcome o;
        /* When the time is over no other connection is broken. */
        ENSURE(sut_monotonic_ns() < deadline_ns, UNAVAILABLE);
        const uint32_t core = sut_core_here();
        TRY(take(k, core, broken > 0, deadline_ns, &c));
        if (a->moves)
            c->core = core;
        const sut_err e = ask_once(c, a, deadline_ns, &o);
        give_back(k, c, sut_failed(e));
        if (sut_failed(e)) {
            broken++;
            continue;
        }
        if (o.wait_ms == 0) {
            (void) pthread_mutex_lock(&k->mutex);
            k->calls[a->type]++;
            (void) pthread_mutex_unlock(&k->mutex);
            return o.err;
        }
        const uint64_t wait_ns = (uint64_t) o.wait_ms * NS_PER_MS;
        ENSURE(sut_monotonic_ns() + wait_ns < deadline_ns, BUSY);
        rest(wait_ns);
    }
    FAIL(UNAVAILABLE);
}
