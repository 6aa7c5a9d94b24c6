/* SPDX-License-Identifier: Apache-2.0 */
#include "api/attempt.h"

#include "audit/audit.h"
#include "base/clock.h"
#include "guard/visitor.h"
#include "mail/mail.h"
#include "mail/postman.h"
#include "store/device.h"

enum {
    WAIT_MS = 50,       /* for a try of others to end, at a time */
    PATIENCE_MS = 5000, /* and so long in all: who waits beside many is woken by each of them */
    BUSY_RETRY_S = 1,   /* what is told after that */
    LOCK_TOLD_MAX_S = 24 * 3600,
};

static sut_ms now_of(const struct api_attempt *t)
{
    /* It may have waited: a lock counts from when it begins. */
    return sut_clock_now(t->r->app->clock);
}

/* --- whose --- */

SUT_ERR api_attempt_of(struct sut_req *r, struct sut_db_conn *c, sut_str email,
                       const struct sut_person_account *account, struct api_attempt *ret)
{
    const struct sut_device *d = sut_req_device(r);
    const sut_str hash = sut_str_of((const char *) d->hash, sizeof(d->hash));
    bool is_theirs = false;
    sut_str folded = { 0 };
    *ret = (struct api_attempt){ .r = r };
    if (account != NULL) {
        ret->user_id = account->id;
        ret->locked_until = account->locked_until;
    }
    TRY(sut_person_email_key(r->arena, email, &folded));
    /* Asked for nobody's address, too: it takes the same time. */
    if (d->is_known)
        TRY(sut_device_is_known(c, ret->user_id, hash, r->now, &is_theirs));
    ret->subject = is_theirs ? sut_lockout_of_device(folded, hash) : sut_lockout_of(folded);
    return SUT_OK;
}

/* Whose own address does not open any more is counted by number. */
static SUT_ERR read_address(struct sut_req *r, struct sut_db_conn *c, int64_t id, sut_str *ret)
{
    struct sut_person_row p;
    struct sut_buf b;
    const sut_err e = sut_person_by_id(c, r->arena, id, &p);
    if (e.code != SUT_E_CORRUPT) {
        *ret = p.email;
        return e;
    }
    sut_buf_init_arena(&b, r->arena, 32);
    sut_buf_i64(&b, id);
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

SUT_ERR api_attempt_of_person(struct sut_req *r, const struct sut_person_account *account,
                              struct api_attempt *ret)
{
    struct sut_db_conn *conn = NULL;
    sut_str email = { 0 };
    TRY(sut_req_conn(r, &conn));
    TRY(read_address(r, conn, account->id, &email));
    TRY(api_attempt_of(r, conn, email, account, ret));
    sut_req_conn_end(r);
    return SUT_OK;
}

/* --- how it begins --- */

static void locked(struct api_attempt *t, int64_t retry_after_s, const char *why,
                   struct api_account *ret)
{
    ret->outcome = API_LOCKED;
    ret->retry_after_s = retry_after_s < LOCK_TOLD_MAX_S ? retry_after_s : LOCK_TOLD_MAX_S;
    api_entry_event(t->r, SUT_EVENT_LOGIN_FAILED, t->user_id, why);
}

SUT_ERR api_attempt_begin(struct api_attempt *t, struct api_account *ret)
{
    struct sut_counters *c = t->r->app->counters;
    const int64_t left_ms = t->locked_until.v - t->r->now.v;
    if (left_ms > 0) {
        locked(t, (left_ms + 999) / 1000, "locked_by_operator", ret);
        return SUT_OK;
    }
    const uint64_t until_ns = sut_monotonic_in(PATIENCE_MS);
    do {
        struct sut_lock_result res;
        sut_lockout_begin(c, &t->subject, now_of(t), &res);
        if (res.is_locked) {
            locked(t, res.retry_after_s, "locked", ret);
            return SUT_OK;
        }
        t->is_open = !res.must_wait;
        if (t->is_open)
            return SUT_OK;
        sut_lockout_wait(c, WAIT_MS);
    } while (sut_monotonic_ns() < until_ns);
    t->r->retry_after_s = BUSY_RETRY_S;
    FAIL(BUSY);
}

/* --- how it ends --- */

void api_attempt_undo(struct api_attempt *t)
{
    if (t->is_open)
        sut_lockout_undo(t->r->app->counters, &t->subject, now_of(t));
    t->is_open = false;
}

void api_attempt_right(struct api_attempt *t)
{
    if (t->is_open)
        sut_lockout_right(t->r->app->counters, &t->subject, now_of(t));
    t->is_open = false;
}

struct failure {
    struct sut_arena *arena;
    int64_t user_id; /* 0: the address is nobody's */
    bool locks;
    sut_str addr;
    sut_str coarse;
    sut_ms now;
};

static SUT_ERR audit_failure(struct sut_db_conn *c, enum sut_action action, const struct failure *f)
{
    if (f->user_id == 0)
        return sut_audit_write(c, action, 0, SUT_STR("user"), f->addr, f->now);
    return sut_audit_write_id(c, action, f->user_id, "user", f->user_id, f->addr, f->now);
}

static SUT_ERR failure_job(struct sut_db_conn *c, void *arg)
{
    const struct failure *f = arg;
    TRY(audit_failure(c, SUT_ACTION_USER_LOGIN_FAILED, f));
    if (!f->locks)
        return SUT_OK;
    TRY(audit_failure(c, SUT_ACTION_USER_LOCKED, f));
    if (f->user_id == 0)
        return SUT_OK;
    const struct sut_mail_words words = { .addr = f->coarse, .at = f->now };
    return sut_mail_queue(c, f->arena, SUT_MAIL_LOCKED, f->user_id, &words, SUT_STR(""), f->now);
}

/* The same work, row and event whether the address is known or not; only a lock of a known one is
 * mailed. */
static SUT_ERR tell(struct api_attempt *t, bool locks, const char *why)
{
    struct sut_req *r = t->r;
    struct failure f = {
        .arena = r->arena,
        .user_id = t->user_id,
        .locks = locks,
        .addr = api_entry_addr(r),
        .now = r->now,
    };
    TRY(api_entry_coarse_addr(r, &f.coarse));
    TRY(sut_store_write(r->app->store, failure_job, &f));
    if (f.locks && f.user_id != 0 && r->app->postman != NULL)
        sut_postman_wake(r->app->postman);
    api_entry_event(r, SUT_EVENT_LOGIN_FAILED, f.user_id, why);
    if (f.locks)
        api_entry_event(r, SUT_EVENT_ACCOUNT_LOCKED, f.user_id, "failures");
    return SUT_OK;
}

SUT_ERR api_attempt_wrong(struct api_attempt *t, const char *why)
{
    struct sut_lock_result counted = { 0 };
    if (t->is_open)
        sut_lockout_wrong(t->r->app->counters, &t->subject, now_of(t), &counted);
    t->is_open = false;
    return tell(t, counted.locks_now, why);
}

SUT_ERR api_attempt_refused(struct api_attempt *t, const char *why)
{
    return tell(t, false, why);
}
