/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a form with a file: the first line is the Content-Type, the rest the body.
 * What is taken is made of slices of the body that don't overlap, and no part holds the
 * delimiter.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_part(const struct sut_part *p, sut_str body, sut_str boundary, const char **last)
{
    if (p->bytes.p < *last || p->bytes.p + p->bytes.n > body.p + body.n)
        abort();
    *last = p->bytes.p + p->bytes.n;
    if (p->name.n == 0 || p->name.n > SUT_MULTIPART_NAME_MAX)
        abort();
    const char *at = p->bytes.p;
    size_t left = p->bytes.n;
    for (const char *hit; left > 0 && (hit = memmem(at, left, "\r\n--", 4)) != NULL;) {
        left -= (size_t) (hit + 4 - at);
        at = hit + 4;
        if (left >= boundary.n && memcmp(at, boundary.p, boundary.n) == 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const sut_str all = sut_str_of((const char *) data, size);
    const size_t line = sut_str_find(all, 0, '\n');
    const sut_str body = sut_str_sub(all, line + 1, all.n);
    sut_str boundary = { 0 };
    struct sut_multipart m;
    if (sut_failed(sut_multipart_boundary(sut_str_sub(all, 0, line), &boundary)) ||
        sut_failed(sut_multipart_parse(boundary, body, &m)))
        return 0;
    if (m.n == 0 || m.n > SUT_MULTIPART_PARTS_MAX)
        abort();
    size_t files = 0;
    const char *last = body.p;
    for (size_t i = 0; i < m.n; i++) {
        check_part(&m.parts[i], body, boundary, &last);
        files += m.parts[i].is_file;
        if (sut_multipart_get(&m, m.parts[i].name) != &m.parts[i])
            abort();
    }
    if (files > 1)
        abort();
    return 0;
}
