/* SPDX-License-Identifier: Apache-2.0
 *
 * goods - changes of products by those who keep the catalogue, with the shop's
 * rules: prices, SKUs, slugs, stock that is promised to orders.
 *
 * Each runs inside a write job, on its connection, and leaves its audit row with
 * what was and what is (B4) in the same transaction.  A job may run again: what a
 * result points to is the arena's.
 *
 * Every product has a default variant, made with it: its SKU and its stock are
 * the product's.  A row of `variants` is put by its SKU: a variant of that SKU is
 * changed, else one is added, and those that no row names stay as they are; so two
 * people at once lose nothing of each other's.  A row with the product's own SKU is
 * the default; where a change gives it another, it is the new one that counts.  A slug
 * is made once, with the product, and outlives its names.
 *
 * Lengths and forms of fields have been checked by the caller's schema.
 */
#ifndef SUT_SHOP_GOODS_H
#define SUT_SHOP_GOODS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "codec/schema.h"

struct sut_db_conn;

enum {
    SUT_GOODS_STOCK_MAX = 1000000000,
    SUT_GOODS_VARIANTS_MAX = 100, /* of one product, hidden ones too */
};

enum sut_goods_field {
    SUT_GOODS_NAME = 1,
    SUT_GOODS_DESCRIPTION = 2,
    SUT_GOODS_CATEGORY = 4,
    SUT_GOODS_PRICE = 8,
    SUT_GOODS_STOCK = 16,
    SUT_GOODS_SKU = 32,
    SUT_GOODS_ACTIVE = 64,
    SUT_GOODS_COVERAGE = 128,
    SUT_GOODS_FEATURED = 256,
};

/* What is to be of a variant; `has` says which fields were given. */
struct sut_goods_variant {
    unsigned has;
    sut_str name;
    sut_str sku;
    int64_t price_cents; /* SUT_GOODS_NO_PRICE: the product's */
    int64_t stock;
    bool is_active;
};
#define SUT_GOODS_NO_PRICE INT64_MIN

struct sut_goods {
    unsigned has;
    sut_str name;
    sut_str description;
    int64_t category_id;
    int64_t price_cents;
    int64_t stock;
    sut_str sku;
    bool is_active;
    sut_str coverage; /* code; empty: none */
    bool is_featured;
    const struct sut_goods_variant *variants;
    size_t n_variants;
};

/* Who changes it, and under which rule. */
struct sut_goods_actor {
    int64_t id;   /* 0: a command */
    sut_str addr; /* or empty */
    sut_ms now;
    bool is_zero_ok; /* the setting shop.price_rule */
};

/* What came of it; with an error, why. */
struct sut_goods_result {
    int64_t id;         /* the product's */
    int64_t variant_id; /* of a variant's change */
    int64_t version;    /* the catalogue's; 0: nothing was different, and nothing done */
    const struct sut_fault *faults; /* INVALID: by field; "variants.0.sku" */
    bool is_taken;                  /* and it is only that a SKU is somebody else's */
};

/* What is wrong with a price, in the words of the setting; NULL: nothing. */
const char *sut_goods_price_fault(int64_t cents, bool is_zero_ok);
/* "M / Sand" is a size and a colour; all else is a colour.  ret_size->p is NULL: none. */
void sut_goods_split_name(sut_str name, sut_str *ret_size, sut_str *ret_color);

/*
 * INVALID with faults; NOT_FOUND; EXISTS: a SKU or slug was taken by another at the same moment.
 * A field that is not in `has` stays as it is.
 */
SUT_ERR sut_goods_add(struct sut_db_conn *c, struct sut_arena *a, const struct sut_goods *g,
                      const struct sut_goods_actor *by, struct sut_goods_result *ret);
SUT_ERR sut_goods_change(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                         const struct sut_goods *g, const struct sut_goods_actor *by,
                         struct sut_goods_result *ret);
/* Take it away; hide it when an order names it. */
SUT_ERR sut_goods_remove(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                         const struct sut_goods_actor *by, struct sut_goods_result *ret);

/*
 * The same for one variant of a product.  To put a hidden one (is_put) shows it again; the default
 * one is not removed alone (DENIED).
 */
SUT_ERR sut_goods_variant_add(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                              const struct sut_goods_variant *v, const struct sut_goods_actor *by,
                              struct sut_goods_result *ret);
SUT_ERR sut_goods_variant_change(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                                 int64_t variant_id, const struct sut_goods_variant *v, bool is_put,
                                 const struct sut_goods_actor *by, struct sut_goods_result *ret);
SUT_ERR sut_goods_variant_remove(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                                 int64_t variant_id, const struct sut_goods_actor *by,
                                 struct sut_goods_result *ret);

#endif
