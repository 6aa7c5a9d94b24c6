/* SPDX-License-Identifier: Apache-2.0
 *
 * route - one row of the API: what it answers to, who may, what it costs, what
 * goes in and what comes out.
 *
 * Rows are static constants in api/; the router, the guard, `sutler routes` and
 * the OpenAPI document are all made of them.  A row without a policy or a place
 * does not start.
 */
#ifndef SUT_GUARD_ROUTE_H
#define SUT_GUARD_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "codec/schema.h"
#include "http/message.h"

struct sut_req;

/* Which wire a path speaks: it decides the shape of errors. */
enum sut_contract { SUT_CONTRACT_A, SUT_CONTRACT_B };
enum sut_contract sut_contract_of(sut_str path);

enum sut_policy {
    SUT_POLICY_UNSET, /* refused at start */
    SUT_POLICY_ANYONE,
    SUT_POLICY_USER,
    SUT_POLICY_STAFF,
    SUT_POLICY_SUPERUSER,
    /* In the group of that name, whatever else they are: neither staff nor superusers by that. */
    SUT_POLICY_MANAGERS,
    SUT_POLICY_MANAGERS_OR_STAFF,
};
/* Who keeps the catalogue. */
#define SUT_GROUP_MANAGERS "Product Managers"

/* As `sutler routes` prints it. */
const char *sut_policy_name(enum sut_policy p);

enum sut_place {
    SUT_PLACE_UNSET,
    SUT_PLACE_MEMORY, /* touches no store: always on the loop thread */
    SUT_PLACE_READ, /* short reads: on the loop thread over the embedded store, else on the pool */
    SUT_PLACE_POOL, /* may block: writes, hashing, outside services */
};
/* As `sutler routes` prints it. */
const char *sut_place_name(enum sut_place p);

enum sut_route_flag {
    SUT_ROUTE_UNCOUNTED = 1,         /* no rate limit: health, static files */
    SUT_ROUTE_LOGIN = 2,             /* counted by the login rate as well */
    SUT_ROUTE_REFRESH = 4,           /* counted by the refresh rate as well, by its handler */
    SUT_ROUTE_NO_TOKEN = 8,          /* a bearer token is not looked at: sign-in, refresh */
    SUT_ROUTE_SECRET = 16,           /* the arena holds secrets: wiped */
    SUT_ROUTE_CACHEABLE = 32,        /* public, with an ETag, in place of no-store */
    SUT_ROUTE_PAGE = 64,             /* HTML, CSS or script for a browser */
    SUT_ROUTE_PICTURE = 128,         /* signed media: other sites' pages show it, readers keep it */
    SUT_ROUTE_RESET = 256,           /* counted by the reset rate as well, by its handler */
    SUT_ROUTE_UNVERIFIED_OK = 512,   /* open to who must verify the address first: identity */
    SUT_ROUTE_NEEDS_VERIFIED = 1024, /* closed to them when the setting says orders: orders */
    SUT_ROUTE_FRESH = 2048,          /* who they are was proved within accounts.fresh_life */
    SUT_ROUTE_COOKIE_REFRESH = 4096, /* acts on the refresh cookie when the body has no token */
    SUT_ROUTE_COOKIE_CART = 8192,    /* acts on the guest cart's cookie when nobody is signed in */
    SUT_ROUTE_CREATES = 16384,       /* takes an Idempotency-Key: guard/idempotency.h */
    SUT_ROUTE_RAW = 32768, /* the body is taken as it came, of any type: the handler reads it */
};

/* What a value in the query must look like, before anything else is asked. */
enum sut_qtype {
    SUT_Q_TEXT,     /* <= max code points, no control characters */
    SUT_Q_SLUG,     /* letters, digits, '-', '_' */
    SUT_Q_CHOICE,   /* one of `choices`, else field error */
    SUT_Q_COVERAGE, /* one of `choices`, else contract A's own sentence */
    SUT_Q_INT,      /* 1 .. max */
    SUT_Q_PRICE,    /* decimal, two places */
    SUT_Q_PEOPLE,   /* letters, digits, space and ' - . , & @ + _ */
};

enum { SUT_QUERY_MAX = 10 };

struct sut_query_key {
    const char *name; /* NULL ends the list */
    enum sut_qtype type;
    int64_t max;
    const char *const *choices;
    const char *doc;
};

enum sut_answer_flag { SUT_ANSWER_ARRAY = 1 };

struct sut_answer {
    int status; /* 0 ends the list */
    const struct sut_schema *schema;
    unsigned flags;
    const char *type; /* NULL: application/json */
    const char *doc;
};

enum { SUT_UPLOAD_BODY_MAX = 6 * 1024 * 1024 /* of a form with a file */ };

/* A row takes multipart/form-data: texts that `body` describes, and one file. */
struct sut_route_upload {
    const char *field; /* the file's name in the form */
    bool is_required;  /* there must be one, and nothing but such a form is taken; else JSON too */
    const char *doc;
};

struct sut_route {
    enum sut_method method;
    const char *path;
    const char *aliases[2];
    const char *name; /* operationId */
    const char *summary;
    const char *tag;
    enum sut_policy policy;
    enum sut_place place;
    unsigned flags;
    size_t body_max; /* 0: the setting limits.body */
    /* Above 0: the body is an array of 1 to so many objects, each as `body` says.  Faults are
     * answered with the number of their row, from 0. */
    size_t rows_max;
    /* Bytes that a request may hold beside its body, from its body on; 0: as every other. */
    size_t memory;
    const struct sut_query_key *query;
    const struct sut_schema *body;         /* NULL: no body is read, but for `upload` */
    const struct sut_route_upload *upload; /* NULL: no file is taken.  Not on rows for anyone */
    /* Contract A's one sentence for a form with something missing; NULL: field by field. */
    const char *missing;
    const struct sut_answer *answers;
    /* Make the reply, or return why not: the table of errors then makes it. */
    sut_err (*handle)(struct sut_req *r);
    /*
     * Whether this request may keep a core busy for milliseconds (a search): it runs on the slow
     * pool, although its row says READ; or NULL.
     */
    bool (*wants_pool)(const struct sut_req *r);
};

/* The rows of one resource. */
struct sut_routes {
    const struct sut_route *rows;
    size_t n;
};

#define SUT_ROUTES(rows_)                                                                          \
    {                                                                                              \
        .rows = (rows_), .n = sizeof(rows_) / sizeof((rows_)[0])                                   \
    }

#endif
