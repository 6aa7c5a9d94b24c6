/* SPDX-License-Identifier: Apache-2.0 */
#include "media/media.h"
#include "api/routes.h"
#include "api/totp.h"
#include "authn/media_url.h"
#include "base/scan.h"
#include "codec/qr.h"
#include "guard/reply.h"

enum { SIGNATURE_MAX = 256, NUMBER_MAX = 64 /* and a short header's value */ };

/* "12-04f1….svg" */
static bool read_name(sut_str name, int64_t *ret, sut_str *ret_mark)
{
    const sut_str tail = SUT_STR(".svg");
    const size_t dash = sut_str_find(name, 0, '-');
    if (!sut_str_ends(name, tail) || dash == name.n)
        return false;
    *ret_mark = sut_str_sub(name, dash + 1, name.n - tail.n);
    return !sut_failed(sut_parse_i64(sut_str_sub(name, 0, dash), 1, INT64_MAX, ret));
}

/* The picture holds the secret: for who has the address, for ten minutes, and in no cache. */
static sut_err get_totp(struct sut_req *r)
{
    const sut_str name = sut_route_param(&r->match, "token").text;
    int64_t person = 0;
    sut_str mark = { 0 };
    const sut_err e = sut_media_url_check(r->app->media, r->x->req->path, sut_req_query(r, "exp"),
                                          sut_req_query(r, "sig"), r->now);
    if (sut_failed(e) || !read_name(name, &person, &mark)) {
        sut_reply_refuse(r, 403, "permission_denied", "This address is not good, or no more.");
        return SUT_OK;
    }
    struct sut_buf svg;
    sut_buf_init_arena(&svg, r->arena, SUT_QR_SVG_MAX);
    TRY(api_totp_picture(r, person, mark, &svg));
    sut_reply_empty(r, 200);
    sut_response_header(&r->x->res, SUT_STR("Content-Type"), SUT_STR("image/svg+xml"));
    sut_buf_str_add(&r->x->res.body, sut_buf_str(&svg));
    return SUT_OK;
}

/* Names are random and never used twice, so what a reader has kept is right until its address ends.
 */
static SUT_ERR say_how_to_keep(struct sut_req *r, sut_str file, const char *type)
{
    struct sut_http_response *res = &r->x->res;
    struct sut_buf keep;
    struct sut_buf name;
    int64_t ends_s = 0;
    TRY(sut_parse_i64(sut_req_query(r, "exp"), 0, INT64_MAX / 1000, &ends_s));
    sut_buf_init_arena(&keep, r->arena, NUMBER_MAX);
    sut_buf_lit(&keep, "private, immutable, max-age=");
    sut_buf_i64(&keep, ends_s - r->now.v / 1000);
    sut_buf_init_arena(&name, r->arena, NUMBER_MAX);
    sut_buf_lit(&name, "inline; filename=\"");
    sut_buf_str_add(&name, file);
    sut_buf_char(&name, '"');
    TRY(sut_buf_check(&keep));
    TRY(sut_buf_check(&name));
    sut_response_header(res, SUT_STR("Content-Type"), sut_str_from(type));
    sut_response_header(res, SUT_STR("Content-Disposition"), sut_buf_str(&name));
    sut_response_header(res, SUT_STR("Cache-Control"), sut_buf_str(&keep));
    return SUT_OK;
}

/* Opened straight into the answer. */
static sut_err get_picture(struct sut_req *r)
{
    const sut_str file = sut_route_param(&r->match, "token").text;
    const char *type = NULL;
    const sut_err e = sut_media_url_check(r->app->media, r->x->req->path, sut_req_query(r, "exp"),
                                          sut_req_query(r, "sig"), r->now);
    if (sut_failed(e)) {
        sut_reply_refuse(r, 403, "permission_denied", "This address is not good, or no more.");
        return SUT_OK;
    }
    sut_reply_empty(r, 200);
    TRY(sut_media_read(r->app->pictures, file, &r->x->res.body, &type));
    return say_how_to_keep(r, file, type);
}

static const struct sut_query_key signed_keys[] = {
    { .name = "exp", .type = SUT_Q_TEXT, .max = NUMBER_MAX, .doc = "until when, in Unix seconds" },
    { .name = "sig", .type = SUT_Q_TEXT, .max = SIGNATURE_MAX, .doc = "the signature" },
    { 0 },
};

static const struct sut_answer picture_answers[] = {
    { .status = 200, .type = "image/svg+xml", .doc = "A picture" },
    { .status = 403, .doc = "The address was altered, or is past its end" },
    { .status = 404, .doc = "Nothing waits to be confirmed" },
    { 0 },
};

static const struct sut_answer file_answers[] = {
    { .status = 200, .type = "image/*", .doc = "A picture: image/jpeg, image/png or image/webp" },
    { .status = 403, .doc = "The address was altered, or is past its end" },
    { .status = 404, .doc = "The picture is gone" },
    { 0 },
};

static const struct sut_route rows[] = {
    {
        .method = SUT_GET,
        .path = "/media/{token}",
        .name = "media_file",
        .summary = "A picture, by its signed address",
        .tag = "media",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_UNCOUNTED | SUT_ROUTE_NO_TOKEN | SUT_ROUTE_PICTURE,
        .query = signed_keys,
        .answers = file_answers,
        .handle = get_picture,
    },
    {
        .method = SUT_GET,
        .path = "/media/totp/{token}",
        .name = "media_totp",
        .summary = "An enrolment's secret as a QR code, by its signed address",
        .tag = "media",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL, /* it draws for a millisecond */
        .flags = SUT_ROUTE_UNCOUNTED | SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET,
        .query = signed_keys,
        .answers = picture_answers,
        .handle = get_totp,
    },
};

const struct sut_routes api_ops_media_routes = SUT_ROUTES(rows);
