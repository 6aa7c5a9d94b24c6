/* SPDX-License-Identifier: Apache-2.0
 *
 * carrier - what the courier's process does: it takes what workers ask for
 * (ipc/courier.h) and brings the answers.
 *
 * One thread does all of it, but for names (courier/resolve.h): sut_carrier_turn() waits
 * and works, until something that the caller watches is readable.  A worker is taken for
 * hostile: what stands in no row of ipc/errands.def, too long, malformed ends its
 * connection; one errand a connection at a time.
 *
 * What is reached: destinations of the settings as they are named there; an address
 * out of data only over https, when every address of its name is public, and then
 * that very address.  Certificates are checked against the system's authorities.
 *
 * The creator owns it.  One thread.
 */
#ifndef SUT_COURIER_CARRIER_H
#define SUT_COURIER_CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"
#include "courier/target.h"

enum { SUT_CARRIER_PEERS_MAX = 64, SUT_CARRIER_WATCHED_MAX = 4 };

/* The object store. */
struct sut_carrier_s3 {
    sut_str endpoint; /* URL without a slash at its end; empty: none */
    sut_str region;
    sut_str bucket;
    sut_str access_key;
    const struct sut_secret *secret_key;
    bool is_encrypted; /* it is asked to encrypt what it keeps (AES256) */
    bool is_private;   /* files are put with the ACL "private" */
};

/* All borrowed for as long as the carrier lives. */
struct sut_carrier_settings {
    struct sut_mail_place mail; /* an empty host: none */
    sut_str mail_user;
    const struct sut_secret *mail_password; /* may be NULL */
    unsigned mail_timeout_ms;               /* to connect, and for each answer */
    sut_str google_keys_url;                /* empty: none */
    sut_str facebook_graph_url;
    sut_str facebook_app_id; /* empty: none */
    const struct sut_secret *facebook_app_secret;
    sut_str stripe_url;
    const struct sut_secret *stripe_key; /* NULL: none */
    sut_str paystack_url;
    const struct sut_secret *paystack_key; /* NULL: none */
    /* clamd: at a host (an IPv6 address in brackets), or, when ask_clamd is set, at a unix socket
     * to which somebody else connects; it is asked for one connection and gives it to
     * sut_carrier_clamd(). */
    sut_str clamd_host; /* empty: none */
    uint16_t clamd_port;
    SUT_ERR (*ask_clamd)(void *arg);
    void *arg;
    struct sut_carrier_s3 s3;
    const char *ca_file; /* authorities beside the system's; NULL: none */
    /* A worker's connection was ended for what no worker of ours does; may be NULL. */
    void (*dropped)(sut_err e);
};

struct sut_carrier;

/* Load the library, find the authorities.  INVALID with a diag for authorities that can't be read;
 * SYSTEM. */
SUT_ERR sut_carrier_create(const struct sut_carrier_settings *s, struct sut_carrier **ret,
                           struct sut_diag *reterr_diag);
/* Start its threads: behind the walls. */
SUT_ERR sut_carrier_start(struct sut_carrier *c);
void sut_carrier_free(struct sut_carrier **c);

/* Serve a worker's connection, then owned; FULL (and the caller's still). */
SUT_ERR sut_carrier_take(struct sut_carrier *c, int fd);
/* A connection to clamd that was asked for, then owned; -1: none can be had. */
void sut_carrier_clamd(struct sut_carrier *c, int fd);
/* How many connections there are. */
size_t sut_carrier_peers(const struct sut_carrier *c);
/* Milliseconds since the last errand ended; 0 while there is one. */
uint64_t sut_carrier_idle_ms(const struct sut_carrier *c);

/*
 * Wait, at most timeout_ms, and do what is due.  *ret_ready has a bit for each of `fds` (at most
 * SUT_CARRIER_WATCHED_MAX) that is readable or has ended.
 */
SUT_ERR sut_carrier_turn(struct sut_carrier *c, const int *fds, size_t n, int timeout_ms,
                         unsigned *ret_ready);

/* How often a purpose was asked for, and how often its rate was spent. */
struct sut_ipc_meter sut_carrier_count(struct sut_carrier *c, enum sut_errand_purpose p);

#endif
