/* SPDX-License-Identifier: Apache-2.0
 *
 * address - what an address for parcels may be, and how it is written on one.
 *
 * Knows no HTTP.  Any thread.
 */
#ifndef SUT_SHOP_ADDRESS_H
#define SUT_SHOP_ADDRESS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/address.h"

/*
 * Greatest lengths in characters.  Together with what stands between them they fit what an order
 * keeps of an address (SUT_ORDER_ADDRESS_MAX).
 */
enum {
    SUT_POSTAL_LABEL_MAX = 100,
    SUT_POSTAL_NAME_MAX = 150,
    SUT_POSTAL_LINE_MAX = 255,
    SUT_POSTAL_CITY_MAX = 100,
    SUT_POSTAL_REGION_MAX = 100,
    SUT_POSTAL_CODE_MAX = 20,
    SUT_POSTAL_PHONE_MAX = 15,
};

/* The two letters of a country of ISO 3166-1, in upper case, in the arena; INVALID: of none. */
SUT_ERR sut_postal_country(struct sut_arena *a, sut_str code, sut_str *ret);

/*
 * The address as lines of text: name, line 1, line 2, "postal code city", region, country, phone;
 * what it has not makes no line.
 */
SUT_ERR sut_postal_text(struct sut_arena *a, const struct sut_postal *p, sut_str *ret);

#endif
