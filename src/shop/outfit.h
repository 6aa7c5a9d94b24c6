/* SPDX-License-Identifier: Apache-2.0
 *
 * outfit - the rules of outfits: what they hold, and who may change them.
 *
 * SUT_OUTFIT_ITEMS_MIN to SUT_OUTFIT_ITEMS_MAX products, each once, each shown when it is put in.
 * A private one is its owner's to see; a public one is everybody's to see and its owner's to
 * change: staff have no say in it.
 *
 * Functions that take a time run inside a write job of the caller's; all outcomes but DONE change
 * nothing, save that the caller rolls back.
 */
#ifndef SUT_SHOP_OUTFIT_H
#define SUT_SHOP_OUTFIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "store/outfit.h"

struct sut_db_conn;

enum { SUT_OUTFIT_ITEMS_MIN = 2 };

enum sut_outfit_outcome {
    SUT_OUTFIT_DONE,
    SUT_OUTFIT_NONE,     /* not there, or another's and private */
    SUT_OUTFIT_ANOTHERS, /* public, and not this person's */
    SUT_OUTFIT_TOO_FEW,
    SUT_OUTFIT_TOO_MANY,
    SUT_OUTFIT_DOUBLE,  /* one product twice */
    SUT_OUTFIT_UNKNOWN, /* see unknown */
    SUT_OUTFIT_FULL,    /* the person has SUT_OUTFITS_MAX */
};

struct sut_outfit_result {
    enum sut_outfit_outcome outcome;
    int64_t id;
    int64_t unknown[SUT_OUTFIT_ITEMS_MAX]; /* numbers that no shown product has */
    size_t n_unknown;
};

/* Whether the outfit is this person's to see (0: nobody's in particular). */
bool sut_outfit_may_see(const struct sut_outfit *o, int64_t person);

/* Put one together; ret->id is its number. */
SUT_ERR sut_outfit_make(struct sut_db_conn *c, struct sut_arena *scratch,
                        const struct sut_outfit_data *d, const int64_t *products, size_t n,
                        sut_ms now, struct sut_outfit_result *ret);

/* What is to be different; what is not named stays. */
struct sut_outfit_change {
    int64_t id;
    int64_t person; /* who asks */
    bool has_name;
    bool has_description;
    bool has_is_public;
    bool has_products;
    sut_str name;
    sut_str description;
    bool is_public;
    const int64_t *products;
    size_t n_products;
};
SUT_ERR sut_outfit_change(struct sut_db_conn *c, struct sut_arena *scratch,
                          const struct sut_outfit_change *h, sut_ms now,
                          struct sut_outfit_result *ret);
/* Take one apart. */
SUT_ERR sut_outfit_drop(struct sut_db_conn *c, struct sut_arena *scratch, int64_t id,
                        int64_t person, struct sut_outfit_result *ret);

#endif
