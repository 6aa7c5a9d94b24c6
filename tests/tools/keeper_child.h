/* SPDX-License-Identifier: Apache-2.0
 *
 * keeper_child - a keeper of its own for a tool that measures: the code of the
 * keeper's role in a process beside ours, with one TLS key and a master key that
 * nothing is kept under.
 */
#ifndef SUT_TOOLS_KEEPER_CHILD_H
#define SUT_TOOLS_KEEPER_CHILD_H

#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "crypto/remote_key.h"
#include "ipc/keeper.h"

enum { KEEPER_CHILD_PEERS = 12 }; /* as the supervisor makes */

/* Fork it, before any thread; it ends with us. */
SUT_ERR keeper_child_start(sut_str key_pem, struct sut_keeper **ret);
/* Signs by it; ctx is the struct sut_keeper. */
SUT_ERR keeper_child_sign(void *ctx, const unsigned char key_id[SUT_REMOTE_KEY_ID],
                          enum sut_remote_scheme scheme, sut_str digest,
                          unsigned char ret[SUT_REMOTE_SIGNATURE_MAX], size_t *ret_n);

#endif
