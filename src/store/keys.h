/* SPDX-License-Identifier: Apache-2.0
 *
 * keys - the keys of the keyring, made and opened through the keeper.
 *
 * The keyring's rows are wrapped; what is here joins them with the keeper, and
 * never holds an open key longer than a call.  Every function blocks for the
 * store and for the keeper: never inside a write job, never on a loop thread.
 * Any thread.
 */
#ifndef SUT_STORE_KEYS_H
#define SUT_STORE_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "ipc/keeper.h"
#include "store/keyring_row.h"
#include "store/store.h"

enum { SUT_KEYS_STAMP = 32 };

/* Make a purpose's first key, unless it has one already. */
SUT_ERR sut_keys_first(struct sut_store *s, struct sut_keeper *k, enum sut_key_purpose purpose,
                       sut_ms now);
/* The first key of every purpose that the keyring holds: all but FILE, which lies beside the store.
 */
SUT_ERR sut_keys_first_all(struct sut_store *s, struct sut_keeper *k, sut_ms now);

/* The rows of a purpose: sut_keyring_row_load() on a connection of the store's. */
SUT_ERR sut_keys_load(struct sut_store *s, enum sut_key_purpose purpose,
                      struct sut_keyring_row *ret, size_t cap, size_t *ret_n);
/* The current key itself, and its version (may be NULL); NOT_FOUND, DENIED for one that STAYS. */
SUT_ERR sut_keys_current(struct sut_store *s, struct sut_keeper *k, enum sut_key_purpose purpose,
                         struct sut_secret **ret, uint32_t *ret_version);

/* Make the purpose's next key; one that waits already is the next.  BUSY: too many previous ones.
 */
SUT_ERR sut_keys_add_next(struct sut_store *s, struct sut_keeper *k, enum sut_key_purpose purpose,
                          sut_ms now, uint32_t *ret_version);
/* Make the next key current; nothing happens when it is already. */
SUT_ERR sut_keys_activate(struct sut_store *s, enum sut_key_purpose purpose, uint32_t version,
                          sut_ms now);
/* Forget a previous key; nothing happens when it is gone already. */
SUT_ERR sut_keys_forget(struct sut_store *s, enum sut_key_purpose purpose, uint32_t version);

/*
 * Wrap all keys anew under the newest master key, in one transaction.  A key
 * that came or went meanwhile begins it again.  *ret_changed: how many were
 * wrapped by an older one.  INVALID, and nothing is changed, when there are keys of
 * a purpose that this program does not know: they would be lost with the older one.
 */
SUT_ERR sut_keys_rewrap_all(struct sut_store *s, struct sut_keeper *k, size_t *ret_changed);

/* What changes when anything in the keyring does. */
SUT_ERR sut_keys_stamp(struct sut_store *s, unsigned char ret[SUT_KEYS_STAMP]);

#endif
