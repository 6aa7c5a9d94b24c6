/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "db/db.h"
#include "store/person_int.h"

#define VERSIONS4 "($1, $2, $3, $4)"

static const struct sut_sql person_by_id = {
    .name = "person_by_id",
    .text = "SELECT " SUT_PERSON_COLUMNS " FROM users u WHERE u.id = $1",
};

static const struct sut_sql person_by_email = {
    .name = "person_by_email",
    .text = "SELECT " SUT_PERSON_COLUMNS " FROM users u WHERE u.email_index IN " VERSIONS4,
};

#define ACCOUNT                                                                                    \
    "u.id, u.password, u.is_active, u.is_staff, u.is_superuser, u.email_verified,"                 \
    " u.date_joined, u.last_login, u.tokens_revoked_at, u.factors, u.locked_until"

static const struct sut_sql person_account = {
    .name = "person_account",
    .text = "SELECT " ACCOUNT ", 1 FROM users u WHERE u.id = $1",
};

/*
 * A miss reads a row, too: the first person's, which is thrown away; and a hit asks who that
 * is.  The microseconds that it takes would tell, over some thousand tries, who has an account.
 */
static const struct sut_sql person_account_by_email = {
    .name = "person_account_by_email",
    .text = "SELECT " ACCOUNT ", CASE WHEN u.email_index IN " VERSIONS4 " THEN 1 ELSE 0 END"
            " FROM users u WHERE u.id = (SELECT MAX(x.id) FROM ("
            "SELECT e.id FROM users e WHERE e.email_index IN " VERSIONS4
            " UNION ALL SELECT MIN(m.id) FROM users m) x)",
};

SUT_ERR sut_person__text(struct sut_db_stmt *s, int i, struct sut_arena *a, sut_str *ret)
{
    if (sut_db_col_is_null(s, i)) {
        *ret = (sut_str){ 0 };
        return SUT_OK;
    }
    const sut_str v = sut_db_col_text(s, i);
    *ret = v.n == 0 ? SUT_STR("") : sut_str_dup(a, v);
    ENSURE(ret->p != NULL, NOMEM);
    return SUT_OK;
}

SUT_ERR sut_person__read(struct sut_db_stmt *s, struct sut_arena *a, struct sut_person_sealed *ret)
{
    struct sut_person_row *p = &ret->plain;
    *p = (struct sut_person_row){ .id = sut_db_col_i64(s, 0) };
    TRY(sut_person__text(s, 1, a, &p->password));
    p->is_active = sut_db_col_i64(s, 2) != 0;
    p->is_staff = sut_db_col_i64(s, 3) != 0;
    p->is_superuser = sut_db_col_i64(s, 4) != 0;
    p->email_verified = sut_db_col_i64(s, 5) != 0;
    p->date_joined.v = sut_db_col_i64(s, 6);
    p->last_login.v = sut_db_col_i64(s, 7);
    p->tokens_revoked_at.v = sut_db_col_i64(s, 8);
    p->created_at.v = sut_db_col_i64(s, 9);
    p->modified_at.v = sut_db_col_i64(s, 10);
    ret->key_version = (uint32_t) sut_db_col_i64(s, 11);
    for (int i = 0; i < SUT_PERSON_SEALED; i++)
        ret->fields[i] =
            sut_db_col_is_null(s, 12 + i) ? (sut_str){ 0 } : sut_db_col_blob(s, 12 + i);
    return sut_person__text(s, 12 + SUT_PERSON_SEALED, a, &p->picture);
}

SUT_ERR sut_person__open(const struct sut_data_key *k, struct sut_arena *a,
                         const struct sut_person_sealed *from, struct sut_person_row *ret)
{
    sut_str v[SUT_PERSON_SEALED] = { { 0 } };
    size_t n = 0;
    for (int i = 0; i < SUT_PERSON_SEALED; i++)
        n += from->fields[i].n;
    struct sut_buf out = { .p = sut_arena_bytes(a, n + 1), .cap = n, .max = n };
    ENSURE(out.p != NULL, NOMEM);
    for (int i = 0; i < SUT_PERSON_SEALED; i++) {
        if (from->fields[i].p == NULL) {
            ENSURE(sut_person__is_optional(i), CORRUPT);
            continue;
        }
        const size_t at = out.n;
        TRY(sut_seal_get(k, sut_personal_field((enum sut_personal)(SUT_PERSONAL_USERS_EMAIL + i)),
                         from->plain.id, from->fields[i], &out));
        v[i] = sut_str_of(out.p + at, out.n - at);
    }
    *ret = from->plain;
    ret->email = v[SUT_P_EMAIL];
    ret->username = v[SUT_P_USERNAME];
    ret->first_name = v[SUT_P_FIRST_NAME];
    ret->last_name = v[SUT_P_LAST_NAME];
    ret->phone = v[SUT_P_PHONE];
    ret->tax_number = v[SUT_P_TAX_NUMBER];
    return SUT_OK;
}

/* The one row of a statement; its fields are opened out of the statement's own memory. */
static SUT_ERR read_one(struct sut_db_conn *c, struct sut_db_stmt *s, struct sut_arena *a,
                        struct sut_person_row *ret)
{
    struct sut_person_sealed row;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    bool has_row = false;
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    TRY(sut_person__read(s, a, &row));
    TRY(sut_personal_key_for_reading(c, row.plain.id, row.key_version, &k));
    return sut_person__open(&k, a, &row, ret);
}

static SUT_ERR try_by_id(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                         struct sut_person_row *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &person_by_id, &s));
    sut_db_bind_i64(s, 1, id);
    return read_one(c, s, a, ret);
}

SUT_ERR sut_person_by_id(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                         struct sut_person_row *ret)
{
    const sut_err e = try_by_id(c, a, id, ret);
    /* Between row and key a rotation may have taken the old key away: look again. */
    return e.code == SUT_E_CORRUPT ? try_by_id(c, a, id, ret) : e;
}

SUT_ERR sut_person__index_email(struct sut_db_conn *c, struct sut_arena *a, sut_str email,
                                struct sut_index *ret)
{
    sut_str key = { 0 };
    TRY(sut_person_email_key(a, email, &key));
    return sut_personal_index(c, sut_personal_field(SUT_PERSONAL_USERS_EMAIL), key, ret);
}

static SUT_ERR try_by_email(struct sut_db_conn *c, struct sut_arena *a, sut_str email,
                            struct sut_person_row *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_index ix;
    TRY(sut_person__index_email(c, a, email, &ix));
    TRY(sut_db_prepare(c, &person_by_email, &s));
    sut_personal_bind_index(s, 1, &ix);
    return read_one(c, s, a, ret);
}

SUT_ERR sut_person_by_email(struct sut_db_conn *c, struct sut_arena *a, sut_str email,
                            struct sut_person_row *ret)
{
    const sut_err e = try_by_email(c, a, email, ret);
    bool changed = false;
    if (e.code == SUT_E_NOT_FOUND)
        TRY(sut_personal_look_for_keys(c, &changed));
    return changed || e.code == SUT_E_CORRUPT ? try_by_email(c, a, email, ret) : e;
}

static SUT_ERR read_account(struct sut_db_stmt *s, struct sut_arena *a,
                            struct sut_person_account *ret)
{
    bool has_row = false;
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    struct sut_person_account p = { .id = sut_db_col_i64(s, 0) };
    TRY(sut_person__text(s, 1, a, &p.password));
    p.is_active = sut_db_col_i64(s, 2) != 0;
    p.is_staff = sut_db_col_i64(s, 3) != 0;
    p.is_superuser = sut_db_col_i64(s, 4) != 0;
    p.email_verified = sut_db_col_i64(s, 5) != 0;
    p.date_joined.v = sut_db_col_i64(s, 6);
    p.last_login.v = sut_db_col_i64(s, 7);
    p.tokens_revoked_at.v = sut_db_col_i64(s, 8);
    p.factors = sut_db_col_i64(s, 9);
    p.locked_until.v = sut_db_col_i64(s, 10);
    ENSURE(sut_db_col_i64(s, 11) != 0, NOT_FOUND);
    *ret = p;
    return SUT_OK;
}

SUT_ERR sut_person_account(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                           struct sut_person_account *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &person_account, &s));
    sut_db_bind_i64(s, 1, id);
    return read_account(s, a, ret);
}

static SUT_ERR try_account_by_email(struct sut_db_conn *c, struct sut_arena *a, sut_str email,
                                    struct sut_person_account *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_index ix;
    TRY(sut_person__index_email(c, a, email, &ix));
    TRY(sut_db_prepare(c, &person_account_by_email, &s));
    sut_personal_bind_index(s, 1, &ix);
    return read_account(s, a, ret);
}

SUT_ERR sut_person_account_by_email(struct sut_db_conn *c, struct sut_arena *a, sut_str email,
                                    struct sut_person_account *ret)
{
    const sut_err e = try_account_by_email(c, a, email, ret);
    bool changed = false;
    if (e.code == SUT_E_NOT_FOUND)
        TRY(sut_personal_look_for_keys(c, &changed));
    return changed ? try_account_by_email(c, a, email, ret) : e;
}
