/* SPDX-License-Identifier: Apache-2.0
 *
 * reconcile - the shop's payments beside the providers': what differs, and, when that is asked
 * for, what was missed taken as if its event had come.
 *
 * In three stages, a page at a call, so that whoever asks waits for no more than some
 * answers of a provider: each payment of ours that has a name there; then what Stripe, and what
 * Paystack, has that was paid in that time and names an order of ours.  Blocks.
 */
#ifndef SUT_PAY_RECONCILE_H
#define SUT_PAY_RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pay/pay.h"

enum sut_reconcile_stage {
    SUT_RECONCILE_OURS,
    SUT_RECONCILE_STRIPE,
    SUT_RECONCILE_PAYSTACK,
    SUT_RECONCILE_END,
};
enum { SUT_RECONCILE_PAGE = 10, SUT_RECONCILE_CURSOR_MAX = 255, SUT_RECONCILE_DAYS_MAX = 365 };

struct sut_reconcile_ask {
    sut_ms since;
    bool is_applied;
    /* Where to go on: zeros at first, then what the answer says. */
    enum sut_reconcile_stage stage;
    int64_t after;
    sut_str cursor;
};

/* One that differs; all words are constants. */
struct sut_reconcile_row {
    int64_t payment; /* 0: the shop has none for it */
    int64_t order;
    const char *provider;
    const char *ours;   /* "open" */
    const char *theirs; /* "paid" */
    const char *done;   /* with is_applied: what came of it; NULL: nothing was done */
};

struct sut_reconcile_page {
    struct sut_reconcile_row *rows;
    size_t n;
    uint64_t compared;
    struct sut_reconcile_ask next; /* stage END: that was all */
};
/* UNAVAILABLE: a provider can't be asked: nothing of this page is known. */
SUT_ERR sut_reconcile_page(const struct sut_pay *p, struct sut_arena *a,
                           const struct sut_reconcile_ask *ask, sut_ms now,
                           struct sut_reconcile_page *ret);

#endif
