/* SPDX-License-Identifier: Apache-2.0
 *
 * router - which row of the route table a method and a path mean.
 *
 * A tree of path segments.  A pattern is literal segments and parameters:
 * "/api/orders/{id}/", "/products/{category_slug}/{product_slug}/".  A
 * parameter's kind is how its name ends:
 *   id     1 .. 18 digits, no zero in front
 *   slug   letters, digits, '-', '_'; at most 255 bytes
 *   token  letters, digits, and "-_.~:="; at most 2048 bytes, not only dots
 * At each segment a literal goes before an id, an id before a slug, a slug
 * before a token.  Paths are matched as they came: none is decoded, so what
 * holds '%', "//", "." or ".." segments, ';' or '\' is not found.
 *
 * The creator owns it.  Add everything, then look up from any thread.  Rows are
 * borrowed and never looked into; patterns must outlive the router.
 */
#ifndef SUT_HTTP_ROUTER_H
#define SUT_HTTP_ROUTER_H

#include <stdint.h>

#include "http/message.h"

enum { SUT_ROUTE_PARAMS_MAX = 4, SUT_ROUTE_SEGMENTS_MAX = 12 };

struct sut_router;

struct sut_route_param {
    sut_str name; /* of the pattern: "order_id" */
    sut_str text; /* of the path */
    int64_t id;   /* when it is an id, else 0 */
};

enum sut_route_outcome {
    SUT_ROUTE_NONE,   /* 404 */
    SUT_ROUTE_FOUND,  /* row */
    SUT_ROUTE_METHOD, /* the path is there, with other methods: 405, see methods */
    SUT_ROUTE_SLASH,  /* GET or HEAD, and with a '/' at the end it would be there: 308 */
};

struct sut_route_match {
    enum sut_route_outcome outcome;
    const void *row;
    unsigned methods; /* bit per enum sut_method that the path has; HEAD beside GET, and OPTIONS */
    struct sut_route_param params[SUT_ROUTE_PARAMS_MAX];
    size_t n_params;
};

SUT_ERR sut_router_create(struct sut_router **ret);
void sut_router_free(struct sut_router **r);

/*
 * Add a row.  INVALID: the pattern is malformed, or m is no method of a route;
 * EXISTS: method and path are taken, or the parameter has another name there.
 */
SUT_ERR sut_router_add(struct sut_router *r, enum sut_method m, const char *pattern,
                       const void *row);

/* HEAD finds GET's row when it has none of its own. */
struct sut_route_match sut_router_find(const struct sut_router *r, enum sut_method m, sut_str path);

/* The parameter of this name; {NULL,0} text when the row has none. */
struct sut_route_param sut_route_param(const struct sut_route_match *m, const char *name);

/* "GET, HEAD, OPTIONS" for a set of methods. */
void sut_route_allow(struct sut_buf *b, unsigned methods);

#endif
