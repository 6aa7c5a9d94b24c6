/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/guard.h"

#include "base/diag.h"
#include "base/mem.h"
#include "config/config.h"
#include "guard/headers.h"
#include "guard/reply.h"
#include "guard/step_int.h"
#include "log/log.h"
#include "store/store.h"

/* What a loop thread keeps for its requests. */
struct loop_ctx {
    struct sut_store_seat *seat; /* embedded store alone; NULL otherwise */
};

const char *sut_policy_name(enum sut_policy p)
{
    static const char *const names[] = {
        [SUT_POLICY_UNSET] = "unset",
        [SUT_POLICY_ANYONE] = "anyone",
        [SUT_POLICY_USER] = "user",
        [SUT_POLICY_STAFF] = "staff",
        [SUT_POLICY_SUPERUSER] = "superuser",
        [SUT_POLICY_MANAGERS] = "managers",
        [SUT_POLICY_MANAGERS_OR_STAFF] = "managers/staff",
    };
    return names[p];
}

const char *sut_place_name(enum sut_place p)
{
    static const char *const names[] = {
        [SUT_PLACE_UNSET] = "unset",
        [SUT_PLACE_MEMORY] = "memory",
        [SUT_PLACE_READ] = "read",
        [SUT_PLACE_POOL] = "pool",
    };
    return names[p];
}

enum sut_contract sut_contract_of(sut_str path)
{
    return sut_str_starts(path, SUT_STR("/api/v1/")) ? SUT_CONTRACT_B : SUT_CONTRACT_A;
}

void sut_guard__event(struct sut_req *r, enum sut_event_type type)
{
    sut_event_raise(r->app->events, type, r->now,
                    &(struct sut_event_detail){
                        .route = r->route == NULL ? "-" : r->route->name,
                        .request_id = r->x->request_id,
                        .addr = r->client->text,
                        .user_id = r->auth.state == SUT_AUTH_USER ? r->auth.user_id : 0,
                    });
}

struct step {
    const char *name;
    enum sut_verdict (*run)(struct sut_req *r);
    bool may_read; /* asks the store: not on the loop thread when that is remote */
};

static const struct step steps[] = {
    { "host", sut_guard__host, false },
    { "transport", sut_guard__transport, false },
    { "cors", sut_guard__cors, false },
    { "query", sut_guard__query, false },
    { "authenticate", sut_guard__authenticate, false },
    { "limits", sut_guard__limits, false },
    { "route", sut_guard__route, false },
    { "policy", sut_guard__policy, true },
    { "body", sut_guard__body, true },
    /* After the body: a token that stands there needs no cookie. */
    { "csrf", sut_guard__csrf, true },
    { "idempotency", sut_guard__idempotency, true },
};
enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

const char *const *sut_guard_step_names(void)
{
    static const char *const names[] = { "host",         "transport", "cors",        "query",
                                         "authenticate", "limits",    "route",       "policy",
                                         "body",         "csrf",      "idempotency", NULL };
    return names;
}

static void finish(struct sut_req *r)
{
    struct sut_http_response *res = &r->x->res;
    if (res->status == 0) {
        const sut_err bug = { .at = NULL, .sys = 0, .code = SUT_E_SYSTEM };
        sut_reply_error(r, bug);
    }
    if (sut_arena_overflowed(r->arena) || res->body.overflowed) {
        sut_arena_set_limit(r->arena, sut_arena_held(r->arena) + 64 * 1024);
        /* It is the body that asks for more than a request may have. */
        if (r->step < STEPS && steps[r->step].run == sut_guard__body)
            sut_reply_refuse(r, 413, "too_large", "Request body has too many values.");
        else
            sut_reply_code(r, SUT_E_NOMEM);
    }
    sut_req_conn_end(r);
    sut_guard__settle_claim(r);
    sut_guard__keep_device(r);
    sut_guard__keep_refresh(r);
    sut_guard__keep_guest(r);
    sut_headers_apply(r->app->headers, r);
}

static void on_pool(struct sut_exchange *x);

/* What a read on the loop's thread lacks, the pool may wait for: it begins again there. */
static bool moves_to_pool(struct sut_req *r, sut_err e)
{
    if (e.code != SUT_E_STALE || r->seat == NULL)
        return false;
    sut_req_conn_end(r);
    r->seat = NULL;
    return !sut_failed(sut_exchange_offload(r->x, on_pool));
}

static void run_rest(struct sut_req *r)
{
    for (; r->step < STEPS; r->step++)
        if (steps[r->step].run(r) == SUT_ANSWERED) {
            finish(r);
            return;
        }
    const sut_err e = r->route->handle(r);
    if (moves_to_pool(r, e))
        return;
    if (sut_failed(e))
        sut_reply_error(r, e);
    finish(r);
}

static void on_pool(struct sut_exchange *x)
{
    run_rest(x->app_data);
}

static bool is_slow(const struct sut_req *r)
{
    return r->route->wants_pool != NULL && r->route->wants_pool(r);
}

static bool needs_pool(const struct sut_req *r)
{
    switch (r->route->place) {
    case SUT_PLACE_MEMORY:
        return false;
    case SUT_PLACE_READ:
        return sut_store_is_remote(r->app->store) || is_slow(r);
    case SUT_PLACE_UNSET:
    case SUT_PLACE_POOL:
        break;
    }
    return true;
}

static struct sut_req *req_create(const struct sut_app *app, struct sut_exchange *x)
{
    struct sut_req *r = ARENA_NEW(x->arena, struct sut_req);
    if (r == NULL)
        return NULL;
    r->x = x;
    r->app = app;
    r->arena = x->arena;
    r->now = x->now;
    r->contract = sut_contract_of(x->req->path);
    r->client = x->peer;
    r->is_secure = (x->listener & SUT_LISTENER_TLS) != 0;
    sut_guard__forwarded(r);
    x->app_data = r;
    return r;
}

/* Nothing is left to make an answer with: the barest one, by constants alone. */
static void answer_without_memory(struct sut_exchange *x)
{
    x->res.status = 503;
    x->res.close = true;
}

/*
 * A form with a file is long: who may not send one, or finds no place for it, hears so before
 * it is read.  The steps that are done here are not done again.
 */
static bool lets_form_in(struct sut_req *r, size_t *ret_body_max)
{
    r->now = r->x->now;
    bool is_in = true;
    for (; is_in && r->step < STEPS && !steps[r->step].may_read; r->step += is_in)
        is_in = steps[r->step].run(r) == SUT_NEXT;
    /* Who is nobody is refused without a look into the store. */
    if (is_in && r->auth.state != SUT_AUTH_USER)
        is_in = sut_guard__policy(r) == SUT_NEXT;
    if (is_in)
        is_in = sut_guard__upload_enter(r) == SUT_NEXT;
    if (!is_in)
        finish(r);
    *ret_body_max = SUT_UPLOAD_BODY_MAX;
    r->x->keeps_body_apart = true;
    return is_in;
}

static bool on_head(void *app_ptr, struct sut_exchange *x, size_t *ret_body_max)
{
    struct sut_app *app = app_ptr;
    struct sut_req *r = req_create(app, x);
    if (r == NULL) {
        answer_without_memory(x);
        return false;
    }
    r->match = sut_router_find(app->router, x->req->method, x->req->path);
    if (r->match.outcome == SUT_ROUTE_FOUND) {
        r->route = r->match.row;
        if ((r->route->flags & SUT_ROUTE_SECRET) != 0)
            sut_arena_set_flags(r->arena, SUT_ARENA_SECRET);
    }
    const size_t row_max = r->route == NULL ? 0 : r->route->body_max;
    *ret_body_max = row_max == 0 ? app->config->limits.body_bytes : row_max;
    return !sut_guard__is_form(r) || lets_form_in(r, ret_body_max);
}

static enum sut_body_word on_body(void *app_ptr, struct sut_exchange *x, size_t got)
{
    (void) app_ptr;
    return sut_guard__upload_comes(x->app_data, got);
}

static void on_request(void *app_ptr, struct sut_exchange *x)
{
    struct sut_req *r = x->app_data;
    const struct loop_ctx *ctx = x->loop_ctx;
    (void) app_ptr;
    sut_guard__upload_whole(r);
    r->now = x->now;
    r->seat = ctx == NULL ? NULL : ctx->seat;
    for (; r->step < STEPS && !steps[r->step].may_read; r->step++)
        if (steps[r->step].run(r) == SUT_ANSWERED) {
            finish(r);
            return;
        }
    if (!needs_pool(r)) {
        run_rest(r);
        return;
    }
    sut_req_conn_end(r);
    r->seat = NULL; /* it stays with the loop */
    const sut_err e =
        is_slow(r) ? sut_exchange_offload_slow(x, on_pool) : sut_exchange_offload(x, on_pool);
    if (sut_failed(e)) {
        sut_reply_error(r, e);
        finish(r);
    }
}

struct refusal {
    int status;
    const char *code;
    const char *text;
};

static void on_refused(void *app_ptr, struct sut_exchange *x, int status, const char *why)
{
    static const struct refusal rows[] = {
        { 400, "parse_error", "Malformed request." },
        { 408, "unavailable", "The request took too long." },
        { 413, "too_large", "Request body is too large." },
        { 414, "too_large", "The request line is too long." },
        { 417, "invalid", "This expectation can't be met." },
        { 431, "too_large", "The request's header fields are too large." },
        { 501, "method_not_allowed", "This method is not implemented." },
        { 505, "parse_error", "This version of HTTP is not served here." },
    };
    struct sut_req *r = x->app_data != NULL ? x->app_data : req_create(app_ptr, x);
    if (r == NULL) {
        answer_without_memory(x);
        return;
    }
    const struct refusal *row = &rows[0];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].status == status)
            row = &rows[i];
    sut_log(SUT_LOG_DEBUG, "request_refused", LOG_INT("status", status), LOG_WHY("why", why),
            LOG_ID("request_id", x->request_id));
    if (status == 400)
        sut_guard__event(r, SUT_EVENT_INPUT_SUSPICIOUS);
    if (status == 503)
        sut_reply_code(r, SUT_E_BUSY);
    else
        sut_reply_refuse(r, status, row->code, row->text);
    x->res.close = true;
    finish(r);
}

static void on_done(void *app_ptr, struct sut_exchange *x)
{
    (void) app_ptr;
    struct sut_req *r = x->app_data;
    if (!sut_log_wants(SUT_LOG_DEBUG) || r == NULL)
        return;
    sut_log(SUT_LOG_DEBUG, "request", LOG_NAME("method", sut_method_name(x->req->method)),
            LOG_NAME("route", r->route == NULL ? "-" : r->route->name),
            LOG_INT("status", x->res.status),
            LOG_INT("us", (int64_t) ((sut_monotonic_ns() - x->started_ns) / 1000)),
            LOG_INT("statements", (int64_t) r->statements), LOG_ID("request_id", x->request_id));
}

static SUT_ERR loop_start(void *app_ptr, unsigned loop, void **ret_ctx)
{
    struct sut_app *app = app_ptr;
    (void) loop;
    struct loop_ctx *ctx = sut_mem_zalloc(1, sizeof(*ctx));
    ENSURE(ctx != NULL, NOMEM);
    if (!sut_store_is_remote(app->store)) {
        const sut_err e = sut_store_seat_create(app->store, &ctx->seat);
        if (sut_failed(e)) {
            sut_mem_free(ctx);
            return e;
        }
    }
    *ret_ctx = ctx;
    return SUT_OK;
}

static void loop_stop(void *app_ptr, void *loop_ctx)
{
    struct loop_ctx *ctx = loop_ctx;
    (void) app_ptr;
    if (ctx == NULL)
        return;
    sut_store_seat_free(&ctx->seat);
    sut_mem_free(ctx);
}

struct sut_service sut_guard_service(struct sut_app *app)
{
    return (struct sut_service){
        .app = app,
        .loop_start = loop_start,
        .loop_stop = loop_stop,
        .on_head = on_head,
        .on_body = on_body,
        .on_request = on_request,
        .on_refused = on_refused,
        .on_done = on_done,
    };
}

static const char *row_fault(const struct sut_route *row)
{
    if (row->policy == SUT_POLICY_UNSET)
        return "has no policy";
    if (row->place == SUT_PLACE_UNSET)
        return "has no place to run";
    if (row->handle == NULL || row->answers == NULL || row->name == NULL || row->path == NULL)
        return "lacks a name, a path, an answer or a handler";
    if ((row->flags & SUT_ROUTE_NO_TOKEN) != 0 && row->policy != SUT_POLICY_ANYONE)
        return "looks at no token and yet wants a person";
    if ((row->flags & SUT_ROUTE_FRESH) != 0 && row->policy == SUT_POLICY_ANYONE)
        return "wants a fresh proof of nobody";
    if ((row->flags & SUT_ROUTE_CREATES) != 0 && row->place != SUT_PLACE_POOL)
        return "creates something and does not run on the pool";
    if ((row->flags & SUT_ROUTE_CREATES) != 0 &&
        (row->flags & (SUT_ROUTE_SECRET | SUT_ROUTE_COOKIE_REFRESH)) != 0)
        return "would keep answers that hold secrets";
    if (row->upload != NULL && (row->policy == SUT_POLICY_ANYONE || row->place != SUT_PLACE_POOL))
        return "takes files of anyone, or not on the pool";
    unsigned keys = 0;
    while (row->query != NULL && row->query[keys].name != NULL)
        keys++;
    return keys > SUT_QUERY_MAX ? "has too many query keys" : NULL;
}

SUT_ERR sut_guard_check_routes(const struct sut_routes *const *tables, size_t n,
                               struct sut_diag *reterr_diag)
{
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            const struct sut_route *row = &tables[t]->rows[i];
            const char *fault = row_fault(row);
            if (fault == NULL)
                continue;
            sut_diag_set(reterr_diag, "the route %s %s %s", sut_method_name(row->method),
                         row->path == NULL ? "?" : row->path, fault);
            FAIL(INVALID);
        }
    return SUT_OK;
}
