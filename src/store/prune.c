/* SPDX-License-Identifier: Apache-2.0 */
#include "store/prune.h"

enum { STEPS_MAX = 20 };

struct prune {
    const struct sut_sql *const *sql;
    size_t n;
    sut_ms before;
    int64_t deleted; /* by the last job */
};

static SUT_ERR prune_from(struct sut_db_conn *c, const struct sut_sql *sql, struct prune *p)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, p->before.v);
    TRY(sut_db_step(s, &has_row));
    p->deleted += sut_db_changes(s);
    return SUT_OK;
}

static SUT_ERR prune_step(struct sut_db_conn *c, void *arg)
{
    struct prune *p = arg;
    p->deleted = 0;
    for (size_t i = 0; i < p->n; i++)
        TRY(prune_from(c, p->sql[i], p));
    return SUT_OK;
}

SUT_ERR sut_store__prune(struct sut_store *s, const struct sut_sql *const *sql, size_t n,
                         sut_ms before)
{
    struct prune p = { .sql = sql, .n = n, .before = before };
    for (int i = 0; i < STEPS_MAX; i++) {
        TRY(sut_store_write(s, prune_step, &p));
        if (p.deleted == 0)
            break;
    }
    return SUT_OK;
}
