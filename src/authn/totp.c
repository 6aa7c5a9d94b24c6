/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/totp.h"

#include "base/secret.h"
#include "codec/url.h"
#include "crypto/hmac.h"

enum { CODES = 1000000 };

int64_t sut_totp_step(sut_ms at)
{
    return at.v / 1000 / SUT_TOTP_STEP_S;
}

/* RFC 4226 5.3 */
SUT_ERR sut_totp_code(sut_str secret, int64_t step, uint32_t *ret)
{
    unsigned char counter[8];
    unsigned char mac[SUT_HMAC_SHA1_SIZE];
    ENSURE(step >= 0, INVALID);
    for (unsigned i = 0; i < sizeof(counter); i++)
        counter[i] = (unsigned char) ((uint64_t) step >> (56 - 8 * i));
    TRY(sut_hmac_sha1(secret, sut_str_of((const char *) counter, sizeof(counter)), mac));
    const unsigned at = mac[SUT_HMAC_SHA1_SIZE - 1] & 0xf;
    const uint32_t bits = (uint32_t) (mac[at] & 0x7f) << 24 | (uint32_t) mac[at + 1] << 16 |
                          (uint32_t) mac[at + 2] << 8 | (uint32_t) mac[at + 3];
    sut_wipe(mac, sizeof(mac));
    *ret = bits % CODES;
    return SUT_OK;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '-';
}

/* "123 456" as six digits. */
static SUT_ERR read_digits(sut_str text, char ret[SUT_TOTP_DIGITS])
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        const char c = text.p[i];
        if (is_blank(c))
            continue;
        ENSURE(c >= '0' && c <= '9' && n < SUT_TOTP_DIGITS, DENIED);
        ret[n++] = c;
    }
    ENSURE(n == SUT_TOTP_DIGITS, DENIED);
    return SUT_OK;
}

static void write_digits(uint32_t code, char ret[SUT_TOTP_DIGITS])
{
    for (unsigned i = SUT_TOTP_DIGITS; i-- > 0; code /= 10)
        ret[i] = (char) ('0' + code % 10);
}

SUT_ERR sut_totp_match(sut_str secret, sut_str text, sut_ms now, int64_t last_step,
                       int64_t *ret_step)
{
    char given[SUT_TOTP_DIGITS];
    char own[SUT_TOTP_DIGITS];
    int64_t found = -1;
    TRY(read_digits(text, given));
    const int64_t step = sut_totp_step(now);
    ENSURE(step > SUT_TOTP_DRIFT, DENIED);
    for (int64_t s = step + SUT_TOTP_DRIFT; s >= step - SUT_TOTP_DRIFT; s--) {
        uint32_t code = 0;
        TRY(sut_totp_code(secret, s, &code));
        write_digits(code, own);
        const bool is_same =
            sut_secret_eq(sut_str_of(own, sizeof(own)), sut_str_of(given, sizeof(given)));
        if (is_same && s > last_step)
            found = s;
    }
    sut_wipe(own, sizeof(own));
    ENSURE(found >= 0, DENIED);
    *ret_step = found;
    return SUT_OK;
}

void sut_totp_base32(struct sut_buf *out, sut_str secret)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint32_t bits = 0;
    unsigned n = 0;
    for (size_t i = 0; i < secret.n; i++) {
        bits = (bits << 8 | (unsigned char) secret.p[i]) & 0xffff;
        for (n += 8; n >= 5; n -= 5)
            sut_buf_char(out, letters[bits >> (n - 5) & 31]);
    }
    if (n > 0)
        sut_buf_char(out, letters[bits << (5 - n) & 31]);
}

SUT_ERR sut_totp_uri(struct sut_arena *a, sut_str secret, sut_str issuer, sut_str account,
                     sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, SUT_TOTP_URI_MAX);
    sut_buf_lit(&b, "otpauth://totp/");
    sut_url_encode(&b, issuer);
    sut_buf_char(&b, ':');
    sut_url_encode(&b, account);
    sut_buf_lit(&b, "?secret=");
    sut_totp_base32(&b, secret);
    sut_buf_lit(&b, "&issuer=");
    sut_url_encode(&b, issuer);
    sut_buf_lit(&b, "&algorithm=SHA1&digits=6&period=30");
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}
