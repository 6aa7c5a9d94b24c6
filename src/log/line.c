/* SPDX-License-Identifier: Apache-2.0 */
#include "log/line.h"

#include <string.h>

enum {
    TAIL = sizeof("\",\"cut\":true}\n") - 1, /* room that only a quote and the end use */
    MS_PER_S = 1000,
    S_PER_DAY = 86400,
};

static const char hex[] = "0123456789abcdef";

void sut_line_reset(struct sut_line *l, bool is_json)
{
    l->n = 0;
    l->cut = false;
    l->is_json = is_json;
}

/* All of it or nothing, so that an escape is never cut in two. */
static bool put(struct sut_line *l, const char *p, size_t n)
{
    if (l->cut || n > SUT_LINE_MAX - TAIL - l->n) {
        l->cut = true;
        return false;
    }
    memcpy(l->p + l->n, p, n);
    l->n += n;
    return true;
}

static bool is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
}

static bool is_key(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* All of the field was put, or nothing of it. */
static bool keep_or_drop(struct sut_line *l, size_t mark)
{
    if (l->cut)
        l->n = mark;
    return !l->cut;
}

/*
 * Begin a field, if there is room.  Keys are constants of the program; one that
 * isn't well made must not break the line either.
 */
static bool put_key(struct sut_line *l, const char *key)
{
    const size_t mark = l->n;
    if (l->is_json)
        (void) put(l, l->n == 0 ? "{\"" : ",\"", 2);
    else if (l->n > 0)
        (void) put(l, " ", 1);
    for (const char *c = key; *c != '\0'; c++)
        (void) put(l, is_key(*c) ? c : "_", 1);
    (void) put(l, l->is_json ? "\":" : "=", l->is_json ? 2 : 1);
    return keep_or_drop(l, mark);
}

/*
 * Length of the well-formed UTF-8 character at p (RFC 3629), 0 when there is
 * none; *ret_cp is its code point.
 */
static size_t utf8_at(const unsigned char *p, size_t n, unsigned *ret_cp)
{
    static const struct {
        unsigned char mask, lead;
        unsigned least;
    } forms[] = {
        { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 }
    };

    for (size_t len = 1; len <= 4 && len <= n; len++) {
        if ((p[0] & forms[len - 1].mask) != forms[len - 1].lead)
            continue;
        unsigned cp = (unsigned) p[0] & (0xffu ^ forms[len - 1].mask);
        for (size_t i = 1; i < len; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return 0;
            cp = cp << 6 | (p[i] & 0x3fu);
        }
        *ret_cp = cp;
        return cp < forms[len - 1].least || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff) ? 0
                                                                                            : len;
    }
    return 0;
}

/* Characters that a terminal or a viewer would act upon: C1 controls, line and paragraph
 * separators, direction marks and overrides, the byte order mark. */
static bool acts_on_viewer(unsigned cp)
{
    return (cp >= 0x80 && cp <= 0x9f) || (cp >= 0x200b && cp <= 0x200f) ||
           (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff ||
           cp == 0x61c;
}

static bool put_unicode(struct sut_line *l, unsigned cp)
{
    const char e[6] = { '\\',        'u', hex[cp >> 12 & 15], hex[cp >> 8 & 15], hex[cp >> 4 & 15],
                        hex[cp & 15] };
    return put(l, e, sizeof(e));
}

static bool put_control(struct sut_line *l, unsigned char c)
{
    const char e[4] = { '\\', 'x', hex[c >> 4], hex[c & 15] };
    return l->is_json ? put_unicode(l, c) : put(l, e, sizeof(e));
}

/* JSON has no bytes, only characters: there it is the one that stands for what is none. */
static bool put_broken(struct sut_line *l, unsigned char c)
{
    return l->is_json ? put_unicode(l, 0xfffd) : put_control(l, c);
}

static bool put_ascii(struct sut_line *l, unsigned char c)
{
    switch (c) {
    case '\n':
        return put(l, "\\n", 2);
    case '\r':
        return put(l, "\\r", 2);
    case '\t':
        return put(l, "\\t", 2);
    case '"':
        return put(l, "\\\"", 2);
    case '\\':
        return put(l, "\\\\", 2);
    default:
        break;
    }
    const char as_is = (char) c;
    return c < ' ' || c == 0x7f ? put_control(l, c) : put(l, &as_is, 1);
}

static void put_quoted(struct sut_line *l, sut_str s)
{
    const unsigned char *p = (const unsigned char *) s.p;
    for (size_t i = 0; i < s.n;) {
        unsigned cp = 0;
        const size_t len = utf8_at(p + i, s.n - i, &cp);
        bool fits = true;
        if (len == 1) {
            fits = put_ascii(l, p[i]);
        } else if (len == 0) {
            fits = put_broken(l, p[i]);
        } else if (acts_on_viewer(cp)) {
            fits = put_unicode(l, cp);
        } else {
            fits = put(l, s.p + i, len);
        }
        if (!fits)
            break;
        i += len == 0 ? 1 : len;
    }
    /* Of the room kept back when it is full: a quote that was opened is closed. */
    l->p[l->n++] = '"';
    if (l->n > SUT_LINE_MAX - TAIL)
        l->cut = true;
}

void sut_line_text(struct sut_line *l, const char *key, sut_str value)
{
    const size_t mark = l->n;
    if (l->cut || !put_key(l, key))
        return;
    bool plain = value.n > 0 && !l->is_json;
    for (size_t i = 0; i < value.n && plain; i++)
        plain = is_plain((unsigned char) value.p[i]);
    if (plain && value.n < SUT_LINE_MAX - TAIL - l->n)
        (void) put(l, value.p, value.n);
    else if (put(l, "\"", 1))
        put_quoted(l, value);
    else
        (void) keep_or_drop(l, mark);
}

void sut_line_int(struct sut_line *l, const char *key, int64_t value)
{
    const size_t mark = l->n;
    if (l->cut || !put_key(l, key))
        return;
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t v = value < 0 ? 0 - (uint64_t) value : (uint64_t) value;
    do {
        digits[--at] = (char) ('0' + v % 10);
        v /= 10;
    } while (v != 0);
    if (value < 0)
        digits[--at] = '-';
    (void) put(l, digits + at, sizeof(digits) - at);
    (void) keep_or_drop(l, mark);
}

static void put_number(struct sut_line *l, uint64_t v, unsigned width, char after)
{
    char text[8];
    for (unsigned i = width; i-- > 0; v /= 10)
        text[i] = (char) ('0' + v % 10);
    text[width] = after;
    (void) put(l, text, width + 1);
}

void sut_line_time(struct sut_line *l, const char *key, sut_ms at)
{
    static const int64_t last = 253402300799999; /* the end of the year 9999 */
    const uint64_t ms = (uint64_t) (at.v < 0 ? 0 : at.v > last ? last : at.v);
    const uint64_t s = ms / MS_PER_S;
    /* Days to a date in the proleptic Gregorian calendar: years that begin in March, in eras of
     * 400 years, so that the leap day is the last of its year. */
    const uint64_t days = s / S_PER_DAY + 719468;
    const uint64_t day_of_era = days % 146097;
    const uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const uint64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const uint64_t shifted = (5 * day_of_year + 2) / 153;
    const uint64_t month = shifted < 10 ? shifted + 3 : shifted - 9;

    const size_t mark = l->n;
    if (l->cut || !put_key(l, key))
        return;
    if (l->is_json)
        (void) put(l, "\"", 1);
    put_number(l, days / 146097 * 400 + year_of_era + (month <= 2 ? 1 : 0), 4, '-');
    put_number(l, month, 2, '-');
    put_number(l, day_of_year - (153 * shifted + 2) / 5 + 1, 2, 'T');
    put_number(l, s / 3600 % 24, 2, ':');
    put_number(l, s / 60 % 60, 2, ':');
    put_number(l, s % 60, 2, '.');
    put_number(l, ms % MS_PER_S, 3, 'Z');
    if (l->is_json)
        (void) put(l, "\"", 1);
    (void) keep_or_drop(l, mark);
}

/* Of the room kept back: all of it fits. */
static void put_tail(struct sut_line *l, const char *z)
{
    for (; *z != '\0'; z++)
        l->p[l->n++] = *z;
}

sut_str sut_line_end(struct sut_line *l)
{
    if (l->is_json) {
        if (l->n == 0)
            put_tail(l, l->cut ? "{\"cut\":true" : "{");
        else if (l->cut)
            put_tail(l, ",\"cut\":true");
        put_tail(l, "}");
    } else if (l->cut) {
        put_tail(l, " cut=1");
    }
    put_tail(l, "\n");
    return sut_str_of(l->p, l->n);
}
