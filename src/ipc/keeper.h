/* SPDX-License-Identifier: Apache-2.0
 *
 * keeper - how the worker asks the process that holds the keys.
 *
 * The keeper alone has the master key, the TLS private key, the keys that STAY
 * (ipc/purposes.def) and nothing else.  What it gives out is typed: it unwraps a
 * key that LEAVES, makes a key, unwraps data keys of persons, signs the digest
 * of a handshake or a checkpoint of the audit.  It keeps no state of ours: each
 * request carries the wrapped key that it needs, so one that is started anew
 * answers as the one before.
 *
 * struct sut_keeper is a pool of connections, for any thread.  A call blocks; it
 * takes a free connection or waits for one.  A connection that breaks is thrown
 * away and the call made again on another; without any it waits for
 * sut_keeper_reconnect().  All of it within SUT_KEEPER_PATIENCE_MS: then
 * UNAVAILABLE.  Every request may be made twice without harm.
 *
 * Common errors: UNAVAILABLE; BUSY when the keeper's rate for this type is
 * spent (the call has waited for its turn as long as it may); DENIED for what
 * the keeper may not answer; CORRUPT for a wrapped key that was altered, belongs
 * to another purpose, version or person, or to a master key that is not there.
 */
#ifndef SUT_IPC_KEEPER_H
#define SUT_IPC_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"

struct sut_keeper;

enum {
    SUT_KEEPER_PEERS_MAX = 32, /* connections of one worker */
    SUT_KEEPER_PATIENCE_MS = 8000,
    SUT_KEY_SIZE = 32,                   /* of every key it makes */
    SUT_WRAPPED_MAX = 128,               /* bytes of a wrapped key */
    SUT_DATA_WRAPPED = 1 + 12 + 32 + 16, /* of a person's: format, nonce, key, tag */
    SUT_DATA_KEYS_MAX = 256,             /* in one call */
    SUT_TLS_KEY_ID = 16, /* the first bytes of SHA-256 over the public key (SPKI, DER) */
    SUT_TLS_DIGEST_MAX = 64,
    SUT_TLS_SIGNATURE_MAX = 1024,
    SUT_MASTER_ID = 8,
    SUT_CHECKPOINT_HEAD = 32,
    SUT_CHECKPOINT_SIGNATURE = 64,
};

enum sut_key_purpose {
#define X(name, word, where) SUT_KEY_##name,
#include "ipc/purposes.def"
#undef X
    SUT_KEY_PURPOSES
};

/* "token-signing"; "" for what is none. */
const char *sut_key_purpose_word(enum sut_key_purpose p);

/* The types of requests; each is a row of the keeper's permit table. */
enum sut_keeper_ask {
    SUT_KEEPER_ABOUT = 1,
    SUT_KEEPER_UNWRAP,
    SUT_KEEPER_MAKE,
    SUT_KEEPER_REWRAP,
    SUT_KEEPER_OPEN_DATA,
    SUT_KEEPER_MAKE_DATA,
    SUT_KEEPER_TLS_SIGN,
    SUT_KEEPER_CHECKPOINT,
};

/* Take n connected sockets (1 .. SUT_KEEPER_PEERS_MAX), then owned. */
SUT_ERR sut_keeper_create(const int *fds, size_t n, struct sut_keeper **ret);
/* Nobody may be in a call. */
void sut_keeper_free(struct sut_keeper **k);
/* Put new connections in place of all old ones; calls in flight finish or go over to them. */
SUT_ERR sut_keeper_reconnect(struct sut_keeper *k, const int *fds, size_t n);
/* How many connections are left; 0: nothing is answered before sut_keeper_reconnect(). */
size_t sut_keeper_connections(struct sut_keeper *k);
/* Calls made since the start: what a request costs is the difference. */
uint64_t sut_keeper_calls(struct sut_keeper *k);

struct sut_keeper_about {
    unsigned char master_id[SUT_MASTER_ID]; /* names the master key without telling it */
    bool has_next;                          /* a rotation of the master key is under way */
    unsigned char next_id[SUT_MASTER_ID];
    bool has_previous;     /* security.master_key_previous is set: what it wraps opens too */
    bool may_rotate;       /* the master key lies in a file that the keeper may replace */
    bool is_passphrase;    /* that file is sealed by a passphrase */
    sut_ms master_made_at; /* 0: not known */
};
/* Which master keys it has, and what may be done with them. */
SUT_ERR sut_keeper_about(struct sut_keeper *k, struct sut_keeper_about *ret);

/*
 * The key in `wrapped`; version is the number it was wrapped with (bound to
 * it).  DENIED for a purpose that STAYS.
 */
SUT_ERR sut_keeper_unwrap(struct sut_keeper *k, enum sut_key_purpose purpose, uint32_t version,
                          sut_str wrapped, struct sut_secret **ret);
/*
 * A new random key: appended to `out` wrapped, and itself when ret_key is not
 * NULL (INVALID for a purpose that STAYS).
 */
SUT_ERR sut_keeper_make(struct sut_keeper *k, enum sut_key_purpose purpose, uint32_t version,
                        struct sut_buf *out, struct sut_secret **ret_key);
/* The same key wrapped by the newest master key; *ret_changed is false when it was already. */
SUT_ERR sut_keeper_rewrap(struct sut_keeper *k, enum sut_key_purpose purpose, uint32_t version,
                          sut_str wrapped, struct sut_buf *out, bool *ret_changed);

/* A key of purpose DATA as the keyring keeps it: wrapped, with its version. */
struct sut_kek {
    uint32_t version;
    size_t wrapped_n;
    char wrapped[SUT_WRAPPED_MAX];
};

/* A person's data key as a row has it; person, version and kek_version are bound to it. */
struct sut_data_key_row {
    int64_t person; /* 0: what belongs to nobody */
    uint32_t version;
    uint32_t kek_version;
    char wrapped[SUT_DATA_WRAPPED];
};

/*
 * Open n data keys (1 .. SUT_DATA_KEYS_MAX) that are all wrapped by `kek`.
 * ret_keys[i] is filled and ret_ok[i] true for each that opened; one that was
 * altered or belongs to another person is false and zero.  Wipe ret_keys.
 */
SUT_ERR sut_keeper_open_data(struct sut_keeper *k, const struct sut_kek *kek,
                             const struct sut_data_key_row *rows, size_t n,
                             unsigned char (*ret_keys)[SUT_KEY_SIZE], bool *ret_ok);
/* Make n data keys: person and version are given, kek_version and wrapped filled in. */
SUT_ERR sut_keeper_make_data(struct sut_keeper *k, const struct sut_kek *kek,
                             struct sut_data_key_row *rows, size_t n,
                             unsigned char (*ret_keys)[SUT_KEY_SIZE]);

/* How a handshake is signed (RFC 8446 4.2.3, RFC 5246 7.4.1.4.1). */
enum sut_tls_scheme {
    SUT_TLS_RSA_PKCS1_SHA256 = 1,
    SUT_TLS_RSA_PKCS1_SHA384,
    SUT_TLS_RSA_PKCS1_SHA512,
    SUT_TLS_RSA_PSS_SHA256, /* salt as long as the digest */
    SUT_TLS_RSA_PSS_SHA384,
    SUT_TLS_RSA_PSS_SHA512,
    SUT_TLS_ECDSA_SHA256, /* DER */
    SUT_TLS_ECDSA_SHA384,
    SUT_TLS_ECDSA_SHA512,
};
/* Sign a digest of the scheme's length; NOT_FOUND when the keeper has no such key. */
SUT_ERR sut_keeper_tls_sign(struct sut_keeper *k, const unsigned char key_id[SUT_TLS_KEY_ID],
                            enum sut_tls_scheme scheme, sut_str digest,
                            unsigned char ret[SUT_TLS_SIGNATURE_MAX], size_t *ret_n);

/* A point of the audit's chain, signed (Ed25519, RFC 8032) by the key that is given wrapped. */
struct sut_checkpoint {
    uint64_t sequence; /* of the last entry that it covers */
    sut_ms at;
    unsigned char head[SUT_CHECKPOINT_HEAD]; /* that entry's MAC */
};
/*
 * Append what is signed: the line "sutler audit checkpoint 1", the sequence and
 * the time as 8 bytes each (LE), the head.
 */
void sut_checkpoint_text(const struct sut_checkpoint *c, struct sut_buf *out);
/* *ret_public (may be NULL): the public key that belongs to it. */
SUT_ERR sut_keeper_checkpoint(struct sut_keeper *k, uint32_t key_version, sut_str wrapped_key,
                              const struct sut_checkpoint *c,
                              unsigned char ret[SUT_CHECKPOINT_SIGNATURE],
                              unsigned char ret_public[32]);

#endif
