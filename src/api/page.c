/* SPDX-License-Identifier: Apache-2.0 */
#include "api/page.h"

#include "codec/url.h"
#include "config/config.h"
#include "guard/reply.h"

enum { URL_MAX = 8 * 1024 };

struct api_page api_page_of(const struct sut_req *r, int64_t size, int64_t size_max)
{
    struct api_page p = {
        .number = sut_req_query_int(r, "page", 1),
        .size = sut_req_query_int(r, "page_size", size),
    };
    if (p.size > size_max)
        p.size = size_max;
    p.offset = (p.number - 1) * p.size;
    return p;
}

bool api_page_is_there(struct sut_req *r, const struct api_page *p)
{
    if (p->number == 1 || p->offset < p->count)
        return true;
    sut_reply_refuse(r, 404, "not_found", "Invalid page.");
    return false;
}

static void add_number(struct sut_req *r, struct sut_buf *url, bool *first, int64_t number)
{
    struct sut_buf n;
    sut_buf_init_arena(&n, r->arena, 24);
    sut_buf_i64(&n, number);
    sut_url_add_query(url, first, SUT_STR("page"), sut_buf_str(&n));
}

static void write_link(struct sut_req *r, struct sut_jw *w, const char *key,
                       const struct api_page *p, int64_t number)
{
    sut_jw_key(w, key);
    if (number == 0) {
        sut_jw_null(w);
        return;
    }
    struct sut_buf url;
    sut_buf_init_arena(&url, r->arena, URL_MAX);
    sut_buf_str_add(&url, r->app->config->server.public_url);
    sut_buf_str_add(&url, p->path == NULL ? r->x->req->path : sut_str_from(p->path));
    bool first = true;
    if (p->search.n > 0)
        sut_url_add_query(&url, &first, SUT_STR("search"), p->search);
    const struct sut_query_key *keys = r->route->query;
    for (unsigned i = 0; keys != NULL && keys[i].name != NULL; i++)
        if (r->query[i].p != NULL && strcmp(keys[i].name, "page") != 0)
            sut_url_add_query(&url, &first, sut_str_from(keys[i].name), r->query[i]);
    if (number > 1)
        add_number(r, &url, &first, number);
    sut_jw_str(w, sut_buf_str(&url));
}

void api_page_open(struct sut_req *r, struct sut_jw *w, const struct api_page *p)
{
    sut_jw_obj(w);
    sut_jw_key(w, "count");
    sut_jw_i64(w, p->count);
    write_link(r, w, "next", p, p->offset + p->size < p->count ? p->number + 1 : 0);
    write_link(r, w, "previous", p, p->number > 1 ? p->number - 1 : 0);
    sut_jw_key(w, "results");
    sut_jw_arr(w);
}

void api_page_close(struct sut_jw *w)
{
    sut_jw_arr_end(w);
    sut_jw_obj_end(w);
}
