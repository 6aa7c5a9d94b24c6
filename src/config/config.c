/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "config/own.h"
#include "config/setting.h"

SUT_ERR sut_config__create(struct sut_config **ret)
{
    struct sut_config *c DEFER(sut_config_free) = sut_mem_zalloc(1, sizeof(*c));
    ENSURE(c != NULL, NOMEM);
    struct sut_arena *arena = NULL;
    TRY(sut_arena_create(SUT_CONFIG_ARENA_MAX, &arena));
    c->own = ARENA_NEW(arena, struct sut_config_own);
    if (c->own == NULL) {
        sut_arena_free(&arena);
        FAIL(NOMEM);
    }
    c->own->arena = arena;
    size_t n = 0;
    (void) sut_setting__all(&n);
    c->own->values = ARENA_ARRAY(arena, struct sut_config_value, n);
    ENSURE(c->own->values != NULL, NOMEM);
    *ret = STEAL(c);
    return SUT_OK;
}

void sut_config_free(struct sut_config **c)
{
    if (*c == NULL)
        return;
    size_t n = 0;
    const struct sut_setting *all = sut_setting__all(&n);
    for (size_t i = 0; i < n; i++) {
        struct sut_secret **secret = sut_setting__secret(&all[i], *c);
        if (secret != NULL)
            sut_secret_free(secret);
    }
    if ((*c)->own != NULL) {
        struct sut_arena *arena = (*c)->own->arena;
        sut_arena_free(&arena);
    }
    sut_mem_freep(c);
}
