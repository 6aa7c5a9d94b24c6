/* SPDX-License-Identifier: Apache-2.0
 *
 * cart - rows of carts, a person's or a guest's.
 *
 * A guest's cart is found by a digest of the number in its cookie; it goes after
 * SUT_CART_KEEP_DAYS without a change.  A line says how many of a variant: what that
 * costs and whether it is there is read when it is shown or ordered.
 */
#ifndef SUT_STORE_CART_H
#define SUT_STORE_CART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;
struct sut_store;

enum {
    SUT_CART_GUEST_SIZE = 32,    /* SHA-256 of the cookie's number */
    SUT_CART_KEEP_DAYS = 30,     /* a guest's */
    SUT_CART_QUANTITY_MAX = 100, /* of a line */
    SUT_CART_LINES_MAX = 200,
};

/* Whose: one of the two. */
struct sut_cart_owner {
    int64_t person; /* 0: a guest */
    sut_str guest;  /* SUT_CART_GUEST_SIZE bytes; empty: a person's */
};

/* A line as it is shown, with what the catalogue says of it now. */
struct sut_cart_line {
    int64_t id;
    int64_t variant_id;
    int64_t product_id;
    int64_t quantity;
    sut_ms created_at;
    sut_str sku;
    sut_str variant_name;
    sut_str size; /* p is NULL: none */
    sut_str color;
    sut_str product_name;
    sut_str product_slug;
    int64_t price_cents;      /* the variant's own, else the product's */
    int64_t base_price_cents; /* the product's */
    int64_t available;        /* stock less what is reserved */
    bool is_shown;            /* variant, product and its categories are active */
};

/* What a cart may add of a variant. */
struct sut_cart_offer {
    int64_t available;
    int64_t price_cents; /* the variant's own, else the product's */
    int64_t in_cart;     /* how many are there already */
};

/* The cart's id; 0: there is none. */
SUT_ERR sut_cart_find(struct sut_db_conn *c, const struct sut_cart_owner *o, int64_t *ret);
/* Its lines, the oldest first, in the arena. */
SUT_ERR sut_cart_lines(struct sut_db_conn *c, struct sut_arena *a, int64_t cart,
                       struct sut_cart_line **ret, size_t *ret_n);
/* NOT_FOUND: no variant that is shown has this id.  cart may be 0. */
SUT_ERR sut_cart_offer_of(struct sut_db_conn *c, int64_t cart, int64_t variant,
                          struct sut_cart_offer *ret);
/* A line of this cart; NOT_FOUND. */
SUT_ERR sut_cart_line_find(struct sut_db_conn *c, int64_t cart, int64_t line, int64_t *ret_variant,
                           int64_t *ret_quantity);

/* --- in a write job --- */

/* The cart's id; it is made when there is none. */
SUT_ERR sut_cart_have(struct sut_db_conn *c, const struct sut_cart_owner *o, sut_ms now,
                      int64_t *ret);
/*
 * Add to the line of a variant, or make one.  TOO_LARGE: it would come above
 * SUT_CART_QUANTITY_MAX in all; FULL: above SUT_CART_LINES_MAX lines.
 */
SUT_ERR sut_cart_add(struct sut_db_conn *c, int64_t cart, int64_t variant, int64_t quantity,
                     sut_ms now, int64_t *ret_line, int64_t *ret_quantity);
/* NOT_FOUND: no such line in this cart. */
SUT_ERR sut_cart_set(struct sut_db_conn *c, int64_t cart, int64_t line, int64_t quantity,
                     sut_ms now);
SUT_ERR sut_cart_remove(struct sut_db_conn *c, int64_t cart, int64_t line, sut_ms now);
/* All lines; how many there were. */
SUT_ERR sut_cart_clear(struct sut_db_conn *c, int64_t cart, sut_ms now, int64_t *ret_n);
/*
 * A guest who signs in or registers: the lines become the person's, of two of one variant the
 * higher quantity stays; the guest's cart goes.  Nothing to do when there is none.
 */
SUT_ERR sut_cart_merge(struct sut_db_conn *c, sut_str guest, int64_t person, sut_ms now);

/* Delete carts of guests that nobody touched, in small steps.  Blocks. */
SUT_ERR sut_cart_prune(struct sut_store *s, sut_ms now);

#endif
