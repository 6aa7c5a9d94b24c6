/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/product_import.h"

#include <pthread.h>

#include "audit/audit.h"
#include "base/mem.h"
#include "base/thread.h"
#include "codec/json.h"
#include "db/db.h"
#include "store/store.h"

enum { ROW_MEMORY = 16 * 1024 * 1024 };

struct batch {
    const sut_str *objects;
    size_t n;
    struct sut_arena *arena; /* the answer's */
    struct sut_import_answer *answer;
};

/* What the transaction's thread is to do. */
enum order { NOTHING, TAKE, FINISH, GIVE_UP };

struct sut_import {
    struct sut_store *store;
    const struct sut_clock *clock;
    struct sut_import_options o;
    struct sut_arena *scratch; /* of one row */
    uint64_t counts[SUT_PRODUCT_OUTCOMES];
    uint64_t failed;
    int64_t version;
    /* All or nothing: */
    bool has_thread;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t told;
    enum order order; /* NOTHING: done */
    struct batch batch;
    bool has_ended;
    bool is_again;
    unsigned runs;
    sut_err result;
};

static struct sut_goods_actor actor_of(const struct sut_import *i)
{
    return (struct sut_goods_actor){
        .addr = SUT_STR(""),
        .now = sut_clock_now(i->clock),
        .is_zero_ok = i->o.is_zero_ok,
    };
}

/* --- a batch, inside a transaction --- */

static SUT_ERR note_fault(struct batch *b, size_t index, const struct sut_fault *f)
{
    struct sut_import_answer *r = b->answer;
    for (; f != NULL && r->n_faults < SUT_IMPORT_FAULTS_MAX; f = f->next) {
        struct sut_import_fault *to = &r->faults[r->n_faults];
        to->index = index;
        to->field = sut_str_dup(b->arena, f->field);
        to->message = sut_str_dup(b->arena, f->message);
        ENSURE(to->message.p != NULL, NOMEM);
        r->n_faults++;
    }
    return SUT_OK;
}

static SUT_ERR note_one(struct batch *b, size_t index, const char *field, const char *message)
{
    const struct sut_fault f = { .field = sut_str_from(field), .message = sut_str_from(message) };
    return note_fault(b, index, &f);
}

/* INVALID, EXISTS, PARSE: the row is not right, and it is noted why. */
static SUT_ERR do_row(struct sut_import *i, struct sut_db_conn *c, struct batch *b, size_t index,
                      enum sut_product_outcome *ret)
{
    const struct sut_goods_actor by = actor_of(i);
    const struct sut_fault *faults = NULL;
    const struct sut_json *object = NULL;
    enum sut_json_fault json = SUT_JSON_OK;
    sut_err e = sut_json_parse(i->scratch, b->objects[index], &object, &json);
    if (e.code == SUT_E_PARSE)
        TRY(note_one(b, index, "", sut_json_fault_text(json)));
    TRY(e);
    if (object->type != SUT_JSON_OBJECT) {
        TRY(note_one(b, index, "", "A product is an object."));
        FAIL(INVALID);
    }
    e = sut_product_form_apply(c, i->scratch, object, i->o.makes_categories, &by, ret, &i->version,
                               &faults);
    if (e.code == SUT_E_INVALID)
        TRY(note_fault(b, index, faults));
    if (e.code == SUT_E_EXISTS)
        TRY(note_one(b, index, "sku", "Somebody took it at the same moment."));
    return e;
}

static bool is_rows_fault(sut_err e)
{
    return e.code == SUT_E_INVALID || e.code == SUT_E_EXISTS || e.code == SUT_E_PARSE;
}

/*
 * A row that is not right leaves nothing behind.  Where nothing will be kept when one is wrong,
 * there is no need to undo it alone; but then what the database itself refused has spoilt the
 * transaction, and ends it.
 */
static SUT_ERR do_row_apart(struct sut_import *i, struct sut_db_conn *c, struct batch *b,
                            size_t index, enum sut_product_outcome *ret)
{
    if (!i->o.is_partial) {
        const sut_err e = do_row(i, c, b, index, ret);
        ENSURE(e.code != SUT_E_EXISTS, CONFLICT);
        return e;
    }
    TRY(sut_db_savepoint(c));
    const sut_err e = do_row(i, c, b, index, ret);
    if (!sut_failed(e))
        return sut_db_savepoint_release(c);
    sut_db_savepoint_rollback(c);
    return e;
}

static SUT_ERR do_batch(struct sut_import *i, struct sut_db_conn *c, struct batch *b)
{
    struct sut_import_answer *r = b->answer;
    *r = (struct sut_import_answer){ .faults = r->faults };
    for (size_t n = 0; n < b->n; n++) {
        enum sut_product_outcome outcome = SUT_PRODUCT_SAME;
        sut_arena_reset(i->scratch);
        const sut_err e = do_row_apart(i, c, b, n, &outcome);
        if (sut_failed(e) && !is_rows_fault(e))
            return e;
        if (sut_failed(e))
            r->failed++;
        else
            r->counts[outcome]++;
    }
    return SUT_OK;
}

static void add_up(struct sut_import *i, const struct sut_import_answer *r)
{
    for (unsigned k = 0; k < SUT_PRODUCT_OUTCOMES; k++)
        i->counts[k] += r->counts[k];
    i->failed += r->failed;
}

static SUT_ERR tell_audit(struct sut_import *i, struct sut_db_conn *c)
{
    if (i->counts[SUT_PRODUCT_ADDED] + i->counts[SUT_PRODUCT_CHANGED] == 0)
        return SUT_OK;
    return sut_audit_write(c, SUT_ACTION_ADMIN_PRODUCT_IMPORT, 0, SUT_STR("products"), SUT_STR(""),
                           sut_clock_now(i->clock));
}

/* --- in parts --- */

struct part {
    struct sut_import *i;
    struct batch *batch;
};

static SUT_ERR part_job(struct sut_db_conn *c, void *arg)
{
    struct part *p = arg;
    return do_batch(p->i, c, p->batch);
}

static SUT_ERR audit_job(struct sut_db_conn *c, void *arg)
{
    return tell_audit(arg, c);
}

/* --- all or nothing --- */

/* The next order; GIVE_UP when none comes for long. */
static enum order next_order(struct sut_import *i)
{
    const uint64_t until_ns = sut_monotonic_in(SUT_IMPORT_PATIENCE_S * 1000);
    enum order got = GIVE_UP;
    (void) pthread_mutex_lock(&i->lock);
    while (i->order == NOTHING && sut_cond_wait_until(&i->told, &i->lock, until_ns))
        ;
    if (i->order != NOTHING)
        got = i->order;
    (void) pthread_mutex_unlock(&i->lock);
    return got;
}

static void done(struct sut_import *i)
{
    (void) pthread_mutex_lock(&i->lock);
    i->order = NOTHING;
    (void) pthread_cond_broadcast(&i->told);
    (void) pthread_mutex_unlock(&i->lock);
}

static SUT_ERR whole_job(struct sut_db_conn *c, void *arg)
{
    struct sut_import *i = arg;
    /* The rows that went before are gone: whoever has them brings them again. */
    if (i->runs++ > 0) {
        i->is_again = true;
        FAIL(UNAVAILABLE);
    }
    for (;;) {
        switch (next_order(i)) {
        case TAKE:
            TRY(do_batch(i, c, &i->batch));
            add_up(i, i->batch.answer);
            done(i);
            break;
        case FINISH:
            ENSURE(!i->o.is_dry && (i->failed == 0 || i->o.is_partial), INVALID);
            return tell_audit(i, c);
        case NOTHING:
        case GIVE_UP:
            FAIL(UNAVAILABLE);
        }
    }
}

static void *run_whole(void *arg)
{
    struct sut_import *i = arg;
    const sut_err e = sut_store_write_alone(i->store, whole_job, i);
    (void) pthread_mutex_lock(&i->lock);
    i->result = e;
    i->has_ended = true;
    i->order = NOTHING;
    (void) pthread_cond_broadcast(&i->told);
    (void) pthread_mutex_unlock(&i->lock);
    return NULL;
}

/* Give an order and wait until it is done, or the transaction has ended. */
static void command(struct sut_import *i, enum order order)
{
    (void) pthread_mutex_lock(&i->lock);
    if (!i->has_ended) {
        i->order = order;
        (void) pthread_cond_broadcast(&i->told);
    }
    while (i->order != NOTHING && !i->has_ended)
        (void) pthread_cond_wait(&i->told, &i->lock);
    (void) pthread_mutex_unlock(&i->lock);
}

/* --- the door --- */

static bool is_whole(const struct sut_import *i)
{
    return !i->o.is_partial || i->o.is_dry;
}

SUT_ERR sut_import_begin(struct sut_store *store, const struct sut_clock *clock,
                         const struct sut_import_options *o, struct sut_import **ret)
{
    DEFER(sut_import_free) struct sut_import *i = sut_mem_zalloc(1, sizeof(*i));
    ENSURE(i != NULL, NOMEM);
    i->store = store;
    i->clock = clock;
    i->o = *o;
    (void) pthread_mutex_init(&i->lock, NULL);
    sut_cond_init(&i->told);
    TRY(sut_arena_create(ROW_MEMORY, &i->scratch));
    if (is_whole(i)) {
        TRY(sut_thread_start(0, run_whole, i, &i->thread));
        i->has_thread = true;
    }
    *ret = STEAL(i);
    return SUT_OK;
}

void sut_import_free(struct sut_import **pi)
{
    struct sut_import *i = *pi;
    if (i == NULL)
        return;
    if (i->has_thread) {
        command(i, GIVE_UP);
        (void) pthread_join(i->thread, NULL);
    }
    sut_arena_free(&i->scratch);
    (void) pthread_cond_destroy(&i->told);
    (void) pthread_mutex_destroy(&i->lock);
    sut_mem_freep(pi);
}

SUT_ERR sut_import_rows(struct sut_import *i, struct sut_arena *a, const sut_str *objects, size_t n,
                        struct sut_import_answer *ret)
{
    struct batch b = { .objects = objects, .n = n, .arena = a, .answer = ret };
    ENSURE(n <= SUT_IMPORT_BATCH_MAX, INVALID);
    *ret = (struct sut_import_answer){ .n_faults = 0 };
    ret->faults = ARENA_ARRAY(a, struct sut_import_fault, SUT_IMPORT_FAULTS_MAX);
    ENSURE(ret->faults != NULL, NOMEM);
    if (!is_whole(i)) {
        struct part p = { .i = i, .batch = &b };
        TRY(sut_store_write(i->store, part_job, &p));
        add_up(i, ret);
        ret->version = i->version;
        return SUT_OK;
    }
    i->batch = b;
    command(i, TAKE);
    ret->is_again = i->is_again;
    if (i->has_ended && !i->is_again)
        return sut_failed(i->result) ? i->result : (sut_err){ .code = SUT_E_UNAVAILABLE };
    return SUT_OK;
}

SUT_ERR sut_import_end(struct sut_import *i, struct sut_import_answer *ret)
{
    *ret = (struct sut_import_answer){ .n_faults = 0 };
    if (is_whole(i)) {
        command(i, FINISH);
        (void) pthread_join(i->thread, NULL);
        i->has_thread = false;
        ret->is_again = i->is_again;
        /* INVALID: undone as it was meant to be. */
        if (!i->is_again && sut_failed(i->result) && i->result.code != SUT_E_INVALID)
            return i->result;
        ret->version = sut_failed(i->result) ? 0 : i->version;
    } else {
        TRY(sut_store_write(i->store, audit_job, i));
        ret->version = i->version;
    }
    memcpy(ret->counts, i->counts, sizeof(i->counts));
    ret->failed = i->failed;
    return SUT_OK;
}
