/* SPDX-License-Identifier: Apache-2.0 */
#include "store/people_int.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/secret.h"
#include "store/keyring_row.h"
#include "store/store_int.h"

enum {
    DATA_KEYS_MAX = 4096, /* where the options say nothing */
    LOCK_WAIT_MS = 60000,
    KEK_TRIES = 3, /* of a key whose KEK is forgotten meanwhile */
    LEASE_WAIT_MS = 5000,
    AT_ONCE = 64, /* keys made in one transaction */
    PERSONS_FIRST = 1,
    PERSONS_MAX = 4096, /* in one job */
};

/* The advisory lock's number on PostgreSQL: "sutkey" in ASCII. */
static const int64_t lock_key = 0x7375746b6579;

SUT_ERR sut_people_create(struct sut_store *store, const struct sut_store_options *opt,
                          struct sut_people **ret)
{
    *ret = NULL;
    if (opt->keeper == NULL)
        return SUT_OK;
    const struct sut_seal_options o = {
        .keeper = opt->keeper,
        .random = opt->random,
        .keys_max = opt->data_keys_max == 0 ? DATA_KEYS_MAX : opt->data_keys_max,
    };
    struct sut_people *p = sut_mem_zalloc(1, sizeof(*p));
    ENSURE(p != NULL, NOMEM);
    p->store = store;
    p->keeper = opt->keeper;
    p->is_remote = opt->db.kind == SUT_DB_POSTGRES;
    const sut_err e = sut_seal_create(&o, &p->seal);
    if (sut_failed(e)) {
        sut_mem_free(p);
        return e;
    }
    (void) pthread_mutex_init(&p->lock, NULL);
    (void) pthread_mutex_init(&p->loading, NULL);
    *ret = p;
    return SUT_OK;
}

void sut_people_free(struct sut_people **pp)
{
    struct sut_people *p = *pp;
    if (p == NULL)
        return;
    sut_seal_free(&p->seal);
    (void) pthread_mutex_destroy(&p->lock);
    (void) pthread_mutex_destroy(&p->loading);
    sut_wipe(&p->kek, sizeof(p->kek));
    sut_mem_free(p);
    *pp = NULL;
}

/* The keys of one purpose, the current first. */
struct versions {
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    size_t n;
};

static SUT_ERR read_versions(struct sut_db_conn *c, enum sut_key_purpose purpose,
                             struct versions *ret)
{
    return sut_keyring_row_load(c, purpose, ret->rows, SUT_KEYRING_VERSIONS_MAX, &ret->n);
}

static SUT_ERR save_first(struct sut_db_conn *c, const struct sut_keyring_row *row)
{
    TRY(sut_db_tx_begin(c));
    const sut_err e = sut_keyring_row_add(c, row);
    if (sut_failed(e)) {
        sut_db_tx_rollback(c);
        return e;
    }
    return sut_db_tx_commit(c);
}

/* Make version 1.  Under the lock; EXISTS when another server did it without. */
static SUT_ERR make_first(struct sut_people *p, struct sut_db_conn *c, enum sut_key_purpose purpose,
                          struct versions *ret)
{
    TRY(sut_db_lock(c, lock_key, LOCK_WAIT_MS));
    TRY(read_versions(c, purpose, ret));
    if (ret->n > 0)
        return SUT_OK;
    struct sut_keyring_row row = {
        .purpose = purpose,
        .version = 1,
        .state = SUT_KEYRING_CURRENT,
        .created_at = sut_clock_now(&sut_clock_system),
    };
    struct sut_buf out = { .p = row.wrapped,
                           .cap = sizeof(row.wrapped),
                           .max = sizeof(row.wrapped) };
    TRY(sut_keeper_make(p->keeper, purpose, 1, &out, NULL));
    TRY(sut_buf_check(&out));
    row.wrapped_n = out.n;
    const sut_err e = save_first(c, &row);
    if (e.code != SUT_E_EXISTS && e.code != SUT_E_CONFLICT)
        TRY(e);
    return read_versions(c, purpose, ret);
}

static SUT_ERR load_purpose(struct sut_people *p, struct sut_db_conn *c,
                            enum sut_key_purpose purpose, bool may_make, struct versions *ret)
{
    TRY(read_versions(c, purpose, ret));
    if (ret->n == 0 && may_make)
        TRY(make_first(p, c, purpose, ret));
    ENSURE(ret->n > 0, CORRUPT);
    return SUT_OK;
}

static SUT_ERR set_keks(struct sut_people *p, const struct versions *v)
{
    struct sut_kek keks[SUT_KEKS_MAX];
    const size_t n = v->n < SUT_KEKS_MAX ? v->n : SUT_KEKS_MAX;
    for (size_t i = 0; i < n; i++) {
        keks[i] =
            (struct sut_kek){ .version = v->rows[i].version, .wrapped_n = v->rows[i].wrapped_n };
        memcpy(keks[i].wrapped, v->rows[i].wrapped, v->rows[i].wrapped_n);
    }
    (void) pthread_mutex_lock(&p->lock);
    p->kek = keks[0];
    (void) pthread_mutex_unlock(&p->lock);
    return sut_seal_set_keks(p->seal, keks, n);
}

static SUT_ERR set_index_keys(struct sut_people *p, const struct versions *v)
{
    struct sut_index_key keys[SUT_INDEX_VERSIONS_MAX] = { 0 };
    struct sut_secret *open[SUT_INDEX_VERSIONS_MAX] = { 0 };
    const size_t n = v->n < SUT_INDEX_VERSIONS_MAX ? v->n : SUT_INDEX_VERSIONS_MAX;
    uint32_t newest = 0;
    sut_err e = SUT_OK;
    for (size_t i = 0; i < n && !sut_failed(e); i++) {
        const struct sut_keyring_row *row = &v->rows[i];
        e = sut_keeper_unwrap(p->keeper, SUT_KEY_INDEX, row->version,
                              sut_str_of(row->wrapped, row->wrapped_n), &open[i]);
        keys[i] = (struct sut_index_key){ .version = row->version, .key = open[i] };
        newest = row->version > newest ? row->version : newest;
    }
    if (!sut_failed(e))
        e = sut_seal_set_index_keys(p->seal, keys, n);
    for (size_t i = 0; i < n; i++)
        sut_secret_free(&open[i]);
    TRY(e);
    (void) pthread_mutex_lock(&p->lock);
    p->index_newest = newest;
    (void) pthread_mutex_unlock(&p->lock);
    return SUT_OK;
}

static SUT_ERR load_keyring(struct sut_people *p, struct sut_db_conn *c, bool may_make)
{
    struct versions v;
    TRY(load_purpose(p, c, SUT_KEY_DATA, may_make, &v));
    TRY(set_keks(p, &v));
    TRY(load_purpose(p, c, SUT_KEY_INDEX, may_make, &v));
    return set_index_keys(p, &v);
}

SUT_ERR sut_people_load(struct sut_people *p, struct sut_db_conn *c, bool may_make)
{
    (void) pthread_mutex_lock(&p->loading);
    const sut_err loaded = load_keyring(p, c, may_make);
    (void) pthread_mutex_unlock(&p->loading);
    TRY(loaded);
    if (!may_make)
        return SUT_OK;
    const int64_t nobody = 0;
    struct sut_data_key_row row;
    const sut_err e = sut_data_key_newest(c, nobody, &row);
    if (e.code != SUT_E_NOT_FOUND)
        return e;
    return sut_people_ensure_keys(p, c, &nobody, 1, sut_clock_now(&sut_clock_system));
}

/* What a person got as a number is never given again, not even after a row was deleted. */
static SUT_ERR read_last_id(struct sut_db_conn *c, int64_t *ret)
{
    static const struct sut_sql sql = {
        "users_last_id",
        "SELECT CAST(MAX(COALESCE((SELECT MAX(id) FROM users), 0),"
        " COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'users'), 0)) AS BIGINT)",
    };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &sql, &s));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_people_start(struct sut_people *p, struct sut_db_conn *c, struct sut_diag *reterr_diag)
{
    int64_t last = 0;
    const sut_err e = sut_people_load(p, c, true);
    if (e.code == SUT_E_CORRUPT) {
        sut_diag_set(reterr_diag, "the store's keys do not open with this master key: this store "
                                  "belongs to other keys");
        sut_diag_hint(reterr_diag, "name the keys folder that was made with it (--keys)");
    } else if (sut_failed(e)) {
        sut_diag_set(reterr_diag, "the keys of the store can't be had (%s)",
                     sut_err_info(e.code)->name);
    }
    TRY(e);
    if (p->is_remote)
        return SUT_OK;
    TRY(read_last_id(c, &last));
    atomic_store(&p->store->last_id, last);
    return SUT_OK;
}

SUT_ERR sut_store_reload_keys(struct sut_store *s)
{
    if (s->people == NULL)
        return SUT_OK;
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(s, &c));
    const sut_err e = sut_people_load(s->people, c, false);
    sut_store_return(s, &c);
    return e;
}

struct sut_seal *sut_store_seal(struct sut_store *s)
{
    return s->people == NULL ? NULL : s->people->seal;
}

static SUT_ERR save_keys(struct sut_db_conn *c, const struct sut_data_key_row *rows, size_t n,
                         sut_ms now)
{
    TRY(sut_db_tx_begin(c));
    for (size_t i = 0; i < n; i++) {
        const sut_err e = sut_data_key_add(c, &rows[i], now);
        if (sut_failed(e) && e.code != SUT_E_EXISTS) {
            sut_db_tx_rollback(c);
            return e;
        }
    }
    return sut_db_tx_commit(c);
}

/* Made by the keeper itself and not by the seal: a key that is not saved must be in no cache. */
static SUT_ERR make_rows(struct sut_people *p, const int64_t *persons, size_t n,
                         struct sut_data_key_row *rows)
{
    unsigned char keys[SUT_DATA_KEYS_MAX][SUT_KEY_SIZE];
    struct sut_kek kek;
    SUT_BUG_IF(n > SUT_DATA_KEYS_MAX);
    for (size_t i = 0; i < n; i++)
        rows[i] = (struct sut_data_key_row){ .person = persons[i], .version = 1 };
    (void) pthread_mutex_lock(&p->lock);
    kek = p->kek;
    (void) pthread_mutex_unlock(&p->lock);
    ENSURE(kek.version != 0, UNAVAILABLE);
    const sut_err e = sut_keeper_make_data(p->keeper, &kek, rows, n, keys);
    sut_wipe(keys, sizeof(keys));
    return e;
}

SUT_ERR sut_people_ensure_keys(struct sut_people *p, struct sut_db_conn *c, const int64_t *persons,
                               size_t n, sut_ms now)
{
    struct sut_data_key_row rows[AT_ONCE];
    while (n > 0) {
        const size_t part = n < AT_ONCE ? n : AT_ONCE;
        sut_err e = SUT_OK;
        for (unsigned n_try = 0; n_try < KEK_TRIES; n_try++) {
            TRY(make_rows(p, persons, part, rows));
            e = save_keys(c, rows, part, now);
            if (e.code != SUT_E_STALE)
                break;
            TRY(sut_people_load(p, c, false));
        }
        /* Two servers that make the same key meet; the one that is there is good. */
        if (e.code != SUT_E_CONFLICT)
            TRY(e);
        persons += part;
        n -= part;
    }
    return SUT_OK;
}

SUT_ERR sut_wanted_of(struct sut_db_conn *c, struct sut_wanted_keys **ret)
{
    struct sut_wanted *w = sut_db_job(c);
    SUT_BUG_IF(w == NULL);
    if (w->keys == NULL)
        w->keys = sut_mem_zalloc(1, sizeof(*w->keys));
    ENSURE(w->keys != NULL, NOMEM);
    *ret = w->keys;
    return SUT_OK;
}

void sut_wanted_begin(struct sut_wanted *wanted)
{
    struct sut_wanted_keys *w = wanted->keys;
    wanted->newest.version = 0;
    if (w == NULL)
        return;
    w->n_open = 0;
    w->n_make = 0;
    w->used = 0;
    w->needs_person = false;
    w->needs_reload = false;
}

void sut_wanted_done(struct sut_wanted *w)
{
    if (w->keys != NULL)
        sut_mem_free(w->keys->persons);
    sut_mem_freep(&w->keys);
}

static SUT_ERR open_wanted(struct sut_wanted_keys *w, struct sut_people *p)
{
    size_t bad = 0;
    TRY(sut_seal_open_keys(p->seal, w->open, w->n_open, &bad));
    if (bad > 0) {
        TRY(sut_store_reload_keys(p->store));
        TRY(sut_seal_open_keys(p->seal, w->open, w->n_open, &bad));
    }
    for (size_t i = 0; bad > 0 && i < w->n_open; i++) {
        struct sut_data_key k;
        const sut_err e = sut_seal_key_of(p->seal, &w->open[i], &k);
        if (!sut_failed(e))
            sut_data_key_done(&k);
        else if (w->n_lost < SUT_WANTED_MAX)
            w->lost[w->n_lost++] = w->open[i];
    }
    return SUT_OK;
}

static SUT_ERR next_remote(struct sut_db_conn *c, struct sut_data_key_row *rows, size_t n)
{
    static const struct sut_sql sql = {
        "users_next_id",
        "SELECT nextval(pg_get_serial_sequence('users', 'id')) FROM generate_series(1, $1)",
    };
    DEFER(sut_db_end) struct sut_db_stmt *stmt = NULL;
    TRY(sut_db_prepare(c, &sql, &stmt));
    sut_db_bind_i64(stmt, 1, (int64_t) n);
    for (size_t i = 0; i < n; i++) {
        bool has_row = false;
        TRY(sut_db_step(stmt, &has_row));
        ENSURE(has_row, SYSTEM);
        rows[i].person = sut_db_col_i64(stmt, 0);
    }
    return SUT_OK;
}

/* Numbers of persons to be, never used before: their keys are bound to them. */
static SUT_ERR new_ids(struct sut_store *s, struct sut_data_key_row *rows, size_t n)
{
    if (s->writers == NULL) {
        for (size_t i = 0; i < n; i++)
            rows[i].person = atomic_fetch_add(&s->last_id, 1) + 1;
        return SUT_OK;
    }
    struct sut_db_conn *c = NULL;
    TRY(sut_connpool_take(s->writers, LEASE_WAIT_MS, &c));
    const sut_err e = next_remote(c, rows, n);
    sut_connpool_give(s->writers, &c);
    return e;
}

/* A job that adds many persons finds it out one by one: give it twice as many each time. */
static SUT_ERR make_persons(struct sut_wanted_keys *w, struct sut_people *p)
{
    const size_t more = w->n_persons == 0 ? PERSONS_FIRST : w->n_persons;
    ENSURE(w->n_persons + more <= PERSONS_MAX, TOO_LARGE);
    struct sut_data_key_row *rows =
        sut_mem_realloc(w->persons, (w->n_persons + more) * sizeof(*rows));
    ENSURE(rows != NULL, NOMEM);
    w->persons = rows;
    struct sut_data_key_row *added = rows + w->n_persons;
    memset(added, 0, more * sizeof(*added));
    TRY(new_ids(p->store, added, more));
    for (size_t i = 0; i < more; i++)
        added[i].version = 1;
    TRY(sut_seal_make_keys(p->seal, added, more));
    w->n_persons += more;
    return SUT_OK;
}

struct ensuring {
    const struct sut_wanted_keys *w;
    struct sut_data_key_row rows[SUT_DATA_KEYS_MAX];
};

/* NOT_FOUND: their KEK is forgotten; no other run of this job would save them either. */
static SUT_ERR save_made(struct sut_db_conn *c, void *arg)
{
    const struct ensuring *j = arg;
    for (size_t i = 0; i < j->w->n_make; i++) {
        const sut_err e = sut_data_key_add(c, &j->rows[i], j->w->now);
        ENSURE(e.code != SUT_E_STALE, NOT_FOUND);
        if (e.code != SUT_E_EXISTS)
            TRY(e);
    }
    return SUT_OK;
}

static SUT_ERR make_wanted(struct sut_wanted_keys *w, struct sut_people *p)
{
    struct ensuring *j DEFER(sut_mem_freep) = sut_mem_zalloc(1, sizeof(*j));
    ENSURE(j != NULL, NOMEM);
    j->w = w;
    for (unsigned n_try = 0; n_try < KEK_TRIES; n_try++) {
        TRY(make_rows(p, w->make_for, w->n_make, j->rows));
        const sut_err e = sut_store_write(p->store, save_made, j);
        if (e.code != SUT_E_NOT_FOUND)
            return e;
        TRY(sut_store_reload_keys(p->store));
    }
    FAIL(STALE);
}

SUT_ERR sut_wanted_fill(struct sut_wanted *wanted, struct sut_people *p)
{
    struct sut_wanted_keys *w = wanted->keys;
    ENSURE(p != NULL && w != NULL, UNAVAILABLE);
    if (w->needs_reload)
        TRY(sut_store_reload_keys(p->store));
    if (w->n_make > 0)
        TRY(make_wanted(w, p));
    if (w->n_open > 0)
        TRY(open_wanted(w, p));
    if (w->needs_person)
        TRY(make_persons(w, p));
    return SUT_OK;
}
