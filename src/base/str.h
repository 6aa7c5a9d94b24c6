/* SPDX-License-Identifier: Apache-2.0
 *
 * str - a slice of bytes that somebody else owns; not NUL-terminated.
 *
 * Passed by value.  p may be NULL only when n is 0.  ASCII case folding alone;
 * for Unicode see codec/utf8.h.
 */
#ifndef SUT_BASE_STR_H
#define SUT_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct sut_arena;

typedef struct {
    const char *p;
    size_t n;
} sut_str;

/* A slice over a string literal, at compile time. */
#define SUT_STR(lit_) ((sut_str){ .p = "" lit_, .n = sizeof(lit_) - 1 })
/* The same for static initialisers. */
#define SUT_STR_INIT(lit_)                                                                         \
    {                                                                                              \
        .p = "" lit_, .n = sizeof(lit_) - 1                                                        \
    }
/* For printf's "%.*s". */
#define SUT_STR_ARG(s_) ((int) (s_).n), ((s_).n > 0 ? (s_).p : "")

static inline sut_str sut_str_of(const char *p, size_t n)
{
    return (sut_str){ .p = p, .n = n };
}

static inline sut_str sut_str_from(const char *z)
{
    return (sut_str){ .p = z, .n = z == NULL ? 0 : strlen(z) };
}

static inline bool sut_str_eq(sut_str a, sut_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool sut_str_is(sut_str a, const char *z)
{
    return sut_str_eq(a, sut_str_from(z));
}

static inline char sut_ascii_lower(char c)
{
    return (char) (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* By bytes; the first folds the case of ASCII letters. */
bool sut_str_eq_nocase(sut_str a, sut_str b);
bool sut_str_starts(sut_str s, sut_str prefix);
bool sut_str_ends(sut_str s, sut_str suffix);
/* Byte order, shorter first: <0, 0, >0. */
int sut_str_cmp(sut_str a, sut_str b);
/* Index of the first c at or after `from`, or s.n. */
size_t sut_str_find(sut_str s, size_t from, char c);
/* Without ASCII blanks (space, tab, CR, LF, VT, FF) at either end. */
sut_str sut_str_trim(sut_str s);
/* Bytes [from, to) of s; both are clamped. */
sut_str sut_str_sub(sut_str s, size_t from, size_t to);

/* Copies into the arena; {NULL,0} / NULL when it is exhausted (the arena stays overflowed). */
sut_str sut_str_dup(struct sut_arena *a, sut_str s);
char *sut_str_z(struct sut_arena *a, sut_str s);

#endif
