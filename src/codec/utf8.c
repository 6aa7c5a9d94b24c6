/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/utf8.h"

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/buf.h"
#include "base/mem.h"

enum { CAPITAL_DOTTED_I = 0x130, CAPITAL_SIGMA = 0x3a3 };

static const uint8_t *bytes_of(sut_str s)
{
    return (const uint8_t *) (s.n == 0 ? "" : s.p);
}

bool sut_utf8_is_valid(sut_str s)
{
    return u8_check(bytes_of(s), s.n) == NULL;
}

bool sut_utf8_is_ascii(sut_str s)
{
    unsigned char any = 0;
    for (size_t i = 0; i < s.n; i++)
        any |= (unsigned char) s.p[i];
    return any < 0x80;
}

bool sut_utf8_next(sut_str s, size_t *at, uint32_t *ret_cp)
{
    if (*at >= s.n)
        return false;
    if ((unsigned char) s.p[*at] < 0x80) {
        *ret_cp = (unsigned char) s.p[*at];
        *at += 1;
        return true;
    }

    ucs4_t cp = 0;
    const int n = u8_mbtoucr(&cp, (const uint8_t *) s.p + *at, s.n - *at);
    *ret_cp = n > 0 ? cp : 0xfffd;
    *at += n > 0 ? (size_t) n : 1;
    return true;
}

size_t sut_utf8_count(sut_str s)
{
    size_t n = 0;
    size_t at = 0;
    for (uint32_t cp = 0; sut_utf8_next(s, &at, &cp);)
        n++;
    return n;
}

sut_str sut_utf8_head(sut_str s, size_t n)
{
    size_t at = 0;
    uint32_t cp = 0;
    while (n > 0 && sut_utf8_next(s, &at, &cp))
        n--;
    return sut_str_of(s.p, at);
}

size_t sut_utf8_put(uint32_t cp, char to[4])
{
    uint8_t out[4];
    const int n = u8_uctomb(out, cp, sizeof(out));
    if (n <= 0)
        return 0;
    memcpy(to, out, (size_t) n);
    return (size_t) n;
}

bool sut_utf8_is_space(uint32_t cp)
{
    /* Python: bidirectional WS, B or S, or category Zs. */
    if (cp < 0x80)
        return cp == ' ' || (cp >= 0x09 && cp <= 0x0d) || (cp >= 0x1c && cp <= 0x1f);
    const int bidi = uc_bidi_class(cp);
    return bidi == UC_BIDI_WS || bidi == UC_BIDI_B || bidi == UC_BIDI_S ||
           uc_is_general_category_withtable(cp, UC_CATEGORY_MASK_Zs);
}

bool sut_utf8_is_digit(uint32_t cp)
{
    if (cp < 0x80)
        return cp >= '0' && cp <= '9';
    return uc_digit_value(cp) >= 0;
}

bool sut_utf8_is_word(uint32_t cp)
{
    if (cp < 0x80)
        return (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z') ||
               cp == '_';
    return uc_is_general_category_withtable(cp, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N);
}

bool sut_utf8_is_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}

sut_str sut_utf8_trim(sut_str s)
{
    size_t at = 0;
    size_t first = 0;
    uint32_t cp = 0;
    while (sut_utf8_next(s, &at, &cp) && sut_utf8_is_space(cp))
        first = at;

    /* The end of the last code point that is no blank, found forwards: UTF-8 has no cheap way back
     * that is also safe on broken bytes. */
    size_t last = first;
    at = first;
    while (sut_utf8_next(s, &at, &cp))
        if (!sut_utf8_is_space(cp))
            last = at;
    return sut_str_sub(s, first, last);
}

/* Take over what libunistring allocated: copy it into the arena, give it back. */
static SUT_ERR keep(struct sut_arena *a, uint8_t *made, size_t n, sut_str *ret)
{
    ENSURE(made != NULL, NOMEM);
    const sut_str copy = sut_str_dup(a, sut_str_of((const char *) made, n));
    sut_mem_free(made);
    ENSURE(copy.p != NULL || n == 0, NOMEM);
    *ret = copy;
    return SUT_OK;
}

/* ASCII lower-cased in a copy; the same slice when nothing is upper case. */
static SUT_ERR lower_ascii(struct sut_arena *a, sut_str s, sut_str *ret)
{
    size_t first = 0;
    while (first < s.n && !(s.p[first] >= 'A' && s.p[first] <= 'Z'))
        first++;
    if (first == s.n) {
        *ret = s;
        return SUT_OK;
    }
    char *to = sut_arena_bytes(a, s.n);
    ENSURE(to != NULL, NOMEM);
    for (size_t i = 0; i < s.n; i++)
        to[i] = sut_ascii_lower(s.p[i]);
    *ret = sut_str_of(to, s.n);
    return SUT_OK;
}

/* Whether the next code point that case does not ignore has case. */
static bool comes_cased(sut_str s, size_t at)
{
    for (uint32_t cp = 0; sut_utf8_next(s, &at, &cp);)
        if (!uc_is_property_case_ignorable(cp))
            return uc_is_property_cased(cp);
    return false;
}

SUT_ERR sut_utf8_lower(struct sut_arena *a, sut_str s, sut_str *ret)
{
    if (sut_utf8_is_ascii(s))
        return lower_ascii(a, s, ret);
    ENSURE(sut_utf8_is_valid(s), PARSE);

    /* A lower case letter has at most 3 bytes for 2 of its capital's. */
    struct sut_buf out;
    sut_buf_init_arena(&out, a, s.n * 2);
    bool after_cased = false;
    size_t at = 0;
    for (uint32_t cp = 0; sut_utf8_next(s, &at, &cp);) {
        char four[4];
        if (cp == CAPITAL_SIGMA)
            sut_buf_z(&out, after_cased && !comes_cased(s, at) ? "\xcf\x82" : "\xcf\x83");
        else if (cp == CAPITAL_DOTTED_I)
            sut_buf_lit(&out, "i\xcc\x87");
        else
            sut_buf_add(&out, four, sut_utf8_put(uc_tolower(cp), four));
        if (!uc_is_property_case_ignorable(cp))
            after_cased = uc_is_property_cased(cp);
    }
    TRY(sut_buf_check(&out));
    *ret = sut_buf_str(&out);
    return SUT_OK;
}

SUT_ERR sut_utf8_nfkc(struct sut_arena *a, sut_str s, sut_str *ret)
{
    if (sut_utf8_is_ascii(s)) {
        *ret = s;
        return SUT_OK;
    }
    ENSURE(sut_utf8_is_valid(s), PARSE);

    size_t n = 0;
    uint8_t *made = u8_normalize(UNINORM_NFKC, bytes_of(s), s.n, NULL, &n);
    return keep(a, made, n, ret);
}

/* Letters that NFKD leaves alone but that everybody types in ASCII. */
static const struct {
    uint32_t cp;
    const char *ascii;
} plain_letters[] = {
    { 0xdf, "ss" }, { 0xe6, "ae" }, { 0xf0, "d" },  { 0xf8, "o" },  { 0xfe, "th" },
    { 0x111, "d" }, { 0x127, "h" }, { 0x131, "i" }, { 0x142, "l" }, { 0x153, "oe" },
};

static void add_folded(struct sut_buf *b, uint32_t cp)
{
    for (size_t i = 0; i < sizeof(plain_letters) / sizeof(plain_letters[0]); i++) {
        if (plain_letters[i].cp == cp) {
            sut_buf_z(b, plain_letters[i].ascii);
            return;
        }
    }
    char four[4];
    sut_buf_add(b, four, sut_utf8_put(cp, four));
}

SUT_ERR sut_utf8_fold(struct sut_arena *a, sut_str s, sut_str *ret)
{
    if (sut_utf8_is_ascii(s))
        return lower_ascii(a, s, ret);
    ENSURE(sut_utf8_is_valid(s), PARSE);

    size_t n = 0;
    sut_str apart = { 0 };
    uint8_t *made = u8_normalize(UNINORM_NFKD, bytes_of(s), s.n, NULL, &n);
    TRY(keep(a, made, n, &apart));
    TRY(sut_utf8_lower(a, apart, &apart));

    struct sut_buf out;
    /* The longest replacement is no longer than its letter. */
    sut_buf_init_arena(&out, a, apart.n + 4);
    size_t at = 0;
    for (uint32_t cp = 0; sut_utf8_next(apart, &at, &cp);)
        if (!uc_is_general_category_withtable(cp, UC_CATEGORY_MASK_M))
            add_folded(&out, cp);
    TRY(sut_buf_check(&out));
    *ret = sut_buf_str(&out);
    return SUT_OK;
}

SUT_ERR sut_utf8_slug(struct sut_arena *a, sut_str s, sut_str *ret)
{
    sut_str folded = { 0 };
    TRY(sut_utf8_fold(a, s, &folded));

    struct sut_buf out;
    sut_buf_init_arena(&out, a, folded.n + 1);
    bool gap = false;
    for (size_t i = 0; i < folded.n; i++) {
        const char c = folded.p[i];
        if (c == '\'')
            continue; /* "Women's" is one word */
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
            gap = true;
            continue;
        }
        if (gap && out.n > 0)
            sut_buf_char(&out, '-');
        gap = false;
        sut_buf_char(&out, c);
    }
    TRY(sut_buf_check(&out));
    *ret = sut_buf_str(&out);
    return SUT_OK;
}

static bool is_known(const sut_str *terms, size_t n, sut_str term)
{
    for (size_t i = 0; i < n; i++)
        if (sut_str_eq(terms[i], term))
            return true;
    return false;
}

SUT_ERR sut_utf8_terms(struct sut_arena *a, sut_str s, size_t max, sut_str **ret, size_t *ret_n)
{
    sut_str folded = { 0 };
    TRY(sut_utf8_fold(a, s, &folded));
    sut_str *terms = ARENA_ARRAY(a, sut_str, max == 0 ? 1 : max);
    ENSURE(terms != NULL, NOMEM);

    size_t n = 0;
    size_t start = 0;
    size_t at = 0;
    while (n < max && start < folded.n) {
        uint32_t cp = 0;
        size_t end = at;
        if (sut_utf8_next(folded, &at, &cp) && cp != '_' && sut_utf8_is_word(cp))
            continue;
        /* A blank, or the end: what stands before it is a word. */
        const sut_str term = sut_str_sub(folded, start, end);
        if (term.n > 0 && !is_known(terms, n, term))
            terms[n++] = term;
        start = at == end ? folded.n : at;
    }
    *ret = terms;
    *ret_n = n;
    return SUT_OK;
}

_Static_assert(sizeof(ucs4_t) == sizeof(uint32_t), "code points are 32 bits");
