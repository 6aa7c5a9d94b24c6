/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/request.h"

static SUT_ERR read_mail(struct sut_ipc_reader *r, struct sut_request *q)
{
    const struct sut_errand_row *const row = sut_errand_row(q->purpose);
    TRY(sut_ipc_get_bytes(r, SUT_ERRAND_ADDRESS_MAX, &q->from));
    TRY(sut_ipc_get_bytes(r, SUT_ERRAND_ADDRESS_MAX, &q->to));
    TRY(sut_ipc_get_bytes(r, row->out_max, &q->message));
    ENSURE(sut_errand_is_address(q->from) && sut_errand_is_address(q->to), DENIED);
    ENSURE(sut_errand_is_message(q->message), DENIED);
    return SUT_OK;
}

static SUT_ERR read_errand(struct sut_ipc_reader *r, struct sut_request *q)
{
    const struct sut_errand_row *const row = sut_errand_row(q->purpose);
    const bool is_form = row->what == SUT_ERRAND_BY_FORM;
    TRY(sut_ipc_get_bytes(r, SUT_ERRAND_URL_MAX, &q->url));
    TRY(sut_ipc_get_bytes(r, row->out_max, &q->text));
    TRY(sut_ipc_get_bytes(r, SUT_ERRAND_SIGNATURE_MAX, &q->signature));
    if (row->where == SUT_ERRAND_DATA)
        ENSURE(sut_errand_is_url_text(q->url), DENIED);
    else
        ENSURE(q->url.n == 0, DENIED);
    ENSURE(is_form || q->text.n == 0 || sut_errand_is_token(q->text), DENIED);
    ENSURE(q->signature.n == 0 || (is_form && sut_errand_is_signature(q->signature)), DENIED);
    return SUT_OK;
}

static SUT_ERR read_call(struct sut_ipc_reader *r, struct sut_request *q)
{
    const struct sut_errand_row *const row = sut_errand_row(q->purpose);
    uint64_t method = 0;
    TRY(sut_ipc_get_u64(r, SUT_ERRAND_METHODS - 1, &method));
    TRY(sut_ipc_get_bytes(r, SUT_ERRAND_PATH_MAX, &q->path));
    TRY(sut_ipc_get_bytes(r, row->out_max, &q->text));
    TRY(sut_ipc_get_bytes(r, SUT_ERRAND_KEY_MAX, &q->key));
    q->method = (enum sut_errand_method) method;
    ENSURE(sut_errand_is_call(q->purpose, q->method, q->path), DENIED);
    ENSURE(sut_errand_is_call_body(q->purpose, q->method, q->text, q->key), DENIED);
    return SUT_OK;
}

static SUT_ERR read_verify(struct sut_ipc_reader *r, struct sut_request *q)
{
    TRY(sut_ipc_get_bytes(r, sut_errand_row(q->purpose)->out_max, &q->text));
    TRY(sut_ipc_get_bytes(r, SUT_ERRAND_SIGNATURE_MAX, &q->signature));
    ENSURE(sut_errand_is_signature(q->signature), DENIED);
    return SUT_OK;
}

static SUT_ERR read_object(struct sut_ipc_reader *r, struct sut_request *q)
{
    TRY(sut_ipc_get_bytes(r, SUT_ERRAND_NAME_MAX, &q->path));
    TRY(sut_ipc_get_bytes(r, sut_errand_row(q->purpose)->out_max, &q->text));
    TRY(sut_ipc_get_bytes(r, SUT_ERRAND_TYPE_MAX, &q->type));
    ENSURE(sut_errand_is_object(q->purpose, q->path, q->type), DENIED);
    return SUT_OK;
}

static SUT_ERR read_what(struct sut_ipc_reader *r, struct sut_request *q)
{
    switch (sut_errand_row(q->purpose)->what) {
    case SUT_ERRAND_BY_MAIL:
        return read_mail(r, q);
    case SUT_ERRAND_BY_CALL:
        return read_call(r, q);
    case SUT_ERRAND_BY_VERIFY:
        return read_verify(r, q);
    case SUT_ERRAND_BY_SCAN:
        TRY(sut_ipc_get_bytes(r, sut_errand_row(q->purpose)->out_max, &q->text));
        /* A chunk of length 0 would be the end. */
        ENSURE(q->text.n > 0, DENIED);
        return SUT_OK;
    case SUT_ERRAND_BY_OBJECT:
        return read_object(r, q);
    case SUT_ERRAND_BY_GET:
    case SUT_ERRAND_BY_FORM:
        break;
    }
    return read_errand(r, q);
}

SUT_ERR sut_request_read(uint16_t type, sut_str fields, struct sut_request *ret)
{
    struct sut_ipc_reader r = sut_ipc_reader_of(fields);
    uint64_t ms = 0;
    ENSURE(type > 0 && type <= SUT_ERRANDS, DENIED);
    *ret = (struct sut_request){ .purpose = (enum sut_errand_purpose)(type - 1) };
    ENSURE(fields.n <= sut_errand_ask_max(ret->purpose), TOO_LARGE);
    TRY(sut_ipc_get_u64(&r, SUT_ERRAND_TIMEOUT_MAX_MS, &ms));
    ENSURE(ms > 0, PARSE);
    ret->timeout_ms = (unsigned) ms;
    TRY(read_what(&r, ret));
    return sut_ipc_get_end(&r);
}
