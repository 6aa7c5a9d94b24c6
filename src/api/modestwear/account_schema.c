/* SPDX-License-Identifier: Apache-2.0 */
#include "api/modestwear/account_schema.h"

enum {
    EMAIL_MAX = 254,
    NAME_MAX = 150,
    FULL_NAME_MAX = 301, /* two names and the space between them */
    PHONE_MAX = 15,
    PASSWORD_MAX = 1024,
    TOKEN_MAX = 4096,
    DEVICE_MAX = 64,
    PICTURE_MAX = 2048,
};

static const struct sut_field register_fields[] = {
    { .name = "email", .type = SUT_F_EMAIL, .flags = SUT_F_REQUIRED, .max = EMAIL_MAX },
    { .name = "password",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = PASSWORD_MAX },
    { .name = "full_name",
      .type = SUT_F_STRING,
      .flags = SUT_F_REQUIRED,
      .min = 1,
      .max = FULL_NAME_MAX,
      .doc = "The first word is the first name, the rest the last." },
    { .name = "phone_number",
      .type = SUT_F_PHONE,
      .flags = SUT_F_NULLABLE | SUT_F_BLANK,
      .max = PHONE_MAX },
};
const struct sut_schema api_a_register_body = SUT_SCHEMA("Register", register_fields);

static const struct sut_field device_fields[] = {
    { .name = "device_type",
      .type = SUT_F_STRING,
      .flags = SUT_F_NULLABLE | SUT_F_BLANK,
      .max = DEVICE_MAX },
    { .name = "os",
      .type = SUT_F_STRING,
      .flags = SUT_F_NULLABLE | SUT_F_BLANK,
      .max = DEVICE_MAX },
    { .name = "app_version",
      .type = SUT_F_STRING,
      .flags = SUT_F_NULLABLE | SUT_F_BLANK,
      .max = DEVICE_MAX },
};
const struct sut_schema api_a_device_info = SUT_SCHEMA("DeviceInfo", device_fields);

static const struct sut_field login_fields[] = {
    { .name = "email",
      .type = SUT_F_STRING,
      .flags = SUT_F_REQUIRED,
      .min = 1,
      .max = EMAIL_MAX,
      .doc = "Compared without regard to case." },
    { .name = "password",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = PASSWORD_MAX },
    { .name = "device_info",
      .type = SUT_F_OBJECT,
      .flags = SUT_F_NULLABLE,
      .of = &api_a_device_info,
      .doc = "For the list of sessions." },
};
const struct sut_schema api_a_login_body = SUT_SCHEMA("Login", login_fields);

/* Neither is required by itself: the handler takes the first that is there. */
static const struct sut_field refresh_fields[] = {
    { .name = "refresh_token",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_SECRET | SUT_F_NULLABLE | SUT_F_BLANK,
      .max = TOKEN_MAX },
    { .name = "refresh",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_SECRET | SUT_F_NULLABLE | SUT_F_BLANK,
      .max = TOKEN_MAX,
      .doc = "The same, as the deployed front end names it." },
};
const struct sut_schema api_a_refresh_body = SUT_SCHEMA("Refresh", refresh_fields);
const struct sut_schema api_a_logout_body = SUT_SCHEMA("Logout", refresh_fields);

static const struct sut_field profile_fields[] = {
    { .name = "first_name", .type = SUT_F_STRING, .flags = SUT_F_BLANK, .max = NAME_MAX },
    { .name = "last_name", .type = SUT_F_STRING, .flags = SUT_F_BLANK, .max = NAME_MAX },
    { .name = "phone_number",
      .type = SUT_F_PHONE,
      .flags = SUT_F_NULLABLE | SUT_F_BLANK,
      .max = PHONE_MAX },
    { .name = "profile_picture",
      .type = SUT_F_STRING,
      .flags = SUT_F_NULLABLE | SUT_F_BLANK,
      .max = PICTURE_MAX,
      .doc = "Null or empty: it is taken away.  A new one comes as a file, in a form." },
};
const struct sut_schema api_a_profile_body = SUT_SCHEMA("ProfileChange", profile_fields);

static const struct sut_field user_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "email", .type = SUT_F_EMAIL },
    { .name = "username", .type = SUT_F_STRING },
    { .name = "first_name", .type = SUT_F_STRING },
    { .name = "last_name", .type = SUT_F_STRING },
    { .name = "phone_number", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "profile_picture", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "profile_picture_url", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "created_at", .type = SUT_F_TIME },
};
static const struct sut_schema user = SUT_SCHEMA("User", user_fields);

static const char *const bearer[] = { "Bearer", NULL };

/* Of every pair of tokens. */
#define REFRESH_TOKEN                                                                              \
    { .name = "refresh_token",                                                                     \
      .type = SUT_F_STRING,                                                                        \
      .flags = SUT_F_NULLABLE,                                                                     \
      .doc = "In browser mode null: the answer's cookie has it." },                                \
    {                                                                                              \
        .name = "csrf_token", .type = SUT_F_STRING, .flags = SUT_F_OPTIONAL,                       \
        .doc = "Browser mode: X-CSRFToken of what acts on that cookie."                            \
    }

static const struct sut_field tokens_fields[] = {
    { .name = "access_token", .type = SUT_F_STRING },
    REFRESH_TOKEN,
    { .name = "token_type", .type = SUT_F_CHOICE, .choices = bearer },
    { .name = "expires_in", .type = SUT_F_INT, .min = 1, .max = INT32_MAX, .doc = "seconds" },
    { .name = "refresh_expires_in", .type = SUT_F_INT, .min = 1, .max = INT32_MAX },
};
const struct sut_schema api_a_tokens = SUT_SCHEMA("Tokens", tokens_fields);

static const struct sut_field registered_fields[] = {
    { .name = "user", .type = SUT_F_OBJECT, .of = &user },
    { .name = "tokens", .type = SUT_F_OBJECT, .of = &api_a_tokens },
    { .name = "is_new_user", .type = SUT_F_BOOL },
    { .name = "email_verified", .type = SUT_F_BOOL },
};
static const struct sut_schema registered = SUT_SCHEMA("Registered", registered_fields);

static const struct sut_field logged_in_fields[] = {
    { .name = "user", .type = SUT_F_OBJECT, .of = &user },
    { .name = "tokens", .type = SUT_F_OBJECT, .of = &api_a_tokens },
    { .name = "email_verified", .type = SUT_F_BOOL },
    { .name = "verification_needed", .type = SUT_F_BOOL },
};
static const struct sut_schema logged_in = SUT_SCHEMA("LoggedIn", logged_in_fields);

static const struct sut_field refreshed_fields[] = {
    { .name = "access_token", .type = SUT_F_STRING },
    REFRESH_TOKEN,
    { .name = "token_type", .type = SUT_F_CHOICE, .choices = bearer },
    { .name = "expires_in", .type = SUT_F_INT, .min = 1, .max = INT32_MAX },
};
static const struct sut_schema refreshed = SUT_SCHEMA("Refreshed", refreshed_fields);

static const struct sut_field valid_fields[] = {
    { .name = "valid", .type = SUT_F_BOOL },
    { .name = "user_id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "email_verified", .type = SUT_F_BOOL },
};
static const struct sut_schema valid = SUT_SCHEMA("TokenState", valid_fields);

#define ENVELOPE(var_, name_, data_)                                                               \
    static const struct sut_field var_##_fields[] = {                                              \
        { .name = "success", .type = SUT_F_BOOL },                                                 \
        { .name = "data", .type = SUT_F_OBJECT, .of = (data_) },                                   \
    };                                                                                             \
    static const struct sut_schema var_ = SUT_SCHEMA(name_, var_##_fields)

ENVELOPE(registered_envelope, "RegisteredAnswer", &registered);
ENVELOPE(logged_in_envelope, "LoggedInAnswer", &logged_in);
ENVELOPE(refreshed_envelope, "RefreshedAnswer", &refreshed);
ENVELOPE(valid_envelope, "TokenStateAnswer", &valid);

static const struct sut_field message_fields[] = {
    { .name = "success", .type = SUT_F_BOOL },
    { .name = "message", .type = SUT_F_STRING },
};
const struct sut_schema api_a_message = SUT_SCHEMA("Message", message_fields);

const struct sut_answer api_a_register_answers[] = {
    { .status = 201, .schema = &registered_envelope },
    { .status = 409, .doc = "A user with this email already exists." },
    { 0 },
};
const struct sut_answer api_a_login_answers[] = {
    { .status = 200, .schema = &logged_in_envelope },
    { .status = 401, .doc = "Invalid email or password" },
    { .status = 403, .doc = "Account temporarily locked, or disabled" },
    { 0 },
};
const struct sut_answer api_a_refresh_answers[] = {
    { .status = 200, .schema = &refreshed_envelope },
    { .status = 401, .doc = "Token is invalid or expired, or blacklisted" },
    { 0 },
};
const struct sut_answer api_a_validate_answers[] = {
    { .status = 200, .schema = &valid_envelope },
    { 0 },
};
const struct sut_answer api_a_message_answers[] = {
    { .status = 200, .schema = &api_a_message },
    { 0 },
};
const struct sut_answer api_a_profile_answers[] = {
    { .status = 200, .schema = &user },
    { 0 },
};
