/* SPDX-License-Identifier: Apache-2.0 */
#include "store/connpool.h"

#include <pthread.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

enum { POOL_MAX = 64 };

struct sut_connpool {
    struct sut_db *db;
    enum sut_db_mode mode;
    pthread_mutex_t lock;
    pthread_cond_t given;
    bool is_held;
    unsigned max;
    unsigned out;  /* borrowed, or being made */
    unsigned idle; /* in the table below; the last given is the first taken */
    struct sut_db_conn *conns[POOL_MAX];
};

SUT_ERR sut_connpool_create(struct sut_db *db, enum sut_db_mode mode, unsigned max,
                            struct sut_connpool **ret)
{
    ENSURE(max >= 1 && max <= POOL_MAX, INVALID);
    struct sut_connpool *p = sut_mem_zalloc(1, sizeof(*p));
    ENSURE(p != NULL, NOMEM);
    p->db = db;
    p->mode = mode;
    p->max = max;
    (void) pthread_mutex_init(&p->lock, NULL);
    sut_cond_init(&p->given);
    *ret = p;
    return SUT_OK;
}

void sut_connpool_free(struct sut_connpool **pp)
{
    struct sut_connpool *p = *pp;
    if (p == NULL)
        return;
    SUT_BUG_IF(p->out > 0);
    for (unsigned i = 0; i < p->idle; i++)
        sut_db_disconnect(&p->conns[i]);
    (void) pthread_cond_destroy(&p->given);
    (void) pthread_mutex_destroy(&p->lock);
    sut_mem_free(p);
    *pp = NULL;
}

/* Wait for a place; then *ret is an idle connection, or NULL: the caller may make one. */
static SUT_ERR take_place(struct sut_connpool *p, unsigned wait_ms, struct sut_db_conn **ret)
{
    const uint64_t until_ns = sut_monotonic_in(wait_ms);
    sut_err err = SUT_OK;
    pthread_mutex_lock(&p->lock);
    bool has_time = true;
    while ((p->is_held || p->out >= p->max) && has_time)
        has_time = sut_cond_wait_until(&p->given, &p->lock, until_ns);
    if (!p->is_held && p->out < p->max) {
        p->out++;
        *ret = p->idle > 0 ? p->conns[--p->idle] : NULL;
    } else {
        static const struct sut_esite site = { __FILE__, __func__, __LINE__ };
        err = (sut_err){ .at = &site, .sys = 0, .code = SUT_E_BUSY };
    }
    pthread_mutex_unlock(&p->lock);
    return err;
}

/* Give the place back, with its connection or (NULL) without. */
static void give_place(struct sut_connpool *p, struct sut_db_conn *c)
{
    pthread_mutex_lock(&p->lock);
    p->out--;
    if (c != NULL)
        p->conns[p->idle++] = c;
    if (p->is_held)
        pthread_cond_broadcast(&p->given); /* among those who wait is the one who holds */
    else
        pthread_cond_signal(&p->given);
    pthread_mutex_unlock(&p->lock);
}

SUT_ERR sut_connpool_take(struct sut_connpool *p, unsigned wait_ms, struct sut_db_conn **ret)
{
    struct sut_db_conn *c = NULL;
    TRY(take_place(p, wait_ms, &c));
    if (c != NULL && !sut_db_is_alive(c))
        sut_db_disconnect(&c);
    if (c == NULL) {
        const sut_err err = sut_db_connect(p->db, p->mode, &c);
        if (sut_failed(err)) {
            give_place(p, NULL);
            return err;
        }
    }
    *ret = c;
    return SUT_OK;
}

void sut_connpool_give(struct sut_connpool *p, struct sut_db_conn **c)
{
    if (*c == NULL)
        return;
    sut_db_tx_rollback(*c);
    if (!sut_db_is_alive(*c))
        sut_db_disconnect(c);
    give_place(p, *c);
    *c = NULL;
}

SUT_ERR sut_connpool_hold(struct sut_connpool *p, unsigned wait_ms)
{
    const uint64_t until_ns = sut_monotonic_in(wait_ms);
    pthread_mutex_lock(&p->lock);
    p->is_held = true;
    bool has_time = true;
    while (p->out > 0 && has_time)
        has_time = sut_cond_wait_until(&p->given, &p->lock, until_ns);
    const bool all_back = p->out == 0;
    while (all_back && p->idle > 0)
        sut_db_disconnect(&p->conns[--p->idle]);
    pthread_mutex_unlock(&p->lock);
    if (!all_back)
        sut_connpool_release(p);
    ENSURE(all_back, BUSY);
    return SUT_OK;
}

void sut_connpool_release(struct sut_connpool *p)
{
    pthread_mutex_lock(&p->lock);
    p->is_held = false;
    pthread_cond_broadcast(&p->given);
    pthread_mutex_unlock(&p->lock);
}
