/* SPDX-License-Identifier: Apache-2.0 */
#include "db/statements.h"

#include <stdint.h>

#include "base/mem.h"
#include "db/driver.h"

enum { FIRST_CAP = 64, ENTRIES_MAX = 1024 };

static size_t slot_of(const struct sut_sql *sql, size_t cap)
{
    const uint64_t mixed = (uint64_t) (uintptr_t) sql * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t) (mixed >> 32) & (cap - 1);
}

static void put(struct sut_db_stmt **slots, size_t cap, struct sut_db_stmt *s)
{
    size_t i = slot_of(s->sql, cap);
    while (slots[i] != NULL)
        i = (i + 1) & (cap - 1);
    slots[i] = s;
}

struct sut_db_stmt *sut_statements_find(const struct sut_statements *t, const struct sut_sql *sql)
{
    if (t->cap == 0)
        return NULL;
    for (size_t i = slot_of(sql, t->cap); t->slots[i] != NULL; i = (i + 1) & (t->cap - 1)) {
        if (t->slots[i]->sql == sql)
            return t->slots[i];
    }
    return NULL;
}

static SUT_ERR grow(struct sut_statements *t)
{
    const size_t cap = t->cap == 0 ? FIRST_CAP : t->cap * 2;
    struct sut_db_stmt **slots = sut_mem_zalloc(cap, sizeof(struct sut_db_stmt *));
    ENSURE(slots != NULL, NOMEM);
    for (size_t i = 0; i < t->cap; i++) {
        if (t->slots[i] != NULL)
            put(slots, cap, t->slots[i]);
    }
    sut_mem_free(t->slots);
    t->slots = slots;
    t->cap = cap;
    return SUT_OK;
}

SUT_ERR sut_statements_add(struct sut_statements *t, struct sut_db_stmt *s)
{
    ENSURE(t->n < ENTRIES_MAX, TOO_LARGE);
    if ((t->n + 1) * 2 > t->cap)
        TRY(grow(t));
    put(t->slots, t->cap, s);
    t->n++;
    return SUT_OK;
}

void sut_statements_done(struct sut_statements *t, void (*fn)(struct sut_db_stmt *s))
{
    for (size_t i = 0; i < t->cap; i++) {
        if (t->slots[i] != NULL)
            fn(t->slots[i]);
    }
    sut_mem_free(t->slots);
    *t = (struct sut_statements){ 0 };
}
