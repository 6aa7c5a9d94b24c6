/* SPDX-License-Identifier: Apache-2.0 */
#include "store/person.h"

#include "codec/email.h"
#include "codec/utf8.h"
#include "db/db.h"

enum { LIST_MAX = 1000 };

#define PERSON                                                                                     \
    "u.id, u.email, u.username, u.first_name, u.last_name, u.phone, u.tax_number, u.password,"     \
    " u.is_active, u.is_staff, u.is_superuser, u.email_verified, u.date_joined, u.last_login,"     \
    " u.tokens_revoked_at, u.created_at, u.modified_at"

static const struct sut_sql person_insert = {
    .name = "person_insert",
    .text = "INSERT INTO users (email, email_key, username, first_name, last_name, first_name_key,"
            " last_name_key, phone, tax_number, password, is_active, is_staff, is_superuser,"
            " email_verified, date_joined, created_by, modified_by, created_at, modified_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16,"
            " $15, $15) ON CONFLICT DO NOTHING RETURNING id",
};

static const struct sut_sql person_by_id = {
    .name = "person_by_id",
    .text = "SELECT " PERSON " FROM users u WHERE u.id = $1",
};

static const struct sut_sql person_by_email = {
    .name = "person_by_email",
    .text = "SELECT " PERSON " FROM users u WHERE u.email_key = $1",
};

static const struct sut_sql person_email_taken = {
    .name = "person_email_taken",
    .text = "SELECT 1 FROM users WHERE email_key = $1",
};

static const struct sut_sql person_username_taken = {
    .name = "person_username_taken",
    .text = "SELECT 1 FROM users WHERE username = $1",
};

static const struct sut_sql person_profile = {
    .name = "person_profile",
    .text = "UPDATE users SET first_name = $1, first_name_key = $2, last_name = $3,"
            " last_name_key = $4, phone = $5, tax_number = $6, modified_by = $7, modified_at = $8"
            " WHERE id = $9",
};

static const struct sut_sql person_password = {
    .name = "person_password",
    .text = "UPDATE users SET password = $1, modified_by = $2, modified_at = $3 WHERE id = $4",
};

static const struct sut_sql person_password_if = {
    .name = "person_password_if",
    .text = "UPDATE users SET password = $1, modified_by = $2, modified_at = $3 WHERE id = $4"
            " AND password = $5",
};

static const struct sut_sql person_last_login = {
    .name = "person_last_login",
    .text = "UPDATE users SET last_login = $1 WHERE id = $2",
};

static const struct sut_sql person_active = {
    .name = "person_active",
    .text = "UPDATE users SET is_active = $1, modified_by = $2, modified_at = $3 WHERE id = $4",
};

static const struct sut_sql person_role = {
    .name = "person_role",
    .text = "UPDATE users SET is_staff = $1, is_superuser = $2, modified_by = $3, modified_at = $4"
            " WHERE id = $5",
};

static const struct sut_sql person_verified = {
    .name = "person_verified",
    .text = "UPDATE users SET email_verified = 1, modified_at = $1 WHERE id = $2",
};

static const struct sut_sql person_tokens_revoked = {
    .name = "person_tokens_revoked",
    .text = "UPDATE users SET tokens_revoked_at = $1 WHERE id = $2",
};

static const struct sut_sql person_groups = {
    .name = "person_groups",
    .text = "SELECT g.name FROM groups g JOIN user_groups m ON m.group_id = g.id"
            " WHERE m.user_id = $1 ORDER BY g.name",
};

static const struct sut_sql person_in_group = {
    .name = "person_in_group",
    .text = "SELECT 1 FROM user_groups WHERE user_id = $1"
            " AND group_id = (SELECT id FROM groups WHERE name = $2)",
};

static const struct sut_sql group_by_name = {
    .name = "group_by_name",
    .text = "SELECT id FROM groups WHERE name = $1",
};

static const struct sut_sql group_join = {
    .name = "group_join",
    .text = "INSERT INTO user_groups (user_id, group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
};

static const struct sut_sql group_leave = {
    .name = "group_leave",
    .text = "DELETE FROM user_groups WHERE user_id = $1 AND group_id = $2",
};

static const struct sut_sql person_page = {
    .name = "person_page",
    .text = "SELECT " PERSON " FROM users u ORDER BY u.id LIMIT $1 OFFSET $2",
};

static const struct sut_sql person_count = {
    .name = "person_count",
    .text = "SELECT COUNT(*) FROM users",
};

/* Each part has an index of its own; UNION takes the doubles out. */
#define FOUND                                                                                      \
    "(SELECT id FROM users WHERE email_key = $1 UNION SELECT id FROM users WHERE username = $2"    \
    " UNION SELECT id FROM users WHERE phone = $2 UNION SELECT id FROM users"                      \
    " WHERE first_name_key = $1 UNION SELECT id FROM users WHERE last_name_key = $1)"

static const struct sut_sql person_found = {
    .name = "person_found",
    .text =
        "SELECT " PERSON " FROM users u WHERE u.id IN " FOUND " ORDER BY u.id LIMIT $3 OFFSET $4",
};

static const struct sut_sql person_found_count = {
    .name = "person_found_count",
    .text = "SELECT COUNT(*) FROM users u WHERE u.id IN " FOUND,
};

static const struct sut_sql person_revoked = {
    .name = "person_revoked",
    .text = "SELECT id, tokens_revoked_at FROM users WHERE tokens_revoked_at IS NOT NULL"
            " AND tokens_revoked_at > $1",
};

SUT_ERR sut_person_email_key(struct sut_arena *a, sut_str email, sut_str *ret)
{
    return sut_email_key(a, email, ret);
}

/* Text that may be absent: empty is NULL. */
static void bind_or_null(struct sut_db_stmt *s, int n, sut_str v)
{
    if (v.n == 0)
        sut_db_bind_null(s, n);
    else
        sut_db_bind_text(s, n, v);
}

static void bind_id_or_null(struct sut_db_stmt *s, int n, int64_t id)
{
    if (id == 0)
        sut_db_bind_null(s, n);
    else
        sut_db_bind_i64(s, n, id);
}

SUT_ERR sut_person_insert(struct sut_db_conn *c, struct sut_arena *scratch,
                          const struct sut_person_new *p, sut_ms now, int64_t *ret_id)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    sut_str email_key = { 0 };
    sut_str first_key = { 0 };
    sut_str last_key = { 0 };
    bool has_row = false;
    TRY(sut_person_email_key(scratch, p->email, &email_key));
    TRY(sut_utf8_lower(scratch, p->first_name, &first_key));
    TRY(sut_utf8_lower(scratch, p->last_name, &last_key));
    TRY(sut_db_prepare(c, &person_insert, &s));
    sut_db_bind_text(s, 1, p->email);
    sut_db_bind_text(s, 2, email_key);
    sut_db_bind_text(s, 3, p->username);
    sut_db_bind_text(s, 4, p->first_name);
    sut_db_bind_text(s, 5, p->last_name);
    sut_db_bind_text(s, 6, first_key);
    sut_db_bind_text(s, 7, last_key);
    bind_or_null(s, 8, p->phone);
    bind_or_null(s, 9, p->tax_number);
    sut_db_bind_text(s, 10, p->password);
    sut_db_bind_i64(s, 11, p->is_active);
    sut_db_bind_i64(s, 12, p->is_staff);
    sut_db_bind_i64(s, 13, p->is_superuser);
    sut_db_bind_i64(s, 14, p->email_verified);
    sut_db_bind_i64(s, 15, now.v);
    bind_id_or_null(s, 16, p->by);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, EXISTS);
    *ret_id = sut_db_col_i64(s, 0);
    return SUT_OK;
}

/* A column's text in the arena; {NULL, 0} for NULL. */
static SUT_ERR copy_text(struct sut_db_stmt *s, int i, struct sut_arena *a, sut_str *ret)
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

/* The columns of PERSON. */
static SUT_ERR read_person(struct sut_db_stmt *s, struct sut_arena *a, struct sut_person_row *p)
{
    p->id = sut_db_col_i64(s, 0);
    TRY(copy_text(s, 1, a, &p->email));
    TRY(copy_text(s, 2, a, &p->username));
    TRY(copy_text(s, 3, a, &p->first_name));
    TRY(copy_text(s, 4, a, &p->last_name));
    TRY(copy_text(s, 5, a, &p->phone));
    TRY(copy_text(s, 6, a, &p->tax_number));
    TRY(copy_text(s, 7, a, &p->password));
    p->is_active = sut_db_col_i64(s, 8) != 0;
    p->is_staff = sut_db_col_i64(s, 9) != 0;
    p->is_superuser = sut_db_col_i64(s, 10) != 0;
    p->email_verified = sut_db_col_i64(s, 11) != 0;
    p->date_joined.v = sut_db_col_i64(s, 12);
    p->last_login.v = sut_db_col_i64(s, 13);
    p->tokens_revoked_at.v = sut_db_col_i64(s, 14);
    p->created_at.v = sut_db_col_i64(s, 15);
    p->modified_at.v = sut_db_col_i64(s, 16);
    return SUT_OK;
}

static SUT_ERR read_one(struct sut_db_stmt *s, struct sut_arena *a, struct sut_person_row *ret)
{
    struct sut_person_row p = { 0 };
    bool has_row = false;
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    TRY(read_person(s, a, &p));
    *ret = p;
    return SUT_OK;
}

SUT_ERR sut_person_by_id(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                         struct sut_person_row *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &person_by_id, &s));
    sut_db_bind_i64(s, 1, id);
    return read_one(s, a, ret);
}

SUT_ERR sut_person_by_email(struct sut_db_conn *c, struct sut_arena *a, sut_str email,
                            struct sut_person_row *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    sut_str key = { 0 };
    TRY(sut_person_email_key(a, email, &key));
    TRY(sut_db_prepare(c, &person_by_email, &s));
    sut_db_bind_text(s, 1, key);
    return read_one(s, a, ret);
}

static SUT_ERR has_row_for(struct sut_db_conn *c, const struct sut_sql *sql, sut_str key, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_text(s, 1, key);
    return sut_db_step(s, ret);
}

SUT_ERR sut_person_email_taken(struct sut_db_conn *c, struct sut_arena *scratch, sut_str email,
                               bool *ret)
{
    sut_str key = { 0 };
    TRY(sut_person_email_key(scratch, email, &key));
    return has_row_for(c, &person_email_taken, key, ret);
}

SUT_ERR sut_person_username_taken(struct sut_db_conn *c, sut_str username, bool *ret)
{
    return has_row_for(c, &person_username_taken, username, ret);
}

/* Run a change of one row; NOT_FOUND when there is no such row. */
static SUT_ERR change_one(struct sut_db_stmt *s)
{
    bool has_row = false;
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) > 0, NOT_FOUND);
    return SUT_OK;
}

SUT_ERR sut_person_set_profile(struct sut_db_conn *c, struct sut_arena *scratch, int64_t id,
                               const struct sut_person_change *change, int64_t by, sut_ms now)
{
    struct sut_person_row p;
    TRY(sut_person_by_id(c, scratch, id, &p));
    const sut_str first = change->has_first_name ? change->first_name : p.first_name;
    const sut_str last = change->has_last_name ? change->last_name : p.last_name;

    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    sut_str first_key = { 0 };
    sut_str last_key = { 0 };
    TRY(sut_utf8_lower(scratch, first, &first_key));
    TRY(sut_utf8_lower(scratch, last, &last_key));
    TRY(sut_db_prepare(c, &person_profile, &s));
    sut_db_bind_text(s, 1, first);
    sut_db_bind_text(s, 2, first_key);
    sut_db_bind_text(s, 3, last);
    sut_db_bind_text(s, 4, last_key);
    bind_or_null(s, 5, change->has_phone ? change->phone : p.phone);
    bind_or_null(s, 6, change->has_tax_number ? change->tax_number : p.tax_number);
    bind_id_or_null(s, 7, by);
    sut_db_bind_i64(s, 8, now.v);
    sut_db_bind_i64(s, 9, id);
    return change_one(s);
}

SUT_ERR sut_person_set_password(struct sut_db_conn *c, int64_t id, sut_str was, sut_str hash,
                                int64_t by, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    const bool is_any = was.p == NULL;
    TRY(sut_db_prepare(c, is_any ? &person_password : &person_password_if, &s));
    sut_db_bind_text(s, 1, hash);
    bind_id_or_null(s, 2, by);
    sut_db_bind_i64(s, 3, now.v);
    sut_db_bind_i64(s, 4, id);
    if (is_any)
        return change_one(s);
    sut_db_bind_text(s, 5, was);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) > 0, EXISTS);
    return SUT_OK;
}

SUT_ERR sut_person_set_last_login(struct sut_db_conn *c, int64_t id, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &person_last_login, &s));
    sut_db_bind_i64(s, 1, now.v);
    sut_db_bind_i64(s, 2, id);
    return change_one(s);
}

SUT_ERR sut_person_set_active(struct sut_db_conn *c, int64_t id, bool on, int64_t by, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &person_active, &s));
    sut_db_bind_i64(s, 1, on);
    bind_id_or_null(s, 2, by);
    sut_db_bind_i64(s, 3, now.v);
    sut_db_bind_i64(s, 4, id);
    return change_one(s);
}

SUT_ERR sut_person_set_role(struct sut_db_conn *c, int64_t id, bool is_staff, bool is_superuser,
                            int64_t by, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &person_role, &s));
    sut_db_bind_i64(s, 1, is_staff);
    sut_db_bind_i64(s, 2, is_superuser);
    bind_id_or_null(s, 3, by);
    sut_db_bind_i64(s, 4, now.v);
    sut_db_bind_i64(s, 5, id);
    return change_one(s);
}

SUT_ERR sut_person_set_email_verified(struct sut_db_conn *c, int64_t id, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &person_verified, &s));
    sut_db_bind_i64(s, 1, now.v);
    sut_db_bind_i64(s, 2, id);
    return change_one(s);
}

SUT_ERR sut_person_set_tokens_revoked(struct sut_db_conn *c, int64_t id, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &person_tokens_revoked, &s));
    sut_db_bind_i64(s, 1, now.v);
    sut_db_bind_i64(s, 2, id);
    return change_one(s);
}

SUT_ERR sut_person_groups(struct sut_db_conn *c, struct sut_arena *a, int64_t id, sut_str **ret,
                          size_t *ret_n)
{
    enum { GROUPS_MAX = 64 };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    sut_str *names = ARENA_ARRAY(a, sut_str, GROUPS_MAX);
    ENSURE(names != NULL, NOMEM);
    TRY(sut_db_prepare(c, &person_groups, &s));
    sut_db_bind_i64(s, 1, id);
    size_t n = 0;
    for (; n < GROUPS_MAX; n++) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        TRY(copy_text(s, 0, a, &names[n]));
    }
    *ret = names;
    *ret_n = n;
    return SUT_OK;
}

SUT_ERR sut_person_in_group(struct sut_db_conn *c, int64_t id, sut_str group, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &person_in_group, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_text(s, 2, group);
    return sut_db_step(s, ret);
}

static SUT_ERR find_group(struct sut_db_conn *c, sut_str name, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &group_by_name, &s));
    sut_db_bind_text(s, 1, name);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_person_set_group(struct sut_db_conn *c, int64_t id, sut_str group, bool on)
{
    int64_t group_id = 0;
    TRY(find_group(c, group, &group_id));
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, on ? &group_join : &group_leave, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, group_id);
    return sut_db_step(s, &has_row);
}

/* Ready the page (or the count, `paged` false) that the query asks for. */
static SUT_ERR prepare_list(struct sut_db_conn *c, struct sut_arena *a,
                            const struct sut_person_query *q, bool paged, struct sut_db_stmt **ret)
{
    const bool searches = q->search.n > 0;
    const struct sut_sql *page = searches ? &person_found : &person_page;
    const struct sut_sql *count = searches ? &person_found_count : &person_count;
    sut_str key = { 0 };
    TRY(sut_email_key(a, q->search, &key));
    TRY(sut_db_prepare(c, paged ? page : count, ret));
    int n = 0;
    if (searches) {
        sut_db_bind_text(*ret, ++n, key);
        sut_db_bind_text(*ret, ++n, q->search);
    }
    if (paged) {
        sut_db_bind_i64(*ret, ++n, (int64_t) q->limit);
        sut_db_bind_i64(*ret, ++n, (int64_t) q->offset);
    }
    return SUT_OK;
}

static SUT_ERR count_list(struct sut_db_conn *c, struct sut_arena *a,
                          const struct sut_person_query *q, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(prepare_list(c, a, q, false, &s));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_person_list(struct sut_db_conn *c, struct sut_arena *a,
                        const struct sut_person_query *q, struct sut_person_row **ret,
                        size_t *ret_n, int64_t *ret_count)
{
    ENSURE(q->limit <= LIST_MAX && q->offset <= INT64_MAX, INVALID);
    struct sut_person_row *rows = ARENA_ARRAY(a, struct sut_person_row, q->limit + 1);
    ENSURE(rows != NULL, NOMEM);
    TRY(count_list(c, a, q, ret_count));

    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(prepare_list(c, a, q, true, &s));
    size_t n = 0;
    for (; n < q->limit; n++) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        TRY(read_person(s, a, &rows[n]));
    }
    *ret = rows;
    *ret_n = n;
    return SUT_OK;
}

SUT_ERR sut_person_count(struct sut_db_conn *c, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &person_count, &s));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_person_each_revoked(struct sut_db_conn *c, sut_ms since, sut_person_seen *fn, void *ctx)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &person_revoked, &s));
    sut_db_bind_i64(s, 1, since.v);
    for (;;) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            return SUT_OK;
        TRY(fn(ctx, sut_db_col_i64(s, 0), (sut_ms){ sut_db_col_i64(s, 1) }));
    }
}
