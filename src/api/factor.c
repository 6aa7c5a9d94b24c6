/* SPDX-License-Identifier: Apache-2.0 */
#include "api/factor.h"

#include "api/passkey_login.h"
#include "authn/recovery.h"
#include "authn/totp.h"
#include "log/log.h"
#include "store/factor.h"
#include "store/session.h"

static SUT_ERR use_totp(struct sut_db_conn *c, struct api_factor_try *t, sut_ms now)
{
    struct sut_totp_row row;
    int64_t step = 0;
    const sut_err e = sut_totp_find(c, t->r->arena, t->person, &row);
    ENSURE(e.code != SUT_E_NOT_FOUND, DENIED);
    if (e.code == SUT_E_CORRUPT) {
        /* No code is right any more; a recovery code still is. */
        sut_log(SUT_LOG_ERROR, "sealed_field_lost", LOG_PERSON("user", t->person));
        FAIL(DENIED);
    }
    TRY(e);
    ENSURE(row.is_confirmed, DENIED);
    TRY(sut_totp_match(row.secret, t->given->s, now, row.last_step, &step));
    return sut_totp_use(c, t->person, step, now);
}

static SUT_ERR use_recovery(struct sut_db_conn *c, struct api_factor_try *t, sut_ms now)
{
    unsigned char hash[SUT_RECOVERY_HASH];
    ENSURE(!sut_failed(sut_recovery_hash(t->person, t->given->s, hash)), DENIED);
    const sut_err e =
        sut_recovery_use(c, t->person, sut_str_of((const char *) hash, sizeof(hash)), now);
    ENSURE(e.code != SUT_E_NOT_FOUND, DENIED);
    return e;
}

static const struct api_factor_way ways[] = {
    { .member = "otp", .proof = SUT_PROOF_TOTP, .use = use_totp },
    { .member = "recovery_code", .proof = SUT_PROOF_RECOVERY, .use = use_recovery },
    { .member = "assertion",
      .proof = SUT_PROOF_PASSKEY,
      .look = api_passkey_look,
      .use = api_passkey_use },
};

static const struct sut_json *member(const struct sut_req *r, const struct api_factor_way *w)
{
    const struct sut_json *v = sut_json_get(r->body, w->member);
    return v == NULL || v->type == SUT_JSON_NULL ? NULL : v;
}

bool api_factor_is_shown(const struct sut_req *r)
{
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (member(r, &ways[i]) != NULL)
            return true;
    return false;
}

SUT_ERR api_factor_of(struct sut_req *r, int64_t person, unsigned but, struct api_factor_try *ret)
{
    *ret = (struct api_factor_try){ .r = r, .person = person };
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        const struct sut_json *v = member(r, &ways[i]);
        if (v == NULL)
            continue;
        ENSURE(ret->way == NULL && (ways[i].proof & but) == 0, INVALID);
        ret->way = &ways[i];
        ret->given = v;
    }
    ENSURE(ret->way != NULL, INVALID);
    return SUT_OK;
}

SUT_ERR api_factor_look(struct api_factor_try *t)
{
    return t->way->look == NULL ? SUT_OK : t->way->look(t);
}

SUT_ERR api_factor_use(struct sut_db_conn *c, struct api_factor_try *t, sut_ms now)
{
    return t->way->use(c, t, now);
}
