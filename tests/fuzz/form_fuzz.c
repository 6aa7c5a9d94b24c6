/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a form: what is taken, written again, reads back the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "codec/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sut_arena *a = NULL;
    struct sut_pairs f = { 0 };
    if (size > 65536 || sut_failed(sut_arena_create(4 << 20, &a)))
        return 0;
    const sut_str body = sut_str_of((const char *) data, size);
    if (!sut_failed(sut_form_parse(a, body, SUT_FORM_PAIRS_MAX, &f))) {
        struct sut_buf b;
        struct sut_pairs again = { 0 };
        bool first = true;
        sut_buf_init_arena(&b, a, 1 << 20);
        for (size_t i = 0; i < f.n; i++)
            sut_url_add_query(&b, &first, f.items[i].key, f.items[i].value);
        const sut_str text = sut_str_sub(sut_buf_str(&b), 1, b.n);
        if (sut_failed(sut_form_parse(a, text, SUT_FORM_PAIRS_MAX, &again)) || again.n != f.n)
            abort();
        for (size_t i = 0; i < f.n; i++)
            if (!sut_str_eq(again.items[i].key, f.items[i].key) ||
                !sut_str_eq(again.items[i].value, f.items[i].value) || again.items[i].n != 1)
                abort();
    }
    sut_arena_free(&a);
    return 0;
}
