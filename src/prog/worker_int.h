/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_int - the worker's process from inside: what it holds from its start to its
 * end, and the parts of it that have files of their own.
 *
 * The main thread owns it all; others have what `app` and the options of theirs lend
 * them, and the certificate's dates.
 */
#ifndef SUT_PROG_WORKER_INT_H
#define SUT_PROG_WORKER_INT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "authn/asking.h"
#include "base/diag.h"
#include "base/err.h"
#include "config/config.h"
#include "crypto/remote_key.h"
#include "db/reach.h"
#include "guard/guard.h"
#include "guard/sharing.h"
#include "prog/boot.h"
#include "prog/control.h"
#include "prog/counter_home.h"
#include "prog/demo_pictures.h"
#include "prog/handshake.h"
#include "prog/key_admin.h"
#include "prog/paying.h"
#include "prog/worker_line.h"
#include "serve/server.h"
#include "store/keys.h"

enum { SUT_WORKER_WATCH_MS = 250 };

struct sut_worker {
    struct sut_config *config;
    struct sut_boot boot;
    struct sut_app app;
    struct sut_router *router;
    struct sut_headers *headers;
    struct sut_service service;
    struct sut_server *server;
    struct sut_control *control;
    struct sut_counter_rows counter_rows;
    struct sut_secret *device_key; /* a struct sut_hmac_key */
    struct sut_sharing sharing;
    struct sut_asking asking;
    struct sut_paying paying;
    struct sut_worker_line *line;
    struct sut_demo_pictures *demo_pictures;
    struct sut_key_admin *keys;
    unsigned char keyring_seen[SUT_KEYS_STAMP]; /* a remote store's keyring, when last looked at */
    size_t holds_behind;                        /* sut_order_expiry.behind, from step to step */
    struct sut_handshakes handshakes;
    struct sut_remote_signer signer; /* of handshakes: the keeper */
    struct sut_remote_keys *remote_keys;
    /* Of the certificate in use; 0: there is none.  `key list` reads them in another thread. */
    _Atomic int64_t cert_from_ms;
    _Atomic int64_t cert_until_ms;
    struct sut_db_reach reach; /* of a remote store */
    int control_fd;
    unsigned cores;
    unsigned connections_max; /* of the settings, or as many as there are descriptors for */
    size_t n_plain;
    size_t n_tls;
    char public_url[96]; /* when the settings have none */
    bool counters_started;
};

/* All that requests need: fills w->app.  The store and the line are open. */
SUT_ERR sut_worker__make_app(struct sut_worker *w, struct sut_diag *reterr_diag);

/*
 * All that is made of the keyring, as it is now; ctx is the worker.  Any thread: who
 * rotates a key on the control socket is told when it is in use.
 */
SUT_ERR sut_worker__reload_keys(void *ctx);

/*
 * What another server over the same store has changed, and what has outlived its
 * life: the n-th turn of the main thread, SUT_WORKER_WATCH_MS apart.
 */
void sut_worker__watch(struct sut_worker *w, unsigned turn);

#endif
