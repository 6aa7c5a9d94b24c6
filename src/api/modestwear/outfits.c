/* SPDX-License-Identifier: Apache-2.0
 *
 * outfits - contract A's routes of outfits.
 */
#include "api/modestwear/outfit_json.h"
#include "api/page.h"
#include "api/routes.h"
#include "guard/idempotency.h"
#include "shop/outfit.h"
#include "shop/views.h"
#include "store/store.h"

enum {
    PAGE_SIZE = 20,
    PAGE_SIZE_MAX = 50,
    SEARCH_MAX = 200,
    NAME_MAX_CP = 255,
    DESCRIPTION_MAX_CP = 10000,
};

static const char none[] = "Outfit not found";

/* --- bodies, queries, answers --- */

static const struct sut_field make_fields[] = {
    { .name = "name", .type = SUT_F_STRING, .flags = SUT_F_REQUIRED, .max = NAME_MAX_CP },
    { .name = "description",
      .type = SUT_F_STRING,
      .flags = SUT_F_BLANK,
      .max = DESCRIPTION_MAX_CP },
    { .name = "is_public", .type = SUT_F_BOOL },
    { .name = "products",
      .type = SUT_F_ARRAY,
      .flags = SUT_F_REQUIRED,
      .items = SUT_F_INT,
      .doc = "2 to 10 ids of products, each once" },
};
static const struct sut_schema make_body = SUT_SCHEMA("OutfitMake", make_fields);

static const struct sut_field change_fields[] = {
    { .name = "name", .type = SUT_F_STRING, .max = NAME_MAX_CP },
    { .name = "description",
      .type = SUT_F_STRING,
      .flags = SUT_F_BLANK,
      .max = DESCRIPTION_MAX_CP },
    { .name = "is_public", .type = SUT_F_BOOL },
    { .name = "products",
      .type = SUT_F_ARRAY,
      .items = SUT_F_INT,
      .doc = "2 to 10 ids of products, each once" },
};
static const struct sut_schema change_body = SUT_SCHEMA("OutfitChange", change_fields);

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
static const struct sut_answer make_answers[] = {
    { .status = 201, .schema = &api_a_outfit },
    { .status = 400, .doc = "Its products can't be an outfit, or there are too many outfits" },
    { 0 },
};
static const struct sut_answer get_answers[] = {
    { .status = 200, .schema = &api_a_outfit },
    { .status = 404, .doc = "Not there, or another's and private" },
    { 0 },
};
static const struct sut_answer change_answers[] = {
    { .status = 200, .schema = &api_a_outfit },
    { .status = 400, .doc = "Its products can't be an outfit" },
    { .status = 403, .doc = "Another's" },
    { .status = 404, .doc = "Not there, or another's and private" },
    { 0 },
};
static const struct sut_answer drop_answers[] = {
    { .status = 204, .doc = "Gone" },
    { .status = 403, .doc = "Another's" },
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

/*
 * Answer with one.  counts: somebody looks at it; a look of its owner's is no view, nor is one of a
 * private outfit.
 */
static SUT_ERR send_one(struct sut_req *r, int status, int64_t id, bool counts)
{
    const int64_t person = person_of(r);
    struct api_outfit_alone alone;
    struct sut_outfit o;
    struct sut_db_conn *c = NULL;
    TRY(sut_req_conn(r, &c));
    const sut_err e = sut_outfit_by_id(c, r->arena, id, &o);
    if (e.code == SUT_E_NOT_FOUND || (!sut_failed(e) && !sut_outfit_may_see(&o, person))) {
        sut_reply_domain(r, 404, "not_found", sut_str_from(none));
        return SUT_OK;
    }
    TRY(e);
    /* What may begin again on the pool comes first: one look counts once. */
    TRY(api_outfit_load_alone(r, c, &o, &alone));
    const bool is_view = counts && o.is_public && o.person != person;
    const int64_t views =
        r->app->views == NULL ? o.views : sut_views_of(r->app->views, o.id, o.views, is_view);
    api_outfit_answer(r, status, &alone, views);
    return SUT_OK;
}

static sut_err get_one(struct sut_req *r)
{
    return send_one(r, 200, sut_route_param(&r->match, "id").id, true);
}

/* --- changing --- */

struct changing {
    struct sut_req *r;
    struct sut_outfit_data data;
    struct sut_outfit_change change;
    const int64_t *products;
    size_t n_products;
    int64_t id;
    struct sut_outfit_result res;
};

static void refuse_unknown(struct sut_req *r, const struct sut_outfit_result *res)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, 512);
    sut_buf_lit(&b, "Invalid product IDs: [");
    for (size_t i = 0; i < res->n_unknown; i++) {
        if (i > 0)
            sut_buf_lit(&b, ", ");
        sut_buf_i64(&b, res->unknown[i]);
    }
    sut_buf_char(&b, ']');
    sut_reply_domain(r, 400, "invalid", sut_buf_str(&b));
}

static void refuse(struct sut_req *r, const struct sut_outfit_result *res)
{
    switch (res->outcome) {
    case SUT_OUTFIT_NONE:
        sut_reply_domain(r, 404, "not_found", sut_str_from(none));
        break;
    case SUT_OUTFIT_ANOTHERS:
        sut_reply_code(r, SUT_E_DENIED);
        break;
    case SUT_OUTFIT_TOO_FEW:
        sut_reply_domain(r, 400, "invalid", SUT_STR("Outfit must contain at least 2 products"));
        break;
    case SUT_OUTFIT_TOO_MANY:
        sut_reply_domain(r, 400, "invalid", SUT_STR("Outfit cannot contain more than 10 products"));
        break;
    case SUT_OUTFIT_DOUBLE:
        sut_reply_domain(r, 400, "invalid", SUT_STR("Outfit contains duplicate products"));
        break;
    case SUT_OUTFIT_UNKNOWN:
        refuse_unknown(r, res);
        break;
    case SUT_OUTFIT_FULL:
        sut_reply_domain(r, 400, "invalid", SUT_STR("There are too many outfits"));
        break;
    case SUT_OUTFIT_DONE:
        break;
    }
}

static SUT_ERR read_products(struct sut_req *r, struct changing *a)
{
    const struct sut_json *list = sut_json_get(r->body, "products");
    if (list == NULL)
        return SUT_OK;
    int64_t *ids = ARENA_ARRAY(r->arena, int64_t, list->n + 1);
    ENSURE(ids != NULL, NOMEM);
    for (size_t i = 0; i < list->n; i++)
        ids[i] = list->items[i].i;
    a->products = ids;
    a->n_products = list->n;
    return SUT_OK;
}

static sut_str text_or_empty(struct sut_req *r, const char *name)
{
    const sut_str v = sut_req_text(r, name);
    return v.p == NULL ? SUT_STR("") : v;
}

/* Run the job; true: it is done, false: the answer of a refusal is made. */
static SUT_ERR run(struct changing *a, sut_store_job *job, bool *ret)
{
    const sut_err e = sut_store_write(a->r->app->store, job, a);
    *ret = !sut_failed(e);
    if (!*ret && a->res.outcome != SUT_OUTFIT_DONE && !sut_req_claim_lost(a->r)) {
        refuse(a->r, &a->res);
        return SUT_OK;
    }
    return e;
}

static SUT_ERR make_job(struct sut_db_conn *c, void *arg)
{
    struct changing *a = arg;
    a->res.outcome = SUT_OUTFIT_DONE;
    TRY(sut_req_claim(a->r, c));
    TRY(sut_outfit_make(c, a->r->arena, &a->data, a->products, a->n_products, a->r->now, &a->res));
    ENSURE(a->res.outcome == SUT_OUTFIT_DONE, INVALID);
    return sut_req_claim_made(a->r, c, a->res.id);
}

static sut_err post_outfit(struct sut_req *r)
{
    struct changing a = {
        .r = r,
        .data = {
            .person = r->auth.user_id,
            .name = text_or_empty(r, "name"),
            .description = text_or_empty(r, "description"),
            .is_public = sut_schema_bool(r->body, "is_public", false),
        },
        .res = { .id = sut_req_claim_resource(r) },
    };
    bool is_done = true;
    TRY(read_products(r, &a));
    if (a.res.id == 0)
        TRY(run(&a, make_job, &is_done));
    return is_done ? send_one(r, 201, a.res.id, false) : SUT_OK;
}

static SUT_ERR change_job(struct sut_db_conn *c, void *arg)
{
    struct changing *a = arg;
    TRY(sut_outfit_change(c, a->r->arena, &a->change, a->r->now, &a->res));
    ENSURE(a->res.outcome == SUT_OUTFIT_DONE, INVALID);
    return SUT_OK;
}

/* PUT puts all anew: what it does not name is as in an outfit that is made. */
static sut_err change(struct sut_req *r, bool is_whole)
{
    struct changing a = { .r = r };
    bool is_done = false;
    TRY(read_products(r, &a));
    a.change = (struct sut_outfit_change){
        .id = sut_route_param(&r->match, "id").id,
        .person = r->auth.user_id,
        .has_name = sut_req_has(r, "name"),
        .has_description = is_whole || sut_req_has(r, "description"),
        .has_is_public = is_whole || sut_req_has(r, "is_public"),
        .has_products = a.products != NULL,
        .name = text_or_empty(r, "name"),
        .description = text_or_empty(r, "description"),
        .is_public = sut_schema_bool(r->body, "is_public", false),
        .products = a.products,
        .n_products = a.n_products,
    };
    TRY(run(&a, change_job, &is_done));
    return is_done ? send_one(r, 200, a.change.id, false) : SUT_OK;
}

static sut_err put_outfit(struct sut_req *r)
{
    return change(r, true);
}

static sut_err patch_outfit(struct sut_req *r)
{
    return change(r, false);
}

static SUT_ERR drop_job(struct sut_db_conn *c, void *arg)
{
    struct changing *a = arg;
    TRY(sut_outfit_drop(c, a->r->arena, a->id, a->r->auth.user_id, &a->res));
    ENSURE(a->res.outcome == SUT_OUTFIT_DONE, INVALID);
    return SUT_OK;
}

static sut_err delete_outfit(struct sut_req *r)
{
    struct changing a = { .r = r, .id = sut_route_param(&r->match, "id").id };
    bool is_done = false;
    TRY(run(&a, drop_job, &is_done));
    if (is_done)
        sut_reply_empty(r, 204);
    return SUT_OK;
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
        .method = SUT_POST,
        .path = "/api/outfits/",
        .aliases = { "/api/outfits/create/" },
        .name = "outfit_make",
        .summary = "Put an outfit together",
        .tag = "outfits",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_CREATES,
        .body = &make_body,
        .answers = make_answers,
        .handle = post_outfit,
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
    {
        .method = SUT_PUT,
        .path = "/api/outfits/{id}/",
        .name = "outfit_put",
        .summary = "Put an outfit together anew",
        .tag = "outfits",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .body = &make_body,
        .answers = change_answers,
        .handle = put_outfit,
    },
    {
        .method = SUT_PATCH,
        .path = "/api/outfits/{id}/",
        .name = "outfit_change",
        .summary = "Change some of an outfit",
        .tag = "outfits",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .body = &change_body,
        .answers = change_answers,
        .handle = patch_outfit,
    },
    {
        .method = SUT_DELETE,
        .path = "/api/outfits/{id}/",
        .name = "outfit_drop",
        .summary = "Take an outfit apart",
        .tag = "outfits",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .answers = drop_answers,
        .handle = delete_outfit,
    },
};

const struct sut_routes api_modestwear_outfits_routes = SUT_ROUTES(rows);
