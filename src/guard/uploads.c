/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/uploads.h"

#include <pthread.h>

#include "base/mem.h"

struct sut_uploads {
    pthread_mutex_t lock;
    unsigned max;
    unsigned n;
    int64_t who[SUT_UPLOADS_MAX];
};

SUT_ERR sut_uploads_create(unsigned max, struct sut_uploads **ret)
{
    ENSURE(max > 0 && max <= SUT_UPLOADS_MAX, INVALID);
    struct sut_uploads *u = sut_mem_zalloc(1, sizeof(*u));
    ENSURE(u != NULL, NOMEM);
    u->max = max;
    (void) pthread_mutex_init(&u->lock, NULL);
    *ret = u;
    return SUT_OK;
}

void sut_uploads_free(struct sut_uploads **u)
{
    if (*u == NULL)
        return;
    (void) pthread_mutex_destroy(&(*u)->lock);
    sut_mem_freep(u);
}

bool sut_uploads_enter(struct sut_uploads *u, int64_t person)
{
    unsigned own = 0;
    (void) pthread_mutex_lock(&u->lock);
    for (unsigned i = 0; i < u->n; i++)
        own += u->who[i] == person;
    const bool is_in = u->n < u->max && own < (u->max + 1) / 2;
    if (is_in)
        u->who[u->n++] = person;
    (void) pthread_mutex_unlock(&u->lock);
    return is_in;
}

void sut_uploads_leave(struct sut_uploads *u, int64_t person)
{
    (void) pthread_mutex_lock(&u->lock);
    for (unsigned i = 0; i < u->n; i++)
        if (u->who[i] == person) {
            u->who[i] = u->who[--u->n];
            break;
        }
    (void) pthread_mutex_unlock(&u->lock);
}
