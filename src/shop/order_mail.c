/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/goods.h"
#include "shop/money.h"
#include "shop/order_int.h"

enum { NAME_BYTES = 1024, TOTAL_BYTES = 48 };

/* "Linen dress (M, Sand)" */
static SUT_ERR name_of(struct sut_arena *a, const struct sut_order_line *l, sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, NAME_BYTES + l->product_name.n + l->color.n + l->size.n);
    sut_buf_str_add(&b, l->product_name);
    if (l->size.n + l->color.n > 0) {
        sut_buf_lit(&b, " (");
        sut_buf_str_add(&b, l->size);
        if (l->size.n > 0 && l->color.n > 0)
            sut_buf_lit(&b, ", ");
        sut_buf_str_add(&b, l->color);
        sut_buf_char(&b, ')');
    }
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

static SUT_ERR sum_of(struct sut_arena *a, const struct sut_order_line *l, sut_str *ret)
{
    char text[SUT_MONEY_TEXT];
    sut_money sum = { 0 };
    TRY(sut_money_times((sut_money){ l->price_cents }, l->quantity, &sum));
    *ret = sut_str_dup(a, sut_money_text(sum, text));
    ENSURE(ret->p != NULL, NOMEM);
    return SUT_OK;
}

static SUT_ERR fill(struct sut_arena *a, const struct sut_order_line *lines, size_t n_lines,
                    struct sut_mail_goods *ret)
{
    const size_t n = n_lines < SUT_MAIL_GOODS_MAX ? n_lines : SUT_MAIL_GOODS_MAX;
    struct sut_mail_good *rows = ARENA_ARRAY(a, struct sut_mail_good, n + 1);
    ENSURE(rows != NULL, NOMEM);
    for (size_t i = 0; i < n; i++) {
        rows[i].quantity = lines[i].quantity;
        TRY(name_of(a, &lines[i], &rows[i].name));
        TRY(sum_of(a, &lines[i], &rows[i].sum));
    }
    ret->rows = rows;
    ret->n = n;
    ret->n_more = (int64_t) (n_lines - n);
    return SUT_OK;
}

SUT_ERR sut_order__mail(struct sut_db_conn *c, struct sut_arena *a, enum sut_mail_kind kind,
                        const struct sut_order *o, const struct sut_order_line *lines,
                        size_t n_lines, sut_ms now)
{
    char number[SUT_ORDER_NUMBER_TEXT];
    char money[SUT_MONEY_TEXT];
    struct sut_mail_goods goods = { .n = 0 };
    struct sut_buf total;
    if (o->person == 0)
        return SUT_OK;
    TRY(fill(a, lines, n_lines, &goods));
    sut_buf_init_arena(&total, a, TOTAL_BYTES);
    sut_buf_str_add(&total, sut_money_text((sut_money){ o->total_cents }, money));
    sut_buf_char(&total, ' ');
    sut_buf_str_add(&total, o->currency);
    TRY(sut_buf_check(&total));
    goods.total = sut_buf_str(&total);
    const struct sut_mail_words words = {
        .what = sut_order_number(o, number),
        .at = now,
        .goods = &goods,
    };
    return sut_mail_queue(c, a, kind, o->person, &words, SUT_STR(""), now);
}
