/* SPDX-License-Identifier: Apache-2.0
 *
 * permits - what the keeper does for a worker: the table of its requests and
 * what stands behind each.
 *
 * ipc/keeper_wire.h says how requests look; this table how long they may be, how
 * many a second, and who answers.  A worker is taken for hostile: what it may
 * not ask (a purpose that STAYS, say) ends its connection.  Nothing is kept from
 * one request to the next but counts.
 *
 * struct sut_keyholder is for any thread.
 */
#ifndef SUT_KEEPER_PERMITS_H
#define SUT_KEEPER_PERMITS_H

#include "crypto/random.h"
#include "ipc/keeper.h"
#include "ipc/permit.h"
#include "keeper/master.h"

enum { SUT_KEYHOLDER_PATIENCE_MS = 5000, SUT_KEYHOLDER_TLS_KEYS = 2 };

struct sut_keyholder;

/* The master's keys are copied; random is borrowed. */
SUT_ERR sut_keyholder_create(const struct sut_master *master, const struct sut_random *random,
                             struct sut_keyholder **ret);
/* Wipes; nobody may be served. */
void sut_keyholder_free(struct sut_keyholder **h);

/*
 * Take a private key for TLS (PEM), in place of the older of two.  INVALID when it
 * is none that may sign; *ret_id names it.
 */
SUT_ERR sut_keyholder_take_tls_key(struct sut_keyholder *h, sut_str pem,
                                   unsigned char ret_id[SUT_TLS_KEY_ID]);

/* Serve one worker's connection (borrowed) until it ends; as sut_ipc_peer_serve(). */
SUT_ERR sut_keyholder_serve(struct sut_keyholder *h, int fd);
/* How often a type was asked for. */
struct sut_ipc_meter sut_keyholder_count(struct sut_keyholder *h, enum sut_keeper_ask type);

/* The table, ended by a row without handle; the handlers' argument is the keyholder. */
extern const struct sut_ipc_permit sut_keyholder_permits[];

#endif
