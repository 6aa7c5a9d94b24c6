/* SPDX-License-Identifier: Apache-2.0 */
#include "api/ops/openapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ops/openapi_browser.h"
#include "codec/json_out.h"
#include "guard/idempotency.h"
#include "shop/money.h"

enum { SCHEMAS_MAX = 256, PLACES_MAX = 1024 };

/* One path and method of the document: a row, by its own path or by an alias. */
struct place {
    const char *path;
    const struct sut_route *row;
    unsigned alias; /* 0: the row's own path */
};

struct known_schema {
    const struct sut_schema *schema;
    bool is_body;
};

struct doc {
    struct sut_jw w;
    struct sut_arena *a;
    struct known_schema *schemas;
    size_t n_schemas;
    struct place *places;
    size_t n_places;
};

/* Note a schema and all that it refers to, once. */
static SUT_ERR note_schema(struct doc *d, const struct sut_schema *s, bool is_body)
{
    for (size_t i = 0; i < d->n_schemas; i++)
        if (d->schemas[i].schema == s)
            return SUT_OK;
    ENSURE(d->n_schemas < SCHEMAS_MAX, TOO_LARGE);
    d->schemas[d->n_schemas++] = (struct known_schema){ .schema = s, .is_body = is_body };
    for (size_t i = 0; i < s->n; i++)
        if (s->fields[i].of != NULL)
            TRY(note_schema(d, s->fields[i].of, is_body));
    return SUT_OK;
}

static SUT_ERR note_row(struct doc *d, const struct sut_route *row)
{
    const char *const paths[] = { row->path, row->aliases[0], row->aliases[1] };
    for (unsigned i = 0; i < 3; i++) {
        if (paths[i] == NULL)
            continue;
        ENSURE(d->n_places < PLACES_MAX, TOO_LARGE);
        d->places[d->n_places++] = (struct place){ .path = paths[i], .row = row, .alias = i };
    }
    /* Of a form the document has the fields beside the file. */
    if (row->body != NULL && (row->upload == NULL || !row->upload->is_required))
        TRY(note_schema(d, row->body, true));
    for (const struct sut_answer *an = row->answers; an != NULL && an->status != 0; an++)
        if (an->schema != NULL)
            TRY(note_schema(d, an->schema, false));
    return SUT_OK;
}

static int by_path(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    const int c = strcmp(x->path, y->path);
    return c != 0 ? c : (int) x->row->method - (int) y->row->method;
}

static void key_z(struct sut_jw *w, const char *key, const char *value)
{
    sut_jw_key(w, key);
    sut_jw_z(w, value);
}

static void key_i64(struct sut_jw *w, const char *key, int64_t value)
{
    sut_jw_key(w, key);
    sut_jw_i64(w, value);
}

static void reference(struct sut_jw *w, sut_str name)
{
    char room[160];
    const int n = snprintf(room, sizeof(room), "#/components/schemas/%.*s", SUT_STR_ARG(name));
    sut_jw_key(w, "$ref");
    sut_jw_str(w, sut_str_of(room, n < 0 ? 0 : (size_t) n));
}

static const char *json_type_of(enum sut_ftype t)
{
    switch (t) {
    case SUT_F_STRING:
    case SUT_F_EMAIL:
    case SUT_F_PHONE:
    case SUT_F_PASSWORD:
    case SUT_F_PRICE:
    case SUT_F_CHOICE:
    case SUT_F_TIME:
    case SUT_F_URL:
        return "string";
    case SUT_F_INT:
        return "integer";
    case SUT_F_BOOL:
        return "boolean";
    case SUT_F_NUMBER:
        return "number";
    case SUT_F_OBJECT:
        return "object";
    case SUT_F_ARRAY:
        return "array";
    case SUT_F_NULL:
        return "null";
    }
    return "string";
}

static void write_type(struct sut_jw *w, const struct sut_field *f)
{
    sut_jw_key(w, "type");
    if ((f->flags & SUT_F_NULLABLE) == 0) {
        sut_jw_z(w, json_type_of(f->type));
        return;
    }
    sut_jw_arr(w);
    sut_jw_z(w, json_type_of(f->type));
    sut_jw_z(w, "null");
    sut_jw_arr_end(w);
}

static void write_format(struct sut_jw *w, const struct sut_field *f)
{
    switch (f->type) {
    case SUT_F_EMAIL:
        key_z(w, "format", "email");
        break;
    case SUT_F_PASSWORD:
        key_z(w, "format", "password");
        break;
    case SUT_F_TIME:
        key_z(w, "format", "date-time");
        key_z(w, "pattern", "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z$");
        break;
    case SUT_F_URL:
        key_z(w, "format", "uri");
        break;
    case SUT_F_PRICE:
        key_z(w, "pattern",
              f->max > SUT_PRICE_MAX_CENTS ? "^\\d{1,17}\\.\\d{2}$" : "^\\d{1,4}(\\.\\d{1,2})?$");
        break;
    case SUT_F_STRING:
    case SUT_F_PHONE:
    case SUT_F_INT:
    case SUT_F_BOOL:
    case SUT_F_CHOICE:
    case SUT_F_NUMBER:
    case SUT_F_OBJECT:
    case SUT_F_ARRAY:
    case SUT_F_NULL:
        break;
    }
}

static void write_range(struct sut_jw *w, const struct sut_field *f)
{
    const bool is_text = f->type == SUT_F_STRING || f->type == SUT_F_EMAIL ||
                         f->type == SUT_F_PHONE || f->type == SUT_F_PASSWORD;
    if (is_text && f->min > 0)
        key_i64(w, "minLength", f->min);
    if (is_text && f->max > 0)
        key_i64(w, "maxLength", f->max);
    if (f->type == SUT_F_INT && (f->min != 0 || f->max != 0)) {
        key_i64(w, "minimum", f->min);
        key_i64(w, "maximum", f->max);
    }
}

static void write_field(struct sut_jw *w, const struct sut_field *f)
{
    sut_jw_obj(w);
    if (f->type == SUT_F_OBJECT && (f->flags & SUT_F_NULLABLE) != 0) {
        sut_jw_key(w, "anyOf");
        sut_jw_arr(w);
        sut_jw_obj(w);
        reference(w, sut_str_from(f->of->name));
        sut_jw_obj_end(w);
        sut_jw_obj(w);
        key_z(w, "type", "null");
        sut_jw_obj_end(w);
        sut_jw_arr_end(w);
    } else if (f->type == SUT_F_OBJECT && f->of == NULL) {
        /* An object of which nothing is read. */
        key_z(w, "type", "object");
    } else if (f->type == SUT_F_OBJECT) {
        reference(w, sut_str_from(f->of->name));
    } else {
        write_type(w, f);
    }
    if (f->type == SUT_F_ARRAY) {
        sut_jw_key(w, "items");
        sut_jw_obj(w);
        if (f->of != NULL)
            reference(w, sut_str_from(f->of->name));
        else
            key_z(w, "type", json_type_of(f->items));
        sut_jw_obj_end(w);
    }
    if (f->type == SUT_F_CHOICE && f->choices != NULL) {
        sut_jw_key(w, "enum");
        sut_jw_arr(w);
        for (const char *const *c = f->choices; *c != NULL; c++)
            sut_jw_z(w, *c);
        if ((f->flags & SUT_F_NULLABLE) != 0)
            sut_jw_null(w);
        sut_jw_arr_end(w);
    }
    write_format(w, f);
    write_range(w, f);
    if ((f->flags & SUT_F_SECRET) != 0) {
        sut_jw_key(w, "writeOnly");
        sut_jw_bool(w, true);
    }
    if (f->doc != NULL)
        key_z(w, "description", f->doc);
    sut_jw_obj_end(w);
}

static void write_schema(struct sut_jw *w, const struct known_schema *k)
{
    sut_jw_key(w, k->schema->name);
    sut_jw_obj(w);
    key_z(w, "type", "object");
    sut_jw_key(w, "properties");
    sut_jw_obj(w);
    for (size_t i = 0; i < k->schema->n; i++) {
        sut_jw_key(w, k->schema->fields[i].name);
        write_field(w, &k->schema->fields[i]);
    }
    sut_jw_obj_end(w);
    sut_jw_key(w, "required");
    sut_jw_arr(w);
    for (size_t i = 0; i < k->schema->n; i++) {
        const unsigned flags = k->schema->fields[i].flags;
        if (k->is_body ? (flags & SUT_F_REQUIRED) != 0 : (flags & SUT_F_OPTIONAL) == 0)
            sut_jw_z(w, k->schema->fields[i].name);
    }
    sut_jw_arr_end(w);
    sut_jw_key(w, "additionalProperties");
    sut_jw_bool(w, false);
    sut_jw_obj_end(w);
}

/* Of a sign-in that waits for its second factor. */
#define SECOND_FACTOR                                                                              \
    "\"ticket\":{\"type\":\"string\"},\"methods\":{\"type\":\"array\",\"items\":{\"enum\":"        \
    "[\"totp\",\"passkey\",\"recovery_code\"]}},\"passkey_options\":"                              \
    "{\"$ref\":\"#/components/schemas/PublicKeyCredentialRequestOptions\"}"

/* Of an order that asks for more than there is. */
#define SHORTAGES                                                                                  \
    "{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"object\",\"properties\":{"           \
    "\"product\":{\"type\":\"string\"},\"variant\":{\"type\":\"string\"},"                         \
    "\"requested\":{\"type\":\"integer\",\"minimum\":1},"                                          \
    "\"available\":{\"type\":\"integer\",\"minimum\":0}},"                                         \
    "\"required\":[\"product\",\"variant\",\"requested\",\"available\"],"                          \
    "\"additionalProperties\":false}},"

/* Shapes that every row shares; see contract A "errors, three shapes" and contract B's envelope. */
static const char shared_schemas[] =
    "\"Refusal\":{\"type\":\"object\",\"properties\":{\"detail\":{\"type\":\"string\"},"
    "\"code\":{\"type\":\"string\"},\"retry_after\":{\"type\":\"integer\",\"minimum\":1},"
    "\"messages\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
    "\"token_class\":{\"type\":\"string\"},\"token_type\":{\"type\":\"string\"},"
    "\"message\":{\"type\":\"string\"}},\"required\":[\"token_class\",\"token_type\",\"message\"],"
    "\"additionalProperties\":false}}," SECOND_FACTOR "},\"required\":[\"detail\",\"code\"],"
    "\"additionalProperties\":false},"
    "\"FieldErrors\":{\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":"
    "{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\"}}},"
    "\"DomainError\":{\"type\":\"object\",\"properties\":{\"success\":{\"const\":false},"
    "\"available_stock\":{\"type\":\"integer\",\"minimum\":0},"
    "\"requested_quantity\":{\"type\":\"integer\",\"minimum\":1},"
    "\"error\":{\"type\":\"string\"},\"code\":{\"type\":\"string\"},"
    "\"out_of_stock_items\":" SHORTAGES
    "\"current_status\":{\"type\":\"string\"},\"requested_status\":{\"type\":\"string\"},"
    "\"cancellable_statuses\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"password_strength\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":4},"
    "\"lockout\":{\"type\":\"boolean\"},\"retry_after\":{\"type\":\"integer\",\"minimum\":1}},"
    "\"required\":[\"error\"],\"additionalProperties\":false},"
    "\"ErrorEnvelope\":{\"type\":\"object\",\"properties\":{\"error\":{\"type\":\"object\","
    "\"properties\":{\"code\":{\"type\":\"integer\"},\"message\":{\"type\":\"string\"},"
    "\"reason\":{\"type\":\"string\"},\"fields\":{\"$ref\":\"#/components/schemas/FieldErrors\"},"
    "\"out_of_stock_items\":" SHORTAGES "\"current_status\":{\"type\":\"string\"},"
    "\"cancellable_statuses\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"rows\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
    "\"row\":{\"type\":\"integer\",\"minimum\":0},"
    "\"fields\":{\"$ref\":\"#/components/schemas/FieldErrors\"}},"
    "\"required\":[\"row\",\"fields\"],\"additionalProperties\":false}},"
    "\"password_strength\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":4},"
    "\"lockout\":{\"type\":\"boolean\"},\"retry_after\":{\"type\":\"integer\",\"minimum\":1}"
    "," SECOND_FACTOR "},"
    "\"required\":[\"code\",\"message\",\"reason\"],\"additionalProperties\":false}},"
    "\"required\":[\"error\"],\"additionalProperties\":false}";

static void write_components(struct doc *d)
{
    struct sut_jw *w = &d->w;
    sut_jw_key(w, "components");
    sut_jw_obj(w);
    sut_jw_key(w, "schemas");
    sut_jw_obj(w);
    for (size_t i = 0; i < d->n_schemas; i++)
        write_schema(w, &d->schemas[i]);
    if (w->comma)
        sut_buf_char(w->out, ',');
    sut_buf_z(w->out, shared_schemas);
    sut_jw_obj_end(w);
    sut_jw_key(w, "securitySchemes");
    sut_jw_obj(w);
    sut_jw_key(w, "bearer");
    sut_jw_obj(w);
    key_z(w, "type", "http");
    key_z(w, "scheme", "bearer");
    key_z(w, "bearerFormat", "JWT");
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
}

static void write_query_key(struct sut_jw *w, const struct sut_query_key *k)
{
    sut_jw_obj(w);
    key_z(w, "name", k->name);
    key_z(w, "in", "query");
    if (k->doc != NULL)
        key_z(w, "description", k->doc);
    sut_jw_key(w, "schema");
    sut_jw_obj(w);
    const bool is_int = k->type == SUT_Q_INT;
    key_z(w, "type", is_int ? "integer" : "string");
    if (is_int)
        key_i64(w, "minimum", 1);
    if (k->type == SUT_Q_PRICE)
        key_z(w, "pattern", "^\\d{1,4}(\\.\\d{1,2})?$");
    if (k->type == SUT_Q_SLUG)
        key_z(w, "pattern", "^[A-Za-z0-9_-]+$");
    if (k->type == SUT_Q_PEOPLE)
        key_z(w, "pattern", "^[\\p{L}\\p{N} '.,&@+_-]*$");
    if (!is_int && k->max > 0)
        key_i64(w, "maxLength", k->max);
    if (k->choices != NULL) {
        sut_jw_key(w, "enum");
        sut_jw_arr(w);
        for (const char *const *c = k->choices; *c != NULL; c++)
            sut_jw_z(w, *c);
        sut_jw_arr_end(w);
    }
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
}

static void write_idempotency_key(struct sut_jw *w)
{
    sut_jw_obj(w);
    key_z(w, "name", "Idempotency-Key");
    key_z(w, "in", "header");
    key_z(w, "description",
          "Sent again under the same key, the request acts once and gets the same answer, with"
          " Idempotency-Replayed: true; for 24 hours.");
    sut_jw_key(w, "schema");
    sut_jw_obj(w);
    key_z(w, "type", "string");
    key_z(w, "pattern", "^[!-~]+$");
    key_i64(w, "maxLength", SUT_IDEMPOTENCY_KEY_MAX);
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
}

static void write_parameters(struct sut_jw *w, const struct place *p)
{
    sut_jw_key(w, "parameters");
    sut_jw_arr(w);
    const sut_str path = sut_str_from(p->path);
    for (size_t at = sut_str_find(path, 0, '{'); at < path.n;
         at = sut_str_find(path, at + 1, '{')) {
        const sut_str name = sut_str_sub(path, at + 1, sut_str_find(path, at, '}'));
        const bool is_id = sut_str_is(name, "id") || sut_str_ends(name, SUT_STR("_id"));
        sut_jw_obj(w);
        sut_jw_key(w, "name");
        sut_jw_str(w, name);
        key_z(w, "in", "path");
        sut_jw_key(w, "required");
        sut_jw_bool(w, true);
        sut_jw_key(w, "schema");
        sut_jw_obj(w);
        key_z(w, "type", is_id ? "integer" : "string");
        if (is_id)
            key_i64(w, "minimum", 1);
        sut_jw_obj_end(w);
        sut_jw_obj_end(w);
    }
    for (const struct sut_query_key *k = p->row->query; k != NULL && k->name != NULL; k++)
        write_query_key(w, k);
    api_openapi_browser_headers(w, p->row);
    if ((p->row->flags & SUT_ROUTE_CREATES) != 0)
        write_idempotency_key(w);
    sut_jw_arr_end(w);
}

static void open_answer(struct sut_jw *w, int status, const char *description)
{
    char code[16];
    (void) snprintf(code, sizeof(code), "%d", status);
    sut_jw_key_str(w, sut_str_from(code));
    sut_jw_obj(w);
    const char *text = sut_status_text(status);
    key_z(w, "description", description != NULL ? description : text);
}

static void write_answer(struct sut_jw *w, const struct sut_answer *an)
{
    const bool is_json = an->type == NULL || strcmp(an->type, "application/json") == 0;
    open_answer(w, an->status, an->doc);
    if (an->schema != NULL || an->type != NULL) {
        sut_jw_key(w, "content");
        sut_jw_obj(w);
        sut_jw_key(w, is_json ? "application/json" : an->type);
        sut_jw_obj(w);
        sut_jw_key(w, "schema");
        sut_jw_obj(w);
        if (an->schema == NULL) {
            key_z(w, "type", is_json ? "object" : "string");
        } else if ((an->flags & SUT_ANSWER_ARRAY) != 0) {
            key_z(w, "type", "array");
            sut_jw_key(w, "items");
            sut_jw_obj(w);
            reference(w, sut_str_from(an->schema->name));
            sut_jw_obj_end(w);
        } else {
            reference(w, sut_str_from(an->schema->name));
        }
        sut_jw_obj_end(w);
        sut_jw_obj_end(w);
        sut_jw_obj_end(w);
    }
    sut_jw_obj_end(w);
}

static void write_error(struct sut_jw *w, enum sut_contract contract, int status)
{
    static const char *const shapes_a[] = { "Refusal", "DomainError", "FieldErrors" };
    open_answer(w, status, NULL);
    sut_jw_key(w, "content");
    sut_jw_obj(w);
    sut_jw_key(w, "application/json");
    sut_jw_obj(w);
    sut_jw_key(w, "schema");
    sut_jw_obj(w);
    if (contract == SUT_CONTRACT_B) {
        reference(w, SUT_STR("ErrorEnvelope"));
    } else {
        sut_jw_key(w, "anyOf");
        sut_jw_arr(w);
        for (size_t i = 0; i < (status == 400 ? 3u : 2u); i++) {
            sut_jw_obj(w);
            reference(w, sut_str_from(shapes_a[i]));
            sut_jw_obj_end(w);
        }
        sut_jw_arr_end(w);
    }
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
}

static bool has_answer(const struct sut_route *row, int status)
{
    for (const struct sut_answer *an = row->answers; an != NULL && an->status != 0; an++)
        if (an->status == status)
            return true;
    return false;
}

/* What the guard itself may say before the row's handler runs. */
static bool guard_may(const struct sut_route *row, int status)
{
    switch (status) {
    case 401:
        return (row->flags & SUT_ROUTE_NO_TOKEN) == 0;
    case 413:
    case 415:
        return row->body != NULL || row->upload != NULL;
    case 409:
    case 422:
        return (row->flags & SUT_ROUTE_CREATES) != 0;
    case 429:
        return (row->flags & SUT_ROUTE_UNCOUNTED) == 0;
    default:
        return true;
    }
}

/* A token; one that may be left out; or none, where it is not looked at. */
static void write_security(struct sut_jw *w, const struct sut_route *row)
{
    const bool is_open = row->policy == SUT_POLICY_ANYONE;
    sut_jw_key(w, "security");
    sut_jw_arr(w);
    if (is_open && (row->flags & SUT_ROUTE_NO_TOKEN) == 0) {
        sut_jw_obj(w);
        sut_jw_obj_end(w);
    }
    if (!is_open || (row->flags & SUT_ROUTE_NO_TOKEN) == 0) {
        sut_jw_obj(w);
        sut_jw_key(w, "bearer");
        sut_jw_arr(w);
        sut_jw_arr_end(w);
        sut_jw_obj_end(w);
    }
    sut_jw_arr_end(w);
}

/* The media type `application/json`. */
static void write_json_body(struct sut_jw *w, const struct sut_route *row)
{
    sut_jw_key(w, "application/json");
    sut_jw_obj(w);
    sut_jw_key(w, "schema");
    sut_jw_obj(w);
    if (row->rows_max > 0) {
        key_z(w, "type", "array");
        key_i64(w, "minItems", 1);
        key_i64(w, "maxItems", (int64_t) row->rows_max);
        sut_jw_key(w, "items");
        sut_jw_obj(w);
    }
    reference(w, sut_str_from(row->body->name));
    if (row->rows_max > 0)
        sut_jw_obj_end(w);
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
}

/* The media type `multipart/form-data`: the file, and the body's fields beside it. */
static void write_form_body(struct sut_jw *w, const struct sut_route *row)
{
    const struct sut_route_upload *u = row->upload;
    const struct sut_schema *s = row->body;
    sut_jw_key(w, "multipart/form-data");
    sut_jw_obj(w);
    sut_jw_key(w, "schema");
    sut_jw_obj(w);
    key_z(w, "type", "object");
    sut_jw_key(w, "properties");
    sut_jw_obj(w);
    for (size_t i = 0; s != NULL && i < s->n; i++) {
        if (strcmp(s->fields[i].name, u->field) == 0)
            continue;
        sut_jw_key(w, s->fields[i].name);
        write_field(w, &s->fields[i]);
    }
    sut_jw_key(w, u->field);
    sut_jw_obj(w);
    key_z(w, "type", "string");
    key_z(w, "contentMediaType", "application/octet-stream");
    if (u->doc != NULL)
        key_z(w, "description", u->doc);
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
    sut_jw_key(w, "required");
    sut_jw_arr(w);
    if (u->is_required)
        sut_jw_z(w, u->field);
    for (size_t i = 0; s != NULL && i < s->n; i++)
        if ((s->fields[i].flags & SUT_F_REQUIRED) != 0)
            sut_jw_z(w, s->fields[i].name);
    sut_jw_arr_end(w);
    sut_jw_key(w, "additionalProperties");
    sut_jw_bool(w, false);
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
}

/* As its sender has it. */
static void write_raw_body(struct sut_jw *w)
{
    sut_jw_key(w, "application/json");
    sut_jw_obj(w);
    sut_jw_key(w, "schema");
    sut_jw_obj(w);
    key_z(w, "type", "object");
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
}

static void write_request_body(struct sut_jw *w, const struct sut_route *row)
{
    if (row->body == NULL && row->upload == NULL && (row->flags & SUT_ROUTE_RAW) == 0)
        return;
    sut_jw_key(w, "requestBody");
    sut_jw_obj(w);
    sut_jw_key(w, "content");
    sut_jw_obj(w);
    if (row->body != NULL && (row->upload == NULL || !row->upload->is_required))
        write_json_body(w, row);
    if (row->upload != NULL)
        write_form_body(w, row);
    if ((row->flags & SUT_ROUTE_RAW) != 0)
        write_raw_body(w);
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
}

static void write_operation(struct sut_jw *w, const struct place *p)
{
    static const int guard_statuses[] = { 400, 401, 403, 409, 413, 415, 422, 429, 500, 503 };
    static const char *const methods[] = {
        [SUT_GET] = "get",         [SUT_HEAD] = "head",   [SUT_POST] = "post",
        [SUT_PUT] = "put",         [SUT_PATCH] = "patch", [SUT_DELETE] = "delete",
        [SUT_OPTIONS] = "options",
    };
    const struct sut_route *row = p->row;
    const enum sut_contract contract = sut_contract_of(sut_str_from(p->path));
    char name[96];
    if (p->alias == 0)
        (void) snprintf(name, sizeof(name), "%s", row->name);
    else
        (void) snprintf(name, sizeof(name), "%s_alias%u", row->name, p->alias);

    sut_jw_key(w, methods[row->method]);
    sut_jw_obj(w);
    key_z(w, "operationId", name);
    key_z(w, "summary", row->summary);
    sut_jw_key(w, "tags");
    sut_jw_arr(w);
    sut_jw_z(w, row->tag);
    sut_jw_arr_end(w);
    key_z(w, "x-policy", sut_policy_name(row->policy));
    write_security(w, row);
    write_parameters(w, p);
    write_request_body(w, row);
    sut_jw_key(w, "responses");
    sut_jw_obj(w);
    for (const struct sut_answer *an = row->answers; an != NULL && an->status != 0; an++)
        if (an->status < 400 || an->schema != NULL)
            write_answer(w, an);
    for (const struct sut_answer *an = row->answers; an != NULL && an->status != 0; an++)
        if (an->status >= 400 && an->schema == NULL)
            write_error(w, contract, an->status);
    for (size_t i = 0; i < sizeof(guard_statuses) / sizeof(guard_statuses[0]); i++)
        if (!has_answer(row, guard_statuses[i]) && guard_may(row, guard_statuses[i]))
            write_error(w, contract, guard_statuses[i]);
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
}

static void write_paths(struct doc *d)
{
    struct sut_jw *w = &d->w;
    sut_jw_key(w, "paths");
    sut_jw_obj(w);
    for (size_t i = 0; i < d->n_places;) {
        const char *path = d->places[i].path;
        sut_jw_key(w, path);
        sut_jw_obj(w);
        for (; i < d->n_places && strcmp(d->places[i].path, path) == 0; i++)
            write_operation(w, &d->places[i]);
        sut_jw_obj_end(w);
    }
    sut_jw_obj_end(w);
}

SUT_ERR api_openapi_write(struct sut_arena *a, struct sut_buf *out,
                          const struct sut_routes *const *tables, size_t n, const char *server_url)
{
    struct doc d = { .w = sut_jw_of(out), .a = a };
    d.schemas = ARENA_ARRAY(a, struct known_schema, SCHEMAS_MAX);
    d.places = ARENA_ARRAY(a, struct place, PLACES_MAX);
    ENSURE(d.schemas != NULL && d.places != NULL, NOMEM);
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < tables[t]->n; i++)
            TRY(note_row(&d, &tables[t]->rows[i]));
    qsort(d.places, d.n_places, sizeof(d.places[0]), by_path);

    sut_jw_obj(&d.w);
    key_z(&d.w, "openapi", "3.1.0");
    sut_jw_key(&d.w, "info");
    sut_jw_obj(&d.w);
    key_z(&d.w, "title", "Sutler");
    key_z(&d.w, "version", SUT_VERSION);
    key_z(&d.w, "description",
          "A shop's backend: accounts and catalogue, by two public contracts over one domain.");
    sut_jw_key(&d.w, "license");
    sut_jw_obj(&d.w);
    key_z(&d.w, "name", "Apache-2.0");
    key_z(&d.w, "identifier", "Apache-2.0");
    sut_jw_obj_end(&d.w);
    sut_jw_obj_end(&d.w);
    sut_jw_key(&d.w, "servers");
    sut_jw_arr(&d.w);
    sut_jw_obj(&d.w);
    key_z(&d.w, "url", server_url);
    sut_jw_obj_end(&d.w);
    sut_jw_arr_end(&d.w);
    write_paths(&d);
    write_components(&d);
    sut_jw_obj_end(&d.w);
    return sut_buf_check(out);
}
