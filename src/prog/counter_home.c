/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/counter_home.h"

#include "store/counter_row.h"
#include "store/store.h"

void sut_counter_rows_init(struct sut_counter_rows *r, struct sut_store *store, int64_t max)
{
    *r = (struct sut_counter_rows){ .store = store, .max = max };
}

struct loading {
    void (*each)(void *arg, const struct sut_counter_record *rec);
    void *arg;
};

static void load_one(void *arg, const struct sut_counter_row *row)
{
    const struct loading *l = arg;
    const struct sut_counter_record rec = {
        .kind = row->kind,
        .key = row->key,
        .data = row->data,
        .expires = row->expires_at,
    };
    l->each(l->arg, &rec);
}

static SUT_ERR rows_load(void *ctx, sut_ms now,
                         void (*each)(void *arg, const struct sut_counter_record *rec), void *arg)
{
    const struct sut_counter_rows *r = ctx;
    struct loading l = { .each = each, .arg = arg };
    struct sut_db_conn *conn = NULL;
    TRY(sut_store_lease(r->store, &conn));
    const sut_err e = sut_counter_row_load(conn, now, r->max, load_one, &l);
    sut_store_return(r->store, &conn);
    return e;
}

struct saving {
    const struct sut_counter_record *recs;
    size_t n;
    sut_ms now;
};

static SUT_ERR save_all(struct sut_db_conn *c, void *arg)
{
    const struct saving *s = arg;
    for (size_t i = 0; i < s->n; i++) {
        const struct sut_counter_row row = {
            .kind = s->recs[i].kind,
            .key = s->recs[i].key,
            .data = s->recs[i].data,
            .expires_at = s->recs[i].expires,
        };
        TRY(sut_counter_row_save(c, &row));
    }
    return sut_counter_row_prune(c, s->now);
}

static SUT_ERR rows_save(void *ctx, const struct sut_counter_record *recs, size_t n, sut_ms now)
{
    const struct sut_counter_rows *r = ctx;
    struct saving s = { .recs = recs, .n = n, .now = now };
    return sut_store_write(r->store, save_all, &s);
}

const struct sut_counters_home_ops sut_counter_rows_ops = {
    .load = rows_load,
    .save = rows_save,
};
