/* SPDX-License-Identifier: Apache-2.0
 *
 * orders - what both contracts do with orders: one is made through either and seen through the
 * other.
 *
 * Writes block: on the pool.  Results live in the request's arena.
 */
#ifndef SUT_API_ORDERS_H
#define SUT_API_ORDERS_H

#include "guard/req.h"
#include "shop/order.h"

/* Of the query, in both contracts. */
extern const char *const api_order_statuses[];  /* "pending" …; NULL ends */
extern const char *const api_order_orderings[]; /* "created_at", "-created_at" */

/* The status of a word of api_order_statuses; 0 for an empty one. */
enum sut_order_status api_order_status_of(sut_str word);

/* After a commit that changed the stock of these products and may have queued mails. */
void api_orders_changed(const struct sut_app *app, const int64_t *products, size_t n);

/* --- making --- */

enum api_order_fault {
    API_ORDER_FINE,
    API_ORDER_RULE,       /* see made.outcome */
    API_ORDER_NO_METHOD,  /* the shop takes no such payment: nothing is made */
    API_ORDER_NO_ADDRESS, /* not one of the person's: nothing is made */
    API_ORDER_UNPAID,     /* the provider would not, or can't be had: the order is cancelled */
};

struct api_order_ask {
    bool is_cart;                       /* what lies in the person's cart, which is emptied */
    const struct sut_order_item *items; /* else these */
    size_t n_items;
    sut_str address;    /* text, not empty; or */
    int64_t address_id; /* one of the person's, copied; 0: the text */
    sut_str notes;
    enum sut_pay_method method;
    bool is_paid_later; /* the payment is begun by another request (contract B's payment-intent) */
};

struct api_order_placed {
    enum api_order_fault fault;
    struct sut_order_result made;
    sut_str payment_url;       /* empty: there is none */
    const char *payment_error; /* UNPAID, NO_METHOD: a sentence for people */
};
/*
 * Make an order and begin its payment.  When that fails the order is cancelled, its stock free
 * again, and what was in the cart lies there again.
 */
SUT_ERR api_order_place(struct sut_req *r, const struct api_order_ask *ask,
                        struct api_order_placed *ret);

/* How orders are paid whose contract does not say: by Stripe, or offline when it is not set up. */
enum sut_pay_method api_order_own_method(const struct sut_req *r);

/* --- looking --- */

struct api_order {
    struct sut_order order;
    struct sut_order_line *lines;
    size_t n_lines;
};
/* Room for a page of orders whose texts are as long as they may be. */
void api_orders_room(struct sut_req *r);
/*
 * The order of the path's {id}, for its owner, or for staff.  NOT_FOUND; DENIED, with an event, for
 * anybody else.
 */
SUT_ERR api_order_of_path(struct sut_req *r, struct api_order *ret);

/* "Linen dress", "M, Sand"; empty when it has neither size nor colour.  In the arena. */
SUT_ERR api_order_variant_text(struct sut_arena *a, sut_str size, sut_str color, sut_str *ret);
/* "Insufficient stock for: Linen dress (M, Sand). Only 3 available." */
SUT_ERR api_order_short_text(struct sut_arena *a, const struct sut_order_shortage *s, sut_str *ret);

/* The member `out_of_stock_items`. */
struct sut_jw;
SUT_ERR api_order_shortages_json(struct sut_arena *a, struct sut_jw *w,
                                 const struct sut_order_result *made);

/* --- changing --- */

/* Cancel the order of the path: by its owner; by staff too when they may. */
SUT_ERR api_order_cancel(struct sut_req *r, bool staff_may, sut_str words,
                         struct sut_order_result *ret);
/* The answer when it can't be cancelled. */
SUT_ERR api_order_refuse_cancel(struct sut_req *r, const struct sut_order *o);
/* A step by staff (the row's policy has seen to that). */
SUT_ERR api_order_advance(struct sut_req *r, enum sut_order_status to,
                          struct sut_order_result *ret);

#endif
