/* SPDX-License-Identifier: Apache-2.0 */
#include "api/passkey_form.h"

#include "codec/b64url.h"

static bool is_text(const struct sut_json *v)
{
    return v != NULL && v->type == SUT_JSON_STRING;
}

/* A member that must be there. */
static SUT_ERR bytes_of(struct sut_req *r, const struct sut_json *o, const char *name, sut_str *ret)
{
    const struct sut_json *v = sut_json_get(o, name);
    size_t n = 0;
    ENSURE(is_text(v) && v->s.n > 0, DENIED);
    const size_t cap = sut_b64_decoded_max(v->s.n);
    char *to = sut_arena_bytes(r->arena, cap);
    ENSURE(to != NULL, NOMEM);
    ENSURE(!sut_failed(sut_b64url_decode(v->s, to, cap, &n)), DENIED);
    *ret = sut_str_of(to, n);
    return SUT_OK;
}

/* One that may be absent, null or empty: p is NULL then. */
static SUT_ERR maybe_bytes_of(struct sut_req *r, const struct sut_json *o, const char *name,
                              sut_str *ret)
{
    const struct sut_json *v = sut_json_get(o, name);
    *ret = (sut_str){ 0 };
    if (v == NULL || v->type == SUT_JSON_NULL || (is_text(v) && v->s.n == 0))
        return SUT_OK;
    return bytes_of(r, o, name, ret);
}

/* The members that both have. */
static SUT_ERR read_common(struct sut_req *r, const struct sut_json *o, sut_str *ret_id,
                           const struct sut_json **ret_response)
{
    sut_str raw = { 0 };
    const struct sut_json *type = sut_json_get(o, "type");
    *ret_response = sut_json_get(o, "response");
    ENSURE(is_text(type) && sut_str_is(type->s, "public-key") && *ret_response != NULL, DENIED);
    TRY(bytes_of(r, o, "id", ret_id));
    TRY(maybe_bytes_of(r, o, "rawId", &raw));
    ENSURE(raw.p == NULL || sut_str_eq(raw, *ret_id), DENIED);
    ENSURE(ret_id->n <= SUT_WEBAUTHN_CREDENTIAL_MAX, DENIED);
    return SUT_OK;
}

SUT_ERR api_passkey_read_registration(struct sut_req *r, const struct sut_json *o,
                                      struct sut_webauthn_registration *ret)
{
    const struct sut_json *response = NULL;
    TRY(read_common(r, o, &ret->id, &response));
    TRY(bytes_of(r, response, "clientDataJSON", &ret->client_data));
    return bytes_of(r, response, "attestationObject", &ret->object);
}

SUT_ERR api_passkey_read_assertion(struct sut_req *r, const struct sut_json *o,
                                   struct sut_webauthn_assertion *ret)
{
    const struct sut_json *response = NULL;
    TRY(read_common(r, o, &ret->id, &response));
    TRY(bytes_of(r, response, "clientDataJSON", &ret->client_data));
    TRY(bytes_of(r, response, "authenticatorData", &ret->auth_data));
    TRY(bytes_of(r, response, "signature", &ret->signature));
    return maybe_bytes_of(r, response, "userHandle", &ret->user_handle);
}
