/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/url.h"

#include <stdint.h>

#include "codec/url_int.h"
#include "codec/utf8.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool has_control(sut_str s, unsigned flags)
{
    size_t at = 0;
    for (uint32_t cp = 0; sut_utf8_next(s, &at, &cp);) {
        const bool line = cp == '\t' || cp == '\r' || cp == '\n';
        if (sut_utf8_is_control(cp) && !(line && (flags & SUT_URL__LINES) != 0))
            return true;
    }
    return false;
}

/* The byte that stands at raw[*i]; moves *i on. */
static SUT_ERR decode_byte(sut_str raw, size_t *i, unsigned flags, char *ret)
{
    const char c = raw.p[*i];
    ENSURE(c > ' ' && c < 0x7f, PARSE);
    if (c != '%') {
        *ret = c == '+' && (flags & SUT_URL__PLUS_IS_SPACE) != 0 ? ' ' : c;
        *i += 1;
        return SUT_OK;
    }
    ENSURE(raw.n - *i >= 3, PARSE);
    const int high = hex_digit(raw.p[*i + 1]);
    const int low = hex_digit(raw.p[*i + 2]);
    ENSURE(high >= 0 && low >= 0, PARSE);
    *ret = (char) (uint8_t) (high << 4 | low);
    *i += 3;
    return SUT_OK;
}

/* Printable ASCII without anything to decode stands for itself. */
static bool is_literal(sut_str raw)
{
    bool is_all = true;
    for (size_t i = 0; i < raw.n; i++)
        is_all &= raw.p[i] > ' ' && raw.p[i] < 0x7f && raw.p[i] != '%' && raw.p[i] != '+';
    return is_all;
}

static SUT_ERR decode(struct sut_arena *a, sut_str raw, unsigned flags, sut_str *ret)
{
    if (raw.n == 0) {
        *ret = SUT_STR("");
        return SUT_OK;
    }
    char *to = sut_arena_bytes(a, raw.n);
    ENSURE(to != NULL, NOMEM);
    if (is_literal(raw)) {
        memcpy(to, raw.p, raw.n);
        *ret = sut_str_of(to, raw.n);
        return SUT_OK;
    }

    size_t n = 0;
    for (size_t i = 0; i < raw.n; n++)
        TRY(decode_byte(raw, &i, flags, &to[n]));
    const sut_str out = sut_str_of(to, n);
    ENSURE(sut_utf8_is_valid(out) && !has_control(out, flags), PARSE);
    *ret = out;
    return SUT_OK;
}

SUT_ERR sut_url_decode(struct sut_arena *a, sut_str raw, sut_str *ret)
{
    return decode(a, raw, 0, ret);
}

static struct sut_pair *find(struct sut_pair *items, size_t n, sut_str key)
{
    for (size_t i = 0; i < n; i++)
        if (sut_str_eq(items[i].key, key))
            return &items[i];
    return NULL;
}

SUT_ERR sut_url__pairs(struct sut_arena *a, sut_str raw, size_t max, unsigned flags,
                       struct sut_pairs *ret)
{
    size_t wanted = 0;
    for (size_t at = 0; at < raw.n; at = sut_str_find(raw, at, '&') + 1)
        wanted++;
    ENSURE(wanted <= max, TOO_LARGE);
    struct sut_pair *items = ARENA_ARRAY(a, struct sut_pair, wanted == 0 ? 1 : wanted);
    ENSURE(items != NULL, NOMEM);

    size_t n = 0;
    for (size_t at = 0; at < raw.n;) {
        const size_t end = sut_str_find(raw, at, '&');
        const sut_str piece = sut_str_sub(raw, at, end);
        at = end + 1;
        if (piece.n == 0)
            continue;
        const size_t eq = sut_str_find(piece, 0, '=');
        struct sut_pair p = { .n = 1 };
        TRY(decode(a, sut_str_sub(piece, 0, eq), flags, &p.key));
        TRY(decode(a, eq < piece.n ? sut_str_sub(piece, eq + 1, piece.n) : SUT_STR(""), flags,
                   &p.value));
        struct sut_pair *known = find(items, n, p.key);
        if (known != NULL)
            known->n++;
        else
            items[n++] = p;
    }
    *ret = (struct sut_pairs){ .items = items, .n = n };
    return SUT_OK;
}

SUT_ERR sut_url_parse_query(struct sut_arena *a, sut_str raw, size_t max, struct sut_pairs *ret)
{
    return sut_url__pairs(a, raw, max, SUT_URL__PLUS_IS_SPACE, ret);
}

const struct sut_pair *sut_pairs_get(const struct sut_pairs *p, const char *key)
{
    const sut_str want = sut_str_from(key);
    for (size_t i = 0; i < p->n; i++)
        if (sut_str_eq(p->items[i].key, want))
            return &p->items[i];
    return NULL;
}

sut_str sut_pairs_value(const struct sut_pairs *p, const char *key)
{
    const struct sut_pair *pair = sut_pairs_get(p, key);
    return pair == NULL ? (sut_str){ 0 } : pair->value;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void sut_url_encode(struct sut_buf *out, sut_str s)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n;) {
        const size_t from = i;
        while (i < s.n && is_unreserved(s.p[i]))
            i++;
        sut_buf_add(out, s.p + from, i - from);
        if (i == s.n)
            break;
        const uint8_t c = (uint8_t) s.p[i++];
        const char three[3] = { '%', digits[c >> 4], digits[c & 15] };
        sut_buf_add(out, three, sizeof(three));
    }
}

void sut_url_add_query(struct sut_buf *out, bool *first, sut_str key, sut_str value)
{
    sut_buf_char(out, *first ? '?' : '&');
    *first = false;
    sut_url_encode(out, key);
    sut_buf_char(out, '=');
    sut_url_encode(out, value);
}
