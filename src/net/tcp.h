/* SPDX-License-Identifier: Apache-2.0
 *
 * tcp - the bottom of a chain: a socket, read through one buffer per loop and
 * written at once when the kernel takes it.
 *
 * struct sut_wire is what all connections of one loop share; its creator owns
 * it and ends it after the last connection.  struct sut_tcp is the caller's
 * storage, embedded in its connection.
 */
#ifndef SUT_NET_TCP_H
#define SUT_NET_TCP_H

#include <uv.h>

#include "net/filter.h"

struct sut_loop;
struct sut_wire;

/* pending_max: bytes that may wait for one slow reader; a write beyond it fails. */
SUT_ERR sut_wire_create(struct sut_loop *l, size_t pending_max, struct sut_wire **ret);
void sut_wire_free(struct sut_wire **w);

struct sut_tcp {
    struct sut_filter filter; /* first */
    uv_tcp_t uv;
    uv_shutdown_t shutdown;
    struct sut_wire *wire;
    bool is_reading;
    bool is_shut;
    bool is_closing;
    bool has_failed;
};

/*
 * Adopt fd (connected, non-blocking).  On failure fd is still the caller's and
 * t is nothing.  Reading begins with sut_filter_down_set_reading().
 */
SUT_ERR sut_tcp_init(struct sut_tcp *t, struct sut_wire *w, int fd);

/* A buffer of this loop for what is used within one call: sizes in tcp.c. */
char *sut_wire_scratch(struct sut_wire *w, size_t *ret_n);
/* Output that is being put together within one call; empty between calls. */
struct sut_buf *sut_wire_out(struct sut_wire *w);

#endif
