/* SPDX-License-Identifier: Apache-2.0
 *
 * openapi_browser - what the document says of browser mode: header parameters of a row, which
 * follow from its flags and answers.
 */
#ifndef SUT_API_OPS_OPENAPI_BROWSER_H
#define SUT_API_OPS_OPENAPI_BROWSER_H

#include "codec/json_out.h"
#include "guard/route.h"

/* Members of the array `parameters`. */
void api_openapi_browser_headers(struct sut_jw *w, const struct sut_route *row);

#endif
