/* SPDX-License-Identifier: Apache-2.0 */
#include "api/modestwear/passkey_schema.h"

#include "api/modestwear/account_schema.h"
#include "store/factor.h"

/* Characters of base64url. */
enum {
    ID_MAX = 1364,
    CLIENT_DATA_MAX = 5464,
    OBJECT_MAX = 21848,
    AUTH_DATA_MAX = 5464,
    SIGNATURE_MAX = 1024,
    HANDLE_MAX = 88,
};

static const char *const public_key[] = { "public-key", NULL };

#define BYTES(name_, max_)                                                                         \
    {                                                                                              \
        .name = (name_), .type = SUT_F_PASSWORD, .flags = SUT_F_REQUIRED, .min = 1, .max = (max_), \
        .doc = "base64url"                                                                         \
    }
#define COMMON                                                                                     \
    BYTES("id", ID_MAX),                                                                           \
        { .name = "rawId",                                                                         \
          .type = SUT_F_PASSWORD,                                                                  \
          .flags = SUT_F_NULLABLE,                                                                 \
          .max = ID_MAX,                                                                           \
          .doc = "The same as id." },                                                              \
        { .name = "type", .type = SUT_F_CHOICE, .flags = SUT_F_REQUIRED, .choices = public_key },  \
        { .name = "authenticatorAttachment", .type = SUT_F_STRING, .flags = SUT_F_UNUSED },        \
    {                                                                                              \
        .name = "clientExtensionResults", .type = SUT_F_OBJECT, .flags = SUT_F_UNUSED              \
    }

/* --- a registration --- */

static const struct sut_field attestation_fields[] = {
    BYTES("clientDataJSON", CLIENT_DATA_MAX),
    BYTES("attestationObject", OBJECT_MAX),
    { .name = "transports",
      .type = SUT_F_ARRAY,
      .flags = SUT_F_UNUSED,
      .items = SUT_F_STRING,
      .doc = "Taken, not kept." },
    { .name = "authenticatorData", .type = SUT_F_STRING, .flags = SUT_F_UNUSED },
    { .name = "publicKey", .type = SUT_F_STRING, .flags = SUT_F_UNUSED },
    { .name = "publicKeyAlgorithm", .type = SUT_F_INT, .flags = SUT_F_UNUSED },
};
static const struct sut_schema attestation = SUT_SCHEMA("AttestationResponse", attestation_fields);

static const struct sut_field registration_fields[] = {
    COMMON,
    { .name = "response", .type = SUT_F_OBJECT, .flags = SUT_F_REQUIRED, .of = &attestation },
};
static const struct sut_schema registration =
    SUT_SCHEMA("RegistrationResponse", registration_fields);

static const struct sut_field finish_fields[] = {
    { .name = "credential",
      .type = SUT_F_OBJECT,
      .flags = SUT_F_REQUIRED,
      .of = &registration,
      .doc = "RegistrationResponseJSON: what PublicKeyCredential.toJSON() gives." },
    { .name = "name",
      .type = SUT_F_STRING,
      .flags = SUT_F_NULLABLE | SUT_F_BLANK,
      .max = SUT_PASSKEY_NAME_MAX,
      .doc = "To tell it from others; empty: Passkey." },
};
const struct sut_schema api_a_passkey_finish_body = SUT_SCHEMA("PasskeyFinish", finish_fields);

static const struct sut_field rename_fields[] = {
    { .name = "name",
      .type = SUT_F_STRING,
      .flags = SUT_F_REQUIRED,
      .min = 1,
      .max = SUT_PASSKEY_NAME_MAX },
};
const struct sut_schema api_a_passkey_rename_body = SUT_SCHEMA("PasskeyRename", rename_fields);

/* --- an assertion --- */

static const struct sut_field signed_fields[] = {
    BYTES("clientDataJSON", CLIENT_DATA_MAX),
    BYTES("authenticatorData", AUTH_DATA_MAX),
    BYTES("signature", SIGNATURE_MAX),
    { .name = "userHandle",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_NULLABLE | SUT_F_BLANK,
      .max = HANDLE_MAX,
      .doc = "base64url" },
    { .name = "attestationObject", .type = SUT_F_STRING, .flags = SUT_F_UNUSED },
};
static const struct sut_schema assertion_response = SUT_SCHEMA("AssertionResponse", signed_fields);

static const struct sut_field assertion_fields[] = {
    COMMON,
    { .name = "response",
      .type = SUT_F_OBJECT,
      .flags = SUT_F_REQUIRED,
      .of = &assertion_response },
};
const struct sut_schema api_a_assertion = SUT_SCHEMA("AuthenticationResponse", assertion_fields);

static const struct sut_field login_fields[] = {
    { .name = "assertion",
      .type = SUT_F_OBJECT,
      .flags = SUT_F_REQUIRED,
      .of = &api_a_assertion,
      .doc = "AuthenticationResponseJSON: what PublicKeyCredential.toJSON() gives." },
    { .name = "device_info",
      .type = SUT_F_OBJECT,
      .flags = SUT_F_NULLABLE,
      .of = &api_a_device_info,
      .doc = "For the list of sessions." },
};
const struct sut_schema api_a_passkey_login_body = SUT_SCHEMA("PasskeyLogin", login_fields);

/* --- what browsers are asked --- */

static const struct sut_field descriptor_fields[] = {
    { .name = "type", .type = SUT_F_CHOICE, .choices = public_key },
    { .name = "id", .type = SUT_F_STRING },
};
static const struct sut_schema descriptor =
    SUT_SCHEMA("PublicKeyCredentialDescriptor", descriptor_fields);

static const struct sut_field rp_fields[] = {
    { .name = "id", .type = SUT_F_STRING },
    { .name = "name", .type = SUT_F_STRING },
};
static const struct sut_schema rp = SUT_SCHEMA("PublicKeyCredentialRpEntity", rp_fields);

static const struct sut_field user_fields[] = {
    { .name = "id", .type = SUT_F_STRING },
    { .name = "name", .type = SUT_F_STRING },
    { .name = "displayName", .type = SUT_F_STRING },
};
static const struct sut_schema user = SUT_SCHEMA("PublicKeyCredentialUserEntity", user_fields);

static const struct sut_field parameter_fields[] = {
    { .name = "type", .type = SUT_F_CHOICE, .choices = public_key },
    { .name = "alg", .type = SUT_F_INT, .min = -257, .max = -7 },
};
static const struct sut_schema parameter =
    SUT_SCHEMA("PublicKeyCredentialParameters", parameter_fields);

static const struct sut_field selection_fields[] = {
    { .name = "residentKey", .type = SUT_F_STRING },
    { .name = "requireResidentKey", .type = SUT_F_BOOL },
    { .name = "userVerification", .type = SUT_F_STRING },
};
static const struct sut_schema selection =
    SUT_SCHEMA("AuthenticatorSelectionCriteria", selection_fields);

static const struct sut_field creation_fields[] = {
    { .name = "rp", .type = SUT_F_OBJECT, .of = &rp },
    { .name = "user", .type = SUT_F_OBJECT, .of = &user },
    { .name = "challenge", .type = SUT_F_STRING },
    { .name = "pubKeyCredParams", .type = SUT_F_ARRAY, .of = &parameter },
    { .name = "timeout", .type = SUT_F_INT, .min = 1, .max = INT32_MAX, .doc = "milliseconds" },
    { .name = "excludeCredentials", .type = SUT_F_ARRAY, .of = &descriptor },
    { .name = "authenticatorSelection", .type = SUT_F_OBJECT, .of = &selection },
    { .name = "attestation", .type = SUT_F_STRING },
};
static const struct sut_schema creation =
    SUT_SCHEMA("PublicKeyCredentialCreationOptions", creation_fields);

static const struct sut_field request_fields[] = {
    { .name = "challenge", .type = SUT_F_STRING },
    { .name = "timeout", .type = SUT_F_INT, .min = 1, .max = INT32_MAX, .doc = "milliseconds" },
    { .name = "rpId", .type = SUT_F_STRING },
    { .name = "allowCredentials", .type = SUT_F_ARRAY, .of = &descriptor },
    { .name = "userVerification", .type = SUT_F_STRING },
};
static const struct sut_schema request =
    SUT_SCHEMA("PublicKeyCredentialRequestOptions", request_fields);

/* --- rows --- */

static const struct sut_field passkey_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "name", .type = SUT_F_STRING },
    { .name = "created_at", .type = SUT_F_TIME },
    { .name = "last_used_at", .type = SUT_F_TIME, .flags = SUT_F_NULLABLE },
    { .name = "recovery_codes",
      .type = SUT_F_ARRAY,
      .flags = SUT_F_OPTIONAL,
      .items = SUT_F_STRING,
      .doc = "Once, with the first second factor of an account." },
};
static const struct sut_schema passkey = SUT_SCHEMA("Passkey", passkey_fields);

const struct sut_answer api_a_passkey_begin_answers[] = {
    { .status = 200, .schema = &creation, .doc = "PublicKeyCredentialCreationOptionsJSON" },
    { 0 },
};
const struct sut_answer api_a_passkey_finish_answers[] = {
    { .status = 201, .schema = &passkey },
    { .status = 409, .doc = "This passkey is known already." },
    { 0 },
};
const struct sut_answer api_a_passkey_list_answers[] = {
    { .status = 200, .schema = &passkey, .flags = SUT_ANSWER_ARRAY },
    { 0 },
};
const struct sut_answer api_a_passkey_rename_answers[] = {
    { .status = 200, .schema = &passkey },
    { .status = 404, .doc = "It is none of yours" },
    { 0 },
};
const struct sut_answer api_a_passkey_remove_answers[] = {
    { .status = 204, .doc = "Taken away" },
    { .status = 404, .doc = "It is none of yours" },
    { 0 },
};
const struct sut_answer api_a_passkey_ask_answers[] = {
    { .status = 200, .schema = &request, .doc = "PublicKeyCredentialRequestOptionsJSON" },
    { 0 },
};
