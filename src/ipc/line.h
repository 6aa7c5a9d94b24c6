/* SPDX-License-Identifier: Apache-2.0
 *
 * line - what the supervisor and a role say to each other: typed messages with
 * descriptors, over one SOCK_SEQPACKET pair.
 *
 * A message is a packet: the header of ipc/message.h and its fields; descriptors
 * travel beside it (SCM_RIGHTS).  Each side has a table of what it may hear; what is not
 * in it, too long, malformed or brings other descriptors than it should is an
 * error that ends the line, and no descriptor leaks.  One thread at a time on a
 * side; the caller owns the socket.
 */
#ifndef SUT_IPC_LINE_H
#define SUT_IPC_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ipc/message.h"

enum { SUT_LINE_MESSAGE_MAX = 128 * 1024, SUT_LINE_FDS_MAX = 32 };

/* The two ends, close-on-exec. */
SUT_ERR sut_line_pair(int ret[2]);

/* Send; waits at most `timeout_ms` for room.  UNAVAILABLE when the other side is gone or full. */
SUT_ERR sut_line_send(int fd, uint16_t type, sut_str fields, const int *fds, size_t n_fds,
                      unsigned timeout_ms);

/* What a side may hear; the table ends with type 0. */
struct sut_line_permit {
    uint16_t type;
    uint32_t max;     /* bytes of fields */
    uint32_t fds_max; /* descriptors, at most SUT_LINE_FDS_MAX */
};

struct sut_line_message {
    uint16_t type;
    struct sut_buf fields; /* wiped by sut_line_message_done() */
    int fds[SUT_LINE_FDS_MAX];
    size_t n_fds; /* take them (set to -1) or they are closed */
};

/*
 * Take one message that is there (poll for it; BUSY when none is): PARSE,
 * TOO_LARGE, DENIED as the table says; UNAVAILABLE at the end of the line.
 * Descriptors are close-on-exec.
 */
SUT_ERR sut_line_receive(int fd, const struct sut_line_permit *permits,
                         struct sut_line_message *ret);
void sut_line_message_done(struct sut_line_message *m);

#endif
