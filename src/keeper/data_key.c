/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/data_key.h"

#include <string.h>

enum { FORMAT = 3, BOUND_MAX = 64 };

#define LABEL "sutler.data-key"

static void put_le(struct sut_buf *b, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        sut_buf_char(b, (char) (v >> (8 * i) & 0xff));
}

/* label · format · person · version · kek version, each of a fixed length. */
static sut_str bind(const struct sut_data_key_name *name, char to[BOUND_MAX])
{
    struct sut_buf b = { .p = to, .cap = BOUND_MAX, .max = BOUND_MAX };
    sut_buf_lit(&b, LABEL);
    sut_buf_char(&b, FORMAT);
    put_le(&b, (uint64_t) name->person, 8);
    put_le(&b, name->version, 4);
    put_le(&b, name->kek_version, 4);
    return sut_buf_str(&b);
}

SUT_ERR sut_data_key_wrap(const struct sut_random *rnd, const struct sut_aead_key *kek,
                          const struct sut_data_key_name *name,
                          const unsigned char key[SUT_KEY_SIZE], char ret[SUT_DATA_WRAPPED])
{
    char bound[BOUND_MAX];
    struct sut_buf out = { .p = ret, .cap = SUT_DATA_WRAPPED, .max = SUT_DATA_WRAPPED };
    sut_buf_char(&out, FORMAT);
    TRY(sut_aead_key_seal(rnd, kek, bind(name, bound), sut_str_of((const char *) key, SUT_KEY_SIZE),
                          &out));
    SUT_BUG_IF(out.n != SUT_DATA_WRAPPED);
    return SUT_OK;
}

SUT_ERR sut_data_key_open(const struct sut_aead_key *kek, const struct sut_data_key_name *name,
                          const char wrapped[SUT_DATA_WRAPPED], unsigned char ret[SUT_KEY_SIZE])
{
    char bound[BOUND_MAX];
    char plain[SUT_KEY_SIZE + 1];
    struct sut_buf out = { .p = plain, .cap = sizeof(plain), .max = sizeof(plain) };
    memset(ret, 0, SUT_KEY_SIZE);
    ENSURE(wrapped[0] == FORMAT, CORRUPT);
    const sut_err e = sut_aead_key_open(kek, bind(name, bound),
                                        sut_str_of(wrapped + 1, SUT_DATA_WRAPPED - 1), &out);
    if (!sut_failed(e))
        memcpy(ret, plain, SUT_KEY_SIZE);
    sut_wipe(plain, sizeof(plain));
    return e;
}
