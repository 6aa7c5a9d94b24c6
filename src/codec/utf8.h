/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8 - text as code points: checks, case, normal forms, words.
 *
 * Over libunistring (Unicode 14, as Python 3.11 has it): where a name of
 * Python's stands in a contract here, the answers are the same for every code
 * point, since accounts and passwords cross to and from Django.  Functions with
 * an arena return slices of it, or of their input when nothing changed; NOMEM
 * when it is exhausted, PARSE when the input is not UTF-8.  Any thread.
 */
#ifndef SUT_CODEC_UTF8_H
#define SUT_CODEC_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* Well-formed: shortest form, no surrogates, nothing above U+10FFFF. */
bool sut_utf8_is_valid(sut_str s);
bool sut_utf8_is_ascii(sut_str s);
/* Decode at *at and move on; false at the end.  A byte that starts no code point gives U+FFFD. */
bool sut_utf8_next(sut_str s, size_t *at, uint32_t *ret_cp);
/* Code points of valid text (each stray byte counts as one). */
size_t sut_utf8_count(sut_str s);
/* The first n code points of s. */
sut_str sut_utf8_head(sut_str s, size_t n);
/* Write one code point; the bytes used, 0 for a surrogate or above U+10FFFF. */
size_t sut_utf8_put(uint32_t cp, char to[4]);

/* Python's str.isspace(), str.isdigit() and the \w of its `re`, for one code point. */
bool sut_utf8_is_space(uint32_t cp);
bool sut_utf8_is_digit(uint32_t cp);
bool sut_utf8_is_word(uint32_t cp);
/* C0, DEL and C1. */
bool sut_utf8_is_control(uint32_t cp);
/* Python's str.strip(). */
sut_str sut_utf8_trim(sut_str s);

/* Python's str.lower(): the full mapping, with the final sigma. */
SUT_ERR sut_utf8_lower(struct sut_arena *a, sut_str s, sut_str *ret);
SUT_ERR sut_utf8_nfkc(struct sut_arena *a, sut_str s, sut_str *ret);
/* NFKD, without marks, lower case: what search compares.  "Élan" and "elan" are one. */
SUT_ERR sut_utf8_fold(struct sut_arena *a, sut_str s, sut_str *ret);
/* Words of ASCII letters and digits of the folded text, joined by '-'; empty when there are none.
 */
SUT_ERR sut_utf8_slug(struct sut_arena *a, sut_str s, sut_str *ret);
/*
 * The folded text cut into words (\w without '_'), at most `max` of them, each
 * once, in order.  *ret_n may be 0.
 */
SUT_ERR sut_utf8_terms(struct sut_arena *a, sut_str s, size_t max, sut_str **ret, size_t *ret_n);

#endif
