/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/uploads.h"

#include <pthread.h>

#include "base/mem.h"

enum { MS_PER_S = 1000 };

struct sut_uploads_place {
    struct sut_upload *owner;
    struct sut_upload *heir; /* waits for the owner to leave, who has to */
};

struct sut_uploads {
    pthread_mutex_t lock;
    unsigned max;
    struct sut_uploads_place places[SUT_UPLOADS_MAX];
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

/* How many places are a person's, once all that have to give way have. */
static unsigned count_of(const struct sut_uploads *u, int64_t person)
{
    unsigned n = 0;
    for (unsigned i = 0; i < u->max; i++) {
        const struct sut_uploads_place *p = &u->places[i];
        const struct sut_upload *one = p->heir != NULL ? p->heir : p->owner;
        n += one != NULL && one->person == person;
    }
    return n;
}

static bool is_slow(const struct sut_upload *one, uint64_t now_ms)
{
    return now_ms >= one->good_until_ms;
}

/* Whether this place's owner has to give way to a person who has `own` places. */
static bool gives_way(const struct sut_uploads *u, const struct sut_uploads_place *p, unsigned own,
                      uint64_t now_ms)
{
    if (p->heir != NULL || p->owner->is_whole)
        return false;
    /* From who has one more it would only go to and fro. */
    return is_slow(p->owner, now_ms) || count_of(u, p->owner->person) >= own + 2;
}

/* A free place for this person, or the one to be had whose body comes worst; NULL: none. */
static struct sut_uploads_place *find(struct sut_uploads *u, int64_t person, uint64_t now_ms)
{
    const unsigned own = count_of(u, person);
    const bool has_share = own >= (u->max + 1) / 2;
    struct sut_uploads_place *best = NULL;
    for (unsigned i = 0; i < u->max; i++) {
        struct sut_uploads_place *p = &u->places[i];
        if (p->owner == NULL && !has_share)
            return p;
        /* Who has all of a share takes of it alone. */
        if (p->owner == NULL || (has_share && p->owner->person != person) ||
            !gives_way(u, p, own, now_ms))
            continue;
        if (best == NULL || p->owner->good_until_ms < best->owner->good_until_ms)
            best = p;
    }
    return best;
}

static void settle(struct sut_upload *one, struct sut_uploads_place *p, uint64_t now_ms)
{
    p->owner = one;
    one->good_until_ms = now_ms + SUT_UPLOADS_BEGIN_MS;
}

static enum sut_upload_word take(struct sut_uploads *u, struct sut_upload *one, uint64_t now_ms)
{
    one->place = find(u, one->person, now_ms);
    if (one->place == NULL)
        return SUT_UPLOAD_BUSY;
    if (one->place->owner != NULL) {
        one->place->heir = one;
        return SUT_UPLOAD_WAITS;
    }
    settle(one, one->place, now_ms);
    return SUT_UPLOAD_COMES;
}

enum sut_upload_word sut_uploads_enter(struct sut_uploads *u, struct sut_upload *one,
                                       int64_t person, uint64_t now_ms)
{
    (void) pthread_mutex_lock(&u->lock);
    *one = (struct sut_upload){ .person = person, .good_until_ms = now_ms + SUT_UPLOADS_WAIT_MS };
    const enum sut_upload_word word = take(u, one, now_ms);
    one->is_in = word != SUT_UPLOAD_BUSY;
    (void) pthread_mutex_unlock(&u->lock);
    return word;
}

/* Each byte buys time, but never more than a pause: what came long ago holds no place. */
static void note(struct sut_upload *one, size_t got, uint64_t now_ms)
{
    const uint64_t most = now_ms + SUT_UPLOADS_PAUSE_MS;
    one->good_until_ms += (uint64_t) (got - one->got) * MS_PER_S / SUT_UPLOADS_BYTES_PER_S;
    if (one->good_until_ms > most)
        one->good_until_ms = most;
    one->got = got;
}

static enum sut_upload_word go_on(struct sut_uploads *u, struct sut_upload *one, size_t got,
                                  uint64_t now_ms)
{
    if (one->place != NULL && one->place->owner == one) {
        note(one, got, now_ms);
        return one->place->heir == NULL ? SUT_UPLOAD_COMES : SUT_UPLOAD_BUSY;
    }
    if (is_slow(one, now_ms))
        return SUT_UPLOAD_BUSY;
    /* Without a place: what it was to have was whole first. */
    return one->place != NULL ? SUT_UPLOAD_WAITS : take(u, one, now_ms);
}

enum sut_upload_word sut_uploads_go_on(struct sut_uploads *u, struct sut_upload *one, size_t got,
                                       uint64_t now_ms)
{
    (void) pthread_mutex_lock(&u->lock);
    const enum sut_upload_word word = go_on(u, one, got, now_ms);
    (void) pthread_mutex_unlock(&u->lock);
    return word;
}

void sut_uploads_whole(struct sut_uploads *u, struct sut_upload *one)
{
    (void) pthread_mutex_lock(&u->lock);
    one->is_whole = true;
    if (one->place->heir != NULL)
        one->place->heir->place = NULL;
    one->place->heir = NULL;
    (void) pthread_mutex_unlock(&u->lock);
}

/* The place of who leaves is the heir's, or free. */
static void pass_on(struct sut_uploads_place *p, uint64_t now_ms)
{
    struct sut_upload *heir = p->heir;
    *p = (struct sut_uploads_place){ .owner = NULL };
    if (heir != NULL)
        settle(heir, p, now_ms);
}

void sut_uploads_leave(struct sut_uploads *u, struct sut_upload *one, uint64_t now_ms)
{
    if (!one->is_in)
        return;
    (void) pthread_mutex_lock(&u->lock);
    struct sut_uploads_place *p = one->place;
    if (p != NULL && p->owner == one)
        pass_on(p, now_ms);
    else if (p != NULL)
        p->heir = NULL;
    one->place = NULL;
    one->is_in = false;
    (void) pthread_mutex_unlock(&u->lock);
}
