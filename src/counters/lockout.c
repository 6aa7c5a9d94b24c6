/* SPDX-License-Identifier: Apache-2.0 */
#include "counters/lockout.h"

#include <string.h>

#include "base/thread.h"
#include "counters/counters_int.h"
#include "crypto/sha256.h"

_Static_assert(sizeof(((struct sut_lockout_subject *) 0)->digest) == SUT_SUBJECT, "one size");

static struct sut_lockout_subject subject_of(char tag, const sut_str *parts, size_t n)
{
    struct sut_lockout_subject s;
    unsigned char digest[SUT_SHA256_SIZE];
    sut_sha256_parts(parts, n, digest);
    s.digest[0] = (unsigned char) tag;
    memcpy(s.digest + 1, digest, sizeof(s.digest) - 1);
    return s;
}

struct sut_lockout_subject sut_lockout_of(sut_str folded_email)
{
    return subject_of('e', &folded_email, 1);
}

/* The device's hash has one length: nothing else is the same bytes. */
struct sut_lockout_subject sut_lockout_of_device(sut_str folded_email, sut_str device_hash)
{
    const sut_str parts[] = { device_hash, folded_email };
    return subject_of('d', parts, 2);
}

static void act(struct sut_counters *c, enum sut_lock_act what, const struct sut_lockout_subject *s,
                sut_ms now, struct sut_lock_result *ret)
{
    *ret = (struct sut_lock_result){ .failures = 0 };
    if (c->lockout.failures == 0)
        return;
    const struct sut_lock_ask ask = {
        .act = what,
        .kind = SUT_HOME_LOCKOUT,
        .key = sut_counters__digest(c, SUT_HOME_LOCKOUT, s->digest),
        .rule = c->lockout,
    };
    sut_ignore(c->home->vtable->lock(c->home, &ask, now, ret), "the result says must_wait");
}

/* Whoever waits for room looks again. */
static void tell_ended(struct sut_counters *c)
{
    (void) pthread_mutex_lock(&c->lock);
    if (c->n_waiting > 0)
        (void) pthread_cond_broadcast(&c->try_ended);
    (void) pthread_mutex_unlock(&c->lock);
}

void sut_lockout_begin(struct sut_counters *c, const struct sut_lockout_subject *s, sut_ms now,
                       struct sut_lock_result *ret)
{
    act(c, SUT_LOCK_BEGIN, s, now, ret);
}

void sut_lockout_wait(struct sut_counters *c, uint32_t ms)
{
    const uint64_t until_ns = sut_monotonic_in(ms);
    (void) pthread_mutex_lock(&c->lock);
    c->n_waiting++;
    /* One that ended a moment before is not heard of: the wait is short, the caller looks again. */
    (void) sut_cond_wait_until(&c->try_ended, &c->lock, until_ns);
    c->n_waiting--;
    (void) pthread_mutex_unlock(&c->lock);
}

void sut_lockout_wrong(struct sut_counters *c, const struct sut_lockout_subject *s, sut_ms now,
                       struct sut_lock_result *ret)
{
    act(c, SUT_LOCK_WRONG, s, now, ret);
    tell_ended(c);
}

void sut_lockout_right(struct sut_counters *c, const struct sut_lockout_subject *s, sut_ms now)
{
    struct sut_lock_result r;
    act(c, SUT_LOCK_RIGHT, s, now, &r);
    tell_ended(c);
}

void sut_lockout_undo(struct sut_counters *c, const struct sut_lockout_subject *s, sut_ms now)
{
    struct sut_lock_result r;
    act(c, SUT_LOCK_UNDO, s, now, &r);
    tell_ended(c);
}

void sut_lockout_clear(struct sut_counters *c, const struct sut_lockout_subject *s, sut_ms now)
{
    struct sut_lock_result r;
    act(c, SUT_LOCK_CLEAR, s, now, &r);
    tell_ended(c);
}

bool sut_lockout_look(struct sut_counters *c, const struct sut_lockout_subject *s, sut_ms now,
                      int64_t *ret_retry_after_s)
{
    struct sut_lock_result r;
    act(c, SUT_LOCK_LOOK, s, now, &r);
    *ret_retry_after_s = r.retry_after_s;
    return r.is_locked;
}
