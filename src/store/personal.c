/* SPDX-License-Identifier: Apache-2.0 */
#include "store/personal.h"

#include "base/buf.h"
#include "codec/utf8.h"
#include "db/db.h"
#include "store/people_int.h"

const struct sut_personal_column sut_personal_columns[SUT_PERSONAL_FIELDS] = {
#define X(name, table_, column_, purpose_, days_, index_, owner_)                                  \
    [SUT_PERSONAL_##name] = {                                                                      \
        .field = { .table = #table_, .column = #column_ },                                         \
        .purpose = purpose_,                                                                       \
        .days = days_,                                                                             \
        .index = SUT_INDEX_##index_,                                                               \
        .owner = #owner_,                                                                          \
    },
#include "store/personal.def"
#undef X
};

const struct sut_seal_field sut_personal_words = { .table = "person_words", .column = "word" };

static const struct sut_sql data_key_load = {
    .name = "data_key_load",
    .text = "SELECT version, kek_version, wrapped FROM data_keys WHERE person_id = $1"
            " AND version = $2",
};

static const struct sut_sql data_key_newest = {
    .name = "data_key_newest",
    .text = "SELECT version, kek_version, wrapped FROM data_keys WHERE person_id = $1"
            " ORDER BY version DESC LIMIT 1",
};

static const struct sut_sql data_key_add = {
    .name = "data_key_add",
    .text = "INSERT INTO data_keys (person_id, version, kek_version, wrapped, created_at)"
            " SELECT $1, $2, $3, $4, $5 WHERE EXISTS (SELECT 1 FROM keyring WHERE purpose = $6"
            " AND version = $7) ON CONFLICT DO NOTHING RETURNING version",
};

static const struct sut_sql kek_is_there = {
    .name = "kek_is_there",
    .text = "SELECT 1 FROM keyring WHERE purpose = $1 AND version = $2",
};

static const struct sut_sql index_newest = {
    .name = "index_newest",
    .text = "SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM keyring WHERE purpose = $1",
};

SUT_ERR sut_personal_phone_key(struct sut_arena *a, sut_str phone, sut_str *ret)
{
    *ret = SUT_STR("");
    if (phone.n == 0)
        return SUT_OK;
    char *to = sut_arena_bytes(a, phone.n);
    ENSURE(to != NULL, NOMEM);
    size_t n = 0;
    for (size_t i = 0; i < phone.n; i++)
        if (phone.p[i] >= '0' && phone.p[i] <= '9')
            to[n++] = phone.p[i];
    *ret = sut_str_of(to, n);
    return SUT_OK;
}

SUT_ERR sut_personal_name_words(struct sut_arena *a, sut_str first, sut_str last,
                                sut_str ret[SUT_PERSONAL_WORDS_MAX], size_t *ret_n)
{
    struct sut_buf b;
    sut_str *words = NULL;
    sut_buf_init_arena(&b, a, first.n + last.n + 1);
    sut_buf_str_add(&b, first);
    sut_buf_char(&b, ' ');
    sut_buf_str_add(&b, last);
    TRY(sut_buf_check(&b));
    TRY(sut_utf8_terms(a, sut_buf_str(&b), SUT_PERSONAL_WORDS_MAX, &words, ret_n));
    for (size_t i = 0; i < *ret_n; i++)
        ret[i] = words[i];
    return SUT_OK;
}

/* The row of data_keys that a prepared statement finds. */
static SUT_ERR read_data_key(struct sut_db_stmt *s, int64_t person, struct sut_data_key_row *ret)
{
    bool has_row = false;
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    struct sut_data_key_row row = { .person = person,
                                    .version = (uint32_t) sut_db_col_i64(s, 0),
                                    .kek_version = (uint32_t) sut_db_col_i64(s, 1) };
    const sut_str wrapped = sut_db_col_blob(s, 2);
    /* One of another length was altered: as zeros it opens for nobody. */
    if (wrapped.n == sizeof(row.wrapped))
        memcpy(row.wrapped, wrapped.p, sizeof(row.wrapped));
    *ret = row;
    return SUT_OK;
}

SUT_ERR sut_data_key_load(struct sut_db_conn *c, int64_t person, uint32_t version,
                          struct sut_data_key_row *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &data_key_load, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, version);
    return read_data_key(s, person, ret);
}

SUT_ERR sut_data_key_newest(struct sut_db_conn *c, int64_t person, struct sut_data_key_row *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &data_key_newest, &s));
    sut_db_bind_i64(s, 1, person);
    return read_data_key(s, person, ret);
}

/*
 * A key wrapped by a KEK that a rotation has just forgotten would open nothing:
 * STALE, and the next run makes it under the one of now.
 */
static SUT_ERR look_for_kek(struct sut_db_conn *c, uint32_t version)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &kek_is_there, &s));
    sut_db_bind_text(s, 1, sut_str_from(sut_key_purpose_word(SUT_KEY_DATA)));
    sut_db_bind_i64(s, 2, version);
    TRY(sut_db_step(s, &has_row));
    if (has_row)
        return SUT_OK;
    if (sut_db_job(c) != NULL) {
        struct sut_wanted_keys *w = NULL;
        TRY(sut_wanted_of(c, &w));
        w->needs_reload = true;
        w->n_persons = 0;
        w->used = 0;
    }
    FAIL(STALE);
}

SUT_ERR sut_data_key_add(struct sut_db_conn *c, const struct sut_data_key_row *row, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_wanted *const job = sut_db_job(c);
    bool has_row = false;
    if (job != NULL)
        job->newest.version = 0;
    TRY(sut_db_prepare(c, &data_key_add, &s));
    sut_db_bind_i64(s, 1, row->person);
    sut_db_bind_i64(s, 2, row->version);
    sut_db_bind_i64(s, 3, row->kek_version);
    sut_db_bind_blob(s, 4, sut_str_of(row->wrapped, sizeof(row->wrapped)));
    sut_db_bind_i64(s, 5, now.v);
    sut_db_bind_text(s, 6, sut_str_from(sut_key_purpose_word(SUT_KEY_DATA)));
    sut_db_bind_i64(s, 7, row->kek_version);
    TRY(sut_db_step(s, &has_row));
    if (has_row)
        return SUT_OK;
    TRY(look_for_kek(c, row->kek_version));
    FAIL(EXISTS);
}

SUT_ERR sut_people_of(struct sut_db_conn *c, struct sut_people **ret)
{
    *ret = sut_db_context(c);
    ENSURE(*ret != NULL, UNAVAILABLE);
    return SUT_OK;
}

SUT_ERR sut_personal_seal(struct sut_db_conn *c, struct sut_seal **ret)
{
    struct sut_people *p = NULL;
    TRY(sut_people_of(c, &p));
    *ret = p->seal;
    return SUT_OK;
}

/*
 * Whether the key is one that was tried in vain for this job.  By its text, too: one that
 * was made anew meanwhile under the same version has not been tried.
 */
static bool is_lost(const struct sut_wanted_keys *w, const struct sut_data_key_row *row)
{
    for (size_t i = 0; i < w->n_lost; i++)
        if (w->lost[i].person == row->person && w->lost[i].version == row->version &&
            sut_str_eq(sut_str_of(w->lost[i].wrapped, SUT_DATA_WRAPPED),
                       sut_str_of(row->wrapped, SUT_DATA_WRAPPED)))
            return true;
    return false;
}

static void want_open(struct sut_wanted_keys *w, const struct sut_data_key_row *row)
{
    if (w->n_open < SUT_WANTED_MAX)
        w->open[w->n_open++] = *row;
}

/* Open one key: at once on a reading connection that may wait, by STALE in a job. */
static SUT_ERR open_key(struct sut_db_conn *c, struct sut_people *p,
                        const struct sut_data_key_row *row, struct sut_data_key *ret)
{
    /* By the row: never under a key that another wrapped text of the same version gave. */
    sut_err e = sut_seal_key_of(p->seal, row, ret);
    if (e.code != SUT_E_NOT_FOUND)
        return e;
    if (sut_db_job(c) != NULL) {
        struct sut_wanted_keys *w = NULL;
        TRY(sut_wanted_of(c, &w));
        ENSURE(!is_lost(w, row), CORRUPT);
        want_open(w, row);
        FAIL(STALE);
    }
    ENSURE(!sut_db_is_on_loop(c), STALE);
    e = sut_seal_open_key(p->seal, row, ret);
    if (e.code != SUT_E_CORRUPT || !p->is_remote)
        return e;
    /* Perhaps wrapped by a key that another server made just now. */
    TRY(sut_people_load(p, c, false));
    return sut_seal_open_key(p->seal, row, ret);
}

/* A person's newest, which a job reads once. */
static SUT_ERR newest_of(struct sut_db_conn *c, int64_t person, struct sut_data_key_row *ret)
{
    struct sut_wanted *const job = sut_db_job(c);
    if (job != NULL && job->newest.version != 0 && job->newest.person == person) {
        *ret = job->newest;
        return SUT_OK;
    }
    TRY(sut_data_key_newest(c, person, ret));
    if (job != NULL)
        job->newest = *ret;
    return SUT_OK;
}

SUT_ERR sut_personal_key_for_writing(struct sut_db_conn *c, int64_t person, sut_ms now,
                                     struct sut_data_key *ret)
{
    struct sut_people *p = NULL;
    struct sut_data_key_row row;
    TRY(sut_people_of(c, &p));
    const sut_err e = newest_of(c, person, &row);
    if (e.code != SUT_E_NOT_FOUND) {
        TRY(e);
        return open_key(c, p, &row, ret);
    }
    struct sut_wanted_keys *w = NULL;
    TRY(sut_wanted_of(c, &w));
    if (w->n_make < SUT_WANTED_MAX) {
        w->make_for[w->n_make++] = person;
        w->now = now;
    }
    FAIL(STALE);
}

SUT_ERR sut_personal_new_person(struct sut_db_conn *c, struct sut_data_key_row *ret_row,
                                struct sut_data_key *ret)
{
    struct sut_people *p = NULL;
    TRY(sut_people_of(c, &p));
    struct sut_wanted_keys *w = NULL;
    TRY(sut_wanted_of(c, &w));
    if (w->used == w->n_persons) {
        w->needs_person = true;
        FAIL(STALE);
    }
    *ret_row = w->persons[w->used++];
    return open_key(c, p, ret_row, ret);
}

SUT_ERR sut_personal_key_for_reading(struct sut_db_conn *c, int64_t person, uint32_t version,
                                     struct sut_data_key *ret)
{
    struct sut_people *p = NULL;
    struct sut_data_key_row row;
    TRY(sut_people_of(c, &p));
    sut_err e = sut_seal_key(p->seal, person, version, ret);
    if (e.code != SUT_E_NOT_FOUND)
        return e;
    e = sut_data_key_load(c, person, version, &row);
    ENSURE(e.code != SUT_E_NOT_FOUND, CORRUPT);
    TRY(e);
    return open_key(c, p, &row, ret);
}

static SUT_ERR note_all(struct sut_people *p, struct sut_wanted_keys *w,
                        const struct sut_data_key_row *rows, size_t n)
{
    bool has_missing = false;
    for (size_t i = 0; i < n; i++) {
        struct sut_data_key k;
        const sut_err e = sut_seal_key_of(p->seal, &rows[i], &k);
        if (!sut_failed(e)) {
            sut_data_key_done(&k);
            continue;
        }
        ENSURE(e.code == SUT_E_NOT_FOUND, SYSTEM);
        if (is_lost(w, &rows[i]))
            continue;
        has_missing = true;
        want_open(w, &rows[i]);
    }
    ENSURE(!has_missing, STALE);
    return SUT_OK;
}

static SUT_ERR are_open(struct sut_people *p, const struct sut_data_key_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sut_data_key k;
        const sut_err e = sut_seal_key_of(p->seal, &rows[i], &k);
        ENSURE(e.code != SUT_E_NOT_FOUND, STALE);
        TRY(e);
        sut_data_key_done(&k);
    }
    return SUT_OK;
}

SUT_ERR sut_personal_open_keys(struct sut_db_conn *c, const struct sut_data_key_row *rows, size_t n)
{
    struct sut_people *p = NULL;
    size_t bad = 0;
    TRY(sut_people_of(c, &p));
    if (sut_db_job(c) != NULL) {
        struct sut_wanted_keys *w = NULL;
        TRY(sut_wanted_of(c, &w));
        return note_all(p, w, rows, n);
    }
    if (sut_db_is_on_loop(c))
        return are_open(p, rows, n);
    TRY(sut_seal_open_keys(p->seal, rows, n, &bad));
    if (bad == 0 || !p->is_remote)
        return SUT_OK;
    /* Perhaps wrapped by a key that another server made just now. */
    TRY(sut_people_load(p, c, false));
    return sut_seal_open_keys(p->seal, rows, n, &bad);
}

SUT_ERR sut_personal_index(struct sut_db_conn *c, const struct sut_seal_field *f,
                           sut_str normalised, struct sut_index *ret)
{
    struct sut_people *p = NULL;
    TRY(sut_people_of(c, &p));
    return sut_seal_index(p->seal, f, normalised, ret);
}

static SUT_ERR newest_index(struct sut_db_conn *c, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &index_newest, &s));
    sut_db_bind_text(s, 1, sut_str_from(sut_key_purpose_word(SUT_KEY_INDEX)));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_personal_look_for_keys(struct sut_db_conn *c, bool *ret_changed)
{
    struct sut_people *p = NULL;
    int64_t newest = 0;
    *ret_changed = false;
    TRY(sut_people_of(c, &p));
    if (!p->is_remote)
        return SUT_OK;
    TRY(newest_index(c, &newest));
    (void) pthread_mutex_lock(&p->lock);
    const bool is_known = newest <= p->index_newest;
    (void) pthread_mutex_unlock(&p->lock);
    if (is_known)
        return SUT_OK;
    if (sut_db_job(c) != NULL) {
        struct sut_wanted_keys *w = NULL;
        TRY(sut_wanted_of(c, &w));
        w->needs_reload = true;
        FAIL(STALE);
    }
    TRY(sut_people_load(p, c, false));
    *ret_changed = true;
    return SUT_OK;
}

SUT_ERR sut_personal_bind(struct sut_seal *seal, const struct sut_data_key *k,
                          enum sut_personal field, int64_t row, sut_str plain, struct sut_buf *room,
                          struct sut_db_stmt *s, int n)
{
    const size_t at = room->n;
    SUT_BUG_IF(room->cap - at < plain.n + SUT_SEAL_OVERHEAD);
    TRY(sut_seal_put(seal, k, sut_personal_field(field), row, plain, room));
    TRY(sut_buf_check(room));
    sut_db_bind_blob(s, n, sut_str_of(room->p + at, room->n - at));
    return SUT_OK;
}

void sut_personal_bind_index(struct sut_db_stmt *s, int first, const struct sut_index *ix)
{
    for (int i = 0; i < SUT_INDEX_VERSIONS_MAX; i++)
        sut_db_bind_text(s, first + i, sut_index_text(ix, (size_t) i < ix->n ? (size_t) i : 0));
}
