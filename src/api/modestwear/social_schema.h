/* SPDX-License-Identifier: Apache-2.0
 *
 * social_schema - bodies and answers of signing in by a provider of identity.
 */
#ifndef SUT_API_MODESTWEAR_SOCIAL_SCHEMA_H
#define SUT_API_MODESTWEAR_SOCIAL_SCHEMA_H

#include "guard/route.h"

extern const struct sut_schema api_a_google_body;
extern const struct sut_schema api_a_facebook_body;

extern const struct sut_answer api_a_social_answers[];

#endif
