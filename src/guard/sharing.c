/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/sharing.h"

#include <string.h>

static uint64_t key_of(const struct sut_addr *a)
{
    uint8_t key[16];
    uint64_t half[2];
    sut_addr_limit_key(a, key);
    memcpy(half, key, sizeof(half));
    const uint64_t h = (half[0] ^ half[1] >> 7) * 0x9e3779b97f4a7c15u + half[1];
    return h == 0 ? 1 : h;
}

/* Two that begin a while at once lose a request of it to each other, which does no harm. */
static void begin(struct sut_sharing *s, uint64_t key, sut_ms now)
{
    atomic_store_explicit(&s->since_ms, now.v, memory_order_relaxed);
    atomic_store_explicit(&s->key, key, memory_order_relaxed);
    atomic_store_explicit(&s->n, 0, memory_order_relaxed);
    atomic_store_explicit(&s->n_forwarded, 0, memory_order_relaxed);
    atomic_store_explicit(&s->is_mixed, false, memory_order_relaxed);
}

bool sut_sharing_saw(struct sut_sharing *s, const struct sut_addr *client, bool is_forwarded,
                     sut_ms now)
{
    if (atomic_load_explicit(&s->is_over, memory_order_relaxed))
        return false;
    const int64_t since_ms = atomic_load_explicit(&s->since_ms, memory_order_relaxed);
    const bool is_ended = now.v - since_ms >= SUT_SHARING_WHILE_MS || now.v < since_ms;
    const bool is_mixed = atomic_load_explicit(&s->is_mixed, memory_order_relaxed);
    if (is_mixed && !is_ended)
        return false;
    const uint64_t key = key_of(client);
    const unsigned n = atomic_load_explicit(&s->n, memory_order_relaxed);
    if (since_ms == 0 || (is_ended && (is_mixed || n < SUT_SHARING_LEAST)))
        begin(s, key, now);
    if (atomic_load_explicit(&s->key, memory_order_relaxed) != key) {
        atomic_store_explicit(&s->is_mixed, true, memory_order_relaxed);
        return false;
    }
    const unsigned all = atomic_fetch_add_explicit(&s->n, 1, memory_order_relaxed) + 1;
    const unsigned forwarded =
        is_forwarded ? atomic_fetch_add_explicit(&s->n_forwarded, 1, memory_order_relaxed) + 1 : 0;
    if (forwarded < SUT_SHARING_LEAST_FORWARDED && (!is_ended || all < SUT_SHARING_LEAST))
        return false;
    return !atomic_exchange(&s->is_over, true);
}
