/* SPDX-License-Identifier: Apache-2.0
 *
 * common_passwords - Django's list, made into a table when the program is
 * built (tools/gen-common-passwords).
 *
 * Word i is the bytes [at[i], at[i + 1]); words are in lower case, sorted by
 * their bytes, each once.  Constants.
 */
#ifndef SUT_AUTHN_COMMON_PASSWORDS_H
#define SUT_AUTHN_COMMON_PASSWORDS_H

#include <stddef.h>
#include <stdint.h>

extern const size_t sut_common_passwords_n;
extern const unsigned char sut_common_passwords[];
extern const uint32_t sut_common_passwords_at[];

#endif
