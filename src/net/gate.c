/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gate.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

enum { CHAINS = 1024 };

struct visitor {
    struct visitor *next;
    uint8_t key[16];
    unsigned n;
};

struct sut_gate {
    pthread_mutex_t lock;
    unsigned total;
    unsigned per_address;
    uint64_t seed;
    struct sut_gate_counts counts;
    struct visitor *chains[CHAINS];
};

/* Mixed twice with the seed in between; a long chain costs a walk under `total` links at worst. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
}

static struct visitor **find(struct sut_gate *g, const uint8_t key[16])
{
    uint64_t hi;
    uint64_t lo;
    memcpy(&hi, key, 8);
    memcpy(&lo, key + 8, 8);
    const uint64_t h = mix(mix(hi ^ g->seed) + (lo ^ (g->seed << 1)));
    struct visitor **at = &g->chains[h % CHAINS];
    while (*at != NULL && memcmp((*at)->key, key, 16) != 0)
        at = &(*at)->next;
    return at;
}

SUT_ERR sut_gate_create(unsigned total, unsigned per_address, uint64_t seed, struct sut_gate **ret)
{
    ENSURE(total > 0 && per_address > 0, INVALID);
    struct sut_gate *g = sut_mem_zalloc(1, sizeof(*g));
    ENSURE(g != NULL, NOMEM);
    SUT_BUG_IF(pthread_mutex_init(&g->lock, NULL) != 0);
    g->total = total;
    g->per_address = per_address;
    g->seed = seed;
    *ret = g;
    return SUT_OK;
}

void sut_gate_free(struct sut_gate **g)
{
    if (*g == NULL)
        return;
    SUT_BUG_IF((*g)->counts.open != 0);
    pthread_mutex_destroy(&(*g)->lock);
    sut_mem_free(*g);
    *g = NULL;
}

/* With the lock held, as all below. */
static SUT_ERR enter_house(struct sut_gate *g)
{
    if (g->counts.open >= g->total) {
        g->counts.refused_total++;
        FAIL(BUSY);
    }
    g->counts.open++;
    return SUT_OK;
}

static SUT_ERR enter_address(struct sut_gate *g, const uint8_t key[16])
{
    struct visitor **at = find(g, key);
    if (*at != NULL && (*at)->n >= g->per_address) {
        g->counts.refused_address++;
        FAIL(RATE);
    }
    if (*at == NULL) {
        struct visitor *v = sut_mem_zalloc(1, sizeof(*v));
        ENSURE(v != NULL, NOMEM);
        memcpy(v->key, key, sizeof(v->key));
        *at = v;
    }
    (*at)->n++;
    return SUT_OK;
}

static SUT_ERR enter(struct sut_gate *g, const uint8_t key[16])
{
    TRY(enter_house(g));
    const sut_err e = enter_address(g, key);
    g->counts.open -= sut_failed(e) ? 1 : 0;
    return e;
}

static void leave_address(struct sut_gate *g, const uint8_t key[16])
{
    struct visitor **at = find(g, key);
    SUT_BUG_IF(*at == NULL);
    if (--(*at)->n == 0) {
        struct visitor *gone = *at;
        *at = gone->next;
        sut_mem_free(gone);
    }
}

SUT_ERR sut_gate_enter(struct sut_gate *g, const struct sut_addr *a)
{
    uint8_t key[16];
    sut_addr_limit_key(a, key);
    pthread_mutex_lock(&g->lock);
    const sut_err e = enter(g, key);
    pthread_mutex_unlock(&g->lock);
    return e;
}

SUT_ERR sut_gate_enter_proxy(struct sut_gate *g)
{
    pthread_mutex_lock(&g->lock);
    const sut_err e = enter_house(g);
    pthread_mutex_unlock(&g->lock);
    return e;
}

SUT_ERR sut_gate_name(struct sut_gate *g, const struct sut_addr *client)
{
    uint8_t key[16];
    sut_addr_limit_key(client, key);
    pthread_mutex_lock(&g->lock);
    const sut_err e = enter_address(g, key);
    pthread_mutex_unlock(&g->lock);
    return e;
}

void sut_gate_leave_proxy(struct sut_gate *g, const struct sut_addr *client)
{
    uint8_t key[16];
    if (client != NULL)
        sut_addr_limit_key(client, key);
    pthread_mutex_lock(&g->lock);
    SUT_BUG_IF(g->counts.open == 0);
    g->counts.open--;
    if (client != NULL)
        leave_address(g, key);
    pthread_mutex_unlock(&g->lock);
}

void sut_gate_leave(struct sut_gate *g, const struct sut_addr *a)
{
    sut_gate_leave_proxy(g, a);
}

struct sut_gate_counts sut_gate_count(struct sut_gate *g)
{
    pthread_mutex_lock(&g->lock);
    const struct sut_gate_counts c = g->counts;
    pthread_mutex_unlock(&g->lock);
    return c;
}
