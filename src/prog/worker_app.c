/* SPDX-License-Identifier: Apache-2.0 */
#include "api/fragments.h"
#include "api/ops/openapi.h"
#include "api/routes.h"
#include "audit/events.h"
#include "authn/google.h"
#include "authn/hasher.h"
#include "authn/sessions.h"
#include "counters/counters.h"
#include "crypto/hmac.h"
#include "guard/headers.h"
#include "prog/hashing.h"
#include "prog/picturing.h"
#include "prog/worker_int.h"
#include "shop/views.h"

enum { DOCUMENT_MAX = 4 * 1024 * 1024 };

static SUT_ERR make_counters(struct sut_worker *w)
{
    TRY(sut_counter_rows_open(w->config, &w->boot, &w->counter_rows, &w->app.counters));
    TRY(sut_counters_start(w->app.counters));
    w->counters_started = true;
    return SUT_OK;
}

/* It stays for the cookie's year: a device that came back would be a stranger otherwise. */
static SUT_ERR make_device_key(struct sut_worker *w)
{
    DEFER(sut_secret_free) struct sut_secret *key = NULL;
    TRY(sut_keys_current(w->boot.store, w->boot.keeper, SUT_KEY_DEVICE, &key, NULL));
    TRY(sut_secret_create(sizeof(struct sut_hmac_key), &w->device_key));
    sut_hmac_key_init(sut_secret_bytes(w->device_key), sut_secret_str(key));
    w->app.device_key = sut_secret_bytes(w->device_key);
    return SUT_OK;
}

static SUT_ERR make_openapi(struct sut_worker *w)
{
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    TRY(sut_arena_create(DOCUMENT_MAX, &a));
    struct sut_buf out;
    sut_buf_init(&out, DOCUMENT_MAX);
    /* Relative, unless the settings say where the shop is: right on each of our listeners. */
    const char *url = w->public_url[0] != '\0' ? "/" : w->config->server.public_url.p;
    sut_err e = api_openapi_write(a, &out, api_tables, api_tables_n, url);
    if (!sut_failed(e))
        e = sut_bytes_create(sut_buf_str(&out), &w->app.openapi);
    sut_buf_done(&out);
    return e;
}

/* Google's keys are fetched when somebody first signs in. */
static SUT_ERR make_providers(struct sut_worker *w)
{
    const struct sut_google_options o = {
        .client_ids = w->config->google.client_id,
        .issuers = w->config->google.issuers,
        .fetch = sut_google_fetch_keys,
        .fetch_ctx = w->app.courier,
        .steady = &sut_jwks_steady,
    };
    w->app.asking = &w->asking;
    return o.client_ids.n == 0 ? SUT_OK : sut_google_create(&o, &w->app.google);
}

/* In the order in which the parts lean on each other. */
SUT_ERR sut_worker__make_app(struct sut_worker *w, struct sut_diag *reterr_diag)
{
    const struct sut_config *c = w->config;
    TRY(sut_guard_check_routes(api_tables, api_tables_n, reterr_diag));
    w->app.config = c;
    w->app.clock = &sut_clock_system;
    w->app.started_at = sut_clock_now(w->app.clock);
    w->app.random = &sut_random_system;
    w->app.store = w->boot.store;
    w->app.keyring = w->boot.keyring;
    w->app.courier = sut_config_goes_out(c) ? sut_worker_line_courier(w->line) : NULL;
    w->app.darkroom = sut_worker_line_darkroom(w->line);
    TRY(make_providers(w));
    /* With a shop's own key its links are those of the Django shop before it. */
    w->app.links = c->security.secret_key == NULL ? w->boot.links : w->boot.keyring;
    w->app.media = w->boot.media;
    w->app.plain_loopback_ok = c->demo || c->insecure_dev;
    if (c->proxy.trusted.n == 0 && !c->insecure_dev)
        w->app.sharing = &w->sharing;
    TRY(api_router_create(&w->router));
    w->app.router = w->router;
    TRY(sut_headers_create(c, &w->headers));
    w->app.headers = w->headers;
    TRY(sut_events_create(&w->app.events));
    w->app.token_policy = (struct sut_token_policy){
        .iss = c->tokens.issuer,
        .aud = c->tokens.audience,
        .takes_foreign = c->tokens.accept_foreign,
    };
    w->app.password_policy = sut_hashing_rules(c);
    TRY(sut_hashing_start(c, c->hashing.threads == 0 ? w->cores : c->hashing.threads,
                          &sut_random_system, &w->app.hasher));
    TRY(make_counters(w));
    TRY(make_device_key(w));
    const struct sut_sessions_options so = {
        .access_life_ms = (int64_t) c->tokens.access_life_s * 1000,
        .accept_foreign = c->tokens.accept_foreign,
    };
    TRY(sut_sessions_create(&so, &w->app.sessions));
    TRY(sut_sessions_load(w->app.sessions, w->boot.store, sut_clock_now(w->app.clock)));
    TRY(sut_picturing_start(&w->app));
    struct sut_fragments_options fo = { .media = w->app.media, .public_url = c->server.public_url };
    TRY(sut_random_fill(&sut_random_system, &fo.seed, sizeof(fo.seed)));
    TRY(sut_fragments_create(&fo, &w->app.fragments));
    TRY(sut_views_create(&w->app.views));
    TRY(sut_paying_init(&w->paying, &w->app));
    return make_openapi(w);
}
