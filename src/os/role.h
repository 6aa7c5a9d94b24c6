/* SPDX-License-Identifier: Apache-2.0
 *
 * role - a process of our own kind: fork and exec of our binary with
 * `--role=NAME`, a fresh address space, and only the descriptors it is given.
 *
 * The parent owns struct sut_role and must reap it with sut_role_wait() or
 * sut_role_poll() and then sut_role_done().  Spawn from the main thread: the
 * death signal follows the thread that forked.
 */
#ifndef SUT_OS_ROLE_H
#define SUT_OS_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

enum { SUT_ROLE_FDS_MAX = 32, SUT_ROLE_ARGS_MAX = 16 };

/* The child finds the parent's `fd` under the number `as` (0 .. 255). */
struct sut_role_fd {
    int fd;
    int as;
};

struct sut_role_spec {
    const char *binary; /* path of the program */
    const char *name;   /* "worker" */
    const char *title;  /* its argv[0]; NULL: binary */
    const char *const
        *args; /* more arguments, NULL-terminated, at most SUT_ROLE_ARGS_MAX; or NULL */
    const char *const *env;        /* the whole environment, NULL-terminated; NULL: empty */
    const struct sut_role_fd *fds; /* 0, 1 and 2 are /dev/null unless they are listed */
    size_t n_fds;
    int death_signal; /* sent to the child when the parent ends; 0: none */
};

struct sut_role {
    pid_t pid; /* 0: none */
    int pidfd; /* readable when it has ended; -1: none */
};

/* How a role ended. */
struct sut_role_end {
    bool is_signal;
    int code; /* exit status, or the signal's number */
};

#define SUT_ROLE_NONE ((struct sut_role){ .pid = 0, .pidfd = -1 })

/*
 * Start a role; an end that this process ignored until now is heeded from here on, so that it can
 * be waited for.  SYSTEM with errno also when the child could not exec; then
 * nothing is left behind.  INVALID when the spec breaks a limit above.
 */
SUT_ERR sut_role_spawn(const struct sut_role_spec *spec, struct sut_role *ret);
/* Wait for its end and reap it; the role becomes SUT_ROLE_NONE. */
SUT_ERR sut_role_wait(struct sut_role *r, struct sut_role_end *ret);
/* The same without waiting: *ret_ended is false while it lives. */
SUT_ERR sut_role_poll(struct sut_role *r, bool *ret_ended, struct sut_role_end *ret);
/* Wait up to `ms` for its end; then as sut_role_poll(). */
SUT_ERR sut_role_wait_ms(struct sut_role *r, int ms, bool *ret_ended, struct sut_role_end *ret);
/* Send a signal to this very process (never to one that got its number later). */
SUT_ERR sut_role_signal(const struct sut_role *r, int sig);
/* Kill it if it lives, reap it, close the pidfd.  Safe on SUT_ROLE_NONE; fits DEFER. */
void sut_role_done(struct sut_role *r);

#endif
