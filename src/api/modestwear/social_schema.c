/* SPDX-License-Identifier: Apache-2.0 */
#include "api/modestwear/social_schema.h"

#include "api/modestwear/account_schema.h"
#include "authn/facebook.h"
#include "authn/jws_public.h"

enum { NONCE_MAX = 255 };

static const struct sut_field google_fields[] = {
    { .name = "token",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = SUT_JWS_PUBLIC_MAX,
      .doc = "The ID token that Google gave." },
    { .name = "nonce",
      .type = SUT_F_STRING,
      .flags = SUT_F_NULLABLE | SUT_F_BLANK,
      .max = NONCE_MAX,
      .doc = "What Google was asked with: then the token must say it." },
    { .name = "device_info",
      .type = SUT_F_OBJECT,
      .flags = SUT_F_NULLABLE,
      .of = &api_a_device_info,
      .doc = "For the list of sessions." },
};
const struct sut_schema api_a_google_body = SUT_SCHEMA("GoogleSignIn", google_fields);

static const struct sut_field facebook_fields[] = {
    { .name = "token",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = SUT_FACEBOOK_TOKEN_MAX,
      .doc = "The access token that Facebook gave to our app." },
    { .name = "device_info",
      .type = SUT_F_OBJECT,
      .flags = SUT_F_NULLABLE,
      .of = &api_a_device_info,
      .doc = "For the list of sessions." },
};
const struct sut_schema api_a_facebook_body = SUT_SCHEMA("FacebookSignIn", facebook_fields);

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
    { .name = "is_verified", .type = SUT_F_BOOL },
};
static const struct sut_schema user = SUT_SCHEMA("SocialUser", user_fields);

static const char *const providers[] = { "google", "facebook", NULL };

static const struct sut_field signed_in_fields[] = {
    { .name = "user", .type = SUT_F_OBJECT, .of = &user },
    { .name = "tokens", .type = SUT_F_OBJECT, .of = &api_a_tokens },
    { .name = "is_new_user", .type = SUT_F_BOOL },
    { .name = "provider", .type = SUT_F_CHOICE, .choices = providers },
};
static const struct sut_schema signed_in = SUT_SCHEMA("SocialSignedIn", signed_in_fields);

static const struct sut_field envelope_fields[] = {
    { .name = "success", .type = SUT_F_BOOL },
    { .name = "data", .type = SUT_F_OBJECT, .of = &signed_in },
};
static const struct sut_schema envelope = SUT_SCHEMA("SocialSignedInAnswer", envelope_fields);

const struct sut_answer api_a_social_answers[] = {
    { .status = 200, .schema = &envelope },
    { .status = 401, .doc = "Second factor required." },
    { .status = 409, .doc = "The account is linked to another one at this provider." },
    { .status = 501, .doc = "This provider is not set up." },
    { .status = 502, .doc = "The provider can't be asked." },
    { 0 },
};
