/* SPDX-License-Identifier: Apache-2.0
 *
 * filter - a link in the chain that makes a connection: tcp at the bottom, tls
 * perhaps, the protocol at the top.
 *
 * Bytes and news go up (on_*), orders go down.  A link leaves an operation NULL
 * to let it pass.  All of a chain belongs to one loop thread.  After close,
 * nothing goes up but on_closed, once, on a later turn of the loop; then the
 * links' storage may go.  So a callback may close its own chain at any time.
 */
#ifndef SUT_NET_FILTER_H
#define SUT_NET_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct sut_filter;

enum sut_net_end {
    SUT_NET_END_EOF,     /* the peer sends no more; it may still read */
    SUT_NET_END_RESET,   /* the connection broke */
    SUT_NET_END_REFUSED, /* the peer does not speak the protocol (tls) */
};

struct sut_filter_ops {
    const char *name;

    /* Up.  The link below is usable: a handshake is done. */
    void (*on_ready)(struct sut_filter *f);
    /* Bytes of the peer, borrowed for the call.  Some may come even when reading was switched off.
     */
    void (*on_bytes)(struct sut_filter *f, sut_str bytes);
    void (*on_end)(struct sut_filter *f, enum sut_net_end why);
    /* All that was written has been taken by the kernel, after some of it was pending. */
    void (*on_drained)(struct sut_filter *f);
    void (*on_closed)(struct sut_filter *f);

    /* Down.  Send these parts, in order, copied when they can't go at once.  An error: close. */
    SUT_ERR (*write)(struct sut_filter *f, const sut_str *parts, size_t n);
    void (*set_reading)(struct sut_filter *f, bool is_on);
    /* Nothing will be written any more: tell the peer once all is sent. */
    void (*shut)(struct sut_filter *f);
    void (*close)(struct sut_filter *f);
    /* Bytes that were written but not yet taken by the kernel. */
    size_t (*pending)(const struct sut_filter *f);
};

/* Embedded first in each link; the chain borrows the links. */
struct sut_filter {
    const struct sut_filter_ops *ops;
    struct sut_filter *above;
    struct sut_filter *below;
};

/* Put `above` on top of `below`. */
void sut_filter_join(struct sut_filter *below, struct sut_filter *above);

/* Called by f, for the next link that cares. */
void sut_filter_up_ready(struct sut_filter *f);
void sut_filter_up_bytes(struct sut_filter *f, sut_str bytes);
void sut_filter_up_end(struct sut_filter *f, enum sut_net_end why);
void sut_filter_up_drained(struct sut_filter *f);
void sut_filter_up_closed(struct sut_filter *f);
SUT_ERR sut_filter_down_write(struct sut_filter *f, const sut_str *parts, size_t n);
void sut_filter_down_set_reading(struct sut_filter *f, bool is_on);
void sut_filter_down_shut(struct sut_filter *f);
void sut_filter_down_close(struct sut_filter *f);
size_t sut_filter_down_pending(const struct sut_filter *f);

#endif
