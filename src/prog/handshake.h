/* SPDX-License-Identifier: Apache-2.0
 *
 * handshake - the worker's TLS handshakes are signed by the keeper.
 */
#ifndef SUT_PROG_HANDSHAKE_H
#define SUT_PROG_HANDSHAKE_H

#include "crypto/remote_key.h"

struct sut_keeper;

/* The keeper as a signer; it is borrowed. */
struct sut_remote_signer sut_handshake_signer(struct sut_keeper *keeper);

#endif
