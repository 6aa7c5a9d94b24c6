/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/step_int.h"

#include "guard/reply.h"

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

/* A body that is an array: each of its objects against the schema, faults by their row. */
static enum sut_verdict check_rows(struct sut_req *r, const struct sut_schema *schema)
{
    enum { ROWS_TOLD = 100 }; /* enough to see what is wrong */
    struct sut_row_fault *first = NULL;
    struct sut_row_fault **end = &first;
    size_t told = 0;
    if (r->body == NULL || r->body->type != SUT_JSON_ARRAY) {
        sut_reply_fault(r, "non_field_errors", "Expected a list of items.");
        return SUT_ANSWERED;
    }
    if (r->body->n == 0 || r->body->n > r->route->rows_max) {
        struct sut_buf b;
        sut_buf_init_arena(&b, r->arena, 64);
        sut_buf_printf(&b, "Send 1 to %zu rows.", r->route->rows_max);
        sut_buf_char(&b, '\0');
        sut_reply_fault(r, "non_field_errors", b.overflowed ? "Too many rows." : b.p);
        return SUT_ANSWERED;
    }
    for (size_t i = 0; i < r->body->n && told < ROWS_TOLD; i++) {
        const struct sut_fault *faults = NULL;
        const sut_err e = sut_schema_check(r->arena, schema, &r->body->items[i], &faults);
        if (!sut_failed(e))
            continue;
        struct sut_row_fault *row = ARENA_NEW(r->arena, struct sut_row_fault);
        if (e.code != SUT_E_INVALID || row == NULL) {
            sut_reply_code(r, e.code != SUT_E_INVALID ? e.code : SUT_E_NOMEM);
            return SUT_ANSWERED;
        }
        *row = (struct sut_row_fault){ .row = i, .faults = faults };
        *end = row;
        end = &row->next;
        told++;
    }
    if (first == NULL)
        return SUT_NEXT;
    sut_reply_rows(r, first);
    return SUT_ANSWERED;
}

/* An object, or what a form's texts make. */
static enum sut_verdict check_one(struct sut_req *r, const struct sut_schema *schema)
{
    const struct sut_fault *faults = NULL;
    const sut_err e = sut_schema_check(r->arena, schema, r->body, &faults);
    if (!sut_failed(e))
        return SUT_NEXT;
    if (e.code != SUT_E_INVALID)
        sut_reply_error(r, e);
    else if (r->route->missing != NULL && is_missing(faults))
        sut_reply_domain(r, 400, "invalid", sut_str_from(r->route->missing));
    else
        sut_reply_faults(r, faults);
    return SUT_ANSWERED;
}

static enum sut_verdict check_form(struct sut_req *r, const struct sut_schema *schema)
{
    if (sut_guard__form(r) == SUT_ANSWERED || check_one(r, schema) == SUT_ANSWERED)
        return SUT_ANSWERED;
    return sut_guard__file_is_there(r);
}

/* C1, B3 */
enum sut_verdict sut_guard__body(struct sut_req *r)
{
    static const struct sut_schema nothing = { .name = "Nothing" };
    const struct sut_http_request *q = r->x->req;
    const struct sut_schema *schema = r->route->body == NULL ? &nothing : r->route->body;
    const sut_str type = q->known[SUT_H_CONTENT_TYPE];
    if ((r->route->flags & SUT_ROUTE_RAW) != 0) {
        if (r->route->memory > 0)
            sut_arena_set_limit(r->arena, sut_arena_held(r->arena) + r->route->memory);
        return SUT_NEXT;
    }
    if (r->route->body == NULL && r->route->upload == NULL && q->body.n == 0)
        return SUT_NEXT;
    if (q->known_n[SUT_H_CONTENT_ENCODING] > 0 &&
        !sut_str_eq_nocase(q->known[SUT_H_CONTENT_ENCODING], SUT_STR("identity"))) {
        sut_reply_refuse(r, 415, "unsupported_media_type", "A compressed body is not accepted.");
        return SUT_ANSWERED;
    }
    if (sut_guard__is_form(r))
        return check_form(r, schema);
    if (r->route->upload != NULL && r->route->upload->is_required) {
        sut_reply_refuse(r, 415, "unsupported_media_type",
                         "Unsupported media type: multipart/form-data is expected.");
        return SUT_ANSWERED;
    }
    if (q->known_n[SUT_H_CONTENT_TYPE] > 0 || q->body.n > 0) {
        if (q->known_n[SUT_H_CONTENT_TYPE] != 1 || !is_json_type(type)) {
            sut_reply_refuse(r, 415, "unsupported_media_type",
                             "Unsupported media type: application/json is expected.");
            return SUT_ANSWERED;
        }
        if (r->route->memory > 0)
            sut_arena_set_limit(r->arena, sut_arena_held(r->arena) + r->route->memory);
        enum sut_json_fault fault = SUT_JSON_OK;
        const sut_err e = sut_json_parse(r->arena, q->body, &r->body, &fault);
        if (sut_failed(e) && fault == SUT_JSON_MEMORY) {
            sut_reply_error(r, e);
            return SUT_ANSWERED;
        }
        if (sut_failed(e)) {
            struct sut_buf b;
            sut_buf_init_arena(&b, r->arena, 256);
            sut_buf_printf(&b, "JSON parse error - %s", sut_json_fault_text(fault));
            sut_buf_char(&b, '\0');
            sut_reply_refuse(r, 400, "parse_error", b.overflowed ? "JSON parse error" : b.p);
            return SUT_ANSWERED;
        }
    }
    if (r->route->rows_max > 0)
        return check_rows(r, schema);
    return check_one(r, schema);
}
