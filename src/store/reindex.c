/* SPDX-License-Identifier: Apache-2.0 */
#include "store/keys.h"
#include "store/person_int.h"
#include "store/reindex_rows.h"

enum { JOB_MEMORY = 64 * 1024 * 1024 };

static const struct sut_sql reindex_due = {
    .name = "reindex_due",
    .text = "SELECT u.id, u.id, u.key_version, d.kek_version, d.wrapped FROM users u"
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

static SUT_ERR index_of(struct sut_db_conn *c, uint32_t version, const struct sut_seal_field *f,
                        sut_str normalised, struct sut_index *ret)
{
    TRY(sut_personal_index(c, f, normalised, ret));
    ENSURE(ret->n > 0 && ret->at[0].version == version, SYSTEM);
    return SUT_OK;
}

static SUT_ERR write_row(struct sut_db_conn *c, struct sut_arena *a, uint32_t version,
                         const struct sut_person_row *p)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_index email;
    struct sut_index username;
    struct sut_index phone;
    sut_str email_key = { 0 };
    sut_str phone_key = { 0 };
    bool has_row = false;
    TRY(sut_person_email_key(a, p->email, &email_key));
    TRY(sut_personal_phone_key(a, p->phone, &phone_key));
    TRY(index_of(c, version, sut_personal_field(SUT_PERSONAL_USERS_EMAIL), email_key, &email));
    TRY(index_of(c, version, sut_personal_field(SUT_PERSONAL_USERS_USERNAME), p->username,
                 &username));
    TRY(index_of(c, version, sut_personal_field(SUT_PERSONAL_USERS_PHONE), phone_key, &phone));
    TRY(sut_db_prepare(c, &reindex_update, &s));
    sut_db_bind_text(s, 1, sut_index_text(&email, 0));
    sut_db_bind_text(s, 2, sut_index_text(&username, 0));
    if (phone_key.n > 0)
        sut_db_bind_text(s, 3, sut_index_text(&phone, 0));
    else
        sut_db_bind_null(s, 3);
    sut_db_bind_i64(s, 4, version);
    sut_db_bind_i64(s, 5, p->id);
    return sut_db_step(s, &has_row);
}

static SUT_ERR add_word(struct sut_db_conn *c, uint32_t version, int64_t person, sut_str word)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_index ix;
    bool has_row = false;
    TRY(index_of(c, version, &sut_personal_words, word, &ix));
    TRY(sut_db_prepare(c, &reindex_words_add, &s));
    sut_db_bind_text(s, 1, sut_index_text(&ix, 0));
    sut_db_bind_i64(s, 2, person);
    sut_db_bind_i64(s, 3, version);
    return sut_db_step(s, &has_row);
}

static SUT_ERR write_words(struct sut_db_conn *c, struct sut_arena *a, uint32_t version,
                           const struct sut_person_row *p)
{
    sut_str words[SUT_PERSONAL_WORDS_MAX];
    size_t n = 0;
    bool has_row = false;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_personal_name_words(a, p->first_name, p->last_name, words, &n));
    TRY(sut_db_prepare(c, &reindex_words_forget, &s));
    sut_db_bind_i64(s, 1, p->id);
    TRY(sut_db_step(s, &has_row));
    for (size_t i = 0; i < n; i++)
        TRY(add_word(c, version, p->id, words[i]));
    return SUT_OK;
}

/* NOT_FOUND: somebody else has written the row since, under the new key. */
static SUT_ERR read_person(struct sut_db_conn *c, struct sut_arena *a, uint32_t version,
                           int64_t person, struct sut_person_row *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    struct sut_person_sealed row;
    bool has_row = false;
    TRY(sut_db_prepare(c, &reindex_row, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, version);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    TRY(sut_person__read(s, a, &row));
    TRY(sut_personal_key_for_reading(c, person, row.key_version, &k));
    return sut_person__open(&k, a, &row, ret);
}

static SUT_ERR index_person(struct sut_db_conn *c, struct sut_arena *a, uint32_t version,
                            int64_t person, enum sut_reindexed *ret)
{
    struct sut_person_row p;
    const sut_err e = read_person(c, a, version, person, &p);
    if (sut_reindex__is_passed(e, ret))
        return SUT_OK;
    TRY(e);
    TRY(write_row(c, a, version, &p));
    TRY(write_words(c, a, version, &p));
    *ret = SUT_REINDEX_DONE;
    return SUT_OK;
}

static const struct sut_reindex_table persons = {
    .due = &reindex_due,
    .total = &reindex_total,
    .used = &index_is_used,
    .row = index_person,
    .memory = JOB_MEMORY,
};

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
    uint32_t version = 0;
    *ret_done = 0;
    r->lost = 0;
    TRY(current_version(r->store, &version));
    TRY(sut_reindex__rows(r, &persons, version, ret_done));
    TRY(sut_reindex__rows(r, &sut_reindex__social, version, ret_done));
    return sut_reindex__rows(r, &sut_reindex__payments, version, ret_done);
}

static SUT_ERR forget_index(struct sut_db_conn *c, void *arg)
{
    const uint32_t version = *(const uint32_t *) arg;
    const struct sut_sql *const uses[] = { persons.used, &index_is_used_by_words,
                                           sut_reindex__social.used, sut_reindex__payments.used };
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        bool is_used = false;
        TRY(sut_reindex__is_used(c, uses[i], version, &is_used));
        ENSURE(!is_used, BUSY);
    }
    return sut_keyring_row_forget(c, SUT_KEY_INDEX, version);
}

SUT_ERR sut_reseal_forget_index(struct sut_reseal *r, uint32_t version)
{
    return sut_store_write(r->store, forget_index, &version);
}
