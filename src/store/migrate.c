/* SPDX-License-Identifier: Apache-2.0 */
#include "store/migrate.h"

enum { LOCK_WAIT_MS = 60000 };

/* The advisory lock's number on PostgreSQL: "sutler" in ASCII. */
static const int64_t lock_key = 0x7375746c6572;

SUT_ERR sut_migrate_version(struct sut_db_conn *c, int64_t *ret)
{
    static const struct sut_sql sql = {
        "store_version",
        "SELECT CAST(COALESCE(MAX(number), 0) AS BIGINT) FROM store_migration",
    };
    bool there = false;
    TRY(sut_db_has_table(c, "store_migration", &there));
    if (!there) {
        *ret = 0;
        return SUT_OK;
    }
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    TRY(sut_db_prepare(c, &sql, &s));
    bool row = false;
    TRY(sut_db_step(s, &row));
    *ret = row ? sut_db_col_i64(s, 0) : 0;
    return SUT_OK;
}

static SUT_ERR note(struct sut_db_conn *c, const struct sut_migration *m)
{
    static const struct sut_sql sql = {
        "store_migration_add",
        "INSERT INTO store_migration (number, name) VALUES ($1, $2)",
    };
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    TRY(sut_db_prepare(c, &sql, &s));
    sut_db_bind_i64(s, 1, m->number);
    sut_db_bind_text(s, 2, sut_str_from(m->name));
    bool row = false;
    return sut_db_step(s, &row);
}

static SUT_ERR apply(struct sut_db_conn *c, const struct sut_migration *m)
{
    static const char table[] = "CREATE TABLE IF NOT EXISTS store_migration ("
                                "number BIGINT PRIMARY KEY, name TEXT NOT NULL)";
    TRY(sut_db_script(c, table));
    if (m->step == NULL)
        TRY(sut_db_script(c, sut_db_conn_kind(c) == SUT_DB_SQLITE ? m->sqlite : m->postgres));
    return note(c, m);
}

static SUT_ERR apply_alone(struct sut_db_conn *c, const struct sut_migrate_env *env,
                           const struct sut_migration *m, struct sut_diag *reterr_diag)
{
    if (m->step != NULL && !env->is_new)
        TRY(m->step(c, env, reterr_diag));
    TRY(sut_db_tx_begin(c));
    sut_err err = apply(c, m);
    if (!sut_failed(err))
        err = sut_db_tx_commit(c);
    if (!sut_failed(err))
        return SUT_OK;
    sut_diag_set(reterr_diag, "the store can't be brought to number %lld (%s): %s",
                 (long long) m->number, m->name, sut_db_last_error(c));
    sut_db_tx_rollback(c);
    return err;
}

static SUT_ERR check_version(int64_t have, int64_t want, bool may_change,
                             struct sut_diag *reterr_diag)
{
    if (have > want) {
        sut_diag_set(reterr_diag,
                     "the store was made by a newer sutler: it is at schema %lld, this program "
                     "knows up to %lld",
                     (long long) have, (long long) want);
        sut_diag_hint(reterr_diag, "run the newer program, or restore a backup made by this one");
        FAIL(INVALID);
    }
    if (have < want && !may_change) {
        sut_diag_set(reterr_diag, "the store is at schema %lld, this program needs %lld",
                     (long long) have, (long long) want);
        sut_diag_hint(reterr_diag, "run `sutler migrate`");
        FAIL(INVALID);
    }
    return SUT_OK;
}

SUT_ERR sut_migrate_run(struct sut_db_conn *c, const struct sut_migrate_env *env,
                        const struct sut_migration *list, size_t n, bool may_change,
                        int64_t *ret_version, struct sut_diag *reterr_diag)
{
    const int64_t want = n == 0 ? 0 : list[n - 1].number;
    int64_t have = 0;
    sut_err err = sut_migrate_version(c, &have);
    if (!sut_failed(err) && have < want && may_change) {
        /* Another server may be at it: wait, then look again. */
        err = sut_db_lock(c, lock_key, LOCK_WAIT_MS);
        if (!sut_failed(err))
            err = sut_migrate_version(c, &have);
    }
    if (sut_failed(err)) {
        sut_diag_set(reterr_diag, "the store's schema number can't be read: %s",
                     sut_db_last_error(c));
        return err;
    }
    TRY(check_version(have, want, may_change, reterr_diag));
    struct sut_migrate_env with = *env;
    with.is_new = have == 0;
    for (size_t i = 0; i < n; i++) {
        if (list[i].number <= have)
            continue;
        if (env->progress != NULL && !with.is_new)
            env->progress(env->progress_ctx, "schema", list[i].number, want);
        TRY(apply_alone(c, &with, &list[i], reterr_diag));
        have = list[i].number;
    }
    *ret_version = have;
    return SUT_OK;
}
