/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/slug.h"

#include "base/buf.h"
#include "codec/utf8.h"

enum { NUMBER_MAX = 12, ONE_BY_ONE = 4 };
static const uint64_t number_max = 1000000000;

static bool is_number(sut_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

/* Cut to the length, no '-' at its end.  Digits alone would be read as a number in an address. */
static SUT_ERR base_of(struct sut_arena *a, sut_str name, const char *nameless, sut_str *ret)
{
    struct sut_buf b;
    sut_str s = { 0 };
    TRY(sut_utf8_slug(a, name, &s));
    s = sut_str_sub(s, 0, SUT_SLUG_MAX);
    while (s.n > 0 && s.p[s.n - 1] == '-')
        s.n--;
    if (s.n > 0 && !is_number(s)) {
        *ret = s;
        return SUT_OK;
    }
    sut_buf_init_arena(&b, a, SUT_SLUG_MAX + NUMBER_MAX + strlen(nameless));
    sut_buf_z(&b, nameless);
    if (s.n > 0)
        sut_buf_char(&b, '-');
    sut_buf_str_add(&b, s);
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

struct tries {
    struct sut_db_conn *c;
    struct sut_arena *a;
    sut_str base;
    sut_slug_taken *taken;
};

static SUT_ERR is_taken(const struct tries *t, uint64_t number, sut_str *ret_slug, bool *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, t->a, t->base.n + NUMBER_MAX);
    sut_buf_str_add(&b, t->base);
    if (number > 1) {
        sut_buf_char(&b, '-');
        sut_buf_u64(&b, number);
    }
    TRY(sut_buf_check(&b));
    *ret_slug = sut_buf_str(&b);
    return t->taken(t->c, *ret_slug, ret);
}

/* Of a thousand of one name the last costs some twenty looks, not a thousand. */
SUT_ERR sut_slug_make(struct sut_db_conn *c, struct sut_arena *a, sut_str name,
                      const char *nameless, sut_slug_taken *taken, sut_str *ret)
{
    struct tries t = { .c = c, .a = a, .taken = taken };
    bool is = true;
    TRY(base_of(a, name, nameless, &t.base));
    for (uint64_t number = 1; number <= ONE_BY_ONE; number++) {
        TRY(is_taken(&t, number, ret, &is));
        if (!is)
            return SUT_OK;
    }
    uint64_t low = ONE_BY_ONE; /* taken */
    uint64_t high = low * 2;
    for (;; low = high, high *= 2) {
        ENSURE(high <= number_max, EXISTS);
        TRY(is_taken(&t, high, ret, &is));
        if (!is)
            break;
    }
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        TRY(is_taken(&t, middle, ret, &is));
        low = is ? middle : low;
        high = is ? high : middle;
    }
    return is_taken(&t, high, ret, &is);
}
