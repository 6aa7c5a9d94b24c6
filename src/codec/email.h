/* SPDX-License-Identifier: Apache-2.0
 *
 * email - when two addresses are one.
 *
 * A mailbox can be written in many ways: in capitals, with needless quotes
 * (RFC 5321 4.1.2), with a domain in full-width letters, decomposed, with
 * characters that IDNA drops, or in Punycode (RFC 3490).  Two accounts whose
 * mail goes to one box would let a stranger take an address that is taken.
 * Pure; any thread.  Whether a text is an address: sut_is_email() of schema.h.
 */
#ifndef SUT_CODEC_EMAIL_H
#define SUT_CODEC_EMAIL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/*
 * What addresses are compared by: lower case, no needless quotes, the domain as
 * it goes over the wire.  Text that is no address is brought into lower case.
 * A slice of the arena or of the input; NOMEM, or PARSE when it is not UTF-8.
 */
SUT_ERR sut_email_key(struct sut_arena *a, sut_str text, sut_str *ret);

/*
 * The address as mail goes to it (RFC 5321): ASCII alone, the domain in A-labels, the part
 * before the @ as it is, but without needless quotes.  A slice of the arena; INVALID when
 * it is no address.
 */
SUT_ERR sut_email_wire(struct sut_arena *a, sut_str address, sut_str *ret);

/*
 * "Shop <shop@example.com>", "\"A shop\" <…>" or an address alone: slices of the text; the
 * name may be empty.  INVALID when it holds no address, or a control character.
 */
SUT_ERR sut_email_mailbox(sut_str text, sut_str *ret_name, sut_str *ret_address);

#endif
