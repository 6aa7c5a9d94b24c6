/* SPDX-License-Identifier: Apache-2.0
 *
 * remote_provider - the provider (see provider(7)): its "RSA" and "EC" keys wrap
 * a public key of the default provider, which answers all questions about it.
 * The signature algorithm has a name that the default provider does not know:
 * asked for "RSA", OpenSSL would look there first and find a key without its
 * private half.
 */
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/scan.h"
#include "crypto/remote_key_int.h"

#define SIGNATURE "SUTLER-REMOTE"

/* --- keys, as OpenSSL sees them --- */

struct remote_key {
    _Atomic unsigned refs;
    OSSL_LIB_CTX *libctx;
    const char *kind;             /* "RSA" or "EC" */
    EVP_PKEY *pub;                /* the default provider's */
    struct sut_remote_keys *keys; /* NULL: a public key alone */
    unsigned char id[SUT_REMOTE_KEY_ID];
};

static void *key_new(void *provctx, const char *kind)
{
    struct remote_key *k = sut_mem_zalloc(1, sizeof(*k));
    if (k == NULL)
        return NULL;
    atomic_init(&k->refs, 1);
    k->libctx = provctx;
    k->kind = kind;
    return k;
}

static void *rsa_new(void *provctx)
{
    return key_new(provctx, "RSA");
}

static void *ec_new(void *provctx)
{
    return key_new(provctx, "EC");
}

static struct remote_key *key_ref(struct remote_key *k)
{
    atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
    return k;
}

static void key_free(void *data)
{
    struct remote_key *k = data;
    if (k == NULL || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_free(k->pub);
    sut_mem_free(k);
}

static int key_has(const void *data, int selection)
{
    const struct remote_key *k = data;
    if (k == NULL)
        return 0;
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 && k->keys == NULL)
        return 0;
    return (selection & OSSL_KEYMGMT_SELECT_ALL) == 0 || k->pub != NULL;
}

static int key_match(const void *one, const void *two, int selection)
{
    const struct remote_key *a = one;
    const struct remote_key *b = two;
    if (a->pub == NULL || b->pub == NULL)
        return 0;
    /* A private key is the one that belongs to its public key. */
    if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0)
        return EVP_PKEY_eq(a->pub, b->pub) == 1;
    return EVP_PKEY_parameters_eq(a->pub, b->pub) == 1;
}

/* What tells a key of ours from a public one; both or none. */
static bool take_private(struct remote_key *k, const OSSL_PARAM params[])
{
    const OSSL_PARAM *id = OSSL_PARAM_locate_const(params, SUT_REMOTE_PARAM_KEY_ID);
    const OSSL_PARAM *at = OSSL_PARAM_locate_const(params, SUT_REMOTE_PARAM_KEYS);
    if (id == NULL && at == NULL)
        return true;
    void *to_id = k->id;
    void *to_keys = &k->keys;
    size_t n_id = 0;
    size_t n_keys = 0;
    return id != NULL && at != NULL &&
           OSSL_PARAM_get_octet_string(id, &to_id, sizeof(k->id), &n_id) == 1 &&
           OSSL_PARAM_get_octet_string(at, &to_keys, sizeof(void *), &n_keys) == 1 &&
           n_id == sizeof(k->id) && n_keys == sizeof(void *);
}

static EVP_PKEY *public_from(OSSL_LIB_CTX *libctx, const char *kind, const OSSL_PARAM params[])
{
    /* OpenSSL takes them as not constant. */
    OSSL_PARAM *copy = OSSL_PARAM_dup(params);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(libctx, kind, SUT_REMOTE_DEFAULT);
    EVP_PKEY *pub = NULL;
    if (copy == NULL || c == NULL || EVP_PKEY_fromdata_init(c) != 1 ||
        EVP_PKEY_fromdata(c, &pub, EVP_PKEY_PUBLIC_KEY, copy) != 1)
        pub = NULL;
    EVP_PKEY_CTX_free(c);
    OSSL_PARAM_free(copy);
    return pub;
}

static int key_import(void *data, int selection, const OSSL_PARAM params[])
{
    struct remote_key *k = data;
    if (k->pub != NULL || (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) == 0)
        return 0;
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 && !take_private(k, params))
        return 0;
    k->pub = public_from(k->libctx, k->kind, params);
    return k->pub != NULL;
}

/* The private half is elsewhere: who asks for it gets nothing, not the rest. */
static int key_export(void *data, int selection, OSSL_CALLBACK *put, void *arg)
{
    const struct remote_key *k = data;
    const int may = OSSL_KEYMGMT_SELECT_PUBLIC_KEY | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS;
    if (k->pub == NULL || (selection & ~may) != 0)
        return 0;
    return EVP_PKEY_export(k->pub, EVP_PKEY_PUBLIC_KEY, put, arg);
}

static const OSSL_PARAM *rsa_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_octet_string(SUT_REMOTE_PARAM_KEY_ID, NULL, 0),
        OSSL_PARAM_octet_string(SUT_REMOTE_PARAM_KEYS, NULL, 0),
        OSSL_PARAM_END,
    };
    (void) selection;
    return types;
}

static const OSSL_PARAM *ec_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_octet_string(SUT_REMOTE_PARAM_KEY_ID, NULL, 0),
        OSSL_PARAM_octet_string(SUT_REMOTE_PARAM_KEYS, NULL, 0),
        OSSL_PARAM_END,
    };
    (void) selection;
    return types;
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
    const struct remote_key *k = data;
    return k->pub != NULL && EVP_PKEY_get_params(k->pub, params) == 1;
}

static const OSSL_PARAM *key_gettable(void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END,
    };
    (void) provctx;
    return gettable;
}

static const char *key_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? SIGNATURE : NULL;
}

/* --- signatures --- */

struct remote_sign {
    OSSL_LIB_CTX *libctx;
    struct remote_key *key;
    EVP_MD_CTX *md;
    unsigned digest; /* of the owner's digests */
    int pad;
    bool has_salt; /* as long as the digest: the only one there is */
};

static void *sign_new(void *provctx, const char *properties)
{
    (void) properties;
    struct remote_sign *s = sut_mem_zalloc(1, sizeof(*s));
    if (s != NULL)
        s->libctx = provctx;
    return s;
}

static void sign_free(void *data)
{
    struct remote_sign *s = data;
    if (s == NULL)
        return;
    key_free(s->key);
    EVP_MD_CTX_free(s->md);
    sut_mem_free(s);
}

static void *sign_dup(void *data)
{
    const struct remote_sign *from = data;
    struct remote_sign *s = sut_mem_zalloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    *s = *from;
    s->md = NULL;
    if (s->key != NULL)
        (void) key_ref(s->key);
    if (from->md != NULL) {
        s->md = EVP_MD_CTX_new();
        if (s->md == NULL || EVP_MD_CTX_copy_ex(s->md, from->md) != 1) {
            sign_free(s);
            return NULL;
        }
    }
    return s;
}

/* SUT_REMOTE_DIGESTS when it is another one. */
static unsigned find_digest(const struct sut_remote_keys *keys, const char *name)
{
    unsigned i = 0;
    while (i < SUT_REMOTE_DIGESTS && EVP_MD_is_a(keys->digests[i], name) != 1)
        i++;
    return i;
}

/* By name or by number, as the caller likes. */
static bool set_pad(struct remote_sign *s, const OSSL_PARAM *p)
{
    int pad = 0;
    const char *name = NULL;
    if (p->data_type == OSSL_PARAM_UTF8_STRING) {
        if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
            return false;
        if (strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0)
            pad = RSA_PKCS1_PADDING;
        else if (strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0)
            pad = RSA_PKCS1_PSS_PADDING;
    } else if (OSSL_PARAM_get_int(p, &pad) != 1) {
        return false;
    }
    s->pad = pad;
    return pad == RSA_PKCS1_PADDING || pad == RSA_PKCS1_PSS_PADDING;
}

static bool set_salt(struct remote_sign *s, const OSSL_PARAM *p)
{
    const int digest_n = EVP_MD_get_size(s->key->keys->digests[s->digest]);
    int n = 0;
    const char *name = NULL;
    if (p->data_type == OSSL_PARAM_UTF8_STRING) {
        uint64_t v = 0;
        if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
            return false;
        if (strcmp(name, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0)
            n = RSA_PSS_SALTLEN_DIGEST;
        else if (!sut_failed(sut_parse_u64(sut_str_from(name), 1024, &v)))
            n = (int) v;
    } else if (OSSL_PARAM_get_int(p, &n) != 1) {
        return false;
    }
    s->has_salt = n == RSA_PSS_SALTLEN_DIGEST || n == digest_n;
    return s->has_salt;
}

static bool is_digest(const struct remote_sign *s, const OSSL_PARAM *p)
{
    const char *name = NULL;
    return OSSL_PARAM_get_utf8_string_ptr(p, &name) == 1 &&
           find_digest(s->key->keys, name) == s->digest;
}

static int sign_set_params(void *data, const OSSL_PARAM params[])
{
    struct remote_sign *s = data;
    if (s->key == NULL)
        return 0;
    for (const OSSL_PARAM *p = params; p != NULL && p->key != NULL; p++) {
        bool is_ok = true;
        if (strcmp(p->key, OSSL_SIGNATURE_PARAM_PAD_MODE) == 0)
            is_ok = set_pad(s, p);
        else if (strcmp(p->key, OSSL_SIGNATURE_PARAM_PSS_SALTLEN) == 0)
            is_ok = set_salt(s, p);
        else if (strcmp(p->key, OSSL_SIGNATURE_PARAM_MGF1_DIGEST) == 0 ||
                 strcmp(p->key, OSSL_SIGNATURE_PARAM_DIGEST) == 0)
            is_ok = is_digest(s, p);
        if (!is_ok)
            return 0;
    }
    return 1;
}

static const OSSL_PARAM *sign_settable(void *data, void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };
    (void) data;
    (void) provctx;
    return settable;
}

static int sign_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct remote_sign *s = data;
    if (key == NULL && s->key == NULL)
        return 0;
    if (key != NULL) {
        struct remote_key *k = key_ref(key);
        key_free(s->key);
        s->key = k;
    }
    const struct sut_remote_keys *keys = s->key->keys;
    if (keys == NULL || s->key->pub == NULL)
        return 0;
    s->digest = digest == NULL ? 0 : find_digest(keys, digest);
    s->pad = RSA_PKCS1_PADDING;
    s->has_salt = false;
    if (s->digest == SUT_REMOTE_DIGESTS)
        return 0;
    if (s->md == NULL)
        s->md = EVP_MD_CTX_new();
    if (s->md == NULL || EVP_DigestInit_ex2(s->md, keys->digests[s->digest], NULL) != 1)
        return 0;
    return sign_set_params(s, params);
}

static int sign_update(void *data, const unsigned char *p, size_t n)
{
    struct remote_sign *s = data;
    return s->md != NULL && EVP_DigestUpdate(s->md, p, n) == 1;
}

/* 0: not one of ours. */
static unsigned scheme_of(const struct remote_sign *s)
{
    if (strcmp(s->key->kind, "RSA") != 0)
        return SUT_REMOTE_ECDSA_SHA256 + s->digest;
    if (s->pad == RSA_PKCS1_PADDING)
        return SUT_REMOTE_RSA_PKCS1_SHA256 + s->digest;
    return s->has_salt ? SUT_REMOTE_RSA_PSS_SHA256 + s->digest : 0;
}

/* Have the digest signed; the answer's length is checked, whether it is right is seen by its
 * reader. */
static int ask(const struct remote_sign *s, const unsigned char *digest, size_t digest_n,
               unsigned char *to, size_t *ret_n, size_t room)
{
    const struct remote_key *k = s->key;
    const struct sut_remote_signer *signer = &k->keys->signer;
    const unsigned scheme = scheme_of(s);
    const int max = EVP_PKEY_get_size(k->pub);
    unsigned char signature[SUT_REMOTE_SIGNATURE_MAX];
    size_t n = 0;
    if (scheme == 0 || max <= 0)
        return 0;
    const sut_err e = signer->sign(signer->ctx, k->id, (enum sut_remote_scheme) scheme,
                                   sut_str_of((const char *) digest, digest_n), signature, &n);
    const bool is_rsa = strcmp(k->kind, "RSA") == 0;
    if (sut_failed(e) || n == 0 || n > room || n > (size_t) max || (is_rsa && n != (size_t) max))
        return 0;
    memcpy(to, signature, n);
    *ret_n = n;
    return 1;
}

static int sign_final(void *data, unsigned char *to, size_t *ret_n, size_t room)
{
    const struct remote_sign *s = data;
    if (s->key == NULL || s->md == NULL)
        return 0;
    if (to == NULL) {
        const int max = EVP_PKEY_get_size(s->key->pub);
        *ret_n = max > 0 ? (size_t) max : 0;
        return max > 0;
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (EVP_DigestFinal_ex(s->md, digest, &n) != 1)
        return 0;
    return ask(s, digest, n, to, ret_n, room);
}

static int sign_at_once(void *data, unsigned char *to, size_t *ret_n, size_t room,
                        const unsigned char *p, size_t n)
{
    if (to != NULL && sign_update(data, p, n) != 1)
        return 0;
    return sign_final(data, to, ret_n, room);
}

/* --- the provider --- */

#define FUNCTION(fn_) (void (*)(void)) fn_

#define KEYMGMT(name_)                                                                             \
    static const OSSL_DISPATCH name_##_keymgmt[] = {                                               \
        { OSSL_FUNC_KEYMGMT_NEW, FUNCTION(name_##_new) },                                          \
        { OSSL_FUNC_KEYMGMT_FREE, FUNCTION(key_free) },                                            \
        { OSSL_FUNC_KEYMGMT_HAS, FUNCTION(key_has) },                                              \
        { OSSL_FUNC_KEYMGMT_MATCH, FUNCTION(key_match) },                                          \
        { OSSL_FUNC_KEYMGMT_IMPORT, FUNCTION(key_import) },                                        \
        { OSSL_FUNC_KEYMGMT_IMPORT_TYPES, FUNCTION(name_##_types) },                               \
        { OSSL_FUNC_KEYMGMT_EXPORT, FUNCTION(key_export) },                                        \
        { OSSL_FUNC_KEYMGMT_EXPORT_TYPES, FUNCTION(name_##_types) },                               \
        { OSSL_FUNC_KEYMGMT_GET_PARAMS, FUNCTION(key_get_params) },                                \
        { OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, FUNCTION(key_gettable) },                             \
        { OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FUNCTION(key_operation) },                       \
        { 0, NULL },                                                                               \
    }

KEYMGMT(rsa);
KEYMGMT(ec);

static const OSSL_DISPATCH signature_functions[] = {
    { OSSL_FUNC_SIGNATURE_NEWCTX, FUNCTION(sign_new) },
    { OSSL_FUNC_SIGNATURE_FREECTX, FUNCTION(sign_free) },
    { OSSL_FUNC_SIGNATURE_DUPCTX, FUNCTION(sign_dup) },
    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, FUNCTION(sign_init) },
    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, FUNCTION(sign_update) },
    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, FUNCTION(sign_final) },
    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN, FUNCTION(sign_at_once) },
    { OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, FUNCTION(sign_set_params) },
    { OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, FUNCTION(sign_settable) },
    { 0, NULL },
};

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
    static const OSSL_ALGORITHM keymgmts[] = {
        { "RSA:rsaEncryption:1.2.840.113549.1.1.1", SUT_REMOTE_OURS, rsa_keymgmt, NULL },
        { "EC:id-ecPublicKey:1.2.840.10045.2.1", SUT_REMOTE_OURS, ec_keymgmt, NULL },
        { NULL, NULL, NULL, NULL },
    };
    static const OSSL_ALGORITHM signatures[] = {
        { SIGNATURE, SUT_REMOTE_OURS, signature_functions, NULL },
        { NULL, NULL, NULL, NULL },
    };
    (void) provctx;
    *no_cache = 0;
    if (operation == OSSL_OP_KEYMGMT)
        return keymgmts;
    return operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

int sut_remote__provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                              const OSSL_DISPATCH **out, void **ret_provctx)
{
    static const OSSL_DISPATCH functions[] = {
        { OSSL_FUNC_PROVIDER_QUERY_OPERATION, FUNCTION(query) },
        { 0, NULL },
    };
    OSSL_FUNC_core_get_libctx_fn *get_libctx = NULL;
    for (; in->function_id != 0; in++)
        if (in->function_id == OSSL_FUNC_CORE_GET_LIBCTX)
            get_libctx = OSSL_FUNC_core_get_libctx(in);
    if (get_libctx == NULL)
        return 0;
    /* Of a provider that is built in it is the application's own, provider-base(7). */
    *ret_provctx = (void *) get_libctx(handle);
    *out = functions;
    return *ret_provctx != NULL;
}
