/* SPDX-License-Identifier: Apache-2.0 */
#include "store/reindex_rows.h"

#include <string.h>

#include "base/mem.h"
#include "store/reseal_int.h"

enum {
    ROWS = 100,
    PART = 10, /* of a transaction on PostgreSQL, where each may meet others */
};

/* Rows that are due, and the keys that open them. */
struct batch {
    const struct sut_reindex_table *table;
    uint32_t version; /* of the index key that is to be */
    int64_t ids[ROWS];
    struct sut_data_key_row keys[ROWS];
    size_t n;
    size_t from; /* the job's part */
    size_t upto;
    struct sut_arena *arena;
    uint64_t n_done; /* the job's */
    uint64_t n_lost; /* likewise */
};

static void batch_free(struct batch **b)
{
    if (*b == NULL)
        return;
    sut_arena_free(&(*b)->arena);
    sut_mem_freep(b);
}

static SUT_ERR read_due(struct sut_db_conn *c, struct batch *b, int64_t after)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    b->n = 0;
    TRY(sut_db_prepare(c, b->table->due, &s));
    sut_db_bind_i64(s, 1, b->version);
    sut_db_bind_i64(s, 2, after);
    sut_db_bind_i64(s, 3, ROWS);
    for (;;) {
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            return SUT_OK;
        struct sut_data_key_row *const k = &b->keys[b->n];
        b->ids[b->n++] = sut_db_col_i64(s, 0);
        *k = (struct sut_data_key_row){ .person = sut_db_col_i64(s, 1),
                                        .version = (uint32_t) sut_db_col_i64(s, 2),
                                        .kek_version = (uint32_t) sut_db_col_i64(s, 3) };
        const sut_str wrapped = sut_db_col_blob(s, 4);
        if (wrapped.n == sizeof(k->wrapped))
            memcpy(k->wrapped, wrapped.p, wrapped.n);
    }
}

static SUT_ERR load_due(struct sut_store *s, struct batch *b, int64_t after)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(s, &c));
    sut_err e = read_due(c, b, after);
    if (!sut_failed(e) && b->n > 0)
        e = sut_personal_open_keys(c, b->keys, b->n);
    sut_store_return(s, &c);
    return e;
}

bool sut_reindex__is_passed(sut_err read, enum sut_reindexed *ret)
{
    *ret = read.code == SUT_E_CORRUPT ? SUT_REINDEX_LOST : SUT_REINDEX_GONE;
    return read.code == SUT_E_CORRUPT || read.code == SUT_E_NOT_FOUND;
}

static SUT_ERR write_part(struct sut_db_conn *c, void *arg)
{
    struct batch *const b = arg;
    b->n_done = 0;
    b->n_lost = 0;
    sut_arena_reset(b->arena);
    for (size_t i = b->from; i < b->upto; i++) {
        enum sut_reindexed outcome = SUT_REINDEX_DONE;
        TRY(b->table->row(c, b->arena, b->version, b->ids[i], &outcome));
        b->n_done += outcome == SUT_REINDEX_DONE ? 1 : 0;
        b->n_lost += outcome == SUT_REINDEX_LOST ? 1 : 0;
    }
    return SUT_OK;
}

/* What gives way to others time and again is left to the next pass. */
static SUT_ERR write_parts(struct sut_reseal *r, struct batch *b, uint64_t *ret_done)
{
    const size_t part = sut_store_is_remote(r->store) ? PART : ROWS;
    for (b->from = 0; b->from < b->n; b->from = b->upto) {
        b->upto = b->from + part < b->n ? b->from + part : b->n;
        const sut_err e = sut_reseal__write(r->store, write_part, b);
        if (e.code == SUT_E_CONFLICT)
            continue;
        TRY(e);
        *ret_done += b->n_done;
        r->lost += b->n_lost;
    }
    return SUT_OK;
}

SUT_ERR sut_reindex__rows(struct sut_reseal *r, const struct sut_reindex_table *t, uint32_t version,
                          uint64_t *ret_done)
{
    int64_t total = 0;
    DEFER(batch_free) struct batch *b = sut_mem_zalloc(1, sizeof(*b));
    ENSURE(b != NULL, NOMEM);
    TRY(sut_arena_create(t->memory, &b->arena));
    sut_arena_set_flags(b->arena, SUT_ARENA_SECRET);
    b->table = t;
    b->version = version;
    TRY(sut_reseal__number(r->store, t->total, (int64_t[]){ version }, 1, &total));
    const uint64_t all = *ret_done + (uint64_t) total;
    for (int64_t after = INT64_MIN;;) {
        TRY(load_due(r->store, b, after));
        if (b->n == 0)
            return SUT_OK;
        after = b->ids[b->n - 1];
        TRY(write_parts(r, b, ret_done));
        TRY(sut_reseal__tell(r, *ret_done, all));
    }
}

SUT_ERR sut_reindex__is_used(struct sut_db_conn *c, const struct sut_sql *used, uint32_t version,
                             bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, used, &s));
    sut_db_bind_i64(s, 1, version);
    return sut_db_step(s, ret);
}
