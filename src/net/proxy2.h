/* SPDX-License-Identifier: Apache-2.0
 *
 * proxy2 - what a proxy says before the first byte of a connection: whom it
 * speaks for (PROXY protocol, version 2, haproxy's proxy-protocol.txt, 2.2).
 *
 * sut_proxy2_read() reads bytes, without I/O and without memory.  struct
 * sut_proxied is a link above tcp that takes the header away: nothing goes up before
 * it was read whole and was good.  Extensions (TLVs) are passed over.
 * A header is at most SUT_PROXY2_MAX bytes; how long it may take is the caller's to
 * say.
 */
#ifndef SUT_NET_PROXY2_H
#define SUT_NET_PROXY2_H

#include "base/buf.h"
#include "net/addr.h"
#include "net/filter.h"

enum {
    SUT_PROXY2_HEAD = 16,
    SUT_PROXY2_MAX = 2048, /* with all extensions */
};

enum sut_proxy2_step {
    SUT_PROXY2_MORE, /* a good beginning */
    SUT_PROXY2_DONE,
    SUT_PROXY2_BAD,
};

struct sut_proxy2 {
    /* False: LOCAL, the proxy itself asks (a health check); or it can't tell (UNSPEC, UNIX). */
    bool has_client;
    struct sut_addr client;
    size_t length; /* of the header: what follows is the client's */
};

/* *ret is written when it is DONE. */
enum sut_proxy2_step sut_proxy2_read(sut_str bytes, struct sut_proxy2 *ret);

/*
 * Told once, of a good header, or of NULL: it was none.  Returns whether the connection goes on;
 * else the callee has closed it.
 */
typedef bool sut_proxied_fn(struct sut_filter *top, const struct sut_proxy2 *header);

struct sut_proxied {
    struct sut_filter filter; /* first */
    sut_proxied_fn *fn;
    struct sut_filter *top; /* what fn is told */
    struct sut_buf held;    /* of a header that came in pieces */
    bool is_over;
};

void sut_proxied_init(struct sut_proxied *p, sut_proxied_fn *fn, struct sut_filter *top);
/* After the chain is closed. */
void sut_proxied_done(struct sut_proxied *p);

#endif
