/* SPDX-License-Identifier: Apache-2.0
 *
 * supervisor - starts the roles, speaks with them over their lines (prog/words.h),
 * and starts again what has ended.
 *
 * First the keeper; when it is ready and has the TLS key, the worker.  The courier runs while
 * there is something to carry: its ends of the connections to the worker are watched (no byte of
 * theirs is read) and handed to one that is started then.  It holds no
 * key: that of TLS passes through it, from its file to the keeper.  A role is
 * taken for hostile: what it may say stands in a table, what it may ask for is
 * counted, and one that breaks the rules is killed and started anew.  One
 * thread; the caller owns all descriptors and the events.
 */
#ifndef SUT_PROG_SUPERVISOR_H
#define SUT_PROG_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "prog/certificate.h"
#include "prog/roles.h"

struct sut_events;

struct sut_supervisor_options {
    const char *binary; /* what is started with --role=NAME */
    const char *keys;   /* the keys' folder */
    bool may_create;    /* the first keeper may make a master key */
    int keeper_settings_fd;
    int worker_settings_fd;
    int courier_settings_fd; /* -1: the settings name no place to go to, so there is none */
    const char *clamd;       /* unix path to which the courier may ask a connection; NULL: none */
    int signal_fd;           /* TERM, INT: end; HUP: read certificate and key anew */
    int listen_fds[SUT_ROLE_LISTEN_MAX];
    size_t n_plain;
    size_t n_tls;
    struct sut_certificate_files certificate; /* with n_tls > 0 */
    struct sut_events *events;
};

/* Run until told to end: the program's exit code. */
int sut_supervisor_run(const struct sut_supervisor_options *o);

#endif
