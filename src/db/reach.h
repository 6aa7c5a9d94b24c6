/* SPDX-License-Identifier: Apache-2.0
 *
 * reach - what a connection to PostgreSQL touches beside its socket: names to be
 * looked up, ports, files of TLS.
 *
 * A role that shuts itself in finds this out before: the names become addresses
 * in the connection's own words, ports and files go into its table, and libpq is
 * loaded.  What the names lead to later is seen when the role is started again.
 */
#ifndef SUT_DB_REACH_H
#define SUT_DB_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"

enum { SUT_DB_REACH_MAX = 16, SUT_DB_REACH_PATH = 512 };

struct sut_db_reach {
    struct sut_secret *dsn; /* to connect with, no NUL; NULL: names were not looked up */
    uint16_t ports[SUT_DB_REACH_MAX];
    size_t n_ports;
    char files[SUT_DB_REACH_MAX][SUT_DB_REACH_PATH];
    size_t n_files;
};

/*
 * Look into the address (a URI or keywords, ended by a NUL; never logged).
 * `resolve` asks for ret->dsn too: it blocks, opens files and sockets.  INVALID
 * for one that can't be read or has too many hosts, UNAVAILABLE for a name that
 * leads nowhere, SYSTEM without libpq.  End it with sut_db_reach_done() in each case.
 */
SUT_ERR sut_db_reach_find(const char *dsn, bool resolve, struct sut_db_reach *ret,
                          struct sut_diag *reterr_diag);
void sut_db_reach_done(struct sut_db_reach *r);

#endif
