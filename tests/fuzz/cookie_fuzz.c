/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a Cookie field: every pair that is taken can be set again, and
 * then reads back the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "codec/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sut_arena *a = NULL;
    struct sut_cookies c = { 0 };
    if (size > 16384 || sut_failed(sut_arena_create(1 << 20, &a)))
        return 0;
    if (!sut_failed(sut_cookie_parse(a, sut_str_of((const char *) data, size), &c))) {
        for (size_t i = 0; i < c.n; i++) {
            const struct sut_set_cookie set = { .name = c.items[i].name,
                                                .value = c.items[i].value,
                                                .secure = true };
            struct sut_buf b;
            struct sut_cookies again = { 0 };
            sut_buf_init_arena(&b, a, 1 << 20);
            if (sut_failed(sut_cookie_render(&b, &set)) || sut_failed(sut_buf_check(&b)))
                abort();
            const sut_str pair = sut_str_sub(sut_buf_str(&b), 0, set.name.n + 1 + set.value.n);
            if (sut_failed(sut_cookie_parse(a, pair, &again)) || again.n != 1 ||
                !sut_str_eq(again.items[0].value, set.value))
                abort();
        }
    }
    sut_arena_free(&a);
    return 0;
}
