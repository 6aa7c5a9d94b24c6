/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/darkroom_wire.h"

static void put(unsigned char *to, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (unsigned char) (v >> 8 * i);
}

static uint32_t get(const unsigned char *from)
{
    return from[0] | (uint32_t) from[1] << 8 | (uint32_t) from[2] << 16 | (uint32_t) from[3] << 24;
}

void sut_darkroom_ask_write(const struct sut_darkroom_ask *a, unsigned char to[SUT_DARKROOM_ASK])
{
    put(to, (uint32_t) a->what);
    put(to + 4, a->n);
    put(to + 8, a->width);
    put(to + 12, a->height);
}

SUT_ERR sut_darkroom_ask_read(const unsigned char from[SUT_DARKROOM_ASK],
                              struct sut_darkroom_ask *ret)
{
    const uint32_t what = get(from);
    const struct sut_darkroom_ask a = { .what = (enum sut_darkroom_what) what,
                                        .n = get(from + 4),
                                        .width = get(from + 8),
                                        .height = get(from + 12) };
    ENSURE(what == SUT_DARKROOM_DEVELOP || what == SUT_DARKROOM_PRINT, PARSE);
    ENSURE(a.n <= (what == SUT_DARKROOM_PRINT ? SUT_PICTURE_OUT_MAX : SUT_PICTURE_BYTES_MAX),
           PARSE);
    *ret = a;
    return SUT_OK;
}

void sut_darkroom_answer_write(const struct sut_darkroom_answer *a,
                               unsigned char to[SUT_DARKROOM_ANSWER])
{
    put(to, (uint32_t) a->outcome);
    put(to + 4, (uint32_t) a->kind);
    put(to + 8, a->width);
    put(to + 12, a->height);
    for (unsigned i = 0; i < SUT_PICTURE_FILES; i++)
        put(to + 16 + 4 * i, a->n[i]);
}

SUT_ERR sut_darkroom_answer_read(const unsigned char from[SUT_DARKROOM_ANSWER],
                                 struct sut_darkroom_answer *ret)
{
    const uint32_t outcome = get(from);
    const uint32_t kind = get(from + 4);
    struct sut_darkroom_answer a = { .outcome = (enum sut_darkroom_outcome) outcome };
    ENSURE(outcome >= SUT_DARKROOM_DONE && outcome <= SUT_DARKROOM_TOO_LARGE, PARSE);
    if (outcome == SUT_DARKROOM_DONE) {
        a.kind = (enum sut_picture_kind) kind;
        a.width = get(from + 8);
        a.height = get(from + 12);
        ENSURE(kind >= SUT_PICTURE_JPEG && kind <= SUT_PICTURE_WEBP, PARSE);
        ENSURE(a.width > 0 && a.height > 0 &&
                   (uint64_t) a.width * a.height <= SUT_PICTURE_PIXELS_MAX,
               PARSE);
        for (unsigned i = 0; i < SUT_PICTURE_FILES; i++) {
            a.n[i] = get(from + 16 + 4 * i);
            ENSURE(a.n[i] > 0 && a.n[i] <= SUT_PICTURE_OUT_MAX, PARSE);
        }
    }
    *ret = a;
    return SUT_OK;
}
