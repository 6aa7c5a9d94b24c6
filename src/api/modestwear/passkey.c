/* SPDX-License-Identifier: Apache-2.0 */
#include "api/passkey.h"

#include "api/modestwear/account_json.h"
#include "api/modestwear/account_schema.h"
#include "api/modestwear/passkey_schema.h"
#include "api/passkey_login.h"
#include "api/routes.h"

enum { BODY_MAX = 48 * 1024 };

/* --- one's own --- */

static void write_members(struct sut_jw *w, const struct sut_passkey_row *p)
{
    sut_jw_key(w, "id");
    sut_jw_i64(w, p->id);
    sut_jw_key(w, "name");
    sut_jw_str(w, p->name);
    sut_jw_key(w, "created_at");
    sut_jw_time(w, p->created_at);
    sut_jw_key(w, "last_used_at");
    if (p->last_used_at.v == 0)
        sut_jw_null(w);
    else
        sut_jw_time(w, p->last_used_at);
}

static void write_passkey(struct sut_jw *w, const struct sut_passkey_row *p)
{
    sut_jw_obj(w);
    write_members(w, p);
    sut_jw_obj_end(w);
}

static void refuse(struct sut_req *r, enum api_passkey_outcome why)
{
    if (why == API_PASSKEY_TAKEN)
        sut_reply_domain(r, 409, "duplicate", SUT_STR("This passkey is known already."));
    else if (why == API_PASSKEY_FULL)
        sut_reply_domain(r, 400, "invalid", SUT_STR("There are 20 passkeys already."));
    else
        sut_reply_domain(r, 400, "invalid", SUT_STR("The passkey could not be verified."));
}

static sut_err post_register_begin(struct sut_req *r)
{
    enum api_passkey_outcome outcome = API_PASSKEY_BAD;
    sut_str json = { 0 };
    TRY(api_passkey_register_begin(r, &outcome, &json));
    if (outcome != API_PASSKEY_DONE) {
        refuse(r, outcome);
        return SUT_OK;
    }
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_raw(&w, json);
    return SUT_OK;
}

static sut_err post_register_finish(struct sut_req *r)
{
    struct api_passkey_made made;
    const sut_str name = sut_req_text(r, "name");
    TRY(api_passkey_register_finish(r, sut_json_get(r->body, "credential"),
                                    name.n > 0 ? name : SUT_STR("Passkey"), &made));
    if (made.outcome != API_PASSKEY_DONE) {
        refuse(r, made.outcome);
        return SUT_OK;
    }
    struct sut_jw w = sut_reply_json(r, 201);
    sut_jw_obj(&w);
    write_members(&w, &made.row);
    if (made.has_codes)
        api_a_write_recovery_codes(&w, &made.codes);
    sut_jw_obj_end(&w);
    return SUT_OK;
}

static sut_err get_passkeys(struct sut_req *r)
{
    struct sut_passkey_row *rows = NULL;
    size_t n = 0;
    TRY(api_passkey_list(r, &rows, &n));
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_arr(&w);
    for (size_t i = 0; i < n; i++)
        write_passkey(&w, &rows[i]);
    sut_jw_arr_end(&w);
    return SUT_OK;
}

static sut_err patch_passkey(struct sut_req *r)
{
    struct sut_passkey_row row = { 0 };
    const int64_t id = sut_route_param(&r->match, "id").id;
    TRY(api_passkey_rename(r, id, sut_req_text(r, "name"), &row));
    struct sut_jw w = sut_reply_json(r, 200);
    write_passkey(&w, &row);
    return SUT_OK;
}

static sut_err delete_passkey(struct sut_req *r)
{
    TRY(api_passkey_remove(r, sut_route_param(&r->match, "id").id));
    sut_reply_empty(r, 204);
    return SUT_OK;
}

/* --- signing in --- */

static sut_err post_login_begin(struct sut_req *r)
{
    sut_str json = { 0 };
    TRY(api_passkey_login_begin(r, &json));
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_raw(&w, json);
    return SUT_OK;
}

static sut_err post_login_finish(struct sut_req *r)
{
    const struct api_device device = api_a_device(r);
    struct api_account a;
    TRY(api_passkey_sign_in(r, sut_json_get(r->body, "assertion"), &device, &a));
    api_a_answer_sign_in(r, &a, "Invalid passkey");
    return SUT_OK;
}

static sut_err post_proof_begin(struct sut_req *r)
{
    sut_str json = { 0 };
    TRY(api_passkey_proof_begin(r, &json));
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_raw(&w, json);
    return SUT_OK;
}

enum {
    OWN = SUT_ROUTE_SECRET | SUT_ROUTE_UNVERIFIED_OK,
    OWN_FRESH = OWN | SUT_ROUTE_FRESH,
};

static const struct sut_route rows[] = {
    {
        .method = SUT_POST,
        .path = "/api/users/passkeys/register/begin/",
        .aliases = { "/api/auth/passkeys/register/begin/" },
        .name = "passkey_register_begin",
        .summary = "Begin to add a passkey: what navigator.credentials.create() is to be asked",
        .tag = "second factors",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = OWN_FRESH,
        .answers = api_a_passkey_begin_answers,
        .handle = post_register_begin,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/passkeys/register/finish/",
        .aliases = { "/api/auth/passkeys/register/finish/" },
        .name = "passkey_register_finish",
        .summary = "Add the passkey that it made",
        .tag = "second factors",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = OWN_FRESH,
        .body_max = BODY_MAX,
        .body = &api_a_passkey_finish_body,
        .answers = api_a_passkey_finish_answers,
        .handle = post_register_finish,
    },
    {
        .method = SUT_GET,
        .path = "/api/users/passkeys/",
        .aliases = { "/api/auth/passkeys/" },
        .name = "passkeys",
        .summary = "One's passkeys, the oldest first",
        .tag = "second factors",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_READ,
        .flags = OWN,
        .answers = api_a_passkey_list_answers,
        .handle = get_passkeys,
    },
    {
        .method = SUT_PATCH,
        .path = "/api/users/passkeys/{id}/",
        .aliases = { "/api/auth/passkeys/{id}/" },
        .name = "passkey_rename",
        .summary = "Give a passkey another name",
        .tag = "second factors",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = OWN_FRESH,
        .body = &api_a_passkey_rename_body,
        .answers = api_a_passkey_rename_answers,
        .handle = patch_passkey,
    },
    {
        .method = SUT_DELETE,
        .path = "/api/users/passkeys/{id}/",
        .aliases = { "/api/auth/passkeys/{id}/" },
        .name = "passkey_remove",
        .summary = "Take a passkey away",
        .tag = "second factors",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = OWN_FRESH,
        .answers = api_a_passkey_remove_answers,
        .handle = delete_passkey,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/passkeys/login/begin/",
        .aliases = { "/api/auth/passkeys/login/begin/" },
        .name = "passkey_login_begin",
        .summary = "Begin to sign in with a passkey: what navigator.credentials.get() is to be "
                   "asked",
        .tag = "accounts",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN,
        .answers = api_a_passkey_ask_answers,
        .handle = post_login_begin,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/passkeys/login/finish/",
        .aliases = { "/api/auth/passkeys/login/finish/" },
        .name = "passkey_login_finish",
        .summary = "Sign in with a passkey",
        .tag = "accounts",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET | SUT_ROUTE_LOGIN,
        .body_max = BODY_MAX,
        .body = &api_a_passkey_login_body,
        .answers = api_a_login_answers,
        .handle = post_login_finish,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/reauthenticate/begin/",
        .aliases = { "/api/auth/reauthenticate/begin/" },
        .name = "reauthenticate_begin",
        .summary = "Begin to prove again who one is with a passkey of one's own",
        .tag = "second factors",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = OWN,
        .answers = api_a_passkey_ask_answers,
        .handle = post_proof_begin,
    },
};

const struct sut_routes api_modestwear_passkey_routes = SUT_ROUTES(rows);
