/* SPDX-License-Identifier: Apache-2.0
 *
 * password - holding a new one against the rules, and changing one's own.
 *
 * It blocks: on the pool.  Results live in the request's arena.
 */
#ifndef SUT_API_PASSWORD_H
#define SUT_API_PASSWORD_H

#include "api/entry.h"

/* Hold a new password against the rules: WEAK_PASSWORD with messages and strength, or DONE. */
SUT_ERR api_password_judge(struct sut_req *r, const struct sut_person_row *whose, sut_str password,
                           struct api_account *ret);

/*
 * Change one's own: DONE, WEAK_PASSWORD, WRONG or LOCKED (the present one was not it).
 * Every other session ends.
 */
SUT_ERR api_password_change(struct sut_req *r, sut_str present, sut_str password,
                            struct api_account *ret);

#endif
