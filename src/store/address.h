/* SPDX-License-Identifier: Apache-2.0
 *
 * address - rows of where people want their parcels; every field is sealed under its person's key.
 *
 * What an address may hold is shop/address.h's to say.  Results live in the caller's arena.
 * Errors: NOT_FOUND (no such address of this person), FULL, CORRUPT (a field is lost), STALE (on a
 * loop's connection and in a job: store/personal.h).
 */
#ifndef SUT_STORE_ADDRESS_H
#define SUT_STORE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

enum { SUT_POSTAL_MAX = 50 /* addresses of a person */ };

/* As in personal.def. */
enum sut_postal_field {
    SUT_POSTAL_LABEL,
    SUT_POSTAL_NAME,
    SUT_POSTAL_LINE1,
    SUT_POSTAL_LINE2,
    SUT_POSTAL_CITY,
    SUT_POSTAL_REGION,
    SUT_POSTAL_POSTAL_CODE,
    SUT_POSTAL_COUNTRY, /* ISO 3166-1, two letters */
    SUT_POSTAL_PHONE,
    SUT_POSTAL_FIELDS,
};

struct sut_postal {
    int64_t id;
    int64_t person;
    bool is_default;
    sut_ms created_at;
    sut_ms modified_at;
    sut_str v[SUT_POSTAL_FIELDS]; /* p is NULL: none */
};

/* One of this person's. */
SUT_ERR sut_postal_find(struct sut_db_conn *c, struct sut_arena *a, int64_t person, int64_t id,
                        struct sut_postal *ret);
/* Theirs, the oldest first, at most SUT_POSTAL_MAX. */
SUT_ERR sut_postal_list(struct sut_db_conn *c, struct sut_arena *a, int64_t person,
                        struct sut_postal **ret, size_t *ret_n);

/* --- in a write job --- */

/* FULL: there are SUT_POSTAL_MAX.  A default one takes the place of the former. */
SUT_ERR sut_postal_insert(struct sut_db_conn *c, const struct sut_postal *p, sut_ms now,
                          int64_t *ret);
/* All its fields anew. */
SUT_ERR sut_postal_update(struct sut_db_conn *c, const struct sut_postal *p, sut_ms now);
SUT_ERR sut_postal_remove(struct sut_db_conn *c, int64_t person, int64_t id);

#endif
