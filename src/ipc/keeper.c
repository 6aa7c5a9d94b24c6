/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/keeper.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "ipc/channel.h"
#include "ipc/keeper_wire.h"
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
    uint32_t id; /* of the last message */
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

const char *sut_key_purpose_word(enum sut_key_purpose p)
{
    switch (p) {
#define X(name, word, where)                                                                       \
    case SUT_KEY_##name:                                                                           \
        return word;
#include "ipc/purposes.def"
#undef X
    case SUT_KEY_PURPOSES:
        break;
    }
    return "";
}

bool sut_key_purpose_leaves(enum sut_key_purpose p)
{
    enum { STAYS, LEAVES };
    switch (p) {
#define X(name, word, where)                                                                       \
    case SUT_KEY_##name:                                                                           \
        return (where) == LEAVES;
#include "ipc/purposes.def"
#undef X
    case SUT_KEY_PURPOSES:
        break;
    }
    return false;
}

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

static SUT_ERR init_sync(struct sut_keeper *k)
{
    pthread_condattr_t attr;
    ENSURE(pthread_condattr_init(&attr) == 0, NOMEM);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    const int code = pthread_cond_init(&k->change, &attr);
    (void) pthread_condattr_destroy(&attr);
    ENSURE(code == 0, NOMEM);
    if (pthread_mutex_init(&k->mutex, NULL) != 0) {
        (void) pthread_cond_destroy(&k->change);
        FAIL(NOMEM);
    }
    return SUT_OK;
}

SUT_ERR sut_keeper_create(const int *fds, size_t n, struct sut_keeper **ret)
{
    DEFER(sut_mem_freep) struct sut_keeper *k = sut_mem_zalloc(1, sizeof(*k));
    ENSURE(k != NULL, NOMEM);
    TRY(init_sync(k));
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

/* One that is free and lives, or NULL; those that ended are thrown away. */
static struct conn *find_free(struct sut_keeper *k)
{
    struct conn *c = k->conns;
    while (c != NULL) {
        struct conn *const next = c->next;
        if (!c->is_taken && !c->is_old) {
            if (!has_ended(c))
                return c;
            unlink_conn(k, c);
            conn_free(&c);
        }
        c = next;
    }
    return NULL;
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){ .tv_sec = (time_t) (ns / NS_PER_S),
                              .tv_nsec = (long) (ns % NS_PER_S) };
}

static SUT_ERR take(struct sut_keeper *k, uint64_t deadline_ns, struct conn **ret)
{
    const struct timespec until = timespec_of(deadline_ns);
    struct conn *c = NULL;
    int code = 0;
    (void) pthread_mutex_lock(&k->mutex);
    while ((c = find_free(k)) == NULL && code == 0)
        code = pthread_cond_timedwait(&k->change, &k->mutex, &until);
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

/* A request: how it is written, and how its answer is read behind the status. */
struct ask {
    uint16_t type;
    void (*put)(const void *in, struct sut_buf *b);
    const void *in;
    SUT_ERR (*get)(struct sut_ipc_reader *r, void *out);
    void *out;
};

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
static SUT_ERR read_answer(const struct ask *a, sut_str text, struct outcome *ret)
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

static SUT_ERR ask_once(struct conn *c, const struct ask *a, uint64_t deadline_ns,
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
    const struct timespec t = timespec_of(ns);
    (void) nanosleep(&t, NULL);
}

static SUT_ERR call(struct sut_keeper *k, const struct ask *a)
{
    const uint64_t deadline_ns = sut_monotonic_ns() + (uint64_t) SUT_KEEPER_PATIENCE_MS * NS_PER_MS;
    for (unsigned broken = 0; broken < BREAKS_MAX;) {
        struct conn *c = NULL;
        struct outcome o;
        /* When the time is over no other connection is broken. */
        ENSURE(sut_monotonic_ns() < deadline_ns, UNAVAILABLE);
        TRY(take(k, deadline_ns, &c));
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

/* --- the types --- */

static SUT_ERR get_exact(struct sut_ipc_reader *r, size_t n, sut_str *ret)
{
    TRY(sut_ipc_get_bytes(r, n, ret));
    ENSURE(ret->n == n, PARSE);
    return SUT_OK;
}

static SUT_ERR get_flag(struct sut_ipc_reader *r, bool *ret)
{
    uint64_t v = 0;
    TRY(sut_ipc_get_u64(r, 1, &v));
    *ret = v == 1;
    return SUT_OK;
}

static SUT_ERR get_about(struct sut_ipc_reader *r, void *out)
{
    struct sut_keeper_about *const about = out;
    sut_str id = { 0 };
    sut_str next = { 0 };
    TRY(get_exact(r, SUT_MASTER_ID, &id));
    TRY(get_flag(r, &about->has_next));
    TRY(get_exact(r, about->has_next ? SUT_MASTER_ID : 0, &next));
    TRY(get_flag(r, &about->has_previous));
    TRY(get_flag(r, &about->may_rotate));
    TRY(get_flag(r, &about->is_passphrase));
    TRY(sut_ipc_get_i64(r, &about->master_made_at.v));
    memcpy(about->master_id, id.p, id.n);
    if (about->has_next)
        memcpy(about->next_id, next.p, next.n);
    return SUT_OK;
}

SUT_ERR sut_keeper_about(struct sut_keeper *k, struct sut_keeper_about *ret)
{
    *ret = (struct sut_keeper_about){ .has_next = false };
    return call(k, &(struct ask){ .type = SUT_KEEPER_ABOUT, .get = get_about, .out = ret });
}

/* What UNWRAP, MAKE and REWRAP ask. */
struct key_in {
    enum sut_key_purpose purpose;
    uint32_t version;
    sut_str wrapped;
    bool wants_key;
};

static void put_wrapped(const void *in, struct sut_buf *b)
{
    const struct key_in *const k = in;
    sut_ipc_put_u64(b, k->purpose);
    sut_ipc_put_u64(b, k->version);
    sut_ipc_put_bytes(b, k->wrapped);
}

static SUT_ERR get_key(struct sut_ipc_reader *r, void *out)
{
    sut_str key = { 0 };
    TRY(get_exact(r, SUT_KEY_SIZE, &key));
    memcpy(out, key.p, key.n);
    return SUT_OK;
}

SUT_ERR sut_keeper_unwrap(struct sut_keeper *k, enum sut_key_purpose purpose, uint32_t version,
                          sut_str wrapped, struct sut_secret **ret)
{
    const struct key_in in = { .purpose = purpose, .version = version, .wrapped = wrapped };
    DEFER(sut_secret_free) struct sut_secret *key = NULL;
    ENSURE(sut_key_purpose_leaves(purpose), DENIED);
    ENSURE(wrapped.n <= SUT_WRAPPED_MAX, CORRUPT);
    TRY(sut_secret_create(SUT_KEY_SIZE, &key));
    TRY(call(k, &(struct ask){ .type = SUT_KEEPER_UNWRAP,
                               .put = put_wrapped,
                               .in = &in,
                               .get = get_key,
                               .out = sut_secret_bytes(key) }));
    *ret = STEAL(key);
    return SUT_OK;
}

static void put_make(const void *in, struct sut_buf *b)
{
    const struct key_in *const k = in;
    sut_ipc_put_u64(b, k->purpose);
    sut_ipc_put_u64(b, k->version);
    sut_ipc_put_u64(b, k->wants_key ? 1 : 0);
}

/* What MAKE and REWRAP give. */
struct key_out {
    struct sut_buf *out; /* has room */
    unsigned char *key;  /* NULL: not wanted */
    bool is_changed;
};

static SUT_ERR get_made(struct sut_ipc_reader *r, void *out)
{
    struct key_out *const o = out;
    sut_str wrapped = { 0 };
    sut_str key = { 0 };
    TRY(sut_ipc_get_bytes(r, SUT_WRAPPED_MAX, &wrapped));
    TRY(get_exact(r, o->key != NULL ? SUT_KEY_SIZE : 0, &key));
    ENSURE(wrapped.n > 0, PARSE);
    if (o->key != NULL)
        memcpy(o->key, key.p, key.n);
    sut_buf_str_add(o->out, wrapped);
    return SUT_OK;
}

SUT_ERR sut_keeper_make(struct sut_keeper *k, enum sut_key_purpose purpose, uint32_t version,
                        struct sut_buf *out, struct sut_secret **ret_key)
{
    const bool wants_key = ret_key != NULL;
    const struct key_in in = { .purpose = purpose, .version = version, .wants_key = wants_key };
    DEFER(sut_secret_free) struct sut_secret *key = NULL;
    struct key_out o = { .out = out };
    ENSURE(purpose < SUT_KEY_PURPOSES, INVALID);
    ENSURE(!wants_key || sut_key_purpose_leaves(purpose), INVALID);
    if (sut_buf_room(out, SUT_WRAPPED_MAX) == NULL)
        TRY(sut_buf_check(out));
    if (wants_key) {
        TRY(sut_secret_create(SUT_KEY_SIZE, &key));
        o.key = sut_secret_bytes(key);
    }
    TRY(call(
        k, &(struct ask){
               .type = SUT_KEEPER_MAKE, .put = put_make, .in = &in, .get = get_made, .out = &o }));
    if (wants_key)
        *ret_key = STEAL(key);
    return SUT_OK;
}

static SUT_ERR get_rewrapped(struct sut_ipc_reader *r, void *out)
{
    struct key_out *const o = out;
    sut_str wrapped = { 0 };
    TRY(get_flag(r, &o->is_changed));
    TRY(sut_ipc_get_bytes(r, SUT_WRAPPED_MAX, &wrapped));
    ENSURE(wrapped.n > 0, PARSE);
    sut_buf_str_add(o->out, wrapped);
    return SUT_OK;
}

SUT_ERR sut_keeper_rewrap(struct sut_keeper *k, enum sut_key_purpose purpose, uint32_t version,
                          sut_str wrapped, struct sut_buf *out, bool *ret_changed)
{
    const struct key_in in = { .purpose = purpose, .version = version, .wrapped = wrapped };
    struct key_out o = { .out = out };
    ENSURE(purpose < SUT_KEY_PURPOSES, INVALID);
    ENSURE(wrapped.n <= SUT_WRAPPED_MAX, CORRUPT);
    if (sut_buf_room(out, SUT_WRAPPED_MAX) == NULL)
        TRY(sut_buf_check(out));
    TRY(call(k, &(struct ask){ .type = SUT_KEEPER_REWRAP,
                               .put = put_wrapped,
                               .in = &in,
                               .get = get_rewrapped,
                               .out = &o }));
    *ret_changed = o.is_changed;
    return SUT_OK;
}

/* What OPEN_DATA and MAKE_DATA ask and give. */
struct data {
    const struct sut_kek *kek;
    const struct sut_data_key_row *rows;
    struct sut_data_key_row *made; /* MAKE_DATA: where the wrapped ones go */
    size_t n;
    unsigned char (*keys)[SUT_KEY_SIZE];
    bool *ok;
};

static void put_kek(const struct data *d, struct sut_buf *b)
{
    sut_ipc_put_u64(b, d->kek->version);
    sut_ipc_put_bytes(b, sut_str_of(d->kek->wrapped, d->kek->wrapped_n));
    sut_ipc_put_u64(b, d->n);
}

static void put_open(const void *in, struct sut_buf *b)
{
    const struct data *const d = in;
    put_kek(d, b);
    for (size_t i = 0; i < d->n; i++) {
        sut_ipc_put_i64(b, d->rows[i].person);
        sut_ipc_put_u64(b, d->rows[i].version);
        sut_ipc_put_bytes(b, sut_str_of(d->rows[i].wrapped, SUT_DATA_WRAPPED));
    }
}

static SUT_ERR get_opened(struct sut_ipc_reader *r, void *out)
{
    struct data *const d = out;
    for (size_t i = 0; i < d->n; i++) {
        sut_str key = { 0 };
        TRY(sut_ipc_get_bytes(r, SUT_KEY_SIZE, &key));
        ENSURE(key.n == 0 || key.n == SUT_KEY_SIZE, PARSE);
        d->ok[i] = key.n > 0;
        if (d->ok[i])
            memcpy(d->keys[i], key.p, SUT_KEY_SIZE);
    }
    return SUT_OK;
}

static SUT_ERR check_kek(const struct sut_kek *kek, size_t n)
{
    ENSURE(n > 0 && n <= SUT_DATA_KEYS_MAX, INVALID);
    ENSURE(kek->wrapped_n > 0 && kek->wrapped_n <= SUT_WRAPPED_MAX, CORRUPT);
    return SUT_OK;
}

SUT_ERR sut_keeper_open_data(struct sut_keeper *k, const struct sut_kek *kek,
                             const struct sut_data_key_row *rows, size_t n,
                             unsigned char (*ret_keys)[SUT_KEY_SIZE], bool *ret_ok)
{
    struct data d = { .kek = kek, .rows = rows, .n = n, .keys = ret_keys, .ok = ret_ok };
    TRY(check_kek(kek, n));
    for (size_t i = 0; i < n; i++)
        ENSURE(rows[i].kek_version == kek->version, INVALID);
    memset(ret_keys, 0, n * SUT_KEY_SIZE);
    memset(ret_ok, 0, n * sizeof(*ret_ok));
    const sut_err e = call(k, &(struct ask){ .type = SUT_KEEPER_OPEN_DATA,
                                             .put = put_open,
                                             .in = &d,
                                             .get = get_opened,
                                             .out = &d });
    /* An answer that broke off may have given some. */
    for (size_t i = 0; i < n; i++) {
        ret_ok[i] = ret_ok[i] && !sut_failed(e);
        if (!ret_ok[i])
            sut_wipe(ret_keys[i], SUT_KEY_SIZE);
    }
    return e;
}

static void put_make_data(const void *in, struct sut_buf *b)
{
    const struct data *const d = in;
    put_kek(d, b);
    for (size_t i = 0; i < d->n; i++) {
        sut_ipc_put_i64(b, d->rows[i].person);
        sut_ipc_put_u64(b, d->rows[i].version);
    }
}

static SUT_ERR get_made_data(struct sut_ipc_reader *r, void *out)
{
    struct data *const d = out;
    for (size_t i = 0; i < d->n; i++) {
        sut_str wrapped = { 0 };
        sut_str key = { 0 };
        TRY(get_exact(r, SUT_DATA_WRAPPED, &wrapped));
        TRY(get_exact(r, SUT_KEY_SIZE, &key));
        memcpy(d->made[i].wrapped, wrapped.p, SUT_DATA_WRAPPED);
        memcpy(d->keys[i], key.p, SUT_KEY_SIZE);
    }
    return SUT_OK;
}

SUT_ERR sut_keeper_make_data(struct sut_keeper *k, const struct sut_kek *kek,
                             struct sut_data_key_row *rows, size_t n,
                             unsigned char (*ret_keys)[SUT_KEY_SIZE])
{
    struct data d = { .kek = kek, .rows = rows, .made = rows, .n = n, .keys = ret_keys };
    TRY(check_kek(kek, n));
    const sut_err e = call(k, &(struct ask){ .type = SUT_KEEPER_MAKE_DATA,
                                             .put = put_make_data,
                                             .in = &d,
                                             .get = get_made_data,
                                             .out = &d });
    for (size_t i = 0; i < n; i++) {
        rows[i].kek_version = kek->version;
        if (sut_failed(e))
            sut_wipe(ret_keys[i], SUT_KEY_SIZE);
    }
    return e;
}

/* What TLS_SIGN and CHECKPOINT ask and give. */
struct sign {
    const unsigned char *key_id;
    enum sut_tls_scheme scheme;
    sut_str digest;
    uint32_t version;
    sut_str wrapped;
    const struct sut_checkpoint *checkpoint;
    unsigned char *signature;
    size_t signature_n;
    unsigned char *public_key;
};

static void put_tls_sign(const void *in, struct sut_buf *b)
{
    const struct sign *const s = in;
    sut_ipc_put_bytes(b, sut_str_of((const char *) s->key_id, SUT_TLS_KEY_ID));
    sut_ipc_put_u64(b, s->scheme);
    sut_ipc_put_bytes(b, s->digest);
}

static SUT_ERR get_tls_signature(struct sut_ipc_reader *r, void *out)
{
    struct sign *const s = out;
    sut_str signature = { 0 };
    TRY(sut_ipc_get_bytes(r, SUT_TLS_SIGNATURE_MAX, &signature));
    ENSURE(signature.n > 0, PARSE);
    memcpy(s->signature, signature.p, signature.n);
    s->signature_n = signature.n;
    return SUT_OK;
}

SUT_ERR sut_keeper_tls_sign(struct sut_keeper *k, const unsigned char key_id[SUT_TLS_KEY_ID],
                            enum sut_tls_scheme scheme, sut_str digest,
                            unsigned char ret[SUT_TLS_SIGNATURE_MAX], size_t *ret_n)
{
    struct sign s = { .key_id = key_id, .scheme = scheme, .digest = digest, .signature = ret };
    ENSURE(digest.n > 0 && digest.n == sut_tls_scheme_digest(scheme), INVALID);
    TRY(call(k, &(struct ask){ .type = SUT_KEEPER_TLS_SIGN,
                               .put = put_tls_sign,
                               .in = &s,
                               .get = get_tls_signature,
                               .out = &s }));
    *ret_n = s.signature_n;
    return SUT_OK;
}

void sut_checkpoint_text(const struct sut_checkpoint *c, struct sut_buf *out)
{
    sut_buf_lit(out, "sutler audit checkpoint 1\n");
    for (unsigned i = 0; i < 8; i++)
        sut_buf_char(out, (char) (c->sequence >> (8 * i) & 0xff));
    for (unsigned i = 0; i < 8; i++)
        sut_buf_char(out, (char) ((uint64_t) c->at.v >> (8 * i) & 0xff));
    sut_buf_add(out, (const char *) c->head, SUT_CHECKPOINT_HEAD);
}

static void put_checkpoint(const void *in, struct sut_buf *b)
{
    const struct sign *const s = in;
    sut_ipc_put_u64(b, s->version);
    sut_ipc_put_bytes(b, s->wrapped);
    sut_ipc_put_u64(b, s->checkpoint->sequence);
    sut_ipc_put_i64(b, s->checkpoint->at.v);
    sut_ipc_put_bytes(b, sut_str_of((const char *) s->checkpoint->head, SUT_CHECKPOINT_HEAD));
}

static SUT_ERR get_checkpoint(struct sut_ipc_reader *r, void *out)
{
    struct sign *const s = out;
    sut_str signature = { 0 };
    sut_str public_key = { 0 };
    TRY(get_exact(r, SUT_CHECKPOINT_SIGNATURE, &signature));
    TRY(get_exact(r, 32, &public_key));
    memcpy(s->signature, signature.p, signature.n);
    if (s->public_key != NULL)
        memcpy(s->public_key, public_key.p, public_key.n);
    return SUT_OK;
}

SUT_ERR sut_keeper_checkpoint(struct sut_keeper *k, uint32_t key_version, sut_str wrapped_key,
                              const struct sut_checkpoint *c,
                              unsigned char ret[SUT_CHECKPOINT_SIGNATURE],
                              unsigned char ret_public[32])
{
    struct sign s = { .version = key_version,
                      .wrapped = wrapped_key,
                      .checkpoint = c,
                      .signature = ret,
                      .public_key = ret_public };
    ENSURE(wrapped_key.n <= SUT_WRAPPED_MAX, CORRUPT);
    return call(k, &(struct ask){ .type = SUT_KEEPER_CHECKPOINT,
                                  .put = put_checkpoint,
                                  .in = &s,
                                  .get = get_checkpoint,
                                  .out = &s });
}
