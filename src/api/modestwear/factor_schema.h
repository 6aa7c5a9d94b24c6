/* SPDX-License-Identifier: Apache-2.0
 *
 * factor_schema - bodies and answers of second factors and fresh proofs.
 */
#ifndef SUT_API_MODESTWEAR_FACTOR_SCHEMA_H
#define SUT_API_MODESTWEAR_FACTOR_SCHEMA_H

#include "guard/route.h"

extern const struct sut_schema api_a_second_factor_body;
extern const struct sut_schema api_a_reauthenticate_body;
extern const struct sut_schema api_a_otp_body;

extern const struct sut_answer api_a_reauthenticate_answers[];
extern const struct sut_answer api_a_totp_enrol_answers[];
extern const struct sut_answer api_a_totp_confirm_answers[];
extern const struct sut_answer api_a_totp_remove_answers[];
extern const struct sut_answer api_a_recovery_codes_answers[];

#endif
