/* SPDX-License-Identifier: Apache-2.0
 *
 * cookie - the three cookies of the shop, under their names: in, and out.
 *
 * __Host-sutler_refresh, __Host-sutler_device, __Host-sutler_cart: Secure, HttpOnly, Path=/.
 * On plain HTTP, which is answered on loopback in development alone, the names
 * lose __Host- and Secure, and SameSite=None, which needs Secure, becomes Lax.
 */
#ifndef SUT_GUARD_COOKIE_H
#define SUT_GUARD_COOKIE_H

#include "guard/req.h"

enum sut_cookie_name { SUT_COOKIE_REFRESH, SUT_COOKIE_DEVICE, SUT_COOKIE_CART };

enum sut_cookie_state {
    SUT_COOKIE_ABSENT,
    SUT_COOKIE_CAME,
    SUT_COOKIE_DOUBTFUL, /* it came twice, or the Cookie field did: which is ours can't be told */
};
/* What came. */
enum sut_cookie_state sut_req_cookie_look(struct sut_req *r, enum sut_cookie_name name,
                                          sut_str *ret);
/* The same; {NULL,0} when it did not come, or is doubtful. */
sut_str sut_req_cookie(struct sut_req *r, enum sut_cookie_name name);
/* Set it on the reply that is made (after it was begun); life 0 takes it away. */
SUT_ERR sut_reply_cookie(struct sut_req *r, enum sut_cookie_name name, sut_str value,
                         int64_t life_s);

#endif
