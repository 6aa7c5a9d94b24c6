/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealed values from a store that somebody else has written to: whatever the
 * bytes, nothing crashes, nothing opens, and nothing is left behind.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "crypto/aead.h"
#include "seal/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sut_seal_field field = { .table = "users", .column = "email" };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const sut_str sealed = sut_str_of((const char *) data, size);
    const char raw[SUT_AEAD_KEY] = { 42 };
    uint32_t version = 0;
    const sut_err named = sut_seal_version_of(sealed, &version);
    if (!sut_failed(named) && (size < SUT_SEAL_OVERHEAD || version == 0))
        abort();

    /* With the version that it names, so that the check of the tag is reached. */
    struct sut_data_key k = { .person = 7, .version = version };
    struct sut_buf out;
    sut_buf_init(&out, SUT_SEAL_PLAIN_MAX + 1);
    if (sut_failed(sut_aead_key_init(&k.aead, sut_str_of(raw, sizeof(raw)))))
        abort();
    const sut_err e = sut_seal_get(&k, &field, 1, sealed, &out);
    if (e.code != SUT_E_CORRUPT || out.n != 0)
        abort();
    sut_data_key_done(&k);
    sut_buf_done(&out);
    return 0;
}
