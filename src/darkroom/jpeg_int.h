/* SPDX-License-Identifier: Apache-2.0
 *
 * jpeg_int - what reading and writing JPEG share: where libjpeg's errors lead.  For those two
 * files alone.
 *
 * libjpeg leaves by longjmp(3) to `out`, which a setjmp(3) of a caller that is still there has set.
 * All that changes between the two lies in memory that a pointer leads to, never in a local
 * variable.
 */
#ifndef SUT_DARKROOM_JPEG_INT_H
#define SUT_DARKROOM_JPEG_INT_H

#include <setjmp.h>

#include "darkroom/codecs.h"

struct sut_jpeg_trouble {
    struct jpeg_error_mgr manager; /* first: libjpeg knows it by this */
    jmp_buf out;
    sut_err e;
};

/* Make libjpeg's errors, and warnings of data that can't be right, go there. */
struct jpeg_error_mgr *sut_jpeg__trouble_init(const struct sut_codecs *l,
                                              struct sut_jpeg_trouble *t);
/* Leave with this error. */
_Noreturn void sut_jpeg__leave(j_common_ptr c, sut_err e);

#endif
