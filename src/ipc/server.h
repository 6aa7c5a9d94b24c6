/* SPDX-License-Identifier: Apache-2.0
 *
 * server - answers requests on a listening unix socket, in one plain thread.
 *
 * Peers are taken for hostile (ipc/permit.h) although they must be of our own
 * user or root (SO_PEERCRED); one that dawdles is dropped too.  At most
 * SUT_IPC_PEERS_MAX at once.
 *
 * The creator owns it; sut_ipc_server_run() belongs to one thread, in which
 * the handlers are called one after the other; stop may come from any.
 */
#ifndef SUT_IPC_SERVER_H
#define SUT_IPC_SERVER_H

#include "base/err.h"
#include "ipc/permit.h"

enum { SUT_IPC_PEERS_MAX = 8, SUT_IPC_PATIENCE_MS = 10000 };

struct sut_ipc_server;

/*
 * Serve on listen_fd, which the server then owns (on failure it stays the
 * caller's); permits (ended by a row without handle) and arg are borrowed.
 * patience_ms: within it a peer must bring its next message whole, and take the
 * reply.
 */
SUT_ERR sut_ipc_server_create(int listen_fd, const struct sut_ipc_permit *permits, void *arg,
                              unsigned patience_ms, struct sut_ipc_server **ret);
/* Not while it runs. */
void sut_ipc_server_free(struct sut_ipc_server **s);

/* Serve until sut_ipc_server_stop().  SYSTEM when it can't go on. */
SUT_ERR sut_ipc_server_run(struct sut_ipc_server *s);
/* Let run return.  Any thread; also before run. */
void sut_ipc_server_stop(struct sut_ipc_server *s);

#endif
