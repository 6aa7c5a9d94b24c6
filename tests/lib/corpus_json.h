/* SPDX-License-Identifier: Apache-2.0
 *
 * corpus_json - test vectors that are JSON, through jansson.
 */
#ifndef SUT_TESTS_CORPUS_JSON_H
#define SUT_TESTS_CORPUS_JSON_H

#include <jansson.h>

#include "corpora.h"

/* A file like "wycheproof/aes_gcm_test.json", or NULL where there are no corpora. */
static inline json_t *corpus_json(const char *name)
{
    char path[SUT_CORPORA_PATH_MAX];
    return corpora_path(name, path) ? json_load_file(path, JSON_ALLOW_NUL, NULL) : NULL;
}

static inline const char *corpus_str(const json_t *o, const char *key)
{
    const char *z = json_string_value(json_object_get(o, key));
    return z == NULL ? "" : z;
}

#endif
