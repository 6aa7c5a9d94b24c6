/* SPDX-License-Identifier: Apache-2.0
 *
 * boot - from settings to an open store with its keys.
 *
 * Shared by the worker and the commands that open the store themselves.  The
 * caller owns struct sut_boot and ends it with sut_boot_done().
 */
#ifndef SUT_PROG_BOOT_H
#define SUT_PROG_BOOT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "authn/keyring.h"
#include "base/diag.h"
#include "base/secret.h"
#include "config/config.h"
#include "ipc/keeper.h"
#include "prog/file_key.h"
#include "prog/pseudonym.h"
#include "store/store.h"

struct sut_boot {
    const struct sut_config *config;
    struct sut_keeper *keeper; /* borrowed */
    struct sut_file_keys file; /* embedded store alone */
    struct sut_store *store;
    struct sut_keyring *keyring;       /* of tokens */
    struct sut_keyring *links;         /* of links in mails */
    struct sut_keyring *media;         /* of pictures' addresses; no key of it is forgotten here */
    struct sut_pseudonyms *pseudonyms; /* the log has them, too */
};

enum sut_boot_flag {
    SUT_BOOT_CREATE = 1,  /* make folders, keys and the store when they are not there */
    SUT_BOOT_MIGRATE = 2, /* bring an older store up to date */
    SUT_BOOT_TELL = 4,    /* how far that is goes to the terminal; else to the log */
};

/*
 * Open folders, the file's key, the store, the token keyring and the log's
 * pseudonyms, and make the keyring's first keys.  All keys are opened by the
 * keeper, which is borrowed until the end.  *reterr_diag says what an operator must
 * know; whatever was made is kept, whatever was opened is closed again.
 */
SUT_ERR sut_boot_open(const struct sut_config *config, unsigned flags, struct sut_keeper *keeper,
                      struct sut_boot *ret, struct sut_diag *reterr_diag);
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
