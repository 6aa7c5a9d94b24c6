/* SPDX-License-Identifier: Apache-2.0
 *
 * social - rows of accounts at providers of identity that open an account here.
 *
 * A subject (the provider's number of its user) is sealed and found by blind
 * index.  One account of a provider opens one account here, and the other way round.
 */
#ifndef SUT_STORE_SOCIAL_H
#define SUT_STORE_SOCIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

/* The numbers stand in the store: only ever add. */
enum sut_provider { SUT_PROVIDER_GOOGLE = 1, SUT_PROVIDER_FACEBOOK = 2 };
enum { SUT_SOCIAL_SUBJECT_MAX = 255, SUT_SOCIAL_PICTURE_MAX = 2048 };

/*
 * Whose account this subject opens; NOT_FOUND.  DENIED: its index leads to a row with another
 * subject; CORRUPT: to one that does not open any more.
 */
SUT_ERR sut_social_find(struct sut_db_conn *c, struct sut_arena *scratch, enum sut_provider p,
                        sut_str subject, int64_t *ret_person);
/*
 * In a write job: link them, or note the use of the link that is there.
 * EXISTS, with nothing spoilt, when the subject opens another account or the
 * account another subject of this provider.  picture: where theirs is at the provider, noted
 * until it was fetched or given up (store/social_picture.h), and then no more; empty, none.
 */
SUT_ERR sut_social_put(struct sut_db_conn *c, struct sut_arena *scratch, int64_t person,
                       enum sut_provider p, sut_str subject, sut_str picture, sut_ms now);
/* Whether the person has a link to this provider. */
SUT_ERR sut_social_has(struct sut_db_conn *c, int64_t person, enum sut_provider p, bool *ret);
/* In a write job: take a link away (0 of them is fine). */
SUT_ERR sut_social_remove(struct sut_db_conn *c, int64_t person, enum sut_provider p);
/* In a write job: take away the links that were made since then. */
SUT_ERR sut_social_remove_since(struct sut_db_conn *c, int64_t person, sut_ms since);

#endif
