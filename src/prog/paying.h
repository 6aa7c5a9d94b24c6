/* SPDX-License-Identifier: Apache-2.0
 *
 * paying - how this shop's orders are paid: which providers have a key, where buyers are sent back
 * to, and what the log hears of money.
 */
#ifndef SUT_PROG_PAYING_H
#define SUT_PROG_PAYING_H

#include "base/err.h"
#include "pay/pay.h"

struct sut_app;
struct sut_cashier;

/* What a worker keeps of it: the addresses stand in here. */
struct sut_paying {
    struct sut_pay pay;
    char success_url[512];
    char cancel_url[512];
};

/* Fill it for the app, which is borrowed. */
SUT_ERR sut_paying_init(struct sut_paying *p, struct sut_app *app);
/* Start the cashier's thread; both are borrowed until it stops. */
SUT_ERR sut_paying_start(const struct sut_paying *p, const struct sut_app *app,
                         struct sut_cashier **ret);

#endif
