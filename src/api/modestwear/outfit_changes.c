/* SPDX-License-Identifier: Apache-2.0
 *
 * outfit_changes - contract A's routes that make, change and take apart outfits.
 */
#include "api/modestwear/outfit_json.h"
#include "api/routes.h"
#include "guard/idempotency.h"
#include "shop/outfit.h"
#include "store/store.h"

enum { NAME_MAX_CP = 255, DESCRIPTION_MAX_CP = 10000 };

/* --- bodies, answers --- */

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

static const struct sut_answer make_answers[] = {
    { .status = 201, .schema = &api_a_outfit },
    { .status = 400, .doc = "Its products can't be an outfit, or there are too many outfits" },
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

/* --- handlers --- */

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
        sut_reply_domain(r, 404, "not_found", SUT_STR("Outfit not found"));
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
    return is_done ? api_outfit_send(r, 201, a.res.id, false) : SUT_OK;
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
    return is_done ? api_outfit_send(r, 200, a.change.id, false) : SUT_OK;
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

/* --- rows --- */

static const struct sut_route rows[] = {
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

const struct sut_routes api_modestwear_outfit_changes_routes = SUT_ROUTES(rows);
