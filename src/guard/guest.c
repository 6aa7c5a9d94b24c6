/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/guest.h"

#include "guard/cookie.h"
#include "guard/csrf.h"
#include "guard/step_int.h"

bool sut_req_guest(struct sut_req *r, struct sut_guest *ret)
{
    return sut_guest_read(sut_req_cookie(r, SUT_COOKIE_CART), ret);
}

void sut_req_give_guest(struct sut_req *r, const struct sut_guest *g)
{
    r->guest.given = sut_str_dup(r->arena, sut_str_of(g->text, sizeof(g->text)));
    r->guest.is_dropped = false;
}

void sut_req_drop_guest(struct sut_req *r)
{
    r->guest = (struct sut_guest_cookie){ .is_dropped = true };
}

bool sut_req_joining_guest(struct sut_req *r, struct sut_guest *ret)
{
    const bool has_origin = r->x->req->known_n[SUT_H_ORIGIN] > 0;
    return (!has_origin || sut_csrf_origin_ok(r)) && sut_req_guest(r, ret);
}

void sut_guard__keep_guest(struct sut_req *r)
{
    if (r->x->res.status >= 400)
        return;
    if (r->guest.given.n > 0)
        sut_ignore(sut_reply_cookie(r, SUT_COOKIE_CART, r->guest.given, SUT_GUEST_LIFE_S),
                   "without memory the cart is lost, and the next line begins another");
    else if (r->guest.is_dropped)
        sut_ignore(sut_reply_cookie(r, SUT_COOKIE_CART, SUT_STR(""), 0),
                   "it names no cart any more");
}
