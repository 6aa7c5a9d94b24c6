/* SPDX-License-Identifier: Apache-2.0
 *
 * like_int - words that stand somewhere in a text, as patterns of LIKE: for the
 * statements of this layer alone.
 *
 * Both databases fold ASCII letters alone here: lower() on both sides.
 */
#ifndef SUT_STORE_LIKE_INT_H
#define SUT_STORE_LIKE_INT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define SUT_STORE_LIKE(column_, n_)                                                                \
    "lower(" column_ ") LIKE lower(CAST($" #n_ " AS TEXT)) ESCAPE '!'"

/* %word%, with what means something to LIKE escaped; "%" for an empty word. */
static inline SUT_ERR sut_store__like(struct sut_arena *a, sut_str word, sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, 2 * word.n + 2);
    sut_buf_char(&b, '%');
    for (size_t i = 0; i < word.n; i++) {
        if (word.p[i] == '%' || word.p[i] == '_' || word.p[i] == '!')
            sut_buf_char(&b, '!');
        sut_buf_char(&b, word.p[i]);
    }
    if (word.n > 0)
        sut_buf_char(&b, '%');
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

#endif
