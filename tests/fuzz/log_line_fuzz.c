/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the values of a log line: it stays one line of clean UTF-8 under
 * its cap; as JSON our own parser reads it, and a text that was not cut comes
 * back as it was.
 *
 * Input: fields of kind, length (two bytes), then so many bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"
#include "codec/utf8.h"
#include "log/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS_MAX = 64, KEY_MAX = 40, HEAD = 3 };

struct field {
    char key[KEY_MAX];
    enum { TEXT, INT, TIME } kind;
    sut_str text;
    int64_t i;
};

/* Keys begin with a number, so no two are the same; what follows is the input's. */
static size_t read_fields(const uint8_t *data, size_t size, struct field *to)
{
    size_t n = 0;
    while (n < FIELDS_MAX && size >= HEAD) {
        struct field *f = &to[n];
        size_t len = (size_t) data[1] << 8 | data[2];
        if (len > size - HEAD)
            len = size - HEAD;
        f->kind = data[0] % 8 < 6 ? TEXT : data[0] % 8 == 6 ? INT : TIME;
        f->text = sut_str_of((const char *) data + HEAD, len);
        for (size_t i = 0; i < sizeof(f->i); i++)
            f->i = (int64_t) ((uint64_t) f->i << 8 | (i < len ? data[HEAD + i] : 0));
        (void) snprintf(f->key, sizeof(f->key), "%02zu%.*s", n, (int) (len < 16 ? len : 16),
                        (const char *) data + HEAD);
        data += HEAD + len;
        size -= HEAD + len;
        n++;
    }
    return n;
}

static sut_str line_of(struct sut_line *l, const struct field *f, size_t n, bool is_json)
{
    sut_line_reset(l, is_json);
    for (size_t i = 0; i < n; i++) {
        if (f[i].kind == TEXT)
            sut_line_text(l, f[i].key, f[i].text);
        else if (f[i].kind == INT)
            sut_line_int(l, f[i].key, f[i].i);
        else
            sut_line_time(l, f[i].key, (sut_ms){ f[i].i });
    }
    return sut_line_end(l);
}

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* One line, nothing in it that a terminal acts upon. */
static void check_clean(sut_str s)
{
    uint32_t cp = 0;
    demand(s.n > 0 && s.n <= SUT_LINE_MAX && s.p[s.n - 1] == '\n');
    s.n--;
    demand(sut_utf8_is_valid(s));
    for (size_t at = 0; sut_utf8_next(s, &at, &cp);)
        demand(!sut_utf8_is_control(cp) && cp != 0x2028 && cp != 0x2029 &&
               !(cp >= 0x202a && cp <= 0x202e));
}

static void check_member(const struct field *f, const struct sut_json *v)
{
    if (f->kind == INT)
        demand(v->type == SUT_JSON_INT && v->i == f->i);
    else
        demand(v->type == SUT_JSON_STRING);
    if (f->kind == TEXT && sut_utf8_is_valid(f->text))
        demand(sut_str_eq(v->s, f->text));
    if (f->kind == TIME)
        demand(v->s.n == sizeof("1970-01-01T00:00:00.000Z") - 1);
}

static bool has_nul(const struct field *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (f[i].kind == TEXT && memchr(f[i].text.p, '\0', f[i].text.n) != NULL)
            return true;
    return false;
}

static void check_json(struct sut_arena *a, const struct sut_line *l, sut_str s,
                       const struct field *f, size_t n)
{
    const struct sut_json *v = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    if (sut_failed(sut_json_parse(a, s, &v, &fault))) {
        /* Our parser alone refuses that one character. */
        demand(fault == SUT_JSON_NUL && has_nul(f, n));
        return;
    }
    demand(v->type == SUT_JSON_OBJECT);
    const struct sut_json *cut = sut_json_get(v, "cut");
    demand((cut != NULL) == l->cut);
    demand(v->n <= n + (l->cut ? 1 : 0) && (l->cut || v->n == n));
    /* The last of those that are there may be the one that was cut. */
    const size_t whole = l->cut ? (v->n > 1 ? v->n - 2 : 0) : n;
    for (size_t i = 0; i < whole; i++)
        check_member(&f[i], &v->items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct field f[FIELDS_MAX];
    struct sut_line l;
    struct sut_arena *a = NULL;
    if (size > 65536 || sut_failed(sut_arena_create(4 << 20, &a)))
        return 0;
    const size_t n = read_fields(data, size, f);
    check_clean(line_of(&l, f, n, false));
    const sut_str s = line_of(&l, f, n, true);
    check_clean(s);
    check_json(a, &l, s, f, n);
    sut_arena_free(&a);
    return 0;
}
