/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls to providers of payments.  What may be called stands in ipc/calls.def and was asked when
 * the request was read: here the shop's key comes to it.
 */
#include <string.h>

#include "base/scan.h"
#include "courier/errand.h"
#include "crypto/hmac.h"

/* The answers that are read are of this version, whatever the account's own is. */
static const char stripe_version[] = "Stripe-Version: 2020-08-27";

static const struct sut_secret *key_of(const struct sut_errand_run *r)
{
    const struct sut_carrier_settings *const s = r->all->settings;
    return r->request.purpose == SUT_ERRAND_STRIPE ? s->stripe_key : s->paystack_key;
}

SUT_ERR sut_errand__call_url(struct sut_errand_run *r, sut_str *ret)
{
    const struct sut_carrier_settings *const s = r->all->settings;
    ENSURE(key_of(r) != NULL, NOT_FOUND);
    sut_buf_str_add(&r->out,
                    r->request.purpose == SUT_ERRAND_STRIPE ? s->stripe_url : s->paystack_url);
    sut_buf_str_add(&r->out, r->request.path);
    *ret = sut_buf_str(&r->out);
    return sut_buf_check(&r->out);
}

SUT_ERR sut_errand__call_options(struct sut_errand_run *r)
{
    const bool is_stripe = r->request.purpose == SUT_ERRAND_STRIPE;
    const sut_str key = sut_secret_str(key_of(r));
    ENSURE(sut_errand_is_token(key), INVALID);
    TRY(sut_errand__add_value(r, "Authorization: Bearer ", key));
    TRY(sut_errand__add_header(r, "Accept: application/json"));
    if (is_stripe)
        TRY(sut_errand__add_header(r, stripe_version));
    if (r->request.method == SUT_ERRAND_GET) {
        SUT_ERRAND_SET(r, CURLOPT_HTTPGET, 1L);
        return SUT_OK;
    }
    TRY(sut_errand__set_body(r, r->request.text));
    TRY(sut_errand__add_header(r, is_stripe ? "Content-Type: application/x-www-form-urlencoded"
                                            : "Content-Type: application/json"));
    return r->request.key.n == 0 ? SUT_OK
                                 : sut_errand__add_value(r, "Idempotency-Key: ", r->request.key);
}

SUT_ERR sut_errand__verify(struct sut_errand_run *r)
{
    unsigned char own[SUT_HMAC_SHA512_SIZE];
    unsigned char theirs[SUT_HMAC_SHA512_SIZE];
    ENSURE(key_of(r) != NULL, NOT_FOUND);
    if (sut_failed(sut_parse_hex(r->request.signature, theirs, sizeof(theirs))))
        return SUT_OK;
    TRY(sut_hmac_sha512(sut_secret_str(key_of(r)), r->request.text, own));
    r->is_theirs = sut_secret_eq(sut_str_of((const char *) own, sizeof(own)),
                                 sut_str_of((const char *) theirs, sizeof(theirs)));
    sut_wipe(own, sizeof(own));
    return SUT_OK;
}
