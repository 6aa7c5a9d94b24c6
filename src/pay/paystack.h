/* SPDX-License-Identifier: Apache-2.0
 *
 * paystack - what Paystack is asked, as JSON, and what it answers.
 *
 * An answer is {"status":true,"message":…,"data":{…}}; the members that matter are read, one that
 * misses them or has them of another type is PARSE.  Amounts are in hundredths in every
 * currency that it takes.  Pure functions.  Source: Paystack's API reference.
 */
#ifndef SUT_PAY_PAYSTACK_H
#define SUT_PAY_PAYSTACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "codec/json.h"

enum { SUT_PAYSTACK_REFERENCE = 64 };

/* Our name of a transaction: unique for the account, so it holds the row's time as well. */
sut_str sut_paystack_reference(int64_t payment, sut_ms made, char to[SUT_PAYSTACK_REFERENCE]);

struct sut_paystack_asked {
    int64_t order;
    int64_t payment;
    int64_t cents;
    sut_str currency; /* any case */
    sut_str email;
    sut_str reference;
    sut_str callback_url;
};
/* POST /transaction/initialize */
void sut_paystack_put_transaction(struct sut_buf *json, const struct sut_paystack_asked *a);
/* POST /refund: all of it. */
void sut_paystack_put_refund(struct sut_buf *json, sut_str reference);

/* A transaction or a refund; what it does not have is empty or 0. */
struct sut_paystack_object {
    sut_str status;    /* "success", "failed", "abandoned", "reversed"; "pending", "processed" */
    sut_str reference; /* of the transaction */
    sut_str url;       /* authorization_url */
    int64_t id;
    int64_t amount;
    sut_str currency; /* upper case */
    int64_t order;    /* of its metadata; 0: none, it is not ours */
    int64_t payment;
};
/* Of the member `data`; slices of it. */
SUT_ERR sut_paystack_read(const struct sut_json *data, struct sut_paystack_object *ret);
/* Of an answer's text; DENIED when its status is false. */
SUT_ERR sut_paystack_parse(struct sut_arena *a, sut_str text, struct sut_paystack_object *ret);
/* The newest of a list of refunds; NOT_FOUND: there is none. */
SUT_ERR sut_paystack_parse_first(struct sut_arena *a, sut_str text,
                                 struct sut_paystack_object *ret);

#endif
