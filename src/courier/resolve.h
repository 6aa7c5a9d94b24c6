/* SPDX-License-Identifier: Apache-2.0
 *
 * resolve - addresses of names, in threads that do nothing else.
 *
 * The system's resolver (files and DNS; other sources of names would load code into
 * a role that is shut in).  Names of the settings and names out of data wait in
 * lanes of their own, so that a name server that answers nobody holds up its own
 * kind alone.  A lookup can't be taken back; one that nobody waits for any more is
 * abandoned.
 *
 * The creator owns it; ask, next and abandon belong to one thread.
 */
#ifndef SUT_COURIER_RESOLVE_H
#define SUT_COURIER_RESOLVE_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "courier/address.h"

enum { SUT_LOOKUP_ADDRESSES_MAX = 64, SUT_LOOKUP_NAME_MAX = 253 };

enum sut_lane { SUT_LANE_SETTINGS, SUT_LANE_DATA, SUT_LANES };

/* A name and what became of it. */
struct sut_lookup {
    char name[SUT_LOOKUP_NAME_MAX + 1]; /* or a numeric address, without brackets */
    void *owner;                        /* NULL: abandoned */
    sut_err err; /* UNAVAILABLE: no answer, or none of that name; DENIED: more
                    addresses than are taken */
    struct sut_address addresses[SUT_LOOKUP_ADDRESSES_MAX];
    size_t n;
    struct sut_lookup *next;
};

struct sut_resolver;

/* Names are looked up in files and by DNS alone from here on; nothing is started yet. */
SUT_ERR sut_resolver_create(struct sut_resolver **ret);
/* Start the threads. */
SUT_ERR sut_resolver_start(struct sut_resolver *r);
/* Waits for lookups that are under way. */
void sut_resolver_free(struct sut_resolver **r);

/* Readable when a lookup is done. */
int sut_resolver_fd(const struct sut_resolver *r);
/* Look it up; *ret is the resolver's until sut_resolver_next() gives it. INVALID, NOMEM. */
SUT_ERR sut_resolver_ask(struct sut_resolver *r, enum sut_lane lane, sut_str name, void *owner,
                         struct sut_lookup **ret);
/* One that is done, then the caller's (free it with sut_mem_freep()), or NULL. */
struct sut_lookup *sut_resolver_next(struct sut_resolver *r);
/* Nobody waits for it any more. */
void sut_resolver_abandon(struct sut_resolver *r, struct sut_lookup *l);

#endif
