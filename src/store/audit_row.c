/* SPDX-License-Identifier: Apache-2.0 */
#include "store/audit_row.h"

#include "base/buf.h"
#include "db/db.h"
#include "store/personal.h"
#include "store/prune.h"
#include "store/store.h"

enum { LIST_MAX = 1000 };
static const int64_t keep_ms = INT64_C(24) * 3600 * 1000 * SUT_AUDIT_KEEP_DAYS;

static const struct sut_sql audit_insert = {
    .name = "audit_insert",
    .text = "INSERT INTO audit (user_id, action, resource, at, change)"
            " VALUES ($1, $2, $3, $4, $5)",
};

/* With an address: its place is part of what is sealed, so the number is needed before. */
static const struct sut_sql audit_insert_ip = {
    .name = "audit_insert_ip",
    .text = "INSERT INTO audit (user_id, action, resource, at, change, ip, key_version, id)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
};

static const struct sut_sql audit_next_sqlite = {
    .name = "audit_next",
    .text = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0) + 1",
};

static const struct sut_sql audit_next_postgres = {
    .name = "audit_next",
    .text = "SELECT nextval(pg_get_serial_sequence('audit', 'id'))",
};

static const struct sut_sql audit_prune = {
    .name = "audit_prune",
    .text = "DELETE FROM audit WHERE id IN"
            " (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT 500)",
};

/* $1 to $4: a user (0: any), an action (empty: any), from, to. */
#define WANTED                                                                                     \
    " WHERE (CAST($1 AS BIGINT) = 0 OR a.user_id = $1)"                                            \
    " AND (CAST($2 AS TEXT) = '' OR a.action = $2) AND a.at >= $3 AND a.at < $4"

static const struct sut_sql audit_page = {
    .name = "audit_page",
    .text = "SELECT a.id, a.user_id, a.action, a.resource, a.at, a.ip, a.key_version,"
            " k.kek_version, k.wrapped, a.change FROM audit a LEFT JOIN data_keys k"
            " ON k.person_id = COALESCE(a.user_id, 0) AND k.version = a.key_version" WANTED
            " ORDER BY a.id DESC LIMIT $5 OFFSET $6",
};

static const struct sut_sql audit_count = {
    .name = "audit_count",
    .text = "SELECT COUNT(*) FROM audit a" WANTED,
};

static SUT_ERR next_id(struct sut_db_conn *c, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(
        c, sut_db_conn_kind(c) == SUT_DB_SQLITE ? &audit_next_sqlite : &audit_next_postgres, &s));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

static void bind_row(struct sut_db_stmt *s, const struct sut_audit_row *row)
{
    if (row->user_id == 0)
        sut_db_bind_null(s, 1);
    else
        sut_db_bind_i64(s, 1, row->user_id);
    sut_db_bind_text(s, 2, row->action);
    sut_db_bind_text(s, 3, row->resource.n == 0 ? SUT_STR("") : row->resource);
    sut_db_bind_i64(s, 4, row->at.v);
    if (row->change.n == 0)
        sut_db_bind_null(s, 5);
    else
        sut_db_bind_text(s, 5, row->change);
}

static SUT_ERR insert_without_ip(struct sut_db_conn *c, const struct sut_audit_row *row)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &audit_insert, &s));
    bind_row(s, row);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_audit_row_insert(struct sut_db_conn *c, const struct sut_audit_row *row)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    char bytes[SUT_AUDIT_IP_MAX + SUT_SEAL_OVERHEAD];
    struct sut_buf room = { .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
    struct sut_seal *seal = NULL;
    int64_t id = 0;
    bool has_row = false;
    ENSURE(row->ip.n <= SUT_AUDIT_IP_MAX, INVALID);
    if (row->ip.n == 0)
        return insert_without_ip(c, row);
    const sut_err e = sut_personal_key_for_writing(c, row->user_id, row->at, &k);
    /* What happened is noted though the person's key is lost. */
    if (e.code == SUT_E_CORRUPT)
        return insert_without_ip(c, row);
    TRY(e);
    TRY(sut_personal_seal(c, &seal));
    TRY(next_id(c, &id));
    TRY(sut_db_prepare(c, &audit_insert_ip, &s));
    bind_row(s, row);
    TRY(sut_personal_bind(seal, &k, SUT_PERSONAL_AUDIT_IP, id, row->ip, &room, s, 6));
    sut_db_bind_i64(s, 7, k.version);
    sut_db_bind_i64(s, 8, id);
    return sut_db_step(s, &has_row);
}

static void bind_query(struct sut_db_stmt *s, const struct sut_audit_query *q)
{
    sut_db_bind_i64(s, 1, q->user_id);
    sut_db_bind_text(s, 2, q->action.n == 0 ? SUT_STR("") : q->action);
    sut_db_bind_i64(s, 3, q->since.v);
    sut_db_bind_i64(s, 4, q->until.v == 0 ? INT64_MAX : q->until.v);
}

/* A row as it lies there. */
struct sealed_row {
    struct sut_audit_row plain;  /* ip is the sealed one */
    struct sut_data_key_row key; /* version 0: none */
};

static SUT_ERR copy(struct sut_arena *a, sut_str v, sut_str *ret)
{
    *ret = v.n == 0 ? SUT_STR("") : sut_str_dup(a, v);
    ENSURE(ret->p != NULL, NOMEM);
    return SUT_OK;
}

static SUT_ERR read_row(struct sut_db_stmt *s, struct sut_arena *a, struct sealed_row *row)
{
    struct sut_audit_row *p = &row->plain;
    p->id = sut_db_col_i64(s, 0);
    p->user_id = sut_db_col_i64(s, 1);
    TRY(copy(a, sut_db_col_text(s, 2), &p->action));
    TRY(copy(a, sut_db_col_text(s, 3), &p->resource));
    p->at.v = sut_db_col_i64(s, 4);
    TRY(copy(a, sut_db_col_blob(s, 5), &p->ip));
    TRY(copy(a, sut_db_col_text(s, 9), &p->change));
    const sut_str wrapped = sut_db_col_blob(s, 8);
    if (wrapped.n != SUT_DATA_WRAPPED)
        return SUT_OK;
    row->key = (struct sut_data_key_row){ .person = p->user_id,
                                          .version = (uint32_t) sut_db_col_i64(s, 6),
                                          .kek_version = (uint32_t) sut_db_col_i64(s, 7) };
    memcpy(row->key.wrapped, wrapped.p, SUT_DATA_WRAPPED);
    return SUT_OK;
}

/* An address that is lost is shown as none. */
static SUT_ERR open_row(struct sut_seal *seal, struct sut_arena *a, const struct sealed_row *from,
                        struct sut_audit_row *ret)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    struct sut_buf out;
    *ret = from->plain;
    ret->ip = SUT_STR("");
    if (from->plain.ip.n == 0)
        return SUT_OK;
    sut_buf_init_arena(&out, a, from->plain.ip.n);
    sut_err e = sut_seal_key_of(seal, &from->key, &k);
    if (!sut_failed(e))
        e = sut_seal_get(&k, sut_personal_field(SUT_PERSONAL_AUDIT_IP), from->plain.id,
                         from->plain.ip, &out);
    if (e.code == SUT_E_NOT_FOUND || e.code == SUT_E_CORRUPT)
        return SUT_OK;
    TRY(e);
    TRY(sut_buf_check(&out));
    ret->ip = sut_buf_str(&out);
    return SUT_OK;
}

static SUT_ERR open_rows(struct sut_db_conn *c, struct sut_arena *a, const struct sealed_row *from,
                         size_t n, struct sut_audit_row *ret)
{
    struct sut_seal *seal = NULL;
    size_t n_keys = 0;
    struct sut_data_key_row *keys = ARENA_ARRAY(a, struct sut_data_key_row, n + 1);
    ENSURE(keys != NULL, NOMEM);
    for (size_t i = 0; i < n; i++)
        if (from[i].key.version != 0)
            keys[n_keys++] = from[i].key;
    TRY(sut_personal_seal(c, &seal));
    if (n_keys > 0)
        TRY(sut_personal_open_keys(c, keys, n_keys));
    for (size_t i = 0; i < n; i++)
        TRY(open_row(seal, a, &from[i], &ret[i]));
    return SUT_OK;
}

static SUT_ERR count(struct sut_db_conn *c, const struct sut_audit_query *q, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &audit_count, &s));
    bind_query(s, q);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_audit_row_list(struct sut_db_conn *c, struct sut_arena *a,
                           const struct sut_audit_query *q, struct sut_audit_row **ret,
                           size_t *ret_n, int64_t *ret_count)
{
    ENSURE(q->limit <= LIST_MAX, INVALID);
    struct sut_audit_row *rows = ARENA_ARRAY(a, struct sut_audit_row, q->limit + 1);
    struct sealed_row *sealed = ARENA_ARRAY(a, struct sealed_row, q->limit + 1);
    ENSURE(rows != NULL && sealed != NULL, NOMEM);
    TRY(count(c, q, ret_count));

    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &audit_page, &s));
    bind_query(s, q);
    sut_db_bind_i64(s, 5, (int64_t) q->limit);
    sut_db_bind_i64(s, 6, (int64_t) q->offset);
    size_t n = 0;
    for (; n < q->limit; n++) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        TRY(read_row(s, a, &sealed[n]));
    }
    TRY(open_rows(c, a, sealed, n, rows));
    *ret = rows;
    *ret_n = n;
    return SUT_OK;
}

SUT_ERR sut_audit_row_prune(struct sut_store *store, sut_ms now)
{
    const struct sut_sql *const sql[] = { &audit_prune };
    return sut_store__prune(store, sql, 1, (sut_ms){ now.v - keep_ms });
}
