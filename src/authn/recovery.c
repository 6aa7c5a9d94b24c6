/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/recovery.h"

#include <string.h>

#include "base/secret.h"
#include "crypto/sha256.h"

enum { LETTERS = 16, GROUP = 4 };

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

SUT_ERR sut_recovery_make(const struct sut_random *rnd, char ret[SUT_RECOVERY_TEXT])
{
    unsigned char chance[LETTERS];
    TRY(sut_random_fill(rnd, chance, sizeof(chance)));
    size_t n = 0;
    for (size_t i = 0; i < LETTERS; i++) {
        if (i > 0 && i % GROUP == 0)
            ret[n++] = '-';
        ret[n++] = alphabet[chance[i] & 31];
    }
    sut_wipe(chance, sizeof(chance));
    return SUT_OK;
}

/* The letter as the alphabet has it, or 0. */
static char plain_letter(char c)
{
    const char low = sut_ascii_lower(c);
    if (low == 'o')
        return '0';
    if (low == 'i' || low == 'l')
        return '1';
    return low != '\0' && strchr(alphabet, low) != NULL ? low : '\0';
}

SUT_ERR sut_recovery_hash(int64_t person, sut_str text, unsigned char ret[SUT_RECOVERY_HASH])
{
    char letters[LETTERS];
    unsigned char whose[8];
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '-' || text.p[i] == ' ' || text.p[i] == '\t')
            continue;
        const char c = plain_letter(text.p[i]);
        ENSURE(c != '\0' && n < LETTERS, INVALID);
        letters[n++] = c;
    }
    ENSURE(n == LETTERS, INVALID);
    for (unsigned i = 0; i < sizeof(whose); i++)
        whose[i] = (unsigned char) ((uint64_t) person >> (8 * i));
    const sut_str parts[] = {
        SUT_STR("sutler recovery code"),
        sut_str_of((const char *) whose, sizeof(whose)),
        sut_str_of(letters, sizeof(letters)),
    };
    sut_sha256_parts(parts, 3, ret);
    sut_wipe(letters, sizeof(letters));
    return SUT_OK;
}
