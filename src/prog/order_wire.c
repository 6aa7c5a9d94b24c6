/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/order_wire.h"

enum { SENTENCE_MAX = 1024, WORD_MAX = 128, TEXT_MAX = 16 * 1024, NUMBER_MAX = 255 };
#define OFFSET_MAX UINT64_C(1000000000000)

void sut_order_ask_put(struct sut_buf *b, const struct sut_order_ask *ask)
{
    sut_ipc_put_u64(b, ask->verb);
    sut_ipc_put_i64(b, ask->id);
    sut_ipc_put_u64(b, ask->status);
    sut_ipc_put_i64(b, ask->person);
    sut_ipc_put_u64(b, ask->is_oldest_first);
    sut_ipc_put_u64(b, ask->offset);
    sut_ipc_put_u64(b, ask->limit);
}

SUT_ERR sut_order_ask_get(struct sut_ipc_reader *r, struct sut_order_ask *ret)
{
    struct sut_order_ask ask = { .id = 0 };
    uint64_t n = 0;
    TRY(sut_ipc_get_u64(r, SUT_ORDER_VERBS - 1, &n));
    ask.verb = (enum sut_order_verb) n;
    TRY(sut_ipc_get_i64(r, &ask.id));
    TRY(sut_ipc_get_u64(r, SUT_ORDER_CANCELLED, &n));
    ask.status = (enum sut_order_status) n;
    TRY(sut_ipc_get_i64(r, &ask.person));
    TRY(sut_ipc_get_bool(r, &ask.is_oldest_first));
    TRY(sut_ipc_get_u64(r, OFFSET_MAX, &ask.offset));
    TRY(sut_ipc_get_u64(r, SUT_ORDERS_PAGE_MAX, &ask.limit));
    TRY(sut_ipc_get_end(r));
    *ret = ask;
    return SUT_OK;
}

/* --- answers --- */

/* A text that may be none: none and empty are told apart. */
static void put_text(struct sut_buf *b, sut_str s)
{
    sut_ipc_put_u64(b, s.p != NULL);
    sut_ipc_put_bytes(b, s.p == NULL ? SUT_STR("") : s);
}

static SUT_ERR get_text(struct sut_ipc_reader *r, sut_str *ret)
{
    bool is_there = false;
    TRY(sut_ipc_get_bool(r, &is_there));
    TRY(sut_ipc_get_bytes(r, TEXT_MAX, ret));
    if (!is_there)
        *ret = (sut_str){ 0 };
    else if (ret->n == 0)
        *ret = SUT_STR("");
    return SUT_OK;
}

static void put_order(struct sut_buf *b, const struct sut_order *o, sut_str pseudonym)
{
    sut_ipc_put_i64(b, o->id);
    sut_ipc_put_i64(b, o->person);
    sut_ipc_put_bytes(b, pseudonym);
    sut_ipc_put_bytes(b, o->prefix);
    sut_ipc_put_u64(b, o->status);
    sut_ipc_put_u64(b, o->method);
    sut_ipc_put_u64(b, o->payment);
    sut_ipc_put_u64(b, o->refund);
    sut_ipc_put_i64(b, o->total_cents);
    sut_ipc_put_bytes(b, o->currency);
    sut_ipc_put_i64(b, o->items_count);
    sut_ipc_put_i64(b, o->created_by);
    sut_ipc_put_i64(b, o->modified_by);
    sut_ipc_put_i64(b, o->created_at.v);
    sut_ipc_put_i64(b, o->modified_at.v);
    sut_ipc_put_i64(b, o->paid_at.v);
    sut_ipc_put_i64(b, o->held_until.v);
    put_text(b, o->address);
    put_text(b, o->notes);
    put_text(b, o->reason);
}

static SUT_ERR get_words(struct sut_ipc_reader *r, struct sut_order *o)
{
    uint64_t n = 0;
    TRY(sut_ipc_get_u64(r, NUMBER_MAX, &n));
    o->status = (enum sut_order_status) n;
    TRY(sut_ipc_get_u64(r, NUMBER_MAX, &n));
    o->method = (enum sut_pay_method) n;
    TRY(sut_ipc_get_u64(r, NUMBER_MAX, &n));
    o->payment = (enum sut_payment_status) n;
    TRY(sut_ipc_get_u64(r, NUMBER_MAX, &n));
    o->refund = (enum sut_refund_status) n;
    return SUT_OK;
}

static SUT_ERR get_order(struct sut_ipc_reader *r, struct sut_order *o, sut_str *ret_pseudonym)
{
    TRY(sut_ipc_get_i64(r, &o->id));
    TRY(sut_ipc_get_i64(r, &o->person));
    TRY(sut_ipc_get_bytes(r, WORD_MAX, ret_pseudonym));
    TRY(sut_ipc_get_bytes(r, WORD_MAX, &o->prefix));
    TRY(get_words(r, o));
    TRY(sut_ipc_get_i64(r, &o->total_cents));
    TRY(sut_ipc_get_bytes(r, WORD_MAX, &o->currency));
    TRY(sut_ipc_get_i64(r, &o->items_count));
    TRY(sut_ipc_get_i64(r, &o->created_by));
    TRY(sut_ipc_get_i64(r, &o->modified_by));
    TRY(sut_ipc_get_i64(r, &o->created_at.v));
    TRY(sut_ipc_get_i64(r, &o->modified_at.v));
    TRY(sut_ipc_get_i64(r, &o->paid_at.v));
    TRY(sut_ipc_get_i64(r, &o->held_until.v));
    TRY(get_text(r, &o->address));
    TRY(get_text(r, &o->notes));
    return get_text(r, &o->reason);
}

static void put_line(struct sut_buf *b, const struct sut_order_line *l)
{
    sut_ipc_put_i64(b, l->id);
    sut_ipc_put_i64(b, l->product_id);
    sut_ipc_put_i64(b, l->variant_id);
    sut_ipc_put_bytes(b, l->product_name);
    sut_ipc_put_bytes(b, l->sku);
    put_text(b, l->size);
    sut_ipc_put_bytes(b, l->color);
    sut_ipc_put_i64(b, l->quantity);
    sut_ipc_put_i64(b, l->price_cents);
}

static SUT_ERR get_line(struct sut_ipc_reader *r, struct sut_order_line *l)
{
    *l = (struct sut_order_line){ .variant_name = SUT_STR("") };
    TRY(sut_ipc_get_i64(r, &l->id));
    TRY(sut_ipc_get_i64(r, &l->product_id));
    TRY(sut_ipc_get_i64(r, &l->variant_id));
    TRY(sut_ipc_get_bytes(r, TEXT_MAX, &l->product_name));
    TRY(sut_ipc_get_bytes(r, TEXT_MAX, &l->sku));
    TRY(get_text(r, &l->size));
    TRY(sut_ipc_get_bytes(r, TEXT_MAX, &l->color));
    TRY(sut_ipc_get_i64(r, &l->quantity));
    return sut_ipc_get_i64(r, &l->price_cents);
}

void sut_order_shown_put(struct sut_buf *b, const struct sut_order_shown *answer)
{
    sut_ipc_put_bytes(b, answer->refused);
    sut_ipc_put_u64(b, answer->has_more);
    sut_ipc_put_u64(b, answer->n_rows);
    for (size_t i = 0; i < answer->n_rows; i++)
        put_order(b, &answer->rows[i], answer->pseudonyms[i]);
    sut_ipc_put_u64(b, answer->n_lines);
    for (size_t i = 0; i < answer->n_lines; i++)
        put_line(b, &answer->lines[i]);
    sut_ipc_put_u64(b, answer->n_changes);
    for (size_t i = 0; i < answer->n_changes; i++) {
        sut_ipc_put_u64(b, answer->changes[i].status);
        sut_ipc_put_i64(b, answer->changes[i].by);
        sut_ipc_put_i64(b, answer->changes[i].at.v);
    }
}

static SUT_ERR get_rows(struct sut_ipc_reader *r, struct sut_arena *a, struct sut_order_shown *to)
{
    uint64_t n = 0;
    TRY(sut_ipc_get_u64(r, SUT_ORDERS_PAGE_MAX, &n));
    to->n_rows = (size_t) n;
    to->rows = ARENA_ARRAY(a, struct sut_order, n + 1);
    to->pseudonyms = ARENA_ARRAY(a, sut_str, n + 1);
    ENSURE(to->rows != NULL && to->pseudonyms != NULL, NOMEM);
    for (size_t i = 0; i < to->n_rows; i++)
        TRY(get_order(r, &to->rows[i], &to->pseudonyms[i]));
    return SUT_OK;
}

static SUT_ERR get_changes(struct sut_ipc_reader *r, struct sut_arena *a,
                           struct sut_order_shown *to)
{
    uint64_t n = 0;
    TRY(sut_ipc_get_u64(r, SUT_ORDER_CHANGES_MAX, &n));
    to->n_changes = (size_t) n;
    to->changes = ARENA_ARRAY(a, struct sut_order_change, n + 1);
    ENSURE(to->changes != NULL, NOMEM);
    for (size_t i = 0; i < to->n_changes; i++) {
        TRY(sut_ipc_get_u64(r, NUMBER_MAX, &n));
        to->changes[i].status = (enum sut_order_status) n;
        TRY(sut_ipc_get_i64(r, &to->changes[i].by));
        TRY(sut_ipc_get_i64(r, &to->changes[i].at.v));
    }
    return SUT_OK;
}

SUT_ERR sut_order_shown_get(struct sut_ipc_reader *r, struct sut_arena *a,
                            struct sut_order_shown *ret)
{
    struct sut_order_shown answer = { .n_rows = 0 };
    uint64_t n = 0;
    TRY(sut_ipc_get_bytes(r, SENTENCE_MAX, &answer.refused));
    TRY(sut_ipc_get_bool(r, &answer.has_more));
    TRY(get_rows(r, a, &answer));
    TRY(sut_ipc_get_u64(r, SUT_ORDER_LINES_MAX, &n));
    answer.n_lines = (size_t) n;
    answer.lines = ARENA_ARRAY(a, struct sut_order_line, n + 1);
    ENSURE(answer.lines != NULL, NOMEM);
    for (size_t i = 0; i < answer.n_lines; i++)
        TRY(get_line(r, &answer.lines[i]));
    TRY(get_changes(r, a, &answer));
    TRY(sut_ipc_get_end(r));
    *ret = answer;
    return SUT_OK;
}
