/* SPDX-License-Identifier: Apache-2.0
 *
 * corpora - finds other people's test data: in $SUTLER_CORPORA, else beside the tree.
 *
 * The including target defines SUT_SOURCE_ROOT.  Files are read where they
 * stand; a test whose file is absent calls skip().
 */
#ifndef SUT_TESTS_CORPORA_H
#define SUT_TESTS_CORPORA_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"

enum { SUT_CORPORA_PATH_MAX = 1024, SUT_CORPORA_FILE_MAX = 8 << 20 };

/* The path of a file or folder of the corpora; false when it is not there. */
__attribute__((unused)) static bool corpora_path(const char *name, char path[SUT_CORPORA_PATH_MAX])
{
    const char *root = getenv("SUTLER_CORPORA");
    const int n = root != NULL ? snprintf(path, SUT_CORPORA_PATH_MAX, "%s/%s", root, name)
                               : snprintf(path, SUT_CORPORA_PATH_MAX, "%s/../shared/corpora/%s",
                                          SUT_SOURCE_ROOT, name);
    FILE *f = n > 0 && n < SUT_CORPORA_PATH_MAX ? fopen(path, "re") : NULL;
    if (f == NULL)
        return false;
    (void) fclose(f);
    return true;
}

/* All bytes of a file, to be given back with sut_mem_free(); p is NULL when it can't be read. */
__attribute__((unused)) static sut_str corpora_read(const char *path)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return (sut_str){ 0 };
    char *p = sut_mem_alloc(SUT_CORPORA_FILE_MAX);
    const size_t n = p == NULL ? 0 : fread(p, 1, SUT_CORPORA_FILE_MAX, f);
    (void) fclose(f);
    return sut_str_of(p, n);
}

#endif
