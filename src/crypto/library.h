/* SPDX-License-Identifier: Apache-2.0
 *
 * library - the libraries under this layer, made ready.
 *
 * At first use OpenSSL reads its settings' file and libsodium looks at the CPU and
 * the system's randomness: a role that shuts itself in has that done before.
 */
#ifndef SUT_CRYPTO_LIBRARY_H
#define SUT_CRYPTO_LIBRARY_H

#include <stdbool.h>

#include "base/err.h"

/* Once at the start, before threads.  Again is no harm. */
SUT_ERR sut_crypto_init(void);

/*
 * From now on OpenSSL wipes all that it frees: for a role that parses private keys,
 * whose decoders leave copies behind.  Before anything else of this layer, else no
 * more than a missed chance: false.
 */
bool sut_crypto_wipe_freed(void);
/* And what it takes for the numbers of private keys is locked memory that no core has; false: it is
 * not. */
bool sut_crypto_lock_keys(void);

#endif
