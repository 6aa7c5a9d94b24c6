/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/idempotency.h"

#include <string.h>

#include "codec/multipart.h"
#include "guard/cookie.h"
#include "guard/guest.h"
#include "guard/reply.h"
#include "guard/step_int.h"
#include "log/log.h"
#include "store/cart.h"
#include "store/idempotency.h"
#include "store/store.h"

_Static_assert(sizeof(((struct sut_claim *) 0)->name) == SUT_IDEMPOTENCY_DIGEST, "one digest");

static sut_str name_of(const struct sut_req *r)
{
    return sut_str_of((const char *) r->claim.name, sizeof(r->claim.name));
}

static sut_str request_of(const struct sut_req *r)
{
    return sut_str_of((const char *) r->claim.request, sizeof(r->claim.request));
}

static int64_t person_of(const struct sut_req *r)
{
    return r->auth.state == SUT_AUTH_USER ? r->auth.user_id : 0;
}

bool sut_req_is_idempotent(const struct sut_req *r)
{
    return r->claim.counts;
}

bool sut_req_claim_lost(const struct sut_req *r)
{
    return r->claim.is_lost;
}

int64_t sut_req_claim_resource(const struct sut_req *r)
{
    return r->claim.is_resumed ? r->claim.resource : 0;
}

/* --- in the handler's job --- */

SUT_ERR sut_req_claim(struct sut_req *r, struct sut_db_conn *c)
{
    struct sut_claim *k = &r->claim;
    if (!k->counts)
        return SUT_OK;
    k->is_lost = false;
    const struct sut_idempotency_new n = {
        .name = name_of(r),
        .request = request_of(r),
        .person = person_of(r),
        .turn = k->turn,
    };
    const sut_err e = sut_idempotency_claim(c, &n, r->now);
    k->is_made = true;
    k->is_lost = e.code == SUT_E_EXISTS;
    return e;
}

SUT_ERR sut_req_claim_made(struct sut_req *r, struct sut_db_conn *c, int64_t resource)
{
    if (!r->claim.counts)
        return SUT_OK;
    return sut_idempotency_made(c, name_of(r), r->claim.turn, resource);
}

/* --- the step --- */

static bool is_key(sut_str key)
{
    if (key.n == 0 || key.n > SUT_IDEMPOTENCY_KEY_MAX)
        return false;
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] < '!' || key.p[i] > '~')
            return false;
    return true;
}

/* Lengths stand before parts, so that no two lists of parts look alike. */
static void add_part(struct sut_buf *b, sut_str part)
{
    sut_buf_u64(b, part.n);
    sut_buf_char(b, ':');
    sut_buf_str_add(b, part);
}

/* A form is what its parts say: who sends it again has another boundary between them. */
static SUT_ERR add_form(struct sut_req *r, struct sut_buf *b)
{
    const struct sut_http_request *q = r->x->req;
    unsigned char digest[SUT_IDEMPOTENCY_DIGEST];
    struct sut_multipart m;
    sut_str boundary = { 0 };
    TRY(sut_multipart_boundary(q->known[SUT_H_CONTENT_TYPE], &boundary));
    TRY(sut_multipart_parse(boundary, q->body, &m));
    for (size_t i = 0; i < m.n; i++) {
        const struct sut_part *p = &m.parts[i];
        sut_idempotency_name(p->bytes, digest);
        sut_buf_lit(b, "form ");
        sut_buf_u64(b, p->is_file);
        add_part(b, p->name);
        add_part(b, p->filename);
        add_part(b, sut_str_of((const char *) digest, sizeof(digest)));
    }
    return SUT_OK;
}

/*
 * The digests.  The content type is no part of them: the step body took it already, and a
 * parameter of it changes nothing.
 */
static SUT_ERR make_digests(struct sut_req *r, sut_str key)
{
    unsigned char guest[SUT_IDEMPOTENCY_DIGEST];
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, 4096);
    if (r->auth.state == SUT_AUTH_USER) {
        sut_buf_lit(&b, "user ");
        sut_buf_i64(&b, r->auth.user_id);
    } else {
        sut_idempotency_name(sut_req_cookie(r, SUT_COOKIE_CART), guest);
        sut_buf_lit(&b, "guest ");
        sut_buf_str_add(&b, sut_str_of((const char *) guest, sizeof(guest)));
    }
    add_part(&b, sut_str_from(sut_method_name(r->route->method)));
    add_part(&b, sut_str_from(r->route->name));
    add_part(&b, key);
    TRY(sut_buf_check(&b));
    sut_idempotency_name(sut_buf_str(&b), r->claim.name);

    struct sut_buf path;
    sut_buf_init_arena(&path, r->arena, 16 * 1024);
    for (size_t i = 0; i < r->match.n_params; i++)
        add_part(&path, r->match.params[i].text);
    sut_buf_char(&path, '\n');
    const bool is_form = sut_guard__is_form(r);
    if (is_form)
        TRY(add_form(r, &path));
    TRY(sut_buf_check(&path));
    sut_idempotency_request(sut_buf_str(&b), sut_buf_str(&path),
                            is_form ? SUT_STR("") : r->x->req->body, r->claim.request);
    return SUT_OK;
}

static void reply_running(struct sut_req *r)
{
    sut_reply_refuse(r, 409, "duplicate", "The first request with this key is not done yet.");
    sut_response_header(&r->x->res, SUT_STR("Retry-After"), SUT_STR("1"));
}

static void reply_done_before(struct sut_req *r)
{
    sut_reply_refuse(r, 409, "duplicate",
                     "The request with this key was carried out; its answer is not kept.");
}

/* "type\nlocation\nbody" */
static void replay(struct sut_req *r, const struct sut_idempotency_row *row)
{
    struct sut_http_response *res = &r->x->res;
    const size_t type_end = sut_str_find(row->answer, 0, '\n');
    const size_t place_end = sut_str_find(row->answer, type_end + 1, '\n');
    const sut_str type = sut_str_sub(row->answer, 0, type_end);
    const sut_str place = sut_str_sub(row->answer, type_end + 1, place_end);
    sut_reply_empty(r, row->status);
    if (type.n > 0)
        sut_response_header(res, SUT_STR("Content-Type"), type);
    if (place.n > 0)
        sut_response_header(res, SUT_STR("Location"), place);
    sut_response_header(res, SUT_STR("Idempotency-Replayed"), SUT_STR("true"));
    sut_buf_str_add(&res->body, sut_str_sub(row->answer, place_end + 1, row->answer.n));
}

/* Whether nobody works on a claim any more. */
static bool is_abandoned(const struct sut_req *r, const struct sut_idempotency_row *row)
{
    const int64_t age_ms = r->now.v - row->claimed_at.v;
    if (age_ms >= SUT_IDEMPOTENCY_LEASE_S * INT64_C(1000))
        return true;
    /* The embedded store is one program's: what claimed it before this one came is gone. */
    return !sut_store_is_remote(r->app->store) && row->claimed_at.v < r->app->started_at.v;
}

struct resuming {
    sut_str name;
    int64_t old_turn;
    int64_t new_turn;
    sut_ms now;
};

static SUT_ERR resume_job(struct sut_db_conn *c, void *arg)
{
    const struct resuming *a = arg;
    return sut_idempotency_resume(c, a->name, a->old_turn, a->new_turn, a->now);
}

static enum sut_verdict resume(struct sut_req *r, const struct sut_idempotency_row *row)
{
    if (row->resource == 0) {
        reply_done_before(r);
        return SUT_ANSWERED;
    }
    struct resuming a = {
        .name = name_of(r), .old_turn = row->turn, .new_turn = r->claim.turn, .now = r->now
    };
    sut_req_conn_end(r);
    const sut_err e = sut_store_write(r->app->store, resume_job, &a);
    if (e.code == SUT_E_NOT_FOUND) {
        reply_running(r);
        return SUT_ANSWERED;
    }
    if (sut_failed(e)) {
        sut_reply_error(r, e);
        return SUT_ANSWERED;
    }
    r->claim.is_made = true;
    r->claim.is_resumed = true;
    r->claim.resource = row->resource;
    return SUT_NEXT;
}

/* The answer to who comes with a key that stands; NEXT: nobody answers it but who asks now. */
static enum sut_verdict answer_of(struct sut_req *r, const struct sut_idempotency_row *row,
                                  bool may_resume)
{
    if (!sut_str_eq(row->request, request_of(r)))
        sut_reply_refuse(r, 422, "invalid", "This key was used with another request.");
    else if (row->status != 0 && row->answer.p == NULL)
        reply_done_before(r);
    else if (row->status != 0)
        replay(r, row);
    else if (may_resume && is_abandoned(r, row))
        return resume(r, row);
    else
        reply_running(r);
    return SUT_ANSWERED;
}

static SUT_ERR find(struct sut_req *r, struct sut_idempotency_row *ret)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_req_conn(r, &c));
    return sut_idempotency_find(c, r->arena, name_of(r), r->now, ret);
}

/*
 * Whether it can be told whose the key is: a person's, or a guest's whose cart stands.  To a cookie
 * without a cart the answer gives another, which a kept answer would not.
 */
static SUT_ERR has_owner(struct sut_req *r, bool *ret)
{
    struct sut_db_conn *c = NULL;
    struct sut_guest g;
    int64_t cart = 0;
    *ret = r->auth.state == SUT_AUTH_USER;
    if (*ret || (r->route->flags & SUT_ROUTE_COOKIE_CART) == 0 || !sut_req_guest(r, &g))
        return SUT_OK;
    TRY(sut_req_conn(r, &c));
    TRY(sut_cart_find(c, &(struct sut_cart_owner){ .guest = sut_guest_digest(&g) }, &cart));
    *ret = cart != 0;
    return SUT_OK;
}

/* H5 */
enum sut_verdict sut_guard__idempotency(struct sut_req *r)
{
    const struct sut_http_request *q = r->x->req;
    struct sut_idempotency_row row;
    bool is_owned = false;
    if ((r->route->flags & SUT_ROUTE_CREATES) == 0 || q->known_n[SUT_H_IDEMPOTENCY_KEY] == 0)
        return SUT_NEXT;
    const sut_str key = q->known[SUT_H_IDEMPOTENCY_KEY];
    if (q->known_n[SUT_H_IDEMPOTENCY_KEY] > 1 || !is_key(key)) {
        sut_reply_refuse(r, 400, "invalid",
                         "Idempotency-Key must be 1 to 255 visible ASCII characters, sent once.");
        return SUT_ANSWERED;
    }
    sut_err e = has_owner(r, &is_owned);
    if (!sut_failed(e) && !is_owned)
        return SUT_NEXT;
    if (!sut_failed(e))
        e = make_digests(r, key);
    if (!sut_failed(e))
        e = sut_random_id(r->app->random, &r->claim.turn);
    if (!sut_failed(e))
        e = find(r, &row);
    if (!sut_failed(e)) {
        r->claim.counts = true;
        return answer_of(r, &row, true);
    }
    if (e.code != SUT_E_NOT_FOUND) {
        sut_reply_error(r, e);
        return SUT_ANSWERED;
    }
    r->claim.counts = true;
    return SUT_NEXT;
}

/* --- afterwards --- */

static sut_str field_of(const struct sut_http_response *res, const char *name)
{
    for (size_t i = 0; i < res->n_headers; i++)
        if (sut_str_is(res->headers[i].name, name))
            return res->headers[i].value;
    return SUT_STR("");
}

struct answering {
    sut_str name;
    int64_t turn;
    int64_t person;
    int status;
    sut_str answer;
    sut_ms now;
};

static SUT_ERR answer_job(struct sut_db_conn *c, void *arg)
{
    const struct answering *a = arg;
    return sut_idempotency_answer(c, a->name, a->turn, a->person, a->status, a->answer, a->now);
}

static SUT_ERR give_up_job(struct sut_db_conn *c, void *arg)
{
    const struct answering *a = arg;
    return sut_idempotency_give_up(c, a->name, a->turn);
}

static SUT_ERR keep_answer(struct sut_req *r, struct answering *a)
{
    const struct sut_http_response *res = &r->x->res;
    const sut_str body = res->shared != NULL ? sut_bytes_str(res->shared) : sut_buf_str(&res->body);
    DEFER(sut_buf_done) struct sut_buf b = { .p = NULL };
    sut_buf_init(&b, SUT_IDEMPOTENCY_ANSWER_MAX);
    sut_buf_str_add(&b, field_of(res, "Content-Type"));
    sut_buf_char(&b, '\n');
    sut_buf_str_add(&b, field_of(res, "Location"));
    sut_buf_char(&b, '\n');
    sut_buf_str_add(&b, body);
    ENSURE(!b.overflowed, TOO_LARGE);
    a->answer = sut_buf_str(&b);
    return sut_store_write(r->app->store, answer_job, a);
}

/* Another was quicker: what it has come to by now. */
static void answer_loser(struct sut_req *r)
{
    struct sut_idempotency_row row;
    const sut_err e = find(r, &row);
    if (!sut_failed(e))
        (void) answer_of(r, &row, false);
    else if (e.code == SUT_E_NOT_FOUND)
        reply_running(r);
    else
        sut_reply_error(r, e);
    sut_req_conn_end(r);
}

void sut_guard__settle_claim(struct sut_req *r)
{
    if (r->claim.is_lost) {
        answer_loser(r);
        return;
    }
    if (!r->claim.is_made)
        return;
    struct answering a = {
        .name = name_of(r),
        .turn = r->claim.turn,
        .person = person_of(r),
        .status = r->x->res.status,
        .now = r->now,
    };
    sut_err e = SUT_OK;
    if (a.status < 500)
        e = keep_answer(r, &a);
    /* What was made stands; the next try shows it. */
    if (a.status >= 500 || e.code == SUT_E_TOO_LARGE || e.code == SUT_E_CORRUPT)
        e = sut_store_write(r->app->store, give_up_job, &a);
    /* NOT_FOUND: the handler's job failed, and the claim with it. */
    if (sut_failed(e) && e.code != SUT_E_NOT_FOUND)
        sut_log(SUT_LOG_WARN, "idempotency_answer_lost", LOG_NAME("route", r->route->name),
                LOG_ID("request_id", r->x->request_id), LOG_ERR(e));
}
