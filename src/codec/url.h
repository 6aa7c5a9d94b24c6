/* SPDX-License-Identifier: Apache-2.0
 *
 * url - percent encoding and query strings (RFC 3986; the query as HTML's forms write it).
 *
 * Strict: what is decoded is decoded once; a broken %XX, a byte that a URL
 * can't hold raw, a decoded control character, or bytes that are not UTF-8 are
 * PARSE.  Slices live in the arena or in the input.  NOMEM when the arena is
 * exhausted.
 */
#ifndef SUT_CODEC_URL_H
#define SUT_CODEC_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct sut_pair {
    sut_str key;
    sut_str value;
    unsigned
        n; /* how often this key came; 2 or more: the caller refuses it when it knows the key */
};

/* Each key once, with its first value, in order of appearance. */
struct sut_pairs {
    const struct sut_pair *items;
    size_t n;
};

enum { SUT_QUERY_PAIRS_MAX = 64 };

/* Decode a path segment or the like: '+' stays a plus. */
SUT_ERR sut_url_decode(struct sut_arena *a, sut_str raw, sut_str *ret);
/* Decode "a=1&b=two+words".  A missing '=' means an empty value; TOO_LARGE past `max` pairs. */
SUT_ERR sut_url_parse_query(struct sut_arena *a, sut_str raw, size_t max, struct sut_pairs *ret);
/* The pair, or NULL. */
const struct sut_pair *sut_pairs_get(const struct sut_pairs *p, const char *key);
/* Its value; p is NULL when the key is absent. */
sut_str sut_pairs_value(const struct sut_pairs *p, const char *key);

/* Append s with everything but letters, digits and -._~ escaped. */
void sut_url_encode(struct sut_buf *out, sut_str s);
/* Append "key=value", escaped, with '?' before the first and '&' before each later one. */
void sut_url_add_query(struct sut_buf *out, bool *first, sut_str key, sut_str value);

#endif
