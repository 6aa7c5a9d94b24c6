/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/reply.h"

#include "log/log.h"

static const sut_str json_type = SUT_STR_INIT("application/json");

/* Forget what was replied before: a later step may know better. */
static struct sut_http_response *start(struct sut_req *r, int status)
{
    struct sut_http_response *res = &r->x->res;
    sut_bytes_unref(&res->shared);
    sut_buf_reset(&res->body);
    res->n_headers = 0;
    res->status = status;
    return res;
}

static sut_str number_text(struct sut_arena *a, int64_t v)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, 24);
    sut_buf_i64(&b, v);
    return sut_buf_str(&b);
}

struct sut_jw sut_reply_json(struct sut_req *r, int status)
{
    struct sut_http_response *res = start(r, status);
    sut_response_header(res, SUT_STR("Content-Type"), json_type);
    return sut_jw_of(&res->body);
}

void sut_reply_empty(struct sut_req *r, int status)
{
    (void) start(r, status);
}

void sut_reply_bytes(struct sut_req *r, int status, sut_str type, struct sut_bytes *bytes)
{
    struct sut_http_response *res = start(r, status);
    sut_response_header(res, SUT_STR("Content-Type"), type);
    res->shared = sut_bytes_ref(bytes);
}

void sut_reply_message(struct sut_req *r, int status, const char *message)
{
    struct sut_jw w = sut_reply_json(r, status);
    sut_jw_obj(&w);
    sut_jw_key(&w, "success");
    sut_jw_bool(&w, true);
    sut_jw_key(&w, "message");
    sut_jw_z(&w, message);
    sut_jw_obj_end(&w);
}

/* Contract B: {"error":{"code":…,"message":…,"reason":… — the caller ends both objects. */
static struct sut_jw envelope(struct sut_req *r, int status, const char *reason, sut_str message)
{
    struct sut_jw w = sut_reply_json(r, status);
    sut_jw_obj(&w);
    sut_jw_key(&w, "error");
    sut_jw_obj(&w);
    sut_jw_key(&w, "code");
    sut_jw_i64(&w, status);
    sut_jw_key(&w, "message");
    sut_jw_str(&w, message);
    sut_jw_key(&w, "reason");
    sut_jw_z(&w, reason);
    return w;
}

static void envelope_end(struct sut_jw *w)
{
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
}

static void challenge(struct sut_req *r, int status)
{
    if (status == 401)
        sut_response_header(&r->x->res, SUT_STR("WWW-Authenticate"),
                            SUT_STR("Bearer realm=\"api\""));
}

struct sut_jw sut_reply_refuse_open(struct sut_req *r, int status, const char *code,
                                    const char *detail)
{
    if (r->contract == SUT_CONTRACT_B)
        return envelope(r, status, code, sut_str_from(detail));
    struct sut_jw w = sut_reply_json(r, status);
    sut_jw_obj(&w);
    sut_jw_key(&w, "detail");
    sut_jw_z(&w, detail);
    sut_jw_key(&w, "code");
    sut_jw_z(&w, code);
    return w;
}

/* The one object, or the two of an envelope. */
static void close_error(struct sut_req *r, struct sut_jw *w, int status)
{
    if (r->contract == SUT_CONTRACT_B)
        sut_jw_obj_end(w);
    sut_jw_obj_end(w);
    challenge(r, status);
}

void sut_reply_refuse_close(struct sut_req *r, struct sut_jw *w, int status)
{
    close_error(r, w, status);
}

void sut_reply_refuse(struct sut_req *r, int status, const char *code, const char *detail)
{
    struct sut_jw w = sut_reply_refuse_open(r, status, code, detail);
    close_error(r, &w, status);
}

/* {"field":["message",…],…}; faults of one field stand together. */
static void write_faults(struct sut_jw *w, const struct sut_fault *faults)
{
    sut_jw_obj(w);
    for (const struct sut_fault *f = faults; f != NULL; f = f->next) {
        bool is_first = true;
        for (const struct sut_fault *g = faults; g != f; g = g->next)
            is_first = is_first && !sut_str_eq(g->field, f->field);
        if (!is_first)
            continue;
        sut_jw_key_str(w, f->field);
        sut_jw_arr(w);
        for (const struct sut_fault *g = f; g != NULL; g = g->next)
            if (sut_str_eq(g->field, f->field))
                sut_jw_str(w, g->message);
        sut_jw_arr_end(w);
    }
    sut_jw_obj_end(w);
}

void sut_reply_faults(struct sut_req *r, const struct sut_fault *faults)
{
    sut_reply_faults_as(r, SUT_STR("Invalid input."), faults);
}

void sut_reply_rows(struct sut_req *r, const struct sut_row_fault *rows)
{
    struct sut_jw w = envelope(r, 400, "invalid", SUT_STR("Invalid input: nothing was changed."));
    sut_jw_key(&w, "rows");
    sut_jw_arr(&w);
    for (; rows != NULL; rows = rows->next) {
        sut_jw_obj(&w);
        sut_jw_key(&w, "row");
        sut_jw_i64(&w, (int64_t) rows->row);
        sut_jw_key(&w, "fields");
        write_faults(&w, rows->faults);
        sut_jw_obj_end(&w);
    }
    sut_jw_arr_end(&w);
    envelope_end(&w);
}

void sut_reply_faults_as(struct sut_req *r, sut_str message, const struct sut_fault *faults)
{
    if (r->contract == SUT_CONTRACT_B) {
        struct sut_jw w = envelope(r, 400, "invalid", message);
        sut_jw_key(&w, "fields");
        write_faults(&w, faults);
        envelope_end(&w);
        return;
    }
    struct sut_jw w = sut_reply_json(r, 400);
    write_faults(&w, faults);
}

void sut_reply_fault(struct sut_req *r, const char *field, const char *message)
{
    const struct sut_fault one = {
        .field = sut_str_from(field),
        .message = sut_str_from(message),
    };
    sut_reply_faults(r, &one);
}

struct sut_jw sut_reply_domain_open(struct sut_req *r, int status, const char *code, sut_str error)
{
    if (r->contract == SUT_CONTRACT_B)
        return envelope(r, status, code, error);
    struct sut_jw w = sut_reply_json(r, status);
    sut_jw_obj(&w);
    sut_jw_key(&w, "success");
    sut_jw_bool(&w, false);
    sut_jw_key(&w, "error");
    sut_jw_str(&w, error);
    sut_jw_key(&w, "code");
    sut_jw_z(&w, code);
    return w;
}

void sut_reply_domain_close(struct sut_req *r, struct sut_jw *w, int status)
{
    close_error(r, w, status);
}

void sut_reply_domain(struct sut_req *r, int status, const char *code, sut_str error)
{
    struct sut_jw w = sut_reply_domain_open(r, status, code, error);
    close_error(r, &w, status);
}

void sut_reply_domain_weak(struct sut_req *r, sut_str error, int strength)
{
    struct sut_jw w = sut_reply_domain_open(r, 400, "invalid", error);
    sut_jw_key(&w, "password_strength");
    sut_jw_i64(&w, strength);
    close_error(r, &w, 400);
}

void sut_reply_bad_token(struct sut_req *r, const char *why)
{
    static const char detail[] = "Given token not valid for any token type";
    if (r->contract == SUT_CONTRACT_B) {
        sut_reply_refuse(r, 401, "token_not_valid", detail);
        return;
    }
    struct sut_jw w = sut_reply_json(r, 401);
    sut_jw_obj(&w);
    sut_jw_key(&w, "detail");
    sut_jw_z(&w, detail);
    sut_jw_key(&w, "code");
    sut_jw_z(&w, "token_not_valid");
    sut_jw_key(&w, "messages");
    sut_jw_arr(&w);
    sut_jw_obj(&w);
    sut_jw_key(&w, "token_class");
    sut_jw_z(&w, "AccessToken");
    sut_jw_key(&w, "token_type");
    sut_jw_z(&w, "access");
    sut_jw_key(&w, "message");
    sut_jw_z(&w, why);
    sut_jw_obj_end(&w);
    sut_jw_arr_end(&w);
    sut_jw_obj_end(&w);
    challenge(r, 401);
}

void sut_reply_throttled(struct sut_req *r)
{
    const int64_t wait_s = r->rate.retry_after_s < 1 ? 1 : r->rate.retry_after_s;
    struct sut_buf text;
    sut_buf_init_arena(&text, r->arena, 128);
    sut_buf_lit(&text, "Request was throttled. Expected available in ");
    sut_buf_i64(&text, wait_s);
    sut_buf_z(&text, wait_s == 1 ? " second." : " seconds.");
    if (r->contract == SUT_CONTRACT_B) {
        struct sut_jw w = envelope(r, 429, "throttled", sut_buf_str(&text));
        sut_jw_key(&w, "retry_after");
        sut_jw_i64(&w, wait_s);
        envelope_end(&w);
    } else {
        struct sut_jw w = sut_reply_json(r, 429);
        sut_jw_obj(&w);
        sut_jw_key(&w, "detail");
        sut_jw_str(&w, sut_buf_str(&text));
        sut_jw_key(&w, "code");
        sut_jw_z(&w, "throttled");
        sut_jw_key(&w, "retry_after");
        sut_jw_i64(&w, wait_s);
        sut_jw_obj_end(&w);
    }
    sut_response_header(&r->x->res, SUT_STR("Retry-After"), number_text(r->arena, wait_s));
}

void sut_reply_code(struct sut_req *r, enum sut_ecode code)
{
    const struct sut_einfo *info = sut_err_info(code);
    sut_reply_refuse(r, info->http, info->slug, info->text);
    if (info->http == 503)
        sut_response_header(&r->x->res, SUT_STR("Retry-After"),
                            number_text(r->arena, r->retry_after_s == 0 ? 1 : r->retry_after_s));
}

void sut_reply_error(struct sut_req *r, sut_err e)
{
    if (sut_err_info(e.code)->kind == SUT_EKIND_SERVER)
        sut_log(SUT_LOG_ERROR, "request_failed",
                LOG_NAME("route", r->route == NULL ? "-" : r->route->name),
                LOG_ID("request_id", r->x->request_id), LOG_ERR(e));
    sut_reply_code(r, e.code);
}
