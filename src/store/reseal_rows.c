/* SPDX-License-Identifier: Apache-2.0
 *
 * The pass over the rows: one thread reads, opens and seals a batch while
 * another waits for the batch before it to be durable.
 *
 * On the embedded store whoever writes after sut_reseal_make_keys() uses the new
 * key, and writes come one after the other: a row that was read under its old
 * key and still names it has not changed.  On PostgreSQL a write that began
 * before may still come: there the batch is read again, sealed and written in
 * serializable transactions, small ones, since each may meet others; what gives
 * way to them time and again is left to the next pass.
 */
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/people_int.h"
#include "store/reseal.h"
#include "store/reseal_int.h"
#include "store/store_int.h"

enum {
    BATCH = 500,
    BATCH_MEMORY = 128 * 1024 * 1024, /* 500 rows of 16 fields of 4 KiB, twice, and some */
    FIRST_FIELD = 8,                  /* column of the statement */
    PART = 50,                        /* rows of a transaction: others wait for no more */
};

struct row {
    int64_t id;
    int64_t owner;
    uint32_t old_version;
    uint32_t new_version;
    sut_str fields[SUT_RESEAL_COLUMNS_MAX]; /* p is NULL: none; as read, then sealed anew */
};

struct batch {
    struct sut_reseal *r;
    const struct sut_reseal_table *table;
    struct sut_arena *arena;
    int64_t after;
    int64_t upto;  /* the last id that was read */
    int64_t limit; /* the last id that may be */
    size_t n_read;
    uint64_t n_lost;
    size_t n; /* rows to be sealed anew */
    struct row rows[BATCH];
    size_t n_keys;
    struct sut_data_key_row keys[2 * BATCH];
};

static void batch_free(struct batch **b)
{
    if (*b == NULL)
        return;
    sut_arena_free(&(*b)->arena);
    sut_mem_freep(b);
}

static SUT_ERR batch_create(struct sut_reseal *r, const struct sut_reseal_table *t,
                            struct batch **ret)
{
    DEFER(batch_free) struct batch *b = sut_mem_zalloc(1, sizeof(*b));
    ENSURE(b != NULL, NOMEM);
    b->r = r;
    b->table = t;
    TRY(sut_arena_create(BATCH_MEMORY, &b->arena));
    /* Between the two keys the values lie in the clear here. */
    sut_arena_set_flags(b->arena, SUT_ARENA_SECRET);
    *ret = STEAL(b);
    return SUT_OK;
}

static void add_key(struct batch *b, int64_t person, uint32_t version, uint32_t kek_version,
                    sut_str wrapped)
{
    struct sut_data_key_row *const k = &b->keys[b->n_keys++];
    *k = (struct sut_data_key_row){ .person = person,
                                    .version = version,
                                    .kek_version = kek_version };
    if (wrapped.n == sizeof(k->wrapped))
        memcpy(k->wrapped, wrapped.p, wrapped.n);
}

static SUT_ERR take_row(struct batch *b, struct sut_db_stmt *s)
{
    struct row *const row = &b->rows[b->n];
    *row = (struct row){ .id = sut_db_col_i64(s, 0),
                         .owner = sut_db_col_i64(s, 1),
                         .old_version = (uint32_t) sut_db_col_i64(s, 2) };
    b->n_read++;
    b->upto = row->id;
    /* Version 0: a row without any personal value. */
    if (row->old_version == 0)
        return SUT_OK;
    if (sut_db_col_is_null(s, 4) || sut_db_col_is_null(s, 5)) {
        b->n_lost++;
        return SUT_OK;
    }
    row->new_version = (uint32_t) sut_db_col_i64(s, 5);
    if (row->new_version == row->old_version)
        return SUT_OK;
    add_key(b, row->owner, row->old_version, (uint32_t) sut_db_col_i64(s, 3),
            sut_db_col_blob(s, 4));
    add_key(b, row->owner, row->new_version, (uint32_t) sut_db_col_i64(s, 6),
            sut_db_col_blob(s, 7));
    for (size_t i = 0; i < b->table->n_fields; i++) {
        const int column = FIRST_FIELD + (int) i;
        if (sut_db_col_is_null(s, column))
            continue;
        row->fields[i] = sut_str_dup(b->arena, sut_db_col_blob(s, column));
        ENSURE(row->fields[i].p != NULL, NOMEM);
    }
    b->n++;
    return SUT_OK;
}

static SUT_ERR read_batch(struct sut_db_conn *c, struct batch *b)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    sut_arena_reset(b->arena);
    b->n = b->n_keys = b->n_read = 0;
    b->n_lost = 0;
    TRY(sut_db_prepare(c, &b->table->read.sql, &s));
    sut_db_bind_i64(s, 1, b->after);
    sut_db_bind_i64(s, 2, b->limit);
    sut_db_bind_i64(s, 3, BATCH);
    for (;;) {
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            return SUT_OK;
        TRY(take_row(b, s));
    }
}

static SUT_ERR load_batch(struct batch *b)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(b->r->store, &c));
    const sut_err e = read_batch(c, b);
    sut_store_return(b->r->store, &c);
    return e;
}

/* --- sealing --- */

static SUT_ERR seal_fields(struct batch *b, struct sut_seal *seal, struct row *row,
                           const struct sut_data_key *from, const struct sut_data_key *to)
{
    for (size_t i = 0; i < b->table->n_fields; i++) {
        const sut_str old = row->fields[i];
        if (old.p == NULL)
            continue;
        const struct sut_seal_field *const f = sut_personal_field(b->table->fields[i]);
        struct sut_buf plain = { .p = sut_arena_bytes(b->arena, old.n),
                                 .cap = old.n,
                                 .max = old.n };
        struct sut_buf sealed = { .p = sut_arena_bytes(b->arena, old.n),
                                  .cap = old.n,
                                  .max = old.n };
        ENSURE(plain.p != NULL && sealed.p != NULL, NOMEM);
        TRY(sut_seal_get(from, f, row->id, old, &plain));
        TRY(sut_seal_put(seal, to, f, row->id, sut_buf_str(&plain), &sealed));
        row->fields[i] = sut_buf_str(&sealed);
    }
    return SUT_OK;
}

static SUT_ERR seal_row(struct batch *b, struct sut_seal *seal, struct row *row)
{
    DEFER(sut_data_key_done) struct sut_data_key from = { 0 };
    DEFER(sut_data_key_done) struct sut_data_key to = { 0 };
    TRY(sut_seal_key(seal, row->owner, row->old_version, &from));
    TRY(sut_seal_key(seal, row->owner, row->new_version, &to));
    return seal_fields(b, seal, row, &from, &to);
}

/* The keys of the i-th row once more: others may have driven them out of the cache. */
static SUT_ERR seal_again(struct batch *b, struct sut_seal *seal, size_t i, struct row *row)
{
    size_t bad = 0;
    TRY(sut_seal_open_keys(seal, &b->keys[2 * i], 2, &bad));
    return seal_row(b, seal, row);
}

/* All rows; one that does not open leaves the batch.  may_open: not within a job. */
static SUT_ERR seal_batch(struct batch *b, bool may_open)
{
    struct sut_seal *const seal = sut_store_seal(b->r->store);
    size_t left = 0;
    for (size_t i = 0; i < b->n; i++) {
        sut_err e = seal_row(b, seal, &b->rows[i]);
        if (e.code == SUT_E_NOT_FOUND && may_open)
            e = seal_again(b, seal, i, &b->rows[i]);
        if (e.code == SUT_E_CORRUPT || e.code == SUT_E_NOT_FOUND) {
            b->n_lost++;
            continue;
        }
        TRY(e);
        if (left != i)
            b->rows[left] = b->rows[i];
        left++;
    }
    b->n = left;
    return SUT_OK;
}

static SUT_ERR open_keys(struct batch *b)
{
    size_t bad = 0;
    return sut_seal_open_keys(sut_store_seal(b->r->store), b->keys, b->n_keys, &bad);
}

/* --- writing --- */

static SUT_ERR update_row(struct sut_db_conn *c, const struct batch *b, const struct row *row)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    int n = 1;
    TRY(sut_db_prepare(c, &b->table->update.sql, &s));
    for (size_t i = 0; i < b->table->n_fields; i++, n++) {
        if (row->fields[i].p == NULL)
            sut_db_bind_null(s, n);
        else
            sut_db_bind_blob(s, n, row->fields[i]);
    }
    sut_db_bind_i64(s, n, row->new_version);
    sut_db_bind_i64(s, n + 1, row->id);
    sut_db_bind_i64(s, n + 2, row->old_version);
    return sut_db_step(s, &has_row);
}

static SUT_ERR write_rows(struct sut_db_conn *c, const struct batch *b, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        TRY(update_row(c, b, &b->rows[i]));
    return SUT_OK;
}

/* The rows between after and upto as they are now. */
static SUT_ERR write_anew(struct sut_db_conn *c, void *arg)
{
    struct batch *const b = arg;
    TRY(read_batch(c, b));
    TRY(seal_batch(b, false));
    return write_rows(c, b, 0, b->n);
}

static SUT_ERR write_parts(struct sut_store *store, struct batch *b)
{
    int64_t ends[BATCH / PART + 1];
    size_t n = 0;
    uint64_t lost = 0;
    for (size_t i = PART; i < b->n; i += PART)
        ends[n++] = b->rows[i - 1].id;
    ends[n++] = b->upto;
    for (size_t i = 0; i < n; i++) {
        b->limit = ends[i];
        const sut_err e = sut_store_write(store, write_anew, b);
        if (e.code != SUT_E_CONFLICT)
            TRY(e);
        b->after = ends[i];
        lost += b->n_lost;
    }
    b->n_lost = lost;
    return SUT_OK;
}

/* Rows of a batch that are sealed already. */
struct part {
    const struct batch *batch;
    size_t from;
    size_t to;
};

static SUT_ERR write_part(struct sut_db_conn *c, void *arg)
{
    const struct part *const p = arg;
    return write_rows(c, p->batch, p->from, p->to);
}

static SUT_ERR write_batch(struct sut_store *store, struct batch *b)
{
    if (b->n == 0)
        return SUT_OK;
    if (sut_store_is_remote(store))
        return write_parts(store, b);
    for (size_t i = 0; i < b->n; i += PART) {
        struct part p = { .batch = b, .from = i, .to = i + PART < b->n ? i + PART : b->n };
        TRY(sut_reseal__write(store, write_part, &p));
    }
    return SUT_OK;
}

/* Hands batches to the store behind the back of the thread that makes them ready. */
struct committer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change;
    struct sut_store *store;
    struct batch *todo; /* NULL: free for the next */
    bool is_ending;
    uint64_t lost; /* rows that did not open */
    sut_err err;   /* the first */
};

static void *commit_loop(void *arg)
{
    struct committer *const c = arg;
    (void) pthread_mutex_lock(&c->lock);
    for (;;) {
        while (c->todo == NULL && !c->is_ending)
            (void) pthread_cond_wait(&c->change, &c->lock);
        if (c->todo == NULL)
            break;
        struct batch *const b = c->todo;
        (void) pthread_mutex_unlock(&c->lock);
        const sut_err e = write_batch(c->store, b);
        (void) pthread_mutex_lock(&c->lock);
        c->todo = NULL;
        c->lost += b->n_lost;
        if (!sut_failed(c->err))
            c->err = e;
        (void) pthread_cond_broadcast(&c->change);
    }
    (void) pthread_mutex_unlock(&c->lock);
    return NULL;
}

static SUT_ERR committer_start(struct committer *c, struct sut_store *store)
{
    *c = (struct committer){ .store = store, .err = SUT_OK };
    (void) pthread_mutex_init(&c->lock, NULL);
    (void) pthread_cond_init(&c->change, NULL);
    TRY(sut_thread_start(0, commit_loop, c, &c->thread));
    return SUT_OK;
}

/* Wait until the batch before is durable; hand over this one, or none. */
static SUT_ERR committer_give(struct committer *c, struct batch *b)
{
    (void) pthread_mutex_lock(&c->lock);
    while (c->todo != NULL)
        (void) pthread_cond_wait(&c->change, &c->lock);
    const sut_err e = c->err;
    if (!sut_failed(e))
        c->todo = b;
    (void) pthread_cond_broadcast(&c->change);
    (void) pthread_mutex_unlock(&c->lock);
    return e;
}

static SUT_ERR committer_end(struct committer *c)
{
    const sut_err e = committer_give(c, NULL);
    (void) pthread_mutex_lock(&c->lock);
    c->is_ending = true;
    (void) pthread_cond_broadcast(&c->change);
    (void) pthread_mutex_unlock(&c->lock);
    (void) pthread_join(c->thread, NULL);
    (void) pthread_mutex_destroy(&c->lock);
    (void) pthread_cond_destroy(&c->change);
    return e;
}

/* --- the pass --- */

struct count {
    uint64_t done; /* rows looked at, for the eye */
    uint64_t total;
    uint64_t sealed;
};

static SUT_ERR make_ready(struct batch *b, int64_t after)
{
    b->after = after;
    b->limit = INT64_MAX;
    TRY(load_batch(b));
    if (b->n == 0)
        return SUT_OK;
    TRY(open_keys(b));
    return sut_store_is_remote(b->r->store) ? SUT_OK : seal_batch(b, true);
}

static SUT_ERR pass_table(struct sut_reseal *r, struct committer *c, struct batch *batches[2],
                          struct count *count)
{
    int64_t after = INT64_MIN;
    for (unsigned turn = 0;; turn ^= 1) {
        struct batch *const b = batches[turn];
        TRY(make_ready(b, after));
        if (b->n_read == 0)
            return SUT_OK;
        after = b->upto;
        count->done += b->n_read;
        count->sealed += b->n;
        TRY(committer_give(c, b));
        TRY(sut_reseal__tell(r, count->done, count->total));
    }
}

static SUT_ERR pass(struct sut_reseal *r, const struct sut_reseal_table *t, struct count *count)
{
    DEFER(batch_free) struct batch *a = NULL;
    DEFER(batch_free) struct batch *b = NULL;
    struct committer c;
    TRY(batch_create(r, t, &a));
    TRY(batch_create(r, t, &b));
    TRY(committer_start(&c, r->store));
    const sut_err e = pass_table(r, &c, (struct batch *[]){ a, b }, count);
    const sut_err last = committer_end(&c);
    r->lost += c.lost;
    TRY(e);
    return last;
}

SUT_ERR sut_reseal_rows(struct sut_reseal *r, uint64_t *ret_done)
{
    const struct sut_reseal_plan *const p = r->store->reseal;
    struct count count = { 0 };
    ENSURE(p != NULL, UNAVAILABLE);
    r->lost = 0;
    for (size_t i = 0; i < p->n_tables; i++) {
        int64_t n = 0;
        TRY(sut_reseal__number(r->store, &p->tables[i].count.sql, NULL, 0, &n));
        count.total += (uint64_t) n;
    }
    for (size_t i = 0; i < p->n_tables; i++)
        TRY(pass(r, &p->tables[i], &count));
    *ret_done = count.sealed;
    return SUT_OK;
}
