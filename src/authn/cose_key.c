/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/cose_key.h"

/* RFC 9052 7.1, RFC 9053 7, RFC 8230 4. */
enum {
    KEY_TYPE = 1,
    KEY_ALG = 3,
    OKP = 1,
    OKP_CURVE = -1,
    OKP_X = -2,
    EC2 = 2,
    EC2_CURVE = -1,
    EC2_X = -2,
    EC2_Y = -3,
    RSA = 3,
    RSA_N = -1,
    RSA_E = -2,
    P256 = 1,
    ED25519 = 6,
    MEMBERS_EC2 = 5,
    MEMBERS_OKP = 4,
    MEMBERS_RSA = 4,
};

static bool is_int(const struct sut_cbor *m, int64_t key, int64_t want)
{
    const struct sut_cbor *v = sut_cbor_get_int(m, key);
    return v != NULL && v->type == SUT_CBOR_INT && v->i == want;
}

/* Empty when it is absent or something else: no number that a key is made of. */
static sut_str bytes_of(const struct sut_cbor *m, int64_t key)
{
    const struct sut_cbor *v = sut_cbor_get_int(m, key);
    return v == NULL || v->type != SUT_CBOR_BYTES ? (sut_str){ 0 } : v->s;
}

SUT_ERR sut_cose_key_read(const struct sut_cbor *map, struct sut_cose_key **ret)
{
    if (is_int(map, KEY_ALG, SUT_COSE_ES256)) {
        ENSURE(map->n == MEMBERS_EC2 && is_int(map, KEY_TYPE, EC2) && is_int(map, EC2_CURVE, P256),
               INVALID);
        return sut_cose_create_es256(bytes_of(map, EC2_X), bytes_of(map, EC2_Y), ret);
    }
    if (is_int(map, KEY_ALG, SUT_COSE_EDDSA)) {
        ENSURE(map->n == MEMBERS_OKP && is_int(map, KEY_TYPE, OKP) &&
                   is_int(map, OKP_CURVE, ED25519),
               INVALID);
        return sut_cose_create_eddsa(bytes_of(map, OKP_X), ret);
    }
    ENSURE(is_int(map, KEY_ALG, SUT_COSE_RS256) && map->n == MEMBERS_RSA &&
               is_int(map, KEY_TYPE, RSA),
           INVALID);
    return sut_cose_create_rs256(bytes_of(map, RSA_N), bytes_of(map, RSA_E), ret);
}
