/* SPDX-License-Identifier: Apache-2.0
 *
 * category - changes of the tree of categories by those who keep the catalogue.
 *
 * Each runs inside a write job and leaves its audit row with what was and what is
 * (B4).  Results as in shop/goods.h.  A tree is at most SUT_CATEGORY_DEPTH_MAX deep
 * and has no circles; a category goes when nothing stands in it any more.
 */
#ifndef SUT_SHOP_CATEGORY_H
#define SUT_SHOP_CATEGORY_H

#include "shop/goods.h"
#include "store/category.h"

enum sut_category_field {
    SUT_CATEGORY_NAME = 1,
    SUT_CATEGORY_DESCRIPTION = 2,
    SUT_CATEGORY_PARENT = 4,
};

struct sut_category_ask {
    unsigned has;
    sut_str name;
    sut_str description;
    int64_t parent_id; /* 0: a root */
};

/* INVALID with faults. */
SUT_ERR sut_category_add(struct sut_db_conn *c, struct sut_arena *a,
                         const struct sut_category_ask *g, const struct sut_goods_actor *by,
                         struct sut_goods_result *ret);
/* And NOT_FOUND. */
SUT_ERR sut_category_change(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                            const struct sut_category_ask *g, const struct sut_goods_actor *by,
                            struct sut_goods_result *ret);
/* DENIED: a product or a category stands in it, hidden ones too. */
SUT_ERR sut_category_remove(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                            const struct sut_goods_actor *by, struct sut_goods_result *ret);

#endif
