/* SPDX-License-Identifier: Apache-2.0 */
#include "api/ops/openapi_browser.h"

#include <string.h>

enum { DEPTH_MAX = 8 };

static void key_z(struct sut_jw *w, const char *key, const char *value)
{
    sut_jw_key(w, key);
    sut_jw_z(w, value);
}

static void header(struct sut_jw *w, const char *name, const char *only, const char *text)
{
    sut_jw_obj(w);
    key_z(w, "name", name);
    key_z(w, "in", "header");
    key_z(w, "description", text);
    sut_jw_key(w, "schema");
    sut_jw_obj(w);
    key_z(w, "type", "string");
    if (only != NULL) {
        sut_jw_key(w, "enum");
        sut_jw_arr(w);
        sut_jw_z(w, only);
        sut_jw_arr_end(w);
    }
    sut_jw_obj_end(w);
    sut_jw_obj_end(w);
}

/* Whether an answer may carry a pair of tokens: then it may carry the token of browser mode. */
static bool has_csrf(const struct sut_schema *s, unsigned depth)
{
    if (s == NULL || depth == DEPTH_MAX)
        return false;
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->fields[i].name, "csrf_token") == 0 || has_csrf(s->fields[i].of, depth + 1))
            return true;
    return false;
}

static bool gives_tokens(const struct sut_route *row)
{
    if (row->method != SUT_POST)
        return false;
    for (const struct sut_answer *a = row->answers; a != NULL && a->status != 0; a++)
        if (has_csrf(a->schema, 0))
            return true;
    return false;
}

void api_openapi_browser_headers(struct sut_jw *w, const struct sut_route *row)
{
    const unsigned acts = SUT_ROUTE_COOKIE_REFRESH | SUT_ROUTE_COOKIE_CART;
    if (gives_tokens(row))
        header(w, "X-Sutler-Client", "browser",
               "Browser mode: the refresh token goes into a cookie that no script reads.");
    if ((row->flags & acts) != 0)
        header(w, "X-CSRFToken", NULL,
               "Needed when a cookie speaks for the client: the csrf_token of its session.");
}
