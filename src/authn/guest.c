/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/guest.h"

#include <string.h>

#include "base/secret.h"
#include "codec/b64url.h"
#include "crypto/random.h"
#include "crypto/sha256.h"

_Static_assert((int) SUT_GUEST_DIGEST == (int) SUT_SHA256_SIZE, "a guest is found by a SHA-256");

enum { NUMBER = 32 /* bytes of chance */ };

static void digest(struct sut_guest *g)
{
    sut_sha256(sut_str_of(g->text, sizeof(g->text)), g->digest);
}

SUT_ERR sut_guest_make(const struct sut_random *random, struct sut_guest *ret)
{
    unsigned char number[NUMBER];
    struct sut_buf text = { .p = ret->text, .cap = SUT_GUEST_TEXT, .max = SUT_GUEST_TEXT };
    TRY(sut_random_fill(random, number, sizeof(number)));
    sut_b64url_encode(&text, sut_str_of((const char *) number, sizeof(number)));
    sut_wipe(number, sizeof(number));
    TRY(sut_buf_check(&text));
    digest(ret);
    return SUT_OK;
}

bool sut_guest_read(sut_str text, struct sut_guest *ret)
{
    unsigned char number[NUMBER];
    size_t n = 0;
    if (text.n != SUT_GUEST_TEXT ||
        sut_failed(sut_b64url_decode(text, number, sizeof(number), &n)) || n != sizeof(number))
        return false;
    sut_wipe(number, sizeof(number));
    memcpy(ret->text, text.p, sizeof(ret->text));
    digest(ret);
    return true;
}
