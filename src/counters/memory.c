/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "counters/home.h"

enum {
    BATCH = 1024,                   /* rows of one save */
    BATCH_BYTES = 16 * 1024 * 1024, /* and what they hold at most */
    ROUNDS = 64,                    /* saves of one checkpoint: what is busier waits for the next */
};

struct memory {
    struct sut_counters_home super;
    struct sut_ratetable *table;
    const struct sut_counters_home_ops *ops;
    void *ops_ctx;
    atomic_uint_fast64_t save_failures;
};

/* Changed keys on their way into the store. */
struct batch {
    struct sut_buf bytes; /* all data, one after another */
    size_t n;
    struct {
        uint8_t kind;
        struct sut_rate_key key;
        size_t at;
        size_t size;
        sut_ms expires;
    } rows[BATCH];
    struct sut_counter_record recs[BATCH];
};

static void memory_free(struct sut_counters_home **h)
{
    if (*h == NULL)
        return;
    struct memory *m = (struct memory *) *h;
    sut_ratetable_free(&m->table);
    sut_mem_freep(h);
}

static void memory_peek(struct sut_counters_home *h, const struct sut_home_ask *ask, sut_ms now,
                        struct sut_rate_result *ret)
{
    struct memory *m = (struct memory *) h;
    sut_ratetable_peek(m->table, ask->kind, &ask->key, ask->rate, now, ret);
}

static SUT_ERR memory_take(struct sut_counters_home *h, const struct sut_home_ask *ask, sut_ms now,
                           struct sut_rate_result *ret)
{
    struct memory *m = (struct memory *) h;
    return sut_ratetable_take(m->table, ask->kind, &ask->key, ask->rate, now, ret);
}

static SUT_ERR memory_lock(struct sut_counters_home *h, const struct sut_lock_ask *ask, sut_ms now,
                           struct sut_lock_result *ret)
{
    struct memory *m = (struct memory *) h;
    return sut_ratetable_lock(m->table, ask, now, ret);
}

static bool is_kind(int64_t kind)
{
    return (kind >= 0 && kind < SUT_RATE_KINDS) || kind == SUT_HOME_LOCKOUT;
}

struct loading {
    struct memory *m;
    sut_ms now;
    sut_err err;
};

static void load_one(void *arg, const struct sut_counter_record *rec)
{
    struct loading *l = arg;
    struct sut_rate_key key;
    if (!is_kind(rec->kind) || rec->key.n != sizeof(key.b))
        return; /* of a newer or older program */
    memcpy(key.b, rec->key.p, sizeof(key.b));
    const sut_err e =
        sut_ratetable_restore(l->m->table, (uint8_t) rec->kind, &key, rec->data, l->now);
    if (sut_failed(e))
        l->err = e;
}

static SUT_ERR memory_load(struct sut_counters_home *h, sut_ms now)
{
    struct memory *m = (struct memory *) h;
    struct loading l = { .m = m, .now = now, .err = SUT_OK };
    if (m->ops == NULL)
        return SUT_OK;
    TRY(m->ops->load(m->ops_ctx, now, load_one, &l));
    return l.err;
}

static SUT_ERR batch_add(void *arg, const struct sut_rate_change *c)
{
    struct batch *b = arg;
    const size_t at = b->bytes.n;
    sut_buf_str_add(&b->bytes, c->data);
    TRY(sut_buf_check(&b->bytes));
    b->rows[b->n].kind = c->kind;
    b->rows[b->n].key = c->key;
    b->rows[b->n].at = at;
    b->rows[b->n].size = c->data.n;
    b->rows[b->n].expires = c->expires;
    b->n++;
    return SUT_OK;
}

static SUT_ERR batch_save(struct memory *m, struct batch *b, sut_ms now)
{
    /* The bytes no longer move: now slices of them can be made. */
    for (size_t i = 0; i < b->n; i++) {
        b->recs[i] = (struct sut_counter_record){
            .kind = b->rows[i].kind,
            .key = sut_str_of((const char *) b->rows[i].key.b, sizeof(b->rows[i].key.b)),
            .data = sut_str_of(b->bytes.p + b->rows[i].at, b->rows[i].size),
            .expires = b->rows[i].expires,
        };
    }
    return m->ops->save(m->ops_ctx, b->recs, b->n, now);
}

/* One save of what is due; *ret_n says how many rows. */
static SUT_ERR round_of(struct memory *m, struct batch *b, sut_ms now, size_t *ret_n)
{
    b->n = 0;
    sut_buf_reset(&b->bytes);
    size_t drained = 0;
    const sut_err full = sut_ratetable_drain(m->table, BATCH, batch_add, b, &drained);
    *ret_n = b->n;
    if (b->n == 0)
        return full;
    const sut_err e = batch_save(m, b, now);
    if (sut_failed(e)) {
        atomic_fetch_add(&m->save_failures, 1);
        for (size_t i = 0; i < b->n; i++)
            sut_ratetable_touch(m->table, b->rows[i].kind, &b->rows[i].key);
    }
    return e;
}

/* At the end nothing is counted any more, so that there are no more than all keys. */
static uint64_t rounds_of(const struct memory *m, bool is_last)
{
    struct sut_ratetable_stats s = { .keys = 0 };
    if (is_last)
        sut_ratetable_stats(m->table, &s);
    return ROUNDS + s.keys / BATCH;
}

static SUT_ERR memory_checkpoint(struct sut_counters_home *h, bool is_last, sut_ms now)
{
    struct memory *m = (struct memory *) h;
    if (m->ops == NULL)
        return SUT_OK;
    struct batch *b DEFER(sut_mem_freep) = sut_mem_zalloc(1, sizeof(*b));
    ENSURE(b != NULL, NOMEM);
    sut_buf_init(&b->bytes, BATCH_BYTES);
    sut_err e = SUT_OK;
    size_t n = BATCH;
    for (uint64_t left = rounds_of(m, is_last); left > 0 && n > 0 && !sut_failed(e); left--)
        e = round_of(m, b, now, &n);
    sut_buf_done(&b->bytes);
    return e;
}

static void memory_stats(struct sut_counters_home *h, struct sut_counters_stats *ret)
{
    struct memory *m = (struct memory *) h;
    struct sut_ratetable_stats s;
    sut_ratetable_stats(m->table, &s);
    *ret = (struct sut_counters_stats){
        .keys = s.keys,
        .bytes = s.bytes,
        .evicted = s.evicted,
        .locks = s.locks,
        .evicted_locks = s.evicted_locks,
        .save_failures = atomic_load(&m->save_failures),
    };
}

static const struct sut_home_vtable memory_vtable = {
    .name = "memory",
    .free = memory_free,
    .peek = memory_peek,
    .take = memory_take,
    .lock = memory_lock,
    .load = memory_load,
    .checkpoint = memory_checkpoint,
    .stats = memory_stats,
};

SUT_ERR sut_counters__memory(uint64_t max_bytes, uint64_t seed,
                             const struct sut_counters_home_ops *ops, void *ops_ctx,
                             struct sut_counters_home **ret)
{
    struct memory *m = sut_mem_zalloc(1, sizeof(*m));
    ENSURE(m != NULL, NOMEM);
    m->super.vtable = &memory_vtable;
    m->ops = ops;
    m->ops_ctx = ops_ctx;
    struct sut_counters_home *h = &m->super;
    const sut_err e = sut_ratetable_create(max_bytes, seed, &m->table);
    if (sut_failed(e)) {
        memory_free(&h);
        return e;
    }
    *ret = h;
    return SUT_OK;
}
