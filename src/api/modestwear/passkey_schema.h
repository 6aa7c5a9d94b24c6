/* SPDX-License-Identifier: Apache-2.0
 *
 * passkey_schema - bodies and answers about passkeys: Web Authentication level 3's
 * JSON forms (5.1.8 to 5.1.10), and rows of one's own.
 */
#ifndef SUT_API_MODESTWEAR_PASSKEY_SCHEMA_H
#define SUT_API_MODESTWEAR_PASSKEY_SCHEMA_H

#include "guard/route.h"

/* AuthenticationResponseJSON, as a member of other bodies. */
extern const struct sut_schema api_a_assertion;

extern const struct sut_schema api_a_passkey_finish_body;
extern const struct sut_schema api_a_passkey_rename_body;
extern const struct sut_schema api_a_passkey_login_body;

extern const struct sut_answer api_a_passkey_begin_answers[];
extern const struct sut_answer api_a_passkey_finish_answers[];
extern const struct sut_answer api_a_passkey_list_answers[];
extern const struct sut_answer api_a_passkey_rename_answers[];
extern const struct sut_answer api_a_passkey_remove_answers[];
extern const struct sut_answer api_a_passkey_ask_answers[];

#endif
