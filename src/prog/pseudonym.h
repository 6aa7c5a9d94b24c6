/* SPDX-License-Identifier: Apache-2.0
 *
 * pseudonym - what stands for a person in the log: `p` and 16 hexadecimal digits
 * of HMAC-SHA256 over the person's number, under the keyring's PSEUDONYM key.
 *
 * So all lines of one person can be followed, and a log that was taken says
 * nothing about whom.  A rotation of the key cuts the thread: the same person is
 * another pseudonym from then on; while the keyring still has the older key, who
 * may ask the server finds the person of an older line, too.
 *
 * Any thread.  Keys lie in locked memory.
 */
#ifndef SUT_PROG_PSEUDONYM_H
#define SUT_PROG_PSEUDONYM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct sut_keeper;
struct sut_pseudonyms;
struct sut_store;

enum { SUT_PSEUDONYM_TEXT = 17 }; /* characters */

/* Without a key yet. */
SUT_ERR sut_pseudonyms_create(struct sut_pseudonyms **ret);
/* The log has no pseudonyms from then on. */
void sut_pseudonyms_free(struct sut_pseudonyms **p);

/* Take these keys (copied), the current one first, and give the log that one. */
SUT_ERR sut_pseudonyms_set(struct sut_pseudonyms *p, const sut_str *keys, size_t n);
/* The same out of the keyring; at the start, and whenever it has changed.  Blocks. */
SUT_ERR sut_pseudonyms_load(struct sut_pseudonyms *p, struct sut_store *store,
                            struct sut_keeper *keeper);

/* Whether the text has the form of a pseudonym. */
bool sut_pseudonym_is(sut_str text);
/* The person's pseudonym of today; false before there is a key. */
bool sut_pseudonyms_of(struct sut_pseudonyms *p, int64_t person, char ret[SUT_PSEUDONYM_TEXT]);
/* Which of the people has that pseudonym under any of the keys: an index, n when none has. */
size_t sut_pseudonyms_match(struct sut_pseudonyms *p, sut_str pseudonym, const int64_t *people,
                            size_t n);

#endif
