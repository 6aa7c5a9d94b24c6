/* SPDX-License-Identifier: Apache-2.0
 *
 * corpora - public test vectors, read where they stand: the folder that
 * SUTLER_CORPORA names, else ../shared/corpora beside the source tree.
 */
#ifndef SUT_TESTS_LIB_CORPORA_H
#define SUT_TESTS_LIB_CORPORA_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* The JSON of a file like "wycheproof/aes_gcm_test.json", or NULL where there are no corpora. */
static inline json_t *corpus_json(const char *name)
{
    const char *dir = getenv("SUTLER_CORPORA");
    char path[4096];
    (void) snprintf(path, sizeof(path), "%s/%s",
                    dir != NULL ? dir : SUT_SOURCE_ROOT "/../shared/corpora", name);
    return json_load_file(path, JSON_ALLOW_NUL, NULL);
}

static inline const char *corpus_str(const json_t *o, const char *key)
{
    const char *z = json_string_value(json_object_get(o, key));
    return z == NULL ? "" : z;
}

#endif
