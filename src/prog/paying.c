/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/paying.h"

#include "api/orders.h"
#include "audit/events.h"
#include "config/config.h"
#include "guard/app.h"
#include "log/log.h"
#include "mail/postman.h"
#include "pay/cashier.h"

enum { CALL_MS = 15000 /* a buyer waits for it */ };

static void stock_changed(void *ctx, const int64_t *products, size_t n)
{
    api_orders_changed(ctx, products, n);
}

static void say_unfit(const struct sut_app *app, const struct sut_pay_note *n)
{
    const struct sut_event_detail detail = { .reason = n->why };
    sut_event_raise(app->events, SUT_EVENT_PAYMENT_UNFIT, sut_clock_now(app->clock), &detail);
    sut_log(SUT_LOG_WARN, "payment_unfit", LOG_NAME("provider", n->whose), LOG_NAME("why", n->why),
            LOG_INT("order", n->order), LOG_INT("payment", n->payment));
}

static void say(void *ctx, const struct sut_pay_note *n)
{
    const struct sut_app *const app = ctx;
    switch (n->event) {
    case SUT_PAY_CALL_FAILED:
        sut_log(SUT_LOG_WARN, "payment_call_failed", LOG_NAME("provider", n->whose),
                LOG_NAME("what", n->what), LOG_NAME("why", n->why), LOG_INT("status", n->status),
                LOG_INT("order", n->order), LOG_INT("payment", n->payment), LOG_ERR(n->err));
        break;
    case SUT_PAY_TAKEN_NOW:
        sut_postman_wake(app->postman);
        sut_log(SUT_LOG_INFO, "payment_taken", LOG_NAME("provider", n->whose),
                LOG_INT("order", n->order), LOG_INT("payment", n->payment));
        break;
    case SUT_PAY_UNFIT:
        say_unfit(app, n);
        break;
    case SUT_PAY_ENDED:
        sut_postman_wake(app->postman);
        sut_log(SUT_LOG_INFO, "payment_ended", LOG_NAME("provider", n->whose),
                LOG_INT("order", n->order), LOG_INT("payment", n->payment));
        break;
    case SUT_PAY_REFUNDED:
        sut_log(SUT_LOG_INFO, "payment_refunded", LOG_NAME("provider", n->whose),
                LOG_INT("order", n->order), LOG_INT("payment", n->payment));
        break;
    case SUT_PAY_REFUND_FAILED:
        sut_log(SUT_LOG_ERROR, "refund_failed", LOG_NAME("provider", n->whose),
                LOG_NAME("why", n->why), LOG_INT("order", n->order),
                LOG_INT("payment", n->payment));
        break;
    case SUT_PAY_EVENT_LEFT:
        sut_log(SUT_LOG_ERROR, "webhook_left", LOG_NAME("provider", n->whose),
                LOG_NAME("why", n->why), LOG_ERR(n->err));
        break;
    case SUT_PAY_TROUBLE:
        sut_log(SUT_LOG_WARN, "payments_wait", LOG_NAME("why", n->why), LOG_ERR(n->err));
        break;
    }
}

static SUT_ERR make_url(const struct sut_config *c, const char *path, char *to, size_t max,
                        sut_str *ret)
{
    struct sut_buf b = { .p = to, .cap = max, .max = max };
    sut_buf_str_add(&b, c->frontend.url.n > 0 ? c->frontend.url : c->server.public_url);
    sut_buf_z(&b, path);
    *ret = sut_buf_str(&b);
    return sut_buf_check(&b);
}

SUT_ERR sut_paying_init(struct sut_paying *p, struct sut_app *app)
{
    const struct sut_config *const c = app->config;
    p->pay = (struct sut_pay){
        .store = app->store,
        .courier = app->courier,
        .has_stripe = app->courier != NULL && sut_config_has_stripe(c),
        .has_paystack = app->courier != NULL && sut_config_has_paystack(c),
        .currency = c->shop.currency,
        .timeout_ms = CALL_MS,
        .stock_changed = stock_changed,
        .stock_ctx = app,
        .tell = say,
        .tell_ctx = app,
    };
    TRY(make_url(c, "/checkout/success", p->success_url, sizeof(p->success_url),
                 &p->pay.success_url));
    TRY(make_url(c, "/checkout/cancel", p->cancel_url, sizeof(p->cancel_url), &p->pay.cancel_url));
    app->pay = &p->pay;
    return SUT_OK;
}

SUT_ERR sut_paying_start(const struct sut_paying *p, const struct sut_app *app,
                         struct sut_cashier **ret)
{
    const struct sut_cashier_options o = { .pay = &p->pay, .clock = app->clock };
    return sut_cashier_start(&o, ret);
}
