/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_routes - facts about the API out of the route table: `routes` and `openapi`.
 */
#include <stdio.h>

#include "api/ops/openapi.h"
#include "api/routes.h"
#include "codec/json_out.h"
#include "os/fd.h"
#include "prog/options.h"

enum { DOCUMENT_MAX = 4 * 1024 * 1024, LIMITS_MAX = 24 };

static const char routes_usage[] =
    "usage: sutler routes [--json]\n\n"
    "Print method, path, policy, limits and place of each route, and whether it\n"
    "wants a fresh proof of who asks.\n";
static const char openapi_usage[] = "usage: sutler openapi\n\n"
                                    "Print the OpenAPI 3.1 document.\n";

/* Which rates count it: "user", "anon+login". */
static const char *limits_of(const struct sut_route *row, char to[LIMITS_MAX])
{
    const char *who = row->policy == SUT_POLICY_ANYONE ? "anon|user" : "user";
    const char *what = "";
    if ((row->flags & SUT_ROUTE_UNCOUNTED) != 0)
        return "none";
    if ((row->flags & SUT_ROUTE_NO_TOKEN) != 0)
        who = "anon";
    if ((row->flags & SUT_ROUTE_LOGIN) != 0)
        what = "+login";
    else if ((row->flags & SUT_ROUTE_RESET) != 0)
        what = "+reset";
    else if ((row->flags & SUT_ROUTE_REFRESH) != 0)
        what = "+refresh";
    (void) snprintf(to, LIMITS_MAX, "%s%s", who, what);
    return to;
}

static bool is_fresh(const struct sut_route *row)
{
    return (row->flags & SUT_ROUTE_FRESH) != 0;
}

static void write_row(struct sut_jw *w, const struct sut_route *row, const char *path)
{
    char limits[LIMITS_MAX];
    sut_jw_obj(w);
    sut_jw_key(w, "method");
    sut_jw_z(w, sut_method_name(row->method));
    sut_jw_key(w, "path");
    sut_jw_z(w, path);
    sut_jw_key(w, "name");
    sut_jw_z(w, row->name);
    sut_jw_key(w, "policy");
    sut_jw_z(w, sut_policy_name(row->policy));
    sut_jw_key(w, "fresh");
    sut_jw_bool(w, is_fresh(row));
    sut_jw_key(w, "limits");
    sut_jw_z(w, limits_of(row, limits));
    sut_jw_key(w, "place");
    sut_jw_z(w, sut_place_name(row->place));
    sut_jw_obj_end(w);
}

static void print_row(struct sut_buf *out, const struct sut_route *row, const char *path)
{
    char limits[LIMITS_MAX];
    sut_buf_printf(out, "%-7s %-45s %-14s %-13s %s%s\n", sut_method_name(row->method), path,
                   sut_policy_name(row->policy), limits_of(row, limits), sut_place_name(row->place),
                   is_fresh(row) ? "   fresh" : "");
}

static int run_routes(int argc, char **argv)
{
    struct sut_options o;
    const int code = sut_options_parse(&sut_cmd_routes, argc, argv, &o);
    if (code != SUT_EXIT_OK || o.help)
        return code;
    if (o.n_rest > 0)
        return sut_command_usage(&sut_cmd_routes, "%s is not expected here", o.rest[0]);
    struct sut_buf out;
    sut_buf_init(&out, DOCUMENT_MAX);
    struct sut_jw w = sut_jw_of(&out);
    if (o.json)
        sut_jw_arr(&w);
    for (size_t t = 0; t < api_tables_n; t++)
        for (size_t i = 0; i < api_tables[t]->n; i++) {
            const struct sut_route *row = &api_tables[t]->rows[i];
            const char *const paths[] = { row->path, row->aliases[0], row->aliases[1] };
            for (size_t p = 0; p < 3; p++) {
                if (paths[p] == NULL)
                    continue;
                if (o.json)
                    write_row(&w, row, paths[p]);
                else
                    print_row(&out, row, paths[p]);
            }
        }
    if (o.json) {
        sut_jw_arr_end(&w);
        sut_buf_char(&out, '\n');
    }
    const bool is_written = !out.overflowed && !sut_failed(sut_fd_write_full(1, sut_buf_str(&out)));
    sut_buf_done(&out);
    return is_written ? SUT_EXIT_OK : sut_command_unprinted();
}

static int run_openapi(int argc, char **argv)
{
    struct sut_options o;
    const int code = sut_options_parse(&sut_cmd_openapi, argc, argv, &o);
    if (code != SUT_EXIT_OK || o.help)
        return code;
    if (o.n_rest > 0)
        return sut_command_usage(&sut_cmd_openapi, "%s is not expected here", o.rest[0]);
    DEFER(sut_config_free) struct sut_config *config = sut_options_config(&o, true);
    if (config == NULL)
        return SUT_EXIT_FAILED;
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_buf out;
    sut_buf_init(&out, DOCUMENT_MAX);
    bool is_written = false;
    const char *url = config->server.public_url.n > 0 ? config->server.public_url.p : "/";
    if (!sut_failed(sut_arena_create(DOCUMENT_MAX, &a)) &&
        !sut_failed(api_openapi_write(a, &out, api_tables, api_tables_n, url))) {
        sut_buf_char(&out, '\n');
        is_written = !sut_failed(sut_fd_write_full(1, sut_buf_str(&out)));
    }
    sut_buf_done(&out);
    return is_written ? SUT_EXIT_OK : sut_command_unprinted();
}

const struct sut_command sut_cmd_routes = {
    .name = "routes",
    .summary = "print the API's routes, with policy and limits",
    .usage = routes_usage,
    .run = run_routes,
};

const struct sut_command sut_cmd_openapi = {
    .name = "openapi",
    .summary = "print the OpenAPI document",
    .usage = openapi_usage,
    .run = run_openapi,
};
