/* SPDX-License-Identifier: Apache-2.0
 *
 * reindex_social - the numbers that providers of identity give their users, indexed anew.
 */
#include "store/reindex_rows.h"
#include "store/social_int.h"

enum { JOB_MEMORY = 1024 * 1024 };

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

/* The index that a row is to have.  NOT_FOUND: somebody has written it since, under the new key. */
static SUT_ERR read_index(struct sut_db_conn *c, struct sut_arena *a, uint32_t version, int64_t id,
                          struct sut_index *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    sut_str subject = { 0 };
    bool has_row = false;
    TRY(sut_db_prepare(c, &social_row, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, version);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    TRY(sut_personal_key_for_reading(c, sut_db_col_i64(s, 0), (uint32_t) sut_db_col_i64(s, 1), &k));
    TRY(sut_social__open(&k, a, id, sut_db_col_blob(s, 3), &subject));
    TRY(sut_social__index(c, a, sut_db_col_i64(s, 2), subject, ret));
    ENSURE(ret->n > 0 && ret->at[0].version == version, SYSTEM);
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

static SUT_ERR index_row(struct sut_db_conn *c, struct sut_arena *a, uint32_t version, int64_t id,
                         enum sut_reindexed *ret)
{
    struct sut_index ix;
    const sut_err e = read_index(c, a, version, id, &ix);
    if (sut_reindex__is_passed(e, ret))
        return SUT_OK;
    TRY(e);
    TRY(write_row(c, &ix, id));
    *ret = SUT_REINDEX_DONE;
    return SUT_OK;
}

const struct sut_reindex_table sut_reindex__social = {
    .due = &social_due,
    .total = &social_total,
    .used = &social_is_used,
    .row = index_row,
    .memory = JOB_MEMORY,
};
