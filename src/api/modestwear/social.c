/* SPDX-License-Identifier: Apache-2.0 */
#include "api/social.h"

#include "api/modestwear/account_json.h"
#include "api/modestwear/social_schema.h"
#include "api/refusal.h"
#include "api/routes.h"
#include "guard/reply.h"

/* The sentences that differ; contract A has those about tokens. */
struct words {
    sut_str off;
    sut_str bad;
    sut_str down;
    sut_str other;
};

static const struct words google = {
    .off = SUT_STR_INIT("Sign-in with Google is not set up."),
    .bad = SUT_STR_INIT("Invalid Google token"),
    .down = SUT_STR_INIT("Google can't be reached. Try again later."),
    .other = SUT_STR_INIT("This account is linked to another Google account."),
};

static const struct words facebook = {
    .off = SUT_STR_INIT("Sign-in with Facebook is not set up."),
    .bad = SUT_STR_INIT("Invalid Facebook token"),
    .down = SUT_STR_INIT("Facebook can't be reached. Try again later."),
    .other = SUT_STR_INIT("This account is linked to another Facebook account."),
};

static void refuse(struct sut_req *r, const struct api_social *s, const struct words *w)
{
    switch (s->fault) {
    case API_SOCIAL_FINE:
        break;
    case API_SOCIAL_OFF:
        sut_reply_domain(r, 501, "unavailable", w->off);
        break;
    case API_SOCIAL_TOKEN:
        sut_reply_domain(r, 400, "invalid", w->bad);
        break;
    case API_SOCIAL_NO_EMAIL:
        sut_reply_domain(r, 400, "invalid", SUT_STR("Email not provided by Facebook"));
        break;
    case API_SOCIAL_DOWN:
        sut_reply_domain(r, 502, "unavailable", w->down);
        break;
    case API_SOCIAL_OTHER:
        sut_reply_domain(r, 409, "duplicate", w->other);
        break;
    case API_SOCIAL_RIGHTS:
        sut_reply_domain(r, 403, "permission_denied",
                         SUT_STR("Verify this account's email address first."));
        break;
    }
}

static void write_user(struct sut_req *r, struct sut_jw *w, const struct sut_person_row *p)
{
    sut_jw_key(w, "user");
    sut_jw_obj(w);
    api_a_write_user_members(r, w, p);
    sut_jw_key(w, "is_verified");
    sut_jw_bool(w, p->email_verified);
    sut_jw_obj_end(w);
}

static void answer(struct sut_req *r, const struct api_social *s, enum sut_provider p,
                   const struct words *words)
{
    if (s->fault != API_SOCIAL_FINE) {
        refuse(r, s, words);
        return;
    }
    if (api_refusal_answer(r, &s->account))
        return;
    if (s->account.outcome != API_DONE) {
        sut_reply_domain(r, 403, "disabled",
                         SUT_STR("Account is disabled. Please contact support."));
        return;
    }
    struct sut_jw w = api_a_data_open(r, 200);
    write_user(r, &w, &s->account.person);
    api_a_write_tokens(&w, &s->account.pair);
    sut_jw_key(&w, "is_new_user");
    sut_jw_bool(&w, s->is_new);
    sut_jw_key(&w, "provider");
    sut_jw_z(&w, api_social_word(p));
    api_a_data_close(&w);
}

static sut_err post_google(struct sut_req *r)
{
    const struct api_device device = api_a_device(r);
    struct api_social s;
    TRY(api_social_google(r, sut_req_text(r, "token"), sut_req_text(r, "nonce"), &device, &s));
    answer(r, &s, SUT_PROVIDER_GOOGLE, &google);
    return SUT_OK;
}

static sut_err post_facebook(struct sut_req *r)
{
    const struct api_device device = api_a_device(r);
    struct api_social s;
    TRY(api_social_facebook(r, sut_req_text(r, "token"), &device, &s));
    answer(r, &s, SUT_PROVIDER_FACEBOOK, &facebook);
    return SUT_OK;
}

static const struct sut_route rows[] = {
    {
        .method = SUT_POST,
        .path = "/api/users/social/google/",
        .aliases = { "/api/auth/social/google/" },
        .name = "social_google",
        .summary = "Sign in with Google",
        .tag = "accounts",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET | SUT_ROUTE_LOGIN,
        .body = &api_a_google_body,
        .answers = api_a_social_answers,
        .handle = post_google,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/social/facebook/",
        .aliases = { "/api/auth/social/facebook/" },
        .name = "social_facebook",
        .summary = "Sign in with Facebook",
        .tag = "accounts",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET | SUT_ROUTE_LOGIN,
        .body = &api_a_facebook_body,
        .answers = api_a_social_answers,
        .handle = post_facebook,
    },
};

const struct sut_routes api_modestwear_social_routes = SUT_ROUTES(rows);
