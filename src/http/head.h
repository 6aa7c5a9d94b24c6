/* SPDX-License-Identifier: Apache-2.0
 *
 * head - the rules of a request's line and fields, over complete slices.
 *
 * For h1 (and a later h2): pure functions, nothing is kept.  A refusal carries
 * the status and a constant sentence for the log.
 */
#ifndef SUT_HTTP_HEAD_H
#define SUT_HTTP_HEAD_H

#include <stdint.h>

#include "http/message.h"

struct sut_refusal {
    int status;      /* 0: fine */
    const char *why; /* a constant, or NULL */
};

static inline struct sut_refusal sut_refuse(int status, const char *why)
{
    return (struct sut_refusal){ .status = status, .why = why };
}

/*
 * Read "METHOD SP target SP HTTP/x.y" (without CRLF) into req: method, target,
 * path, query, authority of an absolute target, minor.
 */
struct sut_refusal sut_head_line(sut_str line, struct sut_http_request *req);

/* A byte of a field name in lower case, or 0 when it is none (RFC 9110 5.6.2). */
extern const unsigned char sut_head_token[256];

/* The known field of this lower-case name, or SUT_H_OTHER. */
enum sut_hname sut_head_known(sut_str name);

/*
 * Judge the fields together, after headers, known and known_n are filled: Host,
 * lengths, Expect, Connection.  Sets authority, keep_alive, expects_continue,
 * has_body, has_length, length.
 */
struct sut_refusal sut_head_fields(struct sut_http_request *req);

/* Whether this may stand in Host: a name, IPv4 or [IPv6], and a port or none. */
bool sut_head_is_host(sut_str host);

#endif
