/* SPDX-License-Identifier: Apache-2.0 */
#include "api/account.h"
#include "api/page.h"
#include "api/routes.h"
#include "guard/reply.h"
#include "log/log.h"
#include "shop/person.h"

enum { NAME_MAX = 150, PHONE_MAX = 15, TAX_MAX = 50, PAGE_SIZE = 20, PAGE_SIZE_MAX = 100 };

static const struct sut_field change_fields[] = {
    { .name = "first_name", .type = SUT_F_STRING, .flags = SUT_F_BLANK, .max = NAME_MAX },
    { .name = "last_name", .type = SUT_F_STRING, .flags = SUT_F_BLANK, .max = NAME_MAX },
    { .name = "phone",
      .type = SUT_F_PHONE,
      .flags = SUT_F_NULLABLE | SUT_F_BLANK,
      .max = PHONE_MAX },
    { .name = "tax_number",
      .type = SUT_F_STRING,
      .flags = SUT_F_NULLABLE | SUT_F_BLANK,
      .max = TAX_MAX },
};
static const struct sut_schema change_body = SUT_SCHEMA("NsggProfileChange", change_fields);

/* What a person's row shows; the tax number to its owner alone. */
#define PERSON_FIELDS                                                                              \
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },                               \
        { .name = "email", .type = SUT_F_EMAIL }, { .name = "username", .type = SUT_F_STRING },    \
        { .name = "first_name", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },                   \
        { .name = "last_name", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },                    \
        { .name = "phone", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },                        \
        { .name = "is_active", .type = SUT_F_BOOL }, { .name = "is_staff", .type = SUT_F_BOOL },   \
        { .name = "groups", .type = SUT_F_ARRAY, .items = SUT_F_STRING },                          \
        { .name = "date_joined", .type = SUT_F_TIME },                                             \
    {                                                                                              \
        .name = "last_login", .type = SUT_F_TIME, .flags = SUT_F_NULLABLE                          \
    }

static const struct sut_field person_fields[] = { PERSON_FIELDS };
static const struct sut_schema person = SUT_SCHEMA("Person", person_fields);

static const struct sut_field self_fields[] = {
    PERSON_FIELDS,
    { .name = "tax_number", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
};
static const struct sut_schema self = SUT_SCHEMA("PersonSelf", self_fields);

static const struct sut_field page_fields[] = {
    { .name = "count", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
    { .name = "next", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "previous", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "results", .type = SUT_F_ARRAY, .of = &person },
};
static const struct sut_schema page_of_people = SUT_SCHEMA("PersonPage", page_fields);

static SUT_ERR write_person(struct sut_req *r, struct sut_jw *w, const struct sut_person_row *p,
                            bool is_self)
{
    struct sut_db_conn *conn = NULL;
    sut_str *groups = NULL;
    size_t n = 0;
    TRY(sut_req_conn(r, &conn));
    TRY(sut_person_groups(conn, r->arena, p->id, &groups, &n));
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, p->id);
    sut_jw_key(w, "email");
    sut_jw_str(w, p->email);
    sut_jw_key(w, "username");
    sut_jw_str(w, p->username);
    sut_jw_key(w, "first_name");
    sut_jw_str_or_null(w, p->first_name.n == 0 ? (sut_str){ 0 } : p->first_name);
    sut_jw_key(w, "last_name");
    sut_jw_str_or_null(w, p->last_name.n == 0 ? (sut_str){ 0 } : p->last_name);
    sut_jw_key(w, "phone");
    sut_jw_str_or_null(w, p->phone);
    if (is_self) {
        sut_jw_key(w, "tax_number");
        sut_jw_str_or_null(w, p->tax_number);
    }
    sut_jw_key(w, "is_active");
    sut_jw_bool(w, p->is_active);
    sut_jw_key(w, "is_staff");
    sut_jw_bool(w, p->is_staff);
    sut_jw_key(w, "groups");
    sut_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        sut_jw_str(w, groups[i]);
    sut_jw_arr_end(w);
    sut_jw_key(w, "date_joined");
    sut_jw_time(w, p->date_joined);
    sut_jw_key(w, "last_login");
    if (p->last_login.v == 0)
        sut_jw_null(w);
    else
        sut_jw_time(w, p->last_login);
    sut_jw_obj_end(w);
    return SUT_OK;
}

static sut_err get_me(struct sut_req *r)
{
    struct sut_person_row p;
    TRY(api_account_self(r, &p));
    struct sut_jw w = sut_reply_json(r, 200);
    return write_person(r, &w, &p, true);
}

static sut_err patch_me(struct sut_req *r)
{
    const struct sut_person_change change = {
        .has_first_name = sut_req_has(r, "first_name"),
        .first_name = sut_req_text(r, "first_name"),
        .has_last_name = sut_req_has(r, "last_name"),
        .last_name = sut_req_text(r, "last_name"),
        .has_phone = sut_req_has(r, "phone"),
        .phone = sut_req_text(r, "phone"),
        .has_tax_number = sut_req_has(r, "tax_number"),
        .tax_number = sut_req_text(r, "tax_number"),
    };
    struct sut_person_row p;
    TRY(api_account_change(r, &change, &p));
    struct sut_jw w = sut_reply_json(r, 200);
    return write_person(r, &w, &p, true);
}

static sut_err get_people(struct sut_req *r)
{
    struct api_page page = api_page_of(r, PAGE_SIZE, PAGE_SIZE_MAX);
    struct sut_db_conn *conn = NULL;
    struct sut_person_row *people = NULL;
    size_t n = 0;
    TRY(sut_req_conn(r, &conn));
    const struct sut_person_query q = {
        .search = sut_req_query(r, "search"),
        .offset = (size_t) page.offset,
        .limit = (size_t) page.size,
    };
    TRY(sut_person_list(conn, r->arena, &q, &people, &n, &page.count));
    if (!api_page_is_there(r, &page))
        return SUT_OK;
    struct sut_jw w = sut_reply_json(r, 200);
    api_page_open(r, &w, &page);
    for (size_t i = 0; i < n; i++) {
        if (people[i].is_lost)
            sut_log(SUT_LOG_ERROR, "sealed_field_lost", LOG_PERSON("user", people[i].id));
        TRY(write_person(r, &w, &people[i], false));
    }
    api_page_close(&w);
    return SUT_OK;
}

static const struct sut_query_key search_keys[] = {
    { .name = "search",
      .type = SUT_Q_PEOPLE,
      .max = 254,
      .doc = "An email address, a phone number or a user name, whole, or words of a name" },
    { .name = "page", .type = SUT_Q_INT, .max = API_PAGE_MAX },
    { .name = "page_size", .type = SUT_Q_INT, .max = API_PAGE_MAX, .doc = "20; above 100 is 100" },
    { 0 },
};

static const struct sut_answer self_answers[] = { { .status = 200, .schema = &self }, { 0 } };
static const struct sut_answer people_answers[] = {
    { .status = 200, .schema = &page_of_people },
    { .status = 404, .doc = "Invalid page." },
    { 0 },
};

static const struct sut_route rows[] = {
    {
        .method = SUT_GET,
        .path = "/api/v1/users/me/",
        .name = "nsgg_me",
        .summary = "The signed-in person",
        .tag = "people",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_SECRET | SUT_ROUTE_UNVERIFIED_OK,
        .answers = self_answers,
        .handle = get_me,
    },
    {
        .method = SUT_PATCH,
        .path = "/api/v1/users/me/",
        .name = "nsgg_me_patch",
        .summary = "Change names, phone or tax number",
        .tag = "people",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_SECRET | SUT_ROUTE_UNVERIFIED_OK,
        .body = &change_body,
        .answers = self_answers,
        .handle = patch_me,
    },
    {
        .method = SUT_GET,
        .path = "/api/v1/users/",
        .aliases = { "/api/users/" },
        .name = "people",
        .summary = "The people of the shop",
        .tag = "people",
        .policy = SUT_POLICY_STAFF,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_SECRET,
        .query = search_keys,
        .answers = people_answers,
        .handle = get_people,
    },
};

const struct sut_routes api_nsgg_people_routes = SUT_ROUTES(rows);
