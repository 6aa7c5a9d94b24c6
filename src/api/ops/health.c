/* SPDX-License-Identifier: Apache-2.0 */
#include "api/routes.h"
#include "guard/reply.h"
#include "store/store.h"

static const struct sut_field alive_fields[] = {
    { .name = "status", .type = SUT_F_STRING },
};
static const struct sut_schema alive = SUT_SCHEMA("Alive", alive_fields);

static const struct sut_field parts_fields[] = {
    { .name = "store", .type = SUT_F_STRING, .doc = "ok, or unavailable" },
    { .name = "counters", .type = SUT_F_STRING },
};
static const struct sut_schema parts = SUT_SCHEMA("HealthParts", parts_fields);

static const struct sut_field health_fields[] = {
    { .name = "status", .type = SUT_F_STRING },
    { .name = "checks", .type = SUT_F_OBJECT, .of = &parts },
};
static const struct sut_schema health = SUT_SCHEMA("Health", health_fields);

static sut_err get_alive(struct sut_req *r)
{
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_obj(&w);
    sut_jw_key(&w, "status");
    sut_jw_z(&w, "ok");
    sut_jw_obj_end(&w);
    return SUT_OK;
}

static sut_err get_health(struct sut_req *r)
{
    const bool store_ok = !sut_failed(sut_store_ping(r->app->store));
    /* The counters live in this process: when it answers, they do. */
    struct sut_jw w = sut_reply_json(r, store_ok ? 200 : 503);
    sut_jw_obj(&w);
    sut_jw_key(&w, "status");
    sut_jw_z(&w, store_ok ? "ok" : "unavailable");
    sut_jw_key(&w, "checks");
    sut_jw_obj(&w);
    sut_jw_key(&w, "store");
    sut_jw_z(&w, store_ok ? "ok" : "unavailable");
    sut_jw_key(&w, "counters");
    sut_jw_z(&w, "ok");
    sut_jw_obj_end(&w);
    sut_jw_obj_end(&w);
    return SUT_OK;
}

static const struct sut_answer alive_answers[] = { { .status = 200, .schema = &alive }, { 0 } };
static const struct sut_answer health_answers[] = {
    { .status = 200, .schema = &health },
    { .status = 503, .schema = &health, .doc = "A part that requests need is not there." },
    { 0 },
};

static const struct sut_route rows[] = {
    {
        .method = SUT_GET,
        .path = "/healthz",
        .name = "alive",
        .summary = "Whether the process answers",
        .tag = "operations",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_MEMORY,
        .flags = SUT_ROUTE_UNCOUNTED | SUT_ROUTE_NO_TOKEN,
        .answers = alive_answers,
        .handle = get_alive,
    },
    {
        .method = SUT_GET,
        .path = "/health",
        .name = "health",
        .summary = "Whether the store and the counters answer",
        .tag = "operations",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_UNCOUNTED | SUT_ROUTE_NO_TOKEN,
        .answers = health_answers,
        .handle = get_health,
    },
};

const struct sut_routes api_ops_health_routes = SUT_ROUTES(rows);
