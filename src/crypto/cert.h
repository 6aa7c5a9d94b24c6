/* SPDX-License-Identifier: Apache-2.0
 *
 * cert - a certificate for trying things out over HTTPS, signed by itself.
 *
 * ECDSA P-256 with SHA-256 (RFC 5280, RFC 5480).  Nobody should trust it but
 * the one who made it.  Any thread.
 */
#ifndef SUT_CRYPTO_CERT_H
#define SUT_CRYPTO_CERT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

enum { SUT_CERT_DAYS_MAX = 825 };

/*
 * Append the PEM of a new certificate to out_cert and that of its private key
 * (PKCS #8, not encrypted) to out_key; wipe the latter's bytes.  `names` are n
 * host names or IP addresses (NUL-terminated, at least one); the first is the
 * subject.  It holds from a day before `now` for `days` after it.
 * INVALID: no names, a name that is empty or has a comma, or days out of
 * 1 .. SUT_CERT_DAYS_MAX.
 */
SUT_ERR sut_cert_make(const char *const *names, size_t n, sut_ms now, unsigned days,
                      struct sut_buf *out_cert, struct sut_buf *out_key);

/*
 * From when and until when the first certificate of a PEM text holds.
 * INVALID when there is none, or its dates can't be told.
 */
SUT_ERR sut_cert_dates(sut_str pem, sut_ms *ret_from, sut_ms *ret_until);

#endif
