/* SPDX-License-Identifier: Apache-2.0
 *
 * handshake - the worker's TLS handshakes are signed by the keeper.
 *
 * A handshake waits for a keeper that is just being started again.  After one has
 * waited in vain, others fail at once for a moment: they block their loop's
 * thread, and what needs no handshake goes on meanwhile.  Any thread.
 */
#ifndef SUT_PROG_HANDSHAKE_H
#define SUT_PROG_HANDSHAKE_H

#include <stdatomic.h>
#include <stdint.h>

#include "crypto/remote_key.h"

struct sut_keeper;

struct sut_handshakes {
    struct sut_keeper *keeper; /* borrowed */
    _Atomic uint64_t refuse_until_ns;
};

void sut_handshakes_init(struct sut_handshakes *h, struct sut_keeper *keeper);
/* It leans on h. */
struct sut_remote_signer sut_handshakes_signer(struct sut_handshakes *h);

#endif
