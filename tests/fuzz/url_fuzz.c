/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a query and as a path: what is taken holds no control character
 * and, escaped again, reads back the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "codec/url.h"
#include "codec/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_clean(sut_str s)
{
    size_t at = 0;
    if (!sut_utf8_is_valid(s))
        abort();
    for (uint32_t cp = 0; sut_utf8_next(s, &at, &cp);)
        if (sut_utf8_is_control(cp))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sut_arena *a = NULL;
    struct sut_pairs q = { 0 };
    sut_str path = { 0 };
    if (size > 16384 || sut_failed(sut_arena_create(4 << 20, &a)))
        return 0;
    const sut_str raw = sut_str_of((const char *) data, size);
    if (!sut_failed(sut_url_parse_query(a, raw, SUT_QUERY_PAIRS_MAX, &q))) {
        for (size_t i = 0; i < q.n; i++) {
            assert_clean(q.items[i].key);
            assert_clean(q.items[i].value);
        }
    }
    if (!sut_failed(sut_url_decode(a, raw, &path))) {
        struct sut_buf b;
        sut_str again = { 0 };
        assert_clean(path);
        sut_buf_init_arena(&b, a, 1 << 20);
        sut_url_encode(&b, path);
        if (sut_failed(sut_url_decode(a, sut_buf_str(&b), &again)) || !sut_str_eq(path, again))
            abort();
    }
    sut_arena_free(&a);
    return 0;
}
