/* SPDX-License-Identifier: Apache-2.0
 *
 * keeper_wire - the messages between the keeper's client (ipc/keeper.h) and the
 * keeper (keeper/permits.h): what both must agree on, and nothing else.
 *
 * Fields in their order; every reply begins with a u64, enum sut_keeper_answer,
 * and holds more only when that is OK (with BUSY: u64, ms to wait).
 *
 *   ABOUT      ()  (b id, u has_next, b next id or empty, u has_previous, u may_rotate,
 *                   u is_passphrase, i made_at)
 *   UNWRAP     (u purpose, u version, b wrapped)           (b key)
 *   MAKE       (u purpose, u version, u 1: the key too)    (b wrapped, b key or empty)
 *   REWRAP     (u purpose, u version, b wrapped)           (u changed, b wrapped)
 *   OPEN_DATA  (u kek version, b kek, u n, n × (i person, u version, b wrapped))
 *              (n × b key, or empty: it does not open)
 *   MAKE_DATA  (u kek version, b kek, u n, n × (i person, u version))
 *              (n × (b wrapped, b key))
 *   TLS_SIGN   (b key id, u scheme, b digest, u core that asks, as os/core.h)  (b signature)
 *   CHECKPOINT (u version, b wrapped, u sequence, i at, b head) (b signature, b public key)
 */
#ifndef SUT_IPC_KEEPER_WIRE_H
#define SUT_IPC_KEEPER_WIRE_H

#include "ipc/keeper.h"

enum sut_keeper_answer {
    SUT_KEEPER_OK,
    SUT_KEEPER_BUSY,      /* the rate of this type is spent */
    SUT_KEEPER_CORRUPT,   /* does not open */
    SUT_KEEPER_NOT_FOUND, /* no such key */
    SUT_KEEPER_INVALID,   /* not with this key */
    SUT_KEEPER_ANSWERS
};

enum {
    SUT_KEEPER_U = 9, /* bytes of a number on the wire */
    SUT_KEEPER_B = 5, /* bytes around a field of bytes */
    SUT_KEEPER_KEK_WIRE = 2 * SUT_KEEPER_U + SUT_KEEPER_B + SUT_WRAPPED_MAX,
    SUT_KEEPER_OPEN_ROW = 2 * SUT_KEEPER_U + SUT_KEEPER_B + SUT_DATA_WRAPPED,
    SUT_KEEPER_MAKE_ROW = 2 * SUT_KEEPER_U,
    SUT_KEEPER_OPEN_DATA_MAX = SUT_KEEPER_KEK_WIRE + SUT_DATA_KEYS_MAX * SUT_KEEPER_OPEN_ROW,
    SUT_KEEPER_OPEN_DATA_REPLY_MAX =
        SUT_KEEPER_U + SUT_DATA_KEYS_MAX * (SUT_KEEPER_B + SUT_KEY_SIZE),
    SUT_KEEPER_MAKE_DATA_MAX = SUT_KEEPER_KEK_WIRE + SUT_DATA_KEYS_MAX * SUT_KEEPER_MAKE_ROW,
    SUT_KEEPER_MAKE_DATA_REPLY_MAX =
        SUT_KEEPER_U + SUT_DATA_KEYS_MAX * (2 * SUT_KEEPER_B + SUT_KEY_SIZE + SUT_DATA_WRAPPED),
    SUT_KEEPER_ASK_MAX = SUT_KEEPER_OPEN_DATA_MAX,
    SUT_KEEPER_REPLY_MAX = SUT_KEEPER_MAKE_DATA_REPLY_MAX,
};

/* The digest's length that belongs to a scheme; 0 for what is none. */
static inline size_t sut_tls_scheme_digest(uint64_t scheme)
{
    static const unsigned char lengths[] = { 0, 32, 48, 64, 32, 48, 64, 32, 48, 64 };
    return scheme < sizeof(lengths) ? lengths[scheme] : 0;
}

/* Whether the open key of this purpose may leave the keeper. */
bool sut_key_purpose_leaves(enum sut_key_purpose p);

#endif
