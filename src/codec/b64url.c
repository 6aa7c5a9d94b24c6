/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/b64url.h"

#include <stdint.h>

static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char alphabet_std[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of one character, or -1. */
static int sextet(enum sut_b64_kind kind, char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (kind == SUT_B64_URL ? '-' : '+'))
        return 62;
    if (c == (kind == SUT_B64_URL ? '_' : '/'))
        return 63;
    return -1;
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
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < text.n; i++) {
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
