/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as JSON: what is taken can be written and reads back the same;
 * what is taken also goes through a schema's checks.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "codec/json.h"
#include "codec/json_out.h"
#include "codec/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const choices[] = { "a", "b", NULL };
static const struct sut_field inner_fields[] = { { .name = "a", .type = SUT_F_INT } };
static const struct sut_schema inner = SUT_SCHEMA("Inner", inner_fields);
static const struct sut_field fields[] = {
    { .name = "a", .type = SUT_F_STRING, .flags = SUT_F_REQUIRED, .max = 20 },
    { .name = "e", .type = SUT_F_EMAIL },
    { .name = "p", .type = SUT_F_PRICE, .max = 999999 },
    { .name = "t", .type = SUT_F_PHONE },
    { .name = "c", .type = SUT_F_CHOICE, .choices = choices },
    { .name = "o", .type = SUT_F_OBJECT, .of = &inner },
    { .name = "l", .type = SUT_F_ARRAY, .of = &inner },
    { .name = "i", .type = SUT_F_ARRAY, .items = SUT_F_INT },
};
static const struct sut_schema schema = SUT_SCHEMA("Outer", fields);

static void write_value(struct sut_jw *w, const struct sut_json *v)
{
    switch (v->type) {
    case SUT_JSON_NULL:
        sut_jw_null(w);
        break;
    case SUT_JSON_BOOL:
        sut_jw_bool(w, v->b);
        break;
    case SUT_JSON_INT:
    case SUT_JSON_REAL:
        sut_jw_raw(w, v->s);
        break;
    case SUT_JSON_STRING:
        sut_jw_str(w, v->s);
        break;
    case SUT_JSON_ARRAY:
        sut_jw_arr(w);
        for (size_t i = 0; i < v->n; i++)
            write_value(w, &v->items[i]);
        sut_jw_arr_end(w);
        break;
    case SUT_JSON_OBJECT:
        sut_jw_obj(w);
        for (size_t i = 0; i < v->n; i++) {
            sut_jw_key_str(w, v->keys[i]);
            write_value(w, &v->items[i]);
        }
        sut_jw_obj_end(w);
        break;
    }
}

static sut_str written(struct sut_buf *b, struct sut_arena *a, const struct sut_json *v)
{
    sut_buf_init_arena(b, a, 8 << 20);
    struct sut_jw w = sut_jw_of(b);
    write_value(&w, v);
    if (sut_failed(sut_buf_check(b)))
        abort();
    return sut_buf_str(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sut_arena *a = NULL;
    const struct sut_json *v = NULL;
    if (size > 65536 || sut_failed(sut_arena_create(64 << 20, &a)))
        return 0;

    if (!sut_failed(sut_json_parse(a, sut_str_of((const char *) data, size), &v, NULL))) {
        struct sut_buf first;
        struct sut_buf second;
        const struct sut_json *again = NULL;
        const sut_str one = written(&first, a, v);
        if (sut_failed(sut_json_parse(a, one, &again, NULL)) ||
            !sut_str_eq(written(&second, a, again), one))
            abort();
        const struct sut_fault *faults = NULL;
        sut_ignore(sut_schema_check(a, &schema, v, &faults), "only that it ends matters");
    }
    sut_arena_free(&a);
    return 0;
}
