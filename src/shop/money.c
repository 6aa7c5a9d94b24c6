/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/money.h"

#include <math.h>

enum { DIGITS_MAX = 12 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits(sut_str s, size_t from)
{
    size_t n = 0;
    while (from + n < s.n && is_digit(s.p[from + n]))
        n++;
    return n;
}

sut_err sut_money_parse(sut_str s, sut_money *ret)
{
    const bool is_negative = s.n > 0 && s.p[0] == '-';
    size_t at = is_negative ? 1 : 0;
    const size_t whole = digits(s, at);
    ENSURE(whole > 0 && whole <= DIGITS_MAX, PARSE);

    int64_t cents = 0;
    for (size_t i = 0; i < whole; i++)
        cents = cents * 10 + (s.p[at + i] - '0');
    at += whole;

    size_t places = 0;
    if (at < s.n) {
        ENSURE(s.p[at] == '.', PARSE);
        places = digits(s, at + 1);
        ENSURE(places > 0 && places <= 2 && at + 1 + places == s.n, PARSE);
    }
    for (size_t i = 0; i < 2; i++)
        cents = cents * 10 + (i < places ? s.p[at + 1 + i] - '0' : 0);
    ret->cents = is_negative ? -cents : cents;
    return SUT_OK;
}

sut_err sut_money_from_number(double v, sut_money *ret)
{
    ENSURE(isfinite(v) && fabs(v) < 1e12, PARSE);
    const double cents = round(v * 100);
    /* The nearest double of that many cents must be the number that was sent. */
    ENSURE(cents / 100 == v, PARSE);
    ret->cents = (int64_t) cents;
    return SUT_OK;
}

sut_str sut_money_text(sut_money m, char to[SUT_MONEY_TEXT])
{
    uint64_t rest = m.cents < 0 ? 0 - (uint64_t) m.cents : (uint64_t) m.cents;
    size_t at = SUT_MONEY_TEXT;
    for (unsigned i = 0; i < 3 || rest > 0; i++) {
        if (i == 2)
            to[--at] = '.';
        to[--at] = (char) ('0' + rest % 10);
        rest /= 10;
    }
    if (m.cents < 0)
        to[--at] = '-';
    return sut_str_of(to + at, SUT_MONEY_TEXT - at);
}

bool sut_money_is_price(sut_money m, bool is_zero_ok)
{
    return m.cents >= (is_zero_ok ? 0 : 1) && m.cents <= SUT_PRICE_MAX_CENTS;
}

sut_err sut_money_add(sut_money a, sut_money b, sut_money *ret)
{
    ENSURE(!__builtin_add_overflow(a.cents, b.cents, &ret->cents), TOO_LARGE);
    return SUT_OK;
}

sut_err sut_money_times(sut_money a, int64_t n, sut_money *ret)
{
    ENSURE(!__builtin_mul_overflow(a.cents, n, &ret->cents), TOO_LARGE);
    return SUT_OK;
}
