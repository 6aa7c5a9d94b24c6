/* SPDX-License-Identifier: Apache-2.0
 *
 * multipart - bodies of type multipart/form-data (RFC 7578, RFC 2046 5.1): a form with
 * one file.
 *
 * Stricter than the RFCs, since only forms come this way: nothing before the first
 * delimiter and nothing but one line's end after the last; no padding of delimiters; no
 * field but Content-Disposition, Content-Type, and what says that nothing is encoded; no
 * part within a part; every name once; at most SUT_MULTIPART_PARTS_MAX parts, one of them a
 * file.  Delimiters in a part's bytes end it, wherever they stand.
 *
 * Results are slices of the input.  No allocation, no I/O; any thread.
 */
#ifndef SUT_CODEC_MULTIPART_H
#define SUT_CODEC_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

enum {
    SUT_MULTIPART_PARTS_MAX = 8,
    SUT_MULTIPART_BOUNDARY_MAX = 70, /* RFC 2046 5.1.1 */
    SUT_MULTIPART_HEAD_MAX = 1024,   /* bytes of a part's fields in all */
    SUT_MULTIPART_NAME_MAX = 64,
    SUT_MULTIPART_TEXT_MAX = 16 * 1024, /* of a part that is no file */
};

struct sut_part {
    sut_str name;
    bool is_file;     /* it has a file name, though perhaps an empty one */
    sut_str filename; /* as it was sent: not decoded, never a path to be used */
    sut_str type;     /* as it was sent, or empty */
    sut_str bytes;
};

struct sut_multipart {
    size_t n;
    struct sut_part parts[SUT_MULTIPART_PARTS_MAX];
};

/* Whether a Content-Type says multipart/form-data, well or badly. */
bool sut_multipart_is(sut_str content_type);
/* The boundary that it names; PARSE: none, two, a bad one, or another type. */
SUT_ERR sut_multipart_boundary(sut_str content_type, sut_str *ret);
/* The parts of a body; PARSE for whatever is not as above. */
SUT_ERR sut_multipart_parse(sut_str boundary, sut_str body, struct sut_multipart *ret);
/* The part of this name, or NULL. */
const struct sut_part *sut_multipart_get(const struct sut_multipart *m, sut_str name);

#endif
