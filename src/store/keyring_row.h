/* SPDX-License-Identifier: Apache-2.0
 *
 * keyring_row - keys kept wrapped in the store, by purpose and version.
 *
 * Of a purpose one version is current and at most one is the previous; what
 * was before that is gone.  What a wrapped key is made of is the caller's
 * business.  The functions run on the caller's connection: reads anywhere,
 * changes inside a write job.
 */
#ifndef SUT_STORE_KEYRING_ROW_H
#define SUT_STORE_KEYRING_ROW_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "db/db.h"

enum { SUT_KEYRING_WRAPPED_MAX = 512 };

enum sut_keyring_state { SUT_KEYRING_CURRENT = 1, SUT_KEYRING_PREVIOUS = 2 };

struct sut_keyring_row {
    int64_t version; /* from 1 */
    sut_ms created_at;
    size_t wrapped_n; /* 0: there is no such row */
    char wrapped[SUT_KEYRING_WRAPPED_MAX];
};

/* The current and the previous key; wrapped_n is 0 where there is none.  CORRUPT: a row that is too
 * long. */
SUT_ERR sut_keyring_row_load(struct sut_db_conn *c, sut_str purpose,
                             struct sut_keyring_row *ret_current,
                             struct sut_keyring_row *ret_previous);

/* Make this the purpose's first key, unless it has one already. */
SUT_ERR sut_keyring_row_first(struct sut_db_conn *c, sut_str purpose, sut_str wrapped, sut_ms now);

/* Make this the current key, the current one the previous, and forget the previous one. */
SUT_ERR sut_keyring_row_rotate(struct sut_db_conn *c, sut_str purpose, sut_str wrapped, sut_ms now);

#endif
