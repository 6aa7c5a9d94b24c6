/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/guard.h"

#include "audit/events.h"
#include "authn/jwt.h"
#include "authn/sessions.h"
#include "base/diag.h"
#include "base/mem.h"
#include "codec/url.h"
#include "codec/utf8.h"
#include "config/config.h"
#include "counters/counters.h"
#include "guard/headers.h"
#include "guard/reply.h"
#include "log/log.h"
#include "store/person.h"
#include "store/store.h"

/* What a loop thread keeps for its requests. */
struct loop_ctx {
    struct sut_db_conn *reader; /* embedded store alone; NULL otherwise */
};

enum verdict { NEXT, ANSWERED };

const char *sut_policy_name(enum sut_policy p)
{
    static const char *const names[] = {
        [SUT_POLICY_UNSET] = "unset",         [SUT_POLICY_ANYONE] = "anyone",
        [SUT_POLICY_USER] = "user",           [SUT_POLICY_STAFF] = "staff",
        [SUT_POLICY_SUPERUSER] = "superuser",
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

static void event(struct sut_req *r, enum sut_event_type type)
{
    sut_event_raise(r->app->events, type, r->now,
                    &(struct sut_event_detail){
                        .route = r->route == NULL ? "-" : r->route->name,
                        .request_id = r->x->request_id,
                        .addr = r->x->peer->text,
                        .user_id = r->auth.state == SUT_AUTH_USER ? r->auth.user_id : 0,
                    });
}

/* D2: plain HTTP never serves data, save on loopback in development. */
static enum verdict step_transport(struct sut_req *r)
{
    const unsigned l = r->x->listener;
    if ((l & SUT_LISTENER_TLS) != 0)
        return NEXT;
    if ((l & SUT_LISTENER_LOOPBACK) != 0 && r->app->plain_loopback_ok)
        return NEXT;

    const struct sut_config *c = r->app->config;
    const bool is_read = r->x->req->method == SUT_GET || r->x->req->method == SUT_HEAD;
    const bool is_api = sut_str_starts(r->x->req->path, SUT_STR("/api/"));
    const bool may_redirect = is_read && !(c->http.plain == SUT_PLAIN_PAGES && is_api) &&
                              sut_str_starts(c->server.public_url, SUT_STR("https://"));
    if (!may_redirect) {
        sut_reply_refuse(r, 403, "permission_denied", "HTTPS is required.");
        return ANSWERED;
    }
    struct sut_buf to;
    sut_buf_init_arena(&to, r->arena, 16 * 1024);
    sut_buf_str_add(&to, c->server.public_url);
    sut_buf_str_add(&to, r->x->req->path);
    if (r->x->req->query.p != NULL) {
        sut_buf_char(&to, '?');
        sut_buf_str_add(&to, r->x->req->query);
    }
    sut_reply_empty(r, 308);
    sut_response_header(&r->x->res, SUT_STR("Location"), sut_buf_str(&to));
    return ANSWERED;
}

/* Host without its port; brackets stay on an IPv6 address. */
static sut_str host_name(sut_str authority)
{
    size_t end = authority.n;
    for (size_t i = authority.n; i > 0; i--) {
        const char c = authority.p[i - 1];
        if (c == ']')
            break;
        if (c == ':') {
            end = i - 1;
            break;
        }
    }
    return sut_str_sub(authority, 0, end);
}

static bool host_matches(sut_str host, sut_str pattern)
{
    if (sut_str_is(pattern, "*"))
        return true;
    if (pattern.n > 1 && pattern.p[0] == '.') {
        const sut_str base = sut_str_sub(pattern, 1, pattern.n);
        if (sut_str_eq_nocase(host, base))
            return true;
        return host.n > pattern.n &&
               sut_str_eq_nocase(sut_str_sub(host, host.n - pattern.n, host.n), pattern);
    }
    return sut_str_eq_nocase(host, pattern);
}

/* D5 */
static enum verdict step_host(struct sut_req *r)
{
    static const sut_str loopback[] = {
        SUT_STR_INIT("localhost"),
        SUT_STR_INIT("127.0.0.1"),
        SUT_STR_INIT("[::1]"),
    };
    const sut_str host = host_name(r->x->req->authority);
    const struct sut_config_list *allowed = &r->app->config->hosts.allowed;
    for (size_t i = 0; i < allowed->n; i++)
        if (host_matches(host, allowed->items[i]))
            return NEXT;
    const bool loopback_ok = allowed->n == 0 || (r->app->plain_loopback_ok &&
                                                 (r->x->listener & SUT_LISTENER_LOOPBACK) != 0);
    for (size_t i = 0; loopback_ok && i < sizeof(loopback) / sizeof(loopback[0]); i++)
        if (sut_str_eq_nocase(host, loopback[i]))
            return NEXT;
    sut_reply_refuse(r, 400, "invalid", "This host is not served here.");
    return ANSWERED;
}

/* C9: a preflight ends here; what other answers grant is set by sut_headers_apply(). */
static enum verdict step_cors(struct sut_req *r)
{
    const struct sut_http_request *q = r->x->req;
    if (q->method != SUT_OPTIONS || q->known_n[SUT_H_ORIGIN] == 0 ||
        q->known_n[SUT_H_ACCESS_CONTROL_REQUEST_METHOD] == 0)
        return NEXT;
    sut_reply_empty(r, 204);
    sut_headers_preflight(r->app->headers, r);
    return ANSWERED;
}

static bool is_choice(sut_str v, const char *const *choices)
{
    for (; choices != NULL && *choices != NULL; choices++)
        if (sut_str_is(v, *choices))
            return true;
    return false;
}

static bool is_slug(sut_str v)
{
    for (size_t i = 0; i < v.n; i++) {
        const char c = sut_ascii_lower(v.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return true;
}

static bool is_plain_text(sut_str v)
{
    for (size_t i = 0; i < v.n; i++)
        if ((unsigned char) v.p[i] < 0x20 || v.p[i] == 0x7f)
            return false;
    return true;
}

/* C3: letters and digits of any script, space and ' - . , & @ + _ */
static bool is_people_search(sut_str v)
{
    size_t at = 0;
    while (at < v.n) {
        uint32_t cp = 0;
        if (!sut_utf8_next(v, &at, &cp))
            return false;
        const bool is_sign = cp < 0x80 && strchr(" '-.,&@+_", (int) cp) != NULL && cp != 0;
        if (!is_sign && !sut_utf8_is_word(cp))
            return false;
    }
    return true;
}

/* A whole number from 1; beyond `max` it is max (a page that far does not exist). */
static bool parse_count(sut_str v, int64_t max, int64_t *ret)
{
    int64_t n = 0;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return false;
        n = n > max / 10 ? max : n * 10 + (v.p[i] - '0');
    }
    *ret = n > max ? max : n;
    return v.n > 0 && n >= 1;
}

/* Hold one value against its key; an error is answered here. */
static enum verdict check_value(struct sut_req *r, const struct sut_query_key *k, unsigned i)
{
    const sut_str v = r->query[i];
    const char *fault = NULL;
    if (k->max > 0 && k->type != SUT_Q_INT && k->type != SUT_Q_PRICE &&
        sut_utf8_count(v) > (size_t) k->max)
        fault = "This value is too long.";
    switch (k->type) {
    case SUT_Q_TEXT:
        if (fault == NULL && !is_plain_text(v))
            fault = "Control characters are not allowed.";
        break;
    case SUT_Q_SLUG:
        if (fault == NULL && !is_slug(v))
            fault = "Enter a valid slug.";
        break;
    case SUT_Q_CHOICE:
        if (!is_choice(v, k->choices))
            fault = "This is not a valid choice.";
        break;
    case SUT_Q_COVERAGE:
        if (!is_choice(v, k->choices)) {
            struct sut_jw w = sut_reply_json(r, 400);
            sut_jw_obj(&w);
            sut_jw_key(&w, "error");
            sut_jw_z(&w, "Invalid coverage_level. Must be one of: full, moderate, light");
            sut_jw_obj_end(&w);
            return ANSWERED;
        }
        break;
    case SUT_Q_INT:
        if (!parse_count(v, k->max, &r->query_int[i]))
            fault = "A valid integer is required.";
        break;
    case SUT_Q_PRICE:
        if (sut_failed(sut_parse_cents(v, k->max, &r->query_int[i])))
            fault = "A valid number is required.";
        break;
    case SUT_Q_PEOPLE:
        if (fault == NULL && !is_people_search(v)) {
            event(r, SUT_EVENT_INPUT_SUSPICIOUS);
            fault = "Letters, digits, spaces and ' - . , & @ + _ are allowed here.";
        }
        break;
    }
    if (fault == NULL)
        return NEXT;
    sut_reply_fault(r, k->name, fault);
    return ANSWERED;
}

static enum verdict step_query(struct sut_req *r)
{
    if (r->route == NULL || r->route->query == NULL || r->x->req->query.n == 0)
        return NEXT;
    struct sut_pairs pairs;
    if (sut_failed(sut_url_parse_query(r->arena, r->x->req->query, SUT_QUERY_PAIRS_MAX, &pairs))) {
        sut_reply_refuse(r, 400, "parse_error", "Malformed query string.");
        return ANSWERED;
    }
    for (unsigned i = 0; r->route->query[i].name != NULL; i++) {
        const struct sut_query_key *k = &r->route->query[i];
        const struct sut_pair *p = sut_pairs_get(&pairs, k->name);
        if (p == NULL)
            continue;
        if (p->n > 1) {
            sut_reply_fault(r, k->name, "This parameter may be given only once.");
            return ANSWERED;
        }
        /* An empty filter of a form is no filter. */
        if (p->value.n == 0)
            continue;
        r->query[i] = p->value;
        if (check_value(r, k, i) == ANSWERED)
            return ANSWERED;
    }
    return NEXT;
}

/* A1, A2, A5: who the token names.  Nothing is refused here: limits are asked first. */
static enum verdict step_authenticate(struct sut_req *r)
{
    const struct sut_http_request *q = r->x->req;
    const bool is_blind = r->route != NULL && (r->route->flags & SUT_ROUTE_NO_TOKEN) != 0;
    const sut_str field = q->known[SUT_H_AUTHORIZATION];
    if (q->known_n[SUT_H_AUTHORIZATION] == 0 || is_blind)
        return NEXT;
    r->auth.state = SUT_AUTH_BAD;
    r->auth.why = "Token is invalid";
    if (q->known_n[SUT_H_AUTHORIZATION] > 1)
        return NEXT;
    const size_t blank = sut_str_find(field, 0, ' ');
    if (!sut_str_eq_nocase(sut_str_sub(field, 0, blank), SUT_STR("bearer")))
        return NEXT;
    const sut_str token = sut_str_trim(sut_str_sub(field, blank, field.n));

    struct sut_token t;
    enum sut_token_fault fault = SUT_TOKEN_MALFORMED;
    if (sut_failed(sut_token_verify(r->app->keyring, &r->app->token_policy, SUT_TOKEN_ACCESS, token,
                                    r->now, r->arena, &t, &fault))) {
        r->auth.why = sut_token_fault_text(fault);
        return NEXT;
    }
    if (sut_sessions_is_refused(r->app->sessions, &t)) {
        r->auth.why = "Token is blacklisted";
        return NEXT;
    }
    r->auth.state = SUT_AUTH_USER;
    r->auth.token = t;
    r->auth.user_id = t.user_id;
    return NEXT;
}

static void note_rate(struct sut_req *r, const struct sut_rate_result *res)
{
    r->rate = (struct sut_rate_seen){
        .counted = true,
        .limit = res->limit,
        .remaining = res->remaining,
        .reset_s = res->reset_s,
        .retry_after_s = res->retry_after_s,
    };
}

/* C6: one address for strangers (an IPv6 one by its /64), the user for the rest. */
static enum verdict step_limits(struct sut_req *r)
{
    const unsigned flags = r->route == NULL ? 0 : r->route->flags;
    if ((flags & SUT_ROUTE_UNCOUNTED) != 0)
        return NEXT;
    struct sut_rate_ask asks[2];
    unsigned n = 0;
    if (r->auth.state == SUT_AUTH_USER)
        asks[n++] = sut_rate_ask_id(SUT_RATE_USER, r->auth.user_id);
    else
        asks[n++] = sut_rate_ask_addr(SUT_RATE_ANON, r->x->peer->ip);
    if ((flags & SUT_ROUTE_LOGIN) != 0)
        asks[n++] = sut_rate_ask_addr(SUT_RATE_LOGIN, r->x->peer->ip);

    struct sut_rate_result res;
    const bool is_allowed = sut_counters_take(r->app->counters, asks, n, r->now, &res);
    if (res.limit == 0)
        return NEXT;
    note_rate(r, &res);
    if (is_allowed)
        return NEXT;
    if (res.is_first_refusal)
        event(r, SUT_EVENT_RATE_LIMITED);
    sut_reply_throttled(r);
    return ANSWERED;
}

bool sut_guard_count_refresh(struct sut_req *r, int64_t session_id)
{
    struct sut_rate_ask ask = sut_rate_ask_id(SUT_RATE_REFRESH, session_id);
    struct sut_rate_result res;
    const bool is_allowed = sut_counters_take(r->app->counters, &ask, 1, r->now, &res);
    if (res.limit != 0 && (!is_allowed || !r->rate.counted || res.remaining < r->rate.remaining))
        note_rate(r, &res);
    if (is_allowed)
        return true;
    if (res.is_first_refusal)
        event(r, SUT_EVENT_RATE_LIMITED);
    sut_reply_throttled(r);
    return false;
}

/* A path or method that no row has. */
static enum verdict step_route(struct sut_req *r)
{
    if (r->route != NULL)
        return NEXT;
    const struct sut_http_request *q = r->x->req;
    const bool is_read = q->method == SUT_GET || q->method == SUT_HEAD;
    if (r->match.outcome == SUT_ROUTE_SLASH && is_read) {
        struct sut_buf to;
        sut_buf_init_arena(&to, r->arena, 16 * 1024);
        sut_buf_str_add(&to, q->path);
        sut_buf_char(&to, '/');
        if (q->query.p != NULL) {
            sut_buf_char(&to, '?');
            sut_buf_str_add(&to, q->query);
        }
        sut_reply_empty(r, 308);
        sut_response_header(&r->x->res, SUT_STR("Location"), sut_buf_str(&to));
    } else if (r->match.outcome == SUT_ROUTE_METHOD) {
        struct sut_buf allow;
        sut_buf_init_arena(&allow, r->arena, 128);
        sut_route_allow(&allow, r->match.methods);
        if (q->method == SUT_OPTIONS) {
            sut_reply_empty(r, 204);
        } else {
            struct sut_buf b;
            sut_buf_init_arena(&b, r->arena, 256);
            sut_buf_lit(&b, "Method \"");
            sut_buf_str_add(&b, q->method_text);
            sut_buf_lit(&b, "\" not allowed.");
            sut_buf_char(&b, '\0');
            sut_reply_refuse(r, 405, "method_not_allowed",
                             b.overflowed ? "Method not allowed." : b.p);
        }
        sut_response_header(&r->x->res, SUT_STR("Allow"), sut_buf_str(&allow));
    } else {
        sut_reply_refuse(r, 404, "not_found", "Not found.");
    }
    return ANSWERED;
}

/* B1: deny unless the row's policy lets this person through. */
static enum verdict step_policy(struct sut_req *r)
{
    const enum sut_policy policy = r->route->policy;
    if (r->auth.state == SUT_AUTH_BAD) {
        sut_reply_bad_token(r, r->auth.why);
        return ANSWERED;
    }
    if (policy == SUT_POLICY_ANYONE)
        return NEXT;
    if (r->auth.state != SUT_AUTH_USER) {
        sut_reply_refuse(r, 401, "not_authenticated",
                         "Authentication credentials were not provided.");
        return ANSWERED;
    }
    if (policy == SUT_POLICY_USER)
        return NEXT;

    struct sut_db_conn *conn = NULL;
    struct sut_person_row who;
    sut_err e = sut_req_conn(r, &conn);
    if (!sut_failed(e))
        e = sut_person_by_id(conn, r->arena, r->auth.user_id, &who);
    if (sut_failed(e) && e.code != SUT_E_NOT_FOUND) {
        sut_reply_error(r, e);
        return ANSWERED;
    }
    if (!sut_failed(e) && who.is_active) {
        r->is_staff = who.is_staff;
        r->is_superuser = who.is_superuser;
    }
    const bool may =
        policy == SUT_POLICY_SUPERUSER ? r->is_superuser : r->is_staff || r->is_superuser;
    if (may)
        return NEXT;
    event(r, SUT_EVENT_PERMISSION_DENIED);
    sut_reply_refuse(r, 403, "permission_denied",
                     "You do not have permission to perform this action.");
    return ANSWERED;
}

static bool is_json_type(sut_str type)
{
    const size_t end = sut_str_find(type, 0, ';');
    if (!sut_str_eq_nocase(sut_str_trim(sut_str_sub(type, 0, end)), SUT_STR("application/json")))
        return false;
    const sut_str param = sut_str_trim(sut_str_sub(type, end + 1, type.n));
    return param.n == 0 || sut_str_eq_nocase(param, SUT_STR("charset=utf-8")) ||
           sut_str_eq_nocase(param, SUT_STR("charset=\"utf-8\""));
}

/* The one sentence that contract A has for a form with something missing. */
static bool is_missing(const struct sut_fault *f)
{
    for (; f != NULL; f = f->next)
        if (sut_str_is(f->message, "This field is required.") ||
            sut_str_is(f->message, "This field may not be blank.") ||
            sut_str_is(f->message, "This field may not be null."))
            return true;
    return false;
}

/* C1, B3 */
static enum verdict step_body(struct sut_req *r)
{
    static const struct sut_schema nothing = { .name = "Nothing" };
    const struct sut_http_request *q = r->x->req;
    const struct sut_schema *schema = r->route->body == NULL ? &nothing : r->route->body;
    const sut_str type = q->known[SUT_H_CONTENT_TYPE];
    if (r->route->body == NULL && q->body.n == 0)
        return NEXT;
    if (q->known_n[SUT_H_CONTENT_ENCODING] > 0 &&
        !sut_str_eq_nocase(q->known[SUT_H_CONTENT_ENCODING], SUT_STR("identity"))) {
        sut_reply_refuse(r, 415, "unsupported_media_type", "A compressed body is not accepted.");
        return ANSWERED;
    }
    if (q->known_n[SUT_H_CONTENT_TYPE] > 0 || q->body.n > 0) {
        if (q->known_n[SUT_H_CONTENT_TYPE] != 1 || !is_json_type(type)) {
            sut_reply_refuse(r, 415, "unsupported_media_type",
                             "Unsupported media type: application/json is expected.");
            return ANSWERED;
        }
        enum sut_json_fault fault = SUT_JSON_OK;
        const sut_err e = sut_json_parse(r->arena, q->body, &r->body, &fault);
        if (sut_failed(e) && fault == SUT_JSON_MEMORY) {
            sut_reply_error(r, e);
            return ANSWERED;
        }
        if (sut_failed(e)) {
            struct sut_buf b;
            sut_buf_init_arena(&b, r->arena, 256);
            sut_buf_printf(&b, "JSON parse error - %s", sut_json_fault_text(fault));
            sut_buf_char(&b, '\0');
            sut_reply_refuse(r, 400, "parse_error", b.overflowed ? "JSON parse error" : b.p);
            return ANSWERED;
        }
    }
    const struct sut_fault *faults = NULL;
    const sut_err e = sut_schema_check(r->arena, schema, r->body, &faults);
    if (!sut_failed(e))
        return NEXT;
    if (e.code != SUT_E_INVALID)
        sut_reply_error(r, e);
    else if (r->route->missing != NULL && is_missing(faults))
        sut_reply_domain(r, 400, "invalid", sut_str_from(r->route->missing));
    else
        sut_reply_faults(r, faults);
    return ANSWERED;
}

struct step {
    const char *name;
    enum verdict (*run)(struct sut_req *r);
    bool may_read; /* asks the store: not on the loop thread when that is remote */
};

static const struct step steps[] = {
    { "transport", step_transport, false },
    { "host", step_host, false },
    { "cors", step_cors, false },
    { "query", step_query, false },
    { "authenticate", step_authenticate, false },
    { "limits", step_limits, false },
    { "route", step_route, false },
    { "policy", step_policy, true },
    { "body", step_body, true },
};
enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

const char *const *sut_guard_step_names(void)
{
    static const char *const names[] = { "transport", "host",  "cors",   "query", "authenticate",
                                         "limits",    "route", "policy", "body",  NULL };
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
        sut_reply_refuse(r, 503, "unavailable", sut_err_info(SUT_E_NOMEM)->text);
    }
    sut_headers_apply(r->app->headers, r);
}

static void run_rest(struct sut_req *r)
{
    for (; r->step < STEPS; r->step++)
        if (steps[r->step].run(r) == ANSWERED) {
            finish(r);
            return;
        }
    const sut_err e = r->route->handle(r);
    if (sut_failed(e))
        sut_reply_error(r, e);
    finish(r);
}

static void on_pool(struct sut_exchange *x)
{
    run_rest(x->app_data);
}

static bool needs_pool(const struct sut_req *r)
{
    switch (r->route->place) {
    case SUT_PLACE_MEMORY:
        return false;
    case SUT_PLACE_READ:
        return sut_store_is_remote(r->app->store) ||
               (r->route->wants_pool != NULL && r->route->wants_pool(r));
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
    r->now = sut_clock_now(app->clock);
    r->contract = sut_contract_of(x->req->path);
    x->app_data = r;
    return r;
}

/* Nothing is left to make an answer with: the barest one, by constants alone. */
static void answer_without_memory(struct sut_exchange *x)
{
    x->res.status = 503;
    x->res.close = true;
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
    return true;
}

static void on_request(void *app_ptr, struct sut_exchange *x)
{
    struct sut_req *r = x->app_data;
    const struct loop_ctx *ctx = x->loop_ctx;
    (void) app_ptr;
    r->now = x->now;
    if (ctx != NULL && ctx->reader != NULL) {
        r->conn = ctx->reader;
        r->statements_before = sut_db_statements(r->conn);
    }
    for (; r->step < STEPS && !steps[r->step].may_read; r->step++)
        if (steps[r->step].run(r) == ANSWERED) {
            finish(r);
            return;
        }
    if (!needs_pool(r)) {
        run_rest(r);
        return;
    }
    r->conn = NULL;
    const sut_err e = sut_exchange_offload(x, on_pool);
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
        { 503, "unavailable", "The server is busy. Try again shortly." },
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
    sut_log(SUT_LOG_DEBUG, "request_refused", LOG_INT("status", status), LOG_Z("why", why),
            LOG_Z("request_id", x->request_id));
    if (status == 400)
        event(r, SUT_EVENT_INPUT_SUSPICIOUS);
    sut_reply_refuse(r, status, row->code, row->text);
    x->res.close = true;
    finish(r);
}

static void on_done(void *app_ptr, struct sut_exchange *x)
{
    (void) app_ptr;
    const struct sut_req *r = x->app_data;
    if (!sut_log_wants(SUT_LOG_DEBUG) || r == NULL)
        return;
    const uint64_t statements =
        r->conn == NULL ? 0 : sut_db_statements(r->conn) - r->statements_before;
    sut_log(SUT_LOG_DEBUG, "request", LOG_Z("method", sut_method_name(x->req->method)),
            LOG_Z("route", r->route == NULL ? "-" : r->route->name),
            LOG_INT("status", x->res.status),
            LOG_INT("us", (int64_t) ((sut_monotonic_ns() - x->started_ns) / 1000)),
            LOG_INT("statements", (int64_t) statements), LOG_Z("request_id", x->request_id));
}

static SUT_ERR loop_start(void *app_ptr, unsigned loop, void **ret_ctx)
{
    struct sut_app *app = app_ptr;
    (void) loop;
    struct loop_ctx *ctx = sut_mem_zalloc(1, sizeof(*ctx));
    ENSURE(ctx != NULL, NOMEM);
    if (!sut_store_is_remote(app->store)) {
        const sut_err e = sut_store_reader(app->store, &ctx->reader);
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
    sut_db_disconnect(&ctx->reader);
    sut_mem_free(ctx);
}

struct sut_service sut_guard_service(struct sut_app *app)
{
    return (struct sut_service){
        .app = app,
        .loop_start = loop_start,
        .loop_stop = loop_stop,
        .on_head = on_head,
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
