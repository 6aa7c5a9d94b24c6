/* SPDX-License-Identifier: Apache-2.0
 *
 * recovery - codes on paper that stand in for a lost second factor, each once.
 *
 * "k7qf-3m9t-x2wd-9hbc": 16 letters and digits of Crockford's alphabet, 80 bits of
 * chance, so that a plain digest keeps them; the digest is over the person's number, too.
 * Read without regard to case, dashes and blanks; o is read as 0, i and l as 1.
 * Any thread.
 */
#ifndef SUT_AUTHN_RECOVERY_H
#define SUT_AUTHN_RECOVERY_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "crypto/random.h"
#include "store/factor.h"

enum { SUT_RECOVERY_CODES = 10, SUT_RECOVERY_TEXT = 19 };

/* A new code; no NUL is written. */
SUT_ERR sut_recovery_make(const struct sut_random *rnd, char ret[SUT_RECOVERY_TEXT]);
/* What rows keep of it; INVALID for what can't be a code. */
SUT_ERR sut_recovery_hash(int64_t person, sut_str text, unsigned char ret[SUT_RECOVERY_HASH]);

#endif
