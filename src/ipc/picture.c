/* SPDX-License-Identifier: Apache-2.0
 *
 * picture - what a picture is, for both ends of the line: its kinds and its storage.
 */
#include "ipc/darkroom.h"

const char *sut_picture_suffix(enum sut_picture_kind k)
{
    switch (k) {
    case SUT_PICTURE_JPEG:
        return ".jpg";
    case SUT_PICTURE_PNG:
        return ".png";
    case SUT_PICTURE_WEBP:
        return ".webp";
    }
    return "";
}

const char *sut_picture_type(enum sut_picture_kind k)
{
    switch (k) {
    case SUT_PICTURE_JPEG:
        return "image/jpeg";
    case SUT_PICTURE_PNG:
        return "image/png";
    case SUT_PICTURE_WEBP:
        return "image/webp";
    }
    return "";
}

void sut_picture_done(struct sut_picture *p)
{
    for (size_t i = 0; i < SUT_PICTURE_FILES; i++)
        sut_buf_done(&p->files[i]);
}
