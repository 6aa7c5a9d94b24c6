/* SPDX-License-Identifier: Apache-2.0
 *
 * policy - settings turned into the policies of the parts.
 */
#ifndef SUT_PROG_POLICY_H
#define SUT_PROG_POLICY_H

#include "authn/hasher.h"
#include "authn/jwt.h"
#include "authn/password_rules.h"
#include "config/config.h"

struct sut_hasher_options sut_policy_hasher(const struct sut_config *c);
struct sut_password_policy sut_policy_password(const struct sut_config *c);
/* Borrows the settings' texts. */
struct sut_token_policy sut_policy_token(const struct sut_config *c);
/* Processors, 1 .. 64: what a setting of 0 threads means. */
unsigned sut_policy_cores(void);

#endif
