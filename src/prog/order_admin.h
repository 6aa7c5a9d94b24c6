/* SPDX-License-Identifier: Apache-2.0
 *
 * order_admin - staff look at orders and move them on, from the command line.
 *
 * One set of functions for both ways to ask, as user_admin.  The rules are those of shop/order.h;
 * who is shown an order's address, and who moves one on, leaves an audit row.  Blocks.
 */
#ifndef SUT_PROG_ORDER_ADMIN_H
#define SUT_PROG_ORDER_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "store/order.h"

struct sut_pseudonyms;
struct sut_store;

enum { SUT_ORDERS_PAGE_MAX = 100 };

enum sut_order_verb { SUT_ORDERS_LIST, SUT_ORDERS_SHOW, SUT_ORDERS_STATUS };
enum { SUT_ORDER_VERBS = SUT_ORDERS_STATUS + 1 };

struct sut_order_ask {
    enum sut_order_verb verb;
    int64_t id;                   /* SHOW, STATUS */
    enum sut_order_status status; /* LIST: this alone (0: all); STATUS: what it becomes */
    int64_t person;               /* LIST: theirs alone; 0: everybody's */
    bool is_oldest_first;         /* LIST */
    uint64_t offset;              /* LIST: rows before the first */
    uint64_t limit;               /* LIST: 1 .. SUT_ORDERS_PAGE_MAX */
};

struct sut_order_shown {
    sut_str refused; /* a sentence; else empty */
    struct sut_order *rows;
    sut_str *pseudonyms; /* as the log has their buyers; empty: none */
    size_t n_rows;
    bool has_more;
    /* SHOW; of a row. */
    struct sut_order_line *lines;
    size_t n_lines;
    struct sut_order_change *changes;
    size_t n_changes;
};

/* What the work needs; all borrowed. */
struct sut_order_admin {
    struct sut_store *store;
    struct sut_pseudonyms *pseudonyms; /* NULL: none are told */
    const struct sut_clock *clock;
    /* After a commit, with the products whose stock changed; may be NULL. */
    void (*changed)(void *ctx, const int64_t *products, size_t n);
    void *changed_ctx;
};

/* The answer lies in the arena; `refused` is what the asker can mend, an error the store's. */
SUT_ERR sut_order_admin_do(const struct sut_order_admin *oa, struct sut_arena *a,
                           const struct sut_order_ask *ask, struct sut_order_shown *ret);

#endif
