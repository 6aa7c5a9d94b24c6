/* SPDX-License-Identifier: Apache-2.0 */
#include "api/passkey_login.h"

#include "api/account.h"
#include "api/attempt.h"
#include "api/passkey_form.h"
#include "api/passkey_site.h"
#include "crypto/sha256.h"
#include "log/log.h"
#include "store/factor.h"

/* --- asking --- */

struct asking {
    struct sut_req *r;
    struct sut_mark mark;
    enum sut_link_purpose purpose;
    int64_t person;
    sut_str json;
};

static SUT_ERR ask_job(struct sut_db_conn *c, void *arg)
{
    struct asking *q = arg;
    sut_arena_rewind(q->r->arena, q->mark);
    return api_passkey_ask(c, q->r, q->purpose, q->person, &q->json);
}

static SUT_ERR ask(struct sut_req *r, enum sut_link_purpose purpose, int64_t person,
                   sut_str *ret_json)
{
    struct asking q = { .r = r, .purpose = purpose, .person = person };
    sut_req_conn_end(r);
    q.mark = sut_arena_mark(r->arena);
    TRY(sut_store_write(r->app->store, ask_job, &q));
    *ret_json = q.json;
    return SUT_OK;
}

SUT_ERR api_passkey_login_begin(struct sut_req *r, sut_str *ret_json)
{
    return ask(r, SUT_LINK_PASSKEY_LOGIN, 0, ret_json);
}

SUT_ERR api_passkey_proof_begin(struct sut_req *r, sut_str *ret_json)
{
    return ask(r, SUT_LINK_PASSKEY_PROOF, r->auth.user_id, ret_json);
}

/* --- judging --- */

/* An assertion on its way. */
struct answer {
    struct sut_webauthn_assertion in;
    struct api_passkey_asked asked;
    struct sut_passkey_row key;
    struct sut_webauthn_seen seen;
    const char *why; /* DENIED: a constant word */
};

static SUT_ERR find_key(struct sut_req *r, struct answer *a)
{
    struct sut_db_conn *conn = NULL;
    unsigned char hash[SUT_SHA256_SIZE];
    sut_sha256(a->in.id, hash);
    TRY(sut_req_conn(r, &conn));
    const sut_err e =
        sut_passkey_find(conn, r->arena, sut_str_of((const char *) hash, sizeof(hash)), &a->key);
    sut_req_conn_end(r);
    a->why = "passkey_unknown";
    ENSURE(e.code != SUT_E_NOT_FOUND, DENIED);
    TRY(e);
    /* The digest that led here is not bound to its row; what is sealed is. */
    if (!sut_str_eq(a->key.credential, a->in.id)) {
        sut_log(SUT_LOG_ERROR, "index_of_another", LOG_PERSON("user", a->key.person));
        FAIL(DENIED);
    }
    return SUT_OK;
}

/* Read it, use up what it answers, find its key.  DENIED with a word. */
static SUT_ERR receive(struct sut_req *r, const struct sut_json *o,
                       const enum sut_link_purpose *purposes, size_t n, struct answer *a)
{
    a->why = "passkey_form";
    TRY(api_passkey_read_assertion(r, o, &a->in));
    a->why = "passkey_challenge";
    TRY(api_passkey_take(r, a->in.client_data, purposes, n, &a->asked));
    return find_key(r, a);
}

/* DENIED with a word. */
static SUT_ERR verify(struct sut_req *r, bool is_alone, struct answer *a)
{
    struct sut_webauthn_site site;
    enum sut_webauthn_fault fault = SUT_WEBAUTHN_FINE;
    const struct sut_webauthn_known known = {
        .public_key = a->key.public_key,
        .user_handle = a->key.user_handle,
        .sign_count = a->key.sign_count,
        .flags = (unsigned) a->key.flags,
    };
    TRY(api_passkey_site(r, &site));
    const sut_err e = sut_webauthn_verify(r->arena, &site, api_passkey_challenge_of(&a->asked),
                                          is_alone, is_alone, &a->in, &known, &a->seen, &fault);
    a->why = sut_webauthn_fault_word(fault);
    /* Two authenticators with one key: its owner should hear of it. */
    if (fault == SUT_WEBAUTHN_BAD_COUNTER)
        api_entry_event(r, SUT_EVENT_INPUT_SUSPICIOUS, a->key.person, a->why);
    return e;
}

static SUT_ERR use_key(struct sut_db_conn *c, const struct answer *a, sut_ms now)
{
    return sut_passkey_use(c, a->key.id, a->seen.sign_count, a->seen.flags, now);
}

/* --- as a factor --- */

SUT_ERR api_passkey_look(struct api_factor_try *t)
{
    static const enum sut_link_purpose purposes[] = { SUT_LINK_PASSKEY_PROOF,
                                                      SUT_LINK_PASSKEY_LOGIN };
    struct answer *a = ARENA_NEW(t->r->arena, struct answer);
    ENSURE(a != NULL, NOMEM);
    TRY(receive(t->r, t->given, purposes, sizeof(purposes) / sizeof(purposes[0]), a));
    /* What was asked of somebody is answered by them alone. */
    const int64_t asked = a->asked.row.person;
    ENSURE((asked == 0 || asked == t->person) && a->key.person == t->person, DENIED);
    TRY(verify(t->r, false, a));
    t->found = a;
    return SUT_OK;
}

SUT_ERR api_passkey_use(struct sut_db_conn *c, struct api_factor_try *t, sut_ms now)
{
    return use_key(c, t->found, now);
}

/* --- as a sign-in --- */

struct using
{
    const struct answer *answer;
    sut_ms now;
};

static SUT_ERR use_job(struct sut_db_conn *c, void *arg)
{
    const struct using *u = arg;
    return use_key(c, u->answer, u->now);
}

static SUT_ERR read_account(struct sut_req *r, int64_t id, struct sut_person_account *ret)
{
    struct sut_db_conn *conn = NULL;
    TRY(sut_req_conn(r, &conn));
    const sut_err e = sut_person_account(conn, r->arena, id, ret);
    sut_req_conn_end(r);
    return e;
}

/* DENIED: the account, or the passkey, changed since it was read. */
static SUT_ERR enter(struct sut_req *r, const struct sut_person_account *account,
                     const struct answer *a, const struct api_device *device,
                     struct api_account *ret)
{
    struct using u = { .answer = a, .now = r->now };
    const struct api_entry entry = {
        .account = account,
        .proofs = SUT_PROOF_PASSKEY,
        .device = device,
        .also = use_job,
        .also_arg = &u,
    };
    TRY(api_account_signed_in(r, account, SUT_STR(""), &ret->person));
    return api_entry_open(r, &entry, ret);
}

static SUT_ERR try_it(struct sut_req *r, const struct sut_person_account *account, struct answer *a,
                      const struct api_device *device, struct api_attempt *attempt,
                      struct api_account *ret)
{
    TRY(api_attempt_begin(attempt, ret));
    if (!attempt->is_open)
        return SUT_OK;
    sut_err e = verify(r, true, a);
    if (!sut_failed(e) && !account->is_active) {
        ret->outcome = API_DISABLED;
        return api_attempt_refused(attempt, "disabled");
    }
    if (!sut_failed(e))
        e = enter(r, account, a, device, ret);
    if (e.code == SUT_E_DENIED || e.code == SUT_E_NOT_FOUND) {
        ret->outcome = API_WRONG;
        return api_attempt_wrong(attempt, a->why);
    }
    TRY(e);
    if (ret->outcome == API_DONE)
        api_attempt_right(attempt);
    return SUT_OK;
}

SUT_ERR api_passkey_sign_in(struct sut_req *r, const struct sut_json *assertion,
                            const struct api_device *device, struct api_account *ret)
{
    static const enum sut_link_purpose purposes[] = { SUT_LINK_PASSKEY_LOGIN };
    struct answer *a = ARENA_NEW(r->arena, struct answer);
    struct api_attempt attempt = { .r = r };
    struct sut_person_account account;
    ENSURE(a != NULL, NOMEM);
    *ret = (struct api_account){ .outcome = API_WRONG };
    sut_err e = receive(r, assertion, purposes, 1, a);
    if (!sut_failed(e))
        e = read_account(r, a->key.person, &account);
    if (e.code == SUT_E_DENIED || e.code == SUT_E_NOT_FOUND)
        return api_attempt_refused(&attempt, a->why);
    TRY(e);
    TRY(api_attempt_of_person(r, &account, &attempt));
    e = try_it(r, &account, a, device, &attempt, ret);
    api_attempt_undo(&attempt);
    return e;
}
