/* SPDX-License-Identifier: Apache-2.0
 *
 * goods_form - contract B's shapes of products, variants and categories: bodies,
 * answers, and what is the same in their handlers.
 *
 * Managers see what is hidden, too, and what is on hand: `stock` is not what is
 * left for sale.
 */
#ifndef SUT_API_NSGG_GOODS_FORM_H
#define SUT_API_NSGG_GOODS_FORM_H

#include "codec/json_out.h"
#include "guard/req.h"
#include "shop/goods.h"
#include "store/catalogue.h"

enum { API_GOODS_ROWS_MAX = 1000, API_GOODS_PAGE = 20, API_GOODS_PAGE_MAX = 100 };

extern const struct sut_schema api_b_product_new;    /* POST and PUT */
extern const struct sut_schema api_b_product_change; /* PATCH */
extern const struct sut_schema api_b_product_row;    /* bulk update: with its id */
extern const struct sut_schema api_b_variant_new;
extern const struct sut_schema api_b_variant_change;
extern const struct sut_schema api_b_product; /* answers */
extern const struct sut_schema api_b_product_page;
extern const struct sut_schema api_b_variant;
extern const struct sut_schema api_b_variant_page;
extern const struct sut_schema api_b_image;

/* What a body (or a row of one) that passed its schema asks for.  In the arena. */
SUT_ERR api_goods_of(struct sut_arena *a, const struct sut_json *body, struct sut_goods *ret);
void api_goods_variant_of(const struct sut_json *body, struct sut_goods_variant *ret);
/* Who asks. */
struct sut_goods_actor api_goods_actor(const struct sut_req *r);

/* One product with all of it, out of the store and into JSON; NOT_FOUND. */
SUT_ERR api_goods_load(struct sut_req *r, struct sut_db_conn *c, int64_t id,
                       struct sut_product *ret);
void api_goods_json(struct sut_jw *w, const struct sut_product *p);
void api_goods_variant_json(struct sut_jw *w, const struct sut_variant *v);
/* Its addresses are made already (api/picture_url.h). */
void api_goods_image_json(struct sut_jw *w, const struct sut_product_image *i);

/* After the commit: what is kept in memory is of an older catalogue. */
void api_goods_done(struct sut_req *r, const struct sut_goods_result *done);
/*
 * The answer to a change that failed: 400 by field, or 409; SUT_OK then.  All other errors are
 * handed on.  busy: DENIED's sentence.
 */
SUT_ERR api_goods_refuse(struct sut_req *r, sut_err e, const struct sut_goods_result *done,
                         const char *busy);
/* Words of a search, at most SUT_LIKE_WORDS. */
unsigned api_goods_words(sut_str search, sut_str *words);

#endif
