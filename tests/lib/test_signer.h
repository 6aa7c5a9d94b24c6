/* SPDX-License-Identifier: Apache-2.0
 *
 * test_signer - a provider of identity for tests: a key pair, its JWK, texts signed with it.
 *
 * Made anew in each run; whatever fails ends the program.  One thread.
 */
#ifndef SUT_TESTS_TEST_SIGNER_H
#define SUT_TESTS_TEST_SIGNER_H

#include "base/buf.h"
#include "base/str.h"

struct test_signer;

struct test_signer *test_signer_rsa(unsigned bits);
struct test_signer *test_signer_p256(void);
void test_signer_free(struct test_signer **s);

/* Append the public key as a JSON object with these members more (`"kid":"k1"`; may be empty). */
void test_signer_jwk(const struct test_signer *s, const char *more, struct sut_buf *out);
/* Append header.claims.signature. */
void test_signer_sign(const struct test_signer *s, sut_str header, sut_str claims,
                      struct sut_buf *out);

#endif
