/* SPDX-License-Identifier: Apache-2.0
 *
 * goods_int - the parts of a change of products, for its files alone.
 */
#ifndef SUT_SHOP_GOODS_INT_H
#define SUT_SHOP_GOODS_INT_H

#include "audit/audit.h"
#include "base/buf.h"
#include "codec/json_out.h"
#include "shop/goods.h"
#include "store/catalogue.h"
#include "store/goods.h"

/* A change under way. */
struct sut_goods_work {
    struct sut_db_conn *c;
    struct sut_arena *a;
    const struct sut_goods_actor *by;
    struct sut_goods_result *ret;
    struct sut_fault *last; /* of ret->faults */
    sut_str prefix;         /* of faults: "variants.0.", or empty */
    sut_str scope;          /* of differences: the variant's SKU, or empty */
    bool is_other_fault;    /* than a taken SKU */
    /* What differs, for the audit. */
    struct sut_buf before_text;
    struct sut_buf after_text;
    struct sut_jw before;
    struct sut_jw after;
    bool is_different;
};

void sut_goods__begin(struct sut_goods_work *k, struct sut_db_conn *c, struct sut_arena *a,
                      const struct sut_goods_actor *by, struct sut_goods_result *ret);
/* Note a fault; the message is a constant. */
SUT_ERR sut_goods__fault(struct sut_goods_work *k, const char *field, const char *message);
SUT_ERR sut_goods__taken(struct sut_goods_work *k);
/* INVALID when there are faults. */
SUT_ERR sut_goods__verdict(const struct sut_goods_work *k);
/* Load one product, hidden or not; NOT_FOUND. */
SUT_ERR sut_goods__load(struct sut_goods_work *k, int64_t id, struct sut_product *ret);

/* Differences: each writes both sides when they are two. */
void sut_goods__diff_text(struct sut_goods_work *k, const char *key, sut_str was, sut_str is);
void sut_goods__diff_i64(struct sut_goods_work *k, const char *key, int64_t was, int64_t is);
void sut_goods__diff_cents(struct sut_goods_work *k, const char *key, int64_t was, int64_t is);
void sut_goods__diff_bool(struct sut_goods_work *k, const char *key, bool was, bool is);
/* The audit row of a change: of its differences. */
SUT_ERR sut_goods__tell(struct sut_goods_work *k, enum sut_action action, const char *kind,
                        int64_t id);
/* The audit row of what was added or goes: one side alone, filled by sut_goods__state(). */
SUT_ERR sut_goods__tell_whole(struct sut_goods_work *k, enum sut_action action, const char *kind,
                              int64_t id, sut_str state, bool is_before);
SUT_ERR sut_goods__state(struct sut_goods_work *k, const struct sut_product *p, sut_str *ret);
SUT_ERR sut_goods__variant_state(struct sut_goods_work *k, const struct sut_variant *v,
                                 sut_str *ret);

/* Check a variant to be: price, SKU that is free (or `own`'s), stock. */
SUT_ERR sut_goods__check_variant(struct sut_goods_work *k, const struct sut_goods_variant *v,
                                 int64_t own);
/* Put what was asked over what is; is_put: and show it, when it was hidden. */
SUT_ERR sut_goods__put_variant(struct sut_goods_work *k, const struct sut_variant *was,
                               const struct sut_goods_variant *v, bool is_put);
/* A variant's row out of what was asked. */
struct sut_variant_data sut_goods__variant_data(const struct sut_goods_variant *v);

#endif
