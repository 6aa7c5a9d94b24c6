/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static atomic_ulong fault_in; /* 0: off; 1: the next allocation fails */
static atomic_bool fault_done;

/* True when this allocation is the one that a test wants to fail. */
static bool fault_now(void)
{
    if (__builtin_expect(atomic_load_explicit(&fault_in, memory_order_relaxed) == 0, 1))
        return false;
    if (atomic_fetch_sub(&fault_in, 1) != 1)
        return false;
    atomic_store(&fault_done, true);
    return true;
}

void *sut_mem_alloc(size_t size)
{
    return fault_now() ? NULL : malloc(size == 0 ? 1 : size);
}

void *sut_mem_zalloc(size_t n, size_t size)
{
    return fault_now() ? NULL : calloc(n == 0 ? 1 : n, size == 0 ? 1 : size);
}

void *sut_mem_realloc(void *p, size_t size)
{
    return fault_now() ? NULL : realloc(p, size == 0 ? 1 : size);
}

void sut_mem_free(void *p)
{
    free(p);
}

void sut_mem_freep(void *pp)
{
    void *p = NULL;
    memcpy(&p, pp, sizeof(p));
    free(p);
    memset(pp, 0, sizeof(p));
}

void sut_mem_fault_nth(unsigned long n)
{
    atomic_store(&fault_done, false);
    atomic_store(&fault_in, n);
}

bool sut_mem_fault_hit(void)
{
    return atomic_load(&fault_done);
}
