/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ed25519.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scan.h"

/* RFC 8032 7.1, tests 1 to 3. */
static const struct {
    const char *seed;
    const char *public_key;
    const char *msg;
    const char *signature;
} vectors[] = {
    { "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
      "b"
      "46bd25bf5f0595bbe24655141438e7a100b" },
    { "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
      "1"
      "d8c387b2eaeb4302aeeb00d291612bb0c00" },
    { "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
      "c"
      "6594a7c15e9716ed28dc027beceea1ec40a" },
};

static void unhex(const char *hex, void *to, size_t n)
{
    assert_false(sut_failed(sut_parse_hex(sut_str_from(hex), to, n)));
}

static void signs_as_the_rfc_does_and_verifies_nothing_else(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        unsigned char seed[SUT_ED25519_SEED];
        unsigned char want_public[SUT_ED25519_PUBLIC];
        unsigned char want[SUT_ED25519_SIGNATURE];
        unsigned char got[SUT_ED25519_SIGNATURE];
        unsigned char got_public[SUT_ED25519_PUBLIC];
        char msg[4] = { 0 };
        const size_t n = strlen(vectors[i].msg) / 2;
        unhex(vectors[i].seed, seed, sizeof(seed));
        unhex(vectors[i].public_key, want_public, sizeof(want_public));
        unhex(vectors[i].signature, want, sizeof(want));
        unhex(vectors[i].msg, msg, n);
        assert_false(sut_failed(sut_ed25519_sign(seed, sut_str_of(msg, n), got, got_public)));
        assert_memory_equal(got, want, sizeof(want));
        assert_memory_equal(got_public, want_public, sizeof(want_public));
        assert_false(sut_failed(sut_ed25519_sign(seed, sut_str_of(msg, n), got, NULL)));

        assert_true(sut_ed25519_verify(want_public, sut_str_of(msg, n), want));
        assert_false(sut_ed25519_verify(want_public, sut_str_of(msg, n + 1), want));
        for (size_t bit = 0; bit < 8 * sizeof(want); bit += 5) {
            want[bit / 8] = (unsigned char) (want[bit / 8] ^ (1 << (bit % 8)));
            assert_false(sut_ed25519_verify(want_public, sut_str_of(msg, n), want));
            want[bit / 8] = (unsigned char) (want[bit / 8] ^ (1 << (bit % 8)));
        }
        want_public[3] ^= 1;
        assert_false(sut_ed25519_verify(want_public, sut_str_of(msg, n), want));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_as_the_rfc_does_and_verifies_nothing_else),
    };
    return cmocka_run_group_tests_name("ed25519", tests, NULL, NULL);
}
