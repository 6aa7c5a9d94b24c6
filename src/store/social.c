/* SPDX-License-Identifier: Apache-2.0 */
#include "store/social.h"

#include "base/buf.h"
#include "base/secret.h"
#include "db/db.h"
#include "store/personal.h"
#include "store/social_int.h"

enum { PUT_MAX = SUT_SOCIAL_SUBJECT_MAX + SUT_SOCIAL_PICTURE_MAX + 2 * SUT_SEAL_OVERHEAD };

static const struct sut_sql social_find = {
    .name = "social_find",
    .text = "SELECT id, person_id, subject, key_version,"
            " CASE WHEN picture IS NULL AND picture_tries > 0 THEN 0 ELSE 1 END FROM social_links"
            " WHERE subject_index IN ($1, $2, $3, $4) AND provider = $5",
};

/* The row's place is part of what is sealed, so the number is needed before. */
static const struct sut_sql social_next_sqlite = {
    .name = "social_next",
    .text = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'social_links'), 0) + 1",
};

static const struct sut_sql social_next_postgres = {
    .name = "social_next",
    .text = "SELECT nextval(pg_get_serial_sequence('social_links', 'id'))",
};

static const struct sut_sql social_insert = {
    .name = "social_insert",
    .text = "INSERT INTO social_links (id, subject, picture, key_version, subject_index,"
            " index_version, last_used_at, created_at, person_id, provider)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id",
};

static const struct sut_sql social_update = {
    .name = "social_update",
    .text = "UPDATE social_links SET subject = $2, picture = $3, key_version = $4,"
            " subject_index = $5, index_version = $6, last_used_at = $7 WHERE id = $1"
            " RETURNING id",
};

static const struct sut_sql social_remove = {
    .name = "social_remove",
    .text = "DELETE FROM social_links WHERE person_id = $1 AND provider = $2",
};

static const struct sut_sql social_remove_since = {
    .name = "social_remove_since",
    .text = "DELETE FROM social_links WHERE person_id = $1 AND created_at >= $2",
};

static const struct sut_sql social_has = {
    .name = "social_has",
    .text = "SELECT 1 FROM social_links WHERE person_id = $1 AND provider = $2",
};

/* A number is one of a provider: "1:1207059". */
SUT_ERR sut_social__index(struct sut_db_conn *c, struct sut_arena *scratch, int64_t provider,
                          sut_str subject, struct sut_index *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, scratch, SUT_SOCIAL_SUBJECT_MAX + 24);
    sut_buf_i64(&b, provider);
    sut_buf_char(&b, ':');
    sut_buf_str_add(&b, subject);
    TRY(sut_buf_check(&b));
    return sut_personal_index(c, sut_personal_field(SUT_PERSONAL_SOCIAL_SUBJECT), sut_buf_str(&b),
                              ret);
}

/* A link as it is found. */
struct link {
    int64_t id;
    int64_t person;
    bool takes_picture; /* none was fetched yet, or was given up */
};

static SUT_ERR read_link(struct sut_db_conn *c, struct sut_arena *a, struct sut_db_stmt *s,
                         sut_str subject, struct link *ret)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    sut_str own = { 0 };
    bool has_row = false;
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    ret->id = sut_db_col_i64(s, 0);
    ret->person = sut_db_col_i64(s, 1);
    ret->takes_picture = sut_db_col_i64(s, 4) == 1;
    TRY(sut_personal_key_for_reading(c, ret->person, (uint32_t) sut_db_col_i64(s, 3), &k));
    TRY(sut_social__open(&k, a, ret->id, sut_db_col_blob(s, 2), &own));
    /* The index is not bound to its row: who may write to the database could move it. */
    ENSURE(sut_secret_eq(own, subject), DENIED);
    return SUT_OK;
}

SUT_ERR sut_social__open(const struct sut_data_key *k, struct sut_arena *a, int64_t id,
                         sut_str sealed, sut_str *ret)
{
    struct sut_buf out = { .p = sut_arena_bytes(a, sealed.n + 1),
                           .cap = sealed.n,
                           .max = sealed.n };
    ENSURE(out.p != NULL, NOMEM);
    TRY(sut_seal_get(k, sut_personal_field(SUT_PERSONAL_SOCIAL_SUBJECT), id, sealed, &out));
    *ret = sut_buf_str(&out);
    return SUT_OK;
}

static SUT_ERR try_find(struct sut_db_conn *c, struct sut_arena *scratch, enum sut_provider p,
                        sut_str subject, struct sut_index *ix, struct link *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    ENSURE(subject.n > 0 && subject.n <= SUT_SOCIAL_SUBJECT_MAX, INVALID);
    TRY(sut_social__index(c, scratch, p, subject, ix));
    TRY(sut_db_prepare(c, &social_find, &s));
    sut_personal_bind_index(s, 1, ix);
    sut_db_bind_i64(s, 5, p);
    return read_link(c, scratch, s, subject, ret);
}

static SUT_ERR find(struct sut_db_conn *c, struct sut_arena *scratch, enum sut_provider p,
                    sut_str subject, struct sut_index *ix, struct link *ret)
{
    const sut_err e = try_find(c, scratch, p, subject, ix, ret);
    bool changed = false;
    if (e.code == SUT_E_NOT_FOUND)
        TRY(sut_personal_look_for_keys(c, &changed));
    /* And between row and key a rotation may have taken the old key away: look again. */
    return changed || e.code == SUT_E_CORRUPT ? try_find(c, scratch, p, subject, ix, ret) : e;
}

SUT_ERR sut_social_find(struct sut_db_conn *c, struct sut_arena *scratch, enum sut_provider p,
                        sut_str subject, int64_t *ret_person)
{
    struct sut_index ix;
    struct link l = { 0 };
    TRY(find(c, scratch, p, subject, &ix, &l));
    *ret_person = l.person;
    return SUT_OK;
}

static SUT_ERR next_id(struct sut_db_conn *c, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(
        c, sut_db_conn_kind(c) == SUT_DB_SQLITE ? &social_next_sqlite : &social_next_postgres, &s));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

/* What both statements write: $1 the row, $2 … $7. */
struct content {
    sut_str subject;
    sut_str picture;
    const struct sut_index *ix;
    sut_ms now;
};

static SUT_ERR write(struct sut_db_conn *c, struct sut_arena *scratch, const struct sut_sql *sql,
                     const struct link *l, enum sut_provider p, const struct content *w)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    struct sut_seal *seal = NULL;
    bool has_row = false;
    struct sut_buf room = { .p = sut_arena_bytes(scratch, PUT_MAX),
                            .cap = PUT_MAX,
                            .max = PUT_MAX };
    ENSURE(room.p != NULL, NOMEM);
    TRY(sut_personal_key_for_writing(c, l->person, w->now, &k));
    TRY(sut_personal_seal(c, &seal));
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, l->id);
    TRY(sut_personal_bind(seal, &k, SUT_PERSONAL_SOCIAL_SUBJECT, l->id, w->subject, &room, s, 2));
    if (w->picture.n == 0 || !l->takes_picture)
        sut_db_bind_null(s, 3);
    else
        TRY(sut_personal_bind(seal, &k, SUT_PERSONAL_SOCIAL_PICTURE, l->id, w->picture, &room, s,
                              3));
    sut_db_bind_i64(s, 4, k.version);
    sut_db_bind_text(s, 5, sut_index_text(w->ix, 0));
    sut_db_bind_i64(s, 6, w->ix->at[0].version);
    sut_db_bind_i64(s, 7, w->now.v);
    if (sql == &social_insert) {
        sut_db_bind_i64(s, 8, l->person);
        sut_db_bind_i64(s, 9, p);
    }
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, EXISTS);
    return SUT_OK;
}

SUT_ERR sut_social_put(struct sut_db_conn *c, struct sut_arena *scratch, int64_t person,
                       enum sut_provider p, sut_str subject, sut_str picture, sut_ms now)
{
    struct sut_index ix;
    struct link l = { 0 };
    const struct content w = { .subject = subject, .picture = picture, .ix = &ix, .now = now };
    ENSURE(picture.n <= SUT_SOCIAL_PICTURE_MAX, INVALID);
    const sut_err e = find(c, scratch, p, subject, &ix, &l);
    if (e.code == SUT_E_NOT_FOUND) {
        l.person = person;
        l.takes_picture = true;
        TRY(next_id(c, &l.id));
        return write(c, scratch, &social_insert, &l, p, &w);
    }
    TRY(e);
    ENSURE(l.person == person, EXISTS);
    return write(c, scratch, &social_update, &l, p, &w);
}

SUT_ERR sut_social_has(struct sut_db_conn *c, int64_t person, enum sut_provider p, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &social_has, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, p);
    return sut_db_step(s, ret);
}

SUT_ERR sut_social_remove(struct sut_db_conn *c, int64_t person, enum sut_provider p)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &social_remove, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, p);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_social_remove_since(struct sut_db_conn *c, int64_t person, sut_ms since)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &social_remove_since, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, since.v);
    return sut_db_step(s, &has_row);
}
