/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/device.h"

#include <string.h>

#include "base/secret.h"
#include "codec/b64url.h"
#include "crypto/sha256.h"

enum { HALF = 22, MAC = 16 };

static void mac_of(const struct sut_hmac_key *key, const unsigned char number[SUT_DEVICE_NUMBER],
                   unsigned char ret[SUT_HMAC_SIZE])
{
    const sut_str parts[] = {
        SUT_STR("sutler device 1\n"),
        sut_str_of((const char *) number, SUT_DEVICE_NUMBER),
    };
    sut_hmac_parts(key, parts, 2, ret);
}

static void hash_number(const unsigned char number[SUT_DEVICE_NUMBER], struct sut_device *ret)
{
    unsigned char digest[SUT_SHA256_SIZE];
    sut_sha256(sut_str_of((const char *) number, SUT_DEVICE_NUMBER), digest);
    memcpy(ret->hash, digest, sizeof(ret->hash));
}

static bool read_half(sut_str text, unsigned char ret[SUT_DEVICE_NUMBER])
{
    size_t n = 0;
    return !sut_failed(sut_b64url_decode(text, ret, SUT_DEVICE_NUMBER, &n)) &&
           n == SUT_DEVICE_NUMBER;
}

void sut_device_read(const struct sut_hmac_key *key, sut_str cookie, struct sut_device *ret)
{
    unsigned char number[SUT_DEVICE_NUMBER];
    unsigned char mac[MAC];
    unsigned char own[SUT_HMAC_SIZE];
    *ret = (struct sut_device){ .is_known = false };
    if (cookie.n != SUT_DEVICE_TEXT || cookie.p[HALF] != '.' ||
        !read_half(sut_str_sub(cookie, 0, HALF), number) ||
        !read_half(sut_str_sub(cookie, HALF + 1, cookie.n), mac))
        return;
    mac_of(key, number, own);
    if (!sut_secret_eq(sut_str_of((const char *) own, MAC), sut_str_of((const char *) mac, MAC)))
        return;
    ret->is_known = true;
    hash_number(number, ret);
    memcpy(ret->text, cookie.p, sizeof(ret->text));
}

SUT_ERR sut_device_make(const struct sut_hmac_key *key, const struct sut_random *rnd,
                        struct sut_device *ret)
{
    unsigned char number[SUT_DEVICE_NUMBER];
    unsigned char mac[SUT_HMAC_SIZE];
    struct sut_device d = { .is_known = false };
    TRY(sut_random_fill(rnd, number, sizeof(number)));
    mac_of(key, number, mac);
    struct sut_buf text = { .p = d.text, .cap = sizeof(d.text), .max = sizeof(d.text) };
    sut_b64url_encode(&text, sut_str_of((const char *) number, sizeof(number)));
    sut_buf_char(&text, '.');
    sut_b64url_encode(&text, sut_str_of((const char *) mac, MAC));
    TRY(sut_buf_check(&text));
    hash_number(number, &d);
    *ret = d;
    return SUT_OK;
}
