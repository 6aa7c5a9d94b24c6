/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/wrap.h"

#include "crypto/aead.h"

enum { VERSION = 1 };

#define LABEL "sutler.wrap"

/* label · version · purpose; the label and version have fixed lengths, so it reads one way. */
static SUT_ERR bound_to(sut_str purpose, char *to, size_t cap, sut_str *ret)
{
    ENSURE(purpose.n > 0 && purpose.n <= SUT_WRAP_PURPOSE_MAX, INVALID);
    const size_t label = sizeof(LABEL) - 1;
    SUT_BUG_IF(label + 1 + purpose.n > cap);
    memcpy(to, LABEL, label);
    to[label] = VERSION;
    memcpy(to + label + 1, purpose.p, purpose.n);
    *ret = sut_str_of(to, label + 1 + purpose.n);
    return SUT_OK;
}

SUT_ERR sut_wrap(const struct sut_random *rnd, sut_str master, sut_str purpose, sut_str key,
                 struct sut_buf *out)
{
    char aad[sizeof(LABEL) + SUT_WRAP_PURPOSE_MAX];
    sut_str bound;
    ENSURE(key.n > 0 && key.n <= SUT_WRAP_KEY_MAX, INVALID);
    TRY(bound_to(purpose, aad, sizeof(aad), &bound));

    const size_t before = out->n;
    sut_buf_char(out, VERSION);
    TRY(sut_buf_check(out));
    const sut_err e = sut_aead_seal(rnd, master, bound, key, out);
    if (sut_failed(e))
        out->n = before;
    return e;
}

SUT_ERR sut_unwrap(sut_str master, sut_str purpose, sut_str wrapped, struct sut_secret **ret)
{
    char aad[sizeof(LABEL) + SUT_WRAP_PURPOSE_MAX];
    sut_str bound;
    TRY(bound_to(purpose, aad, sizeof(aad), &bound));
    ENSURE(wrapped.n > 1 + SUT_AEAD_OVERHEAD && wrapped.p[0] == VERSION, CORRUPT);
    ENSURE(wrapped.n <= 1 + SUT_AEAD_OVERHEAD + SUT_WRAP_KEY_MAX, CORRUPT);

    DEFER(sut_buf_done) struct sut_buf plain;
    sut_buf_init(&plain, SUT_WRAP_KEY_MAX + 1);
    TRY(sut_aead_open(master, bound, sut_str_sub(wrapped, 1, wrapped.n), &plain));
    const sut_err e = sut_secret_dup(sut_buf_str(&plain), ret);
    sut_wipe(plain.p, plain.cap);
    return e;
}
