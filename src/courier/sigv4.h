/* SPDX-License-Identifier: Apache-2.0
 *
 * sigv4 - AWS Signature Version 4, as S3 and what speaks like it want a request signed.
 *
 * A request is told decoded: path and query without escapes, headers as they go out.  What is
 * signed is all of it: method, path, query, the headers given, and the body's digest.  Two forms:
 * the Authorization header, and the query of a URL that anyone may follow until it expires. Source:
 * AWS, "Signature Version 4 for API requests" and "Authenticating Requests" of S3, whose path is
 * taken as it is.  No I/O; any thread.
 */
#ifndef SUT_COURIER_SIGV4_H
#define SUT_COURIER_SIGV4_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/sha256.h"

enum {
    SUT_SIGV4_PAIRS_MAX = 32,       /* headers, and so many of the query */
    SUT_SIGV4_TIME = 16,            /* "20150830T123600Z" */
    SUT_SIGV4_TEXT_MAX = 64 * 1024, /* of what is made */
    SUT_SIGV4_SIGNATURE = 2 * SUT_SHA256_SIZE,
};

/* A header's name and value, or a parameter's. */
struct sut_sigv4_pair {
    sut_str name;
    sut_str value;
};

struct sut_sigv4 {
    sut_str access_key;
    sut_str secret_key;
    sut_str region;
    sut_str service;
    char time[SUT_SIGV4_TIME + 1];
    sut_str method;
    sut_str path;      /* from the first slash on */
    bool is_collapsed; /* "//", "." and ".." are resolved, as all but S3 want it */
    const struct sut_sigv4_pair *query;
    size_t n_query;
    const struct sut_sigv4_pair *headers; /* Host among them, and in the header form X-Amz-Date */
    size_t n_headers;
    sut_str body_digest; /* SHA-256 in lower-case hexadecimal, or UNSIGNED-PAYLOAD */
    uint32_t expires_s;  /* the query form: how long it is good; 0: the header form */
};

/* "20150830T123600Z" */
void sut_sigv4_time(sut_ms now, char ret[SUT_SIGV4_TIME + 1]);

/* The three steps; TOO_LARGE, NOMEM. */
SUT_ERR sut_sigv4_canonical(const struct sut_sigv4 *s, struct sut_buf *ret);
SUT_ERR sut_sigv4_to_sign(const struct sut_sigv4 *s, struct sut_buf *ret);
SUT_ERR sut_sigv4_signature(const struct sut_sigv4 *s, char ret[SUT_SIGV4_SIGNATURE + 1]);

/* Append the Authorization header's value, or in the query form the whole query with its signature.
 */
SUT_ERR sut_sigv4_authorization(const struct sut_sigv4 *s, struct sut_buf *ret);
SUT_ERR sut_sigv4_query(const struct sut_sigv4 *s, struct sut_buf *ret);
/* Append the path as it must stand in the URL. */
void sut_sigv4_put_path(struct sut_buf *b, sut_str path);

#endif
