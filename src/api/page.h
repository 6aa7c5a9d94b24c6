/* SPDX-License-Identifier: Apache-2.0
 *
 * page - the page envelope of both contracts: {count, next, previous, results}.
 *
 * Pages count from 1; a size above the maximum is the maximum; a page beyond
 * the end is 404.  Links are absolute, on the public URL, and carry the query's
 * declared keys.
 */
#ifndef SUT_API_PAGE_H
#define SUT_API_PAGE_H

#include "codec/json_out.h"
#include "guard/req.h"

enum { API_PAGE_MAX = 1000000000 /* a page that far does not exist */ };

struct api_page {
    const char *path; /* of the links; NULL: the request's */
    sut_str search;   /* a search that came by a body; empty: none */
    int64_t number;
    int64_t size;
    int64_t offset;
    int64_t count; /* of all rows: the handler fills it in */
};

/* Out of the query keys "page" and "page_size". */
struct api_page api_page_of(const struct sut_req *r, int64_t size, int64_t size_max);
/* Whether the page exists, now that the count is known; if not, the 404 is made. */
bool api_page_is_there(struct sut_req *r, const struct api_page *p);
/* Write up to the results' `[`, and from their `]` on. */
void api_page_open(struct sut_req *r, struct sut_jw *w, const struct api_page *p);
void api_page_close(struct sut_jw *w);

#endif
