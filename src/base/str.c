/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include "base/arena.h"

bool sut_str_eq_nocase(sut_str a, sut_str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (sut_ascii_lower(a.p[i]) != sut_ascii_lower(b.p[i]))
            return false;
    return true;
}

bool sut_str_starts(sut_str s, sut_str prefix)
{
    return s.n >= prefix.n && sut_str_eq(sut_str_of(s.p, prefix.n), prefix);
}

bool sut_str_ends(sut_str s, sut_str suffix)
{
    return s.n >= suffix.n && sut_str_eq(sut_str_sub(s, s.n - suffix.n, s.n), suffix);
}

int sut_str_cmp(sut_str a, sut_str b)
{
    const size_t n = a.n < b.n ? a.n : b.n;
    const int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
    if (c != 0)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

size_t sut_str_find(sut_str s, size_t from, char c)
{
    if (from >= s.n)
        return s.n;
    const char *hit = memchr(s.p + from, c, s.n - from);
    return hit == NULL ? s.n : (size_t) (hit - s.p);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

sut_str sut_str_trim(sut_str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

sut_str sut_str_sub(sut_str s, size_t from, size_t to)
{
    if (to > s.n)
        to = s.n;
    if (from >= to)
        return (sut_str){ 0 };
    return sut_str_of(s.p + from, to - from);
}

sut_str sut_str_dup(struct sut_arena *a, sut_str s)
{
    char *p = sut_str_z(a, s);
    return p == NULL ? (sut_str){ 0 } : sut_str_of(p, s.n);
}

char *sut_str_z(struct sut_arena *a, sut_str s)
{
    if (s.n == (size_t) -1)
        return NULL;
    char *p = ARENA_ARRAY(a, char, s.n + 1);
    if (p != NULL && s.n > 0)
        memcpy(p, s.p, s.n);
    return p;
}
