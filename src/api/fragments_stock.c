/* SPDX-License-Identifier: Apache-2.0
 *
 * What orders do to stock: they touch no product's version, since all of them would wait for
 * each other's rows, so what is kept is told apart by how often stock changed.
 *
 * A reader notes the counts first and reads rows afterwards; a writer commits first and
 * counts afterwards.  So what was read before the commit is kept, if at all, under a count that
 * nobody asks for any more.
 */
#include "api/fragments_int.h"

#include <stdatomic.h>

#include "store/stock_news.h"

uint32_t sut_fragments__slot(int64_t product)
{
    const uint64_t h = (uint64_t) product * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t) (h >> 32) % SUT_FRAGMENTS_SLOTS;
}

uint64_t sut_fragments__stock_epoch(const struct sut_fragments_stock *s)
{
    return atomic_load_explicit(&s->epoch, memory_order_acquire);
}

uint64_t sut_fragments__stock_count(const struct sut_fragments_stock *s, uint32_t slot)
{
    return atomic_load_explicit(&s->counts[slot], memory_order_acquire);
}

bool sut_fragments__stock_is_same(const struct sut_fragments_stock *s, struct sut_fragments_page *p)
{
    /* Before the counts: what they have by then belongs to this epoch or a later one. */
    const uint64_t epoch = sut_fragments__stock_epoch(s);
    if (atomic_load_explicit(&p->stock_epoch, memory_order_relaxed) == epoch)
        return true;
    uint64_t sum = 0;
    for (size_t i = 0; i < p->n_slots; i++)
        sum += sut_fragments__stock_count(s, p->slots[i]);
    /* They only grow: the same sum is the same counts. */
    if (sum != p->stock_sum)
        return false;
    atomic_store_explicit(&p->stock_epoch, epoch, memory_order_relaxed);
    return true;
}

static void count(struct sut_fragments_stock *s, uint32_t slot)
{
    atomic_fetch_add_explicit(&s->counts[slot], 1, memory_order_release);
}

static void end_epoch(struct sut_fragments_stock *s)
{
    atomic_fetch_add_explicit(&s->epoch, 1, memory_order_release);
}

void sut_fragments__stock_changed(struct sut_fragments_stock *s, const int64_t *products, size_t n)
{
    for (size_t i = 0; i < n; i++)
        count(s, sut_fragments__slot(products[i]));
    if (n > 0)
        end_epoch(s);
}

/* --- other servers --- */

struct watching {
    struct sut_fragments_stock *s;
    int64_t upto;
    bool is_changed;
};

static uint64_t mixed(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ (h >> 29);
}

/* What was seen in the same shape before is no news; two products of a slot are told together. */
static SUT_ERR saw(void *ctx, const struct sut_stock_news *n)
{
    struct watching *w = ctx;
    const uint32_t slot = sut_fragments__slot(n->product);
    const uint64_t now = mixed(
        mixed(mixed((uint64_t) n->product, (uint64_t) n->changes), (uint64_t) n->changed_at.v),
        (uint64_t) n->left);
    if (n->changed_at.v > w->upto)
        w->upto = n->changed_at.v;
    if (w->s->watched[slot] == now)
        return SUT_OK;
    w->s->watched[slot] = now;
    count(w->s, slot);
    w->is_changed = true;
    return SUT_OK;
}

SUT_ERR sut_fragments__stock_watch(struct sut_fragments_stock *s, struct sut_db_conn *c)
{
    struct watching w = { .s = s, .upto = s->watched_upto };
    const sut_err e = sut_stock_news(c, (sut_ms){ s->watched_upto }, saw, &w);
    if (w.is_changed)
        end_epoch(s);
    TRY(e);
    s->watched_upto = w.upto;
    return SUT_OK;
}
