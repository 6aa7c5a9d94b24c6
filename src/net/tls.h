/* SPDX-License-Identifier: Apache-2.0
 *
 * tls - TLS 1.2 and 1.3 as a link of the chain, by OpenSSL.
 *
 * A struct sut_tls_ctx (settings, certificate, key, ticket keys) belongs to one
 * loop thread; each loop has its own.  The key is at hand, or in another process
 * (crypto/remote_key.h): then a handshake blocks while it is asked, and fails by
 * itself when it can't be.  Forward-secret AEAD suites alone, in the
 * server's order; no renegotiation, no compression, no early data; ALPN
 * http/1.1 (RFC 7301: a client that offers only others is refused).  Sessions
 * live in tickets alone, so no table of them can grow.
 */
#ifndef SUT_NET_TLS_H
#define SUT_NET_TLS_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "net/filter.h"

struct sut_diag;
struct sut_remote_keys;
struct sut_tls;
struct sut_tls_ctx;
struct sut_wire;

enum sut_tls_policy {
    SUT_TLS_2026,        /* 1.3; 1.2 with ECDHE and AES-GCM or ChaCha20 */
    SUT_TLS_2026_GCM128, /* 1.3; 1.2 with exactly ECDHE-{ECDSA,RSA}-AES128-GCM-SHA256 */
};

enum { SUT_TLS_SESSION_S = 600, SUT_TLS_TICKET_KEY_BYTES = 80 };

struct sut_tls_settings {
    enum sut_tls_policy policy;
    unsigned session_s;             /* 0: SUT_TLS_SESSION_S */
    sut_str cert_pem;               /* the chain, leaf first; read while it is created, not kept */
    sut_str key_pem;                /* the same; empty when `remote` is there */
    struct sut_remote_keys *remote; /* has the key; outlives all that is made here */
};

/*
 * With a diag: INVALID when certificate or key can't be read, don't belong together
 * or are of a kind that we don't take; NOT_FOUND when the remote side does not
 * have the key; UNAVAILABLE when it does not answer; CORRUPT when it answers wrongly.
 */
SUT_ERR sut_tls_ctx_create(const struct sut_tls_settings *s, struct sut_tls_ctx **ret,
                           struct sut_diag *reterr_diag);
/* On its thread; connections that live keep it until they end. */
void sut_tls_ctx_free(struct sut_tls_ctx **c);
/* A new key for tickets, out of the system's random numbers; the caller wipes it. */
SUT_ERR sut_tls_ticket_key_make(uint8_t ret[SUT_TLS_TICKET_KEY_BYTES]);
/*
 * Seal tickets with this key from now on; those under the one before end in a
 * full handshake.  The same key on every loop lets a client come back to any.
 */
void sut_tls_ctx_set_ticket_key(struct sut_tls_ctx *c, const uint8_t key[SUT_TLS_TICKET_KEY_BYTES]);
/* Take over the ticket key of the one that c replaces, so that its clients come back. */
void sut_tls_ctx_inherit(struct sut_tls_ctx *c, struct sut_tls_ctx *from);

/* A server's side for one connection; heap, freed after the chain has closed. */
SUT_ERR sut_tls_create(struct sut_tls_ctx *c, struct sut_wire *w, struct sut_tls **ret);
void sut_tls_free(struct sut_tls **t);
struct sut_filter *sut_tls_filter(struct sut_tls *t);

#endif
