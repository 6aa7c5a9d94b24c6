/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/mem.h"
#include "store/keys.h"
#include "store/person_int.h"
#include "store/reseal_int.h"

enum {
    PERSONS = 100,
    PART = 10, /* of a transaction on PostgreSQL, where each may meet others */
    JOB_MEMORY = 64 * 1024 * 1024,
};

static const struct sut_sql reindex_due = {
    .name = "reindex_due",
    .text = "SELECT u.id, u.key_version, d.kek_version, d.wrapped FROM users u"
            " LEFT JOIN data_keys d ON d.person_id = u.id AND d.version = u.key_version"
            " WHERE u.index_version <> $1 AND u.id > $2 ORDER BY u.id LIMIT $3",
};

static const struct sut_sql reindex_total = {
    .name = "reindex_total",
    .text = "SELECT COUNT(*) FROM users WHERE index_version <> $1",
};

static const struct sut_sql reindex_row = {
    .name = "reindex_row",
    .text = "SELECT " SUT_PERSON_COLUMNS " FROM users u WHERE u.id = $1 AND u.index_version <> $2",
};

static const struct sut_sql reindex_update = {
    .name = "reindex_update",
    .text = "UPDATE users SET email_index = $1, username_index = $2, phone_index = $3,"
            " index_version = $4 WHERE id = $5",
};

static const struct sut_sql reindex_words_forget = {
    .name = "reindex_words_forget",
    .text = "DELETE FROM person_words WHERE person_id = $1",
};

static const struct sut_sql reindex_words_add = {
    .name = "reindex_words_add",
    .text = "INSERT INTO person_words (word, person_id, index_version) VALUES ($1, $2, $3)",
};

static const struct sut_sql index_is_used = {
    .name = "index_is_used",
    .text = "SELECT 1 FROM users WHERE index_version = $1 LIMIT 1",
};

static const struct sut_sql index_is_used_by_words = {
    .name = "index_is_used_by_words",
    .text = "SELECT 1 FROM person_words WHERE index_version = $1 LIMIT 1",
};

/* Persons whose rows are due, and the keys that open them. */
struct batch {
    uint32_t version; /* of the index key that is to be */
    int64_t persons[PERSONS];
    struct sut_data_key_row keys[PERSONS];
    size_t n;
    size_t from; /* the job's part */
    size_t upto;
    struct sut_arena *arena;
    uint64_t n_done; /* the job's */
    uint64_t n_lost; /* likewise */
};

static void batch_free(struct batch **b)
{
    if (*b == NULL)
        return;
    sut_arena_free(&(*b)->arena);
    sut_mem_freep(b);
}

static SUT_ERR read_due(struct sut_db_conn *c, struct batch *b, int64_t after)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    b->n = 0;
    TRY(sut_db_prepare(c, &reindex_due, &s));
    sut_db_bind_i64(s, 1, b->version);
    sut_db_bind_i64(s, 2, after);
    sut_db_bind_i64(s, 3, PERSONS);
    for (;;) {
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            return SUT_OK;
        struct sut_data_key_row *const k = &b->keys[b->n];
        b->persons[b->n++] = sut_db_col_i64(s, 0);
        *k = (struct sut_data_key_row){ .person = sut_db_col_i64(s, 0),
                                        .version = (uint32_t) sut_db_col_i64(s, 1),
                                        .kek_version = (uint32_t) sut_db_col_i64(s, 2) };
        const sut_str wrapped = sut_db_col_blob(s, 3);
        if (wrapped.n == sizeof(k->wrapped))
            memcpy(k->wrapped, wrapped.p, wrapped.n);
    }
}

static SUT_ERR load_due(struct sut_store *s, struct batch *b, int64_t after)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(s, &c));
    sut_err e = read_due(c, b, after);
    if (!sut_failed(e) && b->n > 0)
        e = sut_personal_open_keys(c, b->keys, b->n);
    sut_store_return(s, &c);
    return e;
}

static SUT_ERR index_of(struct sut_db_conn *c, const struct batch *b,
                        const struct sut_seal_field *f, sut_str normalised, struct sut_index *ret)
{
    TRY(sut_personal_index(c, f, normalised, ret));
    ENSURE(ret->n > 0 && ret->at[0].version == b->version, SYSTEM);
    return SUT_OK;
}

static SUT_ERR write_row(struct sut_db_conn *c, struct batch *b, const struct sut_person_row *p)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_index email;
    struct sut_index username;
    struct sut_index phone;
    sut_str email_key = { 0 };
    sut_str phone_key = { 0 };
    bool has_row = false;
    TRY(sut_person_email_key(b->arena, p->email, &email_key));
    TRY(sut_personal_phone_key(b->arena, p->phone, &phone_key));
    TRY(index_of(c, b, sut_personal_field(SUT_PERSONAL_USERS_EMAIL), email_key, &email));
    TRY(index_of(c, b, sut_personal_field(SUT_PERSONAL_USERS_USERNAME), p->username, &username));
    TRY(index_of(c, b, sut_personal_field(SUT_PERSONAL_USERS_PHONE), phone_key, &phone));
    TRY(sut_db_prepare(c, &reindex_update, &s));
    sut_db_bind_text(s, 1, sut_index_text(&email, 0));
    sut_db_bind_text(s, 2, sut_index_text(&username, 0));
    if (phone_key.n > 0)
        sut_db_bind_text(s, 3, sut_index_text(&phone, 0));
    else
        sut_db_bind_null(s, 3);
    sut_db_bind_i64(s, 4, b->version);
    sut_db_bind_i64(s, 5, p->id);
    return sut_db_step(s, &has_row);
}

static SUT_ERR add_word(struct sut_db_conn *c, const struct batch *b, int64_t person, sut_str word)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_index ix;
    bool has_row = false;
    TRY(index_of(c, b, &sut_personal_words, word, &ix));
    TRY(sut_db_prepare(c, &reindex_words_add, &s));
    sut_db_bind_text(s, 1, sut_index_text(&ix, 0));
    sut_db_bind_i64(s, 2, person);
    sut_db_bind_i64(s, 3, b->version);
    return sut_db_step(s, &has_row);
}

static SUT_ERR write_words(struct sut_db_conn *c, struct batch *b, const struct sut_person_row *p)
{
    sut_str words[SUT_PERSONAL_WORDS_MAX];
    size_t n = 0;
    bool has_row = false;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_personal_name_words(b->arena, p->first_name, p->last_name, words, &n));
    TRY(sut_db_prepare(c, &reindex_words_forget, &s));
    sut_db_bind_i64(s, 1, p->id);
    TRY(sut_db_step(s, &has_row));
    for (size_t i = 0; i < n; i++)
        TRY(add_word(c, b, p->id, words[i]));
    return SUT_OK;
}

/* NOT_FOUND: somebody else has written the row since, under the new key. */
static SUT_ERR read_person(struct sut_db_conn *c, struct batch *b, int64_t person,
                           struct sut_person_row *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    struct sut_person_sealed row;
    bool has_row = false;
    TRY(sut_db_prepare(c, &reindex_row, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, b->version);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    TRY(sut_person__read(s, b->arena, &row));
    TRY(sut_personal_key_for_reading(c, person, row.key_version, &k));
    return sut_person__open(&k, b->arena, &row, ret);
}

static SUT_ERR reindex_batch(struct sut_db_conn *c, void *arg)
{
    struct batch *const b = arg;
    b->n_done = 0;
    b->n_lost = 0;
    sut_arena_reset(b->arena);
    for (size_t i = b->from; i < b->upto; i++) {
        struct sut_person_row p;
        const sut_err e = read_person(c, b, b->persons[i], &p);
        if (e.code == SUT_E_NOT_FOUND)
            continue;
        if (e.code == SUT_E_CORRUPT) {
            b->n_lost++;
            continue;
        }
        TRY(e);
        TRY(write_row(c, b, &p));
        TRY(write_words(c, b, &p));
        b->n_done++;
    }
    return SUT_OK;
}

/* What gives way to others time and again is left to the next pass. */
static SUT_ERR write_parts(struct sut_reseal *r, struct batch *b, uint64_t *ret_done)
{
    const size_t part = sut_store_is_remote(r->store) ? PART : PERSONS;
    for (b->from = 0; b->from < b->n; b->from = b->upto) {
        b->upto = b->from + part < b->n ? b->from + part : b->n;
        const sut_err e = sut_reseal__write(r->store, reindex_batch, b);
        if (e.code == SUT_E_CONFLICT)
            continue;
        TRY(e);
        *ret_done += b->n_done;
        r->lost += b->n_lost;
    }
    return SUT_OK;
}

static SUT_ERR current_version(struct sut_store *s, uint32_t *ret)
{
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    size_t n = 0;
    TRY(sut_keys_load(s, SUT_KEY_INDEX, rows, SUT_KEYRING_VERSIONS_MAX, &n));
    ENSURE(n > 0, NOT_FOUND);
    *ret = rows[0].version;
    return SUT_OK;
}

SUT_ERR sut_reseal_index(struct sut_reseal *r, uint64_t *ret_done)
{
    int64_t total = 0;
    DEFER(batch_free) struct batch *b = sut_mem_zalloc(1, sizeof(*b));
    ENSURE(b != NULL, NOMEM);
    TRY(sut_arena_create(JOB_MEMORY, &b->arena));
    sut_arena_set_flags(b->arena, SUT_ARENA_SECRET);
    *ret_done = 0;
    r->lost = 0;
    TRY(current_version(r->store, &b->version));
    TRY(sut_reseal__number(r->store, &reindex_total, (int64_t[]){ b->version }, 1, &total));
    for (int64_t after = INT64_MIN;;) {
        TRY(load_due(r->store, b, after));
        if (b->n == 0)
            return sut_reseal__index_social(r, b->version, ret_done);
        after = b->persons[b->n - 1];
        TRY(write_parts(r, b, ret_done));
        TRY(sut_reseal__tell(r, *ret_done, (uint64_t) total));
    }
}

static SUT_ERR find(struct sut_db_conn *c, const struct sut_sql *sql, uint32_t version, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, version);
    return sut_db_step(s, ret);
}

static SUT_ERR forget_index(struct sut_db_conn *c, void *arg)
{
    const uint32_t version = *(const uint32_t *) arg;
    bool is_used = false;
    TRY(find(c, &index_is_used, version, &is_used));
    ENSURE(!is_used, BUSY);
    TRY(find(c, &index_is_used_by_words, version, &is_used));
    ENSURE(!is_used, BUSY);
    TRY(sut_reseal__social_uses(c, version, &is_used));
    ENSURE(!is_used, BUSY);
    return sut_keyring_row_forget(c, SUT_KEY_INDEX, version);
}

SUT_ERR sut_reseal_forget_index(struct sut_reseal *r, uint32_t version)
{
    return sut_store_write(r->store, forget_index, &version);
}
