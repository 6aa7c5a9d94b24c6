/* SPDX-License-Identifier: Apache-2.0
 *
 * account_schema - bodies and answers of contract A's accounts.
 */
#ifndef SUT_API_MODESTWEAR_ACCOUNT_SCHEMA_H
#define SUT_API_MODESTWEAR_ACCOUNT_SCHEMA_H

#include "guard/route.h"

extern const struct sut_schema api_a_register_body;
extern const struct sut_schema api_a_login_body;
extern const struct sut_schema api_a_refresh_body;
extern const struct sut_schema api_a_logout_body;
extern const struct sut_schema api_a_profile_body;

extern const struct sut_schema api_a_device_info;
extern const struct sut_schema api_a_tokens;
extern const struct sut_schema api_a_message; /* {"success":true,"message":…} */

extern const struct sut_answer api_a_register_answers[];
extern const struct sut_answer api_a_login_answers[];
extern const struct sut_answer api_a_refresh_answers[];
extern const struct sut_answer api_a_validate_answers[];
extern const struct sut_answer api_a_message_answers[];
extern const struct sut_answer api_a_profile_answers[];

#endif
