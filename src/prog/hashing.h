/* SPDX-License-Identifier: Apache-2.0
 *
 * hashing - the settings about passwords, as authn wants them.
 */
#ifndef SUT_PROG_HASHING_H
#define SUT_PROG_HASHING_H

#include "authn/hasher.h"
#include "authn/password_rules.h"
#include "config/config.h"

/* Which passwords may be chosen. */
struct sut_password_policy sut_hashing_rules(const struct sut_config *c);

/*
 * Start the pool of hashes with so many threads; end it with
 * sut_hasher_stop().  INVALID when one hash does not fit in the memory.
 */
SUT_ERR sut_hashing_start(const struct sut_config *c, unsigned threads,
                          const struct sut_random *rnd, struct sut_hasher **ret);

#endif
