/* SPDX-License-Identifier: Apache-2.0
 *
 * variants - contract B's routes of a product's variants.
 */
#include "api/nsgg/goods_form.h"
#include "api/page.h"
#include "api/routes.h"
#include "guard/idempotency.h"
#include "guard/reply.h"
#include "store/store.h"

static const struct sut_variant *find(const struct sut_product *p, int64_t id)
{
    for (size_t i = 0; i < p->n_variants; i++)
        if (p->variants[i].id == id)
            return &p->variants[i];
    return NULL;
}

static sut_err get_variants(struct sut_req *r)
{
    struct api_page page = api_page_of(r, API_GOODS_PAGE, API_GOODS_PAGE_MAX);
    struct sut_db_conn *c = NULL;
    struct sut_product p;
    TRY(sut_req_conn(r, &c));
    TRY(api_goods_load(r, c, sut_route_param(&r->match, "id").id, &p));
    page.count = (int64_t) p.n_variants;
    if (!api_page_is_there(r, &page))
        return SUT_OK;
    struct sut_jw w = sut_reply_json(r, 200);
    api_page_open(r, &w, &page);
    for (int64_t i = page.offset; i < page.count && i < page.offset + page.size; i++)
        api_goods_variant_json(&w, &p.variants[i]);
    api_page_close(&w);
    return SUT_OK;
}

static sut_err answer(struct sut_req *r, int status, int64_t variant_id)
{
    struct sut_db_conn *c = NULL;
    struct sut_product p;
    TRY(sut_req_conn(r, &c));
    TRY(api_goods_load(r, c, sut_route_param(&r->match, "id").id, &p));
    const struct sut_variant *v = find(&p, variant_id);
    ENSURE(v != NULL, NOT_FOUND);
    struct sut_jw w = sut_reply_json(r, status);
    api_goods_variant_json(&w, v);
    return SUT_OK;
}

static sut_err get_variant(struct sut_req *r)
{
    return answer(r, 200, sut_route_param(&r->match, "variant_id").id);
}

struct work {
    struct sut_req *r;
    struct sut_mark mark;
    int64_t id;
    int64_t variant_id; /* 0: a new one */
    struct sut_goods_variant ask;
    struct sut_goods_actor by;
    struct sut_goods_result done;
};

static void begin(struct sut_req *r, struct work *ret)
{
    *ret = (struct work){
        .r = r,
        .id = sut_route_param(&r->match, "id").id,
        .variant_id = sut_route_param(&r->match, "variant_id").id,
        .by = api_goods_actor(r),
    };
    api_goods_variant_of(r->body, &ret->ask);
    sut_req_conn_end(r);
    ret->mark = sut_arena_mark(r->arena);
}

static SUT_ERR put_job(struct sut_db_conn *c, void *arg)
{
    struct work *k = arg;
    sut_arena_rewind(k->r->arena, k->mark);
    if (k->variant_id != 0)
        return sut_goods_variant_change(c, k->r->arena, k->id, k->variant_id, &k->ask,
                                        k->r->route->method == SUT_PUT, &k->by, &k->done);
    TRY(sut_req_claim(k->r, c));
    TRY(sut_goods_variant_add(c, k->r->arena, k->id, &k->ask, &k->by, &k->done));
    return sut_req_claim_made(k->r, c, k->done.variant_id);
}

static sut_err post_variant(struct sut_req *r)
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
    return answer(r, 201, k.done.variant_id);
}

static sut_err put_variant(struct sut_req *r)
{
    struct work k;
    begin(r, &k);
    const sut_err e = sut_store_write(r->app->store, put_job, &k);
    if (sut_failed(e))
        return api_goods_refuse(r, e, &k.done, NULL);
    api_goods_done(r, &k.done);
    return answer(r, 200, k.variant_id);
}

static SUT_ERR delete_job(struct sut_db_conn *c, void *arg)
{
    struct work *k = arg;
    sut_arena_rewind(k->r->arena, k->mark);
    return sut_goods_variant_remove(c, k->r->arena, k->id, k->variant_id, &k->by, &k->done);
}

static sut_err delete_variant(struct sut_req *r)
{
    struct work k;
    begin(r, &k);
    const sut_err e = sut_store_write(r->app->store, delete_job, &k);
    if (sut_failed(e))
        return api_goods_refuse(r, e, &k.done, "A product's own variant goes with the product.");
    api_goods_done(r, &k.done);
    sut_reply_empty(r, 204);
    return SUT_OK;
}

static const struct sut_query_key page_keys[] = {
    { .name = "page", .type = SUT_Q_INT, .max = API_PAGE_MAX },
    { .name = "page_size", .type = SUT_Q_INT, .max = API_PAGE_MAX, .doc = "20; above 100 is 100" },
    { 0 },
};

static const struct sut_answer list_answers[] = {
    { .status = 200, .schema = &api_b_variant_page },
    { .status = 404, .doc = "Not found." },
    { 0 },
};
static const struct sut_answer one_answers[] = {
    { .status = 200, .schema = &api_b_variant },
    { .status = 404, .doc = "Not found." },
    { 0 },
};
static const struct sut_answer new_answers[] = {
    { .status = 201, .schema = &api_b_variant },
    { .status = 404, .doc = "Not found." },
    { .status = 409, .doc = "A product with this SKU already exists." },
    { 0 },
};
static const struct sut_answer change_answers[] = {
    { .status = 200, .schema = &api_b_variant },
    { .status = 404, .doc = "Not found." },
    { .status = 409, .doc = "A product with this SKU already exists." },
    { 0 },
};
static const struct sut_answer delete_answers[] = {
    { .status = 204, .doc = "Deleted; hidden, when orders refer to it" },
    { .status = 404, .doc = "Not found." },
    { .status = 409, .doc = "The product's default variant" },
    { 0 },
};

static const struct sut_route rows[] = {
    {
        .method = SUT_GET,
        .path = "/api/v1/products/{id}/variants/",
        .name = "nsgg_variants",
        .summary = "A product's variants, hidden ones too",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_READ,
        .query = page_keys,
        .answers = list_answers,
        .handle = get_variants,
    },
    {
        .method = SUT_POST,
        .path = "/api/v1/products/{id}/variants/",
        .name = "nsgg_variant_add",
        .summary = "Add a variant",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_CREATES,
        .body = &api_b_variant_new,
        .answers = new_answers,
        .handle = post_variant,
    },
    {
        .method = SUT_GET,
        .path = "/api/v1/products/{id}/variants/{variant_id}/",
        .name = "nsgg_variant",
        .summary = "One variant",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_READ,
        .answers = one_answers,
        .handle = get_variant,
    },
    {
        .method = SUT_PUT,
        .path = "/api/v1/products/{id}/variants/{variant_id}/",
        .name = "nsgg_variant_put",
        .summary = "Change a variant; a hidden one is shown again",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_POOL,
        .body = &api_b_variant_new,
        .answers = change_answers,
        .handle = put_variant,
    },
    {
        .method = SUT_PATCH,
        .path = "/api/v1/products/{id}/variants/{variant_id}/",
        .name = "nsgg_variant_patch",
        .summary = "Change some of a variant",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_POOL,
        .body = &api_b_variant_change,
        .answers = change_answers,
        .handle = put_variant,
    },
    {
        .method = SUT_DELETE,
        .path = "/api/v1/products/{id}/variants/{variant_id}/",
        .name = "nsgg_variant_delete",
        .summary = "Delete a variant, or hide it when orders refer to it",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_POOL,
        .answers = delete_answers,
        .handle = delete_variant,
    },
};

const struct sut_routes api_nsgg_variants_routes = SUT_ROUTES(rows);
