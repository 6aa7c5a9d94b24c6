/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/payments_wire.h"

enum { SENTENCE_MAX = 1024, WORD_MAX = 64 };

void sut_payments_ask_put(struct sut_buf *b, const struct sut_reconcile_ask *ask)
{
    sut_ipc_put_i64(b, ask->since.v);
    sut_ipc_put_u64(b, ask->is_applied ? 1 : 0);
    sut_ipc_put_u64(b, ask->stage);
    sut_ipc_put_i64(b, ask->after);
    sut_ipc_put_bytes(b, ask->cursor);
}

static SUT_ERR get_ask(struct sut_ipc_reader *r, struct sut_reconcile_ask *ret)
{
    uint64_t stage = 0;
    TRY(sut_ipc_get_i64(r, &ret->since.v));
    TRY(sut_ipc_get_bool(r, &ret->is_applied));
    TRY(sut_ipc_get_u64(r, SUT_RECONCILE_END, &stage));
    ret->stage = (enum sut_reconcile_stage) stage;
    TRY(sut_ipc_get_i64(r, &ret->after));
    return sut_ipc_get_bytes(r, SUT_RECONCILE_CURSOR_MAX, &ret->cursor);
}

SUT_ERR sut_payments_ask_get(struct sut_ipc_reader *r, struct sut_reconcile_ask *ret)
{
    TRY(get_ask(r, ret));
    return sut_ipc_get_end(r);
}

static void put_word(struct sut_buf *b, const char *z)
{
    sut_ipc_put_bytes(b, z == NULL ? SUT_STR("") : sut_str_from(z));
}

void sut_payments_page_put(struct sut_buf *b, sut_str refused,
                           const struct sut_reconcile_page *page)
{
    static const struct sut_reconcile_page none = { .next = { .stage = SUT_RECONCILE_END } };
    const struct sut_reconcile_page *const p = page == NULL ? &none : page;
    sut_ipc_put_bytes(b, refused);
    sut_ipc_put_u64(b, p->compared);
    sut_ipc_put_u64(b, p->n);
    for (size_t i = 0; i < p->n; i++) {
        sut_ipc_put_i64(b, p->rows[i].payment);
        sut_ipc_put_i64(b, p->rows[i].order);
        put_word(b, p->rows[i].provider);
        put_word(b, p->rows[i].ours);
        put_word(b, p->rows[i].theirs);
        put_word(b, p->rows[i].done);
    }
    sut_payments_ask_put(b, &p->next);
}

static SUT_ERR get_row(struct sut_ipc_reader *r, struct sut_payments_row *row)
{
    TRY(sut_ipc_get_i64(r, &row->payment));
    TRY(sut_ipc_get_i64(r, &row->order));
    TRY(sut_ipc_get_bytes(r, WORD_MAX, &row->provider));
    TRY(sut_ipc_get_bytes(r, WORD_MAX, &row->ours));
    TRY(sut_ipc_get_bytes(r, WORD_MAX, &row->theirs));
    return sut_ipc_get_bytes(r, WORD_MAX, &row->done);
}

SUT_ERR sut_payments_page_get(struct sut_ipc_reader *r, struct sut_arena *a,
                              struct sut_payments_page *ret)
{
    uint64_t n = 0;
    *ret = (struct sut_payments_page){ .n = 0 };
    TRY(sut_ipc_get_bytes(r, SENTENCE_MAX, &ret->refused));
    TRY(sut_ipc_get_u64(r, UINT32_MAX, &ret->compared));
    TRY(sut_ipc_get_u64(r, SUT_RECONCILE_PAGE + 1, &n));
    ret->rows = ARENA_ARRAY(a, struct sut_payments_row, n + 1);
    ENSURE(ret->rows != NULL, NOMEM);
    for (; ret->n < n; ret->n++)
        TRY(get_row(r, &ret->rows[ret->n]));
    TRY(get_ask(r, &ret->next));
    return sut_ipc_get_end(r);
}
