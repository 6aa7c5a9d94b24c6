/* SPDX-License-Identifier: Apache-2.0
 *
 * reindex_payments - the names that providers give payments, indexed anew.
 */
#include "store/payment_int.h"
#include "store/reindex_rows.h"

enum { JOB_MEMORY = 1024 * 1024 };

/* 0: a payment that its provider has not named, and one whose name is lost. */
static const struct sut_sql payments_due = {
    .name = "reindex_payments_due",
    .text = "SELECT p.id, COALESCE(p.person_id, 0), p.key_version, d.kek_version, d.wrapped"
            " FROM payments p LEFT JOIN data_keys d ON d.person_id = COALESCE(p.person_id, 0)"
            " AND d.version = p.key_version WHERE p.index_version <> $1 AND p.index_version <> 0"
            " AND p.id > $2 ORDER BY p.id LIMIT $3",
};

static const struct sut_sql payments_total = {
    .name = "reindex_payments_total",
    .text = "SELECT COUNT(*) FROM payments WHERE index_version <> $1 AND index_version <> 0",
};

static const struct sut_sql payments_row = {
    .name = "reindex_payments_row",
    .text = "SELECT COALESCE(person_id, 0), key_version, provider, ref FROM payments"
            " WHERE id = $1 AND index_version <> $2 AND index_version <> 0",
};

static const struct sut_sql payments_update = {
    .name = "reindex_payments_update",
    .text = "UPDATE payments SET ref_index = $1, index_version = $2 WHERE id = $3",
};

static const struct sut_sql payments_is_used = {
    .name = "index_is_used_by_payments",
    .text = "SELECT 1 FROM payments WHERE index_version = $1 LIMIT 1",
};

/* The index that a row is to have.  NOT_FOUND: somebody has written it since, under the new key. */
static SUT_ERR read_index(struct sut_db_conn *c, struct sut_arena *a, uint32_t version, int64_t id,
                          struct sut_index *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    sut_str ref = { 0 };
    bool has_row = false;
    TRY(sut_db_prepare(c, &payments_row, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, version);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    TRY(sut_personal_key_for_reading(c, sut_db_col_i64(s, 0), (uint32_t) sut_db_col_i64(s, 1), &k));
    TRY(sut_payment__open(&k, a, SUT_PERSONAL_PAYMENT_REF, id, sut_db_col_blob(s, 3), &ref));
    TRY(sut_payment__index(c, a, sut_db_col_i64(s, 2), ref, ret));
    ENSURE(ret->n > 0 && ret->at[0].version == version, SYSTEM);
    return SUT_OK;
}

static SUT_ERR write_row(struct sut_db_conn *c, const struct sut_index *ix, int64_t id)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &payments_update, &s));
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

const struct sut_reindex_table sut_reindex__payments = {
    .due = &payments_due,
    .total = &payments_total,
    .used = &payments_is_used,
    .row = index_row,
    .memory = JOB_MEMORY,
};
