/* SPDX-License-Identifier: Apache-2.0 */
#include "api/modestwear/factor_schema.h"

#include "api/modestwear/passkey_schema.h"

enum { PASSWORD_MAX = 1024, OTP_MAX = 16, CODE_MAX = 64, TICKET_MAX = 128 };

#define OTP                                                                                        \
    {                                                                                              \
        .name = "otp", .type = SUT_F_PASSWORD, .flags = SUT_F_SECRET | SUT_F_NULLABLE, .min = 1,   \
        .max = OTP_MAX, .doc = "The six digits of the authenticator app; blanks don't count."      \
    }

#define ASSERTION                                                                                  \
    {                                                                                              \
        .name = "assertion", .type = SUT_F_OBJECT, .flags = SUT_F_NULLABLE,                        \
        .of = &api_a_assertion, .doc = "AuthenticationResponseJSON, of a passkey."                 \
    }

static const struct sut_field second_factor_fields[] = {
    { .name = "ticket",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = TICKET_MAX,
      .doc = "Of the answer that asked for a second factor." },
    OTP,
    { .name = "recovery_code",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_SECRET | SUT_F_NULLABLE,
      .min = 1,
      .max = CODE_MAX,
      .doc = "One of the ten; case, dashes and blanks don't count." },
    ASSERTION,
};
const struct sut_schema api_a_second_factor_body = SUT_SCHEMA("SecondFactor", second_factor_fields);

static const struct sut_field reauthenticate_fields[] = {
    { .name = "password",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_SECRET | SUT_F_NULLABLE,
      .min = 1,
      .max = PASSWORD_MAX },
    OTP,
    ASSERTION,
};
const struct sut_schema api_a_reauthenticate_body =
    SUT_SCHEMA("Reauthenticate", reauthenticate_fields);

static const struct sut_field otp_fields[] = {
    { .name = "otp",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = OTP_MAX,
      .doc = "The first code that the app shows." },
};
const struct sut_schema api_a_otp_body = SUT_SCHEMA("TotpConfirm", otp_fields);

static const struct sut_field fresh_fields[] = {
    { .name = "fresh_until", .type = SUT_F_TIME },
};
static const struct sut_schema fresh = SUT_SCHEMA("Fresh", fresh_fields);

static const struct sut_field enrolled_fields[] = {
    { .name = "secret", .type = SUT_F_STRING, .doc = "base32" },
    { .name = "otpauth_uri", .type = SUT_F_STRING },
    { .name = "qr",
      .type = SUT_F_URL,
      .doc = "The URI as a picture, for ten minutes and until it is confirmed." },
};
static const struct sut_schema enrolled = SUT_SCHEMA("TotpEnrolment", enrolled_fields);

static const struct sut_field codes_fields[] = {
    { .name = "recovery_codes",
      .type = SUT_F_ARRAY,
      .items = SUT_F_STRING,
      .doc = "Ten, each good once; never shown again." },
};
static const struct sut_schema codes = SUT_SCHEMA("RecoveryCodes", codes_fields);

const struct sut_answer api_a_reauthenticate_answers[] = {
    { .status = 200, .schema = &fresh },
    { .status = 401, .doc = "It was wrong: counted as a failed sign-in" },
    { 0 },
};
const struct sut_answer api_a_totp_enrol_answers[] = {
    { .status = 200, .schema = &enrolled },
    { 0 },
};
const struct sut_answer api_a_totp_confirm_answers[] = {
    { .status = 200, .schema = &codes },
    { 0 },
};
const struct sut_answer api_a_totp_remove_answers[] = {
    { .status = 204, .doc = "Taken away" },
    { .status = 404, .doc = "There is none" },
    { 0 },
};
const struct sut_answer api_a_recovery_codes_answers[] = {
    { .status = 200, .schema = &codes },
    { 0 },
};
