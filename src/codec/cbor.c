/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cbor.h"

#include <cbor.h>

#include "codec/utf8.h"

/* What the decoder's one callback of a step has seen. */
struct head {
    struct sut_cbor v;
    uint64_t number;   /* the argument: its head must be the shortest */
    bool has_argument; /* ints, lengths and counts have one */
    bool is_bad;       /* a form that is refused */
};

struct walk {
    struct sut_arena *a;
    struct sut_scan c;
    size_t left; /* values that may still come */
};

/* --- callbacks: none that is called twice in a step --- */

static void saw_number(struct head *h, uint64_t v, bool is_negative)
{
    h->v.type = SUT_CBOR_INT;
    h->number = v;
    h->has_argument = true;
    h->is_bad = v > INT64_MAX;
    if (!h->is_bad)
        h->v.i = is_negative ? -1 - (int64_t) v : (int64_t) v;
}

static void saw_u8(void *ctx, uint8_t v)
{
    saw_number(ctx, v, false);
}

static void saw_u16(void *ctx, uint16_t v)
{
    saw_number(ctx, v, false);
}

static void saw_u32(void *ctx, uint32_t v)
{
    saw_number(ctx, v, false);
}

static void saw_u64(void *ctx, uint64_t v)
{
    saw_number(ctx, v, false);
}

static void saw_n8(void *ctx, uint8_t v)
{
    saw_number(ctx, v, true);
}

static void saw_n16(void *ctx, uint16_t v)
{
    saw_number(ctx, v, true);
}

static void saw_n32(void *ctx, uint32_t v)
{
    saw_number(ctx, v, true);
}

static void saw_n64(void *ctx, uint64_t v)
{
    saw_number(ctx, v, true);
}

static void saw_string(struct head *h, enum sut_cbor_type type, cbor_data p, size_t n)
{
    h->v.type = type;
    h->v.s = sut_str_of((const char *) p, n);
    h->number = n;
    h->has_argument = true;
}

static void saw_bytes(void *ctx, cbor_data p, size_t n)
{
    saw_string(ctx, SUT_CBOR_BYTES, p, n);
}

static void saw_text(void *ctx, cbor_data p, size_t n)
{
    struct head *h = ctx;
    saw_string(h, SUT_CBOR_TEXT, p, n);
    h->is_bad = !sut_utf8_is_valid(h->v.s);
}

static void saw_group(struct head *h, enum sut_cbor_type type, size_t n)
{
    h->v.type = type;
    h->v.n = n;
    h->number = n;
    h->has_argument = true;
}

static void saw_array(void *ctx, size_t n)
{
    saw_group(ctx, SUT_CBOR_ARRAY, n);
}

static void saw_map(void *ctx, size_t n)
{
    saw_group(ctx, SUT_CBOR_MAP, n);
}

static void saw_bad(void *ctx)
{
    ((struct head *) ctx)->is_bad = true;
}

static void saw_tag(void *ctx, uint64_t v)
{
    (void) v;
    saw_bad(ctx);
}

static void saw_float(void *ctx, float v)
{
    (void) v;
    ((struct head *) ctx)->v.type = SUT_CBOR_OTHER;
}

static void saw_double(void *ctx, double v)
{
    (void) v;
    ((struct head *) ctx)->v.type = SUT_CBOR_OTHER;
}

static void saw_undefined(void *ctx)
{
    ((struct head *) ctx)->v.type = SUT_CBOR_OTHER;
}

static void saw_null(void *ctx)
{
    ((struct head *) ctx)->v.type = SUT_CBOR_NULL;
}

static void saw_bool(void *ctx, bool v)
{
    struct head *h = ctx;
    h->v.type = SUT_CBOR_BOOL;
    h->v.b = v;
}

static const struct cbor_callbacks callbacks = {
    .uint8 = saw_u8,
    .uint16 = saw_u16,
    .uint32 = saw_u32,
    .uint64 = saw_u64,
    .negint8 = saw_n8,
    .negint16 = saw_n16,
    .negint32 = saw_n32,
    .negint64 = saw_n64,
    .byte_string_start = saw_bad,
    .byte_string = saw_bytes,
    .string = saw_text,
    .string_start = saw_bad,
    .indef_array_start = saw_bad,
    .array_start = saw_array,
    .indef_map_start = saw_bad,
    .map_start = saw_map,
    .tag = saw_tag,
    .float2 = saw_float,
    .float4 = saw_float,
    .float8 = saw_double,
    .undefined = saw_undefined,
    .null = saw_null,
    .boolean = saw_bool,
    .indef_break = saw_bad,
};

/* --- the tree --- */

/* Bytes of the shortest head of an argument. */
static size_t head_size(uint64_t argument)
{
    if (argument < 24)
        return 1;
    if (argument <= UINT8_MAX)
        return 2;
    if (argument <= UINT16_MAX)
        return 3;
    return argument <= UINT32_MAX ? 5 : 9;
}

/* One head, and the bytes of a string. */
static SUT_ERR next(struct walk *w, struct sut_cbor *ret)
{
    struct head h = { .has_argument = false };
    ENSURE(w->left > 0, PARSE);
    w->left--;
    const sut_str rest = sut_scan_rest(&w->c);
    ENSURE(rest.n > 0, PARSE);
    const struct cbor_decoder_result r =
        cbor_stream_decode((cbor_data) rest.p, rest.n, &callbacks, &h);
    ENSURE(r.status == CBOR_DECODER_FINISHED && !h.is_bad, PARSE);
    ENSURE(r.read > 0 && r.read <= rest.n, PARSE);
    ENSURE(!h.has_argument || r.read == head_size(h.number) + h.v.s.n, PARSE);
    w->c.p += r.read;
    *ret = h.v;
    return SUT_OK;
}

static bool is_same_key(const struct sut_cbor *a, const struct sut_cbor *b)
{
    return a->type == b->type && (a->type == SUT_CBOR_INT ? a->i == b->i : sut_str_eq(a->s, b->s));
}

static SUT_ERR check_key(const struct sut_cbor *keys, size_t n)
{
    const struct sut_cbor *k = &keys[n];
    ENSURE(k->type == SUT_CBOR_INT || k->type == SUT_CBOR_TEXT, PARSE);
    for (size_t i = 0; i < n; i++)
        ENSURE(!is_same_key(&keys[i], k), PARSE);
    return SUT_OK;
}

/* depth: how many maps and arrays this value may still be or hold. */
static SUT_ERR read_value(struct walk *w, unsigned depth, struct sut_cbor *ret)
{
    TRY(next(w, ret));
    if (ret->type != SUT_CBOR_ARRAY && ret->type != SUT_CBOR_MAP)
        return SUT_OK;
    const bool is_map = ret->type == SUT_CBOR_MAP;
    /* Each member takes a byte at least, so what is promised is bounded by what is there. */
    ENSURE(depth > 0 && ret->n <= w->left / (is_map ? 2 : 1), PARSE);
    if (ret->n == 0)
        return SUT_OK;
    struct sut_cbor *items = ARENA_ARRAY(w->a, struct sut_cbor, ret->n);
    struct sut_cbor *keys = is_map ? ARENA_ARRAY(w->a, struct sut_cbor, ret->n) : NULL;
    ENSURE(items != NULL && (!is_map || keys != NULL), NOMEM);
    ret->items = items;
    ret->keys = keys;
    for (size_t i = 0; i < ret->n; i++) {
        if (is_map) {
            TRY(next(w, &keys[i]));
            TRY(check_key(keys, i));
        }
        TRY(read_value(w, depth - 1, &items[i]));
    }
    return SUT_OK;
}

SUT_ERR sut_cbor_take(struct sut_arena *a, struct sut_scan *c, const struct sut_cbor **ret)
{
    struct walk w = { .a = a, .c = *c, .left = SUT_CBOR_ITEMS_MAX };
    struct sut_cbor *v = ARENA_NEW(a, struct sut_cbor);
    ENSURE(v != NULL, NOMEM);
    TRY(read_value(&w, SUT_CBOR_DEPTH_MAX, v));
    *c = w.c;
    *ret = v;
    return SUT_OK;
}

SUT_ERR sut_cbor_parse(struct sut_arena *a, sut_str bytes, const struct sut_cbor **ret)
{
    struct sut_scan c = sut_scan_of(bytes);
    TRY(sut_cbor_take(a, &c, ret));
    ENSURE(sut_scan_at_end(&c), PARSE);
    return SUT_OK;
}

const struct sut_cbor *sut_cbor_get(const struct sut_cbor *m, const char *key)
{
    for (size_t i = 0; m != NULL && m->type == SUT_CBOR_MAP && i < m->n; i++)
        if (m->keys[i].type == SUT_CBOR_TEXT && sut_str_is(m->keys[i].s, key))
            return &m->items[i];
    return NULL;
}

const struct sut_cbor *sut_cbor_get_int(const struct sut_cbor *m, int64_t key)
{
    for (size_t i = 0; m != NULL && m->type == SUT_CBOR_MAP && i < m->n; i++)
        if (m->keys[i].type == SUT_CBOR_INT && m->keys[i].i == key)
            return &m->items[i];
    return NULL;
}
