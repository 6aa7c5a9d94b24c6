/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/wrap.h"

#include "crypto/hmac.h"

enum {
    FORMAT_1 = 1,
    FORMAT_2 = 2,
    BOUND_MAX = 16 + SUT_WRAP_ID + 4 + SUT_WRAP_PURPOSE_MAX,
};

#define LABEL    "sutler.wrap"
#define ID_LABEL "sutler.master-id\x01"

/* label · 1 · purpose; the label and format have fixed lengths, so it reads one way. */
static SUT_ERR bind_1(sut_str purpose, struct sut_buf *to)
{
    ENSURE(purpose.n > 0 && purpose.n <= SUT_WRAP_PURPOSE_MAX, INVALID);
    sut_buf_lit(to, LABEL);
    sut_buf_char(to, FORMAT_1);
    sut_buf_str_add(to, purpose);
    return sut_buf_check(to);
}

/* label · 2 · id · version · purpose: all but the last of fixed lengths. */
static SUT_ERR bind_2(const unsigned char id[SUT_WRAP_ID], sut_str purpose, uint32_t version,
                      struct sut_buf *to)
{
    ENSURE(purpose.n > 0 && purpose.n <= SUT_WRAP_PURPOSE_MAX, INVALID);
    sut_buf_lit(to, LABEL);
    sut_buf_char(to, FORMAT_2);
    sut_buf_add(to, (const char *) id, SUT_WRAP_ID);
    for (unsigned i = 0; i < 4; i++)
        sut_buf_char(to, (char) (version >> (8 * i) & 0xff));
    sut_buf_str_add(to, purpose);
    return sut_buf_check(to);
}

#define BOUND(name_)                                                                               \
    char name_##_bytes[BOUND_MAX];                                                                 \
    struct sut_buf name_ = { .p = name_##_bytes, .cap = BOUND_MAX, .max = BOUND_MAX }

SUT_ERR sut_wrap_key_init(struct sut_wrap_key *k, sut_str master)
{
    unsigned char mac[SUT_HMAC_SIZE];
    TRY(sut_aead_key_init(&k->aead, master));
    sut_hmac_once(master, SUT_STR(ID_LABEL), mac);
    memcpy(k->id, mac, sizeof(k->id));
    sut_wipe(mac, sizeof(mac));
    return SUT_OK;
}

void sut_wrap_key_done(struct sut_wrap_key *k)
{
    sut_aead_key_done(&k->aead);
    sut_wipe(k->id, sizeof(k->id));
}

SUT_ERR sut_wrap_key_wrap(const struct sut_random *rnd, const struct sut_wrap_key *k,
                          sut_str purpose, uint32_t version, sut_str key, struct sut_buf *out)
{
    BOUND(bound);
    ENSURE(key.n > 0 && key.n <= SUT_WRAP_KEY_MAX, INVALID);
    TRY(bind_2(k->id, purpose, version, &bound));
    const size_t before = out->n;
    sut_buf_char(out, FORMAT_2);
    sut_buf_add(out, (const char *) k->id, SUT_WRAP_ID);
    TRY(sut_buf_check(out));
    const sut_err e = sut_aead_key_seal(rnd, &k->aead, sut_buf_str(&bound), key, out);
    if (sut_failed(e))
        out->n = before;
    return e;
}

bool sut_wrap_key_is_of(const struct sut_wrap_key *k, sut_str wrapped)
{
    return wrapped.n > SUT_WRAP_OVERHEAD && wrapped.p[0] == FORMAT_2 &&
           sut_str_eq(sut_str_sub(wrapped, 1, 1 + SUT_WRAP_ID),
                      sut_str_of((const char *) k->id, SUT_WRAP_ID));
}

SUT_ERR sut_wrap_key_unwrap(const struct sut_wrap_key *k, sut_str purpose, uint32_t version,
                            sut_str wrapped, struct sut_buf *out)
{
    BOUND(bound);
    ENSURE(wrapped.n > 1 + SUT_AEAD_OVERHEAD && wrapped.n <= SUT_WRAP_OVERHEAD + SUT_WRAP_KEY_MAX,
           CORRUPT);
    if (wrapped.p[0] == FORMAT_1) {
        TRY(bind_1(purpose, &bound));
        return sut_aead_key_open(&k->aead, sut_buf_str(&bound), sut_str_sub(wrapped, 1, wrapped.n),
                                 out);
    }
    ENSURE(sut_wrap_key_is_of(k, wrapped), CORRUPT);
    TRY(bind_2(k->id, purpose, version, &bound));
    return sut_aead_key_open(&k->aead, sut_buf_str(&bound),
                             sut_str_sub(wrapped, 1 + SUT_WRAP_ID, wrapped.n), out);
}

SUT_ERR sut_wrap(const struct sut_random *rnd, sut_str master, sut_str purpose, sut_str key,
                 struct sut_buf *out)
{
    BOUND(bound);
    ENSURE(key.n > 0 && key.n <= SUT_WRAP_KEY_MAX, INVALID);
    TRY(bind_1(purpose, &bound));

    const size_t before = out->n;
    sut_buf_char(out, FORMAT_1);
    TRY(sut_buf_check(out));
    const sut_err e = sut_aead_seal(rnd, master, sut_buf_str(&bound), key, out);
    if (sut_failed(e))
        out->n = before;
    return e;
}
