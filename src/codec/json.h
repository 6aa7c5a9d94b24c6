/* SPDX-License-Identifier: Apache-2.0
 *
 * json - JSON in, as a tree in an arena.
 *
 * Strict RFC 8259 over jansson: UTF-8 alone, no duplicate keys, no NUL inside
 * strings, nothing after the value, depth bounded.  Integers are int64 (out of
 * range is refused), other numbers double and finite.  Every number keeps its
 * text, so that prices are read from digits and never from a double.
 *
 * The tree is bounded by the arena before anything is built: a text whose
 * values would not fit is NOMEM.  Any thread, each with its own arena.
 */
#ifndef SUT_CODEC_JSON_H
#define SUT_CODEC_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum { SUT_JSON_DEPTH_MAX = 32 };

enum sut_json_type {
    SUT_JSON_NULL,
    SUT_JSON_BOOL,
    SUT_JSON_INT,
    SUT_JSON_REAL,
    SUT_JSON_STRING,
    SUT_JSON_ARRAY,
    SUT_JSON_OBJECT,
};

struct sut_json {
    enum sut_json_type type;
    bool b;
    int64_t i;
    double d;
    sut_str s;                    /* STRING: decoded; INT, REAL: the number as it was written */
    size_t n;                     /* ARRAY, OBJECT: members */
    const struct sut_json *items; /* ARRAY, OBJECT: the values, in order */
    const sut_str *keys;          /* OBJECT: keys[i] names items[i] */
};

/* Why a text was refused; a closed list for tests and messages. */
enum sut_json_fault {
    SUT_JSON_OK,
    SUT_JSON_SYNTAX,
    SUT_JSON_UTF8,
    SUT_JSON_DUPLICATE_KEY,
    SUT_JSON_NUL,
    SUT_JSON_TOO_DEEP,
    SUT_JSON_NUMBER_RANGE,
    SUT_JSON_MEMORY,
};
const char *sut_json_fault_text(enum sut_json_fault f);

/*
 * Once at start, before threads and before the sandbox: jansson's memory comes
 * from base/mem, its hash seed from the system.  jansson's reader does not look
 * whether its text buffer could grow; when that one allocation fails the role
 * ends, all others are the ordinary NOMEM.
 */
void sut_json_init(void);

/* Parse the whole text.  PARSE with *reterr_fault, NOMEM when the arena is exhausted. */
SUT_ERR sut_json_parse(struct sut_arena *a, sut_str text, const struct sut_json **ret,
                       enum sut_json_fault *reterr_fault);

/* The member, or NULL when it is absent or o is no object. */
const struct sut_json *sut_json_get(const struct sut_json *o, const char *key);

#endif
