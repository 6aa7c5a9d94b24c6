/* SPDX-License-Identifier: Apache-2.0
 *
 * certificate - where the TLS certificate and its key come from: the settings'
 * files, or what a demo makes for itself beside its keys.
 *
 * The supervisor alone reads them: the chain goes to the worker, the key to the
 * keeper.  The caller wipes the key's bytes.
 */
#ifndef SUT_PROG_CERTIFICATE_H
#define SUT_PROG_CERTIFICATE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/err.h"

enum { SUT_CERTIFICATE_PATH_MAX = 1024 };

struct sut_config;

struct sut_certificate_files {
    char cert[SUT_CERTIFICATE_PATH_MAX];
    char key[SUT_CERTIFICATE_PATH_MAX];
    char folder[SUT_CERTIFICATE_PATH_MAX]; /* where a demo's pair is made */
    bool is_own;                           /* made here when it is not there */
};

/* Take the paths out of the settings.  INVALID with a diag when there is no certificate to be had.
 */
SUT_ERR sut_certificate_find(const struct sut_config *c, struct sut_certificate_files *ret,
                             struct sut_diag *reterr_diag);
/* Append both PEM texts; makes the pair first when it is one's own and missing. */
SUT_ERR sut_certificate_read(const struct sut_certificate_files *f, struct sut_buf *out_cert,
                             struct sut_buf *out_key, struct sut_diag *reterr_diag);

#endif
