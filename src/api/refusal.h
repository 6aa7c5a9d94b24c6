/* SPDX-License-Identifier: Apache-2.0
 *
 * refusal - why a sign-in is not let in although the proof may have been right, in the
 * words that both contracts share.
 */
#ifndef SUT_API_REFUSAL_H
#define SUT_API_REFUSAL_H

#include "api/entry.h"

/* Answer FACTOR_DUE or LOCKED, each contract in its own shape; false: it is another outcome. */
bool api_refusal_answer(struct sut_req *r, const struct api_account *a);

#endif
