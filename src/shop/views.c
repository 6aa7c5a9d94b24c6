/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/views.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "store/outfit.h"
#include "store/store.h"

enum {
    SLOTS = 2 * SUT_VIEWS_MAX, /* a power of two, never more than half full */
    A_WRITE = 256,             /* outfits in one transaction */
};

struct slot {
    int64_t outfit;  /* 0: free */
    int64_t waiting; /* not written yet */
    int64_t shown;   /* what was answered last */
    bool is_idle;    /* nobody looked since it was written */
};

struct sut_views {
    pthread_mutex_t lock;
    size_t n;
    struct slot slots[SLOTS];
};

_Static_assert((SLOTS & (SLOTS - 1)) == 0, "slots are found by a mask");

SUT_ERR sut_views_create(struct sut_views **ret)
{
    struct sut_views *v = sut_mem_zalloc(1, sizeof(*v));
    ENSURE(v != NULL, NOMEM);
    if (pthread_mutex_init(&v->lock, NULL) != 0) {
        sut_mem_free(v);
        FAIL(NOMEM);
    }
    *ret = v;
    return SUT_OK;
}

void sut_views_free(struct sut_views **v)
{
    if (*v == NULL)
        return;
    (void) pthread_mutex_destroy(&(*v)->lock);
    sut_mem_free(*v);
    *v = NULL;
}

/* Its slot, or a free one where it belongs. */
static struct slot *slot_of(struct sut_views *v, int64_t outfit)
{
    size_t i = (size_t) ((uint64_t) outfit * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (SLOTS - 1);
    while (v->slots[i].outfit != 0 && v->slots[i].outfit != outfit)
        i = (i + 1) & (SLOTS - 1);
    return &v->slots[i];
}

int64_t sut_views_of(struct sut_views *v, int64_t outfit, int64_t stored, bool counts)
{
    (void) pthread_mutex_lock(&v->lock);
    struct slot *s = slot_of(v, outfit);
    int64_t n = stored;
    if (s->outfit == 0 && counts && v->n < SUT_VIEWS_MAX) {
        *s = (struct slot){ .outfit = outfit, .shown = stored };
        v->n++;
    }
    if (s->outfit != 0) {
        const int64_t more = counts ? 1 : 0;
        s->waiting += more;
        s->is_idle = s->is_idle && !counts;
        /* What is being written stands in the store already, or in what was shown. */
        n = stored + s->waiting > s->shown + more ? stored + s->waiting : s->shown + more;
        s->shown = n;
    }
    (void) pthread_mutex_unlock(&v->lock);
    return n;
}

struct view {
    int64_t outfit;
    int64_t n;
};

struct batch {
    struct view rows[A_WRITE];
    size_t n;
};

/* Keep the slots that were used since the last write; forget the others. */
static void forget_idle(struct sut_views *v)
{
    static const struct slot nothing = { .outfit = 0 };
    struct slot *kept = sut_mem_zalloc(v->n + 1, sizeof(*kept));
    size_t n = 0;
    if (kept == NULL)
        return;
    for (size_t i = 0; i < SLOTS; i++) {
        if (v->slots[i].outfit != 0 && !v->slots[i].is_idle)
            kept[n++] = v->slots[i];
        v->slots[i] = nothing;
    }
    for (size_t i = 0; i < n; i++) {
        kept[i].is_idle = kept[i].waiting == 0;
        *slot_of(v, kept[i].outfit) = kept[i];
    }
    v->n = n;
    sut_mem_free(kept);
}

/* Up to A_WRITE that wait, from *at on. */
static void take(struct sut_views *v, size_t *at, struct batch *b)
{
    b->n = 0;
    (void) pthread_mutex_lock(&v->lock);
    for (; *at < SLOTS && b->n < A_WRITE; (*at)++) {
        struct slot *s = &v->slots[*at];
        if (s->outfit == 0 || s->waiting == 0)
            continue;
        b->rows[b->n++] = (struct view){ .outfit = s->outfit, .n = s->waiting };
        s->waiting = 0;
    }
    (void) pthread_mutex_unlock(&v->lock);
}

/* They were not written: the next time. */
static void give_back(struct sut_views *v, const struct batch *b)
{
    (void) pthread_mutex_lock(&v->lock);
    for (size_t i = 0; i < b->n; i++) {
        struct slot *s = slot_of(v, b->rows[i].outfit);
        if (s->outfit != 0)
            s->waiting += b->rows[i].n;
    }
    (void) pthread_mutex_unlock(&v->lock);
}

static SUT_ERR write_job(struct sut_db_conn *c, void *arg)
{
    const struct batch *b = arg;
    for (size_t i = 0; i < b->n; i++)
        TRY(sut_outfit_add_views(c, b->rows[i].outfit, b->rows[i].n));
    return SUT_OK;
}

SUT_ERR sut_views_write(struct sut_views *v, struct sut_store *s)
{
    struct batch b;
    size_t at = 0;
    (void) pthread_mutex_lock(&v->lock);
    const bool is_empty = v->n == 0;
    if (!is_empty)
        forget_idle(v);
    (void) pthread_mutex_unlock(&v->lock);
    while (!is_empty && at < SLOTS) {
        take(v, &at, &b);
        if (b.n == 0)
            break;
        const sut_err e = sut_store_write(s, write_job, &b);
        if (sut_failed(e)) {
            give_back(v, &b);
            return e;
        }
    }
    return SUT_OK;
}
