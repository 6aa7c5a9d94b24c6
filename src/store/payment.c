/* SPDX-License-Identifier: Apache-2.0 */
#include "store/payment.h"

#include "base/buf.h"
#include "base/secret.h"
#include "db/db.h"
#include "store/due_int.h"
#include "store/payment_int.h"

enum {
    SAVE_ROOM = 2 * SUT_PAYMENT_REF_MAX + SUT_PAYMENT_URL_MAX + 3 * SUT_SEAL_OVERHEAD,
    CURRENCY_MAX = 8,
    SINCE_MAX = 100,
};

#define COLUMNS                                                                                    \
    "SELECT id, order_id, person_id, provider, kind, state, amount, currency, refund_status,"      \
    " refund_why, tries, due_at, created_at, modified_at, key_version, ref, url, refund_ref"       \
    " FROM payments"

static const struct sut_sql payment_by_id = {
    .name = "payment_by_id",
    .text = COLUMNS " WHERE id = $1",
};

static const struct sut_sql payment_by_ref = {
    .name = "payment_by_ref",
    .text = COLUMNS " WHERE ref_index IN ($1, $2, $3, $4) AND provider = $5",
};

static const struct sut_sql payment_live = {
    .name = "payment_live",
    .text = COLUMNS " WHERE order_id = $1 AND provider = $2 AND kind = $3 AND state IN (1, 2)",
};

/* 32: SUT_PAYMENT_OF_ORDER_MAX */
static const struct sut_sql payment_of_order = {
    .name = "payment_of_order",
    .text = COLUMNS " WHERE order_id = $1 ORDER BY id LIMIT 32",
};

static const struct sut_sql payment_since = {
    .name = "payment_since",
    .text = COLUMNS " WHERE id > $1 AND created_at >= $2 ORDER BY id LIMIT $3",
};

/* Of two at once one finds the other's: the index payments_live. */
static const struct sut_sql payment_insert = {
    .name = "payment_insert",
    .text = "INSERT INTO payments (order_id, person_id, provider, kind, state, amount, currency,"
            " created_at, modified_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)"
            " ON CONFLICT DO NOTHING RETURNING id",
};

static const struct sut_sql payment_save = {
    .name = "payment_save",
    .text = "UPDATE payments SET state = $2, refund_status = $3, refund_why = $4, tries = $5,"
            " due_at = $6, modified_at = $7, ref_index = $8, index_version = $9, ref = $10,"
            " url = $11, refund_ref = $12, key_version = $13 WHERE id = $1 RETURNING id",
};

/*
 * 3: TAKEN; 0 and 1: nothing, and PENDING.  3 without a reason: somebody gave it back by hand,
 * and it did not arrive.
 */
static const struct sut_sql payment_owe_refund = {
    .name = "payment_owe_refund",
    .text = "UPDATE payments SET refund_status = 1, refund_why = $2, tries = 0, due_at = $3,"
            " modified_at = $3, refund_ref = NULL WHERE order_id = $1 AND state = 3"
            " AND (refund_status = 0 OR (refund_status = 3 AND refund_why IS NULL))",
};

/* 2: OPEN */
static const struct sut_sql payment_close = {
    .name = "payment_close",
    .text = "UPDATE payments SET due_at = $2 WHERE order_id = $1 AND state = 2",
};

/* 16: SUT_PAYMENT_CLAIM_MAX.  A limit that is bound may make a planner read all that waits. */
static const struct sut_sql payment_due = {
    .name = "payment_due",
    .text = "SELECT id FROM payments WHERE due_at IS NOT NULL AND due_at <= $1"
            " ORDER BY due_at, id LIMIT 16",
};

static const struct sut_sql payment_claim = {
    .name = "payment_claim",
    .text = "UPDATE payments SET due_at = $3 WHERE id = $1 AND due_at IS NOT NULL"
            " AND due_at <= $2 RETURNING id",
};

static const struct sut_sql payment_next_due = {
    .name = "payment_next_due",
    .text = "SELECT due_at FROM payments WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1",
};

/* A name is one of a provider: "1:cs_test_a1". */
SUT_ERR sut_payment__index(struct sut_db_conn *c, struct sut_arena *scratch, int64_t provider,
                           sut_str ref, struct sut_index *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, scratch, SUT_PAYMENT_REF_MAX + 24);
    sut_buf_i64(&b, provider);
    sut_buf_char(&b, ':');
    sut_buf_str_add(&b, ref);
    TRY(sut_buf_check(&b));
    return sut_personal_index(c, sut_personal_field(SUT_PERSONAL_PAYMENT_REF), sut_buf_str(&b),
                              ret);
}

SUT_ERR sut_payment__open(const struct sut_data_key *k, struct sut_arena *a, enum sut_personal f,
                          int64_t id, sut_str sealed, sut_str *ret)
{
    struct sut_buf out = { .p = sut_arena_bytes(a, sealed.n + 1),
                           .cap = sealed.n,
                           .max = sealed.n };
    ENSURE(out.p != NULL, NOMEM);
    TRY(sut_seal_get(k, sut_personal_field(f), id, sealed, &out));
    *ret = sut_buf_str(&out);
    return SUT_OK;
}

/* --- reading --- */

static SUT_ERR copy_text(struct sut_arena *a, struct sut_db_stmt *s, int i, sut_str *ret)
{
    *ret = (sut_str){ 0 };
    if (sut_db_col_is_null(s, i))
        return SUT_OK;
    *ret = sut_str_dup(a, sut_db_col_text(s, i));
    ENSURE(ret->p != NULL, NOMEM);
    return SUT_OK;
}

static SUT_ERR open_field(const struct sut_data_key *k, struct sut_arena *a, enum sut_personal f,
                          const struct sut_payment *p, struct sut_db_stmt *s, int i, sut_str *ret)
{
    *ret = (sut_str){ 0 };
    if (sut_db_col_is_null(s, i))
        return SUT_OK;
    const sut_err e = sut_payment__open(k, a, f, p->id, sut_db_col_blob(s, i), ret);
    return e.code == SUT_E_CORRUPT ? SUT_OK : e;
}

/* What does not open any more is as if it were not there: the row is the shop's own book. */
static SUT_ERR open_fields(struct sut_db_conn *c, struct sut_arena *a, struct sut_db_stmt *s,
                           struct sut_payment *p)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    const uint32_t version = (uint32_t) sut_db_col_i64(s, 14);
    if (version == 0)
        return SUT_OK;
    const sut_err e = sut_personal_key_for_reading(c, p->person, version, &k);
    if (e.code == SUT_E_CORRUPT)
        return SUT_OK;
    TRY(e);
    TRY(open_field(&k, a, SUT_PERSONAL_PAYMENT_REF, p, s, 15, &p->ref));
    TRY(open_field(&k, a, SUT_PERSONAL_PAYMENT_URL, p, s, 16, &p->url));
    return open_field(&k, a, SUT_PERSONAL_PAYMENT_REFUND_REF, p, s, 17, &p->refund_ref);
}

static SUT_ERR read_row(struct sut_db_conn *c, struct sut_arena *a, struct sut_db_stmt *s,
                        struct sut_payment *ret)
{
    *ret = (struct sut_payment){
        .id = sut_db_col_i64(s, 0),
        .order = sut_db_col_i64(s, 1),
        .person = sut_db_col_i64(s, 2),
        .provider = (enum sut_pay_method) sut_db_col_i64(s, 3),
        .kind = (enum sut_payment_kind) sut_db_col_i64(s, 4),
        .state = (enum sut_payment_state) sut_db_col_i64(s, 5),
        .amount_cents = sut_db_col_i64(s, 6),
        .refund = (enum sut_refund_status) sut_db_col_i64(s, 8),
        .tries = sut_db_col_i64(s, 10),
        .due_at = { sut_db_col_i64(s, 11) },
        .created_at = { sut_db_col_i64(s, 12) },
        .modified_at = { sut_db_col_i64(s, 13) },
    };
    TRY(copy_text(a, s, 7, &ret->currency));
    TRY(copy_text(a, s, 9, &ret->refund_why));
    return open_fields(c, a, s, ret);
}

static SUT_ERR read_one(struct sut_db_conn *c, struct sut_arena *a, struct sut_db_stmt *s,
                        struct sut_payment *ret)
{
    bool has_row = false;
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    return read_row(c, a, s, ret);
}

static SUT_ERR read_many(struct sut_db_conn *c, struct sut_arena *a, struct sut_db_stmt *s,
                         size_t max, struct sut_payment **ret, size_t *ret_n)
{
    struct sut_payment *const rows = ARENA_ARRAY(a, struct sut_payment, max);
    ENSURE(rows != NULL, NOMEM);
    *ret = rows;
    *ret_n = 0;
    for (bool has_row = true; *ret_n < max; (*ret_n)++) {
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            return SUT_OK;
        TRY(read_row(c, a, s, &rows[*ret_n]));
    }
    return SUT_OK;
}

SUT_ERR sut_payment_by_id(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                          struct sut_payment *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &payment_by_id, &s));
    sut_db_bind_i64(s, 1, id);
    return read_one(c, a, s, ret);
}

static SUT_ERR try_by_ref(struct sut_db_conn *c, struct sut_arena *a, enum sut_pay_method provider,
                          sut_str ref, struct sut_payment *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_index ix;
    ENSURE(ref.n > 0 && ref.n <= SUT_PAYMENT_REF_MAX, NOT_FOUND);
    TRY(sut_payment__index(c, a, provider, ref, &ix));
    TRY(sut_db_prepare(c, &payment_by_ref, &s));
    sut_personal_bind_index(s, 1, &ix);
    sut_db_bind_i64(s, 5, provider);
    TRY(read_one(c, a, s, ret));
    /* The index is not bound to its row: who may write to the database could move it. */
    ENSURE(ret->ref.p == NULL || sut_secret_eq(ret->ref, ref), DENIED);
    return SUT_OK;
}

SUT_ERR sut_payment_by_ref(struct sut_db_conn *c, struct sut_arena *a, enum sut_pay_method provider,
                           sut_str ref, struct sut_payment *ret)
{
    const sut_err e = try_by_ref(c, a, provider, ref, ret);
    bool changed = false;
    if (e.code == SUT_E_NOT_FOUND)
        TRY(sut_personal_look_for_keys(c, &changed));
    return changed ? try_by_ref(c, a, provider, ref, ret) : e;
}

SUT_ERR sut_payment_of_order(struct sut_db_conn *c, struct sut_arena *a, int64_t order,
                             struct sut_payment **ret, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &payment_of_order, &s));
    sut_db_bind_i64(s, 1, order);
    return read_many(c, a, s, SUT_PAYMENT_OF_ORDER_MAX, ret, ret_n);
}

SUT_ERR sut_payment_since(struct sut_db_conn *c, struct sut_arena *a, sut_ms since, int64_t after,
                          size_t limit, struct sut_payment **ret, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    ENSURE(limit > 0 && limit <= SINCE_MAX, INVALID);
    TRY(sut_db_prepare(c, &payment_since, &s));
    sut_db_bind_i64(s, 1, after);
    sut_db_bind_i64(s, 2, since.v);
    sut_db_bind_i64(s, 3, (int64_t) limit);
    return read_many(c, a, s, limit, ret, ret_n);
}

/* --- writing --- */

static void bind_or_null(struct sut_db_stmt *s, int n, int64_t v)
{
    if (v == 0)
        sut_db_bind_null(s, n);
    else
        sut_db_bind_i64(s, n, v);
}

/* *ret is 0 when there is one of the order, provider and kind already. */
static SUT_ERR insert(struct sut_db_conn *c, const struct sut_payment_new *n,
                      enum sut_payment_state state, sut_ms now, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    ENSURE(n->amount_cents >= 0 && n->currency.n > 0 && n->currency.n <= CURRENCY_MAX, INVALID);
    TRY(sut_db_prepare(c, &payment_insert, &s));
    sut_db_bind_i64(s, 1, n->order);
    bind_or_null(s, 2, n->person);
    sut_db_bind_i64(s, 3, n->provider);
    sut_db_bind_i64(s, 4, n->kind);
    sut_db_bind_i64(s, 5, state);
    sut_db_bind_i64(s, 6, n->amount_cents);
    sut_db_bind_text(s, 7, n->currency);
    sut_db_bind_i64(s, 8, now.v);
    TRY(sut_db_step(s, &has_row));
    *ret = has_row ? sut_db_col_i64(s, 0) : 0;
    return SUT_OK;
}

SUT_ERR sut_payment_begin(struct sut_db_conn *c, struct sut_arena *a,
                          const struct sut_payment_new *n, sut_ms now, struct sut_payment *ret,
                          bool *ret_is_new)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    int64_t id = 0;
    ENSURE(n->kind != SUT_PAYMENT_STRAY, INVALID);
    TRY(insert(c, n, SUT_PAYMENT_BEGUN, now, &id));
    *ret_is_new = id != 0;
    if (id != 0)
        return sut_payment_by_id(c, a, id, ret);
    TRY(sut_db_prepare(c, &payment_live, &s));
    sut_db_bind_i64(s, 1, n->order);
    sut_db_bind_i64(s, 2, n->provider);
    sut_db_bind_i64(s, 3, n->kind);
    const sut_err e = read_one(c, a, s, ret);
    /* PostgreSQL: the other's is committed and not in this snapshot. */
    return e.code == SUT_E_NOT_FOUND ? (sut_err){ .at = e.at, .code = SUT_E_CONFLICT } : e;
}

SUT_ERR sut_payment_stray(struct sut_db_conn *c, struct sut_arena *a,
                          const struct sut_payment_new *n, sut_str ref, sut_ms now, int64_t *ret)
{
    struct sut_payment p;
    struct sut_payment_new stray = *n;
    const sut_err e = sut_payment_by_ref(c, a, n->provider, ref, &p);
    ENSURE(sut_failed(e), EXISTS);
    if (e.code != SUT_E_NOT_FOUND)
        return e;
    stray.kind = SUT_PAYMENT_STRAY;
    TRY(insert(c, &stray, SUT_PAYMENT_TAKEN, now, ret));
    ENSURE(*ret != 0, CONFLICT);
    TRY(sut_payment_by_id(c, a, *ret, &p));
    p.ref = ref;
    return sut_payment_save(c, a, &p, now);
}

struct saving {
    struct sut_db_stmt *s;
    struct sut_seal *seal;
    struct sut_data_key key;
    struct sut_buf room;
};

static void saving_done(struct saving *w)
{
    sut_db_end(&w->s);
    sut_data_key_done(&w->key);
}

static SUT_ERR bind_sealed(struct saving *w, const struct sut_payment *p, enum sut_personal f,
                           sut_str v, int n)
{
    if (v.p == NULL) {
        sut_db_bind_null(w->s, n);
        return SUT_OK;
    }
    return sut_personal_bind(w->seal, &w->key, f, p->id, v, &w->room, w->s, n);
}

/* $8 and $9. */
static SUT_ERR bind_index(struct sut_db_conn *c, struct sut_arena *a, struct sut_db_stmt *s,
                          const struct sut_payment *p, struct sut_index *ix)
{
    if (p->ref.p == NULL) {
        sut_db_bind_null(s, 8);
        sut_db_bind_i64(s, 9, 0);
        return SUT_OK;
    }
    TRY(sut_payment__index(c, a, p->provider, p->ref, ix));
    sut_db_bind_text(s, 8, sut_index_text(ix, 0));
    sut_db_bind_i64(s, 9, ix->at[0].version);
    return SUT_OK;
}

static SUT_ERR check_free(struct sut_db_conn *c, struct sut_arena *a, const struct sut_payment *p)
{
    struct sut_payment other;
    if (p->ref.p == NULL)
        return SUT_OK;
    const sut_err e = sut_payment_by_ref(c, a, p->provider, p->ref, &other);
    ENSURE(sut_failed(e) || other.id == p->id, EXISTS);
    return e.code == SUT_E_NOT_FOUND ? SUT_OK : e;
}

static SUT_ERR bind_all(struct sut_db_conn *c, struct sut_arena *a, struct saving *w,
                        const struct sut_payment *p, sut_ms now, struct sut_index *ix)
{
    const bool is_sealed = p->ref.p != NULL || p->url.p != NULL || p->refund_ref.p != NULL;
    sut_db_bind_i64(w->s, 1, p->id);
    sut_db_bind_i64(w->s, 2, p->state);
    sut_db_bind_i64(w->s, 3, p->refund);
    if (p->refund_why.p == NULL)
        sut_db_bind_null(w->s, 4);
    else
        sut_db_bind_text(w->s, 4, p->refund_why);
    sut_db_bind_i64(w->s, 5, p->tries);
    bind_or_null(w->s, 6, p->due_at.v);
    sut_db_bind_i64(w->s, 7, now.v);
    TRY(bind_index(c, a, w->s, p, ix));
    TRY(bind_sealed(w, p, SUT_PERSONAL_PAYMENT_REF, p->ref, 10));
    TRY(bind_sealed(w, p, SUT_PERSONAL_PAYMENT_URL, p->url, 11));
    TRY(bind_sealed(w, p, SUT_PERSONAL_PAYMENT_REFUND_REF, p->refund_ref, 12));
    sut_db_bind_i64(w->s, 13, is_sealed ? w->key.version : 0);
    return SUT_OK;
}

SUT_ERR sut_payment_save(struct sut_db_conn *c, struct sut_arena *a, const struct sut_payment *p,
                         sut_ms now)
{
    DEFER(saving_done)
    struct saving w = {
        .room = { .p = sut_arena_bytes(a, SAVE_ROOM), .cap = SAVE_ROOM, .max = SAVE_ROOM },
    };
    struct sut_index ix;
    bool has_row = false;
    ENSURE(w.room.p != NULL, NOMEM);
    ENSURE(p->ref.n <= SUT_PAYMENT_REF_MAX && p->url.n <= SUT_PAYMENT_URL_MAX &&
               p->refund_ref.n <= SUT_PAYMENT_REF_MAX && p->refund_why.n <= SUT_PAYMENT_WHY_MAX,
           INVALID);
    TRY(check_free(c, a, p));
    TRY(sut_personal_key_for_writing(c, p->person, now, &w.key));
    TRY(sut_personal_seal(c, &w.seal));
    TRY(sut_db_prepare(c, &payment_save, &w.s));
    TRY(bind_all(c, a, &w, p, now, &ix));
    TRY(sut_db_step(w.s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    return SUT_OK;
}

SUT_ERR sut_payment_owe_refund(struct sut_db_conn *c, int64_t order, const char *why, sut_ms now,
                               int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &payment_owe_refund, &s));
    sut_db_bind_i64(s, 1, order);
    sut_db_bind_text(s, 2, sut_str_from(why));
    sut_db_bind_i64(s, 3, now.v);
    TRY(sut_db_step(s, &has_row));
    if (ret != NULL)
        *ret = sut_db_changes(s);
    return sut_payment_close(c, order, now, NULL);
}

SUT_ERR sut_payment_close(struct sut_db_conn *c, int64_t order, sut_ms now, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &payment_close, &s));
    sut_db_bind_i64(s, 1, order);
    sut_db_bind_i64(s, 2, now.v);
    TRY(sut_db_step(s, &has_row));
    if (ret != NULL)
        *ret = sut_db_changes(s);
    return SUT_OK;
}

/* --- what is due --- */

static const struct sut_due due = { .list = &payment_due,
                                    .claim = &payment_claim,
                                    .next = &payment_next_due };

SUT_ERR sut_payment_claim(struct sut_db_conn *c, size_t n, int64_t claim_ms, sut_ms now,
                          int64_t *ret, size_t *ret_n)
{
    ENSURE(n > 0 && n <= SUT_PAYMENT_CLAIM_MAX, INVALID);
    return sut_due__claim(c, &due, n, claim_ms, now, ret, ret_n);
}

SUT_ERR sut_payment_next_due(struct sut_db_conn *c, sut_ms *ret)
{
    return sut_due__next(c, &due, ret);
}
