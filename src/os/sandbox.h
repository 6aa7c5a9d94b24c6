/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox - a role shuts itself in before its first byte of input.
 *
 * Three walls: resource limits, Landlock (which files, which ports; kernel
 * permitting: its ABI is asked), seccomp (which system calls, with which
 * arguments; anything else kills the process).  One table a role says all of it;
 * nothing can be taken back, and children inherit it.
 *
 * Call on the main thread, before any other thread is started (Landlock holds
 * for the calling thread and what it starts; seccomp is set for all).
 *
 * Beyond the paths and ports that are listed Landlock refuses with EACCES; from
 * its ABI 6 on also abstract unix sockets and signals to what is outside.  Sockets
 * and files that are open already are not touched by it.
 */
#ifndef SUT_OS_SANDBOX_H
#define SUT_OS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/err.h"

enum sut_sandbox_rights {
    SUT_SANDBOX_READ = 1,  /* files and folders below */
    SUT_SANDBOX_WRITE = 2, /* and make, change, rename, remove them */
    SUT_SANDBOX_EXEC = 4,
};

struct sut_sandbox_path {
    const char *path; /* one that is not there is left out */
    unsigned rights;
};

enum { SUT_SANDBOX_CHECKS = 3 };

/*
 * (argument number `arg` & mask) == value; a mask of 0 is no check.  As the value
 * SUT_SANDBOX_OWN_PID stands for the process that enters (so for none that it starts).
 */
#define SUT_SANDBOX_OWN_PID UINT64_MAX
struct sut_sandbox_check {
    unsigned arg;
    uint64_t mask;
    uint64_t value;
};

/* A call that is allowed when all of its checks hold; several rows of one call: when any does. */
struct sut_sandbox_call {
    int number; /* SCMP_SYS(…) */
    int error;  /* not 0: refused with this errno instead, for what has another way */
    struct sut_sandbox_check checks[SUT_SANDBOX_CHECKS];
};

struct sut_sandbox {
    const char *role;
    const struct sut_sandbox_path *paths;
    size_t n_paths;
    const uint16_t *ports; /* TCP ports that may be connected to (Landlock ABI 4) */
    size_t n_ports;
    const struct sut_sandbox_call *const *calls; /* several tables, each ended by number -1 */
    size_t n_calls;
    uint64_t files_max;  /* RLIMIT_NOFILE; 0: as it is */
    uint64_t memory_max; /* RLIMIT_AS; 0: as it is (sanitizers: never set) */
    /* RLIMIT_CPU: after so many seconds SIGXCPU comes, after one more the end; 0: as it is. */
    uint64_t cpu_s_max;
};

/*
 * Enter.  SYSTEM with a diag when one of the walls can't be had: the role must exit.
 * *ret_landlock is the ABI in force, 0 when the kernel has none (then the
 * caller warns).
 */
SUT_ERR sut_sandbox_enter(const struct sut_sandbox *s, int *ret_landlock,
                          struct sut_diag *reterr_diag);

#endif
