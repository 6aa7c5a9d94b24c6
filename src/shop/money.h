/* SPDX-License-Identifier: Apache-2.0
 *
 * money - whole cents, never a floating number that is kept.
 *
 * A price is at most 9999.99; sums are checked and refuse to overflow.
 */
#ifndef SUT_SHOP_MONEY_H
#define SUT_SHOP_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

typedef struct {
    int64_t cents;
} sut_money;

enum { SUT_PRICE_MAX_CENTS = 999999 };

/*
 * "12", "12.5", "-12.50": an optional sign, at most 12 digits, at most two
 * places.  PARSE for all else: an exponent, NaN, blanks, three places, ".5".
 */
SUT_ERR sut_money_parse(sut_str s, sut_money *ret);
/* A JSON number: PARSE unless it is a whole number of cents, as near as a double tells. */
SUT_ERR sut_money_from_number(double v, sut_money *ret);
/* "12.50"; `to` holds what fits of any amount. */
enum { SUT_MONEY_TEXT = 24 };
sut_str sut_money_text(sut_money m, char to[SUT_MONEY_TEXT]);

/* Whether this can be a price: at most 9999.99, and above zero, or not below where zero may be. */
bool sut_money_is_price(sut_money m, bool is_zero_ok);

/* TOO_LARGE when the result does not fit. */
SUT_ERR sut_money_add(sut_money a, sut_money b, sut_money *ret);
SUT_ERR sut_money_times(sut_money a, int64_t n, sut_money *ret);

#endif
