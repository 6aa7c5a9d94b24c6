/* SPDX-License-Identifier: Apache-2.0
 *
 * message - what one role says to another: a header and fields, never a struct.
 *
 * On the wire a header of SUT_IPC_HEADER bytes (type 16 bit, length of what
 * follows 32 bit, id 32 bit, little-endian), then fields one behind the other,
 * each a tag byte and its value: 'u' or 'i' and 8 bytes, 'b' and a length of 4
 * bytes and the bytes.  A reader takes the other side for hostile: what is not
 * exactly as expected is PARSE.  No I/O.  One thread at a time.
 */
#ifndef SUT_IPC_MESSAGE_H
#define SUT_IPC_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum {
    SUT_IPC_HEADER = 10,
    SUT_IPC_LENGTH_MAX = 17 * 1024 * 1024, /* no type may allow more */
    SUT_IPC_REPLY = 0x8000,                /* a reply's type: this bit and the request's type */
};

struct sut_ipc_header {
    uint16_t type;
    uint32_t length;
    uint32_t id;
};

/* The header as bytes, and back; nothing of it is checked here. */
void sut_ipc_header_write(const struct sut_ipc_header *h, unsigned char to[SUT_IPC_HEADER]);
struct sut_ipc_header sut_ipc_header_read(const unsigned char from[SUT_IPC_HEADER]);

/* Append a field; the buffer's own maximum applies (sut_buf_check()). */
void sut_ipc_put_u64(struct sut_buf *b, uint64_t v);
void sut_ipc_put_i64(struct sut_buf *b, int64_t v);
void sut_ipc_put_bytes(struct sut_buf *b, sut_str s);

/* A cursor over the fields; borrows them. */
struct sut_ipc_reader {
    const char *p;
    size_t n;
};

static inline struct sut_ipc_reader sut_ipc_reader_of(sut_str s)
{
    return (struct sut_ipc_reader){ .p = s.p, .n = s.n };
}

/* Take the next field; PARSE when it is another one, cut off, or above max. */
SUT_ERR sut_ipc_get_u64(struct sut_ipc_reader *r, uint64_t max, uint64_t *ret);
SUT_ERR sut_ipc_get_i64(struct sut_ipc_reader *r, int64_t *ret);
/* A number that is 0 or 1. */
SUT_ERR sut_ipc_get_bool(struct sut_ipc_reader *r, bool *ret);
/* *ret lies in the message. */
SUT_ERR sut_ipc_get_bytes(struct sut_ipc_reader *r, size_t max, sut_str *ret);
/* The same of exactly n bytes. */
SUT_ERR sut_ipc_get_exact(struct sut_ipc_reader *r, size_t n, sut_str *ret);
/* PARSE when anything is left. */
SUT_ERR sut_ipc_get_end(const struct sut_ipc_reader *r);

#endif
