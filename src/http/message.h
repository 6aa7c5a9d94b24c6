/* SPDX-License-Identifier: Apache-2.0
 *
 * message - a request and a response, as HTTP means them, whatever the version on the wire.
 *
 * A request and all its slices live in the request's arena.  A response's
 * header slices must outlive the response (arena or constants).
 */
#ifndef SUT_HTTP_MESSAGE_H
#define SUT_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/str.h"

enum sut_method {
    SUT_GET,
    SUT_HEAD,
    SUT_POST,
    SUT_PUT,
    SUT_PATCH,
    SUT_DELETE,
    SUT_OPTIONS,
    SUT_METHOD_OTHER, /* a method of HTTP that no route has: 405 */
};
enum { SUT_METHODS = SUT_METHOD_OTHER };
/* "GET"; "OTHER" for the last. */
const char *sut_method_name(enum sut_method m);

/* Header fields that the server looks at; found without a search. */
enum sut_hname {
    SUT_H_OTHER,
    SUT_H_HOST,
    SUT_H_AUTHORIZATION,
    SUT_H_CONTENT_TYPE,
    SUT_H_CONTENT_LENGTH,
    SUT_H_CONTENT_ENCODING,
    SUT_H_TRANSFER_ENCODING,
    SUT_H_CONNECTION,
    SUT_H_EXPECT,
    SUT_H_COOKIE,
    SUT_H_ORIGIN,
    SUT_H_IF_NONE_MATCH,
    SUT_H_USER_AGENT,
    SUT_H_ACCEPT,
    SUT_H_X_FORWARDED_FOR,
    SUT_H_X_FORWARDED_PROTO,
    SUT_H_X_CSRFTOKEN,
    SUT_H_IDEMPOTENCY_KEY,
    SUT_H_ACCESS_CONTROL_REQUEST_METHOD,
    SUT_H_ACCESS_CONTROL_REQUEST_HEADERS,
    SUT_H_X_SUTLER_CLIENT,
    SUT_H_COUNT
};

struct sut_header {
    sut_str name;  /* requests: lower case */
    sut_str value; /* trimmed */
    enum sut_hname known;
};

struct sut_http_request {
    enum sut_method method;
    sut_str method_text;
    sut_str target;    /* as sent */
    sut_str path;      /* of the target, not decoded: "/api/x/" */
    sut_str query;     /* without '?', not decoded; p is NULL when there is no '?' */
    sut_str authority; /* Host, or the target's own when it is in absolute form */
    const struct sut_header *headers;
    size_t n_headers;
    sut_str known[SUT_H_COUNT];    /* the first value of each; p is NULL when absent */
    unsigned known_n[SUT_H_COUNT]; /* how often it was sent */
    unsigned minor;                /* HTTP/1.minor */
    bool keep_alive;
    bool expects_continue;
    bool has_body; /* a length above 0, or chunks, was announced */
    bool has_length;
    size_t length; /* the announced length when has_length */
    sut_str body;  /* complete */
};

/* Fields that are the same for many answers, kept in both forms. */
struct sut_header_block {
    const struct sut_header *list;
    size_t n;
    sut_str h1_text; /* "Name: value\r\n…" */
};

enum { SUT_RESPONSE_HEADERS_MAX = 24 };

struct sut_http_response {
    int status;                           /* 0: not made yet */
    const struct sut_header_block *fixed; /* or NULL */
    struct sut_header headers[SUT_RESPONSE_HEADERS_MAX];
    size_t n_headers;
    struct sut_buf body;      /* heap storage that the connection recycles */
    struct sut_bytes *shared; /* used instead of body when set; the response owns one reference */
    bool close;               /* end the connection after this answer */
};

/* Add a field; both slices are borrowed.  A bug past SUT_RESPONSE_HEADERS_MAX. */
void sut_response_header(struct sut_http_response *r, sut_str name, sut_str value);
/* "OK", "Not Found", …; "" for a status that we never send. */
const char *sut_status_text(int status);

#endif
