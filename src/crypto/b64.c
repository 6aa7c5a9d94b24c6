/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/b64.h"

#include <openssl/evp.h>

#include "base/secret.h"

enum { TEXT_MAX = SUT_B64_RAW_MAX / 3 * 4 };

static size_t encode(const void *p, size_t n, bool is_padded, char text[TEXT_MAX + 1])
{
    size_t len = (size_t) EVP_EncodeBlock((unsigned char *) text, p, (int) n);
    while (!is_padded && len > 0 && text[len - 1] == '=')
        len--;
    return len;
}

void sut_b64_add(struct sut_buf *out, const void *p, size_t n, bool is_padded)
{
    SUT_BUG_IF(n > SUT_B64_RAW_MAX);
    char text[TEXT_MAX + 1];
    sut_buf_add(out, text, encode(p, n, is_padded, text));
    sut_wipe(text, sizeof(text));
}

SUT_ERR sut_b64_parse(sut_str text, bool is_padded, void *ret, size_t cap, size_t *ret_n)
{
    char padded[TEXT_MAX + 1];
    unsigned char raw[SUT_B64_RAW_MAX];
    ENSURE(text.n > 0 && text.n <= TEXT_MAX, PARSE);
    memcpy(padded, text.p, text.n);
    size_t n = text.n;
    while (n % 4 != 0)
        padded[n++] = '=';

    const int got = EVP_DecodeBlock(raw, (const unsigned char *) padded, (int) n);
    ENSURE(got > 0, PARSE);
    /* OpenSSL counts the padding as zero bytes. */
    size_t len = (size_t) got;
    for (size_t i = n; i > 0 && padded[i - 1] == '=' && n - i < 2; i--)
        len--;
    ENSURE(len <= cap, PARSE);

    /* It also lets blanks and loose last bits pass: only the text we would write is taken. */
    const size_t again = encode(raw, len, is_padded, padded);
    ENSURE(sut_str_eq(sut_str_of(padded, again), text), PARSE);
    memcpy(ret, raw, len);
    *ret_n = len;
    return SUT_OK;
}
