/* SPDX-License-Identifier: Apache-2.0
 *
 * listen - sockets that listen: bound by the supervisor, adopted by loops.
 *
 * A listening descriptor may be adopted by several loops at once; whoever is
 * awake accepts.  The descriptor stays its owner's.
 */
#ifndef SUT_NET_LISTEN_H
#define SUT_NET_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "net/addr.h"

struct sut_diag;
struct sut_loop;
struct sut_listener;

enum { SUT_LISTEN_BACKLOG = 1024 };

/*
 * Bind and listen on a numeric address ("" or "*": every address; "localhost":
 * 127.0.0.1); port 0 lets the kernel choose.  Close-on-exec, non-blocking.
 * PARSE for an address that is none, BUSY when it is in use, DENIED when this
 * user may not take the port.
 */
SUT_ERR sut_listen_open(sut_str host, uint16_t port, int *ret_fd, struct sut_diag *reterr_diag);
/* The address and port that it is bound to. */
SUT_ERR sut_listen_addr(int fd, struct sut_addr *ret);

/* Takes the accepted descriptor (non-blocking, close-on-exec). */
typedef void sut_accept_fn(void *ctx, int fd, const struct sut_addr *peer);

/* Accept on the loop's thread from now on.  fd is borrowed until stop. */
SUT_ERR sut_listener_start(struct sut_loop *l, int fd, sut_accept_fn *fn, void *ctx,
                           struct sut_listener **ret);
/* Stop accepting.  The listener frees itself on a later turn of the loop; *l becomes NULL. */
void sut_listener_stop(struct sut_listener **l);
/* Out of descriptors: accept nothing until resumed.  Accepting does this by itself on EMFILE. */
void sut_listener_pause(struct sut_listener *l);
/* Accept again; nothing when it was not paused. */
void sut_listener_resume(struct sut_listener *l);

#endif
