/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/browser.h"

#include "guard/cookie.h"
#include "guard/step_int.h"

bool sut_req_is_browser(const struct sut_req *r)
{
    const struct sut_http_request *q = r->x->req;
    const bool asks = q->known_n[SUT_H_X_SUTLER_CLIENT] == 1 &&
                      sut_str_is(q->known[SUT_H_X_SUTLER_CLIENT], "browser");
    return asks || r->refresh.came.n > 0;
}

sut_str sut_req_refresh_token(const struct sut_req *r)
{
    /* By contract A's name, or by the deployed front end's and contract B's. */
    const sut_str named = sut_req_text(r, "refresh_token");
    const sut_str token = named.n > 0 ? named : sut_req_text(r, "refresh");
    return token.n > 0 ? token : r->refresh.came;
}

void sut_req_give_refresh(struct sut_req *r, sut_str token, int64_t life_s)
{
    r->refresh.given = token;
    r->refresh.life_s = life_s;
}

void sut_req_drop_refresh(struct sut_req *r)
{
    r->refresh.is_dropped = true;
}

void sut_guard__keep_refresh(struct sut_req *r)
{
    if (r->refresh.given.n > 0 && r->refresh.life_s > 0 && r->x->res.status < 400)
        sut_ignore(sut_reply_cookie(r, SUT_COOKIE_REFRESH, r->refresh.given, r->refresh.life_s),
                   "without memory the sign-in lasts as long as its access token");
    else if (r->refresh.is_dropped)
        sut_ignore(sut_reply_cookie(r, SUT_COOKIE_REFRESH, SUT_STR(""), 0),
                   "what it names is not good any more");
}
