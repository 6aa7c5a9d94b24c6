/* SPDX-License-Identifier: Apache-2.0
 *
 * form - a form with a file (C5): its texts become the body that the row's schema judges,
 * its file stays where it is.
 */
#include "guard/step_int.h"

#include <string.h>

#include "base/scan.h"
#include "codec/multipart.h"
#include "codec/utf8.h"
#include "guard/reply.h"
#include "guard/uploads.h"

bool sut_guard__is_form(const struct sut_req *r)
{
    const struct sut_http_request *q = r->x->req;
    return r->route != NULL && r->route->upload != NULL && q->known_n[SUT_H_CONTENT_TYPE] == 1 &&
           sut_multipart_is(q->known[SUT_H_CONTENT_TYPE]);
}

static uint64_t now_ms(void)
{
    return sut_monotonic_ns() / 1000000U;
}

/* The body has gone just before: what comes last into an arena goes first. */
static void leave(void *arg)
{
    struct sut_req *r = arg;
    sut_uploads_leave(r->app->uploads, &r->place, now_ms());
}

enum sut_verdict sut_guard__upload_enter(struct sut_req *r)
{
    if (r->app->uploads == NULL || !r->x->req->has_body)
        return SUT_NEXT;
    if (sut_failed(sut_arena_defer(r->arena, leave, r))) {
        sut_reply_code(r, SUT_E_NOMEM);
        return SUT_ANSWERED;
    }
    const enum sut_upload_word word =
        sut_uploads_enter(r->app->uploads, &r->place, r->auth.user_id, now_ms());
    r->x->holds_body = word == SUT_UPLOAD_WAITS;
    if (word != SUT_UPLOAD_BUSY)
        return SUT_NEXT;
    sut_reply_code(r, SUT_E_BUSY);
    return SUT_ANSWERED;
}

enum sut_body_word sut_guard__upload_comes(struct sut_req *r, size_t got)
{
    if (!r->place.is_in)
        return SUT_BODY_READ;
    switch (sut_uploads_go_on(r->app->uploads, &r->place, got, now_ms())) {
    case SUT_UPLOAD_COMES:
        return SUT_BODY_READ;
    case SUT_UPLOAD_WAITS:
        return SUT_BODY_HOLD;
    case SUT_UPLOAD_BUSY:
        break;
    }
    return SUT_BODY_REFUSE;
}

void sut_guard__upload_whole(struct sut_req *r)
{
    if (r->place.is_in)
        sut_uploads_whole(r->app->uploads, &r->place);
}

static const struct sut_field *field_of(const struct sut_schema *s, sut_str name)
{
    for (size_t i = 0; i < s->n; i++)
        if (sut_str_is(name, s->fields[i].name))
            return &s->fields[i];
    return NULL;
}

static bool is_one_of(sut_str text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (sut_str_is(text, *words))
            return true;
    return false;
}

/* A form has texts alone: what the schema wants as something else is read as DRF reads it. */
static struct sut_json value_of(const struct sut_field *f, sut_str text)
{
    static const char *const yes[] = { "true", "True", "1", "on", "yes", NULL };
    static const char *const no[] = { "false", "False", "0", "off", "no", NULL };
    const sut_str bare = sut_str_trim(text);
    int64_t n = 0;
    if (f != NULL && f->type == SUT_F_BOOL && (is_one_of(bare, yes) || is_one_of(bare, no)))
        return (struct sut_json){ .type = SUT_JSON_BOOL, .b = is_one_of(bare, yes) };
    if (f != NULL && f->type == SUT_F_INT &&
        !sut_failed(sut_parse_i64(bare, INT64_MIN, INT64_MAX, &n)))
        return (struct sut_json){ .type = SUT_JSON_INT, .i = n, .s = bare };
    return (struct sut_json){ .type = SUT_JSON_STRING, .s = text };
}

static enum sut_verdict refuse(struct sut_req *r)
{
    sut_reply_refuse(r, 400, "parse_error", "Multipart form parse error");
    return SUT_ANSWERED;
}

/* The file that the row takes, or one that nobody asked for. */
static enum sut_verdict take_file(struct sut_req *r, const struct sut_part *p)
{
    const struct sut_schema *s = r->route->body;
    if (sut_str_is(p->name, r->route->upload->field)) {
        /* What a browser sends of a form in which no file was chosen. */
        r->upload.is_sent = p->filename.n > 0 || p->bytes.n > 0;
        r->upload.bytes = p->bytes;
        return SUT_NEXT;
    }
    const bool is_known = s != NULL && field_of(s, p->name) != NULL;
    const struct sut_fault fault = {
        .field = p->name,
        .message = is_known ? SUT_STR("Not a valid string.") : SUT_STR("Unknown field."),
    };
    sut_reply_faults(r, &fault);
    return SUT_ANSWERED;
}

enum sut_verdict sut_guard__form(struct sut_req *r)
{
    const struct sut_http_request *q = r->x->req;
    static const struct sut_schema nothing = { .name = "Nothing" };
    const struct sut_schema *schema = r->route->body == NULL ? &nothing : r->route->body;
    struct sut_multipart m;
    sut_str boundary = { 0 };
    if (sut_failed(sut_multipart_boundary(q->known[SUT_H_CONTENT_TYPE], &boundary)) ||
        sut_failed(sut_multipart_parse(boundary, q->body, &m)))
        return refuse(r);

    struct sut_json *body = ARENA_NEW(r->arena, struct sut_json);
    struct sut_json *items = ARENA_ARRAY(r->arena, struct sut_json, m.n);
    sut_str *keys = ARENA_ARRAY(r->arena, sut_str, m.n);
    if (body == NULL || items == NULL || keys == NULL) {
        sut_reply_code(r, SUT_E_NOMEM);
        return SUT_ANSWERED;
    }
    *body = (struct sut_json){ .type = SUT_JSON_OBJECT, .items = items, .keys = keys };
    for (size_t i = 0; i < m.n; i++) {
        const struct sut_part *p = &m.parts[i];
        if (!sut_utf8_is_valid(p->name) ||
            (!p->is_file &&
             (!sut_utf8_is_valid(p->bytes) || sut_str_find(p->bytes, 0, '\0') < p->bytes.n)))
            return refuse(r);
        if (p->is_file) {
            if (take_file(r, p) == SUT_ANSWERED)
                return SUT_ANSWERED;
            continue;
        }
        keys[body->n] = p->name;
        items[body->n++] = value_of(field_of(schema, p->name), p->bytes);
    }
    r->body = body;
    return SUT_NEXT;
}

enum sut_verdict sut_guard__file_is_there(struct sut_req *r)
{
    if (!r->route->upload->is_required || r->upload.is_sent)
        return SUT_NEXT;
    sut_reply_fault(r, r->route->upload->field, "This field is required.");
    return SUT_ANSWERED;
}
