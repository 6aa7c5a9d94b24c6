/* SPDX-License-Identifier: Apache-2.0 */
#include "store/person.h"

#include "base/buf.h"
#include "codec/email.h"
#include "codec/utf8.h"
#include "db/db.h"
#include "store/person_int.h"

#define VERSIONS4 "($1, $2, $3, $4)"

static const struct sut_sql person_insert = {
    .name = "person_insert",
    .text = "INSERT INTO users (id, email, username, first_name, last_name, phone, tax_number,"
            " key_version, email_index, username_index, phone_index, index_version, password,"
            " is_active, is_staff, is_superuser, email_verified, date_joined, created_by,"
            " modified_by, created_at, modified_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,"
            " $18, $19, $19, $18, $18) ON CONFLICT DO NOTHING RETURNING id",
};

static const struct sut_sql person_email_taken = {
    .name = "person_email_taken",
    .text = "SELECT 1 FROM users WHERE email_index IN " VERSIONS4,
};

static const struct sut_sql person_username_taken = {
    .name = "person_username_taken",
    .text = "SELECT 1 FROM users WHERE username_index IN " VERSIONS4,
};

static const struct sut_sql person_profile = {
    .name = "person_profile",
    .text = "UPDATE users SET email = $2, username = $3, first_name = $4, last_name = $5,"
            " phone = $6, tax_number = $7, key_version = $8, email_index = $9,"
            " username_index = $10, phone_index = $11, index_version = $12, modified_by = $13,"
            " modified_at = $14 WHERE id = $1",
};

static const struct sut_sql person_words_forget = {
    .name = "person_words_forget",
    .text = "DELETE FROM person_words WHERE person_id = $1",
};

static const struct sut_sql person_words_add = {
    .name = "person_words_add",
    .text = "INSERT INTO person_words (word, person_id, index_version) VALUES ($1, $2, $3)",
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

static const struct sut_sql person_picture = {
    .name = "person_picture",
    .text = "UPDATE users SET picture = $1, modified_by = $2, modified_at = $3 WHERE id = $4",
};

static const struct sut_sql person_last_login = {
    .name = "person_last_login",
    .text = "UPDATE users SET last_login = $1 WHERE id = $2",
};

static const struct sut_sql person_active = {
    .name = "person_active",
    .text = "UPDATE users SET is_active = $1, modified_by = $2, modified_at = $3 WHERE id = $4",
};

static const struct sut_sql person_locked = {
    .name = "person_locked",
    .text = "UPDATE users SET locked_until = $1, modified_by = NULL, modified_at = $2"
            " WHERE id = $3",
};

static const struct sut_sql person_role = {
    .name = "person_role",
    .text = "UPDATE users SET is_staff = $1, is_superuser = $2, modified_by = $3, modified_at = $4"
            " WHERE id = $5",
};

static const struct sut_sql person_email_holder = {
    .name = "person_email_holder",
    .text = "SELECT id FROM users WHERE email_index IN " VERSIONS4,
};

static const struct sut_sql person_email_state = {
    .name = "person_email_state",
    .text = "UPDATE users SET email_verified = $1 WHERE id = $2",
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

static const struct sut_sql person_revoked = {
    .name = "person_revoked",
    .text = "SELECT id, tokens_revoked_at FROM users WHERE tokens_revoked_at IS NOT NULL"
            " AND tokens_revoked_at > $1",
};

SUT_ERR sut_person_email_key(struct sut_arena *a, sut_str email, sut_str *ret)
{
    return sut_email_key(a, email, ret);
}

static void bind_id_or_null(struct sut_db_stmt *s, int n, int64_t id)
{
    if (id == 0)
        sut_db_bind_null(s, n);
    else
        sut_db_bind_i64(s, n, id);
}

/* --- what is sealed, and its indexes --- */

/* By what a person is found. */
struct indexes {
    struct sut_index email;
    struct sut_index username;
    struct sut_index phone;
    bool has_phone;
    sut_str words[SUT_PERSONAL_WORDS_MAX]; /* not indexed yet */
    size_t n_words;
};

static SUT_ERR index_fields(struct sut_db_conn *c, struct sut_arena *scratch,
                            const struct sut_person_fields *f, struct indexes *ret)
{
    sut_str email_key = { 0 };
    sut_str phone_key = { 0 };
    TRY(sut_person_email_key(scratch, f->v[SUT_P_EMAIL], &email_key));
    TRY(sut_personal_phone_key(scratch, f->v[SUT_P_PHONE], &phone_key));
    TRY(sut_personal_index(c, sut_personal_field(SUT_PERSONAL_USERS_EMAIL), email_key,
                           &ret->email));
    TRY(sut_personal_index(c, sut_personal_field(SUT_PERSONAL_USERS_USERNAME), f->v[SUT_P_USERNAME],
                           &ret->username));
    ret->has_phone = phone_key.n > 0;
    if (ret->has_phone)
        TRY(sut_personal_index(c, sut_personal_field(SUT_PERSONAL_USERS_PHONE), phone_key,
                               &ret->phone));
    return sut_personal_name_words(scratch, f->v[SUT_P_FIRST_NAME], f->v[SUT_P_LAST_NAME],
                                   ret->words, &ret->n_words);
}

/* Room in the arena for all sealed values of a row; it never moves. */
static SUT_ERR make_room(struct sut_arena *scratch, const struct sut_person_fields *f,
                         struct sut_buf *ret)
{
    size_t n = 0;
    for (int i = 0; i < SUT_PERSON_SEALED; i++)
        n += f->v[i].n + SUT_SEAL_OVERHEAD;
    *ret = (struct sut_buf){ .p = sut_arena_bytes(scratch, n), .cap = n, .max = n };
    ENSURE(ret->p != NULL, NOMEM);
    return SUT_OK;
}

/* $1 the id, $2 … $7 sealed, $8 the key's version, $9 … $12 the indexes and theirs. */
static SUT_ERR bind_fields(struct sut_db_conn *c, struct sut_db_stmt *s,
                           const struct sut_data_key *k, const struct sut_person_fields *f,
                           const struct indexes *ix, struct sut_buf *room)
{
    struct sut_seal *seal = NULL;
    TRY(sut_personal_seal(c, &seal));
    sut_db_bind_i64(s, 1, f->id);
    for (int i = 0; i < SUT_PERSON_SEALED; i++) {
        if (sut_person__is_optional(i) && f->v[i].n == 0)
            sut_db_bind_null(s, 2 + i);
        else
            TRY(sut_personal_bind(seal, k, (enum sut_personal)(SUT_PERSONAL_USERS_EMAIL + i), f->id,
                                  f->v[i], room, s, 2 + i));
    }
    sut_db_bind_i64(s, 8, k->version);
    sut_db_bind_text(s, 9, sut_index_text(&ix->email, 0));
    sut_db_bind_text(s, 10, sut_index_text(&ix->username, 0));
    if (ix->has_phone)
        sut_db_bind_text(s, 11, sut_index_text(&ix->phone, 0));
    else
        sut_db_bind_null(s, 11);
    sut_db_bind_i64(s, 12, ix->email.at[0].version);
    return SUT_OK;
}

static SUT_ERR run_for_id(struct sut_db_conn *c, const struct sut_sql *sql, int64_t id)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, id);
    return sut_db_step(s, &has_row);
}

static SUT_ERR add_word(struct sut_db_conn *c, int64_t id, sut_str word)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_index ix;
    bool has_row = false;
    TRY(sut_personal_index(c, &sut_personal_words, word, &ix));
    TRY(sut_db_prepare(c, &person_words_add, &s));
    sut_db_bind_text(s, 1, sut_index_text(&ix, 0));
    sut_db_bind_i64(s, 2, id);
    sut_db_bind_i64(s, 3, ix.at[0].version);
    return sut_db_step(s, &has_row);
}

static SUT_ERR add_words(struct sut_db_conn *c, int64_t id, const struct indexes *ix)
{
    for (size_t i = 0; i < ix->n_words; i++)
        TRY(add_word(c, id, ix->words[i]));
    return SUT_OK;
}

/* Whether a value stands under any index key. */
static SUT_ERR is_taken(struct sut_db_conn *c, const struct sut_sql *sql,
                        const struct sut_index *ix, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, sql, &s));
    sut_personal_bind_index(s, 1, ix);
    return sut_db_step(s, ret);
}

/*
 * The unique columns hold one version alone, so that two rows with the same
 * address under two index keys would pass them: all versions are asked for.
 */
static SUT_ERR check_free(struct sut_db_conn *c, const struct indexes *ix)
{
    bool taken = false;
    TRY(is_taken(c, &person_email_taken, &ix->email, &taken));
    ENSURE(!taken, EXISTS);
    TRY(is_taken(c, &person_username_taken, &ix->username, &taken));
    ENSURE(!taken, EXISTS);
    return sut_personal_look_for_keys(c, &taken);
}

static SUT_ERR insert_row(struct sut_db_conn *c, struct sut_arena *scratch,
                          const struct sut_person_new *p, const struct sut_data_key *k,
                          const struct sut_person_fields *f, const struct indexes *ix, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_buf room;
    bool has_row = false;
    TRY(make_room(scratch, f, &room));
    TRY(sut_db_prepare(c, &person_insert, &s));
    TRY(bind_fields(c, s, k, f, ix, &room));
    sut_db_bind_text(s, 13, p->password);
    sut_db_bind_i64(s, 14, p->is_active);
    sut_db_bind_i64(s, 15, p->is_staff);
    sut_db_bind_i64(s, 16, p->is_superuser);
    sut_db_bind_i64(s, 17, p->email_verified);
    sut_db_bind_i64(s, 18, now.v);
    bind_id_or_null(s, 19, p->by);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, EXISTS);
    return SUT_OK;
}

static bool has_nul(sut_str s)
{
    return s.n > 0 && memchr(s.p, 0, s.n) != NULL;
}

SUT_ERR sut_person_insert(struct sut_db_conn *c, struct sut_arena *scratch,
                          const struct sut_person_new *p, sut_ms now, int64_t *ret_id)
{
    struct sut_person_fields f = { .v = { p->email, p->username, p->first_name, p->last_name,
                                          p->phone, p->tax_number } };
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    struct sut_data_key_row row;
    struct indexes ix;
    /* What is text stays what either database keeps as text. */
    for (int i = 0; i < SUT_PERSON_SEALED; i++)
        ENSURE(!has_nul(f.v[i]), INVALID);
    TRY(index_fields(c, scratch, &f, &ix));
    TRY(check_free(c, &ix));
    TRY(sut_personal_new_person(c, &row, &k));
    f.id = row.person;
    TRY(insert_row(c, scratch, p, &k, &f, &ix, now));
    TRY(sut_data_key_add(c, &row, now));
    TRY(add_words(c, f.id, &ix));
    *ret_id = f.id;
    return SUT_OK;
}

SUT_ERR sut_person_email_taken(struct sut_db_conn *c, struct sut_arena *scratch, sut_str email,
                               bool *ret)
{
    struct sut_index ix;
    bool changed = false;
    TRY(sut_person__index_email(c, scratch, email, &ix));
    TRY(is_taken(c, &person_email_taken, &ix, ret));
    if (!*ret)
        TRY(sut_personal_look_for_keys(c, &changed));
    if (!changed)
        return SUT_OK;
    TRY(sut_person__index_email(c, scratch, email, &ix));
    return is_taken(c, &person_email_taken, &ix, ret);
}

SUT_ERR sut_person_username_taken(struct sut_db_conn *c, sut_str username, bool *ret)
{
    struct sut_index ix;
    TRY(sut_personal_index(c, sut_personal_field(SUT_PERSONAL_USERS_USERNAME), username, &ix));
    return is_taken(c, &person_username_taken, &ix, ret);
}

/* --- changing --- */

/* Run a change of one row; NOT_FOUND when there is no such row. */
static SUT_ERR change_one(struct sut_db_stmt *s)
{
    bool has_row = false;
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) > 0, NOT_FOUND);
    return SUT_OK;
}

SUT_ERR sut_person__seal(struct sut_db_conn *c, struct sut_arena *scratch,
                         const struct sut_sql *sql, const struct sut_data_key *k,
                         const struct sut_person_fields *f)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct indexes ix;
    struct sut_buf room;
    TRY(index_fields(c, scratch, f, &ix));
    TRY(make_room(scratch, f, &room));
    TRY(sut_db_prepare(c, sql, &s));
    TRY(bind_fields(c, s, k, f, &ix, &room));
    TRY(change_one(s));
    TRY(run_for_id(c, &person_words_forget, f->id));
    return add_words(c, f->id, &ix);
}

static SUT_ERR write_profile(struct sut_db_conn *c, struct sut_arena *scratch,
                             const struct sut_person_fields *f, int64_t by, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    struct indexes ix;
    struct sut_buf room;
    for (int i = 0; i < SUT_PERSON_SEALED; i++)
        ENSURE(!has_nul(f->v[i]), INVALID);
    TRY(sut_personal_key_for_writing(c, f->id, now, &k));
    TRY(index_fields(c, scratch, f, &ix));
    TRY(make_room(scratch, f, &room));
    TRY(sut_db_prepare(c, &person_profile, &s));
    TRY(bind_fields(c, s, &k, f, &ix, &room));
    bind_id_or_null(s, 13, by);
    sut_db_bind_i64(s, 14, now.v);
    TRY(change_one(s));
    TRY(run_for_id(c, &person_words_forget, f->id));
    return add_words(c, f->id, &ix);
}

SUT_ERR sut_person_set_profile(struct sut_db_conn *c, struct sut_arena *scratch, int64_t id,
                               const struct sut_person_change *change, int64_t by, sut_ms now)
{
    struct sut_person_row p;
    TRY(sut_person_by_id(c, scratch, id, &p));
    const struct sut_person_fields f = {
        .id = id,
        .v = { p.email, p.username, change->has_first_name ? change->first_name : p.first_name,
               change->has_last_name ? change->last_name : p.last_name,
               change->has_phone ? change->phone : p.phone,
               change->has_tax_number ? change->tax_number : p.tax_number },
    };
    TRY(write_profile(c, scratch, &f, by, now));
    return change->has_picture ? sut_person_set_picture(c, id, change->picture, by, now) : SUT_OK;
}

SUT_ERR sut_person_set_picture(struct sut_db_conn *c, int64_t id, sut_str file, int64_t by,
                               sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &person_picture, &s));
    if (file.n == 0)
        sut_db_bind_null(s, 1);
    else
        sut_db_bind_text(s, 1, file);
    bind_id_or_null(s, 2, by);
    sut_db_bind_i64(s, 3, now.v);
    sut_db_bind_i64(s, 4, id);
    return change_one(s);
}

/* Whose address it is under any index key; 0: nobody's. */
static SUT_ERR find_holder(struct sut_db_conn *c, struct sut_arena *scratch, sut_str email,
                           int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_index ix;
    bool has_row = false;
    TRY(sut_person__index_email(c, scratch, email, &ix));
    TRY(sut_db_prepare(c, &person_email_holder, &s));
    sut_personal_bind_index(s, 1, &ix);
    TRY(sut_db_step(s, &has_row));
    *ret = has_row ? sut_db_col_i64(s, 0) : 0;
    return SUT_OK;
}

SUT_ERR sut_person_set_email(struct sut_db_conn *c, struct sut_arena *scratch, int64_t id,
                             sut_str email, bool is_verified, int64_t by, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_person_row p;
    int64_t holder = 0;
    bool has_changed = false;
    TRY(sut_person_by_id(c, scratch, id, &p));
    TRY(find_holder(c, scratch, email, &holder));
    ENSURE(holder == 0 || holder == id, EXISTS);
    TRY(sut_personal_look_for_keys(c, &has_changed));
    const struct sut_person_fields f = {
        .id = id,
        .v = { email, p.username, p.first_name, p.last_name, p.phone, p.tax_number },
    };
    TRY(write_profile(c, scratch, &f, by, now));
    TRY(sut_db_prepare(c, &person_email_state, &s));
    sut_db_bind_i64(s, 1, is_verified);
    sut_db_bind_i64(s, 2, id);
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

SUT_ERR sut_person_set_locked(struct sut_db_conn *c, int64_t id, sut_ms until, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &person_locked, &s));
    sut_db_bind_i64(s, 1, until.v);
    sut_db_bind_i64(s, 2, now.v);
    sut_db_bind_i64(s, 3, id);
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
        TRY(sut_person__text(s, 0, a, &names[n]));
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
