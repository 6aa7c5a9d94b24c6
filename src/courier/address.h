/* SPDX-License-Identifier: Apache-2.0
 *
 * address - whether an address is one of the public Internet.
 *
 * What comes from data leads nowhere else: not to this machine, its neighbours,
 * a cloud's metadata, nor to what is an IPv4 address in the clothes of an IPv6
 * one.  Source: IANA's registries of special-purpose addresses (RFC 6890 and what
 * amends it).  Values; any thread.
 */
#ifndef SUT_COURIER_ADDRESS_H
#define SUT_COURIER_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sockaddr;

enum { SUT_ADDRESS_TEXT_MAX = 46 };

struct sut_address {
    bool is_v6;
    unsigned char ip[16]; /* network order; of IPv4 the first four */
};

/* INVALID for another family, and for one with a zone. */
SUT_ERR sut_address_of(const struct sockaddr *sa, struct sut_address *ret);
/* Global unicast, and nothing that is special. */
bool sut_address_is_public(const struct sut_address *a);
bool sut_address_is_loopback(const struct sut_address *a);
bool sut_address_eq(const struct sut_address *a, const struct sut_address *b);
/* Numeric, without brackets. */
void sut_address_text(const struct sut_address *a, char ret[SUT_ADDRESS_TEXT_MAX]);

#endif
