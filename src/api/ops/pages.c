/* SPDX-License-Identifier: Apache-2.0 */
#include "api/ops/assets.h"
#include "api/routes.h"
#include "guard/reply.h"

/* Answer with an asset, or 304 when the browser has it already. */
static sut_err send_asset(struct sut_req *r, sut_str name)
{
    for (size_t i = 0; i < api_assets_n; i++) {
        const struct api_asset *a = &api_assets[i];
        if (!sut_str_is(name, a->name))
            continue;
        const sut_str etag = sut_str_from(a->etag);
        if (sut_str_eq(r->x->req->known[SUT_H_IF_NONE_MATCH], etag)) {
            sut_reply_empty(r, 304);
        } else {
            struct sut_bytes *bytes = NULL;
            TRY(sut_bytes_create_over(sut_str_of(a->p, a->n), &bytes));
            sut_reply_bytes(r, 200, sut_str_from(a->type), bytes);
            sut_bytes_unref(&bytes);
        }
        sut_response_header(&r->x->res, SUT_STR("ETag"), etag);
        return SUT_OK;
    }
    FAIL(NOT_FOUND);
}

static sut_err get_index(struct sut_req *r)
{
    return send_asset(r, SUT_STR("index.html"));
}

static sut_err get_docs(struct sut_req *r)
{
    return send_asset(r, SUT_STR("docs.html"));
}

/* What the link of a mail opens: it does nothing but show a button. */
static sut_err get_link(struct sut_req *r)
{
    return send_asset(r, SUT_STR("link.html"));
}

static sut_err get_asset(struct sut_req *r)
{
    return send_asset(r, sut_route_param(&r->match, "token").text);
}

static sut_err get_schema(struct sut_req *r)
{
    sut_reply_bytes(r, 200, SUT_STR("application/json"), r->app->openapi);
    return SUT_OK;
}

static const struct sut_answer page_answers[] = {
    { .status = 200, .type = "text/html", .doc = "A page" },
    { .status = 304, .doc = "Unchanged" },
    { 0 },
};
static const struct sut_answer file_answers[] = {
    { .status = 200, .type = "*/*", .doc = "A style, a script or a picture" },
    { .status = 304, .doc = "Unchanged" },
    { .status = 404, .doc = "No such file" },
    { 0 },
};
static const struct sut_answer schema_answers[] = {
    { .status = 200, .type = "application/json", .doc = "This document" },
    { 0 },
};

#define LINK_PAGE(path_, name_, summary_)                                                          \
    {                                                                                              \
        .method = SUT_GET, .path = (path_), .aliases = { path_ "/" }, .name = (name_),             \
        .summary = (summary_), .tag = "pages", .policy = SUT_POLICY_ANYONE,                        \
        .place = SUT_PLACE_MEMORY,                                                                 \
        .flags = SUT_ROUTE_UNCOUNTED | SUT_ROUTE_NO_TOKEN | SUT_ROUTE_PAGE,                        \
        .answers = page_answers, .handle = get_link,                                               \
    }

static const struct sut_route rows[] = {
    {
        .method = SUT_GET,
        .path = "/",
        .name = "index",
        .summary = "What this is and where to go",
        .tag = "pages",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_MEMORY,
        .flags = SUT_ROUTE_UNCOUNTED | SUT_ROUTE_NO_TOKEN | SUT_ROUTE_PAGE,
        .answers = page_answers,
        .handle = get_index,
    },
    {
        .method = SUT_GET,
        .path = "/docs/",
        .name = "docs",
        .summary = "The interactive reference",
        .tag = "pages",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_MEMORY,
        .flags = SUT_ROUTE_UNCOUNTED | SUT_ROUTE_NO_TOKEN | SUT_ROUTE_PAGE,
        .answers = page_answers,
        .handle = get_docs,
    },
    {
        .method = SUT_GET,
        .path = "/docs/{token}",
        .name = "docs_file",
        .summary = "A file of the reference",
        .tag = "pages",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_MEMORY,
        .flags = SUT_ROUTE_UNCOUNTED | SUT_ROUTE_NO_TOKEN | SUT_ROUTE_PAGE,
        .answers = file_answers,
        .handle = get_asset,
    },
    LINK_PAGE("/verify-email", "verify_email_page", "Where the link of a verification leads"),
    LINK_PAGE("/reset-password", "reset_password_page", "Where the link of a reset leads"),
    LINK_PAGE("/email-change/confirm", "email_change_confirm_page",
              "Where the link to a new address leads"),
    LINK_PAGE("/email-change/revert", "email_change_revert_page",
              "Where the link to a former address leads"),
    {
        .method = SUT_GET,
        .path = "/api/schema/",
        .name = "schema",
        .summary = "The OpenAPI 3.1 document",
        .tag = "operations",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_MEMORY,
        .flags = SUT_ROUTE_UNCOUNTED | SUT_ROUTE_NO_TOKEN | SUT_ROUTE_CACHEABLE,
        .answers = schema_answers,
        .handle = get_schema,
    },
};

const struct sut_routes api_ops_pages_routes = SUT_ROUTES(rows);
