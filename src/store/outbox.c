/* SPDX-License-Identifier: Apache-2.0 */
#include "store/outbox.h"

#include "base/buf.h"
#include "db/db.h"
#include "store/due_int.h"
#include "store/personal.h"
#include "store/store.h"

enum { LIST_MAX = 1000, PRUNE_STEPS_MAX = 20 };
static const int64_t keep_ms = INT64_C(24) * 3600 * 1000 * SUT_OUTBOX_KEEP_DAYS;
static const char key_lost[] = "key_lost";

/* The row's place is part of what is sealed, so the number is needed before. */
static const struct sut_sql outbox_next_sqlite = {
    .name = "outbox_next",
    .text = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0) + 1",
};

static const struct sut_sql outbox_next_postgres = {
    .name = "outbox_next",
    .text = "SELECT nextval(pg_get_serial_sequence('outbox', 'id'))",
};

static const struct sut_sql outbox_insert = {
    .name = "outbox_insert",
    .text = "INSERT INTO outbox (id, kind, what, name, person_id, state, created_at, due_at,"
            " done_at, why, payload, key_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
            " $11, $12) ON CONFLICT DO NOTHING RETURNING id",
};

/*
 * Two steps, and a limit that stands there: in one statement, or with one that is bound, a planner
 * may read all that waits.  32: SUT_OUTBOX_CLAIM_MAX.
 */
static const struct sut_sql outbox_due = {
    .name = "outbox_due",
    .text = "SELECT id FROM outbox WHERE state = 1 AND due_at <= $1 AND kind = $2"
            " ORDER BY due_at, id LIMIT 32",
};

/* Of two at once the second finds it taken. */
static const struct sut_sql outbox_claim = {
    .name = "outbox_claim",
    .text = "UPDATE outbox SET tries = tries + 1, due_at = $3 WHERE id = $1 AND state = 1"
            " AND due_at <= $2 RETURNING id",
};

static const struct sut_sql outbox_count = {
    .name = "outbox_count",
    .text = "SELECT COUNT(*) FROM outbox WHERE person_id = $1 AND what = $2 AND created_at > $3",
};

/* due_at is when it was done, so that one index leads to what is to be pruned. */
static const struct sut_sql outbox_done = {
    .name = "outbox_done",
    .text = "UPDATE outbox SET state = $2, why = $3, due_at = $4, done_at = $4, payload = NULL,"
            " key_version = 0 WHERE id = $1 AND state = 1",
};

static const struct sut_sql outbox_retry = {
    .name = "outbox_retry",
    .text = "UPDATE outbox SET why = $2, due_at = $3 WHERE id = $1 AND state = 1",
};

static const struct sut_sql outbox_release = {
    .name = "outbox_release",
    .text = "UPDATE outbox SET tries = tries - 1, due_at = $2 WHERE id = $1 AND state = 1"
            " AND tries > 0",
};

static const struct sut_sql outbox_next_due = {
    .name = "outbox_next_due",
    .text = "SELECT due_at FROM outbox WHERE state = 1 AND kind = $1 ORDER BY due_at LIMIT 1",
};

static const struct sut_sql outbox_prune = {
    .name = "outbox_prune",
    .text = "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state = $1"
            " AND due_at < $2 ORDER BY due_at LIMIT 500)",
};

/* What nobody has ever tried to send: no mail server was named. */
static const struct sut_sql outbox_expire = {
    .name = "outbox_expire",
    .text = "UPDATE outbox SET state = 3, why = 'expired', due_at = $2, done_at = $2,"
            " payload = NULL, key_version = 0 WHERE id IN (SELECT id FROM outbox WHERE state = 1"
            " AND due_at < $1 AND created_at < $1 ORDER BY due_at LIMIT 500)",
};

#define COLUMNS                                                                                    \
    "SELECT o.id, o.kind, o.state, o.what, o.person_id, o.tries, o.created_at, o.due_at,"          \
    " o.done_at, o.why, o.payload, o.key_version, k.kek_version, k.wrapped FROM outbox o"          \
    " LEFT JOIN data_keys k ON k.person_id = COALESCE(o.person_id, 0)"                             \
    " AND k.version = o.key_version"

static const struct sut_sql outbox_page = {
    .name = "outbox_page",
    .text = COLUMNS " ORDER BY o.id DESC LIMIT $1 OFFSET $2",
};

static const struct sut_sql outbox_one = {
    .name = "outbox_one",
    .text = COLUMNS " WHERE o.id = $1",
};

static void bind_or_null(struct sut_db_stmt *s, int n, sut_str v)
{
    if (v.n == 0)
        sut_db_bind_null(s, n);
    else
        sut_db_bind_text(s, n, v);
}

static SUT_ERR next_id(struct sut_db_conn *c, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(
        c, sut_db_conn_kind(c) == SUT_DB_SQLITE ? &outbox_next_sqlite : &outbox_next_postgres, &s));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

/* $11 and $12. */
static SUT_ERR bind_payload(struct sut_db_conn *c, struct sut_db_stmt *s, int64_t id,
                            sut_str payload, const struct sut_data_key *k, struct sut_buf *room)
{
    struct sut_seal *seal = NULL;
    sut_db_bind_i64(s, 12, k->version);
    if (k->version == 0) {
        sut_db_bind_null(s, 11);
        return SUT_OK;
    }
    TRY(sut_personal_seal(c, &seal));
    (void) sut_buf_room(room, payload.n + SUT_SEAL_OVERHEAD);
    TRY(sut_buf_check(room));
    return sut_personal_bind(seal, k, SUT_PERSONAL_OUTBOX_PAYLOAD, id, payload, room, s, 11);
}

SUT_ERR sut_outbox_add(struct sut_db_conn *c, const struct sut_outbox_new *o, sut_ms now,
                       bool *ret_added)
{
    ENSURE(o->what.n > 0 && o->what.n <= SUT_OUTBOX_WORD_MAX, INVALID);
    ENSURE(o->payload.n > 0 && o->payload.n <= SUT_OUTBOX_PAYLOAD_MAX, INVALID);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    DEFER(sut_buf_done) struct sut_buf room = { .p = NULL };
    sut_buf_init(&room, SUT_OUTBOX_PAYLOAD_MAX + SUT_SEAL_OVERHEAD);
    int64_t id = 0;
    bool has_row = false;
    const sut_err e = sut_personal_key_for_writing(c, o->person, now, &k);
    /* What caused it goes on though the person's key is lost; the row says that it did not go. */
    const bool is_lost = e.code == SUT_E_CORRUPT;
    if (is_lost)
        k = (struct sut_data_key){ 0 };
    else
        TRY(e);
    TRY(next_id(c, &id));
    TRY(sut_db_prepare(c, &outbox_insert, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, o->kind);
    sut_db_bind_text(s, 3, o->what);
    bind_or_null(s, 4, o->name);
    if (o->person == 0)
        sut_db_bind_null(s, 5);
    else
        sut_db_bind_i64(s, 5, o->person);
    sut_db_bind_i64(s, 6, is_lost ? SUT_OUTBOX_GIVEN_UP : SUT_OUTBOX_DUE);
    sut_db_bind_i64(s, 7, now.v);
    sut_db_bind_i64(s, 8, o->due_at.v > now.v && !is_lost ? o->due_at.v : now.v);
    if (is_lost)
        sut_db_bind_i64(s, 9, now.v);
    else
        sut_db_bind_null(s, 9);
    bind_or_null(s, 10, is_lost ? sut_str_from(key_lost) : (sut_str){ 0 });
    TRY(bind_payload(c, s, id, o->payload, &k, &room));
    TRY(sut_db_step(s, &has_row));
    if (ret_added != NULL)
        *ret_added = has_row;
    return SUT_OK;
}

SUT_ERR sut_outbox_count(struct sut_db_conn *c, int64_t person, sut_str what, sut_ms since,
                         uint64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &outbox_count, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_text(s, 2, what);
    sut_db_bind_i64(s, 3, since.v);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = (uint64_t) sut_db_col_i64(s, 0);
    return SUT_OK;
}

/* --- reading --- */

/* A row as it lies there. */
struct sealed_row {
    struct sut_outbox_row plain; /* payload is the sealed one */
    struct sut_data_key_row key; /* version 0: none */
};

static SUT_ERR copy(struct sut_arena *a, sut_str v, sut_str *ret)
{
    *ret = (sut_str){ 0 };
    if (v.p == NULL)
        return SUT_OK;
    *ret = v.n == 0 ? SUT_STR("") : sut_str_dup(a, v);
    ENSURE(ret->p != NULL, NOMEM);
    return SUT_OK;
}

static SUT_ERR read_row(struct sut_db_stmt *s, struct sut_arena *a, bool has_payload,
                        struct sealed_row *row)
{
    struct sut_outbox_row *const p = &row->plain;
    *row = (struct sealed_row){
        .plain = { .id = sut_db_col_i64(s, 0),
                   .kind = (enum sut_outbox_kind) sut_db_col_i64(s, 1),
                   .state = (enum sut_outbox_state) sut_db_col_i64(s, 2),
                   .person = sut_db_col_i64(s, 4),
                   .tries = (uint32_t) sut_db_col_i64(s, 5),
                   .created_at = { sut_db_col_i64(s, 6) },
                   .due_at = { sut_db_col_i64(s, 7) },
                   .done_at = { sut_db_col_i64(s, 8) } },
    };
    TRY(copy(a, sut_db_col_text(s, 3), &p->what));
    TRY(copy(a, sut_db_col_is_null(s, 9) ? (sut_str){ 0 } : sut_db_col_text(s, 9), &p->why));
    if (!has_payload || sut_db_col_is_null(s, 10))
        return SUT_OK;
    TRY(copy(a, sut_db_col_blob(s, 10), &p->payload));
    row->key = (struct sut_data_key_row){ .person = p->person,
                                          .version = (uint32_t) sut_db_col_i64(s, 11),
                                          .kek_version = (uint32_t) sut_db_col_i64(s, 12) };
    const sut_str wrapped = sut_db_col_blob(s, 13);
    /* One that is gone or altered: as zeros it opens for nobody. */
    if (wrapped.n == SUT_DATA_WRAPPED)
        memcpy(row->key.wrapped, wrapped.p, SUT_DATA_WRAPPED);
    return SUT_OK;
}

static SUT_ERR open_row(struct sut_seal *seal, struct sut_arena *a, const struct sealed_row *from,
                        struct sut_outbox_row *ret)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    struct sut_buf out;
    *ret = from->plain;
    if (from->plain.payload.p == NULL)
        return SUT_OK;
    ret->payload = (sut_str){ 0 };
    sut_buf_init_arena(&out, a, SUT_OUTBOX_PAYLOAD_MAX + SUT_SEAL_OVERHEAD);
    sut_err e = sut_seal_key_of(seal, &from->key, &k);
    if (!sut_failed(e))
        e = sut_seal_get(&k, sut_personal_field(SUT_PERSONAL_OUTBOX_PAYLOAD), from->plain.id,
                         from->plain.payload, &out);
    ret->is_lost = e.code == SUT_E_NOT_FOUND || e.code == SUT_E_CORRUPT;
    if (ret->is_lost)
        return SUT_OK;
    TRY(e);
    TRY(sut_buf_check(&out));
    ret->payload = sut_buf_str(&out);
    return SUT_OK;
}

static SUT_ERR open_rows(struct sut_db_conn *c, struct sut_arena *a, const struct sealed_row *from,
                         size_t n, struct sut_outbox_row *ret)
{
    struct sut_seal *seal = NULL;
    size_t n_keys = 0;
    struct sut_data_key_row *keys = ARENA_ARRAY(a, struct sut_data_key_row, n + 1);
    ENSURE(keys != NULL, NOMEM);
    for (size_t i = 0; i < n; i++)
        if (from[i].plain.payload.p != NULL)
            keys[n_keys++] = from[i].key;
    TRY(sut_personal_seal(c, &seal));
    if (n_keys > 0)
        TRY(sut_personal_open_keys(c, keys, n_keys));
    for (size_t i = 0; i < n; i++)
        TRY(open_row(seal, a, &from[i], &ret[i]));
    return SUT_OK;
}

static SUT_ERR read_one(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                        struct sealed_row *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &outbox_one, &s));
    sut_db_bind_i64(s, 1, id);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    return read_row(s, a, true, ret);
}

SUT_ERR sut_outbox_by_id(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                         struct sut_outbox_row *ret)
{
    struct sealed_row row;
    TRY(read_one(c, a, id, &row));
    return open_rows(c, a, &row, 1, ret);
}

SUT_ERR sut_outbox_list(struct sut_db_conn *c, struct sut_arena *a, bool has_payload, size_t offset,
                        size_t limit, struct sut_outbox_row **ret, size_t *ret_n)
{
    ENSURE(limit <= LIST_MAX, INVALID);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_outbox_row *rows = ARENA_ARRAY(a, struct sut_outbox_row, limit + 1);
    struct sealed_row *sealed = ARENA_ARRAY(a, struct sealed_row, limit + 1);
    size_t n = 0;
    ENSURE(rows != NULL && sealed != NULL, NOMEM);
    TRY(sut_db_prepare(c, &outbox_page, &s));
    sut_db_bind_i64(s, 1, (int64_t) limit);
    sut_db_bind_i64(s, 2, (int64_t) offset);
    for (; n < limit; n++) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        TRY(read_row(s, a, has_payload, &sealed[n]));
    }
    TRY(open_rows(c, a, sealed, n, rows));
    *ret = rows;
    *ret_n = n;
    return SUT_OK;
}

/* --- sending --- */

static SUT_ERR due_ids(struct sut_db_conn *c, enum sut_outbox_kind kind, size_t n, sut_ms now,
                       int64_t ids[SUT_OUTBOX_CLAIM_MAX], size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &outbox_due, &s));
    sut_db_bind_i64(s, 1, now.v);
    sut_db_bind_i64(s, 2, kind);
    for (*ret_n = 0; *ret_n < n; ++*ret_n) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        ids[*ret_n] = sut_db_col_i64(s, 0);
    }
    return SUT_OK;
}

SUT_ERR sut_outbox_claim(struct sut_db_conn *c, struct sut_arena *a, enum sut_outbox_kind kind,
                         size_t n, int64_t claim_ms, sut_ms now, struct sut_outbox_row *ret,
                         size_t *ret_n)
{
    ENSURE(n > 0 && n <= SUT_OUTBOX_CLAIM_MAX && claim_ms > 0, INVALID);
    int64_t ids[SUT_OUTBOX_CLAIM_MAX] = { 0 };
    size_t n_ids = 0;
    TRY(due_ids(c, kind, n, now, ids, &n_ids));
    TRY(sut_due__claim_ids(c, &outbox_claim, claim_ms, now, ids, &n_ids));
    struct sealed_row *sealed = ARENA_ARRAY(a, struct sealed_row, n_ids + 1);
    ENSURE(sealed != NULL, NOMEM);
    for (size_t i = 0; i < n_ids; i++) {
        TRY(read_one(c, a, ids[i], &sealed[i]));
        sealed[i].plain.tries--;
    }
    TRY(open_rows(c, a, sealed, n_ids, ret));
    *ret_n = n_ids;
    return SUT_OK;
}

static SUT_ERR done(struct sut_db_conn *c, int64_t id, enum sut_outbox_state state, sut_str why,
                    sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &outbox_done, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, state);
    bind_or_null(s, 3, why);
    sut_db_bind_i64(s, 4, now.v);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_outbox_sent(struct sut_db_conn *c, int64_t id, sut_ms now)
{
    return done(c, id, SUT_OUTBOX_SENT, (sut_str){ 0 }, now);
}

SUT_ERR sut_outbox_failed(struct sut_db_conn *c, int64_t id, const char *why, sut_ms due_at,
                          sut_ms now)
{
    if (due_at.v == 0)
        return done(c, id, SUT_OUTBOX_GIVEN_UP, sut_str_from(why), now);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &outbox_retry, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_text(s, 2, sut_str_from(why));
    sut_db_bind_i64(s, 3, due_at.v);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_outbox_release(struct sut_db_conn *c, int64_t id, sut_ms due_at)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &outbox_release, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, due_at.v);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_outbox_next_due(struct sut_db_conn *c, enum sut_outbox_kind kind, sut_ms *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &outbox_next_due, &s));
    sut_db_bind_i64(s, 1, kind);
    TRY(sut_db_step(s, &has_row));
    ret->v = has_row ? sut_db_col_i64(s, 0) : 0;
    return SUT_OK;
}

/* --- pruning --- */

struct prune {
    sut_ms before;
    sut_ms now;
    int64_t changed;
};

static SUT_ERR prune_state(struct sut_db_conn *c, enum sut_outbox_state state, struct prune *p)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &outbox_prune, &s));
    sut_db_bind_i64(s, 1, state);
    sut_db_bind_i64(s, 2, p->before.v);
    TRY(sut_db_step(s, &has_row));
    p->changed += sut_db_changes(s);
    return SUT_OK;
}

static SUT_ERR prune_step(struct sut_db_conn *c, void *arg)
{
    struct prune *p = arg;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &outbox_expire, &s));
    sut_db_bind_i64(s, 1, p->before.v);
    sut_db_bind_i64(s, 2, p->now.v);
    TRY(sut_db_step(s, &has_row));
    p->changed = sut_db_changes(s);
    TRY(prune_state(c, SUT_OUTBOX_SENT, p));
    return prune_state(c, SUT_OUTBOX_GIVEN_UP, p);
}

SUT_ERR sut_outbox_prune(struct sut_store *store, sut_ms now)
{
    struct prune p = { .before = { now.v - keep_ms }, .now = now };
    for (int i = 0; i < PRUNE_STEPS_MAX; i++) {
        TRY(sut_store_write(store, prune_step, &p));
        if (p.changed == 0)
            break;
    }
    return SUT_OK;
}
