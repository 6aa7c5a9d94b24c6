/* SPDX-License-Identifier: Apache-2.0
 *
 * addr - the address of a peer, one form for IPv4 and IPv6.
 *
 * Values; nothing allocates, any thread.
 */
#ifndef SUT_NET_ADDR_H
#define SUT_NET_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct sockaddr;

/* An address as 16 bytes (IPv4 mapped), its port, and its text without the port. */
struct sut_addr {
    uint8_t ip[16];
    uint16_t port;
    char text[48];
};

/* From what the kernel gave; INVALID for another family. */
SUT_ERR sut_addr_from_sockaddr(const struct sockaddr *sa, struct sut_addr *ret);
/* From a numeric address ("127.0.0.1", "::1", "::ffff:10.0.0.1"; no brackets, no zone); PARSE. */
SUT_ERR sut_addr_parse(sut_str s, struct sut_addr *ret);

/* The port is not looked at. */
bool sut_addr_is_ipv4(const struct sut_addr *a);
bool sut_addr_is_loopback(const struct sut_addr *a);
bool sut_addr_eq(const struct sut_addr *a, const struct sut_addr *b);
/*
 * The part by which limits count: an IPv4 address whole, an IPv6 address by
 * its /64, since one customer holds at least that.
 */
void sut_addr_limit_key(const struct sut_addr *a, uint8_t ret[16]);

#endif
