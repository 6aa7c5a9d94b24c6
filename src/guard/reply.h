/* SPDX-License-Identifier: Apache-2.0
 *
 * reply - answers in the contracts' shapes.
 *
 * A reply replaces what was made before it.  Bodies are written through
 * sut_reply_json(); errors come in contract A's three shapes or contract B's
 * envelope, by the row (or the path, when no row matched).
 */
#ifndef SUT_GUARD_REPLY_H
#define SUT_GUARD_REPLY_H

#include "codec/json_out.h"
#include "codec/schema.h"
#include "guard/req.h"

/* Start a JSON answer: gives the writer over the response's buffer. */
struct sut_jw sut_reply_json(struct sut_req *r, int status);
/* An answer without a body. */
void sut_reply_empty(struct sut_req *r, int status);
/* An answer out of shared bytes, which gain a reference. */
void sut_reply_bytes(struct sut_req *r, int status, sut_str type, struct sut_bytes *bytes);
/* Contract A's `{"success":true,"message":…}`. */
void sut_reply_message(struct sut_req *r, int status, const char *message);

/* Shape 1: guard and parser. `code` is of the closed list. */
void sut_reply_refuse(struct sut_req *r, int status, const char *code, const char *detail);
/* The same with more members: the caller writes them and ends with sut_reply_refuse_close(). */
struct sut_jw sut_reply_refuse_open(struct sut_req *r, int status, const char *code,
                                    const char *detail);
void sut_reply_refuse_close(struct sut_req *r, struct sut_jw *w, int status);
/* Shape 2: field errors, 400. */
void sut_reply_faults(struct sut_req *r, const struct sut_fault *faults);
void sut_reply_fault(struct sut_req *r, const char *field, const char *message);
/* The same with a sentence that tells of them all. */
void sut_reply_faults_as(struct sut_req *r, sut_str message, const struct sut_fault *faults);
/* What is wrong in a body of rows: contract B's shape alone, 400. */
struct sut_row_fault {
    size_t row; /* from 0 */
    const struct sut_fault *faults;
    struct sut_row_fault *next;
};
void sut_reply_rows(struct sut_req *r, const struct sut_row_fault *rows);
/* Shape 3: the domain. */
void sut_reply_domain(struct sut_req *r, int status, const char *code, sut_str error);
/* The same with more members, as sut_reply_refuse_open(). */
struct sut_jw sut_reply_domain_open(struct sut_req *r, int status, const char *code, sut_str error);
void sut_reply_domain_close(struct sut_req *r, struct sut_jw *w, int status);
/* A refused password: the same with its strength, 0 .. 4, for forms. */
void sut_reply_domain_weak(struct sut_req *r, sut_str error, int strength);
/* 401 for a bad access token: contract A's three members. */
void sut_reply_bad_token(struct sut_req *r, const char *why);
/* 429 with its headers. */
void sut_reply_throttled(struct sut_req *r);
/* Shape 1 in the words of the table of errors; nothing is logged. */
void sut_reply_code(struct sut_req *r, enum sut_ecode code);
/* By the table of errors; SERVER kinds are logged with their site. */
void sut_reply_error(struct sut_req *r, sut_err e);

#endif
