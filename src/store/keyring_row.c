/* SPDX-License-Identifier: Apache-2.0 */
#include "store/keyring_row.h"

#include <string.h>

/* The current one first; the newest first of the others. */
static const struct sut_sql keyring_load = {
    .name = "keyring_load",
    .text = "SELECT purpose, version, state, created_at, wrapped FROM keyring WHERE purpose = $1"
            " ORDER BY CASE state WHEN 1 THEN 0 ELSE 1 END, version DESC",
};

static const struct sut_sql keyring_list = {
    .name = "keyring_list",
    .text = "SELECT purpose, version, state, created_at, wrapped FROM keyring"
            " ORDER BY purpose, version",
};

static const struct sut_sql keyring_count = {
    .name = "keyring_count",
    .text = "SELECT COUNT(*) FROM keyring",
};

static const struct sut_sql keyring_counts = {
    .name = "keyring_counts",
    .text = "SELECT COALESCE(MAX(version), 0),"
            " COALESCE(SUM(CASE state WHEN 1 THEN 1 ELSE 0 END), 0),"
            " COALESCE(SUM(CASE state WHEN 2 THEN 1 ELSE 0 END), 0),"
            " COALESCE(SUM(CASE state WHEN 3 THEN 1 ELSE 0 END), 0)"
            " FROM keyring WHERE purpose = $1",
};

static const struct sut_sql keyring_add = {
    .name = "keyring_add",
    .text = "INSERT INTO keyring (purpose, version, state, wrapped, created_at)"
            " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (purpose, version) DO NOTHING",
};

static const struct sut_sql keyring_step_back = {
    .name = "keyring_step_back",
    .text = "UPDATE keyring SET state = 2 WHERE purpose = $1 AND state = 1"
            " AND EXISTS (SELECT 1 FROM keyring n WHERE n.purpose = $2 AND n.version = $3"
            " AND n.state = 3)",
};

static const struct sut_sql keyring_activate = {
    .name = "keyring_activate",
    .text = "UPDATE keyring SET state = 1, created_at = $1"
            " WHERE purpose = $2 AND version = $3 AND state = 3",
};

static const struct sut_sql keyring_forget = {
    .name = "keyring_forget",
    .text = "DELETE FROM keyring WHERE purpose = $1 AND version = $2 AND state = 2",
};

static const struct sut_sql keyring_rewrap = {
    .name = "keyring_rewrap",
    .text = "UPDATE keyring SET wrapped = $1 WHERE purpose = $2 AND version = $3 AND wrapped = $4",
};

static sut_str word_of(enum sut_key_purpose purpose)
{
    return sut_str_from(sut_key_purpose_word(purpose));
}

/* SUT_KEY_PURPOSES for a word that is none. */
static enum sut_key_purpose purpose_of(sut_str word)
{
    unsigned p = 0;
    while (p < SUT_KEY_PURPOSES && !sut_str_eq(word, word_of((enum sut_key_purpose) p)))
        p++;
    return (enum sut_key_purpose) p;
}

static SUT_ERR read_row(struct sut_db_stmt *s, struct sut_keyring_row *to)
{
    const int64_t version = sut_db_col_i64(s, 1);
    const int64_t state = sut_db_col_i64(s, 2);
    const sut_str wrapped = sut_db_col_blob(s, 4);
    ENSURE(version > 0 && version <= UINT32_MAX, CORRUPT);
    ENSURE(state >= SUT_KEYRING_CURRENT && state <= SUT_KEYRING_NEXT, CORRUPT);
    ENSURE(wrapped.n > 0 && wrapped.n <= sizeof(to->wrapped), CORRUPT);
    to->version = (uint32_t) version;
    to->state = (enum sut_keyring_state) state;
    to->created_at = (sut_ms){ sut_db_col_i64(s, 3) };
    to->wrapped_n = wrapped.n;
    memcpy(to->wrapped, wrapped.p, wrapped.n);
    return SUT_OK;
}

/* Rows of known purposes until the statement's end. */
static SUT_ERR read_rows(struct sut_db_stmt *s, struct sut_keyring_row *ret, size_t cap,
                         size_t *ret_n)
{
    bool has_row = false;
    *ret_n = 0;
    for (;;) {
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            return SUT_OK;
        const enum sut_key_purpose purpose = purpose_of(sut_db_col_text(s, 0));
        if (purpose == SUT_KEY_PURPOSES)
            continue;
        ENSURE(*ret_n < cap, TOO_LARGE);
        ret[*ret_n].purpose = purpose;
        TRY(read_row(s, &ret[*ret_n]));
        (*ret_n)++;
    }
}

SUT_ERR sut_keyring_row_load(struct sut_db_conn *c, enum sut_key_purpose purpose,
                             struct sut_keyring_row *ret, size_t cap, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &keyring_load, &s));
    sut_db_bind_text(s, 1, word_of(purpose));
    TRY(read_rows(s, ret, cap, ret_n));
    for (size_t i = 0; i < *ret_n; i++)
        ENSURE((ret[i].state == SUT_KEYRING_CURRENT) == (i == 0), CORRUPT);
    return SUT_OK;
}

SUT_ERR sut_keyring_row_list(struct sut_db_conn *c, struct sut_keyring_row *ret, size_t cap,
                             size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &keyring_list, &s));
    return read_rows(s, ret, cap, ret_n);
}

SUT_ERR sut_keyring_row_count(struct sut_db_conn *c, size_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &keyring_count, &s));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = (size_t) sut_db_col_i64(s, 0);
    return SUT_OK;
}

struct counts {
    int64_t newest;
    int64_t of[SUT_KEYRING_NEXT + 1]; /* by state */
};

static SUT_ERR count(struct sut_db_conn *c, enum sut_key_purpose purpose, struct counts *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &keyring_counts, &s));
    sut_db_bind_text(s, 1, word_of(purpose));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    ret->newest = sut_db_col_i64(s, 0);
    for (int state = SUT_KEYRING_CURRENT; state <= SUT_KEYRING_NEXT; state++)
        ret->of[state] = sut_db_col_i64(s, state);
    return SUT_OK;
}

SUT_ERR sut_keyring_row_add(struct sut_db_conn *c, const struct sut_keyring_row *row)
{
    ENSURE(row->wrapped_n > 0 && row->wrapped_n <= sizeof(row->wrapped), INVALID);
    struct counts n;
    TRY(count(c, row->purpose, &n));
    ENSURE(row->version > n.newest, EXISTS);
    ENSURE(n.of[SUT_KEYRING_NEXT] == 0, BUSY);
    ENSURE(n.of[SUT_KEYRING_PREVIOUS] < SUT_KEYRING_PREVIOUS_MAX, BUSY);
    const bool is_first = n.of[SUT_KEYRING_CURRENT] == 0;
    if (is_first != (row->state == SUT_KEYRING_CURRENT))
        FAIL(EXISTS);
    ENSURE(row->state != SUT_KEYRING_PREVIOUS, INVALID);

    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &keyring_add, &s));
    sut_db_bind_text(s, 1, word_of(row->purpose));
    sut_db_bind_i64(s, 2, row->version);
    sut_db_bind_i64(s, 3, row->state);
    sut_db_bind_blob(s, 4, sut_str_of(row->wrapped, row->wrapped_n));
    sut_db_bind_i64(s, 5, row->created_at.v);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) == 1, EXISTS);
    return SUT_OK;
}

static SUT_ERR step_back(struct sut_db_conn *c, enum sut_key_purpose purpose, uint32_t version)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &keyring_step_back, &s));
    sut_db_bind_text(s, 1, word_of(purpose));
    sut_db_bind_text(s, 2, word_of(purpose));
    sut_db_bind_i64(s, 3, version);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_keyring_row_activate(struct sut_db_conn *c, enum sut_key_purpose purpose,
                                 uint32_t version, sut_ms now)
{
    TRY(step_back(c, purpose, version));
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &keyring_activate, &s));
    sut_db_bind_i64(s, 1, now.v);
    sut_db_bind_text(s, 2, word_of(purpose));
    sut_db_bind_i64(s, 3, version);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) == 1, NOT_FOUND);
    return SUT_OK;
}

SUT_ERR sut_keyring_row_forget(struct sut_db_conn *c, enum sut_key_purpose purpose,
                               uint32_t version)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &keyring_forget, &s));
    sut_db_bind_text(s, 1, word_of(purpose));
    sut_db_bind_i64(s, 2, version);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) == 1, NOT_FOUND);
    return SUT_OK;
}

SUT_ERR sut_keyring_row_rewrap(struct sut_db_conn *c, const struct sut_keyring_row *old,
                               sut_str wrapped)
{
    ENSURE(wrapped.n > 0 && wrapped.n <= SUT_WRAPPED_MAX, INVALID);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &keyring_rewrap, &s));
    sut_db_bind_blob(s, 1, wrapped);
    sut_db_bind_text(s, 2, word_of(old->purpose));
    sut_db_bind_i64(s, 3, old->version);
    sut_db_bind_blob(s, 4, sut_str_of(old->wrapped, old->wrapped_n));
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) == 1, CONFLICT);
    return SUT_OK;
}
