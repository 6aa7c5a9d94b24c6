/* SPDX-License-Identifier: Apache-2.0
 *
 * cbor - CBOR in (RFC 8949), as authenticators write it, as a tree in an arena.
 *
 * Over libcbor's streaming decoder, which allocates nothing.  Strict, as CTAP2's
 * canonical form asks (FIDO CTAP 2.1, section 8): definite lengths, heads of the
 * shortest form, no tags, at most four levels of maps and arrays, keys that are
 * integers or texts, none of them twice.  The order of keys is not looked at:
 * authenticators differ in it and nothing here depends on it.  Integers are int64 (out
 * of range is refused), texts are UTF-8.  Texts and bytes are slices of the input.
 * At most SUT_CBOR_ITEMS_MAX values.  Any thread, each with its own arena.
 */
#ifndef SUT_CODEC_CBOR_H
#define SUT_CODEC_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/scan.h"
#include "base/str.h"

enum { SUT_CBOR_DEPTH_MAX = 4, SUT_CBOR_ITEMS_MAX = 512 };

enum sut_cbor_type {
    SUT_CBOR_INT,
    SUT_CBOR_BYTES,
    SUT_CBOR_TEXT,
    SUT_CBOR_ARRAY,
    SUT_CBOR_MAP,
    SUT_CBOR_BOOL,
    SUT_CBOR_NULL,
    SUT_CBOR_OTHER, /* undefined, or a number with a point: nobody asks for its value */
};

struct sut_cbor {
    enum sut_cbor_type type;
    bool b;
    int64_t i;
    sut_str s;                    /* BYTES, TEXT */
    size_t n;                     /* ARRAY, MAP: members */
    const struct sut_cbor *items; /* ARRAY, MAP: the values, in order */
    const struct sut_cbor *keys;  /* MAP: keys[i] names items[i] */
};

/* Take one value off the front.  PARSE, with the cursor where it was; NOMEM. */
SUT_ERR sut_cbor_take(struct sut_arena *a, struct sut_scan *c, const struct sut_cbor **ret);
/* The whole is one value; PARSE also when something follows it. */
SUT_ERR sut_cbor_parse(struct sut_arena *a, sut_str bytes, const struct sut_cbor **ret);

/* The member, or NULL when it is absent or m is no map. */
const struct sut_cbor *sut_cbor_get(const struct sut_cbor *m, const char *key);
const struct sut_cbor *sut_cbor_get_int(const struct sut_cbor *m, int64_t key);

#endif
