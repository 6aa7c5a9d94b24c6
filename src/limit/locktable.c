/* SPDX-License-Identifier: Apache-2.0 */
#include "limit/ratetable_int.h"

/* The ring that it belongs to now; a lock that holds stays at its place. */
static void settle(struct sut_shard *s, struct sut_entry *e, bool was_locked, int64_t now_ms)
{
    const bool is_locked = sut_ratetable__lock_of(e)->until_ms > now_ms;
    if (is_locked && !was_locked)
        sut_ratetable__to(s, e, SUT_RING_LOCKS);
    else if (!is_locked)
        sut_ratetable__to(s, e, SUT_RING_COUNTS);
}

/* What is nothing any more goes at once, unless a row of it must be replaced first. */
static void sweep(struct sut_ratetable *t, struct sut_shard *s, struct sut_entry *e)
{
    const struct sut_lock *l = sut_ratetable__lock_of(e);
    if (l->open > 0 || sut_lock_expires(l).v > 0)
        return;
    if (e->is_kept)
        sut_ratetable__due(s, e);
    else
        sut_ratetable__drop(t, s, e);
}

/* With the shard's lock held. */
static SUT_ERR act_on(struct sut_ratetable *t, struct sut_shard *s, uint64_t h,
                      const struct sut_lock_ask *ask, sut_ms now, struct sut_lock_result *ret)
{
    const sut_ms steady = { .v = sut_ratetable__steady(s, now) };
    struct sut_entry *e = sut_ratetable__find(s, h, ask->kind, &ask->key);
    const bool makes_one = ask->act == SUT_LOCK_BEGIN || ask->act == SUT_LOCK_WRONG;
    *ret = (struct sut_lock_result){ .failures = 0 };
    if (e == NULL && !makes_one)
        return SUT_OK;
    if (e == NULL) {
        ret->must_wait = true;
        TRY(sut_ratetable__add(t, s, h, ask->kind, &ask->key, true, &e));
    }
    struct sut_lock *l = sut_ratetable__lock_of(e);
    const bool was_locked = l->until_ms > steady.v;
    switch (ask->act) {
    case SUT_LOCK_LOOK:
        sut_lock_look(l, steady, ret);
        return SUT_OK;
    case SUT_LOCK_BEGIN:
        sut_lock_begin(l, &ask->rule, steady, ret);
        break;
    case SUT_LOCK_WRONG:
        sut_lock_wrong(l, &ask->rule, steady, ret);
        sut_ratetable__due(s, e);
        break;
    case SUT_LOCK_RIGHT:
        sut_lock_right(l, steady);
        break;
    case SUT_LOCK_UNDO:
        sut_lock_undo(l);
        break;
    case SUT_LOCK_CLEAR:
        *l = (struct sut_lock){ .failed = 0 };
        break;
    }
    settle(s, e, was_locked, steady.v);
    sut_ratetable__trim(t, s, e, now);
    sweep(t, s, e);
    return SUT_OK;
}

SUT_ERR sut_ratetable_lock(struct sut_ratetable *t, const struct sut_lock_ask *ask, sut_ms now,
                           struct sut_lock_result *ret)
{
    uint64_t h = 0;
    struct sut_shard *s = sut_ratetable__enter(t, ask->kind, &ask->key, &h);
    const sut_err e = act_on(t, s, h, ask, now, ret);
    sut_ratetable__leave(s);
    return e;
}

SUT_ERR sut_ratetable__restore_lock(struct sut_ratetable *t, uint8_t kind,
                                    const struct sut_rate_key *key, sut_str data, sut_ms now)
{
    struct sut_lock lock;
    const sut_err bad = sut_lock_decode(data, &lock);
    if (sut_failed(bad) || sut_lock_expires(&lock).v <= now.v)
        return SUT_OK;
    uint64_t h = 0;
    struct sut_shard *s = sut_ratetable__enter(t, kind, key, &h);
    sut_err err = SUT_OK;
    struct sut_entry *e = sut_ratetable__find(s, h, kind, key);
    if (e == NULL) {
        err = sut_ratetable__add(t, s, h, kind, key, true, &e);
        if (!sut_failed(err)) {
            *sut_ratetable__lock_of(e) = lock;
            e->is_kept = true;
            settle(s, e, false, now.v);
            sut_ratetable__trim(t, s, e, now);
        }
    }
    sut_ratetable__leave(s);
    return err;
}
