/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/cart.h"

#include "store/wishlist.h"

static SUT_ERR sum_of(int64_t price_cents, int64_t quantity, int64_t *ret)
{
    sut_money sum = { 0 };
    TRY(sut_money_times((sut_money){ price_cents }, quantity, &sum));
    *ret = sum.cents;
    return SUT_OK;
}

static bool is_quantity(int64_t n)
{
    return n >= 1 && n <= SUT_CART_QUANTITY_MAX;
}

/* Whether `quantity` of it can be in the cart; fills in *ret. */
static SUT_ERR judge(const struct sut_cart_offer *o, int64_t quantity, struct sut_cart_result *ret)
{
    ret->quantity = quantity;
    ret->available = o->available < 0 ? 0 : o->available;
    ret->price_cents = o->price_cents;
    if (!is_quantity(quantity))
        ret->outcome = SUT_CART_QUANTITY;
    else if (quantity > ret->available)
        ret->outcome = SUT_CART_SHORT;
    return sum_of(o->price_cents, quantity, &ret->sum_cents);
}

SUT_ERR sut_cart_put(struct sut_db_conn *c, int64_t cart, int64_t variant, int64_t quantity,
                     sut_ms now, struct sut_cart_result *ret)
{
    struct sut_cart_offer o = { 0 };
    int64_t in_all = 0;
    *ret = (struct sut_cart_result){ .outcome = SUT_CART_DONE, .variant = variant };
    if (!is_quantity(quantity)) {
        ret->outcome = SUT_CART_QUANTITY;
        return SUT_OK;
    }
    sut_err e = sut_cart_offer_of(c, cart, variant, &o);
    if (e.code == SUT_E_NOT_FOUND) {
        ret->outcome = SUT_CART_NO_VARIANT;
        return SUT_OK;
    }
    TRY(e);
    TRY(judge(&o, o.in_cart + quantity, ret));
    if (ret->outcome != SUT_CART_DONE)
        return SUT_OK;
    e = sut_cart_add(c, cart, variant, quantity, now, &ret->line, &in_all);
    if (e.code == SUT_E_TOO_LARGE)
        ret->outcome = SUT_CART_QUANTITY;
    else if (e.code == SUT_E_FULL)
        ret->outcome = SUT_CART_FULL;
    else
        return e;
    return SUT_OK;
}

SUT_ERR sut_cart_change(struct sut_db_conn *c, int64_t cart, int64_t line, int64_t quantity,
                        sut_ms now, struct sut_cart_result *ret)
{
    struct sut_cart_offer o = { 0 };
    int64_t before = 0;
    *ret = (struct sut_cart_result){ .outcome = SUT_CART_DONE, .line = line };
    sut_err e = sut_cart_line_find(c, cart, line, &ret->variant, &before);
    if (e.code == SUT_E_NOT_FOUND) {
        ret->outcome = SUT_CART_NO_LINE;
        return SUT_OK;
    }
    TRY(e);
    if (!is_quantity(quantity)) {
        ret->outcome = SUT_CART_QUANTITY;
        return SUT_OK;
    }
    e = sut_cart_offer_of(c, cart, ret->variant, &o);
    if (e.code == SUT_E_NOT_FOUND) {
        ret->outcome = SUT_CART_NO_VARIANT;
        return SUT_OK;
    }
    TRY(e);
    TRY(judge(&o, quantity, ret));
    return ret->outcome == SUT_CART_DONE ? sut_cart_set(c, cart, line, quantity, now) : SUT_OK;
}

SUT_ERR sut_cart_move_wish(struct sut_db_conn *c, int64_t person, int64_t wish, sut_ms now,
                           struct sut_cart_result *ret)
{
    int64_t variant = 0;
    int64_t cart = 0;
    *ret = (struct sut_cart_result){ .outcome = SUT_CART_NO_LINE };
    const sut_err e = sut_wish_variant(c, person, wish, &variant);
    if (e.code == SUT_E_NOT_FOUND)
        return SUT_OK;
    TRY(e);
    TRY(sut_cart_have(c, &(struct sut_cart_owner){ .person = person }, now, &cart));
    TRY(sut_cart_put(c, cart, variant, 1, now, ret));
    return ret->outcome == SUT_CART_DONE ? sut_wish_remove(c, person, wish) : SUT_OK;
}

void sut_cart_keep_shown(struct sut_cart_line *lines, size_t *n)
{
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++)
        if (lines[i].is_shown)
            lines[kept++] = lines[i];
    *n = kept;
}

SUT_ERR sut_cart_sum_of(const struct sut_cart_line *lines, size_t n, struct sut_cart_sum *ret)
{
    *ret = (struct sut_cart_sum){ 0 };
    for (size_t i = 0; i < n; i++) {
        sut_money line = { 0 };
        TRY(sut_money_times((sut_money){ lines[i].price_cents }, lines[i].quantity, &line));
        TRY(sut_money_add(ret->price, line, &ret->price));
        ret->items += lines[i].quantity;
    }
    return SUT_OK;
}
