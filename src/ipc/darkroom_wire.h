/* SPDX-License-Identifier: Apache-2.0
 *
 * darkroom_wire - what goes over the one connection of one picture: an ask with its bytes, an
 * answer with its files, then the end.  For the two sides alone.
 *
 * Numbers are of 32 bits, little end first.  The worker takes every answer for hostile.
 */
#ifndef SUT_IPC_DARKROOM_WIRE_H
#define SUT_IPC_DARKROOM_WIRE_H

#include <stdint.h>

#include "ipc/darkroom.h"

enum {
    SUT_DARKROOM_ASK = 16,    /* bytes of an ask's head */
    SUT_DARKROOM_ANSWER = 28, /* and of an answer's */
};

enum sut_darkroom_what { SUT_DARKROOM_DEVELOP = 1, SUT_DARKROOM_PRINT = 2 };

struct sut_darkroom_ask {
    enum sut_darkroom_what what;
    uint32_t n;     /* bytes that follow */
    uint32_t width; /* of PRINT; else 0 */
    uint32_t height;
};

enum sut_darkroom_outcome {
    SUT_DARKROOM_DONE = 1,
    SUT_DARKROOM_INVALID,
    SUT_DARKROOM_PARSE,
    SUT_DARKROOM_TOO_LARGE,
};

struct sut_darkroom_answer {
    enum sut_darkroom_outcome outcome; /* but for DONE the rest is 0 */
    enum sut_picture_kind kind;
    uint32_t width;
    uint32_t height;
    uint32_t n[SUT_PICTURE_FILES]; /* bytes of the files that follow, in their order */
};

/* What goes before the picture's bytes; the fields are as the worker set them. */
void sut_darkroom_ask_write(const struct sut_darkroom_ask *a, unsigned char to[SUT_DARKROOM_ASK]);
/* PARSE: it is none, or more than may be sent. */
SUT_ERR sut_darkroom_ask_read(const unsigned char from[SUT_DARKROOM_ASK],
                              struct sut_darkroom_ask *ret);
void sut_darkroom_answer_write(const struct sut_darkroom_answer *a,
                               unsigned char to[SUT_DARKROOM_ANSWER]);
/* PARSE: it is none, or tells of what can't be. */
SUT_ERR sut_darkroom_answer_read(const unsigned char from[SUT_DARKROOM_ANSWER],
                                 struct sut_darkroom_answer *ret);

#endif
