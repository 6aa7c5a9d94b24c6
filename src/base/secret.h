/* SPDX-License-Identifier: Apache-2.0
 *
 * secret - memory for keys: locked, left out of core files, wiped at the end.
 *
 * Each secret lives in pages of its own between two guard pages; one that was
 * never used costs no memory.  The creator owns it.  Reading from several threads is safe once it
 * is filled.
 */
#ifndef SUT_BASE_SECRET_H
#define SUT_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct sut_secret;

/* n zeroed bytes (1 .. 64 KiB).  NOMEM; SYSTEM when it can't be locked. */
SUT_ERR sut_secret_create(size_t n, struct sut_secret **ret);
/* The same, filled with a copy of s. */
SUT_ERR sut_secret_dup(sut_str s, struct sut_secret **ret);
void sut_secret_free(struct sut_secret **s);

/* Borrowed, to be written: good as long as the secret. */
void *sut_secret_bytes(struct sut_secret *s);
/* Borrowed: good as long as the secret. */
sut_str sut_secret_str(const struct sut_secret *s);

/* In time that depends on the lengths alone. */
bool sut_secret_eq(sut_str a, sut_str b);
/* A wipe that the compiler does not drop; p may be NULL when n is 0. */
void sut_wipe(void *p, size_t n);

#endif
