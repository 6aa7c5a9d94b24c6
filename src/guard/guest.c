/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/guest.h"

#include <string.h>

#include "base/secret.h"
#include "codec/b64url.h"
#include "crypto/random.h"
#include "crypto/sha256.h"
#include "guard/cookie.h"
#include "guard/csrf.h"
#include "guard/step_int.h"

_Static_assert((int) SUT_GUEST_DIGEST == (int) SUT_SHA256_SIZE, "a guest is found by a SHA-256");

enum { NUMBER = 32 /* bytes of chance */ };

static void digest(struct sut_guest *g)
{
    sut_sha256(sut_str_of(g->text, sizeof(g->text)), g->digest);
}

bool sut_req_guest(struct sut_req *r, struct sut_guest *ret)
{
    const sut_str came = sut_req_cookie(r, SUT_COOKIE_CART);
    unsigned char number[NUMBER];
    size_t n = 0;
    if (came.n != SUT_GUEST_TEXT ||
        sut_failed(sut_b64url_decode(came, number, sizeof(number), &n)) || n != sizeof(number))
        return false;
    memcpy(ret->text, came.p, sizeof(ret->text));
    digest(ret);
    return true;
}

SUT_ERR sut_guest_make(const struct sut_random *random, struct sut_guest *ret)
{
    unsigned char number[NUMBER];
    struct sut_buf text = { .p = ret->text, .cap = SUT_GUEST_TEXT, .max = SUT_GUEST_TEXT };
    TRY(sut_random_fill(random, number, sizeof(number)));
    sut_b64url_encode(&text, sut_str_of((const char *) number, sizeof(number)));
    sut_wipe(number, sizeof(number));
    TRY(sut_buf_check(&text));
    digest(ret);
    return SUT_OK;
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
