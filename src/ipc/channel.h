/* SPDX-License-Identifier: Apache-2.0
 *
 * channel - a unix stream socket at a path, and the caller's side of it.
 *
 * Descriptors are the caller's, close-on-exec.  Calls block, bounded by their
 * timeout; one thread at a time on a descriptor.
 */
#ifndef SUT_IPC_CHANNEL_H
#define SUT_IPC_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "ipc/message.h"

struct sut_diag;

enum { SUT_IPC_CONNECT_MS = 5000 };

/*
 * Listen at `path`, mode 0600; a socket that nobody listens on any more is
 * replaced.  BUSY when somebody does; INVALID when the path is too long; NOT_FOUND:
 * no such folder; SYSTEM.
 */
SUT_ERR sut_ipc_listen(const char *path, int *ret_fd, struct sut_diag *reterr_diag);

/*
 * Connect.  NOT_FOUND when nobody listens there; DENIED when it is another
 * user's process (root may talk to any); BUSY when so many wait there that it
 * takes nobody in for SUT_IPC_CONNECT_MS; SYSTEM.
 */
SUT_ERR sut_ipc_connect(const char *path, int *ret_fd);

/* Whether the process at the other end is of our user, or root's. */
bool sut_ipc_is_trusted(int fd);

/*
 * Send a request and wait for its reply, at most `timeout_ms` in all; reply's
 * maximum caps what is taken.  PARSE: the answer is none; TOO_LARGE;
 * UNAVAILABLE: the other side hung up or took too long; SYSTEM.  After a
 * failure the descriptor is of no more use.
 */
SUT_ERR sut_ipc_call(int fd, uint16_t type, uint32_t id, sut_str fields, unsigned timeout_ms,
                     struct sut_buf *reply);

/* Send one message whole, at most `timeout_ms`; UNAVAILABLE, SYSTEM. */
SUT_ERR sut_ipc_send(int fd, uint16_t type, uint32_t id, sut_str fields, unsigned timeout_ms);

#endif
