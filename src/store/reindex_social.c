/* SPDX-License-Identifier: Apache-2.0
 *
 * reindex_social - the numbers that providers of identity give their users, indexed anew.
 */
#include "base/arena.h"
#include "base/mem.h"
#include "store/reseal_int.h"
#include "store/social_int.h"

enum {
    ROWS = 100,
    PART = 10, /* of a transaction on PostgreSQL, where each may meet others */
    JOB_MEMORY = 1024 * 1024,
};

static const struct sut_sql social_due = {
    .name = "reindex_social_due",
    .text = "SELECT s.id, s.person_id, s.key_version, d.kek_version, d.wrapped"
            " FROM social_links s LEFT JOIN data_keys d ON d.person_id = s.person_id"
            " AND d.version = s.key_version WHERE s.index_version <> $1 AND s.id > $2"
            " ORDER BY s.id LIMIT $3",
};

static const struct sut_sql social_total = {
    .name = "reindex_social_total",
    .text = "SELECT COUNT(*) FROM social_links WHERE index_version <> $1",
};

static const struct sut_sql social_row = {
    .name = "reindex_social_row",
    .text = "SELECT person_id, key_version, provider, subject FROM social_links"
            " WHERE id = $1 AND index_version <> $2",
};

static const struct sut_sql social_update = {
    .name = "reindex_social_update",
    .text = "UPDATE social_links SET subject_index = $1, index_version = $2 WHERE id = $3",
};

static const struct sut_sql social_is_used = {
    .name = "index_is_used_by_social",
    .text = "SELECT 1 FROM social_links WHERE index_version = $1 LIMIT 1",
};

/* Rows that are due, and the keys that open them. */
struct batch {
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
    TRY(sut_db_prepare(c, &social_due, &s));
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

/* The index that a row is to have.  NOT_FOUND: somebody has written it since, under the new key. */
static SUT_ERR read_index(struct sut_db_conn *c, struct batch *b, int64_t id, struct sut_index *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    sut_str subject = { 0 };
    bool has_row = false;
    TRY(sut_db_prepare(c, &social_row, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, b->version);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    TRY(sut_personal_key_for_reading(c, sut_db_col_i64(s, 0), (uint32_t) sut_db_col_i64(s, 1), &k));
    TRY(sut_social__open(&k, b->arena, id, sut_db_col_blob(s, 3), &subject));
    TRY(sut_social__index(c, b->arena, sut_db_col_i64(s, 2), subject, ret));
    ENSURE(ret->n > 0 && ret->at[0].version == b->version, SYSTEM);
    return SUT_OK;
}

static SUT_ERR write_row(struct sut_db_conn *c, const struct sut_index *ix, int64_t id)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &social_update, &s));
    sut_db_bind_text(s, 1, sut_index_text(ix, 0));
    sut_db_bind_i64(s, 2, ix->at[0].version);
    sut_db_bind_i64(s, 3, id);
    return sut_db_step(s, &has_row);
}

static SUT_ERR index_batch(struct sut_db_conn *c, void *arg)
{
    struct batch *const b = arg;
    b->n_done = 0;
    b->n_lost = 0;
    sut_arena_reset(b->arena);
    for (size_t i = b->from; i < b->upto; i++) {
        struct sut_index ix;
        const sut_err e = read_index(c, b, b->ids[i], &ix);
        if (e.code == SUT_E_NOT_FOUND)
            continue;
        if (e.code == SUT_E_CORRUPT) {
            b->n_lost++;
            continue;
        }
        TRY(e);
        TRY(write_row(c, &ix, b->ids[i]));
        b->n_done++;
    }
    return SUT_OK;
}

/* What gives way to others time and again is left to the next pass. */
static SUT_ERR write_parts(struct sut_reseal *r, struct batch *b, uint64_t *ret_done)
{
    const size_t part = sut_store_is_remote(r->store) ? PART : ROWS;
    for (b->from = 0; b->from < b->n; b->from = b->upto) {
        b->upto = b->from + part < b->n ? b->from + part : b->n;
        const sut_err e = sut_reseal__write(r->store, index_batch, b);
        if (e.code == SUT_E_CONFLICT)
            continue;
        TRY(e);
        *ret_done += b->n_done;
        r->lost += b->n_lost;
    }
    return SUT_OK;
}

SUT_ERR sut_reseal__index_social(struct sut_reseal *r, uint32_t version, uint64_t *ret_done)
{
    int64_t total = 0;
    DEFER(batch_free) struct batch *b = sut_mem_zalloc(1, sizeof(*b));
    ENSURE(b != NULL, NOMEM);
    TRY(sut_arena_create(JOB_MEMORY, &b->arena));
    sut_arena_set_flags(b->arena, SUT_ARENA_SECRET);
    b->version = version;
    TRY(sut_reseal__number(r->store, &social_total, (int64_t[]){ version }, 1, &total));
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

SUT_ERR sut_reseal__social_uses(struct sut_db_conn *c, uint32_t version, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &social_is_used, &s));
    sut_db_bind_i64(s, 1, version);
    return sut_db_step(s, ret);
}
