/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes of anybody's through all that the darkroom does with a picture.  What comes through
 * comes through again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "darkroom/develop.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct sut_codecs *codecs;
    struct sut_diag diag = { .text = "" };
    struct sut_picture first;
    struct sut_picture again;
    if (codecs == NULL && sut_failed(sut_codecs_load(&codecs, &diag)))
        abort();
    if (sut_failed(sut_develop(codecs, sut_str_of((const char *) p, n), &first)))
        return 0;
    for (size_t i = 0; i < SUT_PICTURE_FILES; i++) {
        /* Of what fits only: a file of ours may be longer than one that is taken. */
        if (first.files[i].n > SUT_PICTURE_BYTES_MAX)
            continue;
        if (sut_failed(sut_develop(codecs, sut_buf_str(&first.files[i]), &again)))
            abort();
        if (again.kind != first.kind)
            abort();
        sut_picture_done(&again);
    }
    sut_picture_done(&first);
    return 0;
}
