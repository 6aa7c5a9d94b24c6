/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/user_admin.h"

#include "api/endings.h"
#include "audit/audit.h"
#include "authn/hasher.h"
#include "authn/sessions.h"
#include "base/buf.h"
#include "base/scan.h"
#include "codec/schema.h"
#include "codec/utf8.h"
#include "counters/lockout.h"
#include "mail/mail.h"
#include "mail/postman.h"
#include "prog/pseudonym.h"
#include "prog/user_state.h"
#include "shop/person.h"
#include "store/device.h"
#include "store/factor.h"
#include "store/person.h"
#include "store/person_ids.h"
#include "store/session.h"
#include "store/store.h"

enum {
    SENTENCE_MAX = 2048,
    PHONE_MAX = 15,
    GROUPS_TEXT_MAX = 4096,
    IDS_AT_ONCE = 512,
    ID_MAX = 24,
    MS_PER_S = 1000,
};
/* Until somebody lifts it: the last second of the year 9999. */
static const int64_t for_good_ms = INT64_C(253402300799000);

const char *sut_user_role_name(enum sut_user_role role)
{
    static const char *const names[SUT_USER_ROLES] = {
        [SUT_USER_CUSTOMER] = "customer",
        [SUT_USER_STAFF] = "staff",
        [SUT_USER_SUPERUSER] = "superuser",
    };
    return names[role];
}

static enum sut_user_role role_of(bool is_staff, bool is_superuser)
{
    if (is_superuser)
        return SUT_USER_SUPERUSER;
    return is_staff ? SUT_USER_STAFF : SUT_USER_CUSTOMER;
}

static void refuse(struct sut_user_answer *ret, const char *sentence)
{
    *ret = (struct sut_user_answer){ .refused = sut_str_from(sentence) };
}

/* --- reading --- */

static SUT_ERR find(struct sut_db_conn *c, struct sut_arena *a, sut_str who,
                    struct sut_person_account *ret)
{
    int64_t id = 0;
    if (!sut_failed(sut_parse_i64(who, 1, INT64_MAX, &id)))
        return sut_person_account(c, a, id, ret);
    return sut_person_account_by_email(c, a, who, ret);
}

/* Whose sealed fields are lost still has an account that can be looked at and ended. */
static struct sut_person_row row_without_fields(const struct sut_person_account *p)
{
    return (struct sut_person_row){
        .id = p->id,
        .email = SUT_STR(""),
        .first_name = SUT_STR(""),
        .last_name = SUT_STR(""),
        .is_active = p->is_active,
        .is_staff = p->is_staff,
        .is_superuser = p->is_superuser,
        .email_verified = p->email_verified,
        .date_joined = p->date_joined,
        .last_login = p->last_login,
        .is_lost = true,
    };
}

static SUT_ERR join_groups(struct sut_db_conn *c, struct sut_arena *a, int64_t id, sut_str *ret)
{
    sut_str *names = NULL;
    size_t n = 0;
    struct sut_buf b;
    TRY(sut_person_groups(c, a, id, &names, &n));
    sut_buf_init_arena(&b, a, GROUPS_TEXT_MAX);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            sut_buf_char(&b, '\n');
        sut_buf_str_add(&b, names[i]);
    }
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

static SUT_ERR row_of(struct sut_db_conn *c, struct sut_arena *a, const struct sut_person_row *p,
                      struct sut_user_row *ret)
{
    struct sut_user_row row = {
        .id = p->id,
        .email = p->is_lost ? SUT_STR("(lost)") : p->email,
        .first_name = p->first_name,
        .last_name = p->last_name,
        .role = role_of(p->is_staff, p->is_superuser),
        .is_active = p->is_active,
        .is_verified = p->email_verified,
        .joined = p->date_joined,
        .last_login = p->last_login,
    };
    TRY(join_groups(c, a, p->id, &row.groups));
    *ret = row;
    return SUT_OK;
}

static SUT_ERR name_in_log(const struct sut_user_admin *ua, struct sut_arena *a,
                           struct sut_user_row *row)
{
    char text[SUT_PSEUDONYM_TEXT];
    if (ua->pseudonyms == NULL || !sut_pseudonyms_of(ua->pseudonyms, row->id, text))
        return SUT_OK;
    row->pseudonym = sut_str_dup(a, sut_str_of(text, sizeof(text)));
    ENSURE(row->pseudonym.p != NULL, NOMEM);
    return SUT_OK;
}

/* Until when nobody signs in by the password, as far as it is known here. */
static SUT_ERR read_lock(const struct sut_user_admin *ua, struct sut_arena *a,
                         const struct sut_person_account *p, sut_str email, sut_ms *ret)
{
    const sut_ms now = sut_clock_now(ua->clock);
    int64_t left_s = 0;
    *ret = (sut_ms){ .v = p->locked_until.v > now.v ? p->locked_until.v : 0 };
    if (ua->counters == NULL || email.n == 0)
        return SUT_OK;
    sut_str folded = { 0 };
    TRY(sut_person_email_key(a, email, &folded));
    const struct sut_lockout_subject s = sut_lockout_of(folded);
    if (sut_lockout_look(ua->counters, &s, now, &left_s) && now.v + left_s * MS_PER_S > ret->v)
        ret->v = now.v + left_s * MS_PER_S;
    return SUT_OK;
}

static SUT_ERR show(const struct sut_user_admin *ua, struct sut_db_conn *c, struct sut_arena *a,
                    sut_str who, struct sut_user_answer *ret)
{
    struct sut_person_account found;
    struct sut_person_row p;
    sut_err e = find(c, a, who, &found);
    if (e.code == SUT_E_NOT_FOUND) {
        refuse(ret, "there is no such user");
        return SUT_OK;
    }
    TRY(e);
    e = sut_person_by_id(c, a, found.id, &p);
    if (e.code == SUT_E_CORRUPT)
        p = row_without_fields(&found);
    else
        TRY(e);
    struct sut_user_answer answer = { .n_rows = 1 };
    answer.rows = ARENA_NEW(a, struct sut_user_row);
    ENSURE(answer.rows != NULL, NOMEM);
    TRY(row_of(c, a, &p, answer.rows));
    answer.rows->factors = found.factors;
    TRY(read_lock(ua, a, &found, p.is_lost ? SUT_STR("") : p.email, &answer.rows->locked_until));
    TRY(name_in_log(ua, a, answer.rows));
    *ret = answer;
    return SUT_OK;
}

static SUT_ERR list(struct sut_db_conn *c, struct sut_arena *a, const struct sut_user_ask *ask,
                    struct sut_user_answer *ret)
{
    const struct sut_person_query q = {
        .search = ask->search,
        .offset = (size_t) ask->offset,
        .limit = SUT_USER_PAGE_MAX,
    };
    struct sut_user_answer answer = { 0 };
    struct sut_person_row *people = NULL;
    int64_t count = 0;
    TRY(sut_person_list(c, a, &q, &people, &answer.n_rows, &count));
    answer.rows = ARENA_ARRAY(a, struct sut_user_row, answer.n_rows + 1);
    ENSURE(answer.rows != NULL, NOMEM);
    for (size_t i = 0; i < answer.n_rows; i++)
        TRY(row_of(c, a, &people[i], &answer.rows[i]));
    answer.has_more = answer.n_rows > 0 && ask->offset + answer.n_rows < (uint64_t) count;
    *ret = answer;
    return SUT_OK;
}

static SUT_ERR read_only(const struct sut_user_admin *ua, struct sut_arena *a,
                         const struct sut_user_ask *ask, struct sut_user_answer *ret)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(ua->store, &c));
    const sut_err e =
        ask->verb == SUT_USER_LIST ? list(c, a, ask, ret) : show(ua, c, a, ask->who, ret);
    sut_store_return(ua->store, &c);
    return e;
}

/* --- from the log to the person --- */

/* Everybody's pseudonym is made until one fits: the log keeps no list of them.  0: nobody. */
static SUT_ERR find_pseudonym(const struct sut_user_admin *ua, struct sut_db_conn *c, sut_str text,
                              int64_t *ret_id)
{
    int64_t ids[IDS_AT_ONCE];
    size_t n = 0;
    int64_t after = 0;
    *ret_id = 0;
    do {
        TRY(sut_person_ids(c, after, ids, IDS_AT_ONCE, &n));
        const size_t at = sut_pseudonyms_match(ua->pseudonyms, text, ids, n);
        if (at < n)
            *ret_id = ids[at];
        else if (n > 0)
            after = ids[n - 1];
    } while (n > 0 && *ret_id == 0);
    return SUT_OK;
}

struct lookup {
    int64_t id;
    sut_ms now;
};

static SUT_ERR lookup_job(struct sut_db_conn *c, void *arg)
{
    const struct lookup *l = arg;
    return sut_audit_write_id(c, SUT_ACTION_ADMIN_USER_LOOKUP, 0, "user", l->id, SUT_STR(""),
                              l->now);
}

static SUT_ERR show_pseudonym(const struct sut_user_admin *ua, struct sut_arena *a, sut_str text,
                              struct sut_user_answer *ret)
{
    struct lookup l = { .now = sut_clock_now(ua->clock) };
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(ua->store, &c));
    const sut_err e = find_pseudonym(ua, c, text, &l.id);
    sut_store_return(ua->store, &c);
    TRY(e);
    if (l.id == 0) {
        refuse(ret, "nobody has that pseudonym under the keys of today");
        return SUT_OK;
    }
    TRY(sut_store_write(ua->store, lookup_job, &l));
    struct sut_buf who;
    sut_buf_init_arena(&who, a, ID_MAX);
    sut_buf_i64(&who, l.id);
    TRY(sut_buf_check(&who));
    return read_only(
        ua, a, &(struct sut_user_ask){ .verb = SUT_USER_SHOW, .who = sut_buf_str(&who) }, ret);
}

/* --- adding --- */

static bool is_name(sut_str s)
{
    uint32_t cp = 0;
    if (!sut_utf8_is_valid(s) || sut_utf8_count(s) > SUT_PERSON_NAME_MAX)
        return false;
    for (size_t at = 0; sut_utf8_next(s, &at, &cp);)
        if (sut_utf8_is_control(cp))
            return false;
    return true;
}

/* What is wrong with the form, or NULL. */
static const char *fault_of(const struct sut_user_ask *ask)
{
    if (ask->email.n > SUT_PERSON_EMAIL_MAX || !sut_is_email(ask->email))
        return "that is no email address";
    if (!is_name(ask->first_name) || !is_name(ask->last_name))
        return "a name has at most 150 characters and no control characters";
    if (ask->phone.n > PHONE_MAX || (ask->phone.n > 0 && !sut_is_phone(ask->phone)))
        return "that is no phone number of at most 15 characters";
    return NULL;
}

/* Hold the password against the rules; what they say becomes one sentence. */
static SUT_ERR judge_password(const struct sut_user_admin *ua, struct sut_arena *a,
                              const struct sut_user_ask *ask, struct sut_user_answer *ret)
{
    struct sut_password_user whose = {
        .first_name = ask->first_name,
        .last_name = ask->last_name,
        .email = ask->email,
    };
    struct sut_password_verdict verdict;
    TRY(sut_person_username_of(a, ask->email, &whose.username));
    const sut_err e = sut_password_check(a, &ua->password_policy, &whose, ask->password, &verdict);
    if (e.code == SUT_E_PARSE) {
        refuse(ret, "the password is not UTF-8");
        return SUT_OK;
    }
    TRY(e);
    if (verdict.faults == 0)
        return SUT_OK;
    struct sut_buf b;
    sut_buf_init_arena(&b, a, SENTENCE_MAX);
    for (size_t i = 0; i < verdict.n; i++) {
        if (i > 0)
            sut_buf_char(&b, ' ');
        sut_buf_str_add(&b, verdict.messages[i]);
    }
    TRY(sut_buf_check(&b));
    *ret = (struct sut_user_answer){ .refused = sut_buf_str(&b) };
    return SUT_OK;
}

static SUT_ERR add(const struct sut_user_admin *ua, struct sut_arena *a,
                   const struct sut_user_ask *ask, struct sut_user_answer *ret)
{
    const char *fault = fault_of(ask);
    if (fault != NULL) {
        refuse(ret, fault);
        return SUT_OK;
    }
    *ret = (struct sut_user_answer){ 0 };
    TRY(judge_password(ua, a, ask, ret));
    if (ret->refused.n > 0)
        return SUT_OK;

    struct sut_pwhash_text hash;
    unsigned retry_s = 0;
    sut_err e = sut_hasher_hash(ua->hasher, ask->password, &hash, &retry_s);
    if (e.code == SUT_E_BUSY) {
        refuse(ret, "the server is busy with sign-ins: try again shortly");
        return SUT_OK;
    }
    TRY(e);
    const struct sut_person_register reg = {
        .email = ask->email,
        .first_name = ask->first_name,
        .last_name = ask->last_name,
        .phone = ask->phone,
        .password = sut_pwhash_str(&hash),
        .is_staff = ask->has_role && ask->role >= SUT_USER_STAFF,
        .is_superuser = ask->has_role && ask->role == SUT_USER_SUPERUSER,
        .email_verified = ask->is_verified,
        .group = ask->join,
        .by_command = true,
    };
    struct sut_person_row p;
    e = sut_person_register(ua->store, a, &reg, sut_clock_now(ua->clock), &p);
    if (e.code == SUT_E_EXISTS) {
        refuse(ret, "a user with this email already exists");
        return SUT_OK;
    }
    if (e.code == SUT_E_NOT_FOUND) {
        refuse(ret, "there is no such group");
        return SUT_OK;
    }
    TRY(e);
    const struct sut_user_ask again = { .verb = SUT_USER_SHOW, .who = p.email };
    return read_only(ua, a, &again, ret);
}

/* --- changing --- */

struct change {
    const struct sut_user_ask *ask;
    struct sut_arena *arena;
    struct sut_mark mark; /* a job may run again: its memory begins here */
    sut_ms now;
    int64_t id;
    const char *missing; /* what a NOT_FOUND is about */
    struct sut_session_ids ended;
};

static SUT_ERR change_role(struct sut_db_conn *c, struct change *ch)
{
    const struct sut_user_ask *ask = ch->ask;
    if (ask->has_role)
        TRY(sut_person_set_role(c, ch->id, ask->role >= SUT_USER_STAFF,
                                ask->role == SUT_USER_SUPERUSER, 0, ch->now));
    ch->missing = "there is no such group";
    if (ask->join.n > 0)
        TRY(sut_person_set_group(c, ch->id, ask->join, true));
    if (ask->leave.n > 0)
        TRY(sut_person_set_group(c, ch->id, ask->leave, false));
    return SUT_OK;
}

static SUT_ERR end_sessions(struct sut_db_conn *c, struct change *ch, const char *why)
{
    TRY(sut_person_set_tokens_revoked(c, ch->id, ch->now));
    return sut_session_revoke_all(c, ch->arena, ch->id, 0, why, ch->now, &ch->ended);
}

/* Who had a factor is told that it is gone. */
static SUT_ERR drop_factors(struct sut_db_conn *c, struct change *ch,
                            const struct sut_person_account *p)
{
    const struct sut_mail_words words = { .what = SUT_STR("every second factor"), .at = ch->now };
    TRY(sut_factors_clear(c, ch->id, ch->now));
    TRY(end_sessions(c, ch, "mfa_reset"));
    return p->factors == 0 ? SUT_OK
                           : sut_mail_queue(c, ch->arena, SUT_MAIL_FACTOR_REMOVED, ch->id, &words,
                                            SUT_STR(""), ch->now);
}

static SUT_ERR change_job(struct sut_db_conn *c, void *arg)
{
    struct change *ch = arg;
    struct sut_person_account p;
    sut_str before = { 0 };
    sut_str after = { 0 };
    enum sut_action action = SUT_ACTION_ADMIN_USER_REVOKE;
    sut_arena_rewind(ch->arena, ch->mark);
    ch->ended = (struct sut_session_ids){ 0 };
    ch->missing = "there is no such user";
    TRY(find(c, ch->arena, ch->ask->who, &p));
    ch->id = p.id;
    TRY(sut_user_state(c, ch->arena, p.id, &before));
    if (ch->ask->verb == SUT_USER_ROLE) {
        action = SUT_ACTION_ADMIN_USER_ROLE;
        TRY(change_role(c, ch));
    } else if (ch->ask->verb == SUT_USER_ENABLE) {
        action = SUT_ACTION_ADMIN_USER_ENABLE;
        TRY(sut_person_set_active(c, ch->id, true, 0, ch->now));
    } else if (ch->ask->verb == SUT_USER_DISABLE) {
        action = SUT_ACTION_ADMIN_USER_DISABLE;
        TRY(sut_person_set_active(c, ch->id, false, 0, ch->now));
        TRY(end_sessions(c, ch, "disabled"));
        TRY(api_endings_links(c, ch->id));
    } else if (ch->ask->verb == SUT_USER_LOCK) {
        const int64_t lock_ms = (int64_t) ch->ask->lock_s * MS_PER_S;
        action = SUT_ACTION_ADMIN_USER_LOCK;
        TRY(sut_person_set_locked(
            c, ch->id, (sut_ms){ lock_ms == 0 ? for_good_ms : ch->now.v + lock_ms }, ch->now));
    } else if (ch->ask->verb == SUT_USER_UNLOCK) {
        action = SUT_ACTION_ADMIN_USER_UNLOCK;
        TRY(sut_person_set_locked(c, ch->id, (sut_ms){ 0 }, ch->now));
    } else if (ch->ask->verb == SUT_USER_MFA_RESET) {
        action = SUT_ACTION_ADMIN_USER_MFA_RESET;
        TRY(drop_factors(c, ch, &p));
    } else {
        TRY(end_sessions(c, ch, "revoked"));
        TRY(api_endings_links(c, ch->id));
        /* Whoever signs in next is told of by mail, also from where they were before. */
        TRY(sut_device_forget(c, ch->id));
    }
    TRY(sut_user_state(c, ch->arena, p.id, &after));
    return sut_audit_write_change(c, action, 0, "user", ch->id, before, after, SUT_STR(""),
                                  ch->now);
}

/* The commit is done: from now on the running server refuses those tokens. */
static void tell_memory(const struct sut_user_admin *ua, const struct change *ch)
{
    if (ua->sessions == NULL ||
        (ch->ask->verb != SUT_USER_DISABLE && ch->ask->verb != SUT_USER_REVOKE &&
         ch->ask->verb != SUT_USER_MFA_RESET))
        return;
    for (size_t i = 0; i < ch->ended.n; i++)
        sut_sessions_revoke(ua->sessions, ch->ended.v[i], ch->now);
    sut_sessions_revoke_user(ua->sessions, ch->id, ch->now);
}

/* As failures are counted: by the address, or by number where that does not open any more. */
static SUT_ERR counted_as(struct sut_db_conn *c, struct sut_arena *a, int64_t id, sut_str *ret)
{
    struct sut_person_row p;
    struct sut_buf number;
    const sut_err e = sut_person_by_id(c, a, id, &p);
    if (e.code != SUT_E_CORRUPT) {
        TRY(e);
        return sut_person_email_key(a, p.email, ret);
    }
    sut_buf_init_arena(&number, a, ID_MAX);
    sut_buf_i64(&number, id);
    TRY(sut_buf_check(&number));
    *ret = sut_buf_str(&number);
    return SUT_OK;
}

/* The failures under one name, and those of each device that has its own count, are forgotten. */
static void forget_failures(const struct sut_user_admin *ua, sut_str name, const sut_str *devices,
                            size_t n)
{
    const sut_ms now = sut_clock_now(ua->clock);
    struct sut_lockout_subject s = sut_lockout_of(name);
    sut_lockout_clear(ua->counters, &s, now);
    for (size_t i = 0; i < n; i++) {
        s = sut_lockout_of_device(name, devices[i]);
        sut_lockout_clear(ua->counters, &s, now);
    }
}

static SUT_ERR find_failures(const struct sut_user_admin *ua, struct sut_db_conn *c,
                             struct sut_arena *a, sut_str who, int64_t id)
{
    sut_str name = { 0 };
    sut_str *devices = NULL;
    size_t n = 0;
    TRY(sut_device_list(c, a, id, &devices, &n));
    TRY(counted_as(c, a, id, &name));
    forget_failures(ua, name, devices, n);
    /* Whose fields are lost signs in by the address that the operator gave. */
    if (sut_str_find(who, 0, '@') < who.n) {
        TRY(sut_person_email_key(a, who, &name));
        forget_failures(ua, name, devices, n);
    }
    return SUT_OK;
}

static SUT_ERR unlock(const struct sut_user_admin *ua, struct sut_arena *a, sut_str who, int64_t id)
{
    struct sut_db_conn *c = NULL;
    ENSURE(ua->counters != NULL, UNAVAILABLE);
    TRY(sut_store_lease(ua->store, &c));
    const sut_err e = find_failures(ua, c, a, who, id);
    sut_store_return(ua->store, &c);
    return e;
}

static SUT_ERR change(const struct sut_user_admin *ua, struct sut_arena *a,
                      const struct sut_user_ask *ask, struct sut_user_answer *ret)
{
    struct change ch = {
        .ask = ask,
        .arena = a,
        .mark = sut_arena_mark(a),
        .now = sut_clock_now(ua->clock),
    };
    const sut_err e = sut_store_write(ua->store, change_job, &ch);
    if (e.code == SUT_E_NOT_FOUND) {
        refuse(ret, ch.missing);
        return SUT_OK;
    }
    TRY(e);
    tell_memory(ua, &ch);
    if (ask->verb == SUT_USER_UNLOCK)
        TRY(unlock(ua, a, ask->who, ch.id));
    if (ask->verb == SUT_USER_MFA_RESET && ua->postman != NULL)
        sut_postman_wake(ua->postman);
    return read_only(ua, a, &(struct sut_user_ask){ .verb = SUT_USER_SHOW, .who = ask->who }, ret);
}

SUT_ERR sut_user_admin_do(const struct sut_user_admin *ua, struct sut_arena *a,
                          const struct sut_user_ask *ask, struct sut_user_answer *ret)
{
    switch (ask->verb) {
    case SUT_USER_SHOW:
        if (ua->pseudonyms != NULL && sut_pseudonym_is(ask->who))
            return show_pseudonym(ua, a, ask->who, ret);
        return read_only(ua, a, ask, ret);
    case SUT_USER_LIST:
        return read_only(ua, a, ask, ret);
    case SUT_USER_ADD:
        return add(ua, a, ask, ret);
    case SUT_USER_ROLE:
    case SUT_USER_DISABLE:
    case SUT_USER_ENABLE:
    case SUT_USER_REVOKE:
    case SUT_USER_LOCK:
    case SUT_USER_UNLOCK:
    case SUT_USER_MFA_RESET:
        return change(ua, a, ask, ret);
    }
    FAIL(INVALID);
}
