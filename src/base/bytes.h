/* SPDX-License-Identifier: Apache-2.0
 *
 * bytes - refcounted, immutable bytes for what crosses lifetimes: cached
 * bodies, static files.
 *
 * The creator holds the first reference.  ref and unref are safe from any
 * thread; the bytes never change after create's caller has filled them.
 */
#ifndef SUT_BASE_BYTES_H
#define SUT_BASE_BYTES_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct sut_bytes;

/* A copy of s. */
SUT_ERR sut_bytes_create(sut_str s, struct sut_bytes **ret);
/* Over bytes that outlive every reference (constants of the program): no copy. */
SUT_ERR sut_bytes_create_over(sut_str s, struct sut_bytes **ret);
struct sut_bytes *sut_bytes_ref(struct sut_bytes *b);
/* Drop one reference and set *b to NULL; the last one frees. */
void sut_bytes_unref(struct sut_bytes **b);
sut_str sut_bytes_str(const struct sut_bytes *b);

#endif
