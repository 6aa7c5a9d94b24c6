/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"

#include <jansson.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/scan.h"
#include "codec/utf8.h"

/* What is known of a text before it is parsed: upper bounds for the tree. */
struct shape {
    size_t values;
    size_t keys;
};

/* The walk from jansson's tree to ours. */
struct walk {
    struct sut_arena *a;
    sut_str text;
    size_t at;              /* where the next number is looked for */
    struct sut_json *nodes; /* as many as the shape said */
    size_t used;
    size_t room;
    sut_str *keys;
    size_t keys_used;
    size_t keys_room;
};

const char *sut_json_fault_text(enum sut_json_fault f)
{
    switch (f) {
    case SUT_JSON_OK:
        return "no fault";
    case SUT_JSON_SYNTAX:
        return "not JSON";
    case SUT_JSON_UTF8:
        return "not UTF-8";
    case SUT_JSON_DUPLICATE_KEY:
        return "a key stands twice in an object";
    case SUT_JSON_NUL:
        return "null characters are not allowed";
    case SUT_JSON_TOO_DEEP:
        return "nested too deeply";
    case SUT_JSON_NUMBER_RANGE:
        return "a number is out of range";
    case SUT_JSON_MEMORY:
        return "too many values";
    }
    return "";
}

/*
 * Allocations that failed, ever: jansson calls some of them a syntax error, and
 * its hooks take no argument through which a parse could be told of its own.
 */
static atomic_ulong failed_allocations;

/*
 * jansson's strbuffer grows to powers of two from 32 up and its lexer ignores a
 * failure to grow: it would go on with a hole in the text and read past its end.
 */
static void *alloc(size_t n)
{
    void *p = sut_mem_alloc(n);
    if (p != NULL)
        return p;
    atomic_fetch_add(&failed_allocations, 1);
    if (n < 32 || (n & (n - 1)) != 0)
        return NULL;
    p = sut_mem_alloc(n);
    SUT_BUG_IF(p == NULL);
    return p;
}

void sut_json_init(void)
{
    json_set_alloc_funcs(alloc, sut_mem_free);
    json_object_seed(0);
}

static bool starts_number(char c)
{
    return c == '-' || (c >= '0' && c <= '9');
}

static bool continues_number(char c)
{
    return starts_number(c) || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* From the opening quote at `at` to just after the closing one (or the end); notes \u0000. */
static size_t skip_string(sut_str text, size_t at, bool *ret_nul)
{
    for (at++; at < text.n && text.p[at] != '"'; at++) {
        if (text.p[at] != '\\')
            continue;
        if (sut_str_starts(sut_str_sub(text, at, text.n), SUT_STR("\\u0000")))
            *ret_nul = true;
        at++; /* the escaped character, which may be a quote */
    }
    return at < text.n ? at + 1 : text.n;
}

/* The checks that jansson leaves out or that must come before it recurses. */
static enum sut_json_fault look_ahead(sut_str text, struct shape *ret)
{
    if (!sut_utf8_is_valid(text))
        return SUT_JSON_UTF8;
    if (memchr(text.p, 0, text.n) != NULL)
        return SUT_JSON_NUL;

    bool nul = false;
    long depth = 0;
    *ret = (struct shape){ .values = 1 };
    for (size_t at = 0; at < text.n;) {
        const char c = text.p[at];
        if (c == '"') {
            at = skip_string(text, at, &nul);
            continue;
        }
        at++;
        if (c == '[' || c == '{')
            depth++;
        else if (c == ']' || c == '}')
            depth--;
        if (depth > SUT_JSON_DEPTH_MAX)
            return SUT_JSON_TOO_DEEP;
        ret->values += c == '[' || c == '{' || c == ',';
        ret->keys += c == ':';
    }
    return nul ? SUT_JSON_NUL : SUT_JSON_OK;
}

/* The next number of the source: numbers stand there in the order of the walk. */
static sut_str next_number(struct walk *w)
{
    bool nul = false;
    while (w->at < w->text.n && !starts_number(w->text.p[w->at]))
        w->at = w->text.p[w->at] == '"' ? skip_string(w->text, w->at, &nul) : w->at + 1;
    const size_t start = w->at;
    while (w->at < w->text.n && continues_number(w->text.p[w->at]))
        w->at++;
    return sut_str_sub(w->text, start, w->at);
}

static SUT_ERR copy_number(struct walk *w, const json_t *from, struct sut_json *to)
{
    to->s = next_number(w);
    SUT_BUG_IF(to->s.n == 0);
    if (to->type == SUT_JSON_REAL) {
        to->d = json_real_value(from);
        return SUT_OK;
    }
    to->i = json_integer_value(from);
    to->d = (double) to->i;
    int64_t as_written = 0;
    /* The text and the tree have lost step: never go on with another number's digits. */
    SUT_BUG_IF(sut_failed(sut_parse_i64(to->s, INT64_MIN, INT64_MAX, &as_written)) ||
               as_written != to->i);
    return SUT_OK;
}

static SUT_ERR copy(struct walk *w, json_t *from, struct sut_json *to);

static struct sut_json *take_nodes(struct walk *w, size_t n)
{
    SUT_BUG_IF(n > w->room - w->used);
    struct sut_json *nodes = w->nodes + w->used;
    w->used += n;
    return nodes;
}

static SUT_ERR copy_array(struct walk *w, json_t *from, struct sut_json *to)
{
    to->n = json_array_size(from);
    struct sut_json *items = take_nodes(w, to->n);
    to->items = items;
    for (size_t i = 0; i < to->n; i++)
        TRY(copy(w, json_array_get(from, i), &items[i]));
    return SUT_OK;
}

static SUT_ERR copy_text(struct walk *w, const char *p, size_t n, sut_str *ret)
{
    if (n == 0) {
        *ret = SUT_STR("");
        return SUT_OK;
    }
    *ret = sut_str_dup(w->a, sut_str_of(p, n));
    ENSURE(ret->p != NULL, NOMEM);
    return SUT_OK;
}

static SUT_ERR copy_object(struct walk *w, json_t *from, struct sut_json *to)
{
    to->n = json_object_size(from);
    SUT_BUG_IF(to->n > w->keys_room - w->keys_used);
    struct sut_json *items = take_nodes(w, to->n);
    sut_str *keys = w->keys + w->keys_used;
    w->keys_used += to->n;
    to->items = items;
    to->keys = keys;

    size_t i = 0;
    /* jansson keeps an object's members in the order in which they came. */
    for (void *it = json_object_iter(from); it != NULL; it = json_object_iter_next(from, it), i++) {
        const char *key = json_object_iter_key(it);
        TRY(copy_text(w, key, strlen(key), &keys[i]));
        TRY(copy(w, json_object_iter_value(it), &items[i]));
    }
    return SUT_OK;
}

static SUT_ERR copy(struct walk *w, json_t *from, struct sut_json *to)
{
    switch (json_typeof(from)) {
    case JSON_NULL:
        to->type = SUT_JSON_NULL;
        return SUT_OK;
    case JSON_TRUE:
    case JSON_FALSE:
        to->type = SUT_JSON_BOOL;
        to->b = json_is_true(from);
        return SUT_OK;
    case JSON_INTEGER:
        to->type = SUT_JSON_INT;
        return copy_number(w, from, to);
    case JSON_REAL:
        to->type = SUT_JSON_REAL;
        return copy_number(w, from, to);
    case JSON_STRING:
        to->type = SUT_JSON_STRING;
        return copy_text(w, json_string_value(from), json_string_length(from), &to->s);
    case JSON_ARRAY:
        to->type = SUT_JSON_ARRAY;
        return copy_array(w, from, to);
    case JSON_OBJECT:
        to->type = SUT_JSON_OBJECT;
        return copy_object(w, from, to);
    }
    FAIL(SYSTEM);
}

static enum sut_json_fault fault_of(const json_error_t *e)
{
    const enum json_error_code code = json_error_code(e);
    if (code == json_error_out_of_memory)
        return SUT_JSON_MEMORY;
    if (code == json_error_stack_overflow)
        return SUT_JSON_TOO_DEEP;
    if (code == json_error_invalid_utf8)
        return SUT_JSON_UTF8;
    if (code == json_error_null_character || code == json_error_null_byte_in_key)
        return SUT_JSON_NUL;
    if (code == json_error_duplicate_key)
        return SUT_JSON_DUPLICATE_KEY;
    if (code == json_error_numeric_overflow)
        return SUT_JSON_NUMBER_RANGE;
    return SUT_JSON_SYNTAX;
}

static void free_tree(json_t **tree)
{
    json_decref(*tree);
}

/* Room for the whole tree, before jansson spends memory of its own on it. */
static SUT_ERR make_room(struct walk *w, const struct shape *shape)
{
    w->room = shape->values;
    w->keys_room = shape->keys;
    w->nodes = ARENA_ARRAY(w->a, struct sut_json, shape->values);
    w->keys = shape->keys == 0 ? NULL : ARENA_ARRAY(w->a, sut_str, shape->keys);
    ENSURE(w->nodes != NULL && (w->keys != NULL || shape->keys == 0), NOMEM);
    return SUT_OK;
}

static SUT_ERR parse(struct sut_arena *a, sut_str text, const struct sut_json **ret,
                     enum sut_json_fault *fault)
{
    struct shape shape;
    *fault = text.n == 0 ? SUT_JSON_SYNTAX : look_ahead(text, &shape);
    ENSURE(*fault == SUT_JSON_OK, PARSE);

    struct walk w = { .a = a, .text = text };
    *fault = SUT_JSON_MEMORY;
    TRY(make_room(&w, &shape));

    json_error_t e;
    const size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES;
    const unsigned long failed_before = atomic_load(&failed_allocations);
    DEFER(free_tree) json_t *tree = json_loadb(text.p, text.n, flags, &e);
    if (tree == NULL && atomic_load(&failed_allocations) == failed_before)
        *fault = fault_of(&e);
    ENSURE(tree != NULL || *fault != SUT_JSON_MEMORY, NOMEM);
    ENSURE(tree != NULL, PARSE);

    struct sut_json *root = take_nodes(&w, 1);
    TRY(copy(&w, tree, root));
    *fault = SUT_JSON_OK;
    *ret = root;
    return SUT_OK;
}

SUT_ERR sut_json_parse(struct sut_arena *a, sut_str text, const struct sut_json **ret,
                       enum sut_json_fault *reterr_fault)
{
    enum sut_json_fault fault = SUT_JSON_OK;
    const sut_err e = parse(a, text, ret, &fault);
    if (sut_failed(e) && reterr_fault != NULL)
        *reterr_fault = fault;
    return e;
}

const struct sut_json *sut_json_get(const struct sut_json *o, const char *key)
{
    if (o == NULL || o->type != SUT_JSON_OBJECT)
        return NULL;
    for (size_t i = 0; i < o->n; i++)
        if (sut_str_is(o->keys[i], key))
            return &o->items[i];
    return NULL;
}
