/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cookie.h"

static bool is_token(sut_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        if (c <= ' ' || c >= 0x7f || memchr("()<>@,;:\\\"/[]?={}", c, 17) != NULL)
            return false;
    }
    return s.n > 0;
}

/* RFC 6265 4.1.1: cookie-octet. */
static bool is_value(sut_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\')
            return false;
    }
    return true;
}

static sut_str unquoted(sut_str s)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        return sut_str_sub(s, 1, s.n - 1);
    return s;
}

/* Take one pair apart; false when it is not in the grammar. */
static bool read_pair(sut_str piece, struct sut_cookie *ret)
{
    const size_t eq = sut_str_find(piece, 0, '=');
    if (eq == piece.n)
        return false;
    ret->name = sut_str_sub(piece, 0, eq);
    ret->value = unquoted(sut_str_sub(piece, eq + 1, piece.n));
    ret->n = 1;
    return is_token(ret->name) && is_value(ret->value);
}

static struct sut_cookie *find(struct sut_cookie *items, size_t n, sut_str name)
{
    for (size_t i = 0; i < n; i++)
        if (sut_str_eq(items[i].name, name))
            return &items[i];
    return NULL;
}

SUT_ERR sut_cookie_parse(struct sut_arena *a, sut_str field, struct sut_cookies *ret)
{
    size_t wanted = 0;
    for (size_t i = 0; i < field.n; i++) {
        const unsigned char c = (unsigned char) field.p[i];
        ENSURE(c >= ' ' && c != 0x7f, PARSE);
        wanted += c == ';';
    }
    ENSURE(wanted < SUT_COOKIES_MAX, TOO_LARGE);
    struct sut_cookie *items = ARENA_ARRAY(a, struct sut_cookie, wanted + 1);
    ENSURE(items != NULL, NOMEM);

    struct sut_cookies out = { .items = items };
    size_t n = 0;
    for (size_t at = 0; at < field.n;) {
        const size_t end = sut_str_find(field, at, ';');
        const sut_str piece = sut_str_trim(sut_str_sub(field, at, end));
        at = end + 1;
        if (piece.n == 0)
            continue;
        struct sut_cookie one;
        if (!read_pair(piece, &one)) {
            out.skipped++;
            continue;
        }
        struct sut_cookie *known = find(items, n, one.name);
        if (known != NULL)
            known->n++;
        else
            items[n++] = one;
    }
    out.n = n;
    *ret = out;
    return SUT_OK;
}

SUT_ERR sut_cookie_find(const struct sut_cookies *c, const char *name, sut_str *ret)
{
    const sut_str want = sut_str_from(name);
    for (size_t i = 0; i < c->n; i++) {
        if (!sut_str_eq(c->items[i].name, want))
            continue;
        ENSURE(c->items[i].n == 1, INVALID);
        *ret = c->items[i].value;
        return SUT_OK;
    }
    FAIL(NOT_FOUND);
}

/* RFC 6265bis 4.1.3: browsers drop a cookie that breaks what its prefix says. */
static bool keeps_prefix(const struct sut_set_cookie *c, const char *path)
{
    if (sut_str_starts(c->name, SUT_STR("__Host-")))
        return c->secure && sut_str_is(sut_str_from(path), "/");
    if (sut_str_starts(c->name, SUT_STR("__Secure-")))
        return c->secure;
    return true;
}

SUT_ERR sut_cookie_render(struct sut_buf *out, const struct sut_set_cookie *c)
{
    static const char *const same_site[] = {
        [SUT_SAME_SITE_STRICT] = "Strict",
        [SUT_SAME_SITE_LAX] = "Lax",
        [SUT_SAME_SITE_NONE] = "None",
    };
    const char *path = c->path == NULL ? "/" : c->path;
    const sut_str p = sut_str_from(path);
    ENSURE(is_token(c->name) && is_value(c->value), INVALID);
    ENSURE(p.n > 0 && p.p[0] == '/' && is_value(p), INVALID);
    ENSURE(c->secure || c->same_site != SUT_SAME_SITE_NONE, INVALID);
    ENSURE(keeps_prefix(c, path), INVALID);

    sut_buf_str_add(out, c->name);
    sut_buf_char(out, '=');
    sut_buf_str_add(out, c->value);
    sut_buf_lit(out, "; Path=");
    sut_buf_z(out, path);
    if (c->max_age_s >= 0) {
        sut_buf_lit(out, "; Max-Age=");
        sut_buf_i64(out, c->max_age_s);
    }
    if (c->secure)
        sut_buf_lit(out, "; Secure");
    if (c->http_only)
        sut_buf_lit(out, "; HttpOnly");
    sut_buf_lit(out, "; SameSite=");
    sut_buf_z(out, same_site[c->same_site]);
    return SUT_OK;
}
