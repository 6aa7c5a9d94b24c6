/* SPDX-License-Identifier: Apache-2.0
 *
 * library - the libraries under this layer, made ready.
 *
 * At first use OpenSSL reads its settings' file and libsodium looks at the CPU and
 * the system's randomness: a role that shuts itself in has that done before.
 */
#ifndef SUT_CRYPTO_LIBRARY_H
#define SUT_CRYPTO_LIBRARY_H

#include "base/err.h"

/* Once at the start, before threads.  Again is no harm. */
SUT_ERR sut_crypto_init(void);

#endif
