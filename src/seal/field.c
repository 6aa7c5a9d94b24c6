/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/seal_int.h"

#include <string.h>

enum {
    FORMAT_PLAIN = 0, /* of a build that measures; a shop refuses it */
    FORMAT = 1,
    HEAD = 1 + 4,
    NAME_MAX_ = 48,
    AAD_MAX = 1 + 4 + 8 + 2 * (NAME_MAX_ + 1),
};

static void write_u32(char *to, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (char) (unsigned char) (v >> (8 * i));
}

static uint32_t read_u32(const char *from)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++)
        v |= (uint32_t) (unsigned char) from[i] << (8 * i);
    return v;
}

#ifdef SUT_SEAL_OFF

static SUT_ERR put(const struct sut_random *rnd, const struct sut_data_key *k,
                   const struct sut_seal_field *f, int64_t row, sut_str plain, struct sut_buf *out)
{
    (void) rnd;
    (void) f;
    (void) row;
    char *const to = sut_buf_room(out, HEAD + plain.n);
    if (to == NULL)
        return sut_buf_check(out);
    to[0] = FORMAT_PLAIN;
    write_u32(to + 1, k->version);
    if (plain.n > 0)
        memcpy(to + HEAD, plain.p, plain.n);
    out->n += HEAD + plain.n;
    return SUT_OK;
}

static SUT_ERR get(const struct sut_data_key *k, const struct sut_seal_field *f, int64_t row,
                   sut_str sealed, struct sut_buf *out)
{
    (void) k;
    (void) f;
    (void) row;
    ENSURE(sealed.n >= HEAD && sealed.p[0] == FORMAT_PLAIN, CORRUPT);
    sut_buf_add(out, sealed.p + HEAD, sealed.n - HEAD);
    return sut_buf_check(out);
}

enum { FORMAT_HERE = FORMAT_PLAIN, LEAST = HEAD };

#else

enum { FORMAT_HERE = FORMAT, LEAST = SUT_SEAL_OVERHEAD };

/* format, version and row in fixed places, then the names, each ended by a NUL. */
static SUT_ERR aad_of(const struct sut_data_key *k, const struct sut_seal_field *f, int64_t row,
                      char to[AAD_MAX], sut_str *ret)
{
    const size_t table = strlen(f->table) + 1;
    const size_t column = strlen(f->column) + 1;
    ENSURE(table <= NAME_MAX_ + 1 && column <= NAME_MAX_ + 1, INVALID);
    char *at = to;
    *at++ = FORMAT;
    write_u32(at, k->version);
    at += 4;
    write_u32(at, (uint32_t) (uint64_t) row);
    write_u32(at + 4, (uint32_t) ((uint64_t) row >> 32));
    at += 8;
    memcpy(at, f->table, table);
    memcpy(at + table, f->column, column);
    *ret = sut_str_of(to, (size_t) (at - to) + table + column);
    return SUT_OK;
}

static SUT_ERR put(const struct sut_random *rnd, const struct sut_data_key *k,
                   const struct sut_seal_field *f, int64_t row, sut_str plain, struct sut_buf *out)
{
    char bytes[AAD_MAX];
    sut_str aad;
    TRY(aad_of(k, f, row, bytes, &aad));
    const size_t before = out->n;
    char *const head = sut_buf_room(out, SUT_SEAL_OVERHEAD + plain.n);
    if (head == NULL)
        return sut_buf_check(out);
    head[0] = FORMAT;
    write_u32(head + 1, k->version);
    out->n += HEAD;
    const sut_err e = sut_aead_key_seal(rnd, &k->aead, aad, plain, out);
    if (sut_failed(e))
        out->n = before;
    return e;
}

static SUT_ERR get(const struct sut_data_key *k, const struct sut_seal_field *f, int64_t row,
                   sut_str sealed, struct sut_buf *out)
{
    char bytes[AAD_MAX];
    sut_str aad;
    uint32_t version = 0;
    TRY(sut_seal_version_of(sealed, &version));
    ENSURE(version == k->version, CORRUPT);
    TRY(aad_of(k, f, row, bytes, &aad));
    return sut_aead_key_open(&k->aead, aad, sut_str_of(sealed.p + HEAD, sealed.n - HEAD), out);
}

#endif

SUT_ERR sut_seal_put(struct sut_seal *s, const struct sut_data_key *k,
                     const struct sut_seal_field *f, int64_t row, sut_str plain,
                     struct sut_buf *out)
{
    ENSURE(plain.n <= SUT_SEAL_PLAIN_MAX, TOO_LARGE);
    return put(s->rnd, k, f, row, plain, out);
}

SUT_ERR sut_seal_get(const struct sut_data_key *k, const struct sut_seal_field *f, int64_t row,
                     sut_str sealed, struct sut_buf *out)
{
    return get(k, f, row, sealed, out);
}

SUT_ERR sut_seal_version_of(sut_str sealed, uint32_t *ret)
{
    ENSURE(sealed.n >= LEAST && sealed.n <= SUT_SEAL_PLAIN_MAX + SUT_SEAL_OVERHEAD, CORRUPT);
    ENSURE(sealed.p[0] == FORMAT_HERE, CORRUPT);
    const uint32_t version = read_u32(sealed.p + 1);
    ENSURE(version > 0, CORRUPT);
    *ret = version;
    return SUT_OK;
}
