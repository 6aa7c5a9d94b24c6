/* SPDX-License-Identifier: Apache-2.0 */
#include "limit/lock.h"

#include <string.h>

enum { MS_PER_S = 1000, FORM = 1, BYTE = 8 };

static int64_t seconds_up(int64_t ms)
{
    return (ms + MS_PER_S - 1) / MS_PER_S;
}

/* A clock that stepped back while nobody looked, or a shorter rule, makes nothing last longer. */
static void shorten(struct sut_lock *l, const struct sut_lock_rule *rule, int64_t now_ms)
{
    if (l->until_ms > now_ms + rule->lock_ms)
        l->until_ms = now_ms + rule->lock_ms;
    if (l->lives_ms > now_ms + rule->forget_ms)
        l->lives_ms = now_ms + rule->forget_ms;
}

/* What time has ended. */
static void settle(struct sut_lock *l, int64_t now_ms)
{
    if (l->lives_ms <= now_ms) {
        l->failed = 0;
        l->lives_ms = 0;
    }
    if (l->until_ms <= now_ms)
        l->until_ms = 0;
}

static void tell(const struct sut_lock *l, int64_t now_ms, struct sut_lock_result *ret)
{
    *ret = (struct sut_lock_result){ .is_locked = l->until_ms > now_ms };
    ret->failures = l->lives_ms > now_ms ? l->failed : 0;
    if (ret->is_locked)
        ret->retry_after_s = seconds_up(l->until_ms - now_ms);
}

void sut_lock_begin(struct sut_lock *l, const struct sut_lock_rule *rule, sut_ms now,
                    struct sut_lock_result *ret)
{
    shorten(l, rule, now.v);
    settle(l, now.v);
    tell(l, now.v, ret);
    if (ret->is_locked)
        return;
    ret->must_wait = l->open > 0 && (uint32_t) l->failed + l->open >= rule->failures;
    if (ret->must_wait)
        return;
    l->open++;
    /* So that it stays while the try lasts. */
    if (l->failed == 0)
        l->lives_ms = now.v + rule->forget_ms;
}

void sut_lock_wrong(struct sut_lock *l, const struct sut_lock_rule *rule, sut_ms now,
                    struct sut_lock_result *ret)
{
    sut_lock_undo(l);
    settle(l, now.v);
    tell(l, now.v, ret);
    if (ret->is_locked)
        return;
    if (l->failed < UINT16_MAX)
        l->failed++;
    l->lives_ms = now.v + rule->forget_ms;
    ret->failures = l->failed;
    if (l->failed < rule->failures)
        return;
    l->until_ms = now.v + rule->lock_ms;
    ret->locks_now = true;
    ret->retry_after_s = seconds_up(rule->lock_ms);
}

void sut_lock_right(struct sut_lock *l, sut_ms now)
{
    sut_lock_undo(l);
    settle(l, now.v);
    if (l->until_ms == 0)
        l->failed = 0;
    if (l->until_ms == 0 && l->open == 0)
        l->lives_ms = 0;
}

void sut_lock_undo(struct sut_lock *l)
{
    if (l->open > 0)
        l->open--;
    if (l->open == 0 && l->failed == 0)
        l->lives_ms = 0;
}

void sut_lock_look(const struct sut_lock *l, sut_ms now, struct sut_lock_result *ret)
{
    tell(l, now.v, ret);
}

sut_ms sut_lock_expires(const struct sut_lock *l)
{
    return (sut_ms){ .v = l->until_ms > l->lives_ms ? l->until_ms : l->lives_ms };
}

static void put(struct sut_buf *out, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        sut_buf_char(out, (char) (unsigned char) (v >> BYTE * i & 0xff));
}

static uint64_t get(const char *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = bytes; i > 0; i--)
        v = v << BYTE | (unsigned char) p[i - 1];
    return v;
}

static uint64_t moved(int64_t at_ms, int64_t by_ms)
{
    return at_ms + by_ms <= 0 ? 0 : (uint64_t) (at_ms + by_ms);
}

void sut_lock_encode(const struct sut_lock *l, int64_t shift_ms, struct sut_buf *out)
{
    /* One that only open tries keep alive is nothing to keep. */
    const bool is_counted = l->failed > 0;
    put(out, FORM, 1);
    put(out, l->failed, sizeof(l->failed));
    put(out, is_counted ? moved(l->lives_ms, shift_ms) : 0, sizeof(l->lives_ms));
    put(out, l->until_ms == 0 ? 0 : moved(l->until_ms, shift_ms), sizeof(l->until_ms));
}

SUT_ERR sut_lock_decode(sut_str data, struct sut_lock *ret)
{
    ENSURE(data.n == SUT_LOCK_ENCODED && data.p[0] == FORM, PARSE);
    const uint64_t lives = get(data.p + 3, sizeof(lives));
    const uint64_t until = get(data.p + 3 + sizeof(lives), sizeof(until));
    ENSURE(lives <= INT64_MAX / 2 && until <= INT64_MAX / 2, PARSE);
    *ret = (struct sut_lock){
        .lives_ms = (int64_t) lives,
        .until_ms = (int64_t) until,
        .failed = (uint16_t) get(data.p + 1, sizeof(ret->failed)),
    };
    return SUT_OK;
}
