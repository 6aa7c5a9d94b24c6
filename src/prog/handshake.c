/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/handshake.h"

#include "base/clock.h"
#include "ipc/keeper.h"

enum {
    NS_PER_MS = 1000000,
    LONG_MS = SUT_KEEPER_PATIENCE_MS / 2, /* a failure after so long is no hiccup */
    REFUSE_MS = 2000,
};

/* Two layers that don't know each other have the same numbers. */
_Static_assert((int) SUT_REMOTE_KEY_ID == (int) SUT_TLS_KEY_ID, "ids of keys");
_Static_assert((int) SUT_REMOTE_SIGNATURE_MAX == (int) SUT_TLS_SIGNATURE_MAX, "signatures");
_Static_assert((int) SUT_REMOTE_RSA_PKCS1_SHA256 == (int) SUT_TLS_RSA_PKCS1_SHA256, "schemes");
_Static_assert((int) SUT_REMOTE_RSA_PSS_SHA256 == (int) SUT_TLS_RSA_PSS_SHA256, "schemes");
_Static_assert((int) SUT_REMOTE_ECDSA_SHA512 == (int) SUT_TLS_ECDSA_SHA512, "schemes");

static sut_err sign(void *ctx, const unsigned char key_id[SUT_REMOTE_KEY_ID],
                    enum sut_remote_scheme scheme, sut_str digest,
                    unsigned char ret[SUT_REMOTE_SIGNATURE_MAX], size_t *ret_n)
{
    struct sut_handshakes *const h = ctx;
    const uint64_t before_ns = sut_monotonic_ns();
    /* One handshake has waited as long as it may: those behind it, on the same thread, don't. */
    ENSURE(before_ns >= atomic_load_explicit(&h->refuse_until_ns, memory_order_relaxed),
           UNAVAILABLE);
    const sut_err e =
        sut_keeper_tls_sign(h->keeper, key_id, (enum sut_tls_scheme) scheme, digest, ret, ret_n);
    const uint64_t now_ns = sut_monotonic_ns();
    if (e.code == SUT_E_UNAVAILABLE && now_ns - before_ns >= (uint64_t) LONG_MS * NS_PER_MS)
        atomic_store_explicit(&h->refuse_until_ns, now_ns + (uint64_t) REFUSE_MS * NS_PER_MS,
                              memory_order_relaxed);
    return e;
}

void sut_handshakes_init(struct sut_handshakes *h, struct sut_keeper *keeper)
{
    h->keeper = keeper;
    atomic_init(&h->refuse_until_ns, 0);
}

struct sut_remote_signer sut_handshakes_signer(struct sut_handshakes *h)
{
    return (struct sut_remote_signer){ .sign = sign, .ctx = h };
}
