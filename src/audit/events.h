/* SPDX-License-Identifier: Apache-2.0
 *
 * events - the one door for security events: what an operator should hear of.
 *
 * A closed list of types.  Each goes to the log, at most SUT_EVENTS_PER_SECOND
 * of a type within a second; the rest are counted and reported with the next
 * one.  No field can hold what a person is called or reached by: constants of the
 * program, the request's id, the client's address; the person stands there as a
 * keyed pseudonym (log/log.h).  Any thread.
 */
#ifndef SUT_AUDIT_EVENTS_H
#define SUT_AUDIT_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

enum sut_event_type {
#define X(name, text) SUT_EVENT_##name,
#include "audit/events.def"
#undef X
};
enum {
#define X(name, text) +1
    SUT_EVENT_TYPES = 0
#include "audit/events.def"
#undef X
};

enum { SUT_EVENTS_PER_SECOND = 20 };

struct sut_events;

/* NULL and 0 are left out. */
struct sut_event_detail {
    const char *route; /* the route's name */
    const char *request_id;
    const char *addr;   /* the client's address */
    const char *reason; /* a constant of the program, a word without blanks */
    int64_t user_id;    /* written as a pseudonym */
};

/* "login_failed" */
const char *sut_event_name(enum sut_event_type type);

SUT_ERR sut_events_create(struct sut_events **ret);
/* Reports what was held back. */
void sut_events_free(struct sut_events **e);

/* Raise one; detail may be NULL. */
void sut_event_raise(struct sut_events *e, enum sut_event_type type, sut_ms now,
                     const struct sut_event_detail *detail);
/* Report what was held back and is not yet told; call now and then. */
void sut_events_flush(struct sut_events *e, sut_ms now);
/* How many of a type were raised so far (held back or not). */
uint64_t sut_events_count(struct sut_events *e, enum sut_event_type type);

#endif
