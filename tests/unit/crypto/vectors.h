/* SPDX-License-Identifier: Apache-2.0
 *
 * vectors - bytes written as hexadecimal, as Wycheproof does.
 */
#ifndef SUT_TESTS_CRYPTO_VECTORS_H
#define SUT_TESTS_CRYPTO_VECTORS_H

#include "base/scan.h"
#include "base/str.h"
#include "corpus_json.h"

struct hex {
    char p[1024];
    size_t n;
};

static inline sut_str hex_of(struct hex *h, const json_t *o, const char *key)
{
    const sut_str text = sut_str_from(corpus_str(o, key));
    h->n = text.n / 2;
    assert_true(h->n <= sizeof(h->p));
    assert_false(sut_failed(sut_parse_hex(text, h->p, h->n)));
    return sut_str_of(h->p, h->n);
}

static inline bool is_result(const json_t *t, const char *want)
{
    return sut_str_is(sut_str_from(corpus_str(t, "result")), want);
}

#endif
