/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/paystack.h"

#include "base/scan.h"
#include "codec/json_out.h"

enum { ID_MAX = 255, CURRENCY = 3 };

sut_str sut_paystack_reference(int64_t payment, sut_ms made, char to[SUT_PAYSTACK_REFERENCE])
{
    struct sut_buf b = { .p = to, .cap = SUT_PAYSTACK_REFERENCE, .max = SUT_PAYSTACK_REFERENCE };
    sut_buf_lit(&b, "sut-");
    sut_buf_i64(&b, made.v);
    sut_buf_char(&b, '-');
    sut_buf_i64(&b, payment);
    return sut_buf_str(&b);
}

static void put_metadata(struct sut_jw *w, const char *key, int64_t value)
{
    char text[24];
    struct sut_buf b = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
    sut_buf_i64(&b, value);
    sut_jw_key(w, key);
    sut_jw_str(w, sut_buf_str(&b));
}

void sut_paystack_put_transaction(struct sut_buf *json, const struct sut_paystack_asked *a)
{
    struct sut_jw w = sut_jw_of(json);
    char currency[CURRENCY];
    struct sut_buf b = { .p = currency, .cap = sizeof(currency), .max = sizeof(currency) };
    for (size_t i = 0; i < a->currency.n; i++) {
        const char c = a->currency.p[i];
        sut_buf_char(&b, (char) (c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c));
    }
    sut_jw_obj(&w);
    sut_jw_key(&w, "email");
    sut_jw_str(&w, a->email);
    sut_jw_key(&w, "amount");
    sut_jw_i64(&w, a->cents);
    sut_jw_key(&w, "currency");
    sut_jw_str(&w, sut_buf_str(&b));
    sut_jw_key(&w, "reference");
    sut_jw_str(&w, a->reference);
    sut_jw_key(&w, "callback_url");
    sut_jw_str(&w, a->callback_url);
    sut_jw_key(&w, "metadata");
    sut_jw_obj(&w);
    put_metadata(&w, "order_id", a->order);
    put_metadata(&w, "payment_id", a->payment);
    sut_jw_obj_end(&w);
    sut_jw_obj_end(&w);
}

void sut_paystack_put_refund(struct sut_buf *json, sut_str reference)
{
    struct sut_jw w = sut_jw_of(json);
    sut_jw_obj(&w);
    sut_jw_key(&w, "transaction");
    sut_jw_str(&w, reference);
    sut_jw_obj_end(&w);
}

/* --- answers --- */

static SUT_ERR text_of(const struct sut_json *o, const char *key, sut_str *ret)
{
    const struct sut_json *const v = sut_json_get(o, key);
    *ret = (sut_str){ 0 };
    if (v == NULL || v->type == SUT_JSON_NULL)
        return SUT_OK;
    ENSURE(v->type == SUT_JSON_STRING && v->s.n <= 4 * ID_MAX, PARSE);
    *ret = v->s;
    return SUT_OK;
}

/* A number, or its digits: Paystack writes both. */
static SUT_ERR number_of(const struct sut_json *o, const char *key, int64_t *ret)
{
    const struct sut_json *const v = sut_json_get(o, key);
    *ret = 0;
    if (v == NULL || v->type == SUT_JSON_NULL)
        return SUT_OK;
    if (v->type == SUT_JSON_STRING)
        return sut_parse_i64(v->s, 0, INT64_MAX, ret);
    ENSURE(v->type == SUT_JSON_INT && v->i >= 0, PARSE);
    *ret = v->i;
    return SUT_OK;
}

/* What others put there is no number of ours. */
static int64_t metadata_of(const struct sut_json *o, const char *key)
{
    int64_t n = 0;
    const struct sut_json *const m = sut_json_get(o, "metadata");
    if (m == NULL || sut_failed(number_of(m, key, &n)))
        return 0;
    return n;
}

/* A refund names its transaction in one of these ways. */
static SUT_ERR read_reference(const struct sut_json *data, struct sut_paystack_object *ret)
{
    const struct sut_json *const inner = sut_json_get(data, "transaction");
    TRY(text_of(data, "reference", &ret->reference));
    if (ret->reference.n == 0)
        TRY(text_of(data, "transaction_reference", &ret->reference));
    if (ret->reference.n == 0 && inner != NULL && inner->type == SUT_JSON_OBJECT)
        TRY(text_of(inner, "reference", &ret->reference));
    ENSURE(ret->reference.n <= ID_MAX, PARSE);
    return SUT_OK;
}

SUT_ERR sut_paystack_read(const struct sut_json *data, struct sut_paystack_object *ret)
{
    *ret = (struct sut_paystack_object){ 0 };
    ENSURE(data != NULL && data->type == SUT_JSON_OBJECT, PARSE);
    TRY(text_of(data, "status", &ret->status));
    TRY(text_of(data, "authorization_url", &ret->url));
    TRY(text_of(data, "currency", &ret->currency));
    TRY(number_of(data, "amount", &ret->amount));
    if (sut_failed(number_of(data, "id", &ret->id)))
        ret->id = 0;
    ret->order = metadata_of(data, "order_id");
    ret->payment = metadata_of(data, "payment_id");
    return read_reference(data, ret);
}

static SUT_ERR parse_data(struct sut_arena *a, sut_str text, const struct sut_json **ret)
{
    const struct sut_json *v = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    TRY(sut_json_parse(a, text, &v, &fault));
    const struct sut_json *const status = sut_json_get(v, "status");
    ENSURE(status != NULL && status->type == SUT_JSON_BOOL, PARSE);
    ENSURE(status->b, DENIED);
    *ret = sut_json_get(v, "data");
    return SUT_OK;
}

SUT_ERR sut_paystack_parse(struct sut_arena *a, sut_str text, struct sut_paystack_object *ret)
{
    const struct sut_json *data = NULL;
    TRY(parse_data(a, text, &data));
    return sut_paystack_read(data, ret);
}

SUT_ERR sut_paystack_parse_first(struct sut_arena *a, sut_str text, struct sut_paystack_object *ret)
{
    const struct sut_json *data = NULL;
    TRY(parse_data(a, text, &data));
    ENSURE(data != NULL && data->type == SUT_JSON_ARRAY, PARSE);
    ENSURE(data->n > 0, NOT_FOUND);
    return sut_paystack_read(&data->items[0], ret);
}
