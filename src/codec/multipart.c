/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/multipart.h"

#include <stdint.h>
#include <string.h>

#include "base/scan.h"

static const sut_str form_data = SUT_STR_INIT("multipart/form-data");
static const sut_str line_end = SUT_STR_INIT("\r\n");

static bool is_alnum(char c)
{
    const char l = sut_ascii_lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 9110 5.6.2 */
static bool is_tchar(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* RFC 2046 5.1.1 */
static bool is_bchar(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("'()+_,-./:=? ", c) != NULL);
}

static void skip_blanks(struct sut_scan *s)
{
    while (sut_scan_char(s, ' ') || sut_scan_char(s, '\t'))
        continue;
}

static sut_str take_token(struct sut_scan *s)
{
    const char *from = s->p;
    while (s->p != s->end && is_tchar(*s->p))
        s->p++;
    return sut_str_of(from, (size_t) (s->p - from));
}

/* Between quotes, as it was sent; a quote within it stands behind a backslash. */
static SUT_ERR take_quoted(struct sut_scan *s, sut_str *ret)
{
    const char *from = s->p;
    while (s->p != s->end && *s->p != '"') {
        if ((unsigned char) *s->p < ' ' || *s->p == 0x7f)
            FAIL(PARSE);
        if (*s->p == '\\' && s->end - s->p > 1)
            s->p++;
        s->p++;
    }
    *ret = sut_str_of(from, (size_t) (s->p - from));
    ENSURE(sut_scan_char(s, '"'), PARSE);
    return SUT_OK;
}

/* One of `; name=value`; at the end *ret_name is empty. */
static SUT_ERR take_param(struct sut_scan *s, sut_str *ret_name, sut_str *ret_value)
{
    *ret_name = (sut_str){ 0 };
    skip_blanks(s);
    if (sut_scan_at_end(s))
        return SUT_OK;
    ENSURE(sut_scan_char(s, ';'), PARSE);
    skip_blanks(s);
    *ret_name = take_token(s);
    ENSURE(ret_name->n > 0 && sut_scan_char(s, '='), PARSE);
    if (sut_scan_char(s, '"'))
        return take_quoted(s, ret_value);
    *ret_value = take_token(s);
    ENSURE(ret_value->n > 0, PARSE);
    return SUT_OK;
}

/* The type in front of its parameters. */
static sut_str type_of(sut_str content_type)
{
    return sut_str_trim(sut_str_sub(content_type, 0, sut_str_find(content_type, 0, ';')));
}

bool sut_multipart_is(sut_str content_type)
{
    return sut_str_eq_nocase(type_of(content_type), form_data);
}

static bool is_boundary(sut_str b)
{
    if (b.n == 0 || b.n > SUT_MULTIPART_BOUNDARY_MAX || b.p[b.n - 1] == ' ')
        return false;
    for (size_t i = 0; i < b.n; i++)
        if (!is_bchar(b.p[i]))
            return false;
    return true;
}

SUT_ERR sut_multipart_boundary(sut_str content_type, sut_str *ret)
{
    sut_str found = { 0 };
    sut_str name = { 0 };
    sut_str value = { 0 };
    ENSURE(sut_multipart_is(content_type), PARSE);
    struct sut_scan s =
        sut_scan_of(sut_str_sub(content_type, sut_str_find(content_type, 0, ';'), content_type.n));
    do {
        TRY(take_param(&s, &name, &value));
        if (sut_str_eq_nocase(name, SUT_STR("boundary"))) {
            ENSURE(found.p == NULL && is_boundary(value), PARSE);
            found = value;
        } else {
            /* A character set is for parts, and they have UTF-8. */
            ENSURE(name.n == 0 || (sut_str_eq_nocase(name, SUT_STR("charset")) &&
                                   sut_str_eq_nocase(value, SUT_STR("utf-8"))),
                   PARSE);
        }
    } while (name.n > 0);
    ENSURE(found.p != NULL, PARSE);
    *ret = found;
    return SUT_OK;
}

/* form-data; name="…"; filename="…" */
static SUT_ERR read_disposition(sut_str value, struct sut_part *part)
{
    struct sut_scan s = sut_scan_of(value);
    sut_str name = { 0 };
    sut_str text = { 0 };
    ENSURE(sut_str_eq_nocase(take_token(&s), SUT_STR("form-data")), PARSE);
    do {
        TRY(take_param(&s, &name, &text));
        if (sut_str_eq_nocase(name, SUT_STR("name"))) {
            ENSURE(part->name.p == NULL && text.n > 0 && text.n <= SUT_MULTIPART_NAME_MAX, PARSE);
            part->name = text;
        } else if (sut_str_eq_nocase(name, SUT_STR("filename"))) {
            ENSURE(!part->is_file, PARSE);
            part->is_file = true;
            part->filename = text;
        } else {
            /* Also filename*: RFC 7578 4.2 forbids it. */
            ENSURE(name.n == 0, PARSE);
        }
    } while (name.n > 0);
    ENSURE(part->name.p != NULL, PARSE);
    return SUT_OK;
}

/* What a part's fields said. */
struct head {
    bool has_disposition;
    bool has_type;
    bool has_encoding;
    bool has_length;
    uint64_t length;
};

static SUT_ERR read_field(sut_str line, struct head *h, struct sut_part *part)
{
    const size_t colon = sut_str_find(line, 0, ':');
    const sut_str name = sut_str_sub(line, 0, colon);
    const sut_str value = sut_str_trim(sut_str_sub(line, colon + 1, line.n));
    ENSURE(colon < line.n && name.n > 0, PARSE);
    for (size_t i = 0; i < line.n; i++)
        ENSURE(((unsigned char) line.p[i] >= ' ' && line.p[i] != 0x7f) || line.p[i] == '\t', PARSE);
    if (sut_str_eq_nocase(name, SUT_STR("content-disposition"))) {
        ENSURE(!h->has_disposition, PARSE);
        h->has_disposition = true;
        return read_disposition(value, part);
    }
    if (sut_str_eq_nocase(name, SUT_STR("content-type"))) {
        ENSURE(!h->has_type && value.n > 0, PARSE);
        h->has_type = true;
        part->type = value;
        return SUT_OK;
    }
    /* Two that clients of telephones add: they say that the bytes are the bytes. */
    if (sut_str_eq_nocase(name, SUT_STR("content-transfer-encoding"))) {
        ENSURE(!h->has_encoding && sut_str_eq_nocase(value, SUT_STR("binary")), PARSE);
        h->has_encoding = true;
        return SUT_OK;
    }
    ENSURE(sut_str_eq_nocase(name, SUT_STR("content-length")) && !h->has_length, PARSE);
    h->has_length = true;
    return sut_parse_u64(value, SIZE_MAX / 2, &h->length);
}

/* A text says so or says nothing; a file is anything but more parts. */
static bool is_type_ok(const struct sut_part *part)
{
    const sut_str type = type_of(part->type);
    if (part->is_file)
        return !sut_str_eq_nocase(sut_str_sub(type, 0, 10), SUT_STR("multipart/"));
    if (part->type.n == 0)
        return true;
    const size_t semi = sut_str_find(part->type, 0, ';');
    const sut_str param = sut_str_trim(sut_str_sub(part->type, semi + 1, part->type.n));
    return sut_str_eq_nocase(type, SUT_STR("text/plain")) &&
           (param.n == 0 || sut_str_eq_nocase(param, SUT_STR("charset=utf-8")) ||
            sut_str_eq_nocase(param, SUT_STR("charset=\"utf-8\"")));
}

/* The fields up to the empty line, then the bytes: one part without its delimiters. */
static SUT_ERR read_part(sut_str s, struct sut_part *part)
{
    struct head h = { 0 };
    size_t at = 0;
    *part = (struct sut_part){ 0 };
    for (;;) {
        const size_t room = s.n - at;
        const char *end = memmem(s.p + at, room, line_end.p, line_end.n);
        ENSURE(end != NULL, PARSE);
        const sut_str line = sut_str_of(s.p + at, (size_t) (end - (s.p + at)));
        at += line.n + line_end.n;
        ENSURE(at <= SUT_MULTIPART_HEAD_MAX, PARSE);
        if (line.n == 0)
            break;
        TRY(read_field(line, &h, part));
    }
    part->bytes = sut_str_sub(s, at, s.n);
    ENSURE(h.has_disposition && is_type_ok(part), PARSE);
    ENSURE(!h.has_length || h.length == part->bytes.n, PARSE);
    ENSURE(part->is_file || part->bytes.n <= SUT_MULTIPART_TEXT_MAX, PARSE);
    return SUT_OK;
}

const struct sut_part *sut_multipart_get(const struct sut_multipart *m, sut_str name)
{
    for (size_t i = 0; i < m->n; i++)
        if (sut_str_eq(m->parts[i].name, name))
            return &m->parts[i];
    return NULL;
}

static SUT_ERR add_part(struct sut_multipart *m, sut_str s)
{
    struct sut_part part;
    ENSURE(m->n < SUT_MULTIPART_PARTS_MAX, PARSE);
    TRY(read_part(s, &part));
    ENSURE(sut_multipart_get(m, part.name) == NULL, PARSE);
    for (size_t i = 0; part.is_file && i < m->n; i++)
        ENSURE(!m->parts[i].is_file, PARSE);
    m->parts[m->n++] = part;
    return SUT_OK;
}

SUT_ERR sut_multipart_parse(sut_str boundary, sut_str body, struct sut_multipart *ret)
{
    /* CRLF "--" boundary: what ends a part; the first has no line before it. */
    char text[2 + 2 + SUT_MULTIPART_BOUNDARY_MAX] = "\r\n--";
    ENSURE(is_boundary(boundary), PARSE);
    memcpy(text + 4, boundary.p, boundary.n);
    const sut_str delimiter = sut_str_of(text, 4 + boundary.n);
    struct sut_scan s = sut_scan_of(body);
    ret->n = 0;
    ENSURE(sut_scan_lit(&s, sut_str_sub(delimiter, 2, delimiter.n)), PARSE);
    while (sut_scan_lit(&s, line_end)) {
        const sut_str rest = sut_scan_rest(&s);
        const char *end = rest.n == 0 ? NULL : memmem(rest.p, rest.n, delimiter.p, delimiter.n);
        ENSURE(end != NULL, PARSE);
        TRY(add_part(ret, sut_str_of(rest.p, (size_t) (end - rest.p))));
        s.p = end + delimiter.n;
    }
    ENSURE(ret->n > 0 && sut_scan_lit(&s, SUT_STR("--")), PARSE);
    (void) sut_scan_lit(&s, line_end);
    ENSURE(sut_scan_at_end(&s), PARSE);
    return SUT_OK;
}
