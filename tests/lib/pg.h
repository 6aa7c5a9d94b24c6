/* SPDX-License-Identifier: Apache-2.0
 *
 * pg - a private PostgreSQL for a test program: its own folder, its own socket
 * and a loopback port, started once, stopped at the end.
 *
 * Uses /usr/lib/postgresql/NN/bin of the newest version there is; as root it
 * runs as the user `postgres`.  One thread.
 */
#ifndef TESTS_LIB_PG_H
#define TESTS_LIB_PG_H

#include <stdbool.h>

struct pg;

/* NULL when PostgreSQL is not installed.  One that is installed but does not start ends the test
 * program with a failure, and a line on stderr that says where its log is. */
struct pg *pg_create(void);
/* Stop it and remove its folder. */
void pg_free(struct pg **p);
/* Over the socket, with a password, user and database "sutler". */
const char *pg_dsn(const struct pg *p);
/* Over loopback TCP. */
const char *pg_dsn_tcp(const struct pg *p);
/* An outage: fast shutdown, and the same server again. */
bool pg_stop(struct pg *p);
bool pg_start(struct pg *p);
/* Make it stop answering without closing anything, and go on. */
void pg_freeze(struct pg *p, bool frozen);

#endif
