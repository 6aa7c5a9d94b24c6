/* SPDX-License-Identifier: Apache-2.0
 *
 * addresses - contract B's routes of a person's addresses.
 */
#include "api/entry.h"
#include "api/page.h"
#include "api/routes.h"
#include "audit/audit.h"
#include "guard/idempotency.h"
#include "guard/reply.h"
#include "shop/address.h"
#include "store/store.h"

enum { PAGE_SIZE = 20, PAGE_SIZE_MAX = 100 };

static const char *const names[SUT_POSTAL_FIELDS] = {
    [SUT_POSTAL_LABEL] = "label",
    [SUT_POSTAL_NAME] = "name",
    [SUT_POSTAL_LINE1] = "line1",
    [SUT_POSTAL_LINE2] = "line2",
    [SUT_POSTAL_CITY] = "city",
    [SUT_POSTAL_REGION] = "region",
    [SUT_POSTAL_POSTAL_CODE] = "postal_code",
    [SUT_POSTAL_COUNTRY] = "country",
    [SUT_POSTAL_PHONE] = "phone",
};

/* --- bodies and answers --- */

#define OPTIONAL (SUT_F_NULLABLE | SUT_F_BLANK)
#define FIELDS(needed)                                                                             \
    { .name = "label", .type = SUT_F_STRING, .flags = OPTIONAL, .max = SUT_POSTAL_LABEL_MAX },     \
        { .name = "name", .type = SUT_F_STRING, .flags = (needed), .max = SUT_POSTAL_NAME_MAX },   \
        { .name = "line1", .type = SUT_F_STRING, .flags = (needed), .max = SUT_POSTAL_LINE_MAX },  \
        { .name = "line2", .type = SUT_F_STRING, .flags = OPTIONAL, .max = SUT_POSTAL_LINE_MAX },  \
        { .name = "city", .type = SUT_F_STRING, .flags = (needed), .max = SUT_POSTAL_CITY_MAX },   \
        { .name = "region",                                                                        \
          .type = SUT_F_STRING,                                                                    \
          .flags = OPTIONAL,                                                                       \
          .max = SUT_POSTAL_REGION_MAX },                                                          \
        { .name = "postal_code",                                                                   \
          .type = SUT_F_STRING,                                                                    \
          .flags = OPTIONAL,                                                                       \
          .max = SUT_POSTAL_CODE_MAX },                                                            \
        { .name = "country",                                                                       \
          .type = SUT_F_STRING,                                                                    \
          .flags = (needed),                                                                       \
          .max = 2,                                                                                \
          .doc = "ISO 3166-1, two letters" },                                                      \
        { .name = "phone", .type = SUT_F_PHONE, .flags = OPTIONAL, .max = SUT_POSTAL_PHONE_MAX },  \
    {                                                                                              \
        .name = "is_default", .type = SUT_F_BOOL                                                   \
    }

static const struct sut_field make_fields[] = { FIELDS(SUT_F_REQUIRED) };
static const struct sut_schema make_body = SUT_SCHEMA("NsggAddressMake", make_fields);
static const struct sut_field change_fields[] = { FIELDS(0) };
static const struct sut_schema change_body = SUT_SCHEMA("NsggAddressChange", change_fields);

static const struct sut_field address_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "label", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "name", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "line1", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "line2", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "city", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "region", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "postal_code", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "country", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "phone", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "is_default", .type = SUT_F_BOOL },
    { .name = "created_at", .type = SUT_F_TIME },
    { .name = "modified_at", .type = SUT_F_TIME },
};
static const struct sut_schema address = SUT_SCHEMA("NsggAddress", address_fields);

static const struct sut_field page_fields[] = {
    { .name = "count", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
    { .name = "next", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "previous", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "results", .type = SUT_F_ARRAY, .of = &address },
};
static const struct sut_schema page_of_addresses = SUT_SCHEMA("NsggAddressPage", page_fields);

static const struct sut_query_key list_keys[] = {
    { .name = "page", .type = SUT_Q_INT, .max = API_PAGE_MAX },
    { .name = "page_size", .type = SUT_Q_INT, .max = API_PAGE_MAX, .doc = "20; above 100 is 100" },
    { 0 },
};

static const struct sut_answer list_answers[] = {
    { .status = 200, .schema = &page_of_addresses },
    { .status = 404, .doc = "Invalid page." },
    { 0 },
};
static const struct sut_answer make_answers[] = {
    { .status = 201, .schema = &address },
    { .status = 400, .doc = "Fields, or too many addresses" },
    { 0 },
};
static const struct sut_answer one_answers[] = {
    { .status = 200, .schema = &address },
    { .status = 404, .doc = "No such address of this person" },
    { 0 },
};
static const struct sut_answer drop_answers[] = {
    { .status = 204, .doc = "Gone" },
    { .status = 404, .doc = "No such address of this person" },
    { 0 },
};

/* --- reading --- */

static void write_address(struct sut_jw *w, const struct sut_postal *p)
{
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, p->id);
    for (int i = 0; i < SUT_POSTAL_FIELDS; i++) {
        sut_jw_key(w, names[i]);
        sut_jw_str_or_null(w, p->v[i]);
    }
    sut_jw_key(w, "is_default");
    sut_jw_bool(w, p->is_default);
    sut_jw_key(w, "created_at");
    sut_jw_time(w, p->created_at);
    sut_jw_key(w, "modified_at");
    sut_jw_time(w, p->modified_at);
    sut_jw_obj_end(w);
}

static sut_err get_list(struct sut_req *r)
{
    struct api_page page = api_page_of(r, PAGE_SIZE, PAGE_SIZE_MAX);
    struct sut_postal *rows = NULL;
    struct sut_db_conn *c = NULL;
    size_t n = 0;
    TRY(sut_req_conn(r, &c));
    TRY(sut_postal_list(c, r->arena, r->auth.user_id, &rows, &n));
    page.count = (int64_t) n;
    if (!api_page_is_there(r, &page))
        return SUT_OK;
    struct sut_jw w = sut_reply_json(r, 200);
    api_page_open(r, &w, &page);
    for (int64_t i = page.offset; i < page.count && i < page.offset + page.size; i++)
        write_address(&w, &rows[i]);
    api_page_close(&w);
    return SUT_OK;
}

/* NOT_FOUND for what is another's. */
static SUT_ERR send_one(struct sut_req *r, int status, int64_t id)
{
    struct sut_postal p;
    struct sut_db_conn *c = NULL;
    TRY(sut_req_conn(r, &c));
    TRY(sut_postal_find(c, r->arena, r->auth.user_id, id, &p));
    struct sut_jw w = sut_reply_json(r, status);
    write_address(&w, &p);
    return SUT_OK;
}

static int64_t named_id(const struct sut_req *r)
{
    return sut_route_param(&r->match, "id").id;
}

static sut_err get_one(struct sut_req *r)
{
    return send_one(r, 200, named_id(r));
}

/* --- changing --- */

struct changing {
    struct sut_req *r;
    struct sut_mark mark; /* a job may run again: its memory begins here */
    struct sut_postal sent;
    bool is_sent[SUT_POSTAL_FIELDS];
    bool is_default_sent;
    bool is_full;
    int64_t id;
};

/* The fields of the body; false: the answer of a fault is made. */
static SUT_ERR read_body(struct sut_req *r, bool is_whole, struct changing *a, bool *ret)
{
    *ret = true;
    a->sent.person = r->auth.user_id;
    for (int i = 0; i < SUT_POSTAL_FIELDS; i++) {
        const sut_str v = sut_req_text(r, names[i]);
        a->is_sent[i] = is_whole || sut_req_has(r, names[i]);
        a->sent.v[i] = v.n == 0 ? (sut_str){ 0 } : v;
    }
    a->is_default_sent = is_whole || sut_req_has(r, "is_default");
    a->sent.is_default = sut_schema_bool(r->body, "is_default", false);
    if (!a->is_sent[SUT_POSTAL_COUNTRY])
        return SUT_OK;
    const sut_err e =
        sut_postal_country(r->arena, a->sent.v[SUT_POSTAL_COUNTRY], &a->sent.v[SUT_POSTAL_COUNTRY]);
    if (e.code != SUT_E_INVALID)
        return e;
    sut_reply_fault(r, "country", "Enter the two letters of a country.");
    *ret = false;
    return SUT_OK;
}

static SUT_ERR audit(struct sut_db_conn *c, const struct changing *a, enum sut_action action,
                     int64_t id)
{
    const struct sut_req *r = a->r;
    return sut_audit_write_id(c, action, r->auth.user_id, "address", id, api_entry_addr(r), r->now);
}

static SUT_ERR make_job(struct sut_db_conn *c, void *arg)
{
    struct changing *a = arg;
    TRY(sut_req_claim(a->r, c));
    const sut_err e = sut_postal_insert(c, &a->sent, a->r->now, &a->id);
    a->is_full = e.code == SUT_E_FULL;
    TRY(e);
    TRY(audit(c, a, SUT_ACTION_USER_ADDRESS_ADD, a->id));
    return sut_req_claim_made(a->r, c, a->id);
}

static sut_err post_address(struct sut_req *r)
{
    struct changing a = { .r = r, .id = sut_req_claim_resource(r) };
    bool is_good = true;
    if (a.id == 0) {
        TRY(read_body(r, true, &a, &is_good));
        if (!is_good)
            return SUT_OK;
        const sut_err e = sut_store_write(r->app->store, make_job, &a);
        if (a.is_full && !sut_req_claim_lost(r)) {
            sut_reply_domain(r, 400, "invalid", SUT_STR("There are too many addresses"));
            return SUT_OK;
        }
        TRY(e);
    }
    return send_one(r, 201, a.id);
}

static SUT_ERR change_job(struct sut_db_conn *c, void *arg)
{
    struct changing *a = arg;
    struct sut_postal p;
    sut_arena_rewind(a->r->arena, a->mark);
    TRY(sut_postal_find(c, a->r->arena, a->r->auth.user_id, a->id, &p));
    for (int i = 0; i < SUT_POSTAL_FIELDS; i++)
        if (a->is_sent[i])
            p.v[i] = a->sent.v[i];
    if (a->is_default_sent)
        p.is_default = a->sent.is_default;
    TRY(sut_postal_update(c, &p, a->r->now));
    return audit(c, a, SUT_ACTION_USER_ADDRESS_UPDATE, a->id);
}

static sut_err change(struct sut_req *r, bool is_whole)
{
    struct changing a = { .r = r, .id = named_id(r) };
    bool is_good = true;
    TRY(read_body(r, is_whole, &a, &is_good));
    if (!is_good)
        return SUT_OK;
    a.mark = sut_arena_mark(r->arena);
    TRY(sut_store_write(r->app->store, change_job, &a));
    return send_one(r, 200, a.id);
}

static sut_err put_address(struct sut_req *r)
{
    return change(r, true);
}

static sut_err patch_address(struct sut_req *r)
{
    return change(r, false);
}

static SUT_ERR drop_job(struct sut_db_conn *c, void *arg)
{
    struct changing *a = arg;
    TRY(sut_postal_remove(c, a->r->auth.user_id, a->id));
    return audit(c, a, SUT_ACTION_USER_ADDRESS_REMOVE, a->id);
}

static sut_err delete_address(struct sut_req *r)
{
    struct changing a = { .r = r, .id = named_id(r) };
    TRY(sut_store_write(r->app->store, drop_job, &a));
    sut_reply_empty(r, 204);
    return SUT_OK;
}

/* --- rows --- */

static const struct sut_route rows[] = {
    {
        .method = SUT_GET,
        .path = "/api/v1/users/me/addresses/",
        .name = "nsgg_addresses",
        .summary = "One's addresses",
        .tag = "addresses",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_READ,
        .query = list_keys,
        .answers = list_answers,
        .handle = get_list,
    },
    {
        .method = SUT_POST,
        .path = "/api/v1/users/me/addresses/",
        .name = "nsgg_address_make",
        .summary = "Add an address",
        .tag = "addresses",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_CREATES,
        .body = &make_body,
        .answers = make_answers,
        .handle = post_address,
    },
    {
        .method = SUT_GET,
        .path = "/api/v1/users/me/addresses/{id}/",
        .name = "nsgg_address",
        .summary = "An address",
        .tag = "addresses",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_READ,
        .answers = one_answers,
        .handle = get_one,
    },
    {
        .method = SUT_PUT,
        .path = "/api/v1/users/me/addresses/{id}/",
        .name = "nsgg_address_put",
        .summary = "Put an address anew",
        .tag = "addresses",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .body = &make_body,
        .answers = one_answers,
        .handle = put_address,
    },
    {
        .method = SUT_PATCH,
        .path = "/api/v1/users/me/addresses/{id}/",
        .name = "nsgg_address_change",
        .summary = "Change some of an address",
        .tag = "addresses",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .body = &change_body,
        .answers = one_answers,
        .handle = patch_address,
    },
    {
        .method = SUT_DELETE,
        .path = "/api/v1/users/me/addresses/{id}/",
        .name = "nsgg_address_drop",
        .summary = "Take an address away",
        .tag = "addresses",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .answers = drop_answers,
        .handle = delete_address,
    },
};

const struct sut_routes api_nsgg_address_routes = SUT_ROUTES(rows);
