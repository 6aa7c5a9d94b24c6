/* SPDX-License-Identifier: Apache-2.0 */
#include "store/reseal.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "store/keyring_row.h"
#include "store/keys.h"
#include "store/people_int.h"
#include "store/reseal_int.h"
#include "store/store_int.h"

enum {
    /* Of a transaction: others wait for no more, and on a remote store it may meet theirs. */
    PERSONS = 50,
    RANGE = 50,
    NS_PER_S = 1000000000,
};

static const struct sut_sql data_keys_due = {
    .name = "data_keys_due",
    .text = "SELECT k.person_id, k.version FROM data_keys k WHERE k.person_id > $1"
            " AND k.kek_version <> $2 AND k.version = (SELECT MAX(m.version) FROM data_keys m"
            " WHERE m.person_id = k.person_id) ORDER BY k.person_id LIMIT $3",
};

static const struct sut_sql data_keys_due_count = {
    .name = "data_keys_due_count",
    .text = "SELECT COUNT(*) FROM data_keys WHERE kek_version <> $1",
};

/* The last person of the next so many rows. */
static const struct sut_sql data_keys_range = {
    .name = "data_keys_range",
    .text = "SELECT CAST(COALESCE(MAX(r.person_id), 0) AS BIGINT) FROM (SELECT person_id"
            " FROM data_keys WHERE person_id > $1 ORDER BY person_id LIMIT $2) r",
};

static const struct sut_sql data_keys_left = {
    .name = "data_keys_left",
    .text = "SELECT COUNT(*) FROM data_keys k WHERE EXISTS (SELECT 1 FROM data_keys m"
            " WHERE m.person_id = k.person_id AND m.version > k.version)",
};

static const struct sut_sql data_keys_total = {
    .name = "data_keys_total",
    .text = "SELECT COUNT(*) FROM data_keys",
};

static const struct sut_sql data_keys_of_kek = {
    .name = "data_keys_of_kek",
    .text = "SELECT 1 FROM data_keys WHERE kek_version = $1 LIMIT 1",
};

SUT_ERR sut_reseal__tell(struct sut_reseal *r, uint64_t done, uint64_t total)
{
    ENSURE(r->progress == NULL || r->progress(r->arg, done, total), STALE);
    return SUT_OK;
}

SUT_ERR sut_reseal__write(struct sut_store *s, sut_store_job *job, void *arg)
{
    const uint64_t began_ns = sut_monotonic_ns();
    TRY(sut_store_write(s, job, arg));
    if (sut_store_is_remote(s))
        return SUT_OK;
    const uint64_t ns = (sut_monotonic_ns() - began_ns) / 2;
    const struct timespec t = { .tv_sec = (time_t) (ns / NS_PER_S),
                                .tv_nsec = (long) (ns % NS_PER_S) };
    (void) nanosleep(&t, NULL);
    return SUT_OK;
}

SUT_ERR sut_reseal__number(struct sut_store *s, const struct sut_sql *sql, const int64_t *args,
                           int n, int64_t *ret)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(s, &c));
    struct sut_db_stmt *stmt = NULL;
    bool has_row = false;
    sut_err e = sut_db_prepare(c, sql, &stmt);
    if (!sut_failed(e)) {
        for (int i = 0; i < n; i++)
            sut_db_bind_i64(stmt, i + 1, args[i]);
        e = sut_db_step(stmt, &has_row);
    }
    *ret = !sut_failed(e) && has_row ? sut_db_col_i64(stmt, 0) : 0;
    sut_db_end(&stmt);
    sut_store_return(s, &c);
    return e;
}

/* The keyring's current KEK, as the keeper wants it. */
static SUT_ERR current_kek(struct sut_store *s, struct sut_kek *ret)
{
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    size_t n = 0;
    TRY(sut_keys_load(s, SUT_KEY_DATA, rows, SUT_KEYRING_VERSIONS_MAX, &n));
    ENSURE(n > 0, NOT_FOUND);
    *ret = (struct sut_kek){ .version = rows[0].version, .wrapped_n = rows[0].wrapped_n };
    memcpy(ret->wrapped, rows[0].wrapped, rows[0].wrapped_n);
    return SUT_OK;
}

/* --- data keys --- */

/* New keys on their way into the store. */
struct keys {
    struct sut_data_key_row rows[PERSONS];
    size_t n;
    sut_ms now;
};

static SUT_ERR read_due(struct sut_db_conn *c, int64_t after, uint32_t kek, struct keys *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    ret->n = 0;
    TRY(sut_db_prepare(c, &data_keys_due, &s));
    sut_db_bind_i64(s, 1, after);
    sut_db_bind_i64(s, 2, kek);
    sut_db_bind_i64(s, 3, PERSONS);
    for (;;) {
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            return SUT_OK;
        ret->rows[ret->n++] =
            (struct sut_data_key_row){ .person = sut_db_col_i64(s, 0),
                                       .version = (uint32_t) sut_db_col_i64(s, 1) + 1 };
    }
}

static SUT_ERR load_due(struct sut_store *s, int64_t after, uint32_t kek, struct keys *ret)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(s, &c));
    const sut_err e = read_due(c, after, kek, ret);
    sut_store_return(s, &c);
    return e;
}

static SUT_ERR save_keys(struct sut_db_conn *c, void *arg)
{
    const struct keys *const k = arg;
    for (size_t i = 0; i < k->n; i++) {
        const sut_err e = sut_data_key_add(c, &k->rows[i], k->now);
        if (e.code != SUT_E_EXISTS)
            TRY(e);
    }
    return SUT_OK;
}

/* In no cache before they are saved: what is made twice must not be used twice. */
static SUT_ERR make_keys(struct sut_reseal *r, const struct sut_kek *kek, struct keys *k)
{
    unsigned char open[PERSONS][SUT_KEY_SIZE];
    const sut_err e = sut_keeper_make_data(r->keeper, kek, k->rows, k->n, open);
    sut_wipe(open, sizeof(open));
    TRY(e);
    k->now = sut_clock_now(r->clock);
    return sut_reseal__write(r->store, save_keys, k);
}

SUT_ERR sut_reseal_make_keys(struct sut_reseal *r, uint64_t *ret_made)
{
    _Static_assert((int) PERSONS <= (int) SUT_DATA_KEYS_MAX, "one call makes them");
    struct sut_kek kek;
    int64_t total = 0;
    DEFER(sut_mem_freep) struct keys *k = sut_mem_zalloc(1, sizeof(*k));
    ENSURE(k != NULL, NOMEM);
    *ret_made = 0;
    TRY(current_kek(r->store, &kek));
    TRY(sut_reseal__number(r->store, &data_keys_due_count, (int64_t[]){ kek.version }, 1, &total));
    for (int64_t after = -1;;) {
        TRY(load_due(r->store, after, kek.version, k));
        if (k->n == 0)
            return SUT_OK;
        after = k->rows[k->n - 1].person;
        const sut_err e = make_keys(r, &kek, k);
        /* What gives way to others time and again is left to the next pass. */
        if (e.code != SUT_E_CONFLICT) {
            TRY(e);
            *ret_made += k->n;
        }
        TRY(sut_reseal__tell(r, *ret_made, (uint64_t) total));
    }
}

/* What a job deletes. */
struct drop {
    const struct sut_sql *sql;
    int64_t after;
    int64_t upto;
    bool is_nobody;
};

static SUT_ERR drop_range(struct sut_db_conn *c, void *arg)
{
    const struct drop *const d = arg;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, d->sql, &s));
    if (!d->is_nobody) {
        sut_db_bind_i64(s, 1, d->after);
        sut_db_bind_i64(s, 2, d->upto);
    }
    return sut_db_step(s, &has_row);
}

static SUT_ERR drop(struct sut_reseal *r, struct drop *d)
{
    const sut_err e = sut_reseal__write(r->store, drop_range, d);
    return e.code == SUT_E_CONFLICT ? SUT_OK : e;
}

SUT_ERR sut_reseal_drop_keys(struct sut_reseal *r, uint64_t *ret_left)
{
    const struct sut_reseal_plan *const p = r->store->reseal;
    struct drop d = { .sql = &p->drop_nobody.sql, .is_nobody = true };
    int64_t total = 0;
    int64_t left = 0;
    ENSURE(p != NULL, UNAVAILABLE);
    TRY(sut_reseal__number(r->store, &data_keys_total, NULL, 0, &total));
    TRY(drop(r, &d));
    d = (struct drop){ .sql = &p->drop.sql };
    const int64_t range = RANGE;
    for (uint64_t done = (uint64_t) range;; done += (uint64_t) range) {
        TRY(sut_reseal__number(r->store, &data_keys_range, (int64_t[]){ d.after, range }, 2,
                               &d.upto));
        if (d.upto <= d.after)
            break;
        TRY(drop(r, &d));
        d.after = d.upto;
        TRY(sut_reseal__tell(r, done < (uint64_t) total ? done : (uint64_t) total,
                             (uint64_t) total));
    }
    TRY(sut_reseal__number(r->store, &data_keys_left, NULL, 0, &left));
    *ret_left = (uint64_t) left;
    return SUT_OK;
}

static SUT_ERR forget_kek(struct sut_db_conn *c, void *arg)
{
    const uint32_t version = *(const uint32_t *) arg;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &data_keys_of_kek, &s));
    sut_db_bind_i64(s, 1, version);
    TRY(sut_db_step(s, &has_row));
    ENSURE(!has_row, BUSY);
    return sut_keyring_row_forget(c, SUT_KEY_DATA, version);
}

SUT_ERR sut_reseal_forget_kek(struct sut_reseal *r, uint32_t version)
{
    return sut_store_write(r->store, forget_kek, &version);
}
