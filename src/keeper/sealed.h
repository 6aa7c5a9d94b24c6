/* SPDX-License-Identifier: Apache-2.0
 *
 * sealed - a master key in a file that a passphrase opens.
 *
 * One line of text:
 *
 *   sutler-master-1 argon2id m=65536 t=3 p=1 salt=<32 hex> key=<120 hex>
 *
 * The passphrase and the salt make a key by Argon2id with the parameters that
 * stand there (KiB, passes, lanes); under it the master key is sealed by
 * AES-256-GCM with all that stands before " key=" as associated data.  One
 * thread; blocks for the hash.
 */
#ifndef SUT_KEEPER_SEALED_H
#define SUT_KEEPER_SEALED_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"
#include "crypto/random.h"

enum { SUT_SEALED_LINE_MAX = 256 };

/* Whether the text looks like such a line, rather than like a plain key. */
bool sut_sealed_is(sut_str text);
/* Append the line for this key (32 bytes). */
SUT_ERR sut_sealed_write(const struct sut_random *rnd, sut_str passphrase, sut_str key,
                         struct sut_buf *out);
/*
 * The key again.  PARSE: not such a line, or parameters that nobody writes (more
 * than 1 GiB, 16 passes, 16 lanes); CORRUPT: another passphrase, or damage; NOMEM.
 */
SUT_ERR sut_sealed_read(sut_str passphrase, sut_str text, struct sut_secret **ret);

#endif
