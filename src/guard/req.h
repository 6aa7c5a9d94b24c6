/* SPDX-License-Identifier: Apache-2.0
 *
 * req - a request as a handler sees it: who asks, what for, checked and parsed.
 *
 * Made by the guard in the exchange's arena; lives as long as the exchange.
 * One thread at a time, as the exchange.
 */
#ifndef SUT_GUARD_REQ_H
#define SUT_GUARD_REQ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "codec/json.h"
#include "guard/app.h"
#include "guard/route.h"
#include "guard/uploads.h"
#include "http/router.h"
#include "serve/exchange.h"

struct sut_db_conn;
struct sut_device;

/* Who asks.  Filled from the token alone; roles are read when a policy asks for them. */
enum sut_auth_state {
    SUT_AUTH_NONE, /* no credentials */
    SUT_AUTH_BAD,  /* a token that is not good: `why` */
    SUT_AUTH_USER,
};

struct sut_auth {
    enum sut_auth_state state;
    const char *why;        /* BAD: a constant sentence */
    int64_t user_id;        /* USER: the token's */
    struct sut_token token; /* USER */
};

struct sut_rate_seen {
    bool counted;
    uint64_t limit;
    uint64_t remaining;
    int64_t reset_s;
    int64_t retry_after_s;
};

/* The refresh cookie of this request and of its answer; see guard/browser.h. */
struct sut_refresh_cookie {
    sut_str came;  /* let through by the step csrf, and what this request acts on */
    sut_str given; /* a good answer sets it */
    int64_t life_s;
    bool is_dropped;
};

/* What became of this request's Idempotency-Key; see guard/idempotency.h. */
struct sut_claim {
    bool counts;     /* a key came, and there is somebody whose it is */
    bool is_made;    /* this try holds the claim, or tried to: its turn */
    bool is_lost;    /* another holds it */
    bool is_resumed; /* of an earlier try that made `resource` and did not answer */
    int64_t resource;
    int64_t turn;
    unsigned char name[32];    /* digest of scope, route and key */
    unsigned char request[32]; /* of what is asked for */
};

/* The guest's cookie that the answer sets or takes away; see guard/guest.h. */
struct sut_guest_cookie {
    sut_str given;
    bool is_dropped;
};

/* The file of a form, where the row takes one; a slice of the body. */
struct sut_req_upload {
    bool is_sent;
    sut_str bytes;
};

struct sut_req {
    struct sut_exchange *x;
    const struct sut_app *app;
    struct sut_arena *arena;
    const struct sut_addr *client; /* the peer, or who stands behind a proxy that is believed */
    bool is_secure;                /* came over TLS, here or at such a proxy */
    const struct sut_route *route; /* NULL: none matched */
    enum sut_contract contract;
    struct sut_route_match match;
    sut_str query[SUT_QUERY_MAX];     /* beside route->query; p is NULL when absent */
    int64_t query_int[SUT_QUERY_MAX]; /* INT: the number; PRICE: cents */
    const struct sut_json *body;
    struct sut_req_upload upload;
    struct sut_upload place; /* in app->uploads, as long as the body is there */
    struct sut_auth auth;
    bool is_staff;
    bool is_superuser;
    struct sut_rate_seen rate;
    sut_ms now;
    struct sut_db_conn *conn;        /* see sut_req_conn() */
    struct sut_store_seat *seat;     /* the loop's, while this runs there; NULL: a lease */
    uint64_t statements_before;      /* conn's count when it came */
    uint64_t statements;             /* what this request has asked the store */
    const struct sut_device *device; /* see guard/visitor.h; NULL: not asked for yet */
    bool sets_device;                /* the answer's cookie names it */
    struct sut_refresh_cookie refresh;
    struct sut_guest_cookie guest;
    struct sut_claim claim;
    unsigned retry_after_s; /* BUSY: what the busy part asks for; 0: a second */
    unsigned step;          /* the guard's next step */
};

/*
 * A connection to read from: the loop's own, or a lease that ends with the
 * handler.  UNAVAILABLE when the store is gone.
 */
SUT_ERR sut_req_conn(struct sut_req *r, struct sut_db_conn **ret);
/*
 * Give it back.  Leases are few: a handler does this before it waits for a hash
 * or a write, so that logins can't starve reads.
 */
void sut_req_conn_end(struct sut_req *r);

/*
 * Whether staff asks, on a row whose policy does not say so (its owner or staff).  A session of
 * theirs without the second factor that accounts.staff_factor wants counts as a buyer's.
 */
SUT_ERR sut_req_staff(struct sut_req *r, bool *ret);

/* Value of a declared query key: {NULL,0} when absent. */
sut_str sut_req_query(const struct sut_req *r, const char *name);
/* The number of an INT or PRICE key; `absent` when it was not sent. */
int64_t sut_req_query_int(const struct sut_req *r, const char *name, int64_t absent);
/* A text member of the body, trimmed as the schema does; {NULL,0} when absent or null. */
sut_str sut_req_text(const struct sut_req *r, const char *name);
/* Whether the member was sent at all. */
bool sut_req_has(const struct sut_req *r, const char *name);

#endif
