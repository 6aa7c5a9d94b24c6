/* SPDX-License-Identifier: Apache-2.0 */
#include "store/keys.h"

#include <string.h>

#include "base/mem.h"
#include "crypto/sha256.h"

enum { TRIES = 8 };

SUT_ERR sut_keys_load(struct sut_store *s, enum sut_key_purpose purpose,
                      struct sut_keyring_row *ret, size_t cap, size_t *ret_n)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(s, &c));
    const sut_err e = sut_keyring_row_load(c, purpose, ret, cap, ret_n);
    sut_store_return(s, &c);
    return e;
}

static SUT_ERR list(struct sut_store *s, struct sut_keyring_row *ret, size_t *ret_n)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(s, &c));
    const sut_err e = sut_keyring_row_list(c, ret, SUT_KEYRING_ROWS_MAX, ret_n);
    sut_store_return(s, &c);
    return e;
}

static SUT_ERR list_alloc(struct sut_store *s, struct sut_keyring_row **ret, size_t *ret_n)
{
    DEFER(sut_mem_freep)
    struct sut_keyring_row *rows = sut_mem_zalloc(SUT_KEYRING_ROWS_MAX, sizeof(*rows));
    ENSURE(rows != NULL, NOMEM);
    TRY(list(s, rows, ret_n));
    *ret = STEAL(rows);
    return SUT_OK;
}

static SUT_ERR add(struct sut_db_conn *c, void *arg)
{
    return sut_keyring_row_add(c, arg);
}

/* Have a key of this version made, and save it in this state. */
static SUT_ERR make(struct sut_store *s, struct sut_keeper *k, struct sut_keyring_row *row)
{
    struct sut_buf out = { .p = row->wrapped,
                           .cap = sizeof(row->wrapped),
                           .max = sizeof(row->wrapped) };
    TRY(sut_keeper_make(k, row->purpose, row->version, &out, NULL));
    row->wrapped_n = out.n;
    return sut_store_write(s, add, row);
}

SUT_ERR sut_keys_first(struct sut_store *s, struct sut_keeper *k, enum sut_key_purpose purpose,
                       sut_ms now)
{
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    size_t n = 0;
    TRY(sut_keys_load(s, purpose, rows, SUT_KEYRING_VERSIONS_MAX, &n));
    if (n > 0)
        return SUT_OK;
    struct sut_keyring_row row = {
        .purpose = purpose, .version = 1, .state = SUT_KEYRING_CURRENT, .created_at = now
    };
    const sut_err e = make(s, k, &row);
    /* Another server may have been faster: then the key is its. */
    return e.code == SUT_E_EXISTS ? SUT_OK : e;
}

SUT_ERR sut_keys_first_all(struct sut_store *s, struct sut_keeper *k, sut_ms now)
{
    for (unsigned p = 0; p < SUT_KEY_PURPOSES; p++)
        if (p != SUT_KEY_FILE)
            TRY(sut_keys_first(s, k, (enum sut_key_purpose) p, now));
    return SUT_OK;
}

SUT_ERR sut_keys_current(struct sut_store *s, struct sut_keeper *k, enum sut_key_purpose purpose,
                         struct sut_secret **ret, uint32_t *ret_version)
{
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    size_t n = 0;
    TRY(sut_keys_load(s, purpose, rows, SUT_KEYRING_VERSIONS_MAX, &n));
    ENSURE(n > 0, NOT_FOUND);
    TRY(sut_keeper_unwrap(k, purpose, rows[0].version,
                          sut_str_of(rows[0].wrapped, rows[0].wrapped_n), ret));
    if (ret_version != NULL)
        *ret_version = rows[0].version;
    return SUT_OK;
}

/* The version of the next key, or 0, and the one that a new key would have. */
static uint32_t next_of(const struct sut_keyring_row *rows, size_t n, uint32_t *ret_free)
{
    uint32_t next = 0;
    *ret_free = 1;
    for (size_t i = 0; i < n; i++) {
        if (rows[i].state == SUT_KEYRING_NEXT)
            next = rows[i].version;
        if (rows[i].version >= *ret_free)
            *ret_free = rows[i].version + 1;
    }
    return next;
}

SUT_ERR sut_keys_add_next(struct sut_store *s, struct sut_keeper *k, enum sut_key_purpose purpose,
                          sut_ms now, uint32_t *ret_version)
{
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    for (unsigned i = 0; i < TRIES; i++) {
        size_t n = 0;
        uint32_t version = 0;
        TRY(sut_keys_load(s, purpose, rows, SUT_KEYRING_VERSIONS_MAX, &n));
        ENSURE(n > 0, NOT_FOUND);
        *ret_version = next_of(rows, n, &version);
        if (*ret_version != 0)
            return SUT_OK;
        struct sut_keyring_row row = {
            .purpose = purpose, .version = version, .state = SUT_KEYRING_NEXT, .created_at = now
        };
        const sut_err e = make(s, k, &row);
        *ret_version = version;
        if (e.code != SUT_E_EXISTS)
            return e;
    }
    FAIL(CONFLICT);
}

/* A change of one key. */
struct change {
    enum sut_key_purpose purpose;
    uint32_t version;
    sut_ms now;
};

/* The version's state; 0 when there is none. */
static SUT_ERR state_of(struct sut_db_conn *c, const struct change *ch, unsigned *ret)
{
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    size_t n = 0;
    *ret = 0;
    TRY(sut_keyring_row_load(c, ch->purpose, rows, SUT_KEYRING_VERSIONS_MAX, &n));
    for (size_t i = 0; i < n; i++)
        if (rows[i].version == ch->version)
            *ret = rows[i].state;
    return SUT_OK;
}

static SUT_ERR activate(struct sut_db_conn *c, void *arg)
{
    const struct change *const ch = arg;
    unsigned state = 0;
    TRY(state_of(c, ch, &state));
    if (state == SUT_KEYRING_CURRENT)
        return SUT_OK;
    return sut_keyring_row_activate(c, ch->purpose, ch->version, ch->now);
}

SUT_ERR sut_keys_activate(struct sut_store *s, enum sut_key_purpose purpose, uint32_t version,
                          sut_ms now)
{
    struct change ch = { .purpose = purpose, .version = version, .now = now };
    return sut_store_write(s, activate, &ch);
}

static SUT_ERR forget(struct sut_db_conn *c, void *arg)
{
    const struct change *const ch = arg;
    unsigned state = 0;
    TRY(state_of(c, ch, &state));
    return state == 0 ? SUT_OK : sut_keyring_row_forget(c, ch->purpose, ch->version);
}

SUT_ERR sut_keys_forget(struct sut_store *s, enum sut_key_purpose purpose, uint32_t version)
{
    struct change ch = { .purpose = purpose, .version = version };
    return sut_store_write(s, forget, &ch);
}

/* All rows as they were read, and their new bytes. */
struct rewrap {
    const struct sut_keyring_row *old;
    const struct sut_keyring_row *now;
    size_t n;
};

static SUT_ERR replace_all(struct sut_db_conn *c, void *arg)
{
    const struct rewrap *const r = arg;
    DEFER(sut_mem_freep)
    struct sut_keyring_row *there = sut_mem_zalloc(SUT_KEYRING_ROWS_MAX, sizeof(*there));
    size_t n = 0;
    size_t all = 0;
    ENSURE(there != NULL, NOMEM);
    TRY(sut_keyring_row_list(c, there, SUT_KEYRING_ROWS_MAX, &n));
    TRY(sut_keyring_row_count(c, &all));
    ENSURE(n == all, INVALID);
    ENSURE(n == r->n, EXISTS);
    for (size_t i = 0; i < n; i++) {
        const struct sut_keyring_row *const old = &r->old[i];
        ENSURE(there[i].purpose == old->purpose && there[i].version == old->version &&
                   sut_str_eq(sut_str_of(there[i].wrapped, there[i].wrapped_n),
                              sut_str_of(old->wrapped, old->wrapped_n)),
               EXISTS);
        TRY(sut_keyring_row_rewrap(c, old, sut_str_of(r->now[i].wrapped, r->now[i].wrapped_n)));
    }
    return SUT_OK;
}

static SUT_ERR rewrap_rows(struct sut_keeper *k, struct sut_keyring_row *rows, size_t n,
                           size_t *ret_changed)
{
    *ret_changed = 0;
    for (size_t i = 0; i < n; i++) {
        char wrapped[SUT_WRAPPED_MAX];
        struct sut_buf out = { .p = wrapped, .cap = sizeof(wrapped), .max = sizeof(wrapped) };
        bool changed = false;
        TRY(sut_keeper_rewrap(k, rows[i].purpose, rows[i].version,
                              sut_str_of(rows[i].wrapped, rows[i].wrapped_n), &out, &changed));
        if (!changed)
            continue;
        ENSURE(out.n > 0, CORRUPT);
        memcpy(rows[i].wrapped, wrapped, out.n);
        rows[i].wrapped_n = out.n;
        (*ret_changed)++;
    }
    return SUT_OK;
}

SUT_ERR sut_keys_rewrap_all(struct sut_store *s, struct sut_keeper *k, size_t *ret_changed)
{
    sut_err e = SUT_OK;
    for (unsigned i = 0; i < TRIES; i++) {
        DEFER(sut_mem_freep) struct sut_keyring_row *old = NULL;
        DEFER(sut_mem_freep)
        struct sut_keyring_row *now = sut_mem_zalloc(SUT_KEYRING_ROWS_MAX, sizeof(*now));
        size_t n = 0;
        ENSURE(now != NULL, NOMEM);
        TRY(list_alloc(s, &old, &n));
        memcpy(now, old, n * sizeof(*now));
        TRY(rewrap_rows(k, now, n, ret_changed));
        if (*ret_changed == 0)
            return SUT_OK;
        struct rewrap r = { .old = old, .now = now, .n = n };
        e = sut_store_write(s, replace_all, &r);
        if (e.code != SUT_E_EXISTS)
            return e;
    }
    return e;
}

SUT_ERR sut_keys_stamp(struct sut_store *s, unsigned char ret[SUT_KEYS_STAMP])
{
    _Static_assert((int) SUT_KEYS_STAMP == (int) SUT_SHA256_SIZE, "the digest is the stamp");
    DEFER(sut_mem_freep) struct sut_keyring_row *rows = NULL;
    size_t n = 0;
    TRY(list_alloc(s, &rows, &n));
    struct sut_buf b;
    sut_buf_init(&b, 64 * 1024);
    for (size_t i = 0; i < n; i++) {
        sut_buf_printf(&b, "%u %u %u ", (unsigned) rows[i].purpose, (unsigned) rows[i].version,
                       (unsigned) rows[i].state);
        sut_buf_i64(&b, rows[i].created_at.v);
        sut_buf_add(&b, rows[i].wrapped, rows[i].wrapped_n);
    }
    const sut_err e = sut_buf_check(&b);
    if (!sut_failed(e))
        sut_sha256(sut_buf_str(&b), ret);
    sut_buf_done(&b);
    return e;
}
