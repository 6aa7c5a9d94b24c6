/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/low_stock.h"

#include <stdio.h>

#include "mail/goods.h"
#include "mail/mail.h"
#include "store/low_stock.h"
#include "store/outbox.h"
#include "store/store.h"

enum { SCRATCH_MAX = 4 * 1024 * 1024, NAME_MAX_BYTES = 64, LINE_MAX = 4096, WHAT_MAX = 64 };
static const int64_t hour_ms = INT64_C(3600) * 1000;
static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

struct telling {
    struct sut_arena *a;
    const struct sut_low_stock_ask *ask;
    sut_ms now;
    struct sut_low_variant *low;
    size_t n_low;
    int64_t count; /* of all that are low */
    int64_t over[SUT_LOW_STOCK_MAX];
    size_t n_over;
    struct sut_mark mark; /* the job may run again: its memory begins here */
    bool is_queued;
};

static SUT_ERR look(struct sut_store *s, struct telling *t)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(s, &c));
    sut_err e = sut_low_stock(c, t->a, t->ask->limit, &t->low, &t->n_low, &t->count);
    if (!sut_failed(e))
        e = sut_low_stock_over(c, t->ask->limit, t->over, SUT_LOW_STOCK_MAX, &t->n_over);
    sut_store_return(s, &c);
    return e;
}

/* The first stands for the longest silence. */
static bool is_due(const struct telling *t)
{
    return t->n_low > 0 && t->low[0].told_at.v <= t->now.v - day_ms;
}

/* "Dress, M / Blue", or the product's name alone where the variant is named as it. */
static SUT_ERR name_of(struct sut_arena *a, const struct sut_low_variant *v, sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, LINE_MAX);
    sut_buf_str_add(&b, v->product_name);
    if (v->name.n > 0 && !sut_str_eq(v->name, v->product_name)) {
        sut_buf_lit(&b, ", ");
        sut_buf_str_add(&b, v->name);
    }
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

static SUT_ERR queue(struct sut_db_conn *c, struct telling *t)
{
    struct sut_mail_good rows[SUT_MAIL_GOODS_MAX] = { { .quantity = 0 } };
    char name[NAME_MAX_BYTES];
    char what[WHAT_MAX];
    struct sut_mail_goods goods = { .rows = rows, .total = SUT_STR("") };
    goods.n = t->n_low < SUT_MAIL_GOODS_MAX ? t->n_low : SUT_MAIL_GOODS_MAX;
    goods.n_more = t->count - (int64_t) goods.n;
    for (size_t i = 0; i < goods.n; i++) {
        TRY(name_of(t->a, &t->low[i], &rows[i].name));
        rows[i].quantity = t->low[i].left < 0 ? 0 : t->low[i].left;
        rows[i].sum = t->low[i].sku;
    }
    (void) snprintf(what, sizeof(what), "%lld %s", (long long) t->count,
                    t->count == 1 ? "variant" : "variants");
    (void) snprintf(name, sizeof(name), "low-stock %lld", (long long) (t->now.v / hour_ms));
    const struct sut_mail_words words = {
        .to = t->ask->to,
        .what = sut_str_from(what),
        .goods = &goods,
    };
    TRY(sut_mail_queue_once(c, t->a, SUT_MAIL_LOW_STOCK, 0, &words, sut_str_from(name), t->now,
                            &t->is_queued));
    /* Another server wrote this hour's: what it did not know of waits for the next. */
    ENSURE(t->is_queued, EXISTS);
    return SUT_OK;
}

static SUT_ERR tell_job(struct sut_db_conn *c, void *arg)
{
    struct telling *t = arg;
    sut_arena_rewind(t->a, t->mark);
    for (size_t i = 0; i < t->n_over; i++)
        TRY(sut_low_stock_told(c, t->over[i], (sut_ms){ 0 }));
    t->is_queued = false;
    if (!is_due(t))
        return SUT_OK;
    for (size_t i = 0; i < t->n_low; i++)
        TRY(sut_low_stock_told(c, t->low[i].id, t->now));
    return queue(c, t);
}

SUT_ERR sut_low_stock_tell(struct sut_store *s, const struct sut_low_stock_ask *ask, sut_ms now,
                           bool *ret_queued)
{
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    *ret_queued = false;
    TRY(sut_arena_create(SCRATCH_MAX, &a));
    struct telling *t = ARENA_NEW(a, struct telling);
    ENSURE(t != NULL, NOMEM);
    t->a = a;
    t->ask = ask;
    t->now = now;
    TRY(look(s, t));
    if (t->n_over == 0 && !is_due(t))
        return SUT_OK;
    t->mark = sut_arena_mark(a);
    const sut_err e = sut_store_write(s, tell_job, t);
    *ret_queued = !sut_failed(e) && t->is_queued;
    return e.code == SUT_E_EXISTS ? SUT_OK : e;
}
