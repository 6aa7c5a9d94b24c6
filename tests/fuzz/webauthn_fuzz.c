/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as an attestation object (o), authenticator data (a), client data (c), a kept key
 * (k) or as CBOR alone (b): nothing is read past its end, what nobody signed is not taken, and
 * what CBOR is taken stays within its bounds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "authn/webauthn.h"
#include "codec/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENT_DATA(type_)                                                                         \
    SUT_STR("{\"type\":\"" type_                                                                   \
            "\",\"challenge\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""                     \
            ",\"origin\":\"https://shop.example\",\"crossOrigin\":false}")

static const sut_str origins[] = { SUT_STR_INIT("https://shop.example") };
static const struct sut_webauthn_site site = {
    .rp_id = SUT_STR_INIT("shop.example"),
    .origins = origins,
    .n_origins = 1,
};
static const char challenge[SUT_WEBAUTHN_CHALLENGE_SIZE];

static void must(int is_so)
{
    if (!is_so)
        abort();
}

static sut_str zeros(void)
{
    return sut_str_of(challenge, sizeof(challenge));
}

static size_t count(const struct sut_cbor *v, unsigned depth)
{
    size_t n = 1;
    must(depth <= SUT_CBOR_DEPTH_MAX);
    if (v->type != SUT_CBOR_ARRAY && v->type != SUT_CBOR_MAP)
        return n;
    for (size_t i = 0; i < v->n; i++)
        n += count(&v->items[i], depth + 1) + (v->type == SUT_CBOR_MAP ? 1 : 0);
    return n;
}

static void read_cbor(struct sut_arena *a, sut_str s)
{
    struct sut_scan c = sut_scan_of(s);
    const struct sut_cbor *v = NULL;
    const sut_err e = sut_cbor_take(a, &c, &v);
    must(e.code == SUT_E_OK || e.code == SUT_E_PARSE || e.code == SUT_E_NOMEM);
    must(c.p >= s.p && c.p <= s.p + s.n);
    if (sut_failed(e))
        must(c.p == s.p);
    else
        must(c.p > s.p && count(v, 0) <= SUT_CBOR_ITEMS_MAX);
}

static void create(struct sut_arena *a, sut_str object, sut_str client_data)
{
    struct sut_webauthn_credential made;
    enum sut_webauthn_fault fault = SUT_WEBAUTHN_FINE;
    const struct sut_webauthn_registration in = {
        .id = SUT_STR("x"),
        .client_data = client_data,
        .object = object,
    };
    const sut_err e = sut_webauthn_register(a, &site, zeros(), false, &in, &made, &fault);
    must(e.code == SUT_E_OK || e.code == SUT_E_DENIED || e.code == SUT_E_NOMEM);
    must((e.code == SUT_E_DENIED) == (fault != SUT_WEBAUTHN_FINE));
    must(sut_failed(e) || (sut_str_is(made.id, "x") && made.public_key.n <= SUT_WEBAUTHN_KEY_MAX));
}

static void get(struct sut_arena *a, sut_str auth_data, sut_str client_data, sut_str key)
{
    struct sut_webauthn_seen seen;
    enum sut_webauthn_fault fault = SUT_WEBAUTHN_FINE;
    const struct sut_webauthn_assertion in = {
        .client_data = client_data,
        .auth_data = auth_data,
        .signature = SUT_STR("nobody signed this"),
    };
    const struct sut_webauthn_known known = { .public_key = key };
    const sut_err e =
        sut_webauthn_verify(a, &site, zeros(), false, false, &in, &known, &seen, &fault);
    must(e.code == SUT_E_DENIED || e.code == SUT_E_NOMEM);
    must((e.code == SUT_E_DENIED) == (fault != SUT_WEBAUTHN_FINE));
}

/* SHA-256 of "shop.example", present and verified, a count of 1. */
static sut_str good_auth_data(void)
{
    static const char bytes[] = "\x0f\x59\x46\x3c\x60\x6c\x5b\x0e\x5d\x3d\xa8\x1f\x36\xe3\xf7\xc1"
                                "\x75\xac\x23\x0c\x60\xe7\x5c\x21\x44\xce\x3b\x75\x22\x47\x60\x7c"
                                "\x05\x00\x00\x00\x01";
    return sut_str_of(bytes, sizeof(bytes) - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sut_arena *a = NULL;
    if (size == 0)
        return 0;
    must(!sut_failed(sut_arena_create(1 << 20, &a)));
    /* A copy of its own, so that a byte too far is seen. */
    const sut_str s = sut_str_dup(a, sut_str_of((const char *) data + 1, size - 1));
    if (data[0] == 'o')
        create(a, s, CLIENT_DATA("webauthn.create"));
    else if (data[0] == 'a')
        get(a, s, CLIENT_DATA("webauthn.get"), SUT_STR(""));
    else if (data[0] == 'c')
        get(a, good_auth_data(), s, SUT_STR(""));
    else if (data[0] == 'k')
        get(a, good_auth_data(), CLIENT_DATA("webauthn.get"), s);
    else
        read_cbor(a, s);
    sut_arena_free(&a);
    return 0;
}
