/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/order_admin.h"

#include "audit/audit.h"
#include "base/buf.h"
#include "prog/pseudonym.h"
#include "shop/order.h"
#include "store/store.h"

enum { SENTENCE_MAX = 256 };

static SUT_ERR refuse(struct sut_arena *a, struct sut_order_shown *ret, int64_t id,
                      const char *middle, const char *word, const char *last, const char *end)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, SENTENCE_MAX);
    sut_buf_lit(&b, "order ");
    sut_buf_i64(&b, id);
    sut_buf_z(&b, middle);
    sut_buf_z(&b, word);
    sut_buf_z(&b, last);
    sut_buf_z(&b, end);
    *ret = (struct sut_order_shown){ .refused = sut_buf_str(&b) };
    return sut_buf_check(&b);
}

static SUT_ERR name_buyers(const struct sut_order_admin *oa, struct sut_arena *a,
                           struct sut_order_shown *ret)
{
    ret->pseudonyms = ARENA_ARRAY(a, sut_str, ret->n_rows + 1);
    ENSURE(ret->pseudonyms != NULL, NOMEM);
    for (size_t i = 0; i < ret->n_rows; i++) {
        char p[SUT_PSEUDONYM_TEXT];
        ret->pseudonyms[i] = SUT_STR("");
        if (ret->rows[i].person == 0 || oa->pseudonyms == NULL ||
            !sut_pseudonyms_of(oa->pseudonyms, ret->rows[i].person, p))
            continue;
        ret->pseudonyms[i] = sut_str_dup(a, sut_str_of(p, sizeof(p)));
        ENSURE(ret->pseudonyms[i].p != NULL, NOMEM);
    }
    return SUT_OK;
}

static SUT_ERR list(struct sut_db_conn *c, struct sut_arena *a, const struct sut_order_ask *ask,
                    struct sut_order_shown *ret)
{
    const struct sut_order_query q = {
        .person = ask->person,
        .status = ask->status,
        .is_oldest_first = ask->is_oldest_first,
        .offset = (size_t) ask->offset,
        .limit = ask->limit < SUT_ORDERS_PAGE_MAX ? (size_t) ask->limit : SUT_ORDERS_PAGE_MAX,
    };
    int64_t count = 0;
    TRY(sut_order_list(c, a, &q, false, &ret->rows, &ret->n_rows, &count));
    ret->has_more = (int64_t) (q.offset + ret->n_rows) < count && ret->n_rows > 0;
    return SUT_OK;
}

static SUT_ERR show(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                    struct sut_order_shown *ret)
{
    ret->rows = ARENA_NEW(a, struct sut_order);
    ENSURE(ret->rows != NULL, NOMEM);
    const sut_err e = sut_order_by_id(c, a, id, ret->rows);
    if (e.code == SUT_E_NOT_FOUND)
        return refuse(a, ret, id, " is not there", "", "", "");
    TRY(e);
    ret->n_rows = 1;
    TRY(sut_order_lines(c, a, id, &ret->lines, &ret->n_lines));
    return sut_order_history(c, a, id, &ret->changes, &ret->n_changes);
}

static SUT_ERR read(const struct sut_order_admin *oa, struct sut_arena *a,
                    const struct sut_order_ask *ask, struct sut_order_shown *ret)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(oa->store, &c));
    const sut_err e =
        ask->verb == SUT_ORDERS_LIST ? list(c, a, ask, ret) : show(c, a, ask->id, ret);
    sut_store_return(oa->store, &c);
    TRY(e);
    return name_buyers(oa, a, ret);
}

struct writing {
    const struct sut_order_ask *ask;
    struct sut_arena *arena;
    struct sut_mark mark;
    sut_ms now;
    struct sut_order_result done;
};

static SUT_ERR audit_job(struct sut_db_conn *c, void *arg)
{
    const struct writing *w = arg;
    return sut_audit_write_id(c, SUT_ACTION_ADMIN_ORDER_SHOW, 0, "order", w->ask->id, SUT_STR(""),
                              w->now);
}

static SUT_ERR step_job(struct sut_db_conn *c, void *arg)
{
    struct writing *w = arg;
    const struct sut_order_step s = { .order = w->ask->id, .is_staff = true };
    sut_arena_rewind(w->arena, w->mark);
    return sut_order_advance(c, w->arena, &s, w->ask->status, w->now, &w->done);
}

static SUT_ERR step(const struct sut_order_admin *oa, struct sut_arena *a,
                    const struct sut_order_ask *ask, struct sut_order_shown *ret)
{
    struct writing w = { .ask = ask, .arena = a, .now = sut_clock_now(oa->clock) };
    w.mark = sut_arena_mark(a);
    const sut_err e = sut_store_write(oa->store, step_job, &w);
    if (e.code == SUT_E_NOT_FOUND)
        return refuse(a, ret, ask->id, " is not there", "", "", "");
    TRY(e);
    if (w.done.outcome != SUT_ORDER_DONE)
        return refuse(a, ret, ask->id, " is ", sut_order_status_word(w.done.order.status),
                      " and can't become ", sut_order_status_word(ask->status));
    if (oa->changed != NULL)
        oa->changed(oa->changed_ctx, w.done.products, w.done.n_products);
    ret->rows = ARENA_NEW(a, struct sut_order);
    ENSURE(ret->rows != NULL, NOMEM);
    ret->rows[0] = w.done.order;
    ret->rows[0].address = ret->rows[0].notes = ret->rows[0].reason = (sut_str){ 0 };
    ret->n_rows = 1;
    return name_buyers(oa, a, ret);
}

SUT_ERR sut_order_admin_do(const struct sut_order_admin *oa, struct sut_arena *a,
                           const struct sut_order_ask *ask, struct sut_order_shown *ret)
{
    *ret = (struct sut_order_shown){ .refused = SUT_STR("") };
    if (ask->verb == SUT_ORDERS_STATUS)
        return step(oa, a, ask, ret);
    TRY(read(oa, a, ask, ret));
    if (ask->verb != SUT_ORDERS_SHOW || ret->n_rows == 0)
        return SUT_OK;
    struct writing w = { .ask = ask, .now = sut_clock_now(oa->clock) };
    return sut_store_write(oa->store, audit_job, &w);
}
