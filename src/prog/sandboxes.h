/* SPDX-License-Identifier: Apache-2.0
 *
 * sandboxes - what each role may touch: its system calls, files and ports.
 *
 * sandboxes.c is the table to read.  Each role enters before its first byte of
 * input, on its main thread, before any other thread starts (os/sandbox.h).
 * A kernel without Landlock is told in the log; one without seccomp ends the role.
 */
#ifndef SUT_PROG_SANDBOXES_H
#define SUT_PROG_SANDBOXES_H

#include "base/diag.h"
#include "base/err.h"

struct sut_config;
struct sut_certificate_files;
struct sut_db_reach;

/* No file and no socket of its own; memory, its line, its peers. */
SUT_ERR sut_sandbox_keeper(struct sut_diag *reterr_diag);
/* What names are looked up with, and the ports of its destinations; no file to write, no port to
 * listen on. */
SUT_ERR sut_sandbox_courier(const struct sut_config *c, struct sut_diag *reterr_diag);
/* Its one connection and its memory: no descriptor to make, no thread, no clock. */
SUT_ERR sut_sandbox_darkroom(struct sut_diag *reterr_diag);
/* The store's folder, or the remote store's ports (reach; NULL: embedded). */
SUT_ERR sut_sandbox_worker(const struct sut_config *c, const struct sut_db_reach *reach,
                           struct sut_diag *reterr_diag);
/*
 * What its children need until they shut themselves in further, and what it needs
 * itself: to read certificates, to start roles.  certificate: NULL without TLS.
 */
SUT_ERR sut_sandbox_supervisor(const struct sut_config *c,
                               const struct sut_certificate_files *certificate,
                               const struct sut_db_reach *reach, struct sut_diag *reterr_diag);

#endif
