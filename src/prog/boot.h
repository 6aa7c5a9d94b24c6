/* SPDX-License-Identifier: Apache-2.0
 *
 * boot - from settings to an open store with its keys.
 *
 * Shared by the worker and the commands that open the store themselves.  The
 * caller owns struct sut_boot and ends it with sut_boot_done().
 */
#ifndef SUT_PROG_BOOT_H
#define SUT_PROG_BOOT_H

#include <stdbool.h>

#include "authn/keyring.h"
#include "base/diag.h"
#include "base/secret.h"
#include "config/config.h"
#include "store/store.h"

struct sut_boot {
    const struct sut_config *config;
    struct sut_secret *master;
    struct sut_secret *file_key; /* embedded store alone */
    struct sut_store *store;
    struct sut_keyring *keyring;
};

enum sut_boot_flag {
    SUT_BOOT_CREATE = 1,  /* make folders, keys and the store when they are not there */
    SUT_BOOT_MIGRATE = 2, /* bring an older store up to date */
};

/*
 * Open folders, keys, the store and the token keyring.  *reterr_diag says what
 * an operator must know; whatever was made is kept, whatever was opened is
 * closed again.
 */
SUT_ERR sut_boot_open(const struct sut_config *config, unsigned flags, struct sut_boot *ret,
                      struct sut_diag *reterr_diag);
void sut_boot_done(struct sut_boot *b);

/*
 * Refuse keys inside the data folder, make the data folder (with SUT_BOOT_CREATE) or
 * refuse one that others can reach.
 */
SUT_ERR sut_boot_folders(const struct sut_config *c, unsigned flags, struct sut_diag *reterr_diag);
/*
 * Set to false what may not be made: new keys open nothing that is there already,
 * and made in the place of lost ones they would only be in the way of those.
 */
SUT_ERR sut_boot_may_make(const struct sut_config *c, bool *ret_master, bool *ret_file_key);

/* The embedded store's VFS: NULL, the system's own; the tests' program brings another. */
const char *sut_boot_vfs(void);

#endif
