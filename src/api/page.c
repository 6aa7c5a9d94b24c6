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

/* The list's address with all that was asked but the page. */
struct base_url {
    struct sut_buf text;
    size_t n;
    bool is_bare; /* no query yet */
};

static void make_base(struct sut_req *r, const struct api_page *p, struct base_url *ret)
{
    struct sut_buf *url = &ret->text;
    sut_buf_init_arena(url, r->arena, URL_MAX);
    sut_buf_str_add(url, r->app->config->server.public_url);
    sut_buf_str_add(url, p->path == NULL ? r->x->req->path : sut_str_from(p->path));
    ret->is_bare = true;
    if (p->search.n > 0)
        sut_url_add_query(url, &ret->is_bare, SUT_STR("search"), p->search);
    const struct sut_query_key *keys = r->route->query;
    for (unsigned i = 0; keys != NULL && keys[i].name != NULL; i++)
        if (r->query[i].p != NULL && strcmp(keys[i].name, "page") != 0)
            sut_url_add_query(url, &ret->is_bare, sut_str_from(keys[i].name), r->query[i]);
    ret->n = url->n;
}

static void write_link(struct sut_jw *w, const char *key, struct base_url *base, int64_t number)
{
    sut_jw_key(w, key);
    if (number == 0) {
        sut_jw_null(w);
        return;
    }
    base->text.n = base->n;
    if (number > 1) {
        sut_buf_char(&base->text, base->is_bare ? '?' : '&');
        sut_buf_lit(&base->text, "page=");
        sut_buf_i64(&base->text, number);
    }
    sut_jw_str(w, sut_buf_str(&base->text));
}

void api_page_open(struct sut_req *r, struct sut_jw *w, const struct api_page *p)
{
    sut_jw_obj(w);
    sut_jw_key(w, "count");
    sut_jw_i64(w, p->count);
    struct base_url base;
    make_base(r, p, &base);
    write_link(w, "next", &base, p->offset + p->size < p->count ? p->number + 1 : 0);
    write_link(w, "previous", &base, p->number > 1 ? p->number - 1 : 0);
    sut_jw_key(w, "results");
    sut_jw_arr(w);
}

void api_page_close(struct sut_jw *w)
{
    sut_jw_arr_end(w);
    sut_jw_obj_end(w);
}
