/* SPDX-License-Identifier: Apache-2.0
 *
 * categories - contract B's routes of categories.
 */
#include "api/nsgg/goods_form.h"
#include "api/page.h"
#include "api/routes.h"
#include "guard/idempotency.h"
#include "guard/reply.h"
#include "shop/category.h"
#include "store/store.h"

enum { NAME_MAX = 255, TEXT_MAX = 10000, SEARCH_MAX = 200 };

/* --- bodies and answers --- */

#define CATEGORY_FIELDS(required_)                                                                 \
    { .name = "name", .type = SUT_F_STRING, .flags = (required_), .max = NAME_MAX },               \
        { .name = "description",                                                                   \
          .type = SUT_F_STRING,                                                                    \
          .flags = SUT_F_BLANK | SUT_F_NULLABLE,                                                   \
          .max = TEXT_MAX },                                                                       \
    {                                                                                              \
        .name = "parent", .type = SUT_F_INT, .flags = SUT_F_NULLABLE, .min = 1, .max = INT64_MAX,  \
        .doc = "null: it stands at the top"                                                        \
    }

static const struct sut_field new_fields[] = { CATEGORY_FIELDS(SUT_F_REQUIRED) };
static const struct sut_schema new_body = SUT_SCHEMA("NsggCategoryNew", new_fields);
static const struct sut_field change_fields[] = { CATEGORY_FIELDS(0) };
static const struct sut_schema change_body = SUT_SCHEMA("NsggCategoryChange", change_fields);

static const struct sut_field category_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "name", .type = SUT_F_STRING },
    { .name = "slug", .type = SUT_F_STRING },
    { .name = "description", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "parent", .type = SUT_F_INT, .flags = SUT_F_NULLABLE, .min = 1, .max = INT64_MAX },
    { .name = "is_active", .type = SUT_F_BOOL },
    { .name = "created_at", .type = SUT_F_TIME },
    { .name = "modified_at", .type = SUT_F_TIME },
};
static const struct sut_schema category = SUT_SCHEMA("NsggCategory", category_fields);

static const struct sut_field page_fields[] = {
    { .name = "count", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
    { .name = "next", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "previous", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "results", .type = SUT_F_ARRAY, .of = &category },
};
static const struct sut_schema category_page = SUT_SCHEMA("NsggCategoryPage", page_fields);

static void write_category(struct sut_jw *w, const struct sut_category_row *k)
{
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, k->id);
    sut_jw_key(w, "name");
    sut_jw_str(w, k->name);
    sut_jw_key(w, "slug");
    sut_jw_str(w, k->slug);
    sut_jw_key(w, "description");
    sut_jw_str_or_null(w, k->description.n == 0 ? (sut_str){ 0 } : k->description);
    sut_jw_key(w, "parent");
    if (k->parent_id == 0)
        sut_jw_null(w);
    else
        sut_jw_i64(w, k->parent_id);
    sut_jw_key(w, "is_active");
    sut_jw_bool(w, k->is_active);
    sut_jw_key(w, "created_at");
    sut_jw_time(w, k->created_at);
    sut_jw_key(w, "modified_at");
    sut_jw_time(w, k->modified_at);
    sut_jw_obj_end(w);
}

/* --- reading --- */

static const char *const orderings[] = { "name", "-name", "created_at", "-created_at", NULL };
static const enum sut_category_order orders[] = {
    SUT_CATEGORY_BY_NAME,
    SUT_CATEGORY_BY_NAME_DOWN,
    SUT_CATEGORY_OLDEST,
    SUT_CATEGORY_NEWEST,
};

static sut_err get_categories(struct sut_req *r)
{
    struct api_page page = api_page_of(r, API_GOODS_PAGE, API_GOODS_PAGE_MAX);
    struct sut_db_conn *c = NULL;
    struct sut_category_row *rows = NULL;
    size_t n = 0;
    const sut_str ordering = sut_req_query(r, "ordering");
    struct sut_category_query q = {
        .parent_id = sut_req_query_int(r, "parent", -1),
        .limit = page.size,
        .offset = page.offset,
    };
    for (unsigned i = 0; orderings[i] != NULL; i++)
        if (sut_str_is(ordering, orderings[i]))
            q.order = orders[i];
    q.n_words = api_goods_words(sut_req_query(r, "search"), q.words);
    rows = ARENA_ARRAY(r->arena, struct sut_category_row, (size_t) page.size);
    ENSURE(rows != NULL, NOMEM);
    TRY(sut_req_conn(r, &c));
    TRY(sut_category_list(c, r->arena, &q, rows, &n, &page.count));
    if (!api_page_is_there(r, &page))
        return SUT_OK;
    struct sut_jw w = sut_reply_json(r, 200);
    api_page_open(r, &w, &page);
    for (size_t i = 0; i < n; i++)
        write_category(&w, &rows[i]);
    api_page_close(&w);
    return SUT_OK;
}

static sut_err answer(struct sut_req *r, int status, int64_t id)
{
    struct sut_db_conn *c = NULL;
    struct sut_category_row row;
    TRY(sut_req_conn(r, &c));
    TRY(sut_category_get(c, r->arena, id, &row));
    struct sut_jw w = sut_reply_json(r, status);
    write_category(&w, &row);
    return SUT_OK;
}

static sut_err get_category(struct sut_req *r)
{
    return answer(r, 200, sut_route_param(&r->match, "id").id);
}

/* --- changing --- */

struct work {
    struct sut_req *r;
    struct sut_mark mark;
    int64_t id; /* 0: a new one */
    struct sut_category_ask ask;
    struct sut_goods_actor by;
    struct sut_goods_result done;
};

static void begin(struct sut_req *r, struct work *ret)
{
    const sut_str text = sut_req_text(r, "description");
    *ret = (struct work){
        .r = r,
        .id = sut_route_param(&r->match, "id").id,
        .by = api_goods_actor(r),
        .ask = { .name = sut_req_text(r, "name"),
                 .description = text.n == 0 ? SUT_STR("") : text,
                 .parent_id = sut_schema_i64(r->body, "parent", 0) },
    };
    if (sut_req_has(r, "name"))
        ret->ask.has |= SUT_CATEGORY_NAME;
    if (sut_req_has(r, "description"))
        ret->ask.has |= SUT_CATEGORY_DESCRIPTION;
    if (sut_req_has(r, "parent"))
        ret->ask.has |= SUT_CATEGORY_PARENT;
    sut_req_conn_end(r);
    ret->mark = sut_arena_mark(r->arena);
}

static SUT_ERR put_job(struct sut_db_conn *c, void *arg)
{
    struct work *k = arg;
    sut_arena_rewind(k->r->arena, k->mark);
    if (k->id != 0)
        return sut_category_change(c, k->r->arena, k->id, &k->ask, &k->by, &k->done);
    TRY(sut_req_claim(k->r, c));
    TRY(sut_category_add(c, k->r->arena, &k->ask, &k->by, &k->done));
    return sut_req_claim_made(k->r, c, k->done.id);
}

static sut_err post_category(struct sut_req *r)
{
    struct work k;
    const int64_t made = sut_req_claim_resource(r);
    if (made != 0)
        return answer(r, 201, made);
    begin(r, &k);
    const sut_err e = sut_store_write(r->app->store, put_job, &k);
    if (sut_failed(e))
        return api_goods_refuse(r, e, &k.done, NULL);
    api_goods_done(r, &k.done);
    return answer(r, 201, k.done.id);
}

static sut_err put_category(struct sut_req *r)
{
    struct work k;
    begin(r, &k);
    const sut_err e = sut_store_write(r->app->store, put_job, &k);
    if (sut_failed(e))
        return api_goods_refuse(r, e, &k.done, NULL);
    api_goods_done(r, &k.done);
    return answer(r, 200, k.id);
}

static SUT_ERR delete_job(struct sut_db_conn *c, void *arg)
{
    struct work *k = arg;
    sut_arena_rewind(k->r->arena, k->mark);
    return sut_category_remove(c, k->r->arena, k->id, &k->by, &k->done);
}

static sut_err delete_category(struct sut_req *r)
{
    struct work k;
    begin(r, &k);
    const sut_err e = sut_store_write(r->app->store, delete_job, &k);
    if (sut_failed(e))
        return api_goods_refuse(r, e, &k.done,
                                "Products or categories stand in this category still.");
    api_goods_done(r, &k.done);
    sut_reply_empty(r, 204);
    return SUT_OK;
}

/* --- rows --- */

static const struct sut_query_key list_keys[] = {
    { .name = "search",
      .type = SUT_Q_TEXT,
      .max = SEARCH_MAX,
      .doc = "Words that stand in the name or the description" },
    { .name = "ordering", .type = SUT_Q_CHOICE, .choices = orderings },
    { .name = "parent", .type = SUT_Q_INT, .max = INT64_MAX, .doc = "Those right below it" },
    { .name = "page", .type = SUT_Q_INT, .max = API_PAGE_MAX },
    { .name = "page_size", .type = SUT_Q_INT, .max = API_PAGE_MAX, .doc = "20; above 100 is 100" },
    { 0 },
};

static const struct sut_answer list_answers[] = {
    { .status = 200, .schema = &category_page },
    { .status = 404, .doc = "Invalid page." },
    { 0 },
};
static const struct sut_answer one_answers[] = {
    { .status = 200, .schema = &category },
    { .status = 404, .doc = "Not found." },
    { 0 },
};
static const struct sut_answer new_answers[] = {
    { .status = 201, .schema = &category },
    { 0 },
};
static const struct sut_answer delete_answers[] = {
    { .status = 204, .doc = "Deleted" },
    { .status = 404, .doc = "Not found." },
    { .status = 409, .doc = "Products or categories stand in it" },
    { 0 },
};

static const struct sut_route rows[] = {
    {
        .method = SUT_GET,
        .path = "/api/v1/categories/",
        .name = "nsgg_categories",
        .summary = "Categories, by search, parent, order and page",
        .tag = "categories",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .query = list_keys,
        .answers = list_answers,
        .handle = get_categories,
    },
    {
        .method = SUT_POST,
        .path = "/api/v1/categories/",
        .name = "nsgg_category_add",
        .summary = "Add a category",
        .tag = "categories",
        .policy = SUT_POLICY_MANAGERS_OR_STAFF,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_CREATES,
        .body = &new_body,
        .answers = new_answers,
        .handle = post_category,
    },
    {
        .method = SUT_GET,
        .path = "/api/v1/categories/{id}/",
        .name = "nsgg_category",
        .summary = "One category",
        .tag = "categories",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_READ,
        .answers = one_answers,
        .handle = get_category,
    },
    {
        .method = SUT_PUT,
        .path = "/api/v1/categories/{id}/",
        .name = "nsgg_category_put",
        .summary = "Change a category",
        .tag = "categories",
        .policy = SUT_POLICY_MANAGERS_OR_STAFF,
        .place = SUT_PLACE_POOL,
        .body = &new_body,
        .answers = one_answers,
        .handle = put_category,
    },
    {
        .method = SUT_PATCH,
        .path = "/api/v1/categories/{id}/",
        .name = "nsgg_category_patch",
        .summary = "Change some of a category",
        .tag = "categories",
        .policy = SUT_POLICY_MANAGERS_OR_STAFF,
        .place = SUT_PLACE_POOL,
        .body = &change_body,
        .answers = one_answers,
        .handle = put_category,
    },
    {
        .method = SUT_DELETE,
        .path = "/api/v1/categories/{id}/",
        .name = "nsgg_category_delete",
        .summary = "Delete a category that nothing stands in",
        .tag = "categories",
        .policy = SUT_POLICY_MANAGERS_OR_STAFF,
        .place = SUT_PLACE_POOL,
        .answers = delete_answers,
        .handle = delete_category,
    },
};

const struct sut_routes api_nsgg_categories_routes = SUT_ROUTES(rows);
