/* SPDX-License-Identifier: Apache-2.0 */
#include "limit/rate.h"

#include <string.h>

#include "base/mem.h"

enum {
    MS_PER_S = 1000,
    WINDOW_MAX_MS = 7 * 86400 * 1000,
    FORM_EXACT = 1, /* the first byte of an encoded log */
    FORM_ESTIMATE = 2,
};

/* ---- the ring of times ---- */

static uint32_t ring_size(const struct sut_rate_log *l)
{
    return l->cap == 0 ? SUT_RATE_INLINE : l->cap;
}

static uint32_t *ring_at(struct sut_rate_log *l, uint32_t i)
{
    uint32_t *ring = l->cap == 0 ? l->inl : l->more;
    return &ring[(l->head + i) % ring_size(l)];
}

/* When the i-th of the kept requests was, from the oldest on. */
static int64_t time_at(const struct sut_rate_log *l, uint32_t i)
{
    const uint32_t *ring = l->cap == 0 ? l->inl : l->more;
    return l->base_ms + ring[(l->head + i) % ring_size(l)];
}

static void empty(struct sut_rate_log *l)
{
    sut_mem_free(l->more);
    l->more = NULL;
    l->cap = 0;
    l->head = 0;
    l->n = 0;
    l->before = 0;
}

void sut_rate_log_done(struct sut_rate_log *l)
{
    empty(l);
    *l = (struct sut_rate_log){ .n = 0 };
}

/* Room for one more time, doubling; never more than the limit of the rate needs. */
static SUT_ERR ring_grow(struct sut_rate_log *l, uint32_t most)
{
    uint32_t cap = ring_size(l) * 2;
    if (cap > most && most > l->n)
        cap = most;
    uint32_t *more = sut_mem_alloc(cap * sizeof(*more));
    ENSURE(more != NULL, NOMEM);
    for (uint32_t i = 0; i < l->n; i++)
        more[i] = *ring_at(l, i);
    sut_mem_free(l->more);
    l->more = more;
    l->cap = cap;
    l->head = 0;
    return SUT_OK;
}

/* Count from the oldest kept time, so that differences stay small. */
static void ring_rebase(struct sut_rate_log *l)
{
    const uint32_t first = *ring_at(l, 0);
    for (uint32_t i = 0; i < l->n; i++)
        *ring_at(l, i) -= first;
    l->base_ms += first;
}

static SUT_ERR ring_push(struct sut_rate_log *l, int64_t now_ms, uint32_t most)
{
    if (l->n == ring_size(l))
        TRY(ring_grow(l, most));
    if (l->n == 0)
        l->base_ms = now_ms;
    else if (now_ms - l->base_ms > UINT32_MAX)
        ring_rebase(l);
    l->n++;
    *ring_at(l, l->n - 1) = (uint32_t) (now_ms - l->base_ms);
    return SUT_OK;
}

/* ---- exact ---- */

/* Forget what has left the window, as DRF does: history[-1] <= now - duration. */
static void exact_prune(struct sut_rate_log *l, int64_t window_ms, int64_t now_ms)
{
    if (l->n == 0)
        return;
    const int64_t newest = time_at(l, l->n - 1);
    if (newest > now_ms)
        l->base_ms -= newest - now_ms;
    uint32_t gone = 0;
    while (gone < l->n && time_at(l, gone) <= now_ms - window_ms)
        gone++;
    l->head = (l->head + gone) % ring_size(l);
    l->n -= gone;
    if (l->n == 0)
        empty(l);
}

static int64_t exact_wait(const struct sut_rate_log *l, struct sut_rate rate, int64_t now_ms)
{
    /* More than the limit are kept when the setting was lowered: the surplus must go first. */
    const uint32_t until = l->n > rate.count ? l->n - rate.count : 0;
    return time_at(l, until) + rate.window_ms - now_ms;
}

/* ---- estimate ---- */

/* Move on to the window that `now` lies in.  Windows begin with a first request, not on the hour.
 */
static void estimate_roll(struct sut_rate_log *l, int64_t window_ms, int64_t now_ms)
{
    if (l->n == 0 && l->before == 0) {
        l->base_ms = now_ms;
    } else if (now_ms < l->base_ms) {
        l->base_ms = now_ms; /* the clock stepped back: this window begins anew, with its count */
    } else if (now_ms - l->base_ms >= 2 * window_ms) {
        l->before = 0;
        l->n = 0;
        l->base_ms = now_ms;
    } else if (now_ms - l->base_ms >= window_ms) {
        l->before = l->n;
        l->n = 0;
        l->base_ms += window_ms;
    }
}

/* What is free in this window, times the window's length: positive when a request fits. */
static int64_t estimate_free(const struct sut_rate_log *l, struct sut_rate rate, int64_t now_ms)
{
    const int64_t left_ms = (int64_t) rate.window_ms - (now_ms - l->base_ms);
    return ((int64_t) rate.count - l->n) * rate.window_ms - (int64_t) l->before * left_ms;
}

/* How long until it is positive. */
static int64_t estimate_wait(const struct sut_rate_log *l, struct sut_rate rate, int64_t now_ms)
{
    const int64_t gone_ms = now_ms - l->base_ms;
    if (l->n >= rate.count || l->before == 0)
        return rate.window_ms - gone_ms + 1;
    const int64_t weight_ms = ((int64_t) rate.count - l->n) * rate.window_ms / l->before;
    return rate.window_ms - weight_ms - gone_ms + 1;
}

/* ---- both ---- */

/* Bring the log up to date, and over to another form when the setting has changed. */
static void settle(struct sut_rate_log *l, struct sut_rate rate, int64_t now_ms)
{
    const bool estimates = rate.count > SUT_RATE_EXACT_MAX;
    if (estimates != l->is_estimate) {
        const uint32_t n = l->is_estimate ? 0 : l->n;
        empty(l);
        l->n = n;
        l->base_ms = now_ms;
        l->is_estimate = estimates;
    }
    l->window_ms = rate.window_ms;
    if (estimates)
        estimate_roll(l, rate.window_ms, now_ms);
    else
        exact_prune(l, rate.window_ms, now_ms);
}

static int64_t seconds_up(int64_t ms)
{
    return (ms + MS_PER_S - 1) / MS_PER_S;
}

static bool has_room(const struct sut_rate_log *l, struct sut_rate rate, int64_t now_ms)
{
    return l->is_estimate ? estimate_free(l, rate, now_ms) > 0 : l->n < rate.count;
}

static void tell(const struct sut_rate_log *l, struct sut_rate rate, int64_t now_ms,
                 bool is_allowed, struct sut_rate_result *ret)
{
    *ret = (struct sut_rate_result){ .is_allowed = is_allowed, .limit = rate.count };
    if (l->is_estimate) {
        const int64_t room = estimate_free(l, rate, now_ms);
        ret->remaining = room <= 0 ? 0 : (uint64_t) ((room + rate.window_ms - 1) / rate.window_ms);
        ret->reset_s = seconds_up(l->base_ms + rate.window_ms);
    } else {
        ret->remaining = l->n < rate.count ? rate.count - l->n : 0;
        ret->reset_s = seconds_up(l->n == 0 ? now_ms : time_at(l, 0) + rate.window_ms);
    }
    if (!is_allowed)
        ret->retry_after_s = seconds_up(l->is_estimate ? estimate_wait(l, rate, now_ms)
                                                       : exact_wait(l, rate, now_ms));
}

void sut_rate_peek(struct sut_rate_log *l, struct sut_rate rate, sut_ms now,
                   struct sut_rate_result *ret)
{
    *ret = (struct sut_rate_result){ .is_allowed = true };
    if (rate.count == 0)
        return;
    settle(l, rate, now.v);
    tell(l, rate, now.v, has_room(l, rate, now.v), ret);
}

SUT_ERR sut_rate_take(struct sut_rate_log *l, struct sut_rate rate, sut_ms now,
                      struct sut_rate_result *ret)
{
    *ret = (struct sut_rate_result){ .is_allowed = true };
    if (rate.count == 0)
        return SUT_OK;
    ENSURE(rate.window_ms > 0 && rate.window_ms <= WINDOW_MAX_MS, INVALID);
    settle(l, rate, now.v);
    const bool is_allowed = has_room(l, rate, now.v);
    if (is_allowed && l->is_estimate) {
        l->n++;
    } else if (is_allowed) {
        const sut_err e = ring_push(l, now.v, rate.count);
        if (sut_failed(e)) {
            *ret = (struct sut_rate_result){ .limit = rate.count, .retry_after_s = 1 };
            return e;
        }
    }
    tell(l, rate, now.v, is_allowed, ret);
    if (is_allowed)
        return SUT_OK;
    ret->is_first_refusal =
        l->told_ms == 0 || now.v < l->told_ms || now.v - l->told_ms >= rate.window_ms;
    if (ret->is_first_refusal)
        l->told_ms = now.v;
    return SUT_OK;
}

int64_t sut_rate_wait_ms(const struct sut_rate_log *l, struct sut_rate rate, sut_ms now)
{
    if (l->n > rate.count || l->is_estimate)
        return -1;
    const int64_t left_ms = l->n == 0 ? rate.window_ms : time_at(l, 0) + rate.window_ms - now.v;
    return left_ms / ((int64_t) rate.count - l->n + 1);
}

sut_ms sut_rate_expires(const struct sut_rate_log *l)
{
    if (l->is_estimate)
        return (sut_ms){ .v = l->base_ms + 2 * (int64_t) l->window_ms };
    return (sut_ms){ .v = l->n == 0 ? 0 : time_at(l, l->n - 1) + l->window_ms };
}

size_t sut_rate_log_held(const struct sut_rate_log *l)
{
    return l->cap * sizeof(*l->more);
}

/* ---- as bytes ---- */

/* Seven bits a byte, the lowest first; the highest bit says that more follow. */
static void put(struct sut_buf *out, uint64_t v)
{
    while (v > 0x7f) {
        sut_buf_char(out, (char) (0x80 | (v & 0x7f)));
        v >>= 7;
    }
    sut_buf_char(out, (char) v);
}

static SUT_ERR take(sut_str *s, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        ENSURE(s->n > 0, PARSE);
        const uint64_t byte = (unsigned char) *s->p;
        s->p++;
        s->n--;
        v |= (byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            ENSURE(v <= max, PARSE);
            *ret = v;
            return SUT_OK;
        }
    }
    FAIL(PARSE);
}

void sut_rate_log_encode(const struct sut_rate_log *l, struct sut_buf *out)
{
    put(out, l->is_estimate ? FORM_ESTIMATE : FORM_EXACT);
    put(out, l->window_ms);
    put(out, l->n);
    if (l->is_estimate) {
        put(out, l->base_ms < 0 ? 0 : (uint64_t) l->base_ms);
        put(out, l->before);
        return;
    }
    int64_t last = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        const int64_t at = time_at(l, i);
        put(out, at < last ? 0 : (uint64_t) (at - last));
        last = at;
    }
}

static SUT_ERR decode_exact(sut_str *s, uint64_t n, struct sut_rate_log *l)
{
    uint64_t at = 0;
    ENSURE(n <= SUT_RATE_EXACT_MAX, PARSE);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t step = 0;
        TRY(take(s, i == 0 ? INT64_MAX / 2 : l->window_ms, &step));
        at += step;
        ENSURE(i == 0 || at - (uint64_t) l->base_ms <= l->window_ms, PARSE);
        TRY(ring_push(l, (int64_t) at, (uint32_t) n));
    }
    return SUT_OK;
}

static SUT_ERR decode(sut_str s, struct sut_rate_log *l)
{
    uint64_t form = 0;
    uint64_t window = 0;
    uint64_t n = 0;
    TRY(take(&s, FORM_ESTIMATE, &form));
    TRY(take(&s, WINDOW_MAX_MS, &window));
    TRY(take(&s, UINT32_MAX, &n));
    ENSURE(form != 0, PARSE);
    l->window_ms = (uint32_t) window;
    l->is_estimate = form == FORM_ESTIMATE;
    if (l->is_estimate) {
        uint64_t base = 0;
        uint64_t before = 0;
        TRY(take(&s, INT64_MAX / 2, &base));
        TRY(take(&s, UINT32_MAX, &before));
        l->base_ms = (int64_t) base;
        l->n = (uint32_t) n;
        l->before = (uint32_t) before;
    } else {
        TRY(decode_exact(&s, n, l));
    }
    ENSURE(s.n == 0, PARSE);
    return SUT_OK;
}

SUT_ERR sut_rate_log_decode(sut_str data, struct sut_rate_log *ret)
{
    struct sut_rate_log l = { .n = 0 };
    const sut_err e = decode(data, &l);
    if (sut_failed(e)) {
        sut_rate_log_done(&l);
        return e;
    }
    *ret = l;
    return SUT_OK;
}
