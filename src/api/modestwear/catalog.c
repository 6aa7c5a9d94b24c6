/* SPDX-License-Identifier: Apache-2.0 */
#include "api/fragments.h"
#include "api/page.h"
#include "api/routes.h"
#include "guard/reply.h"
#include "shop/catalogue.h"

enum {
    PAGE_SIZE = 20,
    PAGE_SIZE_MAX = 100,
    SEARCH_MAX = 200,
    PRICE_MAX_CENTS = 999999,
};

static const char list_path[] = "/api/catalog/products/";

/* Answers */

static const struct sut_field ref_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "name", .type = SUT_F_STRING },
    { .name = "slug", .type = SUT_F_STRING },
};
static const struct sut_schema category_ref = SUT_SCHEMA("CategoryRef", ref_fields);

static const struct sut_field ref_parent_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "name", .type = SUT_F_STRING },
    { .name = "slug", .type = SUT_F_STRING },
    { .name = "parent", .type = SUT_F_OBJECT, .flags = SUT_F_NULLABLE, .of = &category_ref },
};
static const struct sut_schema category_alone = SUT_SCHEMA("CategoryWithParent", ref_parent_fields);

static const struct sut_field coverage_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "name", .type = SUT_F_STRING },
    { .name = "description", .type = SUT_F_STRING },
};
static const struct sut_schema coverage = SUT_SCHEMA("CoverageLevel", coverage_fields);

static const struct sut_field image_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "image", .type = SUT_F_STRING },
    { .name = "thumbnail", .type = SUT_F_STRING },
    { .name = "is_feature", .type = SUT_F_BOOL },
};
static const struct sut_schema image = SUT_SCHEMA("ProductImage", image_fields);

static const struct sut_field variant_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "sku", .type = SUT_F_STRING },
    { .name = "size", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "color", .type = SUT_F_STRING },
    { .name = "stock_available", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
    { .name = "is_active", .type = SUT_F_BOOL },
};
static const struct sut_schema variant = SUT_SCHEMA("Variant", variant_fields);

/* What a listed product and one alone have in common; they differ in the category. */
#define PRODUCT_FIELDS(category_)                                                                  \
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },                               \
        { .name = "name", .type = SUT_F_STRING }, { .name = "slug", .type = SUT_F_STRING },        \
        { .name = "description", .type = SUT_F_STRING },                                           \
        { .name = "base_price", .type = SUT_F_PRICE },                                             \
        { .name = "category", .type = SUT_F_OBJECT, .of = (category_) },                           \
        { .name = "coverage_level",                                                                \
          .type = SUT_F_OBJECT,                                                                    \
          .flags = SUT_F_NULLABLE,                                                                 \
          .of = &coverage },                                                                       \
        { .name = "is_featured", .type = SUT_F_BOOL },                                             \
        { .name = "date_added", .type = SUT_F_TIME },                                              \
        { .name = "images", .type = SUT_F_ARRAY, .of = &image },                                   \
    {                                                                                              \
        .name = "variants", .type = SUT_F_ARRAY, .of = &variant                                    \
    }

static const struct sut_field listed_fields[] = { PRODUCT_FIELDS(&category_ref) };
static const struct sut_schema listed = SUT_SCHEMA("ListedProduct", listed_fields);
static const struct sut_field product_fields[] = { PRODUCT_FIELDS(&category_alone) };
static const struct sut_schema product = SUT_SCHEMA("Product", product_fields);

static const struct sut_field page_fields[] = {
    { .name = "count", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
    { .name = "next", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "previous", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "results", .type = SUT_F_ARRAY, .of = &listed },
};
static const struct sut_schema page_of_products = SUT_SCHEMA("ProductPage", page_fields);

static const struct sut_schema category_node;
static const struct sut_field node_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "name", .type = SUT_F_STRING },
    { .name = "slug", .type = SUT_F_STRING },
    { .name = "parent", .type = SUT_F_OBJECT, .flags = SUT_F_NULLABLE, .of = &category_ref },
    { .name = "is_active", .type = SUT_F_BOOL },
    { .name = "children", .type = SUT_F_ARRAY, .of = &category_node },
};
static const struct sut_schema category_node = SUT_SCHEMA("Category", node_fields);

static const struct sut_field range_fields[] = {
    { .name = "min", .type = SUT_F_NUMBER },
    { .name = "max", .type = SUT_F_NUMBER },
};
static const struct sut_schema range = SUT_SCHEMA("PriceRange", range_fields);

static const struct sut_field filters_fields[] = {
    { .name = "categories", .type = SUT_F_ARRAY, .of = &category_node },
    { .name = "coverage_levels", .type = SUT_F_ARRAY, .of = &coverage },
    { .name = "sizes", .type = SUT_F_ARRAY, .items = SUT_F_STRING },
    { .name = "colors", .type = SUT_F_ARRAY, .items = SUT_F_STRING },
    { .name = "price_range", .type = SUT_F_OBJECT, .of = &range },
};
static const struct sut_schema filters = SUT_SCHEMA("CatalogueFilters", filters_fields);

/* Handlers */

static sut_err reader_conn(void *ctx, struct sut_db_conn **ret)
{
    return sut_req_conn(ctx, ret);
}

static struct sut_fragments_reader reader_of(struct sut_req *r)
{
    return (struct sut_fragments_reader){ .conn = reader_conn, .ctx = r, .now = r->now };
}

static void page_end(void *arg)
{
    struct sut_fragments_page *p = arg;
    sut_fragments_unref(&p);
}

/* A page is the request's from here on; it goes with the arena. */
static SUT_ERR keep_page(struct sut_req *r, struct sut_fragments_page *p)
{
    const sut_err e = sut_arena_defer(r->arena, page_end, p);
    if (sut_failed(e))
        sut_fragments_unref(&p);
    return e;
}

/* RFC 9110 13.1.2: weak comparison against each tag of the list. */
static bool has_it_already(const struct sut_req *r, sut_str etag)
{
    sut_str list = r->x->req->known[SUT_H_IF_NONE_MATCH];
    while (list.n > 0) {
        const size_t comma = sut_str_find(list, 0, ',');
        sut_str one = sut_str_trim(sut_str_sub(list, 0, comma));
        if (sut_str_starts(one, SUT_STR("W/")))
            one = sut_str_sub(one, 2, one.n);
        if (sut_str_is(one, "*") || sut_str_eq(one, etag))
            return true;
        list = sut_str_sub(list, comma + 1, list.n);
    }
    return false;
}

/* The bytes of a page as the whole body, or 304. */
static sut_err send_whole(struct sut_req *r, struct sut_fragments_page *p)
{
    TRY(keep_page(r, p));
    const sut_str etag = sut_fragments_etag(p);
    if (has_it_already(r, etag)) {
        sut_reply_empty(r, 304);
    } else {
        (void) sut_reply_json(r, 200);
        sut_fragments_add(p, &r->x->res.body);
    }
    sut_response_header(&r->x->res, SUT_STR("ETag"), etag);
    return SUT_OK;
}

/* What the query asks for; the guard has held each value against its grammar. */
static SUT_ERR filter_of(struct sut_req *r, struct sut_catalogue_filter *f)
{
    sut_catalogue_filter_init(f);
    f->category = sut_req_query(r, "category");
    f->coverage = sut_req_query(r, "coverage_level");
    f->min_cents = sut_req_query_int(r, "min_price", f->min_cents);
    f->max_cents = sut_req_query_int(r, "max_price", f->max_cents);
    TRY(sut_catalogue_order_of(sut_req_query(r, "ordering"), &f->order));
    TRY(sut_catalogue_search(r->arena, sut_req_query(r, "search"), f));
    if (f->n_terms > 0 && sut_req_query(r, "ordering").n == 0)
        f->order = SUT_CATALOGUE_RANKED;
    return SUT_OK;
}

static sut_err send_list(struct sut_req *r, struct sut_catalogue_filter *f, struct api_page *page)
{
    const struct sut_fragments_reader reader = reader_of(r);
    struct sut_fragments_page *p = NULL;
    f->limit = page->size;
    f->offset = page->offset;
    TRY(sut_fragments_list(r->app->fragments, &reader, f, &p));
    TRY(keep_page(r, p));
    page->count = sut_fragments_count(p);
    if (!api_page_is_there(r, page))
        return SUT_OK;
    const sut_str etag = sut_fragments_etag(p);
    if (has_it_already(r, etag)) {
        sut_reply_empty(r, 304);
    } else {
        struct sut_jw w = sut_reply_json(r, 200);
        api_page_open(r, &w, page);
        sut_fragments_add(p, w.out);
        api_page_close(&w);
    }
    sut_response_header(&r->x->res, SUT_STR("ETag"), etag);
    return SUT_OK;
}

static sut_err get_products(struct sut_req *r)
{
    struct sut_catalogue_filter f;
    struct api_page page = api_page_of(r, PAGE_SIZE, PAGE_SIZE_MAX);
    TRY(filter_of(r, &f));
    return send_list(r, &f, &page);
}

/* The deployed front end's spelling of a search: the first page, by a body. */
static sut_err post_search(struct sut_req *r)
{
    struct sut_catalogue_filter f;
    struct api_page page = api_page_of(r, PAGE_SIZE, PAGE_SIZE_MAX);
    page.path = list_path;
    page.search = sut_req_text(r, "query");
    sut_catalogue_filter_init(&f);
    TRY(sut_catalogue_search(r->arena, page.search, &f));
    if (f.n_terms > 0)
        f.order = SUT_CATALOGUE_RANKED;
    return send_list(r, &f, &page);
}

static sut_err get_product(struct sut_req *r)
{
    const struct sut_fragments_reader reader = reader_of(r);
    struct sut_fragments_page *p = NULL;
    TRY(sut_fragments_product(r->app->fragments, &reader, sut_route_param(&r->match, "id").id, &p));
    return send_whole(r, p);
}

static sut_err get_product_by_slugs(struct sut_req *r)
{
    const struct sut_fragments_reader reader = reader_of(r);
    struct sut_fragments_page *p = NULL;
    TRY(sut_fragments_product_slug(r->app->fragments, &reader,
                                   sut_route_param(&r->match, "category_slug").text,
                                   sut_route_param(&r->match, "product_slug").text, &p));
    return send_whole(r, p);
}

static sut_err get_categories(struct sut_req *r)
{
    const struct sut_fragments_reader reader = reader_of(r);
    struct sut_fragments_page *p = NULL;
    TRY(sut_fragments_categories(r->app->fragments, &reader, &p));
    return send_whole(r, p);
}

static sut_err get_filters(struct sut_req *r)
{
    const struct sut_fragments_reader reader = reader_of(r);
    struct sut_fragments_page *p = NULL;
    TRY(sut_fragments_filters(r->app->fragments, &reader, &p));
    return send_whole(r, p);
}

/* Full-text search may take longer than a loop thread can give. */
static bool is_search(const struct sut_req *r)
{
    return r->x->req->method == SUT_POST || sut_req_query(r, "search").n > 0;
}

/* Rows */

static const struct sut_query_key list_keys[] = {
    { .name = "category",
      .type = SUT_Q_SLUG,
      .max = 255,
      .doc = "A category's slug, with all below it" },
    { .name = "coverage_level", .type = SUT_Q_COVERAGE, .choices = sut_catalogue_coverage_codes },
    { .name = "min_price", .type = SUT_Q_PRICE, .max = PRICE_MAX_CENTS },
    { .name = "max_price", .type = SUT_Q_PRICE, .max = PRICE_MAX_CENTS },
    { .name = "search",
      .type = SUT_Q_TEXT,
      .max = SEARCH_MAX,
      .doc = "Words of name and description" },
    { .name = "ordering", .type = SUT_Q_CHOICE, .choices = sut_catalogue_orderings },
    { .name = "page", .type = SUT_Q_INT, .max = API_PAGE_MAX },
    { .name = "page_size", .type = SUT_Q_INT, .max = API_PAGE_MAX, .doc = "20; above 100 is 100" },
    { 0 },
};

static const struct sut_field search_fields[] = {
    { .name = "query",
      .type = SUT_F_STRING,
      .flags = SUT_F_REQUIRED | SUT_F_BLANK,
      .max = SEARCH_MAX },
};
static const struct sut_schema search_body = SUT_SCHEMA("ProductSearch", search_fields);

static const struct sut_answer list_answers[] = {
    { .status = 200, .schema = &page_of_products },
    { .status = 304, .doc = "Unchanged" },
    { .status = 404, .doc = "Invalid page." },
    { 0 },
};
static const struct sut_answer product_answers[] = {
    { .status = 200, .schema = &product },
    { .status = 304, .doc = "Unchanged" },
    { .status = 404, .doc = "Not found." },
    { 0 },
};
static const struct sut_answer categories_answers[] = {
    { .status = 200, .schema = &category_node, .flags = SUT_ANSWER_ARRAY },
    { .status = 304, .doc = "Unchanged" },
    { 0 },
};
static const struct sut_answer filters_answers[] = {
    { .status = 200, .schema = &filters },
    { .status = 304, .doc = "Unchanged" },
    { 0 },
};

static const struct sut_route rows[] = {
    {
        .method = SUT_GET,
        .path = list_path,
        .name = "product_list",
        .summary = "Products, by filter, search, order and page",
        .tag = "catalogue",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_CACHEABLE,
        .query = list_keys,
        .answers = list_answers,
        .handle = get_products,
        .wants_pool = is_search,
    },
    {
        .method = SUT_POST,
        .path = "/api/catalog/products/search/",
        .name = "product_search",
        .summary = "The first page of a search",
        .tag = "catalogue",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .body = &search_body,
        .answers = list_answers,
        .handle = post_search,
        .wants_pool = is_search,
    },
    {
        .method = SUT_GET,
        .path = "/api/catalog/products/{id}/",
        .name = "product_detail",
        .summary = "One product",
        .tag = "catalogue",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_CACHEABLE,
        .answers = product_answers,
        .handle = get_product,
    },
    {
        .method = SUT_GET,
        .path = "/api/catalog/products/{category_slug}/{product_slug}/",
        .name = "product_by_slugs",
        .summary = "One product, by its category's slug and its own",
        .tag = "catalogue",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_CACHEABLE,
        .answers = product_answers,
        .handle = get_product_by_slugs,
    },
    {
        .method = SUT_GET,
        .path = "/api/catalog/categories/",
        .name = "category_tree",
        .summary = "The categories, as a tree",
        .tag = "catalogue",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_CACHEABLE,
        .answers = categories_answers,
        .handle = get_categories,
    },
    {
        .method = SUT_GET,
        .path = "/api/catalog/filters/",
        .name = "catalogue_filters",
        .summary = "What the list can be filtered by",
        .tag = "catalogue",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_CACHEABLE,
        .answers = filters_answers,
        .handle = get_filters,
    },
};

const struct sut_routes api_modestwear_catalog_routes = SUT_ROUTES(rows);
