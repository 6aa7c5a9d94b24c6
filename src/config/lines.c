/* SPDX-License-Identifier: Apache-2.0 */
#include "config/lines.h"

#include <ini.h>
#include <stdbool.h>
#include <string.h>

#include "base/scan.h"
#include "codec/utf8.h"

/* Where inih is in the text. */
struct reader {
    const struct sut_lines_events *ev;
    struct sut_scan rest;
    unsigned line;
    bool in_section; /* false before the first, and after a heading that can't be read */
};

/* The next line without its end; a CR before it goes too. */
static bool next_line(struct sut_scan *c, sut_str *ret)
{
    if (sut_scan_at_end(c))
        return false;
    sut_str l = sut_scan_until(c, '\n');
    (void) sut_scan_char(c, '\n');
    if (l.n > 0 && l.p[l.n - 1] == '\r')
        l.n--;
    *ret = l;
    return true;
}

static bool is_text(sut_str l)
{
    for (size_t i = 0; i < l.n; i++) {
        const unsigned char c = (unsigned char) l.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return sut_utf8_is_valid(l);
}

/* Look at a line before inih does, since it passes over some that we want told. */
static bool is_good(struct reader *r, sut_str l)
{
    const struct sut_lines_events *ev = r->ev;
    const sut_str t = sut_str_trim(l);
    if (l.n >= SUT_LINES_LINE_MAX) {
        ev->bad(ev->arg, r->line, "the line is too long", "4095 bytes are possible");
        return false;
    }
    if (!is_text(l)) {
        ev->bad(ev->arg, r->line, "the line holds a control character or is not UTF-8", "");
        return false;
    }
    if (t.n == 0 || t.p[0] == '#' || t.p[0] == ';')
        return false;
    if (t.p[0] == '[') {
        r->in_section = t.n > 2 && sut_str_find(t, 0, ']') == t.n - 1;
        if (r->in_section)
            ev->section(ev->arg, r->line, sut_str_sub(t, 1, t.n - 1));
        else
            ev->bad(ev->arg, r->line, "the section's heading is not `[name]`", "");
        return r->in_section;
    }
    const size_t equals = sut_str_find(t, 0, '=');
    if (equals == t.n || equals == 0) {
        ev->bad(ev->arg, r->line, "the line is no `key = value`", "");
        return false;
    }
    if (!r->in_section) {
        ev->bad(ev->arg, r->line, "the key stands in no section",
                "begin with a line like [server]");
        return false;
    }
    return true;
}

/* fgets over the text; lines that we have told about are empty for inih. */
static char *read_line(char *to, int room, void *stream)
{
    struct reader *r = stream;
    sut_str l;
    if (room < 3 || !next_line(&r->rest, &l))
        return NULL;
    r->line++;
    l = is_good(r, l) ? sut_str_trim(l) : SUT_STR("");
    /* is_good() has seen that the line fits. */
    const size_t n = l.n < (size_t) room - 2 ? l.n : (size_t) room - 2;
    if (n > 0)
        memcpy(to, l.p, n);
    to[n] = '\n';
    to[n + 1] = '\0';
    return to;
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
    const struct reader *r = user;
    r->ev->pair(r->ev->arg, r->line, sut_str_from(section), sut_str_from(name),
                sut_str_from(value));
    return 1;
}

SUT_ERR sut_lines__read(sut_str text, const struct sut_lines_events *ev)
{
    struct reader r = { .ev = ev, .rest = sut_scan_of(text) };
    (void) sut_scan_lit(&r.rest, SUT_STR("\xef\xbb\xbf"));
    /* Values are taken as they stand: no continued lines, no comments behind them. */
    ini_use_stack = false;
    ini_allow_realloc = false;
    ini_initial_alloc = SUT_LINES_LINE_MAX + 8;
    ini_max_line = SUT_LINES_LINE_MAX + 8;
    ini_allow_multiline = false;
    ini_allow_inline_comments = false;
    ini_allow_no_value = false;
    ini_stop_on_first_error = false;
    const int bad = ini_parse_stream(read_line, &r, on_pair, &r);
    ENSURE(bad != -2, NOMEM);
    if (bad > 0)
        ev->bad(ev->arg, (unsigned) bad, "the line can't be read", "");
    return SUT_OK;
}

/* What stands between the quotes, or the value up to a comment. */
static sut_str unquote(sut_str v)
{
    if (v.n >= 2 && (v.p[0] == '"' || v.p[0] == '\'')) {
        const size_t end = sut_str_find(v, 1, v.p[0]);
        if (end < v.n)
            return sut_str_sub(v, 1, end);
    }
    for (size_t i = 1; i < v.n; i++) {
        if (v.p[i] == '#' && (v.p[i - 1] == ' ' || v.p[i - 1] == '\t'))
            return sut_str_trim(sut_str_sub(v, 0, i));
    }
    return v;
}

SUT_ERR sut_lines__read_dotenv(sut_str text, const struct sut_lines_events *ev)
{
    struct sut_scan c = sut_scan_of(text);
    (void) sut_scan_lit(&c, SUT_STR("\xef\xbb\xbf"));
    sut_str l;
    for (unsigned line = 1; next_line(&c, &l); line++) {
        l = sut_str_trim(l);
        if (l.n == 0 || l.p[0] == '#')
            continue;
        if (sut_str_starts(l, SUT_STR("export ")))
            l = sut_str_trim(sut_str_sub(l, 7, l.n));
        const size_t equals = sut_str_find(l, 0, '=');
        if (equals == l.n || equals == 0 || !is_text(l)) {
            ev->bad(ev->arg, line, "the line is no NAME=value", "");
            continue;
        }
        ev->pair(ev->arg, line, SUT_STR(""), sut_str_trim(sut_str_sub(l, 0, equals)),
                 unquote(sut_str_trim(sut_str_sub(l, equals + 1, l.n))));
    }
    return SUT_OK;
}
