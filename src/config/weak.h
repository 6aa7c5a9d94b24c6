/* SPDX-License-Identifier: Apache-2.0
 *
 * weak - tells a secret made by chance from one that somebody typed or copied.
 *
 * For this layer alone.  Stateless.
 */
#ifndef SUT_CONFIG_WEAK_H
#define SUT_CONFIG_WEAK_H

#include "base/str.h"

enum { SUT_WEAK_LEAST_BYTES = 32 };

/* Why the secret is weak, as the end of a sentence ("is shorter than 32 bytes"), or NULL. */
const char *sut_weak__reason(sut_str secret);

#endif
