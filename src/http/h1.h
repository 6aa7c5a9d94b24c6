/* SPDX-License-Identifier: Apache-2.0
 *
 * h1 - HTTP/1.1 requests out of bytes, and the head of answers into bytes (RFC 9110, RFC 9112).
 *
 * One struct sut_h1 a connection; the creator owns it.  A request is begun with
 * an arena and everything of it lies there; the caller's input is copied and
 * never kept.  The same bytes give the same verdict however they are cut.
 *
 *     sut_h1_start(h, arena)
 *     feed ... NEED_MORE ... HEAD       head complete: judge it, then
 *     sut_h1_set_body_max(h, max)       (without it no body is allowed)
 *     feed ... NEED_MORE ... COMPLETE   and from here on: the next sut_h1_start()
 *
 * llhttp reads the message; what it lets through and a strict reader must not
 * (obs-fold, bare CR or LF, lone lengths, odd versions, blank lines in front) is
 * refused before it sees it.  A refused connection must be closed: nothing after
 * the refused bytes can be trusted.  One thread at a time; no I/O, no clock.
 */
#ifndef SUT_HTTP_H1_H
#define SUT_HTTP_H1_H

#include "base/arena.h"
#include "http/message.h"

/* Bytes, unless it says otherwise. */
struct sut_h1_limits {
    size_t line_max;      /* request line without its CRLF: 414 */
    size_t fields_max;    /* all field lines with their CRLF: 431 */
    size_t fields_n_max;  /* number of field lines: 431 */
    size_t chunk_ext_max; /* chunk extensions of one body in all: 413 */
    size_t trailers_max;  /* trailer section, read and dropped: 431 */
};

/* 8 KiB, 16 KiB, 100, 4 KiB, 4 KiB. */
extern const struct sut_h1_limits sut_h1_limits_default;

enum sut_h1_event {
    SUT_H1_NEED_MORE, /* all input was taken */
    SUT_H1_HEAD,      /* line and fields are in the request; the body, if any, follows */
    SUT_H1_COMPLETE,  /* the request is whole; bytes not consumed belong to the next one */
    SUT_H1_REFUSED,   /* see sut_h1_refusal(); the connection must end */
};

struct sut_h1;

/* A reader with its limits (copied).  End it with sut_h1_free(). */
SUT_ERR sut_h1_create(const struct sut_h1_limits *limits, struct sut_h1 **ret);
void sut_h1_free(struct sut_h1 **h);

/*
 * Begin a request whose memory is `a`; forgets the one before.  NOMEM.
 * *ret_req is empty and fills as bytes come; it belongs to the arena.
 */
SUT_ERR sut_h1_start(struct sut_h1 *h, struct sut_arena *a, struct sut_http_request **ret_req);

/*
 * Read n bytes (0 is allowed: go on after HEAD).  *ret_used tells how many were
 * taken.  After COMPLETE a bug until the next start; REFUSED stays refused.
 */
enum sut_h1_event sut_h1_feed(struct sut_h1 *h, const char *p, size_t n, size_t *ret_used);

/* After HEAD: how many bytes of body this request may bring; more is 413. */
void sut_h1_set_body_max(struct sut_h1 *h, size_t max);

/*
 * After HEAD: keep the body on the heap instead of in the arena, in one piece that takes memory
 * as its bytes come; it goes with the arena, wiped.
 */
void sut_h1_keep_body_apart(struct sut_h1 *h);

/* Whether the request that was started has no byte yet: an idle connection. */
bool sut_h1_is_idle(const struct sut_h1 *h);

/* After REFUSED: the status of the answer; *ret_why is a constant for the log. */
int sut_h1_refusal(const struct sut_h1 *h, const char **ret_why);

/* "HTTP/1.1 100 Continue" and the blank line. */
extern const sut_str sut_h1_continue;

struct sut_h1_answer {
    sut_str date;    /* the Date field's value (IMF-fixdate), or empty: no Date */
    bool keep_alive; /* false, or res->close: says "Connection: close" */
};

/*
 * Append the head of an answer: status line, fixed block, fields, Content-Length
 * (never on 1xx, 204 and 304; the same for HEAD as for GET), Date, Connection.
 * A status outside sut_status_text()'s table, or CR, LF or NUL in a field, is a bug.
 */
void sut_h1_render_head(struct sut_buf *b, const struct sut_http_response *res,
                        const struct sut_h1_answer *answer);

#endif
