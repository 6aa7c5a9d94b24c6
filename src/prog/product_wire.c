/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/product_wire.h"

enum { SENTENCE_MAX = 1024, FIELD_MAX = 1024, MESSAGE_MAX = 4096 };

static void put_bool(struct sut_buf *b, bool v)
{
    sut_ipc_put_u64(b, v ? 1 : 0);
}

void sut_products_ask_put(struct sut_buf *b, const struct sut_products_ask *ask)
{
    sut_ipc_put_u64(b, ask->verb);
    sut_ipc_put_i64(b, ask->after);
    put_bool(b, ask->options.is_partial);
    put_bool(b, ask->options.is_dry);
    put_bool(b, ask->options.makes_categories);
    sut_ipc_put_u64(b, ask->import);
    sut_ipc_put_u64(b, ask->n_objects);
    for (size_t i = 0; i < ask->n_objects; i++)
        sut_ipc_put_bytes(b, ask->objects[i]);
}

SUT_ERR sut_products_ask_get(struct sut_ipc_reader *r, struct sut_arena *a,
                             struct sut_products_ask *ret)
{
    uint64_t verb = 0;
    uint64_t n = 0;
    *ret = (struct sut_products_ask){ .n_objects = 0 };
    TRY(sut_ipc_get_u64(r, SUT_PRODUCTS_VERBS - 1, &verb));
    ret->verb = (enum sut_products_verb) verb;
    TRY(sut_ipc_get_i64(r, &ret->after));
    TRY(sut_ipc_get_bool(r, &ret->options.is_partial));
    TRY(sut_ipc_get_bool(r, &ret->options.is_dry));
    TRY(sut_ipc_get_bool(r, &ret->options.makes_categories));
    TRY(sut_ipc_get_u64(r, UINT64_MAX, &ret->import));
    TRY(sut_ipc_get_u64(r, SUT_IMPORT_BATCH_MAX, &n));
    sut_str *objects = ARENA_ARRAY(a, sut_str, n + 1);
    ENSURE(objects != NULL, NOMEM);
    for (uint64_t i = 0; i < n; i++)
        TRY(sut_ipc_get_bytes(r, SUT_PRODUCTS_OBJECT_MAX, &objects[i]));
    ret->objects = objects;
    ret->n_objects = n;
    return sut_ipc_get_end(r);
}

void sut_products_answer_put(struct sut_buf *b, const struct sut_products_answer *answer)
{
    const struct sut_import_answer *d = &answer->done;
    sut_ipc_put_bytes(b, answer->refused);
    sut_ipc_put_u64(b, answer->import);
    put_bool(b, d->is_again);
    for (unsigned i = 0; i < SUT_PRODUCT_OUTCOMES; i++)
        sut_ipc_put_u64(b, d->counts[i]);
    sut_ipc_put_u64(b, d->failed);
    sut_ipc_put_i64(b, d->version);
    sut_ipc_put_u64(b, d->n_faults);
    for (size_t i = 0; i < d->n_faults; i++) {
        sut_ipc_put_u64(b, d->faults[i].index);
        sut_ipc_put_bytes(b, sut_str_sub(d->faults[i].field, 0, FIELD_MAX));
        sut_ipc_put_bytes(b, sut_str_sub(d->faults[i].message, 0, MESSAGE_MAX));
    }
    sut_ipc_put_bytes(b, answer->text);
    sut_ipc_put_i64(b, answer->after);
    put_bool(b, answer->has_more);
}

static SUT_ERR get_faults(struct sut_ipc_reader *r, struct sut_arena *a,
                          struct sut_import_answer *d)
{
    uint64_t n = 0;
    TRY(sut_ipc_get_u64(r, SUT_IMPORT_FAULTS_MAX, &n));
    d->faults = ARENA_ARRAY(a, struct sut_import_fault, n + 1);
    ENSURE(d->faults != NULL, NOMEM);
    for (uint64_t i = 0; i < n; i++) {
        TRY(sut_ipc_get_u64(r, SUT_IMPORT_BATCH_MAX, &d->faults[i].index));
        TRY(sut_ipc_get_bytes(r, FIELD_MAX, &d->faults[i].field));
        TRY(sut_ipc_get_bytes(r, MESSAGE_MAX, &d->faults[i].message));
    }
    d->n_faults = n;
    return SUT_OK;
}

SUT_ERR sut_products_answer_get(struct sut_ipc_reader *r, struct sut_arena *a,
                                struct sut_products_answer *ret)
{
    struct sut_import_answer *d = &ret->done;
    *ret = (struct sut_products_answer){ .import = 0 };
    TRY(sut_ipc_get_bytes(r, SENTENCE_MAX, &ret->refused));
    TRY(sut_ipc_get_u64(r, UINT64_MAX, &ret->import));
    TRY(sut_ipc_get_bool(r, &d->is_again));
    for (unsigned i = 0; i < SUT_PRODUCT_OUTCOMES; i++)
        TRY(sut_ipc_get_u64(r, UINT64_MAX, &d->counts[i]));
    TRY(sut_ipc_get_u64(r, UINT64_MAX, &d->failed));
    TRY(sut_ipc_get_i64(r, &d->version));
    TRY(get_faults(r, a, d));
    TRY(sut_ipc_get_bytes(r, SUT_PRODUCTS_TEXT_MAX, &ret->text));
    TRY(sut_ipc_get_i64(r, &ret->after));
    TRY(sut_ipc_get_bool(r, &ret->has_more));
    return sut_ipc_get_end(r);
}
