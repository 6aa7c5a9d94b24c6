/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "codec/utf8.h"
#include "crypto/sha256.h"
#include "db/db.h"
#include "store/factor.h"
#include "store/personal.h"

_Static_assert((int) SUT_CREDENTIAL_HASH == (int) SUT_SHA256_SIZE,
               "a credential is found by its SHA-256");

enum { NAME_BYTES_MAX = 4 * SUT_PASSKEY_NAME_MAX };

/* The row's place is part of what is sealed, so the number is needed before. */
static const struct sut_sql passkey_next_sqlite = {
    .name = "passkey_next",
    .text = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'passkeys'), 0) + 1",
};

static const struct sut_sql passkey_next_postgres = {
    .name = "passkey_next",
    .text = "SELECT nextval(pg_get_serial_sequence('passkeys', 'id'))",
};

static const struct sut_sql passkey_count = {
    .name = "passkey_count",
    .text = "SELECT COUNT(*) FROM passkeys WHERE person_id = $1",
};

static const struct sut_sql passkey_insert = {
    .name = "passkey_insert",
    .text = "INSERT INTO passkeys (id, person_id, credential_hash, user_handle, public_key,"
            " sign_count, flags, created_at, credential, name, key_version)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING"
            " RETURNING id",
};

#define COLUMNS                                                                                    \
    "id, person_id, user_handle, public_key, sign_count, flags, created_at, last_used_at,"         \
    " credential, name, key_version"

static const struct sut_sql passkey_find = {
    .name = "passkey_find",
    .text = "SELECT " COLUMNS " FROM passkeys WHERE credential_hash = $1",
};

static const struct sut_sql passkey_list = {
    .name = "passkey_list",
    .text = "SELECT " COLUMNS " FROM passkeys WHERE person_id = $1 ORDER BY id LIMIT $2",
};

/* Of two with the same count one comes too late: the count is compared where it is written. */
static const struct sut_sql passkey_use = {
    .name = "passkey_use",
    .text = "UPDATE passkeys SET sign_count = $2, flags = $3, last_used_at = $4 WHERE id = $1"
            " AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))",
};

static const struct sut_sql passkey_key_version = {
    .name = "passkey_key_version",
    .text = "SELECT key_version FROM passkeys WHERE id = $1 AND person_id = $2",
};

static const struct sut_sql passkey_rename = {
    .name = "passkey_rename",
    .text = "UPDATE passkeys SET name = $3 WHERE id = $1 AND person_id = $2 AND key_version = $4",
};

static const struct sut_sql passkey_remove = {
    .name = "passkey_remove",
    .text = "DELETE FROM passkeys WHERE id = $1 AND person_id = $2",
};

/* --- adding --- */

static SUT_ERR count_of(struct sut_db_conn *c, int64_t person, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &passkey_count, &s));
    sut_db_bind_i64(s, 1, person);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

static SUT_ERR next_id(struct sut_db_conn *c, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(
        c, sut_db_conn_kind(c) == SUT_DB_SQLITE ? &passkey_next_sqlite : &passkey_next_postgres,
        &s));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

static bool is_sound(const struct sut_passkey_row *p)
{
    return p->person != 0 && p->credential.n > 0 && p->credential.n <= SUT_CREDENTIAL_MAX &&
           p->user_handle.n == SUT_USER_HANDLE && p->public_key.n > 0 &&
           p->public_key.n <= SUT_COSE_KEY_MAX && p->name.n <= NAME_BYTES_MAX &&
           sut_utf8_count(p->name) <= SUT_PASSKEY_NAME_MAX;
}

static SUT_ERR insert(struct sut_db_conn *c, const struct sut_passkey_row *p, int64_t id,
                      sut_ms now)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    DEFER(sut_buf_done) struct sut_buf room = { .p = NULL };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_seal *seal = NULL;
    unsigned char hash[SUT_CREDENTIAL_HASH];
    bool has_row = false;
    sut_sha256(p->credential, hash);
    TRY(sut_personal_key_for_writing(c, p->person, now, &k));
    TRY(sut_personal_seal(c, &seal));
    sut_buf_init(&room, p->credential.n + p->name.n + 2 * (size_t) SUT_SEAL_OVERHEAD);
    (void) sut_buf_room(&room, room.max);
    TRY(sut_buf_check(&room));
    TRY(sut_db_prepare(c, &passkey_insert, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, p->person);
    sut_db_bind_blob(s, 3, sut_str_of((const char *) hash, sizeof(hash)));
    sut_db_bind_blob(s, 4, p->user_handle);
    sut_db_bind_blob(s, 5, p->public_key);
    sut_db_bind_i64(s, 6, p->sign_count);
    sut_db_bind_i64(s, 7, p->flags);
    sut_db_bind_i64(s, 8, now.v);
    TRY(sut_personal_bind(seal, &k, SUT_PERSONAL_PASSKEY_CREDENTIAL, id, p->credential, &room, s,
                          9));
    TRY(sut_personal_bind(seal, &k, SUT_PERSONAL_PASSKEY_NAME, id, p->name, &room, s, 10));
    sut_db_bind_i64(s, 11, k.version);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, EXISTS);
    return SUT_OK;
}

SUT_ERR sut_passkey_add(struct sut_db_conn *c, const struct sut_passkey_row *p, sut_ms now,
                        int64_t *ret_id)
{
    int64_t n = 0;
    ENSURE(is_sound(p), INVALID);
    TRY(count_of(c, p->person, &n));
    ENSURE(n < SUT_PASSKEYS_MAX, TOO_LARGE);
    TRY(next_id(c, ret_id));
    TRY(insert(c, p, *ret_id, now));
    return sut_factor_note(c, p->person, SUT_FACTOR_PASSKEY, now);
}

/* --- reading --- */

static SUT_ERR open_field(struct sut_db_stmt *s, int column, const struct sut_data_key *k,
                          enum sut_personal field, int64_t id, struct sut_arena *a, sut_str *ret)
{
    const sut_str sealed = sut_db_col_blob(s, column);
    struct sut_buf out;
    sut_buf_init_arena(&out, a, sealed.n + 1);
    TRY(sut_seal_get(k, sut_personal_field(field), id, sealed, &out));
    TRY(sut_buf_check(&out));
    *ret = out.n == 0 ? SUT_STR("") : sut_buf_str(&out);
    return SUT_OK;
}

static SUT_ERR copy(struct sut_arena *a, sut_str from, sut_str *ret)
{
    *ret = sut_str_dup(a, from);
    ENSURE(ret->p != NULL, NOMEM);
    return SUT_OK;
}

static SUT_ERR read_row(struct sut_db_conn *c, struct sut_db_stmt *s, struct sut_arena *a,
                        struct sut_passkey_row *ret)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    struct sut_passkey_row p = {
        .id = sut_db_col_i64(s, 0),
        .person = sut_db_col_i64(s, 1),
        .sign_count = sut_db_col_i64(s, 4),
        .flags = sut_db_col_i64(s, 5),
        .created_at = { sut_db_col_i64(s, 6) },
        .last_used_at = { sut_db_col_i64(s, 7) },
    };
    TRY(copy(a, sut_db_col_blob(s, 2), &p.user_handle));
    TRY(copy(a, sut_db_col_blob(s, 3), &p.public_key));
    TRY(sut_personal_key_for_reading(c, p.person, (uint32_t) sut_db_col_i64(s, 10), &k));
    TRY(open_field(s, 8, &k, SUT_PERSONAL_PASSKEY_CREDENTIAL, p.id, a, &p.credential));
    TRY(open_field(s, 9, &k, SUT_PERSONAL_PASSKEY_NAME, p.id, a, &p.name));
    *ret = p;
    return SUT_OK;
}

static SUT_ERR find(struct sut_db_conn *c, struct sut_arena *a, sut_str hash,
                    struct sut_passkey_row *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &passkey_find, &s));
    sut_db_bind_blob(s, 1, hash);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    return read_row(c, s, a, ret);
}

SUT_ERR sut_passkey_find(struct sut_db_conn *c, struct sut_arena *a, sut_str credential_hash,
                         struct sut_passkey_row *ret)
{
    const sut_err e = find(c, a, credential_hash, ret);
    /* Between row and key a rotation may have taken the old key away: look again. */
    return e.code == SUT_E_CORRUPT ? find(c, a, credential_hash, ret) : e;
}

static SUT_ERR list(struct sut_db_conn *c, struct sut_arena *a, int64_t person,
                    struct sut_passkey_row *rows, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    size_t n = 0;
    TRY(sut_db_prepare(c, &passkey_list, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, SUT_PASSKEYS_MAX);
    for (;; n++) {
        TRY(sut_db_step(s, &has_row));
        if (!has_row || n == SUT_PASSKEYS_MAX)
            break;
        TRY(read_row(c, s, a, &rows[n]));
    }
    *ret_n = n;
    return SUT_OK;
}

SUT_ERR sut_passkey_list(struct sut_db_conn *c, struct sut_arena *a, int64_t person,
                         struct sut_passkey_row **ret, size_t *ret_n)
{
    struct sut_passkey_row *rows = ARENA_ARRAY(a, struct sut_passkey_row, SUT_PASSKEYS_MAX);
    ENSURE(rows != NULL, NOMEM);
    *ret = rows;
    const sut_err e = list(c, a, person, rows, ret_n);
    return e.code == SUT_E_CORRUPT ? list(c, a, person, rows, ret_n) : e;
}

/* --- changing --- */

SUT_ERR sut_passkey_use(struct sut_db_conn *c, int64_t id, int64_t sign_count, int64_t flags,
                        sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &passkey_use, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, sign_count);
    sut_db_bind_i64(s, 3, flags);
    sut_db_bind_i64(s, 4, now.v);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) > 0, DENIED);
    return SUT_OK;
}

static SUT_ERR key_version_of(struct sut_db_conn *c, int64_t person, int64_t id, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &passkey_key_version, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, person);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

/* Under the key that the row's other field is sealed under: a row has one. */
SUT_ERR sut_passkey_rename(struct sut_db_conn *c, int64_t person, int64_t id, sut_str name)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    char bytes[NAME_BYTES_MAX + SUT_SEAL_OVERHEAD];
    struct sut_buf room = { .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
    struct sut_seal *seal = NULL;
    int64_t version = 0;
    bool has_row = false;
    ENSURE(name.n <= NAME_BYTES_MAX && sut_utf8_count(name) <= SUT_PASSKEY_NAME_MAX, INVALID);
    TRY(key_version_of(c, person, id, &version));
    TRY(sut_personal_key_for_reading(c, person, (uint32_t) version, &k));
    TRY(sut_personal_seal(c, &seal));
    TRY(sut_db_prepare(c, &passkey_rename, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, person);
    TRY(sut_personal_bind(seal, &k, SUT_PERSONAL_PASSKEY_NAME, id, name, &room, s, 3));
    sut_db_bind_i64(s, 4, version);
    TRY(sut_db_step(s, &has_row));
    /* It was sealed anew meanwhile: the job begins again. */
    ENSURE(sut_db_changes(s) > 0, CONFLICT);
    return SUT_OK;
}

static SUT_ERR drop(struct sut_db_conn *c, int64_t person, int64_t id)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &passkey_remove, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, person);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) > 0, NOT_FOUND);
    return SUT_OK;
}

SUT_ERR sut_passkey_remove(struct sut_db_conn *c, int64_t person, int64_t id, sut_ms now)
{
    int64_t left = 0;
    TRY(drop(c, person, id));
    TRY(count_of(c, person, &left));
    return left > 0 ? SUT_OK : sut_factor_forget(c, person, SUT_FACTOR_PASSKEY, now);
}
