/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/webauthn.h"

#include "authn/cose_key.h"
#include "authn/webauthn_int.h"
#include "codec/cbor.h"

enum { OBJECT_MEMBERS = 3, SELF_MEMBERS = 2, CERTIFIED_MEMBERS = 3 };

/* An attestation object, taken apart. */
struct object {
    sut_str format;
    sut_str auth_data;
    const struct sut_cbor *statement;
    struct sut_webauthn__auth_data data;
    struct sut_cose_key *key; /* owned */
};

static void object_done(struct object *o)
{
    sut_cose_free(&o->key);
}

static bool is_type(const struct sut_cbor *v, enum sut_cbor_type type)
{
    return v != NULL && v->type == type;
}

/* 7.1 12 */
static SUT_ERR read_object(struct sut_arena *a, sut_str bytes, struct object *o,
                           enum sut_webauthn_fault *reterr_fault)
{
    const struct sut_cbor *top = NULL;
    if (bytes.n > SUT_WEBAUTHN_OBJECT_MAX)
        REFUSE(OBJECT);
    const sut_err e = sut_cbor_parse(a, bytes, &top);
    if (e.code == SUT_E_PARSE)
        REFUSE(OBJECT);
    TRY(e);
    const struct sut_cbor *format = sut_cbor_get(top, "fmt");
    const struct sut_cbor *data = sut_cbor_get(top, "authData");
    o->statement = sut_cbor_get(top, "attStmt");
    if (!is_type(format, SUT_CBOR_TEXT) || !is_type(data, SUT_CBOR_BYTES) ||
        !is_type(o->statement, SUT_CBOR_MAP) || top->n != OBJECT_MEMBERS)
        REFUSE(OBJECT);
    o->format = format->s;
    o->auth_data = data->s;
    TRY(sut_webauthn__auth_data(a, data->s, &o->data, reterr_fault));
    if (!o->data.has_credential)
        REFUSE(AUTH_DATA);
    return SUT_OK;
}

/* 8.2, the certificate of an authenticator. */
static SUT_ERR check_certificate(const struct object *o, int64_t alg, sut_str msg,
                                 sut_str signature, const struct sut_cbor *certs,
                                 enum sut_webauthn_fault *reterr_fault)
{
    if (!is_type(certs, SUT_CBOR_ARRAY) || certs->n == 0 || certs->n > SUT_WEBAUTHN_CERTS_MAX)
        REFUSE(STATEMENT);
    for (size_t i = 0; i < certs->n; i++)
        if (certs->items[i].type != SUT_CBOR_BYTES)
            REFUSE(STATEMENT);
    const sut_err e = sut_cose_certified(certs->items[0].s, alg,
                                         (const unsigned char *) o->data.aaguid.p, msg, signature);
    if (e.code == SUT_E_INVALID)
        REFUSE(CERTIFICATE);
    if (e.code == SUT_E_DENIED)
        REFUSE(SIGNATURE);
    return e;
}

/* 8.2 */
static SUT_ERR check_packed(const struct object *o, sut_str msg, enum sut_webauthn_attestation *ret,
                            enum sut_webauthn_fault *reterr_fault)
{
    const struct sut_cbor *alg = sut_cbor_get(o->statement, "alg");
    const struct sut_cbor *signature = sut_cbor_get(o->statement, "sig");
    const struct sut_cbor *certs = sut_cbor_get(o->statement, "x5c");
    if (!is_type(alg, SUT_CBOR_INT) || !is_type(signature, SUT_CBOR_BYTES) ||
        o->statement->n != (certs == NULL ? SELF_MEMBERS : CERTIFIED_MEMBERS))
        REFUSE(STATEMENT);
    if (certs != NULL) {
        TRY(check_certificate(o, alg->i, msg, signature->s, certs, reterr_fault));
        *ret = SUT_WEBAUTHN_CERTIFIED;
        return SUT_OK;
    }
    if (alg->i != sut_cose_alg_of(o->key))
        REFUSE(STATEMENT);
    if (!sut_cose_verify(o->key, msg, signature->s))
        REFUSE(SIGNATURE);
    *ret = SUT_WEBAUTHN_SELF;
    return SUT_OK;
}

/* 7.1 18 and 19; the formats beside these two speak to who has trust anchors. */
static SUT_ERR check_statement(struct sut_arena *a, const struct object *o, sut_str client_data,
                               enum sut_webauthn_attestation *ret,
                               enum sut_webauthn_fault *reterr_fault)
{
    sut_str msg = { 0 };
    if (sut_str_is(o->format, "none")) {
        if (o->statement->n != 0)
            REFUSE(STATEMENT);
        *ret = SUT_WEBAUTHN_NONE;
        return SUT_OK;
    }
    if (!sut_str_is(o->format, "packed"))
        REFUSE(FORMAT);
    TRY(sut_webauthn__signed(a, o->auth_data, client_data, &msg));
    return check_packed(o, msg, ret, reterr_fault);
}

SUT_ERR sut_webauthn_register(struct sut_arena *a, const struct sut_webauthn_site *site,
                              sut_str challenge, bool needs_user,
                              const struct sut_webauthn_registration *in,
                              struct sut_webauthn_credential *ret,
                              enum sut_webauthn_fault *reterr_fault)
{
    DEFER(object_done) struct object o = { .key = NULL };
    *reterr_fault = SUT_WEBAUTHN_FINE;
    /* 1 to 4 happen at the client; its extensions' results decide nothing. */
    /* 5 to 11 */
    TRY(sut_webauthn__client_data(a, site, in->client_data, "webauthn.create", challenge,
                                  reterr_fault));
    /* 12 */
    TRY(read_object(a, in->object, &o, reterr_fault));
    /* 13 to 15 */
    TRY(sut_webauthn__check_auth_data(site, &o.data, needs_user, reterr_fault));
    /* 16: the key's algorithms are the ones that are asked for */
    const sut_err e = sut_cose_key_read(o.data.key, &o.key);
    if (e.code == SUT_E_INVALID)
        REFUSE(KEY);
    TRY(e);
    /* 17: no extension is asked for; unsolicited ones are ignored */
    struct sut_webauthn_credential made = {
        .id = o.data.credential_id,
        .public_key = o.data.public_key,
        .alg = sut_cose_alg_of(o.key),
        .sign_count = o.data.sign_count,
        .flags = sut_webauthn__flags(&o.data),
    };
    /* 18, 19 */
    TRY(check_statement(a, &o, in->client_data, &made.attestation, reterr_fault));
    /* 20, 21: there are no trust anchors; each kind is let in, and none counts for more */
    /* The client's name of it is what it will be found by. */
    if (!sut_str_eq(in->id, made.id))
        REFUSE(CREDENTIAL);
    memcpy(made.aaguid, o.data.aaguid.p, SUT_AAGUID);
    /* 22 to 24 are the caller's: whether it is somebody's already is known to the store */
    *ret = made;
    return SUT_OK;
}

/* 7.2 20 */
static SUT_ERR check_signature(struct sut_arena *a, const struct sut_webauthn_assertion *in,
                               sut_str public_key, enum sut_webauthn_fault *reterr_fault)
{
    const struct sut_cbor *map = NULL;
    DEFER(sut_cose_free) struct sut_cose_key *key = NULL;
    sut_str msg = { 0 };
    sut_err e = sut_cbor_parse(a, public_key, &map);
    if (!sut_failed(e))
        e = sut_cose_key_read(map, &key);
    if (e.code == SUT_E_PARSE || e.code == SUT_E_INVALID)
        REFUSE(KEY);
    TRY(e);
    TRY(sut_webauthn__signed(a, in->auth_data, in->client_data, &msg));
    if (!sut_cose_verify(key, msg, in->signature))
        REFUSE(SIGNATURE);
    return SUT_OK;
}

SUT_ERR sut_webauthn_verify(struct sut_arena *a, const struct sut_webauthn_site *site,
                            sut_str challenge, bool needs_user, bool needs_handle,
                            const struct sut_webauthn_assertion *in,
                            const struct sut_webauthn_known *known, struct sut_webauthn_seen *ret,
                            enum sut_webauthn_fault *reterr_fault)
{
    struct sut_webauthn__auth_data d;
    *reterr_fault = SUT_WEBAUTHN_FINE;
    /* 1 to 4 happen at the client, 5 and 7 are the caller's: it found `known` by the id */
    /* 6 */
    if (in->user_handle.p == NULL ? needs_handle : !sut_str_eq(in->user_handle, known->user_handle))
        REFUSE(USER_HANDLE);
    /* 8 to 14 */
    TRY(sut_webauthn__client_data(a, site, in->client_data, "webauthn.get", challenge,
                                  reterr_fault));
    TRY(sut_webauthn__auth_data(a, in->auth_data, &d, reterr_fault));
    /* 6.1: no assertion brings a credential's key */
    if (d.has_credential)
        REFUSE(AUTH_DATA);
    /* 15 to 17 */
    TRY(sut_webauthn__check_auth_data(site, &d, needs_user, reterr_fault));
    /* Level 3, 7.2: whether it can be backed up never changes. */
    if (d.is_eligible != ((known->flags & SUT_WEBAUTHN_ELIGIBLE) != 0))
        REFUSE(BACKUP);
    /* 18: as at the registration */
    /* 19, 20 */
    TRY(check_signature(a, in, known->public_key, reterr_fault));
    /* 21: one that does not grow is of a copy */
    if ((d.sign_count != 0 || known->sign_count != 0) && d.sign_count <= known->sign_count)
        REFUSE(COUNTER);
    const unsigned keeps = known->flags & SUT_WEBAUTHN_VERIFIED;
    *ret = (struct sut_webauthn_seen){
        .sign_count = d.sign_count,
        .flags = (sut_webauthn__flags(&d) & ~(unsigned) SUT_WEBAUTHN_VERIFIED) | keeps,
        .is_verified = d.is_verified,
    };
    return SUT_OK;
}
