/* SPDX-License-Identifier: Apache-2.0
 *
 * products - contract B's routes of products, for the managers of the catalogue.
 */
#include "api/nsgg/goods_form.h"
#include "api/page.h"
#include "api/picture_url.h"
#include "api/routes.h"
#include "api/upload.h"
#include "base/scan.h"
#include "guard/idempotency.h"
#include "guard/reply.h"
#include "shop/catalogue.h"
#include "store/goods.h"
#include "store/store.h"

enum { SEARCH_MAX = 200, PRICE_MAX_CENTS = 999999 };

/* --- reading --- */

static const char *const orderings[] = { "-created_at", "created_at", "name", "-name",
                                         "price",       "-price",     NULL };
static const enum sut_goods_order orders[] = {
    SUT_GOODS_NEWEST,       SUT_GOODS_OLDEST,   SUT_GOODS_BY_NAME,
    SUT_GOODS_BY_NAME_DOWN, SUT_GOODS_CHEAPEST, SUT_GOODS_DEAREST,
};
static const char *const yes_no[] = { "true", "false", NULL };

/* words: what the query's terms stand in. */
static SUT_ERR query_of(struct sut_req *r, struct sut_db_conn *c, const struct api_page *page,
                        struct sut_catalogue_filter *words, struct sut_goods_query *ret,
                        bool *ret_nothing)
{
    const sut_str ordering = sut_req_query(r, "ordering");
    const sut_str category = sut_req_query(r, "category");
    const sut_str in_stock = sut_req_query(r, "in_stock");
    *ret = (struct sut_goods_query){
        .min_cents = sut_req_query_int(r, "min_price", 0),
        .max_cents = sut_req_query_int(r, "max_price", INT64_MAX),
        .in_stock = in_stock.n == 0 ? -1 : sut_str_is(in_stock, "true"),
        .limit = page->size,
        .offset = page->offset,
    };
    for (unsigned i = 0; orderings[i] != NULL; i++)
        if (sut_str_is(ordering, orderings[i]))
            ret->order = orders[i];
    sut_catalogue_filter_init(words);
    TRY(sut_catalogue_search(r->arena, sut_req_query(r, "search"), words));
    ret->terms = words->terms;
    ret->n_terms = words->n_terms;
    *ret_nothing = words->is_nothing;
    /* A number, or a slug: no slug is digits alone. */
    if (category.n > 0 && sut_failed(sut_parse_i64(category, 1, INT64_MAX, &ret->category_id))) {
        const sut_err e = sut_category_find(c, category, &ret->category_id);
        *ret_nothing = *ret_nothing || e.code == SUT_E_NOT_FOUND;
        if (e.code != SUT_E_NOT_FOUND)
            TRY(e);
    }
    return SUT_OK;
}

static sut_err get_products(struct sut_req *r)
{
    const struct api_picture_urls urls = api_picture_urls_of(r);
    struct api_page page = api_page_of(r, API_GOODS_PAGE, API_GOODS_PAGE_MAX);
    struct sut_catalogue_filter words;
    struct sut_goods_query q;
    struct sut_db_conn *c = NULL;
    int64_t ids[API_GOODS_PAGE_MAX];
    size_t n = 0;
    bool is_nothing = false;
    TRY(sut_req_conn(r, &c));
    TRY(query_of(r, c, &page, &words, &q, &is_nothing));
    if (!is_nothing)
        TRY(sut_goods_list(c, r->arena, &q, ids, &n, &page.count));
    if (!api_page_is_there(r, &page))
        return SUT_OK;
    struct sut_product *rows = ARENA_ARRAY(r->arena, struct sut_product, n + 1);
    ENSURE(rows != NULL, NOMEM);
    TRY(sut_catalogue_load(c, r->arena, ids, n, rows));
    TRY(api_picture_urls_products(&urls, r->arena, rows, n));
    struct sut_jw w = sut_reply_json(r, 200);
    api_page_open(r, &w, &page);
    for (size_t i = 0; i < n; i++)
        if (rows[i].id != 0)
            api_goods_json(&w, &rows[i]);
    api_page_close(&w);
    return SUT_OK;
}

static sut_err answer_product(struct sut_req *r, int status, int64_t id)
{
    struct sut_db_conn *c = NULL;
    struct sut_product p;
    TRY(sut_req_conn(r, &c));
    TRY(api_goods_load(r, c, id, &p));
    struct sut_jw w = sut_reply_json(r, status);
    api_goods_json(&w, &p);
    return SUT_OK;
}

static sut_err get_product(struct sut_req *r)
{
    return answer_product(r, 200, sut_route_param(&r->match, "id").id);
}

/* --- changing --- */

struct work {
    struct sut_req *r;
    struct sut_mark mark;
    int64_t id; /* 0: a new one */
    struct sut_goods ask;
    struct sut_goods_actor by;
    struct sut_goods_result done;
};

static SUT_ERR put_job(struct sut_db_conn *c, void *arg)
{
    struct work *k = arg;
    sut_arena_rewind(k->r->arena, k->mark);
    if (k->id != 0)
        return sut_goods_change(c, k->r->arena, k->id, &k->ask, &k->by, &k->done);
    TRY(sut_req_claim(k->r, c));
    TRY(sut_goods_add(c, k->r->arena, &k->ask, &k->by, &k->done));
    return sut_req_claim_made(k->r, c, k->done.id);
}

static SUT_ERR begin(struct sut_req *r, struct work *ret)
{
    *ret = (struct work){ .r = r, .by = api_goods_actor(r) };
    if (r->body != NULL)
        TRY(api_goods_of(r->arena, r->body, &ret->ask));
    sut_req_conn_end(r);
    ret->mark = sut_arena_mark(r->arena);
    return SUT_OK;
}

static sut_err post_product(struct sut_req *r)
{
    struct work k;
    const int64_t made = sut_req_claim_resource(r);
    if (made != 0)
        return answer_product(r, 201, made);
    TRY(begin(r, &k));
    const sut_err e = sut_store_write(r->app->store, put_job, &k);
    if (sut_failed(e))
        return api_goods_refuse(r, e, &k.done, NULL);
    api_goods_done(r, &k.done);
    return answer_product(r, 201, k.done.id);
}

static sut_err put_product(struct sut_req *r)
{
    struct work k;
    TRY(begin(r, &k));
    k.id = sut_route_param(&r->match, "id").id;
    const sut_err e = sut_store_write(r->app->store, put_job, &k);
    if (sut_failed(e))
        return api_goods_refuse(r, e, &k.done, NULL);
    api_goods_done(r, &k.done);
    return answer_product(r, 200, k.id);
}

static SUT_ERR delete_job(struct sut_db_conn *c, void *arg)
{
    struct work *k = arg;
    sut_arena_rewind(k->r->arena, k->mark);
    return sut_goods_remove(c, k->r->arena, k->id, &k->by, &k->done);
}

static sut_err delete_product(struct sut_req *r)
{
    struct work k;
    TRY(begin(r, &k));
    k.id = sut_route_param(&r->match, "id").id;
    const sut_err e = sut_store_write(r->app->store, delete_job, &k);
    if (sut_failed(e))
        return api_goods_refuse(r, e, &k.done, NULL);
    api_goods_done(r, &k.done);
    api_upload_sweep(r);
    sut_reply_empty(r, 204);
    return SUT_OK;
}

/* --- rows --- */

static const struct sut_query_key list_keys[] = {
    { .name = "search",
      .type = SUT_Q_TEXT,
      .max = SEARCH_MAX,
      .doc = "Words of the name, the description or a SKU, or how they begin" },
    { .name = "category",
      .type = SUT_Q_SLUG,
      .max = 255,
      .doc = "A category's id or slug, with all below it" },
    { .name = "min_price", .type = SUT_Q_PRICE, .max = PRICE_MAX_CENTS },
    { .name = "max_price", .type = SUT_Q_PRICE, .max = PRICE_MAX_CENTS },
    { .name = "in_stock", .type = SUT_Q_CHOICE, .choices = yes_no },
    { .name = "ordering", .type = SUT_Q_CHOICE, .choices = orderings },
    { .name = "page", .type = SUT_Q_INT, .max = API_PAGE_MAX },
    { .name = "page_size", .type = SUT_Q_INT, .max = API_PAGE_MAX, .doc = "20; above 100 is 100" },
    { 0 },
};

static const struct sut_answer list_answers[] = {
    { .status = 200, .schema = &api_b_product_page },
    { .status = 404, .doc = "Invalid page." },
    { 0 },
};
static const struct sut_answer one_answers[] = {
    { .status = 200, .schema = &api_b_product },
    { .status = 404, .doc = "Not found." },
    { 0 },
};
static const struct sut_answer new_answers[] = {
    { .status = 201, .schema = &api_b_product },
    { .status = 409, .doc = "A product with this SKU already exists." },
    { 0 },
};
static const struct sut_answer change_answers[] = {
    { .status = 200, .schema = &api_b_product },
    { .status = 404, .doc = "Not found." },
    { .status = 409, .doc = "A product with this SKU already exists." },
    { 0 },
};
static const struct sut_answer delete_answers[] = {
    { .status = 204, .doc = "Deleted; hidden, when orders refer to it" },
    { .status = 404, .doc = "Not found." },
    { 0 },
};

static const struct sut_route rows[] = {
    {
        .method = SUT_GET,
        .path = "/api/v1/products/",
        .name = "nsgg_products",
        .summary = "Products, hidden ones too, by filter, search, order and page",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_POOL,
        .query = list_keys,
        .answers = list_answers,
        .handle = get_products,
    },
    {
        .method = SUT_POST,
        .path = "/api/v1/products/",
        .name = "nsgg_product_add",
        .summary = "Add a product, with its variants",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_CREATES,
        .body = &api_b_product_new,
        .answers = new_answers,
        .handle = post_product,
    },
    {
        .method = SUT_GET,
        .path = "/api/v1/products/{id}/",
        .name = "nsgg_product",
        .summary = "One product",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_READ,
        .answers = one_answers,
        .handle = get_product,
    },
    {
        .method = SUT_PUT,
        .path = "/api/v1/products/{id}/",
        .name = "nsgg_product_put",
        .summary = "Change a product",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_POOL,
        .body = &api_b_product_new,
        .answers = change_answers,
        .handle = put_product,
    },
    {
        .method = SUT_PATCH,
        .path = "/api/v1/products/{id}/",
        .name = "nsgg_product_patch",
        .summary = "Change some of a product",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_POOL,
        .body = &api_b_product_change,
        .answers = change_answers,
        .handle = put_product,
    },
    {
        .method = SUT_DELETE,
        .path = "/api/v1/products/{id}/",
        .name = "nsgg_product_delete",
        .summary = "Delete a product, or hide it when orders refer to it",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_POOL,
        .answers = delete_answers,
        .handle = delete_product,
    },
};

const struct sut_routes api_nsgg_products_routes = SUT_ROUTES(rows);
