/* SPDX-License-Identifier: Apache-2.0
 *
 * headers - the fields that every answer carries, rendered once at start; and CORS.
 *
 * Controls C9, D2, D3.  Immutable after create; any thread.
 */
#ifndef SUT_GUARD_HEADERS_H
#define SUT_GUARD_HEADERS_H

#include "base/err.h"
#include "guard/req.h"

struct sut_headers;

SUT_ERR sut_headers_create(const struct sut_config *config, struct sut_headers **ret);
void sut_headers_free(struct sut_headers **h);

/* Set the response's fixed fields, its request id and what CORS grants; last, on every answer. */
void sut_headers_apply(const struct sut_headers *h, struct sut_req *r);
/* Whether this origin is in the list, to the letter. */
bool sut_headers_origin_ok(const struct sut_headers *h, sut_str origin);
/* The answer to a preflight. */
void sut_headers_preflight(const struct sut_headers *h, struct sut_req *r);

#endif
