/* SPDX-License-Identifier: Apache-2.0
 *
 * fake - an application and an exchange without a server, for the guard's steps.
 *
 * fake_begin() makes what all requests share, fake_ask() one request.  A test
 * adds fields, runs a step or the whole service, and looks at the answer.
 */
#ifndef TESTS_UNIT_GUARD_FAKE_H
#define TESTS_UNIT_GUARD_FAKE_H

#include "config/config.h"
#include "guard/guard.h"
#include "guard/headers.h"
#include "guard/reply.h"
#include "guard/step_int.h"

struct fake {
    struct sut_config *config;
    struct sut_router *router;
    struct sut_headers *headers;
    struct sut_arena *arena;
    struct sut_addr peer;
    struct sut_app app;
    struct sut_http_request q;
    struct sut_header list[8];
    struct sut_exchange x;
    struct sut_req *r;
    size_t body_max; /* what on_head() gave */
};

/* Settings as words of the command line, ended by a NULL name. */
void fake_begin(struct fake *f, const struct sut_config_arg *args);
void fake_end(struct fake *f);
/* The rows that requests are matched against; they outlive the fake. */
void fake_routes(struct fake *f, const struct sut_route *rows, size_t n);

/* A fresh request over TLS for shop.example; what went before is forgotten. */
void fake_ask(struct fake *f, enum sut_method method, const char *target);
/* Send a field; twice the same counts twice. */
void fake_field(struct fake *f, enum sut_hname known, const char *value);
/* Send this JSON. */
void fake_json(struct fake *f, const char *body);
/* Make the request as the guard sees it, for steps that run alone; the row may be NULL. */
struct sut_req *fake_req(struct fake *f, const struct sut_route *row);
/* Run it all: on_head() and on_request(). */
void fake_run(struct fake *f);

/* The answer's body, NUL-terminated. */
const char *fake_body(struct fake *f);
/* The value of a field of the answer, or NULL. */
const char *fake_answer(struct fake *f, const char *name);

#endif
