/* SPDX-License-Identifier: Apache-2.0
 *
 * cose_key - a COSE_Key (RFC 9052 7) as WebAuthn 6.5.1.1 has it, read into a key.
 */
#ifndef SUT_AUTHN_COSE_KEY_H
#define SUT_AUTHN_COSE_KEY_H

#include "base/err.h"
#include "codec/cbor.h"
#include "crypto/cose.h"

/*
 * The caller frees it.  INVALID: not the parameters of its type and algorithm and no others, an
 * algorithm that we don't know, or numbers that are no key.
 */
SUT_ERR sut_cose_key_read(const struct sut_cbor *map, struct sut_cose_key **ret);

#endif
