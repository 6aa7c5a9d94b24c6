/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/media_url.h"

#include "base/buf.h"
#include "base/scan.h"
#include "base/secret.h"
#include "codec/b64url.h"
#include "crypto/hmac.h"

enum { TAIL_MAX = 96 };

static const uint64_t exp_max = UINT64_C(1) << 40;

/* Seals of pictures come out of the same key: addresses are signed with one derived of it. */
static void sign(const struct sut_signing_key *key, sut_str path, sut_str exp,
                 unsigned char ret[SUT_HMAC_SIZE])
{
    unsigned char own[SUT_HMAC_SIZE];
    const sut_str parts[] = { exp, SUT_STR("\n"), path };
    struct sut_hmac_key mac;
    sut_hmac(&key->mac, SUT_STR("sutler media url"), own);
    sut_hmac_key_init(&mac, sut_str_of((const char *) own, sizeof(own)));
    sut_hmac_parts(&mac, parts, 3, ret);
    sut_wipe(&mac, sizeof(mac));
    sut_wipe(own, sizeof(own));
}

sut_ms sut_media_url_end(sut_ms now)
{
    const int64_t window_ms = (int64_t) SUT_MEDIA_WINDOW_S * 1000;
    return (sut_ms){ now.v / window_ms * window_ms + (int64_t) SUT_MEDIA_LIFE_S * 1000 };
}

SUT_ERR sut_media_url_sign(const struct sut_keyring *ring, struct sut_arena *a, sut_str path,
                           sut_ms ends_at, sut_str *ret)
{
    unsigned char mac[SUT_HMAC_SIZE];
    struct sut_buf exp;
    struct sut_buf b;
    ENSURE(path.n <= SUT_MEDIA_PATH_MAX && sut_str_find(path, 0, '?') == path.n, INVALID);
    sut_buf_init_arena(&exp, a, 24);
    sut_buf_i64(&exp, ends_at.v / 1000);
    TRY(sut_buf_check(&exp));
    sign(&sut_keyring_look(ring)->current, path, sut_buf_str(&exp), mac);
    sut_buf_init_arena(&b, a, path.n + TAIL_MAX);
    sut_buf_str_add(&b, path);
    sut_buf_lit(&b, "?exp=");
    sut_buf_str_add(&b, sut_buf_str(&exp));
    sut_buf_lit(&b, "&sig=");
    sut_b64url_encode(&b, sut_str_of((const char *) mac, sizeof(mac)));
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

static bool is_signed_by(const struct sut_signing_key *key, sut_str path, sut_str exp, sut_str mac)
{
    unsigned char own[SUT_HMAC_SIZE];
    sign(key, path, exp, own);
    return sut_secret_eq(sut_str_of((const char *) own, sizeof(own)), mac);
}

SUT_ERR sut_media_url_check(const struct sut_keyring *ring, sut_str path, sut_str exp, sut_str sig,
                            sut_ms now)
{
    unsigned char given[SUT_HMAC_SIZE];
    uint64_t ends_s = 0;
    size_t n = 0;
    ENSURE(path.n <= SUT_MEDIA_PATH_MAX && !sut_failed(sut_parse_u64(exp, exp_max, &ends_s)),
           DENIED);
    ENSURE(!sut_failed(sut_b64url_decode(sig, given, sizeof(given), &n)) && n == sizeof(given),
           DENIED);
    const sut_str mac = sut_str_of((const char *) given, n);
    const struct sut_signing_keys *keys = sut_keyring_look(ring);
    bool is_ours = is_signed_by(&keys->current, path, exp, mac);
    for (size_t i = 0; i < keys->n_others && !is_ours; i++)
        is_ours = is_signed_by(&keys->others[i], path, exp, mac);
    ENSURE(is_ours && now.v < (int64_t) ends_s * 1000, DENIED);
    return SUT_OK;
}
