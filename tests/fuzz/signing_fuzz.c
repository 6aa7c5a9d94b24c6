/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the token of a link, and as the text inside one that the right
 * key signed: nothing unsigned is taken, and what is taken names a person and an address.
 */
#include <stdint.h>
#include <stdlib.h>

#include "authn/signing.h"
#include "codec/b64url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const sut_ms now = { INT64_C(1772366400000) };
static const struct sut_key_text key = { .secret =
                                             SUT_STR_INIT("0123456789abcdef0123456789abcdef") };

static void must(int is_so)
{
    if (!is_so)
        abort();
}

static enum sut_verify_fault read_link(const struct sut_keyring *ring, struct sut_arena *a,
                                       sut_str text)
{
    struct sut_verify got = { 0 };
    enum sut_verify_fault fault = SUT_VERIFY_FINE;
    const sut_err e = sut_verify_read(ring, a, text, now, &got, &fault);
    must(!sut_failed(e) || e.code == SUT_E_TOKEN || e.code == SUT_E_NOMEM);
    must(sut_failed(e) || (fault == SUT_VERIFY_FINE && got.user_id > 0 && got.email.p != NULL));
    return fault;
}

/* The bytes as JSON that we signed. */
static void read_signed(const struct sut_keyring *ring, struct sut_arena *a, sut_str json)
{
    struct sut_buf b;
    sut_str text = { 0 };
    sut_str back = { 0 };
    sut_ms at = { 0 };
    if (sut_failed(sut_signing_dumps(ring, a, SUT_STR(SUT_SIGNING_DEFAULT_SALT), json, now, &text)))
        return;
    must(!sut_failed(
        sut_signing_loads(ring, a, SUT_STR(SUT_SIGNING_DEFAULT_SALT), text, &back, &at)));
    must(sut_str_eq(back, json) && at.v == now.v);
    sut_buf_init_arena(&b, a, SUT_VERIFY_MAX);
    sut_b64url_encode(&b, text);
    must(!sut_failed(sut_buf_check(&b)));
    (void) read_link(ring, a, sut_buf_str(&b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sut_keyring *ring = NULL;
    struct sut_arena *a = NULL;
    const sut_str s = sut_str_of((const char *) data, size);
    sut_str json = { 0 };
    sut_ms at = { 0 };
    if (size > 8192)
        return 0;
    must(!sut_failed(sut_keyring_create(&key, NULL, false, &ring)));
    must(!sut_failed(sut_arena_create(4 << 20, &a)));
    /* Nobody guesses a signature. */
    must(read_link(ring, a, s) != SUT_VERIFY_EXPIRED);
    must(sut_signing_loads(ring, a, SUT_STR("fuzz"), s, &json, &at).code == SUT_E_TOKEN);
    read_signed(ring, a, s);
    sut_arena_free(&a);
    sut_keyring_free(&ring);
    return 0;
}
