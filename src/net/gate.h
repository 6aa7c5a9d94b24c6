/* SPDX-License-Identifier: Apache-2.0
 *
 * gate - how many connections there may be, in all and from one address.
 *
 * One for the whole process; any thread.  Memory grows with the connections
 * that are open, never beyond the maximum.
 */
#ifndef SUT_NET_GATE_H
#define SUT_NET_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/addr.h"

struct sut_gate;

struct sut_gate_counts {
    unsigned open;            /* connections now */
    uint64_t refused_total;   /* turned away: the house was full */
    uint64_t refused_address; /* turned away: that address had its share */
};

/*
 * At most `total` connections, `per_address` from one (IPv6: from one /64).
 * `seed` is a random number that nobody outside knows, against chosen
 * addresses that all fall on one chain.
 */
SUT_ERR sut_gate_create(unsigned total, unsigned per_address, uint64_t seed, struct sut_gate **ret);
/* All connections must have left. */
void sut_gate_free(struct sut_gate **g);

/* One more connection from a: BUSY in all, RATE for the address; then nothing is counted. */
SUT_ERR sut_gate_enter(struct sut_gate *g, const struct sut_addr *a);
/*
 * One more connection that a proxy makes for somebody who is not known yet: it counts in all alone
 * (BUSY), until its client is named and has a share of their own (RATE).
 */
SUT_ERR sut_gate_enter_proxy(struct sut_gate *g);
SUT_ERR sut_gate_name(struct sut_gate *g, const struct sut_addr *client);
/* One that entered by a proxy is gone; client NULL: it was never named. */
void sut_gate_leave_proxy(struct sut_gate *g, const struct sut_addr *client);
/* One that had entered is gone. */
void sut_gate_leave(struct sut_gate *g, const struct sut_addr *a);

/* What is counted now. */
struct sut_gate_counts sut_gate_count(struct sut_gate *g);

#endif
