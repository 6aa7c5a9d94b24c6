/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/handshake.h"

#include "ipc/keeper.h"

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
    return sut_keeper_tls_sign(ctx, key_id, (enum sut_tls_scheme) scheme, digest, ret, ret_n);
}

struct sut_remote_signer sut_handshake_signer(struct sut_keeper *keeper)
{
    return (struct sut_remote_signer){ .sign = sign, .ctx = keeper };
}
