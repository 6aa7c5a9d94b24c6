/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/b64url.h"

#include <stdint.h>

static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char alphabet_std[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of a character that both alphabets have, and one more: 0 is none. */
/* clang-format off */
static const uint8_t shared_sextets[256] = {
    ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,
    ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15,
    ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22,
    ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26,
    ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33,
    ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47,
    ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52,
    ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59,
    ['7'] = 60, ['8'] = 61, ['9'] = 62,
};
/* clang-format on */

/* The value of one character, or -1. */
static inline int sextet(enum sut_b64_kind kind, char c)
{
    const int v = shared_sextets[(uint8_t) c] - 1;
    if (v >= 0)
        return v;
    if (c == (kind == SUT_B64_URL ? '-' : '+'))
        return 62;
    return c == (kind == SUT_B64_URL ? '_' : '/') ? 63 : -1;
}

void sut_b64_encode(struct sut_buf *out, enum sut_b64_kind kind, sut_str bytes)
{
    const char *alphabet = kind == SUT_B64_URL ? alphabet_url : alphabet_std;
    size_t i = 0;

    for (; i < bytes.n; i += 3) {
        const size_t left = bytes.n - i;
        const uint32_t b0 = (uint8_t) bytes.p[i];
        const uint32_t b1 = left > 1 ? (uint8_t) bytes.p[i + 1] : 0;
        const uint32_t b2 = left > 2 ? (uint8_t) bytes.p[i + 2] : 0;
        const uint32_t v = b0 << 16 | b1 << 8 | b2;
        const char four[4] = { alphabet[v >> 18], alphabet[v >> 12 & 63], alphabet[v >> 6 & 63],
                               alphabet[v & 63] };
        sut_buf_add(out, four, left >= 3 ? 4 : left + 1);
        if (left < 3 && kind == SUT_B64_PADDED)
            sut_buf_add(out, "==", 3 - left);
    }
}

/* Take the padding off; PARSE unless there is exactly as much as the length asks for. */
static SUT_ERR strip_padding(sut_str *text)
{
    ENSURE(text->n % 4 == 0, PARSE);
    for (int i = 0; i < 2 && text->n > 0 && text->p[text->n - 1] == '='; i++)
        text->n--;
    return SUT_OK;
}

SUT_ERR sut_b64_decode(enum sut_b64_kind kind, sut_str text, void *to, size_t cap, size_t *ret_n)
{
    if (kind == SUT_B64_PADDED)
        TRY(strip_padding(&text));
    ENSURE(text.n % 4 != 1, PARSE);
    const size_t n = text.n / 4 * 3 + (text.n % 4 == 0 ? 0 : text.n % 4 - 1);
    ENSURE(n <= cap, TOO_LARGE);

    uint8_t *out = to;
    size_t i = 0;
    for (; text.n - i >= 4; i += 4, out += 3) {
        const int a = sextet(kind, text.p[i]);
        const int b = sextet(kind, text.p[i + 1]);
        const int c = sextet(kind, text.p[i + 2]);
        const int d = sextet(kind, text.p[i + 3]);
        ENSURE((a | b | c | d) >= 0, PARSE);
        out[0] = (uint8_t) (a << 2 | b >> 4);
        out[1] = (uint8_t) ((b & 15) << 4 | c >> 2);
        out[2] = (uint8_t) ((c & 3) << 6 | d);
    }
    uint32_t bits = 0;
    unsigned held = 0;
    for (; i < text.n; i++) {
        const int v = sextet(kind, text.p[i]);
        ENSURE(v >= 0, PARSE);
        bits = bits << 6 | (uint32_t) v;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *out++ = (uint8_t) (bits >> held & 0xff);
        }
    }
    /* RFC 4648 3.5: spare bits would let several texts stand for one value. */
    ENSURE((bits & ((1u << held) - 1)) == 0, PARSE);
    *ret_n = n;
    return SUT_OK;
}
