/* SPDX-License-Identifier: Apache-2.0
 *
 * peer - answers the requests of one connected stream socket, in a thread that
 * has nothing else to do.
 *
 * The other side is taken for hostile: ipc/permit.h says what ends the
 * connection.  A peer may be silent as long as it likes, but must bring the rest
 * of a message that it began within the patience, and take the reply.  Messages
 * lie in locked memory and are wiped.
 */
#ifndef SUT_IPC_PEER_H
#define SUT_IPC_PEER_H

#include "base/err.h"
#include "ipc/permit.h"

/*
 * Serve fd (borrowed) until it ends; shutdown(2) on it from another thread ends
 * it too.  UNAVAILABLE: the other side hung up between two messages, as is usual;
 * anything else is what the peer did wrong.
 */
SUT_ERR sut_ipc_peer_serve(int fd, struct sut_ipc_table *t, unsigned patience_ms);

#endif
