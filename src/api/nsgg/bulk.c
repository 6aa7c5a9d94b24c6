/* SPDX-License-Identifier: Apache-2.0
 *
 * bulk - contract B's changes of up to 1,000 products at once: all or nothing, in one
 * transaction, with what is wrong by the number of its row.
 *
 * The answer is written before the commit, so that nothing is done that can't be
 * answered; and one row is held at a time, so that memory does not grow with them.
 */
#include "api/nsgg/goods_form.h"
#include "api/routes.h"
#include "guard/idempotency.h"
#include "guard/reply.h"
#include "store/store.h"

enum {
    BODY_MAX = 2 * 1024 * 1024,
    MEMORY = 24 * 1024 * 1024, /* the body's values, and what is wrong with them */
    ROWS_TOLD = 100,
};

struct work {
    struct sut_req *r;
    struct sut_mark mark;
    bool is_new;
    struct sut_goods_actor by;
    struct sut_goods_result done; /* version alone, of the last row that changed something */
    const struct sut_row_fault *faults;
};

/* Whether an earlier row has the same id. */
static bool is_double(const struct sut_json *rows, size_t i)
{
    const int64_t id = sut_schema_i64(&rows->items[i], "id", 0);
    for (size_t k = 0; k < i; k++)
        if (sut_schema_i64(&rows->items[k], "id", 0) == id)
            return true;
    return false;
}

static SUT_ERR one_fault(struct sut_arena *a, const char *field, const char *message,
                         const struct sut_fault **ret)
{
    struct sut_fault *f = ARENA_NEW(a, struct sut_fault);
    ENSURE(f != NULL, NOMEM);
    *f = (struct sut_fault){ .field = sut_str_from(field), .message = sut_str_from(message) };
    *ret = f;
    return SUT_OK;
}

/* Do one row; *ret_faults says why not. */
static SUT_ERR do_row(struct work *k, struct sut_db_conn *c, size_t i, struct sut_jw *w,
                      const struct sut_fault **ret_faults)
{
    const struct sut_json *row = &k->r->body->items[i];
    struct sut_goods_result done = { 0 };
    struct sut_goods ask;
    struct sut_product p;
    sut_err e = SUT_OK;
    TRY(api_goods_of(k->r->arena, row, &ask));
    if (k->is_new)
        e = sut_goods_add(c, k->r->arena, &ask, &k->by, &done);
    else if (is_double(k->r->body, i))
        return one_fault(k->r->arena, "id", "This product stands in an earlier row.", ret_faults);
    else
        e = sut_goods_change(c, k->r->arena, sut_schema_i64(row, "id", 0), &ask, &k->by, &done);
    if (e.code == SUT_E_NOT_FOUND && !k->is_new)
        return one_fault(k->r->arena, "id", "There is no such product.", ret_faults);
    if (e.code == SUT_E_INVALID && done.faults != NULL) {
        *ret_faults = done.faults;
        return SUT_OK;
    }
    TRY(e);
    if (done.version > k->done.version)
        k->done.version = done.version;
    /* Nothing is answered of rows when one of them is wrong. */
    if (k->faults != NULL)
        return SUT_OK;
    TRY(api_goods_load(k->r, c, done.id, &p));
    api_goods_json(w, &p);
    return sut_buf_check(w->out);
}

static SUT_ERR job(struct sut_db_conn *c, void *arg)
{
    struct work *k = arg;
    struct sut_row_fault *last = NULL;
    size_t told = 0;
    sut_arena_rewind(k->r->arena, k->mark);
    k->done = (struct sut_goods_result){ 0 };
    k->faults = NULL;
    struct sut_jw w = sut_reply_json(k->r, k->is_new ? 201 : 200);
    if (k->is_new)
        TRY(sut_req_claim(k->r, c));
    sut_jw_arr(&w);
    for (size_t i = 0; i < k->r->body->n && told < ROWS_TOLD; i++) {
        const struct sut_mark mark = sut_arena_mark(k->r->arena);
        const struct sut_fault *faults = NULL;
        TRY(do_row(k, c, i, &w, &faults));
        if (faults == NULL) {
            sut_arena_rewind(k->r->arena, mark);
            continue;
        }
        struct sut_row_fault *row = ARENA_NEW(k->r->arena, struct sut_row_fault);
        ENSURE(row != NULL, NOMEM);
        *row = (struct sut_row_fault){ .row = i, .faults = faults };
        if (last == NULL)
            k->faults = row;
        else
            last->next = row;
        last = row;
        told++;
    }
    sut_jw_arr_end(&w);
    ENSURE(k->faults == NULL, INVALID);
    return sut_buf_check(w.out);
}

static SUT_ERR run(struct sut_req *r, bool is_new)
{
    struct work k = { .r = r, .is_new = is_new, .by = api_goods_actor(r) };
    sut_req_conn_end(r);
    k.mark = sut_arena_mark(r->arena);
    const sut_err e = sut_store_write_alone(r->app->store, job, &k);
    if (sut_failed(e) && k.faults != NULL && !sut_req_claim_lost(r)) {
        sut_reply_rows(r, k.faults);
        return SUT_OK;
    }
    if (sut_failed(e))
        return api_goods_refuse(r, e, &k.done, NULL);
    api_goods_done(r, &k.done);
    return SUT_OK;
}

static sut_err post_bulk(struct sut_req *r)
{
    return run(r, true);
}

static sut_err put_bulk(struct sut_req *r)
{
    return run(r, false);
}

static const struct sut_answer create_answers[] = {
    { .status = 201, .schema = &api_b_product, .flags = SUT_ANSWER_ARRAY },
    { .status = 409, .doc = "A SKU was taken by another at the same moment" },
    { 0 },
};
static const struct sut_answer update_answers[] = {
    { .status = 200, .schema = &api_b_product, .flags = SUT_ANSWER_ARRAY },
    { .status = 409, .doc = "A SKU was taken by another at the same moment" },
    { 0 },
};

static const struct sut_route rows[] = {
    {
        .method = SUT_POST,
        .path = "/api/v1/products/bulk_create/",
        .name = "nsgg_bulk_create",
        .summary = "Add up to 1,000 products, all or none",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_CREATES,
        .body_max = BODY_MAX,
        .rows_max = API_GOODS_ROWS_MAX,
        .memory = MEMORY,
        .body = &api_b_product_new,
        .answers = create_answers,
        .handle = post_bulk,
    },
    {
        .method = SUT_PUT,
        .path = "/api/v1/products/bulk_update/",
        .name = "nsgg_bulk_update",
        .summary = "Change some of up to 1,000 products, by id, all or none",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_POOL,
        .body_max = BODY_MAX,
        .rows_max = API_GOODS_ROWS_MAX,
        .memory = MEMORY,
        .body = &api_b_product_row,
        .answers = update_answers,
        .handle = put_bulk,
    },
};

const struct sut_routes api_nsgg_bulk_routes = SUT_ROUTES(rows);
