/* SPDX-License-Identifier: Apache-2.0
 *
 * images - contract B's routes of a product's pictures, for the managers of the
 * catalogue.
 */
#include "api/nsgg/goods_form.h"
#include "api/picture_url.h"
#include "api/routes.h"
#include "api/upload.h"
#include "audit/audit.h"
#include "guard/idempotency.h"
#include "guard/reply.h"
#include "store/product_picture.h"
#include "store/store.h"

struct work {
    struct sut_req *r;
    struct sut_mark mark;
    struct sut_product_picture row;
    bool wants_feature;
    int64_t version;
};

static void write_answer(struct sut_req *r, const struct sut_product_picture *row)
{
    const struct api_picture_urls urls = api_picture_urls_of(r);
    const struct sut_product_image image = {
        .id = row->id,
        .image = api_picture_url(&urls, r->arena, row->image),
        .thumbnail = api_picture_url(&urls, r->arena, row->thumbnail),
        .is_feature = row->is_feature,
    };
    struct sut_jw w = sut_reply_json(r, 201);
    api_goods_image_json(&w, &image);
}

/* {"image":{"id":…,"file":…,"is_feature":…}} */
static sut_str state_of(struct sut_arena *a, const struct sut_product_picture *row)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, 512);
    struct sut_jw w = sut_jw_of(&b);
    sut_jw_obj(&w);
    sut_jw_key(&w, "image");
    sut_jw_obj(&w);
    sut_jw_key(&w, "id");
    sut_jw_i64(&w, row->id);
    sut_jw_key(&w, "file");
    sut_audit_text(&w, row->image);
    sut_jw_key(&w, "is_feature");
    sut_jw_bool(&w, row->is_feature);
    sut_jw_obj_end(&w);
    sut_jw_obj_end(&w);
    return b.overflowed ? SUT_STR("") : sut_buf_str(&b);
}

static SUT_ERR tell(struct sut_db_conn *c, const struct work *k, enum sut_action action)
{
    const struct sut_req *r = k->r;
    const sut_str state = state_of(r->arena, &k->row);
    const bool is_new = action == SUT_ACTION_ADMIN_PRODUCT_IMAGE_ADD;
    return sut_audit_write_change(c, action, r->auth.user_id, "product", k->row.product_id,
                                  is_new ? SUT_STR("") : state, is_new ? state : SUT_STR(""),
                                  sut_str_from(r->client->text), r->now);
}

static SUT_ERR add_job(struct sut_db_conn *c, void *arg)
{
    struct work *k = arg;
    sut_arena_rewind(k->r->arena, k->mark);
    k->row.is_feature = k->wants_feature;
    TRY(sut_req_claim(k->r, c));
    TRY(sut_product_picture_add(c, &k->row, k->r->now, &k->version));
    TRY(tell(c, k, SUT_ACTION_ADMIN_PRODUCT_IMAGE_ADD));
    return sut_req_claim_made(k->r, c, k->row.id);
}

static SUT_ERR files_of(struct sut_req *r, const struct sut_media_kept *kept,
                        struct sut_product_picture *row)
{
    row->media_id = kept->id;
    TRY(api_upload_file(r, kept, SUT_PICTURE_FULL, &row->image));
    TRY(api_upload_file(r, kept, SUT_PICTURE_THUMBNAIL, &row->thumbnail));
    return api_upload_file(r, kept, SUT_PICTURE_LARGER, &row->large);
}

static SUT_ERR add(struct sut_req *r, const struct sut_media_kept *kept, struct work *k)
{
    TRY(files_of(r, kept, &k->row));
    k->mark = sut_arena_mark(r->arena);
    return sut_store_write(r->app->store, add_job, k);
}

/* A try before this one made it, and died before it could say so. */
static sut_err answer_made(struct sut_req *r, int64_t product_id, int64_t id)
{
    struct sut_product_picture row;
    struct sut_db_conn *c = NULL;
    TRY(sut_req_conn(r, &c));
    TRY(sut_product_picture_find(c, r->arena, product_id, id, &row));
    write_answer(r, &row);
    return SUT_OK;
}

static sut_err post_image(struct sut_req *r)
{
    const int64_t made = sut_req_claim_resource(r);
    struct work k = { .r = r, .row.product_id = sut_route_param(&r->match, "id").id };
    struct sut_media_kept kept;
    struct sut_product p;
    struct sut_db_conn *c = NULL;
    bool is_kept = false;
    if (made != 0)
        return answer_made(r, k.row.product_id, made);
    /* Before the picture is looked at: whether there is what it is for. */
    TRY(sut_req_conn(r, &c));
    TRY(api_goods_load(r, c, k.row.product_id, &p));
    k.wants_feature = sut_schema_bool(r->body, "is_feature", false);
    TRY(api_upload_keep(r, 0, &kept, &is_kept));
    if (!is_kept)
        return SUT_OK;
    const sut_err e = add(r, &kept, &k);
    if (sut_failed(e))
        api_upload_discard(r, &kept);
    if (e.code == SUT_E_TOO_LARGE && !sut_req_claim_lost(r)) {
        sut_reply_fault(r, "image", "A product has at most 20 pictures.");
        return SUT_OK;
    }
    TRY(e);
    api_goods_done(r, &(struct sut_goods_result){ .version = k.version });
    write_answer(r, &k.row);
    return SUT_OK;
}

static SUT_ERR remove_job(struct sut_db_conn *c, void *arg)
{
    struct work *k = arg;
    sut_arena_rewind(k->r->arena, k->mark);
    TRY(sut_product_picture_find(c, k->r->arena, sut_route_param(&k->r->match, "id").id,
                                 sut_route_param(&k->r->match, "image_id").id, &k->row));
    TRY(sut_product_picture_remove(c, &k->row, k->r->now, &k->version));
    return tell(c, k, SUT_ACTION_ADMIN_PRODUCT_IMAGE_REMOVE);
}

static sut_err delete_image(struct sut_req *r)
{
    struct work k = { .r = r, .mark = sut_arena_mark(r->arena) };
    TRY(sut_store_write(r->app->store, remove_job, &k));
    api_goods_done(r, &(struct sut_goods_result){ .version = k.version });
    api_upload_sweep(r);
    sut_reply_empty(r, 204);
    return SUT_OK;
}

static const struct sut_field form_fields[] = {
    { .name = "is_feature",
      .type = SUT_F_BOOL,
      .doc = "It stands for the product, in the place of another. The first one does anyway." },
};
static const struct sut_schema form = SUT_SCHEMA("NsggPictureNew", form_fields);

static const struct sut_route_upload upload = {
    .field = "image",
    .is_required = true,
    .doc = "JPEG, PNG, WebP or GIF, at most 5 MiB",
};

static const struct sut_answer new_answers[] = {
    { .status = 201, .schema = &api_b_image },
    { .status = 404, .doc = "Not found." },
    { 0 },
};
static const struct sut_answer delete_answers[] = {
    { .status = 204, .doc = "Deleted" },
    { .status = 404, .doc = "Not found." },
    { 0 },
};

static const struct sut_route rows[] = {
    {
        .method = SUT_POST,
        .path = "/api/v1/products/{id}/images/",
        .name = "nsgg_image_add",
        .summary = "Add a picture to a product",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_CREATES,
        .body = &form,
        .upload = &upload,
        .answers = new_answers,
        .handle = post_image,
    },
    {
        .method = SUT_DELETE,
        .path = "/api/v1/products/{id}/images/{image_id}/",
        .name = "nsgg_image_delete",
        .summary = "Take a picture away from a product",
        .tag = "products",
        .policy = SUT_POLICY_MANAGERS,
        .place = SUT_PLACE_POOL,
        .answers = delete_answers,
        .handle = delete_image,
    },
};

const struct sut_routes api_nsgg_images_routes = SUT_ROUTES(rows);
