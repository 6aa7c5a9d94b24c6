/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/message.h"

enum { TAG_U64 = 'u', TAG_I64 = 'i', TAG_BYTES = 'b' };

static void write_le(unsigned char *to, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        to[i] = (unsigned char) (v >> (8 * i) & 0xff);
}

static uint64_t read_le(const char *from, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t) (unsigned char) from[i] << (8 * i);
    return v;
}

void sut_ipc_header_write(const struct sut_ipc_header *h, unsigned char to[SUT_IPC_HEADER])
{
    write_le(to, h->type, 2);
    write_le(to + 2, h->length, 4);
    write_le(to + 6, h->id, 4);
}

struct sut_ipc_header sut_ipc_header_read(const unsigned char from[SUT_IPC_HEADER])
{
    const char *p = (const char *) from;
    return (struct sut_ipc_header){
        .type = (uint16_t) read_le(p, 2),
        .length = (uint32_t) read_le(p + 2, 4),
        .id = (uint32_t) read_le(p + 6, 4),
    };
}

static void put(struct sut_buf *b, char tag, uint64_t v, unsigned n)
{
    unsigned char raw[8];
    write_le(raw, v, n);
    sut_buf_char(b, tag);
    sut_buf_add(b, (const char *) raw, n);
}

void sut_ipc_put_u64(struct sut_buf *b, uint64_t v)
{
    put(b, TAG_U64, v, 8);
}

void sut_ipc_put_i64(struct sut_buf *b, int64_t v)
{
    put(b, TAG_I64, (uint64_t) v, 8);
}

void sut_ipc_put_bytes(struct sut_buf *b, sut_str s)
{
    if (s.n > SUT_IPC_LENGTH_MAX) {
        b->overflowed = true;
        return;
    }
    put(b, TAG_BYTES, s.n, 4);
    sut_buf_str_add(b, s);
}

/* The n bytes behind this tag; nothing is taken when they are not there. */
static SUT_ERR get(struct sut_ipc_reader *r, char tag, unsigned n, uint64_t *ret)
{
    ENSURE(r->n >= 1 + (size_t) n && r->p[0] == tag, PARSE);
    *ret = read_le(r->p + 1, n);
    r->p += 1 + n;
    r->n -= 1 + n;
    return SUT_OK;
}

SUT_ERR sut_ipc_get_u64(struct sut_ipc_reader *r, uint64_t max, uint64_t *ret)
{
    struct sut_ipc_reader at = *r;
    uint64_t v = 0;
    TRY(get(&at, TAG_U64, 8, &v));
    ENSURE(v <= max, PARSE);
    *ret = v;
    *r = at;
    return SUT_OK;
}

SUT_ERR sut_ipc_get_i64(struct sut_ipc_reader *r, int64_t *ret)
{
    uint64_t v = 0;
    TRY(get(r, TAG_I64, 8, &v));
    *ret = (int64_t) v;
    return SUT_OK;
}

SUT_ERR sut_ipc_get_bool(struct sut_ipc_reader *r, bool *ret)
{
    uint64_t v = 0;
    TRY(sut_ipc_get_u64(r, 1, &v));
    *ret = v == 1;
    return SUT_OK;
}

SUT_ERR sut_ipc_get_bytes(struct sut_ipc_reader *r, size_t max, sut_str *ret)
{
    struct sut_ipc_reader at = *r;
    uint64_t n = 0;
    TRY(get(&at, TAG_BYTES, 4, &n));
    ENSURE(n <= max && n <= at.n, PARSE);
    *ret = sut_str_of(at.p, (size_t) n);
    at.p += n;
    at.n -= (size_t) n;
    *r = at;
    return SUT_OK;
}

SUT_ERR sut_ipc_get_exact(struct sut_ipc_reader *r, size_t n, sut_str *ret)
{
    sut_str s = { 0 };
    TRY(sut_ipc_get_bytes(r, n, &s));
    ENSURE(s.n == n, PARSE);
    *ret = s;
    return SUT_OK;
}

SUT_ERR sut_ipc_get_end(const struct sut_ipc_reader *r)
{
    ENSURE(r->n == 0, PARSE);
    return SUT_OK;
}
