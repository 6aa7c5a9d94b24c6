/* SPDX-License-Identifier: Apache-2.0 */
#include "store/address.h"

#include "base/buf.h"
#include "db/db.h"
#include "store/personal.h"

_Static_assert((int) SUT_PERSONAL_ADDRESS_PHONE - (int) SUT_PERSONAL_ADDRESS_LABEL ==
                   (int) SUT_POSTAL_PHONE - (int) SUT_POSTAL_LABEL,
               "fields stand in the order of personal.def");

/* The row's place is part of what is sealed, so the number is needed before. */
static const struct sut_sql next_sqlite = {
    .name = "address_next",
    .text = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'addresses'), 0) + 1",
};
static const struct sut_sql next_postgres = {
    .name = "address_next",
    .text = "SELECT nextval(pg_get_serial_sequence('addresses', 'id'))",
};

static const struct sut_sql count_of = {
    .name = "address_count",
    .text = "SELECT COUNT(*) FROM addresses WHERE person_id = $1",
};

#define COLUMNS                                                                                    \
    "id, person_id, is_default, created_at, modified_at, key_version, label, name, line1, line2,"  \
    " city, region, postal_code, country, phone"

static const struct sut_sql find_one = {
    .name = "address_find",
    .text = "SELECT " COLUMNS " FROM addresses WHERE person_id = $1 AND id = $2",
};

static const struct sut_sql list_of = {
    .name = "address_list",
    .text = "SELECT " COLUMNS " FROM addresses WHERE person_id = $1 ORDER BY id LIMIT $2",
};

static const struct sut_sql insert_one = {
    .name = "address_insert",
    .text = "INSERT INTO addresses (id, person_id, is_default, modified_at, key_version, label,"
            " name, line1, line2, city, region, postal_code, country, phone, created_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $4)",
};

static const struct sut_sql update_one = {
    .name = "address_update",
    .text = "UPDATE addresses SET is_default = $3, modified_at = $4, key_version = $5, label = $6,"
            " name = $7, line1 = $8, line2 = $9, city = $10, region = $11, postal_code = $12,"
            " country = $13, phone = $14 WHERE id = $1 AND person_id = $2",
};

static const struct sut_sql one_default = {
    .name = "address_one_default",
    .text = "UPDATE addresses SET is_default = 0 WHERE person_id = $1 AND id <> $2"
            " AND is_default = 1",
};

static const struct sut_sql remove_one = {
    .name = "address_remove",
    .text = "DELETE FROM addresses WHERE person_id = $1 AND id = $2",
};

/* --- reading --- */

static SUT_ERR open_field(const struct sut_data_key *k, struct sut_db_stmt *s, struct sut_arena *a,
                          int field, int64_t id, sut_str *ret)
{
    const int column = 6 + field;
    struct sut_buf out;
    *ret = (sut_str){ 0 };
    if (sut_db_col_is_null(s, column))
        return SUT_OK;
    const sut_str sealed = sut_db_col_blob(s, column);
    sut_buf_init_arena(&out, a, sealed.n + 1);
    TRY(sut_seal_get(k, sut_personal_field((enum sut_personal)(SUT_PERSONAL_ADDRESS_LABEL + field)),
                     id, sealed, &out));
    TRY(sut_buf_check(&out));
    *ret = out.n == 0 ? SUT_STR("") : sut_buf_str(&out);
    return SUT_OK;
}

static SUT_ERR read_row(struct sut_db_conn *c, struct sut_db_stmt *s, struct sut_arena *a,
                        struct sut_postal *ret)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    *ret = (struct sut_postal){
        .id = sut_db_col_i64(s, 0),
        .person = sut_db_col_i64(s, 1),
        .is_default = sut_db_col_i64(s, 2) != 0,
        .created_at = { sut_db_col_i64(s, 3) },
        .modified_at = { sut_db_col_i64(s, 4) },
    };
    TRY(sut_personal_key_for_reading(c, ret->person, (uint32_t) sut_db_col_i64(s, 5), &k));
    for (int i = 0; i < SUT_POSTAL_FIELDS; i++)
        TRY(open_field(&k, s, a, i, ret->id, &ret->v[i]));
    return SUT_OK;
}

static SUT_ERR find(struct sut_db_conn *c, struct sut_arena *a, int64_t person, int64_t id,
                    struct sut_postal *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &find_one, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, id);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    return read_row(c, s, a, ret);
}

SUT_ERR sut_postal_find(struct sut_db_conn *c, struct sut_arena *a, int64_t person, int64_t id,
                        struct sut_postal *ret)
{
    const sut_err e = find(c, a, person, id, ret);
    /* Between row and key a rotation may have taken the old key away: look again. */
    return e.code == SUT_E_CORRUPT ? find(c, a, person, id, ret) : e;
}

static SUT_ERR list(struct sut_db_conn *c, struct sut_arena *a, int64_t person,
                    struct sut_postal *rows, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    size_t n = 0;
    TRY(sut_db_prepare(c, &list_of, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, SUT_POSTAL_MAX);
    for (;; n++) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row || n == SUT_POSTAL_MAX)
            break;
        TRY(read_row(c, s, a, &rows[n]));
    }
    *ret_n = n;
    return SUT_OK;
}

SUT_ERR sut_postal_list(struct sut_db_conn *c, struct sut_arena *a, int64_t person,
                        struct sut_postal **ret, size_t *ret_n)
{
    struct sut_postal *rows = ARENA_ARRAY(a, struct sut_postal, SUT_POSTAL_MAX);
    ENSURE(rows != NULL, NOMEM);
    *ret = rows;
    const sut_err e = list(c, a, person, rows, ret_n);
    return e.code == SUT_E_CORRUPT ? list(c, a, person, rows, ret_n) : e;
}

/* --- in a write job --- */

/* The one number that a statement gives. */
static SUT_ERR number_of(struct sut_db_conn *c, const struct sut_sql *sql, int64_t person,
                         int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    if (person != 0)
        sut_db_bind_i64(s, 1, person);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

/* Run a statement with a person and an address; how many rows it changed. */
static SUT_ERR run_two(struct sut_db_conn *c, const struct sut_sql *sql, int64_t person, int64_t id,
                       int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, id);
    TRY(sut_db_step(s, &has_row));
    *ret = sut_db_changes(s);
    return SUT_OK;
}

/* $1 … $14 of a row, sealed under the key that is the person's now. */
static SUT_ERR put(struct sut_db_conn *c, const struct sut_sql *sql, int64_t id,
                   const struct sut_postal *p, sut_ms now, int64_t *ret_changes)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    DEFER(sut_buf_done) struct sut_buf room = { .p = NULL };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_seal *seal = NULL;
    bool has_row = false;
    size_t n = 1;
    for (int i = 0; i < SUT_POSTAL_FIELDS; i++)
        n += p->v[i].n + (size_t) SUT_SEAL_OVERHEAD;
    TRY(sut_personal_key_for_writing(c, p->person, now, &k));
    TRY(sut_personal_seal(c, &seal));
    sut_buf_init(&room, n);
    (void) sut_buf_room(&room, room.max);
    TRY(sut_buf_check(&room));
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, p->person);
    sut_db_bind_i64(s, 3, p->is_default ? 1 : 0);
    sut_db_bind_i64(s, 4, now.v);
    sut_db_bind_i64(s, 5, k.version);
    for (int i = 0; i < SUT_POSTAL_FIELDS; i++) {
        if (p->v[i].p == NULL)
            sut_db_bind_null(s, 6 + i);
        else
            TRY(sut_personal_bind(seal, &k, (enum sut_personal)(SUT_PERSONAL_ADDRESS_LABEL + i), id,
                                  p->v[i], &room, s, 6 + i));
    }
    TRY(sut_db_step(s, &has_row));
    *ret_changes = sut_db_changes(s);
    return SUT_OK;
}

static SUT_ERR make_default(struct sut_db_conn *c, const struct sut_postal *p, int64_t id)
{
    int64_t ignored = 0;
    return p->is_default ? run_two(c, &one_default, p->person, id, &ignored) : SUT_OK;
}

SUT_ERR sut_postal_insert(struct sut_db_conn *c, const struct sut_postal *p, sut_ms now,
                          int64_t *ret)
{
    int64_t n = 0;
    TRY(number_of(c, &count_of, p->person, &n));
    ENSURE(n < SUT_POSTAL_MAX, FULL);
    TRY(number_of(c, sut_db_conn_kind(c) == SUT_DB_SQLITE ? &next_sqlite : &next_postgres, 0, ret));
    TRY(put(c, &insert_one, *ret, p, now, &n));
    return make_default(c, p, *ret);
}

SUT_ERR sut_postal_update(struct sut_db_conn *c, const struct sut_postal *p, sut_ms now)
{
    int64_t n = 0;
    TRY(put(c, &update_one, p->id, p, now, &n));
    ENSURE(n > 0, NOT_FOUND);
    return make_default(c, p, p->id);
}

SUT_ERR sut_postal_remove(struct sut_db_conn *c, int64_t person, int64_t id)
{
    int64_t n = 0;
    TRY(run_two(c, &remove_one, person, id, &n));
    ENSURE(n > 0, NOT_FOUND);
    return SUT_OK;
}
