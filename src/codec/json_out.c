/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_out.h"

#include "codec/time.h"
#include "codec/utf8.h"

/* Bytes of ASCII that stand for themselves inside a string. */
static bool is_plain(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '<':
    case '>':
    case '&':
        return false;
    default:
        return c >= ' ' && c < 0x7f;
    }
}

static void before(struct sut_jw *w)
{
    if (w->comma)
        sut_buf_char(w->out, ',');
    w->comma = true;
}

static void opened(struct sut_jw *w, char c)
{
    before(w);
    sut_buf_char(w->out, c);
    w->comma = false;
}

static void closed(struct sut_jw *w, char c)
{
    sut_buf_char(w->out, c);
    w->comma = true;
}

void sut_jw_obj(struct sut_jw *w)
{
    opened(w, '{');
}

void sut_jw_obj_end(struct sut_jw *w)
{
    closed(w, '}');
}

void sut_jw_arr(struct sut_jw *w)
{
    opened(w, '[');
}

void sut_jw_arr_end(struct sut_jw *w)
{
    closed(w, ']');
}

static void escape(struct sut_buf *out, uint32_t cp)
{
    static const char digits[] = "0123456789abcdef";
    const char six[6] = {
        '\\',           'u', digits[cp >> 12 & 15], digits[cp >> 8 & 15], digits[cp >> 4 & 15],
        digits[cp & 15]
    };
    sut_buf_add(out, six, sizeof(six));
}

static void special(struct sut_buf *out, uint32_t cp)
{
    char four[4];
    if (cp == '"')
        sut_buf_lit(out, "\\\"");
    else if (cp == '\\')
        sut_buf_lit(out, "\\\\");
    else if (cp == '\n')
        sut_buf_lit(out, "\\n");
    else if (cp == '\r')
        sut_buf_lit(out, "\\r");
    else if (cp == '\t')
        sut_buf_lit(out, "\\t");
    else if (cp < 0xa0 || cp == 0x2028 || cp == 0x2029)
        escape(out, cp);
    else
        sut_buf_add(out, four, sut_utf8_put(cp, four));
}

static void quoted(struct sut_buf *out, sut_str v)
{
    sut_buf_char(out, '"');
    for (size_t at = 0; at < v.n;) {
        const size_t start = at;
        while (at < v.n && is_plain(v.p[at]))
            at++;
        sut_buf_add(out, v.p + start, at - start);
        uint32_t cp = 0;
        if (at < v.n && sut_utf8_next(v, &at, &cp))
            special(out, cp);
    }
    sut_buf_char(out, '"');
}

void sut_jw_key(struct sut_jw *w, const char *key)
{
    before(w);
    sut_buf_char(w->out, '"');
    sut_buf_z(w->out, key);
    sut_buf_lit(w->out, "\":");
    w->comma = false;
}

void sut_jw_key_str(struct sut_jw *w, sut_str key)
{
    before(w);
    quoted(w->out, key);
    sut_buf_char(w->out, ':');
    w->comma = false;
}

void sut_jw_str(struct sut_jw *w, sut_str v)
{
    before(w);
    quoted(w->out, v);
}

void sut_jw_z(struct sut_jw *w, const char *v)
{
    sut_jw_str(w, sut_str_from(v));
}

void sut_jw_i64(struct sut_jw *w, int64_t v)
{
    before(w);
    sut_buf_i64(w->out, v);
}

void sut_jw_bool(struct sut_jw *w, bool v)
{
    before(w);
    sut_buf_z(w->out, v ? "true" : "false");
}

void sut_jw_null(struct sut_jw *w)
{
    before(w);
    sut_buf_lit(w->out, "null");
}

void sut_jw_str_or_null(struct sut_jw *w, sut_str v)
{
    if (v.p == NULL)
        sut_jw_null(w);
    else
        sut_jw_str(w, v);
}

static void decimal(struct sut_buf *out, int64_t cents)
{
    const uint64_t abs = cents < 0 ? 0 - (uint64_t) cents : (uint64_t) cents;
    if (cents < 0)
        sut_buf_char(out, '-');
    sut_buf_u64(out, abs / 100);
    sut_buf_char(out, '.');
    sut_buf_pad(out, abs % 100, 2);
}

void sut_jw_cents(struct sut_jw *w, int64_t cents)
{
    before(w);
    sut_buf_char(w->out, '"');
    decimal(w->out, cents);
    sut_buf_char(w->out, '"');
}

void sut_jw_cents_number(struct sut_jw *w, int64_t cents)
{
    before(w);
    decimal(w->out, cents);
}

void sut_jw_time(struct sut_jw *w, sut_ms t)
{
    before(w);
    sut_buf_char(w->out, '"');
    sut_time_iso(w->out, t);
    sut_buf_char(w->out, '"');
}

void sut_jw_raw(struct sut_jw *w, sut_str json)
{
    before(w);
    sut_buf_str_add(w->out, json);
}
