/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a token, and as the claims and the header of a token that the
 * right key signed: nothing unsigned is taken, the quick reader of claims and
 * the JSON parser agree, and what is taken says what a token must say.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "authn/jwt.h"
#include "base/buf.h"
#include "codec/b64url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW_S = 1772366400 };

static const struct sut_token_policy policy = { .takes_foreign = true };
static const struct sut_key_text key = { .secret =
                                             SUT_STR_INIT("0123456789abcdef0123456789abcdef") };

static void must(int is_so)
{
    if (!is_so)
        abort();
}

static enum sut_token_fault verify(const struct sut_keyring *ring, sut_str text)
{
    struct sut_arena *a = NULL;
    struct sut_token t;
    enum sut_token_fault fault = SUT_TOKEN_FINE;
    must(!sut_failed(sut_arena_create(1 << 20, &a)));
    const sut_err e = sut_token_verify(ring, &policy, SUT_TOKEN_ACCESS, text,
                                       (sut_ms){ NOW_S * INT64_C(1000) }, a, &t, &fault);
    must(!sut_failed(e) || e.code == SUT_E_TOKEN);
    must(sut_failed(e) == (fault != SUT_TOKEN_FINE));
    must(sut_failed(e) || (t.user_id > 0 && t.exp_s > NOW_S && t.iat_s <= NOW_S + 60 &&
                           t.is_foreign == (t.session == 0)));
    sut_arena_free(&a);
    return fault;
}

static enum sut_token_fault verify_claims(const struct sut_keyring *ring, const char *before,
                                          sut_str claims)
{
    struct sut_buf json;
    struct sut_buf text;
    sut_buf_init(&json, 8192);
    sut_buf_init(&text, 16384);
    sut_buf_z(&json, before);
    sut_buf_str_add(&json, claims);
    enum sut_token_fault fault = SUT_TOKEN_MALFORMED;
    if (!sut_failed(sut_jws_sign(ring, sut_buf_str(&json), &text)))
        fault = verify(ring, sut_buf_str(&text));
    sut_buf_done(&json);
    sut_buf_done(&text);
    return fault;
}

static void verify_header(const struct sut_keyring *ring, sut_str header)
{
    struct sut_buf text;
    unsigned char mac[SUT_HMAC_SIZE];
    sut_buf_init(&text, 16384);
    sut_b64url_encode(&text, header);
    sut_buf_lit(&text, ".");
    sut_b64url_encode(&text, SUT_STR("{\"token_type\":\"access\",\"exp\":1772367300,\"iat\":"
                                     "1772366400,\"jti\":\"x\",\"user_id\":1}"));
    sut_hmac(&sut_keyring_look(ring)->current.mac, sut_buf_str(&text), mac);
    sut_buf_lit(&text, ".");
    sut_b64url_encode(&text, sut_str_of((const char *) mac, sizeof(mac)));
    if (!sut_failed(sut_buf_check(&text)))
        (void) verify(ring, sut_buf_str(&text));
    sut_buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 2000)
        return 0;
    struct sut_keyring *ring = NULL;
    const sut_str s = sut_str_of((const char *) data, size);
    must(!sut_failed(sut_keyring_create(&key, NULL, false, &ring)));
    (void) verify(ring, s);
    must(verify_claims(ring, "", s) == verify_claims(ring, " ", s));
    verify_header(ring, s);
    sut_keyring_free(&ring);
    return 0;
}
