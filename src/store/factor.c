/* SPDX-License-Identifier: Apache-2.0 */
#include "store/factor.h"

#include "base/buf.h"
#include "db/db.h"
#include "store/personal.h"

static const struct sut_sql totp_find = {
    .name = "totp_find",
    .text = "SELECT confirmed_at, last_step, secret, key_version FROM totp WHERE id = $1",
};

/* One that is confirmed stays. */
static const struct sut_sql totp_begin = {
    .name = "totp_begin",
    .text = "INSERT INTO totp (id, created_at, secret, key_version) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at,"
            " secret = excluded.secret, key_version = excluded.key_version, last_step = 0"
            " WHERE totp.confirmed_at = 0 RETURNING id",
};

static const struct sut_sql totp_use = {
    .name = "totp_use",
    .text = "UPDATE totp SET last_step = $2,"
            " confirmed_at = CASE WHEN confirmed_at = 0 THEN $3 ELSE confirmed_at END"
            " WHERE id = $1 AND last_step < $2",
};

static const struct sut_sql totp_remove = {
    .name = "totp_remove",
    .text = "DELETE FROM totp WHERE id = $1",
};

static const struct sut_sql factors_add = {
    .name = "factors_add",
    .text = "UPDATE users SET factors = factors | $2, modified_at = $3 WHERE id = $1"
            " AND (factors & $2) = 0",
};

static const struct sut_sql factors_take = {
    .name = "factors_take",
    .text = "UPDATE users SET factors = factors & ~CAST($2 AS BIGINT), modified_at = $3"
            " WHERE id = $1",
};

/* With the last factor its recovery codes go. */
static const struct sut_sql recovery_drop_idle = {
    .name = "recovery_drop_idle",
    .text = "DELETE FROM recovery_codes WHERE person_id = $1 AND EXISTS"
            " (SELECT 1 FROM users u WHERE u.id = $1 AND u.factors = 0)",
};

static const struct sut_sql recovery_drop = {
    .name = "recovery_drop",
    .text = "DELETE FROM recovery_codes WHERE person_id = $1",
};

static const struct sut_sql recovery_add = {
    .name = "recovery_add",
    .text = "INSERT INTO recovery_codes (person_id, hash, created_at) VALUES ($1, $2, $3)",
};

static const struct sut_sql recovery_use = {
    .name = "recovery_use",
    .text = "UPDATE recovery_codes SET used_at = $3 WHERE person_id = $1 AND hash = $2"
            " AND used_at IS NULL",
};

static const struct sut_sql recovery_count = {
    .name = "recovery_count",
    .text = "SELECT COUNT(*) FROM recovery_codes WHERE person_id = $1 AND used_at IS NULL",
};

static const struct sut_sql passkeys_drop = {
    .name = "passkeys_drop",
    .text = "DELETE FROM passkeys WHERE person_id = $1",
};

static const struct sut_sql totp_drop_since = {
    .name = "totp_drop_since",
    .text = "DELETE FROM totp WHERE id = $1 AND (confirmed_at >= $2 OR confirmed_at = 0)",
};

static const struct sut_sql passkeys_drop_since = {
    .name = "passkeys_drop_since",
    .text = "DELETE FROM passkeys WHERE person_id = $1 AND created_at >= $2",
};

static const struct sut_sql recovery_drop_since = {
    .name = "recovery_drop_since",
    .text = "DELETE FROM recovery_codes WHERE person_id = $1 AND created_at >= $2",
};

/* The bits as the rows are. */
_Static_assert(SUT_FACTOR_TOTP == 1 && SUT_FACTOR_PASSKEY == 2, "as the statement has them");
static const struct sut_sql factors_recount = {
    .name = "factors_recount",
    .text = "UPDATE users SET modified_at = $2, factors ="
            " CASE WHEN EXISTS (SELECT 1 FROM totp t WHERE t.id = users.id) THEN 1 ELSE 0 END"
            " + CASE WHEN EXISTS (SELECT 1 FROM passkeys p WHERE p.person_id = users.id)"
            " THEN 2 ELSE 0 END WHERE id = $1",
};

static SUT_ERR run_for(struct sut_db_conn *c, const struct sut_sql *sql, int64_t person)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, person);
    return sut_db_step(s, &has_row);
}

static SUT_ERR mark(struct sut_db_conn *c, const struct sut_sql *sql, int64_t person,
                    int64_t factor, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, factor);
    sut_db_bind_i64(s, 3, now.v);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_factor_note(struct sut_db_conn *c, int64_t person, int64_t factor, sut_ms now)
{
    return mark(c, &factors_add, person, factor, now);
}

SUT_ERR sut_factor_forget(struct sut_db_conn *c, int64_t person, int64_t factor, sut_ms now)
{
    TRY(mark(c, &factors_take, person, factor, now));
    return run_for(c, &recovery_drop_idle, person);
}

/* --- TOTP --- */

SUT_ERR sut_totp_find(struct sut_db_conn *c, struct sut_arena *a, int64_t person,
                      struct sut_totp_row *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    struct sut_buf secret;
    bool has_row = false;
    TRY(sut_db_prepare(c, &totp_find, &s));
    sut_db_bind_i64(s, 1, person);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    struct sut_totp_row row = {
        .is_confirmed = sut_db_col_i64(s, 0) != 0,
        .last_step = sut_db_col_i64(s, 1),
    };
    const sut_str sealed = sut_db_col_blob(s, 2);
    ENSURE(sealed.p != NULL, CORRUPT);
    TRY(sut_personal_key_for_reading(c, person, (uint32_t) sut_db_col_i64(s, 3), &k));
    sut_buf_init_arena(&secret, a, sealed.n);
    TRY(sut_seal_get(&k, sut_personal_field(SUT_PERSONAL_TOTP_SECRET), person, sealed, &secret));
    TRY(sut_buf_check(&secret));
    row.secret = sut_buf_str(&secret);
    *ret = row;
    return SUT_OK;
}

SUT_ERR sut_totp_begin(struct sut_db_conn *c, int64_t person, sut_str secret, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    char bytes[SUT_TOTP_SECRET + SUT_SEAL_OVERHEAD];
    struct sut_buf room = { .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
    struct sut_seal *seal = NULL;
    bool has_row = false;
    ENSURE(secret.n == SUT_TOTP_SECRET, INVALID);
    TRY(sut_personal_key_for_writing(c, person, now, &k));
    TRY(sut_personal_seal(c, &seal));
    TRY(sut_db_prepare(c, &totp_begin, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, now.v);
    TRY(sut_personal_bind(seal, &k, SUT_PERSONAL_TOTP_SECRET, person, secret, &room, s, 3));
    sut_db_bind_i64(s, 4, k.version);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, EXISTS);
    return SUT_OK;
}

static SUT_ERR use_step(struct sut_db_conn *c, int64_t person, int64_t step, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &totp_use, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, step);
    sut_db_bind_i64(s, 3, now.v);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) > 0, DENIED);
    return SUT_OK;
}

SUT_ERR sut_totp_use(struct sut_db_conn *c, int64_t person, int64_t step, sut_ms now)
{
    TRY(use_step(c, person, step, now));
    return sut_factor_note(c, person, SUT_FACTOR_TOTP, now);
}

SUT_ERR sut_totp_remove(struct sut_db_conn *c, int64_t person, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &totp_remove, &s));
    sut_db_bind_i64(s, 1, person);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) > 0, NOT_FOUND);
    return sut_factor_forget(c, person, SUT_FACTOR_TOTP, now);
}

/* --- recovery codes --- */

static SUT_ERR add_code(struct sut_db_conn *c, int64_t person, sut_str hash, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    ENSURE(hash.n == SUT_RECOVERY_HASH, INVALID);
    TRY(sut_db_prepare(c, &recovery_add, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_blob(s, 2, hash);
    sut_db_bind_i64(s, 3, now.v);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_recovery_put(struct sut_db_conn *c, int64_t person, const sut_str *hashes, size_t n,
                         sut_ms now)
{
    TRY(run_for(c, &recovery_drop, person));
    for (size_t i = 0; i < n; i++)
        TRY(add_code(c, person, hashes[i], now));
    return SUT_OK;
}

SUT_ERR sut_recovery_use(struct sut_db_conn *c, int64_t person, sut_str hash, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    ENSURE(hash.n == SUT_RECOVERY_HASH, INVALID);
    TRY(sut_db_prepare(c, &recovery_use, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_blob(s, 2, hash);
    sut_db_bind_i64(s, 3, now.v);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) > 0, NOT_FOUND);
    return SUT_OK;
}

SUT_ERR sut_recovery_count(struct sut_db_conn *c, int64_t person, int64_t *ret_left)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &recovery_count, &s));
    sut_db_bind_i64(s, 1, person);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret_left = sut_db_col_i64(s, 0);
    return SUT_OK;
}

/* --- all of them --- */

SUT_ERR sut_factors_clear(struct sut_db_conn *c, int64_t person, sut_ms now)
{
    TRY(run_for(c, &totp_remove, person));
    TRY(run_for(c, &passkeys_drop, person));
    TRY(run_for(c, &recovery_drop, person));
    return mark(c, &factors_take, person, SUT_FACTOR_TOTP | SUT_FACTOR_PASSKEY, now);
}

static SUT_ERR run_at(struct sut_db_conn *c, const struct sut_sql *sql, int64_t person, sut_ms at)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, at.v);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_factors_clear_since(struct sut_db_conn *c, int64_t person, sut_ms since, sut_ms now)
{
    TRY(run_at(c, &totp_drop_since, person, since));
    TRY(run_at(c, &passkeys_drop_since, person, since));
    TRY(run_at(c, &recovery_drop_since, person, since));
    TRY(run_at(c, &factors_recount, person, now));
    return run_for(c, &recovery_drop_idle, person);
}
