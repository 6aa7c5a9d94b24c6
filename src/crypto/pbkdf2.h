/* SPDX-License-Identifier: Apache-2.0
 *
 * pbkdf2 - PBKDF2-HMAC-SHA256 (RFC 8018 5.2), at the price of its two
 * compressions a round.
 *
 * OpenSSL's own costs more than twice that, and what the defender wastes the
 * attacker does not.  Blocks for as long as the rounds take; any thread.
 */
#ifndef SUT_CRYPTO_PBKDF2_H
#define SUT_CRYPTO_PBKDF2_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* n bytes (1 .. 4096) derived from the password; INVALID for no rounds or another n. */
SUT_ERR sut_pbkdf2(sut_str password, sut_str salt, uint32_t rounds, void *ret, size_t n);

#endif
