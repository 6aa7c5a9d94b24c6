/* SPDX-License-Identifier: Apache-2.0
 *
 * fd - descriptors: closed on exec, read and written whole, counted.
 *
 * The caller owns every descriptor; -1 means none.  Errors are SYSTEM with
 * errno unless said otherwise.  Any thread.
 */
#ifndef SUT_OS_FD_H
#define SUT_OS_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct sut_buf;

/* Close *fd unless it is -1, and make it -1; fits DEFER. */
void sut_fd_close(int *fd);
/* Take the descriptor out of *fd, which becomes -1. */
int sut_fd_take(int *fd);

/* Whether exec closes it. */
SUT_ERR sut_fd_set_cloexec(int fd, bool is_on);
/* Whether reads and writes return at once. */
SUT_ERR sut_fd_set_nonblock(int fd, bool is_on);

/* Read until n bytes or the end; *ret says how many came.  For blocking descriptors. */
SUT_ERR sut_fd_read_full(int fd, void *p, size_t n, size_t *ret);
/* Write all of s.  For blocking descriptors. */
SUT_ERR sut_fd_write_full(int fd, sut_str s);

/* Two connected descriptors, both close-on-exec: a pipe (read end first). */
SUT_ERR sut_fd_pipe(int ret[2]);
/* Two connected stream sockets, both close-on-exec. */
SUT_ERR sut_fd_socketpair(int ret[2]);

/*
 * Open /dev/null as what of 0, 1 and 2 is closed.  Before anything else is opened: the next file
 * would get such a number, be written to as if it were standard error, and be handed to a role.
 */
SUT_ERR sut_fd_open_standard(void);

/* Raise the soft limit of open descriptors towards `want`; *ret is what it is now. */
SUT_ERR sut_fd_raise_limit(uint64_t want, uint64_t *ret);

/* How many descriptors this process has open; 0 when /proc is not there. */
size_t sut_fd_count(void);

#endif
