/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"

struct sut_bytes {
    atomic_uint refs;
    sut_str s; /* in `copy`, or elsewhere for good */
    char copy[];
};

SUT_ERR sut_bytes_create(sut_str s, struct sut_bytes **ret)
{
    struct sut_bytes *b = sut_mem_alloc(sizeof(*b) + s.n);
    ENSURE(b != NULL, NOMEM);
    atomic_init(&b->refs, 1);
    if (s.n > 0)
        memcpy(b->copy, s.p, s.n);
    b->s = sut_str_of(b->copy, s.n);
    *ret = b;
    return SUT_OK;
}

SUT_ERR sut_bytes_create_over(sut_str s, struct sut_bytes **ret)
{
    struct sut_bytes *b = sut_mem_alloc(sizeof(*b));
    ENSURE(b != NULL, NOMEM);
    atomic_init(&b->refs, 1);
    b->s = s;
    *ret = b;
    return SUT_OK;
}

struct sut_bytes *sut_bytes_ref(struct sut_bytes *b)
{
    SUT_BUG_IF(atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed) == 0);
    return b;
}

void sut_bytes_unref(struct sut_bytes **b)
{
    if (*b == NULL)
        return;
    if (atomic_fetch_sub_explicit(&(*b)->refs, 1, memory_order_acq_rel) == 1)
        sut_mem_free(*b);
    *b = NULL;
}

sut_str sut_bytes_str(const struct sut_bytes *b)
{
    return b->s;
}
