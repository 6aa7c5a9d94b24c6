/* SPDX-License-Identifier: Apache-2.0
 *
 * How a store of the time before people were sealed becomes one of now: steps
 * 0003 and 0005 of the migrations.  A batch is one transaction, and a row says
 * by its key_version whether it is done; so a kill costs one batch.
 */
#include "base/mem.h"
#include "store/migrate.h"
#include "store/people_int.h"
#include "store/person_int.h"

enum { BATCH = 200, TRIES = 8, ARENA_MAX = 16 << 20, TEXTS_MAX = 6 };

/* A table with rows in the clear. */
struct table {
    const char *name;
    struct sut_sql left; /* how many are in the clear */
    struct sut_sql page; /* $1: after this id, $2: at most; id, owner, then its texts */
    struct sut_sql seal; /* users: see sut_person__seal(); else $1 the id, $2 the version, … */
    int texts;
    enum sut_personal first; /* field of the first text; the others follow */
};

static const struct table tables[] = {
    {
        .name = "users",
        .left = { "migrate_users_left", "SELECT COUNT(*) FROM users WHERE key_version = 0" },
        .page = { "migrate_users_page",
                  "SELECT id, id, email, username, first_name, last_name, phone, tax_number"
                  " FROM users WHERE id > $1 AND key_version = 0 ORDER BY id LIMIT $2" },
        .seal = { "migrate_users_seal",
                  "UPDATE users SET sealed_email = $2, sealed_username = $3,"
                  " sealed_first_name = $4, sealed_last_name = $5, sealed_phone = $6,"
                  " sealed_tax_number = $7, key_version = $8, email_key = $9, username = $10,"
                  " phone_index = $11, index_version = $12 WHERE id = $1" },
        .texts = 6,
        .first = SUT_PERSONAL_USERS_EMAIL,
    },
    {
        .name = "sessions",
#define CLEAR                                                                                      \
    "key_version = 0 AND (device_type IS NOT NULL OR os IS NOT NULL OR app_version IS NOT NULL"    \
    " OR user_agent IS NOT NULL OR ip IS NOT NULL)"
        .left = { "migrate_sessions_left", "SELECT COUNT(*) FROM sessions WHERE " CLEAR },
        .page = { "migrate_sessions_page",
                  "SELECT id, user_id, device_type, os, app_version, user_agent, ip"
                  " FROM sessions WHERE id > $1 AND " CLEAR " ORDER BY id LIMIT $2" },
#undef CLEAR
        .seal = { "migrate_sessions_seal",
                  "UPDATE sessions SET key_version = $2, sealed_device_type = $3, sealed_os = $4,"
                  " sealed_app_version = $5, sealed_user_agent = $6, sealed_ip = $7"
                  " WHERE id = $1" },
        .texts = 5,
        .first = SUT_PERSONAL_SESSIONS_DEVICE_TYPE,
    },
    {
        .name = "audit",
        .left = { "migrate_audit_left",
                  "SELECT COUNT(*) FROM audit WHERE key_version = 0 AND ip <> ''" },
        .page = { "migrate_audit_page",
                  "SELECT id, COALESCE(user_id, 0), ip FROM audit"
                  " WHERE id > $1 AND key_version = 0 AND ip <> '' ORDER BY id LIMIT $2" },
        .seal = { "migrate_audit_seal",
                  "UPDATE audit SET key_version = $2, sealed_ip = $3 WHERE id = $1" },
        .texts = 1,
        .first = SUT_PERSONAL_AUDIT_IP,
    },
};
enum { N_TABLES = sizeof(tables) / sizeof(tables[0]) };

struct row {
    int64_t id;
    int64_t owner;
    sut_str texts[TEXTS_MAX];
};

/* A page of rows, with the keys of their owners. */
struct batch {
    const struct table *table;
    struct sut_people *people;
    struct sut_arena *a;
    struct row rows[BATCH];
    struct sut_data_key_row keys[BATCH];
    int64_t without[BATCH]; /* owners who had no key */
    size_t n;
    size_t n_without;
};

static SUT_ERR count_left(struct sut_db_conn *c, const struct table *t, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &t->left, &s));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

static SUT_ERR read_row(struct sut_db_stmt *s, struct sut_arena *a, int texts, struct row *ret)
{
    *ret = (struct row){ .id = sut_db_col_i64(s, 0), .owner = sut_db_col_i64(s, 1) };
    for (int i = 0; i < texts; i++) {
        const sut_str v = sut_db_col_text(s, 2 + i);
        ret->texts[i] = v.n == 0 ? SUT_STR("") : sut_str_dup(a, v);
        ENSURE(ret->texts[i].p != NULL, NOMEM);
    }
    return SUT_OK;
}

static SUT_ERR read_page(struct sut_db_conn *c, struct batch *b, int64_t after)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    sut_arena_reset(b->a);
    b->n = 0;
    TRY(sut_db_prepare(c, &b->table->page, &s));
    sut_db_bind_i64(s, 1, after);
    sut_db_bind_i64(s, 2, BATCH);
    while (b->n < BATCH) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        TRY(read_row(s, b->a, b->table->texts, &b->rows[b->n]));
        b->n++;
    }
    return SUT_OK;
}

/* The keys of the owners that have one; the others are noted. */
static SUT_ERR read_keys(struct sut_db_conn *c, struct batch *b)
{
    b->n_without = 0;
    for (size_t i = 0; i < b->n; i++) {
        const sut_err e = sut_data_key_newest(c, b->rows[i].owner, &b->keys[i]);
        if (e.code == SUT_E_NOT_FOUND)
            b->without[b->n_without++] = b->rows[i].owner;
        else
            TRY(e);
    }
    return SUT_OK;
}

/* A key for every owner, open.  All of it is outside any transaction. */
static SUT_ERR bring_keys(struct sut_db_conn *c, struct batch *b)
{
    TRY(read_keys(c, b));
    if (b->n_without > 0) {
        const sut_ms now = sut_clock_now(&sut_clock_system);
        TRY(sut_people_ensure_keys(b->people, c, b->without, b->n_without, now));
        TRY(read_keys(c, b));
    }
    ENSURE(b->n_without == 0, CORRUPT);
    return sut_personal_open_keys(c, b->keys, b->n);
}

static SUT_ERR seal_texts(struct sut_db_conn *c, const struct batch *b, const struct row *row,
                          const struct sut_data_key *k)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_buf room;
    size_t n = 0;
    bool has_row = false;
    for (int i = 0; i < b->table->texts; i++)
        n += row->texts[i].n + SUT_SEAL_OVERHEAD;
    room = (struct sut_buf){ .p = sut_arena_bytes(b->a, n), .cap = n, .max = n };
    ENSURE(room.p != NULL, NOMEM);
    TRY(sut_db_prepare(c, &b->table->seal, &s));
    sut_db_bind_i64(s, 1, row->id);
    sut_db_bind_i64(s, 2, k->version);
    for (int i = 0; i < b->table->texts; i++) {
        if (row->texts[i].n == 0)
            sut_db_bind_null(s, 3 + i);
        else
            TRY(sut_personal_bind(b->people->seal, k,
                                  (enum sut_personal)((int) b->table->first + i), row->id,
                                  row->texts[i], &room, s, 3 + i));
    }
    return sut_db_step(s, &has_row);
}

static SUT_ERR seal_row(struct sut_db_conn *c, const struct batch *b, size_t at)
{
    const struct row *row = &b->rows[at];
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    TRY(sut_seal_key_of(b->people->seal, &b->keys[at], &k));
    if (b->table->first != SUT_PERSONAL_USERS_EMAIL)
        return seal_texts(c, b, row, &k);
    struct sut_person_fields f = { .id = row->id };
    for (int i = 0; i < SUT_PERSON_SEALED; i++)
        f.v[i] = row->texts[i];
    return sut_person__seal(c, b->a, &b->table->seal, &k, &f);
}

static SUT_ERR seal_batch(struct sut_db_conn *c, const struct batch *b)
{
    TRY(sut_db_tx_begin(c));
    for (size_t i = 0; i < b->n; i++) {
        const sut_err e = seal_row(c, b, i);
        if (sut_failed(e)) {
            sut_db_tx_rollback(c);
            return e;
        }
    }
    return sut_db_tx_commit(c);
}

static SUT_ERR seal_next(struct sut_db_conn *c, struct batch *b, int64_t after)
{
    for (unsigned i = 0;; i++) {
        TRY(read_page(c, b, after));
        if (b->n == 0)
            return SUT_OK;
        TRY(bring_keys(c, b));
        const sut_err e = seal_batch(c, b);
        if (e.code != SUT_E_CONFLICT || i == TRIES)
            return e;
    }
}

static SUT_ERR seal_table(struct sut_db_conn *c, const struct sut_migrate_env *env, struct batch *b)
{
    int64_t all = 0;
    int64_t after = INT64_MIN;
    TRY(count_left(c, b->table, &all));
    for (int64_t done = 0;; done += (int64_t) b->n) {
        if (done > 0 && env->progress != NULL)
            env->progress(env->progress_ctx, b->table->name, done, all);
        TRY(seal_next(c, b, after));
        if (b->n == 0)
            return SUT_OK;
        after = b->rows[b->n - 1].id;
    }
}

static SUT_ERR anything_left(struct sut_db_conn *c, int64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < N_TABLES; i++) {
        int64_t n = 0;
        TRY(count_left(c, &tables[i], &n));
        *ret += n;
    }
    return SUT_OK;
}

static SUT_ERR seal_all(struct sut_db_conn *c, const struct sut_migrate_env *env)
{
    struct batch *b DEFER(sut_mem_freep) = sut_mem_zalloc(1, sizeof(*b));
    struct sut_arena *a DEFER(sut_arena_free) = NULL;
    int64_t left = 0;
    ENSURE(b != NULL, NOMEM);
    TRY(sut_arena_create(ARENA_MAX, &a));
    b->a = a;
    b->people = env->people;
    TRY(sut_people_load(env->people, c, true));
    for (size_t i = 0; i < N_TABLES; i++) {
        b->table = &tables[i];
        TRY(seal_table(c, env, b));
    }
    TRY(anything_left(c, &left));
    ENSURE(left == 0, CONFLICT);
    return SUT_OK;
}

SUT_ERR sut_store_seal_rows(struct sut_db_conn *c, const struct sut_migrate_env *env,
                            struct sut_diag *reterr_diag)
{
    int64_t left = 0;
    TRY(anything_left(c, &left));
    if (left == 0)
        return SUT_OK;
    if (env->people == NULL) {
        sut_diag_set(reterr_diag, "the store's people must be sealed, and no keeper is there to "
                                  "make their keys");
        sut_diag_hint(reterr_diag, "run `sutler migrate`");
        FAIL(UNAVAILABLE);
    }
    const sut_err e = seal_all(c, env);
    if (e.code == SUT_E_CONFLICT)
        sut_diag_set(reterr_diag, "an older sutler writes to this store: stop it first");
    else if (sut_failed(e))
        sut_diag_set(reterr_diag, "the store's people can't be sealed (%s): %s",
                     sut_err_info(e.code)->name, sut_db_last_error(c));
    return e;
}

SUT_ERR sut_store_wipe_plain(struct sut_db_conn *c, const struct sut_migrate_env *env,
                             struct sut_diag *reterr_diag)
{
    static const char *const sqlite[] = { "VACUUM", NULL };
    static const char *const postgres[] = { "SET statement_timeout = 0", "VACUUM FULL users",
                                            "VACUUM FULL sessions", "VACUUM FULL audit", NULL };
    const bool is_sqlite = sut_db_conn_kind(c) == SUT_DB_SQLITE;
    (void) env;
    for (const char *const *at = is_sqlite ? sqlite : postgres; *at != NULL; at++) {
        const sut_err e = sut_db_script(c, *at);
        if (sut_failed(e)) {
            sut_diag_set(reterr_diag, "%s: %s", *at, sut_db_last_error(c));
            return e;
        }
    }
    return sut_db_checkpoint(c, SUT_DB_TRUNCATE);
}
