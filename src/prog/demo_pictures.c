/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/demo_pictures.h"

#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/fragments.h"
#include "base/arena.h"
#include "base/mem.h"
#include "base/scan.h"
#include "base/thread.h"
#include "ipc/darkroom.h"
#include "log/log.h"
#include "media/media.h"
#include "shop/demo.h"
#include "shop/demo_picture.h"
#include "store/media_row.h"
#include "store/product.h"
#include "store/product_image.h"
#include "store/store.h"

enum {
    BATCH = 12, /* pictures that show at once: each time answers are rendered anew */
    TROUBLE_MS = 3000,
    TROUBLES_MAX = 20,
    LOWEST_NICE = 19,
    STACK_BYTES = 256 * 1024,
    NAMES_BYTES = 16 * 1024,
    DIGITS_AT = 3, /* of "MW-0001-S-BLK" */
    DIGITS = 4,
};

/* Of the sample catalogue, by its SKUs. */
#define SKU_LIKE "MW-____-%"

struct sut_demo_pictures {
    const struct sut_app *app;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t change;
    bool is_stopping;
    /* The thread's own. */
    struct sut_arena *names;
    struct sut_product_bare bare[BATCH];
    struct sut_media_kept kept[BATCH];
    size_t n;
    sut_ms now;
    int64_t version;
    unsigned char rgb[SUT_DEMO_PICTURE_BYTES];
};

static bool is_stopping(struct sut_demo_pictures *d)
{
    (void) pthread_mutex_lock(&d->mutex);
    const bool v = d->is_stopping;
    (void) pthread_mutex_unlock(&d->mutex);
    return v;
}

/* Number i of the catalogue out of a SKU. */
static SUT_ERR number_of(const struct sut_product_bare *b, size_t *ret)
{
    uint64_t v = 0;
    TRY(sut_parse_u64(sut_str_of(b->sku + DIGITS_AT, DIGITS), SUT_DEMO_PRODUCTS, &v));
    ENSURE(v > 0, PARSE);
    *ret = (size_t) v - 1;
    return SUT_OK;
}

/* --- rows --- */

static SUT_ERR add_row(struct sut_db_conn *c, struct sut_demo_pictures *d, size_t i)
{
    struct sut_product_image_data row = { .product_id = d->bare[i].id,
                                          .media_id = d->kept[i].id,
                                          .is_feature = true };
    sut_str *const files[] = { [SUT_PICTURE_FULL] = &row.image,
                               [SUT_PICTURE_THUMBNAIL] = &row.thumbnail,
                               [SUT_PICTURE_LARGER] = &row.large };
    const sut_str name = sut_str_of(d->kept[i].name, SUT_MEDIA_NAME);
    int64_t id = 0;
    int64_t has = 0;
    TRY(sut_product_image_count(c, row.product_id, &has));
    /* Another server, or the shop's owner, was quicker: a sweep takes ours. */
    if (has > 0)
        return sut_media_row_drop(c, row.media_id, d->now);
    for (size_t k = 0; k < SUT_PICTURE_FILES; k++)
        TRY(sut_media_file(d->names, name, d->kept[i].kind, (enum sut_picture_file) k, files[k]));
    TRY(sut_media_row_use(c, row.media_id, d->now));
    TRY(sut_product_image_add(c, &row, &id));
    return sut_product_touch(c, row.product_id, d->now, &d->version);
}

static sut_err add_rows(struct sut_db_conn *c, void *arg)
{
    struct sut_demo_pictures *const d = arg;
    sut_arena_reset(d->names);
    for (size_t i = 0; i < d->n; i++)
        TRY(add_row(c, d, i));
    return SUT_OK;
}

/* --- pictures --- */

static SUT_ERR make(struct sut_demo_pictures *d, size_t at)
{
    const struct sut_app *const app = d->app;
    struct sut_picture p;
    size_t i = 0;
    TRY(number_of(&d->bare[at], &i));
    sut_demo_picture_draw(i, d->rgb);
    TRY(sut_darkroom_print(app->darkroom, sut_str_of((const char *) d->rgb, sizeof(d->rgb)),
                           SUT_DEMO_PICTURE_W, SUT_DEMO_PICTURE_H, &p));
    const sut_err e = sut_media_keep(app->pictures, &p, 0, d->now, &d->kept[at]);
    sut_picture_done(&p);
    return e;
}

static SUT_ERR find_bare(struct sut_demo_pictures *d, size_t *ret_n)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(d->app->store, &c));
    const sut_err e = sut_product_image_bare(c, SUT_STR(SKU_LIKE), d->bare, BATCH, ret_n);
    sut_store_return(d->app->store, &c);
    return e;
}

/* Some of those that have none; *ret_is_done: all have one. */
static SUT_ERR turn(struct sut_demo_pictures *d, bool *ret_is_done)
{
    size_t n = 0;
    sut_err e = SUT_OK;
    TRY(find_bare(d, &n));
    *ret_is_done = n == 0;
    d->now = sut_clock_now(d->app->clock);
    for (d->n = 0; d->n < n && !sut_failed(e) && !is_stopping(d); d->n++)
        e = make(d, d->n);
    /* The last one failed: what was made before it counts. */
    d->n -= sut_failed(e) ? 1 : 0;
    if (d->n == 0)
        return e;
    const sut_err written = sut_store_write(d->app->store, add_rows, d);
    if (sut_failed(written)) {
        for (size_t i = 0; i < d->n; i++)
            sut_media_discard(d->app->pictures, &d->kept[i], d->now);
        return written;
    }
    if (d->app->fragments != NULL && d->version > 0)
        sut_fragments_version_seen(d->app->fragments, d->version);
    return e;
}

/* false: it is to stop. */
static bool wait_ms(struct sut_demo_pictures *d, unsigned ms)
{
    const uint64_t until_ns = sut_monotonic_in(ms);
    (void) pthread_mutex_lock(&d->mutex);
    while (!d->is_stopping && sut_cond_wait_until(&d->change, &d->mutex, until_ns))
        ;
    const bool goes_on = !d->is_stopping;
    (void) pthread_mutex_unlock(&d->mutex);
    return goes_on;
}

static void *run(void *arg)
{
    struct sut_demo_pictures *const d = arg;
    /* On Linux it belongs to the thread; lowering one's own rank can't be refused. */
    (void) setpriority(PRIO_PROCESS, (id_t) gettid(), LOWEST_NICE);
    bool is_done = false;
    for (unsigned troubles = 0; !is_done && !is_stopping(d);) {
        const sut_err e = turn(d, &is_done);
        if (!sut_failed(e))
            continue;
        if (troubles++ == 0)
            sut_log(SUT_LOG_WARN, "demo_pictures_late", LOG_ERR(e));
        if (troubles > TROUBLES_MAX || !wait_ms(d, TROUBLE_MS))
            break;
    }
    return NULL;
}

static void free_all(struct sut_demo_pictures **d)
{
    if (*d == NULL)
        return;
    sut_arena_free(&(*d)->names);
    (void) pthread_mutex_destroy(&(*d)->mutex);
    (void) pthread_cond_destroy(&(*d)->change);
    sut_mem_freep(d);
}

SUT_ERR sut_demo_pictures_start(const struct sut_app *app, struct sut_demo_pictures **ret)
{
    DEFER(free_all) struct sut_demo_pictures *d = sut_mem_zalloc(1, sizeof(*d));
    ENSURE(d != NULL, NOMEM);
    d->app = app;
    (void) pthread_mutex_init(&d->mutex, NULL);
    sut_cond_init(&d->change);
    TRY(sut_arena_create(NAMES_BYTES, &d->names));
    TRY(sut_thread_start(STACK_BYTES, run, d, &d->thread));
    *ret = STEAL(d);
    return SUT_OK;
}

void sut_demo_pictures_stop(struct sut_demo_pictures **d)
{
    if (*d == NULL)
        return;
    (void) pthread_mutex_lock(&(*d)->mutex);
    (*d)->is_stopping = true;
    (void) pthread_cond_broadcast(&(*d)->change);
    (void) pthread_mutex_unlock(&(*d)->mutex);
    (void) pthread_join((*d)->thread, NULL);
    free_all(d);
}
