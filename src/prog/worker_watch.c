/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <string.h>

#include "api/fragments.h"
#include "api/orders.h"
#include "audit/events.h"
#include "authn/sessions.h"
#include "authn/signing.h"
#include "base/mem.h"
#include "codec/email.h"
#include "log/log.h"
#include "mail/postman.h"
#include "prog/worker_int.h"
#include "seal/seal.h"
#include "shop/low_stock.h"
#include "shop/order.h"
#include "shop/views.h"
#include "store/audit_row.h"
#include "store/cart.h"
#include "store/device.h"
#include "store/idempotency.h"
#include "store/link_token.h"
#include "store/outbox.h"
#include "store/session.h"
#include "store/webhook.h"

enum {
    HOLDS_EVERY = 4,              /* once a second */
    PRUNE_EVERY = 240,            /* watches: once a minute */
    VIEWS_EVERY = 8,              /* what was seen is written */
    LOW_STOCK_EVERY = 14400,      /* once an hour, */
    LOW_STOCK_FIRST = 20,         /* and soon after the start */
    LOOK_EVERY = 4,               /* at the keyring: within SUT_KEY_ANNOUNCE_MS, twice */
    KEY_IDLE_MS = 15 * 60 * 1000, /* a person's open key that nobody used for so long is wiped */
};

static void watch_catalogue(struct sut_worker *w)
{
    struct sut_db_conn *conn = NULL;
    if (sut_failed(sut_store_lease(w->boot.store, &conn)))
        return;
    sut_ignore(sut_fragments_watch_tick(w->app.fragments, conn), "the next turn asks again");
    sut_store_return(w->boot.store, &conn);
}

SUT_ERR sut_worker__reload_keys(void *ctx)
{
    struct sut_worker *const w = ctx;
    TRY(sut_store_reload_keys(w->boot.store));
    TRY(sut_keyring_reload(w->boot.keyring));
    TRY(sut_keyring_reload(w->boot.links));
    TRY(sut_keyring_reload(w->boot.media));
    return sut_pseudonyms_load(w->boot.pseudonyms, w->boot.store, w->boot.keeper);
}

/* Another server may have rotated a key. */
static void watch_keyring(struct sut_worker *w)
{
    static const char later[] = "the keys of before still hold, and the next look asks again";
    unsigned char seen[SUT_KEYS_STAMP];
    const sut_err e = sut_keys_stamp(w->boot.store, seen);
    if (sut_failed(e) || memcmp(seen, w->keyring_seen, sizeof(seen)) == 0) {
        sut_ignore(e, later);
        return;
    }
    const sut_err loaded = sut_worker__reload_keys(w);
    if (sut_failed(loaded))
        sut_ignore(loaded, later);
    else
        memcpy(w->keyring_seen, seen, sizeof(seen));
}

/* Keys that signed only what has expired. */
static void forget_expired(struct sut_worker *w, sut_ms now)
{
    const struct sut_config *const c = w->config;
    const int64_t life_s = c->tokens.refresh_life_s > c->tokens.access_life_s
                               ? c->tokens.refresh_life_s
                               : c->tokens.access_life_s;
    /* Another server may have signed with the older key for a moment still. */
    const int64_t late_s = sut_store_is_remote(w->boot.store) ? SUT_TOKEN_SKEW_S : 0;
    static const char later[] = "the next minute forgets them";
    sut_ignore(sut_keyring_forget_expired(w->boot.keyring, now, (life_s + late_s) * INT64_C(1000)),
               later);
    sut_ignore(sut_keyring_forget_expired(w->boot.links, now,
                                          (SUT_VERIFY_LIFE_S + late_s) * INT64_C(1000)),
               later);
}

/* The shop hears of what is nearly sold out. */
static void tell_low_stock(struct sut_worker *w, sut_ms now)
{
    const sut_str contact = w->config->shop.contact;
    const bool is_mail = !sut_str_starts(contact, SUT_STR("https://"));
    const sut_str own = w->config->shop.mail;
    struct sut_low_stock_ask ask = { .limit = w->config->shop.low_stock };
    sut_str name = { 0 };
    bool is_queued = false;
    /* "Shop <shop@example.com>", as the settings let it through. */
    if (sut_failed(sut_email_mailbox(own.n > 0 || !is_mail ? own : contact, &name, &ask.to)) ||
        ask.to.n == 0)
        return;
    const sut_err e = sut_low_stock_tell(w->boot.store, &ask, now, &is_queued);
    if (sut_failed(e))
        sut_log(SUT_LOG_WARN, "low_stock_not_told", LOG_ERR(e));
    if (is_queued)
        sut_postman_wake(w->app.postman);
}

/* Orders that nobody paid in time end here, and what they held can be bought again. */
static void end_holds(struct sut_worker *w, sut_ms now)
{
    DEFER(sut_mem_freep) struct sut_order_expiry *x = sut_mem_zalloc(1, sizeof(*x));
    /* The next second may have memory. */
    if (x == NULL)
        return;
    x->behind = w->holds_behind;
    const sut_err e = sut_order_expire(w->boot.store, now, x);
    w->holds_behind = x->behind;
    if (sut_failed(e) || x->n_left > 0)
        sut_log(SUT_LOG_WARN, "holds_not_ended", LOG_INT("orders", (int64_t) x->n_left),
                LOG_ERR(e));
    if (x->n_products > 0)
        api_orders_changed(&w->app, x->products, x->n_products);
}

void sut_worker__watch(struct sut_worker *w, unsigned turn)
{
    const sut_ms now = sut_clock_now(&sut_clock_system);
    if (sut_store_is_remote(w->boot.store)) {
        watch_catalogue(w);
        sut_ignore(sut_sessions_load(w->app.sessions, w->boot.store, now),
                   "it refuses until it knows");
        if (turn % LOOK_EVERY == 0 || sut_keyring_is_due(w->boot.keyring) ||
            sut_keyring_is_due(w->boot.links))
            watch_keyring(w);
    }
    if (turn % HOLDS_EVERY == 0)
        end_holds(w, now);
    if (turn % LOW_STOCK_EVERY == LOW_STOCK_FIRST)
        tell_low_stock(w, now);
    sut_worker_line_refill(w->line);
    sut_events_flush(w->app.events, now);
    if (turn % VIEWS_EVERY == 0)
        sut_ignore(sut_views_write(w->app.views, w->boot.store), "the next turn writes them");
    if (turn % PRUNE_EVERY == 0) {
        sut_sessions_prune(w->app.sessions, now);
        sut_ignore(sut_session_prune(w->boot.store, now), "the next minute prunes again");
        sut_ignore(sut_device_prune(w->boot.store, now), "the next minute prunes again");
        sut_ignore(sut_link_token_prune(w->boot.store, now), "the next minute prunes again");
        sut_ignore(sut_cart_prune(w->boot.store, now), "the next minute prunes again");
        sut_ignore(sut_outbox_prune(w->boot.store, now), "the next minute prunes again");
        sut_ignore(sut_webhook_prune(w->boot.store, now), "the next minute prunes again");
        sut_ignore(sut_idempotency_prune(w->boot.store, now), "the next minute prunes again");
        sut_ignore(sut_audit_row_prune(w->boot.store, now), "the next minute prunes again");
        forget_expired(w, now);
        sut_seal_sweep(sut_store_seal(w->boot.store), KEY_IDLE_MS);
        /* What a flood of connections took goes back to the system. */
        (void) malloc_trim(0);
    }
}
