/* SPDX-License-Identifier: Apache-2.0 */
#include "base/scan.h"

bool sut_scan_char(struct sut_scan *c, char want)
{
    if (c->p == c->end || *c->p != want)
        return false;
    c->p++;
    return true;
}

bool sut_scan_lit(struct sut_scan *c, sut_str want)
{
    if (!sut_str_starts(sut_scan_rest(c), want))
        return false;
    c->p += want.n;
    return true;
}

sut_str sut_scan_until(struct sut_scan *c, char stop)
{
    const sut_str rest = sut_scan_rest(c);
    const sut_str got = sut_str_of(rest.p, sut_str_find(rest, 0, stop));
    c->p += got.n;
    return got;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

SUT_ERR sut_scan_u64(struct sut_scan *c, uint64_t max, uint64_t *ret)
{
    const char *p = c->p;
    uint64_t v = 0;
    for (; p != c->end && is_digit(*p); p++) {
        const bool over = __builtin_mul_overflow(v, 10, &v) ||
                          __builtin_add_overflow(v, (uint64_t) (*p - '0'), &v);
        ENSURE(!over && v <= max, INVALID);
    }
    ENSURE(p != c->p, PARSE);
    c->p = p;
    *ret = v;
    return SUT_OK;
}

SUT_ERR sut_scan_fixed(struct sut_scan *c, unsigned digits, uint64_t *ret)
{
    ENSURE((size_t) (c->end - c->p) >= digits && digits <= 18, PARSE);
    uint64_t v = 0;
    for (unsigned i = 0; i < digits; i++) {
        ENSURE(is_digit(c->p[i]), PARSE);
        v = v * 10 + (uint64_t) (c->p[i] - '0');
    }
    c->p += digits;
    *ret = v;
    return SUT_OK;
}

SUT_ERR sut_parse_u64(sut_str s, uint64_t max, uint64_t *ret)
{
    struct sut_scan c = sut_scan_of(s);
    uint64_t v = 0;
    TRY(sut_scan_u64(&c, max, &v));
    ENSURE(sut_scan_at_end(&c), PARSE);
    *ret = v;
    return SUT_OK;
}

SUT_ERR sut_parse_i64(sut_str s, int64_t min, int64_t max, int64_t *ret)
{
    struct sut_scan c = sut_scan_of(s);
    const bool minus = sut_scan_char(&c, '-');
    uint64_t v = 0;
    TRY(sut_scan_u64(&c, minus ? (uint64_t) INT64_MAX + 1 : INT64_MAX, &v));
    ENSURE(sut_scan_at_end(&c), PARSE);
    int64_t i = INT64_MIN;
    if (!minus)
        i = (int64_t) v;
    else if (v <= INT64_MAX)
        i = -(int64_t) v;
    ENSURE(i >= min && i <= max, INVALID);
    *ret = i;
    return SUT_OK;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    const char l = sut_ascii_lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

SUT_ERR sut_parse_hex(sut_str s, void *ret, size_t n)
{
    ENSURE(s.n / 2 == n && s.n % 2 == 0, PARSE);
    for (size_t i = 0; i < s.n; i++)
        ENSURE(hex_value(s.p[i]) >= 0, PARSE);
    unsigned char *to = ret;
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char) (hex_value(s.p[2 * i]) << 4 | hex_value(s.p[2 * i + 1]));
    return SUT_OK;
}
