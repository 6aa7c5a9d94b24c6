/* SPDX-License-Identifier: Apache-2.0
 *
 * product_wire - asks and answers about imports and exports of products as fields of ipc
 * messages.
 *
 * A reader gives PARSE for all that a writer does not write.  Pure functions.
 */
#ifndef SUT_PROG_PRODUCT_WIRE_H
#define SUT_PROG_PRODUCT_WIRE_H

#include "base/arena.h"
#include "base/buf.h"
#include "ipc/message.h"
#include "prog/product_import.h"

/* The type on the control socket (prog/control.h), and its limits. */
enum {
    SUT_ASK_PRODUCTS = 9,
    SUT_PRODUCTS_ASK_MAX = 2 * 1024 * 1024,
    SUT_PRODUCTS_ANSWER_MAX = 4 * 1024 * 1024,
    SUT_PRODUCTS_TEXT_MAX = 3 * 1024 * 1024, /* of an export's part */
    SUT_PRODUCTS_OBJECT_MAX = 1024 * 1024,   /* of an import's product */
};

enum sut_products_verb {
    SUT_PRODUCTS_EXPORT, /* those after `after`: as many as fit */
    SUT_PRODUCTS_BEGIN,
    SUT_PRODUCTS_ROWS,
    SUT_PRODUCTS_END,
    SUT_PRODUCTS_GIVE_UP, /* nothing that is not committed is kept */
    SUT_PRODUCTS_VERBS,
};

struct sut_products_ask {
    enum sut_products_verb verb;
    int64_t after;                     /* EXPORT */
    struct sut_import_options options; /* BEGIN */
    uint64_t import;                   /* ROWS, END, GIVE_UP: what BEGIN's answer gave */
    const sut_str *objects;            /* ROWS */
    size_t n_objects;
};

struct sut_products_answer {
    sut_str refused; /* a sentence; else empty */
    uint64_t import; /* BEGIN */
    struct sut_import_answer done;
    sut_str text;  /* EXPORT: lines */
    int64_t after; /* EXPORT: the last of them */
    bool has_more;
};

/* Append; the buffer's own maximum applies (sut_buf_check()). */
void sut_products_ask_put(struct sut_buf *b, const struct sut_products_ask *ask);
/* Arrays lie in the arena, slices in the message. */
SUT_ERR sut_products_ask_get(struct sut_ipc_reader *r, struct sut_arena *a,
                             struct sut_products_ask *ret);
void sut_products_answer_put(struct sut_buf *b, const struct sut_products_answer *answer);
SUT_ERR sut_products_answer_get(struct sut_ipc_reader *r, struct sut_arena *a,
                                struct sut_products_answer *ret);

#endif
