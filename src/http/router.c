/* SPDX-License-Identifier: Apache-2.0 */
#include "http/router.h"

#include "base/mem.h"
#include "base/scan.h"

enum { ID_DIGITS_MAX = 18, SLUG_MAX = 255, TOKEN_MAX = 2048 };

enum kind { KIND_LITERAL, KIND_ID, KIND_SLUG, KIND_TOKEN };

/* Children are a list, in the order in which they are tried. */
struct node {
    enum kind kind;
    sut_str text; /* the literal, or the parameter's name */
    struct node *child;
    struct node *next;
    const void *rows[SUT_METHODS];
    unsigned methods;
};

struct sut_router {
    struct node root;
};

/* The way through the tree; a path has few segments, so walks are short. */
struct walk {
    enum sut_method method;
    sut_str segs[SUT_ROUTE_SEGMENTS_MAX];
    size_t n_segs;
    struct sut_route_match match;
};

SUT_ERR sut_router_create(struct sut_router **ret)
{
    struct sut_router *r = sut_mem_zalloc(1, sizeof(*r));
    ENSURE(r != NULL, NOMEM);
    *ret = r;
    return SUT_OK;
}

static void free_children(struct node *n)
{
    while (n->child != NULL) {
        struct node *c = n->child;
        n->child = c->next;
        free_children(c);
        sut_mem_free(c);
    }
}

void sut_router_free(struct sut_router **r)
{
    if (*r == NULL)
        return;
    free_children(&(*r)->root);
    sut_mem_freep(r);
}

static bool is_slug_byte(char c)
{
    const char low = sut_ascii_lower(c);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_token_byte(char c)
{
    return is_slug_byte(c) || c == '.' || c == '~' || c == ':' || c == '=';
}

/* Cut "/a/b/" into "a", "b", ""; false when it has no '/' in front or too many segments. */
static bool cut(sut_str path, sut_str *segs, size_t *ret_n)
{
    if (path.n == 0 || path.p[0] != '/')
        return false;
    size_t n = 0;
    for (size_t at = 1;; n++) {
        const size_t end = sut_str_find(path, at, '/');
        if (n == SUT_ROUTE_SEGMENTS_MAX)
            return false;
        segs[n] = sut_str_of(path.p + at, end - at);
        if (end == path.n)
            break;
        at = end + 1;
    }
    *ret_n = n + 1;
    return true;
}

/* --- adding --- */

static SUT_ERR read_segment(sut_str seg, bool is_last, enum kind *ret_kind, sut_str *ret_text)
{
    ENSURE(seg.n > 0 || is_last, INVALID);
    *ret_kind = KIND_LITERAL;
    *ret_text = seg;
    if (seg.n > 0 && seg.p[0] == '{') {
        ENSURE(seg.n > 2 && seg.p[seg.n - 1] == '}', INVALID);
        const sut_str name = sut_str_sub(seg, 1, seg.n - 1);
        *ret_text = name;
        if (sut_str_ends(name, SUT_STR("id")))
            *ret_kind = KIND_ID;
        else if (sut_str_ends(name, SUT_STR("slug")))
            *ret_kind = KIND_SLUG;
        else if (sut_str_ends(name, SUT_STR("token")))
            *ret_kind = KIND_TOKEN;
        else
            FAIL(INVALID);
        seg = name;
    }
    for (size_t i = 0; i < seg.n; i++)
        ENSURE(is_token_byte(seg.p[i]), INVALID);
    ENSURE(!sut_str_is(seg, ".") && !sut_str_is(seg, ".."), INVALID);
    return SUT_OK;
}

/* The child of this kind and text, made when it is not there. */
static SUT_ERR descend(struct node *n, enum kind kind, sut_str text, struct node **ret)
{
    struct node **at = &n->child;
    for (; *at != NULL && (*at)->kind <= kind; at = &(*at)->next) {
        if ((*at)->kind != kind)
            continue;
        if (sut_str_eq((*at)->text, text)) {
            *ret = *at;
            return SUT_OK;
        }
        ENSURE(kind == KIND_LITERAL, EXISTS);
    }
    struct node *c = sut_mem_zalloc(1, sizeof(*c));
    ENSURE(c != NULL, NOMEM);
    c->kind = kind;
    c->text = text;
    c->next = *at;
    *at = c;
    *ret = c;
    return SUT_OK;
}

SUT_ERR sut_router_add(struct sut_router *r, enum sut_method m, const char *pattern,
                       const void *row)
{
    sut_str segs[SUT_ROUTE_SEGMENTS_MAX];
    size_t n = 0;
    size_t params = 0;
    struct node *at = &r->root;

    ENSURE(m < SUT_METHOD_OTHER && row != NULL, INVALID);
    ENSURE(cut(sut_str_from(pattern), segs, &n), INVALID);
    for (size_t i = 0; i < n; i++) {
        enum kind kind = KIND_LITERAL;
        sut_str text = { 0 };
        TRY(read_segment(segs[i], i + 1 == n, &kind, &text));
        params += kind != KIND_LITERAL;
        ENSURE(params <= SUT_ROUTE_PARAMS_MAX, INVALID);
        TRY(descend(at, kind, text, &at));
    }
    ENSURE(at->rows[m] == NULL, EXISTS);
    at->rows[m] = row;
    at->methods |= 1U << m;
    return SUT_OK;
}

/* --- finding --- */

static bool is_all(sut_str s, bool (*is_byte)(char), size_t max)
{
    if (s.n == 0 || s.n > max)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_byte(s.p[i]))
            return false;
    return true;
}

static bool is_only_dots(sut_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '.')
            return false;
    return true;
}

static bool is_id(sut_str s, int64_t *ret)
{
    return s.n > 0 && s.n <= ID_DIGITS_MAX && s.p[0] != '0' &&
           !sut_failed(sut_parse_i64(s, 1, INT64_MAX, ret));
}

static bool fits(const struct node *n, sut_str seg, int64_t *ret_id)
{
    switch (n->kind) {
    case KIND_LITERAL:
        return sut_str_eq(n->text, seg);
    case KIND_ID:
        return is_id(seg, ret_id);
    case KIND_SLUG:
        return is_all(seg, is_slug_byte, SLUG_MAX);
    case KIND_TOKEN:
        return is_all(seg, is_token_byte, TOKEN_MAX) && !is_only_dots(seg);
    }
    return false;
}

/* The row of a path that ends at n; notes n's methods when it has none for ours. */
static bool accept_node(struct walk *w, const struct node *n)
{
    const void *row = w->method < SUT_METHOD_OTHER ? n->rows[w->method] : NULL;
    if (row == NULL && w->method == SUT_HEAD)
        row = n->rows[SUT_GET];
    w->match.methods |= n->methods;
    w->match.row = row;
    return row != NULL;
}

/* Each node is visited at most once: it has one place in the tree. */
static bool visit(struct walk *w, const struct node *n, size_t depth)
{
    if (depth == w->n_segs)
        return accept_node(w, n);
    for (const struct node *c = n->child; c != NULL; c = c->next) {
        const size_t n_params = w->match.n_params;
        int64_t id = 0;
        if (!fits(c, w->segs[depth], &id))
            continue;
        if (c->kind != KIND_LITERAL)
            w->match.params[w->match.n_params++] =
                (struct sut_route_param){ .name = c->text, .text = w->segs[depth], .id = id };
        if (visit(w, c, depth + 1))
            return true;
        w->match.n_params = n_params;
    }
    return false;
}

/* Whether the path with a '/' behind it would be there. */
static bool wants_slash(const struct sut_router *r, const struct walk *missed)
{
    struct walk w = { .method = missed->method, .n_segs = missed->n_segs + 1 };
    if ((w.method != SUT_GET && w.method != SUT_HEAD) || w.n_segs > SUT_ROUTE_SEGMENTS_MAX ||
        missed->segs[missed->n_segs - 1].n == 0)
        return false;
    memcpy(w.segs, missed->segs, missed->n_segs * sizeof(w.segs[0]));
    w.segs[w.n_segs - 1] = SUT_STR("");
    return visit(&w, &r->root, 0) || w.match.methods != 0;
}

struct sut_route_match sut_router_find(const struct sut_router *r, enum sut_method m, sut_str path)
{
    struct walk w = { .method = m };
    if (!cut(path, w.segs, &w.n_segs))
        return w.match;
    const bool is_found = visit(&w, &r->root, 0);
    if (w.match.methods != 0) {
        w.match.outcome = is_found ? SUT_ROUTE_FOUND : SUT_ROUTE_METHOD;
        w.match.methods |= 1U << SUT_OPTIONS;
        if ((w.match.methods & 1U << SUT_GET) != 0)
            w.match.methods |= 1U << SUT_HEAD;
    } else if (wants_slash(r, &w)) {
        w.match.outcome = SUT_ROUTE_SLASH;
    }
    return w.match;
}

struct sut_route_param sut_route_param(const struct sut_route_match *m, const char *name)
{
    for (size_t i = 0; i < m->n_params; i++)
        if (sut_str_is(m->params[i].name, name))
            return m->params[i];
    return (struct sut_route_param){ 0 };
}

void sut_route_allow(struct sut_buf *b, unsigned methods)
{
    const char *separator = "";
    for (unsigned m = 0; m < SUT_METHODS; m++) {
        if ((methods & 1U << m) == 0)
            continue;
        sut_buf_z(b, separator);
        sut_buf_z(b, sut_method_name((enum sut_method) m));
        separator = ", ";
    }
}
