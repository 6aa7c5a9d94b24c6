/* SPDX-License-Identifier: Apache-2.0
 *
 * keyring_row - keys kept wrapped in the store, by purpose and version.
 *
 * Of a purpose one version is current; a next one may be known already, which
 * nothing is written with yet; previous ones stay until nothing needs them.  A
 * version is never used twice: it is bound to the wrapped key.  What a wrapped
 * key is made of is the caller's business.  The functions run on the caller's
 * connection: reads anywhere, changes inside a write job.
 */
#ifndef SUT_STORE_KEYRING_ROW_H
#define SUT_STORE_KEYRING_ROW_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "db/db.h"
#include "ipc/keeper.h"

enum {
    SUT_KEYRING_PREVIOUS_MAX = 16,
    SUT_KEYRING_VERSIONS_MAX = SUT_KEYRING_PREVIOUS_MAX + 2, /* of one purpose */
    SUT_KEYRING_ROWS_MAX = SUT_KEYRING_VERSIONS_MAX * SUT_KEY_PURPOSES,
};

/* As they stand in the store. */
enum sut_keyring_state {
    SUT_KEYRING_CURRENT = 1,
    SUT_KEYRING_PREVIOUS = 2,
    SUT_KEYRING_NEXT = 3,
};

struct sut_keyring_row {
    enum sut_key_purpose purpose;
    uint32_t version; /* from 1 */
    enum sut_keyring_state state;
    sut_ms created_at; /* of the current and of previous ones: since when they were current */
    size_t wrapped_n;
    char wrapped[SUT_WRAPPED_MAX];
};

/*
 * The keys of a purpose: the current one first, then the others, the newest
 * first.  CORRUPT: a row that is too long, of an unknown state, or more than
 * one current; TOO_LARGE above `cap`.
 */
SUT_ERR sut_keyring_row_load(struct sut_db_conn *c, enum sut_key_purpose purpose,
                             struct sut_keyring_row *ret, size_t cap, size_t *ret_n);
/* All keys, by purpose and version; a purpose that this program does not know is left out. */
SUT_ERR sut_keyring_row_list(struct sut_db_conn *c, struct sut_keyring_row *ret, size_t cap,
                             size_t *ret_n);

/* How many there are, of all purposes: more than are listed where a newer program made some. */
SUT_ERR sut_keyring_row_count(struct sut_db_conn *c, size_t *ret);

/*
 * Add a key.  `version` must be above all that are there (what was wrapped for
 * it may have been overtaken by another server: EXISTS).  The first one is
 * current, and a purpose that has a current key takes only next ones.  BUSY
 * when SUT_KEYRING_PREVIOUS_MAX previous ones are kept already or a next one waits.
 */
SUT_ERR sut_keyring_row_add(struct sut_db_conn *c, const struct sut_keyring_row *row);
/* Make the next key `version` current, as of `now`, and the current one a previous.  NOT_FOUND. */
SUT_ERR sut_keyring_row_activate(struct sut_db_conn *c, enum sut_key_purpose purpose,
                                 uint32_t version, sut_ms now);
/* Forget a previous key; NOT_FOUND when it is none. */
SUT_ERR sut_keyring_row_forget(struct sut_db_conn *c, enum sut_key_purpose purpose,
                               uint32_t version);
/* Put other bytes in place of a key's wrapped ones; CONFLICT when those are not `old` any more. */
SUT_ERR sut_keyring_row_rewrap(struct sut_db_conn *c, const struct sut_keyring_row *old,
                               sut_str wrapped);

#endif
