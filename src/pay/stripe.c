/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/stripe.h"

#include "base/scan.h"
#include "codec/url.h"

enum { CURRENCY = 3, NUMBER_TEXT = 24, ID_MAX = 255 };

/* --- asking --- */

static bool is_among(sut_str currency, const char *const *list)
{
    for (; *list != NULL; list++)
        if (sut_str_eq_nocase(currency, sut_str_from(*list)))
            return true;
    return false;
}

SUT_ERR sut_stripe_units(sut_str currency, int64_t cents, int64_t *ret)
{
    static const char *const whole[] = { "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga",
                                         "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf", NULL };
    static const char *const thousands[] = { "bhd", "jod", "kwd", "omr", "tnd", NULL };
    enum { HUNDRED = 100, TEN = 10 };
    ENSURE(currency.n == CURRENCY && cents > 0 && cents <= INT64_MAX / TEN, INVALID);
    *ret = cents;
    if (is_among(currency, whole)) {
        ENSURE(cents % HUNDRED == 0, INVALID);
        *ret = cents / HUNDRED;
    } else if (is_among(currency, thousands)) {
        *ret = cents * TEN;
    }
    return SUT_OK;
}

/* The key is a constant, its brackets stand as they are. */
static void put(struct sut_buf *form, const char *key, sut_str value)
{
    if (form->n > 0)
        sut_buf_char(form, '&');
    sut_buf_z(form, key);
    sut_buf_char(form, '=');
    sut_url_encode(form, value);
}

static void put_number(struct sut_buf *form, const char *key, int64_t value)
{
    char text[NUMBER_TEXT];
    struct sut_buf b = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
    sut_buf_i64(&b, value);
    put(form, key, sut_buf_str(&b));
}

static void put_currency(struct sut_buf *form, const char *key, sut_str currency)
{
    char text[CURRENCY];
    struct sut_buf b = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
    for (size_t i = 0; i < currency.n; i++)
        sut_buf_char(&b, sut_ascii_lower(currency.p[i]));
    put(form, key, sut_buf_str(&b));
}

void sut_stripe_put_session(struct sut_buf *form, const struct sut_stripe_asked *a)
{
    char name[64];
    struct sut_buf b = { .p = name, .cap = sizeof(name), .max = sizeof(name) };
    sut_buf_lit(&b, "Order ");
    sut_buf_str_add(&b, a->order_number);
    put(form, "mode", SUT_STR("payment"));
    put_currency(form, "line_items[0][price_data][currency]", a->currency);
    put(form, "line_items[0][price_data][product_data][name]", sut_buf_str(&b));
    put_number(form, "line_items[0][price_data][unit_amount]", a->units);
    put_number(form, "line_items[0][quantity]", 1);
    put(form, "success_url", a->success_url);
    put(form, "cancel_url", a->cancel_url);
    put_number(form, "client_reference_id", a->order);
    put_number(form, "metadata[order_id]", a->order);
    put_number(form, "metadata[payment_id]", a->payment);
    put_number(form, "payment_intent_data[metadata][order_id]", a->order);
    put_number(form, "payment_intent_data[metadata][payment_id]", a->payment);
    if (a->expires_s > 0)
        put_number(form, "expires_at", a->expires_s);
    if (a->email.n > 0)
        put(form, "customer_email", a->email);
}

void sut_stripe_put_intent(struct sut_buf *form, const struct sut_stripe_asked *a)
{
    put_number(form, "amount", a->units);
    put_currency(form, "currency", a->currency);
    put(form, "automatic_payment_methods[enabled]", SUT_STR("true"));
    put_number(form, "metadata[order_id]", a->order);
    put_number(form, "metadata[payment_id]", a->payment);
}

void sut_stripe_put_refund(struct sut_buf *form, sut_str intent, int64_t order, int64_t payment)
{
    put(form, "payment_intent", intent);
    put_number(form, "metadata[order_id]", order);
    put_number(form, "metadata[payment_id]", payment);
}

/* --- answers --- */

/* Absent and null are alike. */
static SUT_ERR text_of(const struct sut_json *o, const char *key, sut_str *ret)
{
    const struct sut_json *const v = sut_json_get(o, key);
    *ret = (sut_str){ 0 };
    if (v == NULL || v->type == SUT_JSON_NULL)
        return SUT_OK;
    ENSURE(v->type == SUT_JSON_STRING, PARSE);
    *ret = v->s;
    return SUT_OK;
}

/* An id, or the object that it names: an endpoint may have asked for that. */
static SUT_ERR id_of(const struct sut_json *o, const char *key, sut_str *ret)
{
    const struct sut_json *const v = sut_json_get(o, key);
    if (v != NULL && v->type == SUT_JSON_OBJECT)
        return text_of(v, "id", ret);
    return text_of(o, key, ret);
}

static SUT_ERR number_of(const struct sut_json *o, const char *key, int64_t *ret)
{
    const struct sut_json *const v = sut_json_get(o, key);
    *ret = 0;
    if (v == NULL || v->type == SUT_JSON_NULL)
        return SUT_OK;
    ENSURE(v->type == SUT_JSON_INT && v->i >= 0, PARSE);
    *ret = v->i;
    return SUT_OK;
}

/* Metadata of others may hold anything: what is no number of ours is none. */
static int64_t metadata_of(const struct sut_json *o, const char *key)
{
    const struct sut_json *const v = sut_json_get(sut_json_get(o, "metadata"), key);
    int64_t n = 0;
    if (v == NULL || v->type != SUT_JSON_STRING ||
        sut_failed(sut_parse_i64(v->s, 1, INT64_MAX, &n)))
        return 0;
    return n;
}

static SUT_ERR read_amounts(const struct sut_json *v, struct sut_stripe_object *ret)
{
    const bool is_session = sut_str_is(ret->kind, "checkout.session");
    const bool is_charge = sut_str_is(ret->kind, "charge");
    TRY(number_of(v, is_session ? "amount_total" : "amount", &ret->amount));
    return number_of(v, is_charge ? "amount_refunded" : "amount_received", &ret->received);
}

SUT_ERR sut_stripe_read(const struct sut_json *v, struct sut_stripe_object *ret)
{
    *ret = (struct sut_stripe_object){ 0 };
    ENSURE(v != NULL && v->type == SUT_JSON_OBJECT, PARSE);
    TRY(text_of(v, "object", &ret->kind));
    TRY(text_of(v, "id", &ret->id));
    ENSURE(ret->kind.n > 0 && ret->id.n > 0 && ret->id.n <= ID_MAX, PARSE);
    TRY(text_of(v, "status", &ret->status));
    TRY(text_of(v, "payment_status", &ret->payment_status));
    TRY(id_of(v, "payment_intent", &ret->intent));
    TRY(text_of(v, "url", &ret->url));
    TRY(text_of(v, "client_secret", &ret->client_secret));
    TRY(text_of(v, "currency", &ret->currency));
    ENSURE(ret->intent.n <= ID_MAX, PARSE);
    ret->order = metadata_of(v, "order_id");
    ret->payment = metadata_of(v, "payment_id");
    return read_amounts(v, ret);
}

SUT_ERR sut_stripe_parse(struct sut_arena *a, sut_str text, struct sut_stripe_object *ret)
{
    const struct sut_json *v = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    TRY(sut_json_parse(a, text, &v, &fault));
    return sut_stripe_read(v, ret);
}

const char *sut_stripe_why(struct sut_arena *a, sut_str text)
{
    static const char *const known[] = {
        "amount_too_large",
        "amount_too_small",
        "api_key_expired",
        "charge_already_refunded",
        "charge_disputed",
        "charge_exceeds_source_limit",
        "idempotency_key_in_use",
        "insufficient_funds",
        "payment_intent_unexpected_state",
        "rate_limit",
        "resource_missing",
        "secret_key_required",
    };
    const struct sut_json *v = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    if (sut_failed(sut_json_parse(a, text, &v, &fault)))
        return "refused";
    const struct sut_json *const code = sut_json_get(sut_json_get(v, "error"), "code");
    for (size_t i = 0; code != NULL && i < sizeof(known) / sizeof(known[0]); i++)
        if (code->type == SUT_JSON_STRING && sut_str_is(code->s, known[i]))
            return known[i];
    return "refused";
}
