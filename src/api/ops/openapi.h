/* SPDX-License-Identifier: Apache-2.0
 *
 * openapi - the OpenAPI 3.1 document, made of the rows' own tables.
 *
 * What a body schema checks is what the document says, since both are one table.
 */
#ifndef SUT_API_OPS_OPENAPI_H
#define SUT_API_OPS_OPENAPI_H

#include "base/buf.h"
#include "guard/route.h"

/* Write the document; `server_url` is the public URL.  Errors are the buffer's and the arena's. */
SUT_ERR api_openapi_write(struct sut_arena *a, struct sut_buf *out,
                          const struct sut_routes *const *tables, size_t n, const char *server_url);

#endif
