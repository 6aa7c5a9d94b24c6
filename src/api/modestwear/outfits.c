/* SPDX-License-Identifier: Apache-2.0
 *
 * outfits - contract A's routes that show outfits; outfit_changes.c has the others.
 */
#include "api/modestwear/outfit_json.h"
#include "api/page.h"
#include "api/routes.h"

enum {
    PAGE_SIZE = 20,
    PAGE_SIZE_MAX = 50,
    SEARCH_MAX = 200,
};

/* --- queries, answers --- */

static const char *const booleans[] = { "true", "false", "True", "False", "1", "0", NULL };
static const struct sut_query_key list_keys[] = {
    { .name = "is_public", .type = SUT_Q_CHOICE, .choices = booleans },
    { .name = "search",
      .type = SUT_Q_TEXT,
      .max = SEARCH_MAX,
      .doc = "A part of name or description" },
    { .name = "user_id", .type = SUT_Q_INT, .max = INT64_MAX, .doc = "Staff alone" },
    { .name = "page", .type = SUT_Q_INT, .max = API_PAGE_MAX },
    { .name = "page_size", .type = SUT_Q_INT, .max = API_PAGE_MAX, .doc = "20; above 50 is 50" },
    { 0 },
};

static const char *const orderings[] = { "created_at", "-created_at", "views", "-views", NULL };
static const enum sut_outfit_order orders[] = { SUT_OUTFITS_OLDEST, SUT_OUTFITS_NEWEST,
                                                SUT_OUTFITS_LEAST_VIEWED, SUT_OUTFITS_MOST_VIEWED };
static const struct sut_query_key public_keys[] = {
    { .name = "search",
      .type = SUT_Q_TEXT,
      .max = SEARCH_MAX,
      .doc = "A part of name or description" },
    { .name = "ordering", .type = SUT_Q_CHOICE, .choices = orderings },
    { .name = "page", .type = SUT_Q_INT, .max = API_PAGE_MAX },
    { .name = "page_size", .type = SUT_Q_INT, .max = API_PAGE_MAX, .doc = "20; above 50 is 50" },
    { 0 },
};

static const struct sut_answer list_answers[] = {
    { .status = 200, .schema = &api_a_outfit_page },
    { .status = 401, .doc = "user_id, and nobody is signed in" },
    { .status = 403, .doc = "user_id, and it is not staff that asks" },
    { .status = 404, .doc = "Invalid page." },
    { 0 },
};
static const struct sut_answer public_answers[] = {
    { .status = 200, .schema = &api_a_outfit_page },
    { .status = 404, .doc = "Invalid page." },
    { 0 },
};
static const struct sut_answer own_answers[] = {
    { .status = 200, .schema = &api_a_outfit_list },
    { 0 },
};
static const struct sut_answer get_answers[] = {
    { .status = 200, .schema = &api_a_outfit },
    { .status = 404, .doc = "Not there, or another's and private" },
    { 0 },
};
/* --- lists --- */

static int64_t person_of(const struct sut_req *r)
{
    return r->auth.state == SUT_AUTH_USER ? r->auth.user_id : 0;
}

static sut_err send_page(struct sut_req *r, struct sut_outfit_query *q)
{
    struct api_page page = api_page_of(r, PAGE_SIZE, PAGE_SIZE_MAX);
    struct sut_outfit *rows = NULL;
    struct api_outfits o;
    struct sut_db_conn *c = NULL;
    size_t n = 0;
    q->search = sut_req_query(r, "search");
    q->limit = page.size;
    q->offset = page.offset;
    TRY(sut_req_conn(r, &c));
    TRY(sut_outfit_list(c, r->arena, q, &rows, &n, &page.count));
    if (!api_page_is_there(r, &page))
        return SUT_OK;
    TRY(api_outfits_load(r, c, rows, n, &o));
    struct sut_jw w = sut_reply_json(r, 200);
    api_page_open(r, &w, &page);
    for (size_t i = 0; i < n; i++)
        api_outfit_write(r, &w, &o, i);
    api_page_close(&w);
    return SUT_OK;
}

static int public_of(sut_str v)
{
    if (v.n == 0)
        return -1;
    return v.p[0] == 't' || v.p[0] == 'T' || v.p[0] == '1' ? 1 : 0;
}

static sut_err get_list(struct sut_req *r)
{
    const int64_t person = person_of(r);
    struct sut_outfit_query q = {
        .scope = person == 0 ? SUT_OUTFITS_PUBLIC : SUT_OUTFITS_PUBLIC_OR_OWN,
        .viewer = person,
        .owner = sut_req_query_int(r, "user_id", 0),
        .is_public = public_of(sut_req_query(r, "is_public")),
    };
    if (q.owner != 0) {
        bool is_staff = false;
        ENSURE(person != 0, UNAUTHENTIC);
        TRY(sut_req_staff(r, &is_staff));
        ENSURE(is_staff, DENIED);
    }
    return send_page(r, &q);
}

static sut_err get_public(struct sut_req *r)
{
    struct sut_outfit_query q = { .scope = SUT_OUTFITS_PUBLIC, .is_public = -1 };
    const sut_str ordering = sut_req_query(r, "ordering");
    q.order = SUT_OUTFITS_NEWEST;
    for (size_t i = 0; orderings[i] != NULL; i++)
        if (sut_str_is(ordering, orderings[i]))
            q.order = orders[i];
    return send_page(r, &q);
}

static sut_err get_own(struct sut_req *r)
{
    const struct sut_outfit_query q = {
        .scope = SUT_OUTFITS_OWN,
        .viewer = r->auth.user_id,
        .is_public = -1,
        .limit = SUT_OUTFITS_MAX,
    };
    struct sut_outfit *rows = NULL;
    struct api_outfits o;
    struct sut_db_conn *c = NULL;
    size_t n = 0;
    int64_t count = 0;
    TRY(sut_req_conn(r, &c));
    TRY(sut_outfit_list(c, r->arena, &q, &rows, &n, &count));
    TRY(api_outfits_load(r, c, rows, n, &o));
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_obj(&w);
    sut_jw_key(&w, "count");
    sut_jw_i64(&w, count);
    sut_jw_key(&w, "results");
    sut_jw_arr(&w);
    for (size_t i = 0; i < n; i++)
        api_outfit_write(r, &w, &o, i);
    sut_jw_arr_end(&w);
    sut_jw_obj_end(&w);
    return SUT_OK;
}

/* --- one --- */

static sut_err get_one(struct sut_req *r)
{
    return api_outfit_send(r, 200, sut_route_param(&r->match, "id").id, true);
}

/* A search looks at every outfit: no work for a loop's thread. */
static bool is_search(const struct sut_req *r)
{
    return sut_req_query(r, "search").n > 0;
}

/* --- rows --- */

static const struct sut_route rows[] = {
    {
        .method = SUT_GET,
        .path = "/api/outfits/",
        .name = "outfits",
        .summary = "Public outfits, and one's own, the newest first",
        .tag = "outfits",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_READ,
        .query = list_keys,
        .answers = list_answers,
        .handle = get_list,
        .wants_pool = is_search,
    },
    {
        .method = SUT_GET,
        .path = "/api/outfits/public/",
        .name = "outfits_public",
        .summary = "Public outfits",
        .tag = "outfits",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_READ,
        .query = public_keys,
        .answers = public_answers,
        .handle = get_public,
        .wants_pool = is_search,
    },
    {
        .method = SUT_GET,
        .path = "/api/outfits/my-outfits/",
        .name = "outfits_own",
        .summary = "One's own outfits, the newest first",
        .tag = "outfits",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .answers = own_answers,
        .handle = get_own,
    },
    {
        .method = SUT_GET,
        .path = "/api/outfits/{id}/",
        .name = "outfit",
        .summary = "An outfit with what it holds",
        .tag = "outfits",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_READ,
        .answers = get_answers,
        .handle = get_one,
    },
};

const struct sut_routes api_modestwear_outfits_routes = SUT_ROUTES(rows);
