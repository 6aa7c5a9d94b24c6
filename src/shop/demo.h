/* SPDX-License-Identifier: Apache-2.0
 *
 * demo - a shop to look at: a catalogue of modest wear and the people who use
 * it, the same in every store.
 *
 * The catalogue is written here; the people are data alone, for hashing their
 * passwords is not the shop's.  Blocks while it writes: never on a loop thread.
 */
#ifndef SUT_SHOP_DEMO_H
#define SUT_SHOP_DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

struct sut_store;

enum { SUT_DEMO_PRODUCTS = 240 };

/* A sample person, with a password that every preset's rules accept. */
struct sut_demo_person {
    const char *email;
    const char *username; /* the part before the @ */
    const char *first_name;
    const char *last_name;
    const char *phone;
    const char *password;
    const char *group; /* NULL, or the name of a group */
    bool is_staff;
    bool is_superuser;
    const char *what; /* "customer": for the list of sign-ins */
};
/* Ends with a row whose email is NULL. */
extern const struct sut_demo_person sut_demo_people[];

struct sut_demo_result {
    bool is_filled; /* false: there were products already, nothing was done */
    size_t categories;
    size_t products;
    size_t variants;
    int64_t version; /* the catalogue's, after it */
};

/* Fill a store that has no product, in one transaction. */
SUT_ERR sut_demo_fill(struct sut_store *s, sut_ms now, struct sut_demo_result *ret);

#endif
