/* SPDX-License-Identifier: Apache-2.0
 *
 * goods - what a mail lists: so many of what, for how much, and all together; or what is
 * nearly sold out: how many are left of what, and its SKU.
 *
 * In the payload, and written out as text and as HTML.  What comes from outside is cleaned
 * as every text of a mail, and escaped in HTML.
 */
#ifndef SUT_MAIL_GOODS_H
#define SUT_MAIL_GOODS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct sut_json;
struct sut_jw;

/* The last two in characters; more are cut. */
enum { SUT_MAIL_GOODS_MAX = 20, SUT_MAIL_GOODS_NAME_MAX = 100, SUT_MAIL_GOODS_SUM_MAX = 40 };

struct sut_mail_good {
    sut_str name;
    int64_t quantity;
    sut_str sum; /* "1299.99"; or a SKU */
};

struct sut_mail_goods {
    const struct sut_mail_good *rows; /* of the first SUT_MAIL_GOODS_MAX of them */
    size_t n;
    int64_t n_more; /* lines that are not among them */
    sut_str total;  /* "1299.99 ZAR"; empty: it is no sum */
};

/* The members `goods`, `more` and `total` of a payload. */
void sut_mail_goods_put(struct sut_jw *w, const struct sut_mail_goods *g);
/* Out of a payload, in the arena; total is empty when it has none.  PARSE. */
SUT_ERR sut_mail_goods_get(struct sut_arena *a, const struct sut_json *o,
                           struct sut_mail_goods *ret);
void sut_mail_goods_text(struct sut_buf *b, const struct sut_mail_goods *g);
void sut_mail_goods_html(struct sut_buf *b, const struct sut_mail_goods *g);

/* With < > & " ' as HTML has them. */
void sut_mail_escaped(struct sut_buf *b, sut_str s);

#endif
