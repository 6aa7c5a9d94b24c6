/* SPDX-License-Identifier: Apache-2.0
 *
 * product_admin - what a command asks about products, done: by the running server or by
 * the command itself.
 *
 * One import at a time; another is refused while it goes on.  One thread at a time.
 */
#ifndef SUT_PROG_PRODUCT_ADMIN_H
#define SUT_PROG_PRODUCT_ADMIN_H

#include "prog/product_wire.h"

struct sut_store;
struct sut_clock;
struct sut_fragments;

/* Parts are borrowed; `import` begins as NULL and ends with sut_product_admin_done(). */
struct sut_product_admin {
    struct sut_store *store;
    const struct sut_clock *clock;
    struct sut_fragments *fragments; /* NULL: no server's */
    bool is_zero_ok;                 /* the setting shop.price_rule */
    struct sut_import *import;
    bool is_whole;   /* it is all or nothing */
    uint64_t number; /* of it */
    sut_ms heard_at; /* when it was last asked about */
};

/* An answer with `refused`, or an error of the store's. */
SUT_ERR sut_product_admin_do(struct sut_product_admin *p, struct sut_arena *a,
                             const struct sut_products_ask *ask, struct sut_products_answer *ret);
/* What keeps others from writing is given up. */
void sut_product_admin_yield(struct sut_product_admin *p);
/* What goes on is given up. */
void sut_product_admin_done(struct sut_product_admin *p);

#endif
