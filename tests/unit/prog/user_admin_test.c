/* SPDX-License-Identifier: Apache-2.0
 *
 * Account work on both stores, directly and through the control socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authn/hasher.h"
#include "authn/sessions.h"
#include "base/diag.h"
#include "config/config.h"
#include "counters/lockout.h"
#include "guard/app.h"
#include "prog/control.h"
#include "prog/pseudonym.h"
#include "store/audit_row.h"
#include "store/device.h"
#include "store/factor.h"
#include "store/outbox.h"
#include "store/person.h"
#include "store/session.h"
#include "temp_store.h"

#define PASSWORD SUT_STR("correct horse battery 7")

static enum sut_db_kind kind;
static struct temp_store *temp;
static struct sut_store *store;
static struct sut_hasher *hasher;
static struct sut_sessions *sessions;
static struct sut_user_admin admin;
static struct sut_arena *arena;

static int set_up(void **state)
{
    (void) state;
    const struct sut_hasher_options ho = {
        .threads = 1,
        .queue_max = 4,
        .memory_bytes = 64 * 1024 * 1024,
        .policy = { .kind = SUT_PWHASH_PBKDF2, .rounds = 10 },
        .budget = { .rounds = 1000, .memory_kib = 1024, .passes = 2, .lanes = 1 },
    };
    const struct sut_sessions_options so = { .access_life_ms = 900000, .accept_foreign = true };
    temp = temp_store_create(kind);
    if (temp == NULL)
        return 0;
    store = temp_store_of(temp);
    if (sut_failed(sut_hasher_start(&ho, &sut_random_system, &hasher)) ||
        sut_failed(sut_sessions_create(&so, &sessions)) ||
        sut_failed(sut_sessions_load(sessions, store, sut_clock_now(&sut_clock_system))) ||
        sut_failed(sut_arena_create(1024 * 1024, &arena)))
        return -1;
    admin = (struct sut_user_admin){
        .password_policy = { .length_min = 8 },
        .store = store,
        .hasher = hasher,
        .sessions = sessions,
        .random = &sut_random_system,
        .clock = &sut_clock_system,
    };
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    sut_arena_free(&arena);
    sut_sessions_free(&sessions);
    if (hasher != NULL)
        sut_hasher_stop(&hasher);
    if (temp != NULL)
        temp_store_free(&temp);
    return 0;
}

static void need_store(void)
{
    if (temp == NULL)
        skip();
    sut_arena_reset(arena);
}

static struct sut_user_answer ask(const struct sut_user_ask *a)
{
    struct sut_user_answer answer = { 0 };
    assert_false(sut_failed(sut_user_admin_do(&admin, arena, a, &answer)));
    return answer;
}

static struct sut_user_row ask_row(const struct sut_user_ask *a)
{
    const struct sut_user_answer answer = ask(a);
    if (answer.refused.n > 0)
        print_error("%.*s\n", SUT_STR_ARG(answer.refused));
    assert_int_equal(answer.refused.n, 0);
    assert_int_equal(answer.n_rows, 1);
    return answer.rows[0];
}

static void expect_refused(const struct sut_user_ask *a, const char *what)
{
    const struct sut_user_answer answer = ask(a);
    assert_int_equal(answer.n_rows, 0);
    assert_non_null(answer.refused.p);
    char text[512];
    (void) snprintf(text, sizeof(text), "%.*s", SUT_STR_ARG(answer.refused));
    if (strstr(text, what) == NULL)
        print_error("<%s> does not say <%s>\n", text, what);
    assert_non_null(strstr(text, what));
}

/* The newest audit row is this action on this resource. */
static void expect_audit(const char *action, const char *resource)
{
    struct sut_db_conn *c = NULL;
    struct sut_audit_row *rows = NULL;
    size_t n = 0;
    int64_t count = 0;
    const struct sut_audit_query q = { .limit = 1 };
    assert_false(sut_failed(sut_store_lease(store, &c)));
    assert_false(sut_failed(sut_audit_row_list(c, arena, &q, &rows, &n, &count)));
    sut_store_return(store, &c);
    assert_int_equal(n, 1);
    assert_true(sut_str_is(rows[0].action, action));
    if (!sut_str_is(rows[0].resource, resource))
        print_error("<%.*s>\n", SUT_STR_ARG(rows[0].resource));
    assert_true(sut_str_is(rows[0].resource, resource));
    assert_int_equal(rows[0].user_id, 0);
}

static int64_t audit_count(void)
{
    struct sut_db_conn *c = NULL;
    struct sut_audit_row *rows = NULL;
    size_t n = 0;
    int64_t count = 0;
    const struct sut_audit_query q = { .limit = 1 };
    assert_false(sut_failed(sut_store_lease(store, &c)));
    assert_false(sut_failed(sut_audit_row_list(c, arena, &q, &rows, &n, &count)));
    sut_store_return(store, &c);
    return count;
}

static const char *about(int64_t id, const char *rest)
{
    static char text[200];
    (void) snprintf(text, sizeof(text), "user:%lld%s", (long long) id, rest);
    return text;
}

static struct sut_user_row add(const char *email)
{
    return ask_row(&(struct sut_user_ask){
        .verb = SUT_USER_ADD, .email = sut_str_from(email), .password = PASSWORD });
}

static void adds_and_shows(void **state)
{
    (void) state;
    need_store();
    const struct sut_user_row u = ask_row(&(struct sut_user_ask){
        .verb = SUT_USER_ADD,
        .email = SUT_STR("Ann@Example.com"),
        .password = PASSWORD,
        .first_name = SUT_STR("Ann"),
        .last_name = SUT_STR("Bee"),
        .phone = SUT_STR("+27 1 2345"),
        .has_role = true,
        .role = SUT_USER_SUPERUSER,
        .join = SUT_STR("Product Managers"),
        .is_verified = true,
    });
    assert_int_equal(u.role, SUT_USER_SUPERUSER);
    assert_true(u.is_active && u.is_verified);
    assert_true(sut_str_is(u.groups, "Product Managers"));
    expect_audit("admin.user_add", about(u.id, ""));

    const struct sut_user_row same =
        ask_row(&(struct sut_user_ask){ .verb = SUT_USER_SHOW, .who = SUT_STR("ANN@example.COM") });
    assert_int_equal(same.id, u.id);
    char id[24];
    const int n = snprintf(id, sizeof(id), "%lld", (long long) u.id);
    const struct sut_user_row by_id =
        ask_row(&(struct sut_user_ask){ .verb = SUT_USER_SHOW, .who = sut_str_of(id, (size_t) n) });
    assert_true(sut_str_is(by_id.first_name, "Ann"));

    /* The password is kept as a hash that it opens. */
    struct sut_db_conn *c = NULL;
    struct sut_person_row p;
    struct sut_hasher_result r;
    unsigned retry = 0;
    assert_false(sut_failed(sut_store_lease(store, &c)));
    assert_false(sut_failed(sut_person_by_id(c, arena, u.id, &p)));
    sut_store_return(store, &c);
    assert_false(sut_failed(sut_hasher_verify(hasher, p.password, PASSWORD, &r, &retry)));
    assert_int_equal(r.verdict, SUT_PWHASH_OK);
}

static void refuses_what_is_no_account(void **state)
{
    (void) state;
    need_store();
    (void) add("taken@example.com");
    const int64_t before = audit_count();
    struct sut_user_ask a = { .verb = SUT_USER_ADD,
                              .email = SUT_STR("TAKEN@example.com"),
                              .password = PASSWORD };
    expect_refused(&a, "already exists");
    a.email = SUT_STR("no address");
    expect_refused(&a, "no email address");
    a.email = SUT_STR("");
    expect_refused(&a, "no email address");
    a.email = SUT_STR("new@example.com");
    a.password = SUT_STR("12345678");
    expect_refused(&a, "too common");
    a.password = SUT_STR("");
    expect_refused(&a, "too short");
    a.password = SUT_STR("\xff\xff\xff\xff\xff\xff\xff\xff");
    expect_refused(&a, "not UTF-8");
    a.password = PASSWORD;
    a.first_name = SUT_STR("a\x1b[31m");
    expect_refused(&a, "name");
    a.first_name = SUT_STR("");
    a.phone = SUT_STR("0123456789012345");
    expect_refused(&a, "phone");
    a.phone = SUT_STR("");
    a.join = SUT_STR("Nobody's");
    expect_refused(&a, "no such group");
    expect_refused(&(struct sut_user_ask){ .verb = SUT_USER_SHOW, .who = a.email }, "no such user");
    assert_int_equal(audit_count(), before);
}

static void refuses_whom_it_does_not_know(void **state)
{
    (void) state;
    need_store();
    static const enum sut_user_verb verbs[] = { SUT_USER_SHOW, SUT_USER_ROLE, SUT_USER_DISABLE,
                                                SUT_USER_ENABLE, SUT_USER_REVOKE };
    static const char *const whos[] = {
        "", "0", "-1", "999999", "nobody@example.com", "99999999999999999999", "' OR 1=1 --"
    };
    const int64_t before = audit_count();
    for (size_t v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++)
        for (size_t w = 0; w < sizeof(whos) / sizeof(whos[0]); w++)
            expect_refused(&(struct sut_user_ask){ .verb = verbs[v],
                                                   .who = sut_str_from(whos[w]),
                                                   .has_role = true },
                           "no such user");
    assert_int_equal(audit_count(), before);
}

static void changes_roles_and_groups(void **state)
{
    (void) state;
    need_store();
    const struct sut_user_row u = add("role@example.com");
    assert_int_equal(u.role, SUT_USER_CUSTOMER);
    struct sut_user_ask a = { .verb = SUT_USER_ROLE,
                              .who = u.email,
                              .has_role = true,
                              .role = SUT_USER_STAFF,
                              .join = SUT_STR("Product Managers") };
    struct sut_user_row now = ask_row(&a);
    assert_int_equal(now.role, SUT_USER_STAFF);
    assert_true(sut_str_is(now.groups, "Product Managers"));
    expect_audit("admin.user_role", about(u.id, ""));

    /* A group that is not there undoes the role as well. */
    const int64_t before = audit_count();
    a = (struct sut_user_ask){ .verb = SUT_USER_ROLE,
                               .who = u.email,
                               .has_role = true,
                               .role = SUT_USER_SUPERUSER,
                               .leave = SUT_STR("Nobody's") };
    expect_refused(&a, "no such group");
    assert_int_equal(audit_count(), before);
    now = ask_row(&(struct sut_user_ask){ .verb = SUT_USER_SHOW, .who = u.email });
    assert_int_equal(now.role, SUT_USER_STAFF);

    a = (struct sut_user_ask){ .verb = SUT_USER_ROLE,
                               .who = u.email,
                               .leave = SUT_STR("Product Managers") };
    now = ask_row(&a);
    assert_int_equal(now.role, SUT_USER_STAFF);
    assert_int_equal(now.groups.n, 0);
}

struct signing_in {
    int64_t user_id;
    int64_t session;
    sut_ms now;
};

static SUT_ERR sign_in(struct sut_db_conn *c, void *arg)
{
    const struct signing_in *s = arg;
    const struct sut_session_new row = { .id = s->session,
                                         .user_id = s->user_id,
                                         .refresh_hash = SUT_STR("0123456789abcdef"),
                                         .expires_at = { .v = s->now.v + 1000000 } };
    return sut_session_insert(c, &row, s->now);
}

static void expect_ended(enum sut_user_verb verb, const char *email, int64_t session,
                         const char *action)
{
    need_store();
    const struct sut_user_row u = add(email);
    struct signing_in s = { .user_id = u.id,
                            .session = session,
                            .now = sut_clock_now(&sut_clock_system) };
    const struct sut_token t = { .user_id = u.id, .session = session };
    const struct sut_token foreign = { .user_id = u.id,
                                       .is_foreign = true,
                                       .iat_s = s.now.v / 1000 - 10,
                                       .exp_s = s.now.v / 1000 + 1000 };
    assert_false(sut_failed(sut_store_write(store, sign_in, &s)));
    assert_false(sut_sessions_is_refused(sessions, &t));
    assert_false(sut_sessions_is_refused(sessions, &foreign));

    const struct sut_user_row now = ask_row(&(struct sut_user_ask){ .verb = verb, .who = u.email });
    assert_int_equal(now.is_active, verb != SUT_USER_DISABLE);
    assert_true(sut_sessions_is_refused(sessions, &t));
    assert_true(sut_sessions_is_refused(sessions, &foreign));
    expect_audit(action, about(u.id, ""));

    struct sut_db_conn *c = NULL;
    enum sut_session_state state = SUT_SESSION_LIVE;
    assert_false(sut_failed(sut_store_lease(store, &c)));
    assert_false(
        sut_failed(sut_session_look(c, session, u.id, SUT_STR("0123456789abcdef"), s.now, &state)));
    sut_store_return(store, &c);
    assert_int_not_equal(state, SUT_SESSION_LIVE);
}

static void disabling_ends_sessions_at_once(void **state)
{
    (void) state;
    expect_ended(SUT_USER_DISABLE, "off@example.com", 4711, "admin.user_disable");
    const struct sut_user_row u = ask_row(
        &(struct sut_user_ask){ .verb = SUT_USER_ENABLE, .who = SUT_STR("off@example.com") });
    assert_true(u.is_active);
    expect_audit("admin.user_enable", about(u.id, ""));
    const struct sut_token t = { .user_id = u.id, .session = 4711 };
    assert_true(sut_sessions_is_refused(sessions, &t));
}

static void revoking_ends_sessions_at_once(void **state)
{
    (void) state;
    expect_ended(SUT_USER_REVOKE, "revoked@example.com", 4712, "admin.user_revoke");
}

static struct sut_lock_result try_wrong(struct sut_counters *c, const struct sut_lockout_subject *s)
{
    const sut_ms now = sut_clock_now(&sut_clock_system);
    struct sut_lock_result r;
    sut_lockout_begin(c, s, now, &r);
    if (!r.is_locked)
        sut_lockout_wrong(c, s, now, &r);
    return r;
}

struct seeing {
    int64_t person;
    sut_ms now;
};

static SUT_ERR see_device(struct sut_db_conn *c, void *arg)
{
    const struct seeing *s = arg;
    bool is_new = false;
    return sut_device_see(c, s->person, SUT_STR("0123456789abcdef"), s->now, &is_new, &is_new);
}

static void an_operator_locks_and_unlocks(void **state)
{
    (void) state;
    need_store();
    const struct sut_user_row u = add("Locked@Example.com");
    const sut_ms now = sut_clock_now(&sut_clock_system);
    struct sut_user_row row =
        ask_row(&(struct sut_user_ask){ .verb = SUT_USER_LOCK, .who = u.email, .lock_s = 7200 });
    assert_in_range(row.locked_until.v - now.v, 7200 * 1000, 7260 * 1000);
    expect_audit("admin.user_lock", about(u.id, ""));
    row = ask_row(&(struct sut_user_ask){ .verb = SUT_USER_LOCK, .who = u.email });
    assert_true(row.locked_until.v > now.v + INT64_C(1000) * 86400 * 365 * 1000);
    /* Without counters a lock of wrong passwords could not be lifted: it is said. */
    struct sut_user_answer answer = { 0 };
    const struct sut_user_ask unlock = { .verb = SUT_USER_UNLOCK, .who = u.email };
    assert_int_equal(sut_user_admin_do(&admin, arena, &unlock, &answer).code, SUT_E_UNAVAILABLE);

    const struct sut_counters_options o = {
        .lockout = { .failures = 2, .forget_ms = 600000, .lock_ms = 300000 },
        .memory_bytes = 1 << 20,
        .checkpoint_ms = 1000,
        .key = SUT_STR("0123456789abcdef0123456789abcdef"),
        .clock = &sut_clock_system,
    };
    assert_false(sut_failed(sut_counters_create(&o, &admin.counters)));
    struct seeing s = { .person = u.id, .now = now };
    assert_false(sut_failed(sut_store_write(store, see_device, &s)));
    const struct sut_lockout_subject address = sut_lockout_of(SUT_STR("locked@example.com"));
    const struct sut_lockout_subject device =
        sut_lockout_of_device(SUT_STR("locked@example.com"), SUT_STR("0123456789abcdef"));
    const struct sut_lockout_subject other = sut_lockout_of(SUT_STR("other@example.com"));
    for (int i = 0; i < 3; i++) {
        (void) try_wrong(admin.counters, &address);
        (void) try_wrong(admin.counters, &device);
        (void) try_wrong(admin.counters, &other);
    }
    assert_true(try_wrong(admin.counters, &device).is_locked);
    row = ask_row(&unlock);
    assert_int_equal(row.locked_until.v, 0);
    expect_audit("admin.user_unlock", about(u.id, ""));
    assert_false(try_wrong(admin.counters, &device).is_locked);
    assert_false(try_wrong(admin.counters, &address).is_locked);
    assert_true(try_wrong(admin.counters, &address).locks_now);
    assert_true(try_wrong(admin.counters, &other).is_locked);
    row = ask_row(&(struct sut_user_ask){ .verb = SUT_USER_SHOW, .who = u.email });
    assert_in_range(row.locked_until.v - now.v, 299000, 360000);
    sut_counters_free(&admin.counters);
    expect_refused(&(struct sut_user_ask){ .verb = SUT_USER_LOCK, .who = SUT_STR("no@one.org") },
                   "no such user");
}

static SUT_ERR add_app(struct sut_db_conn *c, void *arg)
{
    const struct seeing *s = arg;
    TRY(sut_totp_begin(c, s->person, SUT_STR("12345678901234567890"), s->now));
    return sut_totp_use(c, s->person, 7, s->now);
}

static size_t mails_queued(int64_t id)
{
    struct sut_db_conn *c = NULL;
    struct sut_outbox_row *rows = NULL;
    size_t n = 0;
    size_t found = 0;
    assert_false(sut_failed(sut_store_lease(store, &c)));
    assert_false(sut_failed(sut_outbox_list(c, arena, false, 0, 50, &rows, &n)));
    sut_store_return(store, &c);
    for (size_t i = 0; i < n; i++)
        found += rows[i].person == id && sut_str_is(rows[i].what, "factor-removed") ? 1 : 0;
    return found;
}

static void an_operator_takes_second_factors_away(void **state)
{
    (void) state;
    need_store();
    const struct sut_user_row u = add("app@example.com");
    struct seeing s = { .person = u.id, .now = sut_clock_now(&sut_clock_system) };
    struct signing_in in = { .user_id = u.id, .session = 4720, .now = s.now };
    const struct sut_token t = { .user_id = u.id, .session = 4720 };
    const struct sut_user_ask reset = { .verb = SUT_USER_MFA_RESET, .who = u.email };
    const struct sut_user_ask show = { .verb = SUT_USER_SHOW, .who = u.email };
    /* Who has none loses none, and hears nothing. */
    assert_int_equal(ask_row(&reset).factors, 0);
    assert_int_equal(mails_queued(u.id), 0);

    assert_false(sut_failed(sut_store_write(store, add_app, &s)));
    assert_false(sut_failed(sut_store_write(store, sign_in, &in)));
    assert_int_equal(ask_row(&show).factors, SUT_FACTOR_TOTP);
    assert_int_equal(ask_row(&reset).factors, 0);
    expect_audit("admin.user_mfa_reset", about(u.id, ""));
    assert_true(sut_sessions_is_refused(sessions, &t));
    assert_int_equal(mails_queued(u.id), 1);
    expect_refused(
        &(struct sut_user_ask){ .verb = SUT_USER_MFA_RESET, .who = SUT_STR("no@one.org") },
        "no such user");
}

static void lists_in_pages(void **state)
{
    (void) state;
    need_store();
    for (int i = 0; i < SUT_USER_PAGE_MAX + 5; i++) {
        char email[64];
        (void) snprintf(email, sizeof(email), "n%d@list.example", i);
        (void) add(email);
        sut_arena_reset(arena);
    }
    struct sut_user_ask a = { .verb = SUT_USER_LIST };
    struct sut_user_answer page = ask(&a);
    assert_int_equal(page.n_rows, SUT_USER_PAGE_MAX);
    assert_true(page.has_more);
    const int64_t last = page.rows[SUT_USER_PAGE_MAX - 1].id;
    a.offset = page.n_rows;
    page = ask(&a);
    assert_true(page.n_rows >= 5 && !page.has_more);
    assert_true(page.rows[0].id > last);
    a.offset = 100000;
    page = ask(&a);
    assert_int_equal(page.n_rows, 0);
    assert_false(page.has_more);

    a = (struct sut_user_ask){ .verb = SUT_USER_LIST, .search = SUT_STR("N7@list.example") };
    page = ask(&a);
    assert_int_equal(page.n_rows, 1);
    assert_true(sut_str_is(page.rows[0].email, "n7@list.example"));
}

/* Everybody's, with enough people for more than one page of ids. */
static void finds_the_person_behind_a_pseudonym(void **state)
{
    (void) state;
    need_store();
    struct sut_pseudonyms *p = NULL;
    char text[SUT_PSEUDONYM_TEXT];
    const sut_str old_key = SUT_STR("0123456789abcdef0123456789abcdef");
    const sut_str keys[] = { SUT_STR("fedcba9876543210fedcba9876543210"), old_key };
    assert_false(sut_failed(sut_pseudonyms_create(&p)));
    assert_false(sut_pseudonyms_of(p, 1, text));
    admin.pseudonyms = p;
    struct sut_user_row u = ask_row(&(struct sut_user_ask){
        .verb = SUT_USER_ADD, .email = SUT_STR("lena@example.com"), .password = PASSWORD });
    assert_int_equal(u.pseudonym.n, 0);

    assert_false(sut_failed(sut_pseudonyms_set(p, &old_key, 1)));
    u = ask_row(
        &(struct sut_user_ask){ .verb = SUT_USER_SHOW, .who = SUT_STR("lena@example.com") });
    assert_int_equal(u.pseudonym.n, SUT_PSEUDONYM_TEXT);
    assert_true(sut_pseudonym_is(u.pseudonym));
    const sut_str before = u.pseudonym;
    const int64_t count = audit_count();
    struct sut_user_row found =
        ask_row(&(struct sut_user_ask){ .verb = SUT_USER_SHOW, .who = before });
    assert_int_equal(found.id, u.id);
    assert_true(sut_str_is(found.email, "lena@example.com"));
    assert_int_equal(audit_count(), count + 1);
    char resource[32];
    (void) snprintf(resource, sizeof(resource), "user:%lld", (long long) u.id);
    expect_audit("admin.user_lookup", resource);

    /* A new key: another pseudonym; the old one is found while its key is there, then no more. */
    assert_false(sut_failed(sut_pseudonyms_set(p, keys, 2)));
    found = ask_row(&(struct sut_user_ask){ .verb = SUT_USER_SHOW, .who = before });
    assert_int_equal(found.id, u.id);
    assert_false(sut_str_eq(found.pseudonym, before));
    assert_false(sut_failed(sut_pseudonyms_set(p, keys, 1)));
    expect_refused(&(struct sut_user_ask){ .verb = SUT_USER_SHOW, .who = before }, "pseudonym");
    found = ask_row(&(struct sut_user_ask){ .verb = SUT_USER_SHOW, .who = found.pseudonym });
    assert_int_equal(found.id, u.id);
    /* A list does not tell them, and no change is made by one. */
    const struct sut_user_answer all = ask(&(struct sut_user_ask){ .verb = SUT_USER_LIST });
    assert_true(all.n_rows > 0);
    for (size_t i = 0; i < all.n_rows; i++)
        assert_int_equal(all.rows[i].pseudonym.n, 0);
    expect_refused(&(struct sut_user_ask){ .verb = SUT_USER_DISABLE, .who = found.pseudonym },
                   "no such user");
    admin.pseudonyms = NULL;
    sut_pseudonyms_free(&p);
    assert_null(p);
    sut_pseudonyms_free(&p);
}

static void what_has_not_the_form_is_no_pseudonym(void **state)
{
    (void) state;
    static const char *const wrong[] = { "",
                                         "p",
                                         "p?",
                                         "p0123456789abcde",
                                         "p0123456789abcdef0",
                                         "q0123456789abcdef",
                                         "p0123456789abcdeg",
                                         "0123456789abcdef0" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(sut_pseudonym_is(sut_str_from(wrong[i])));
    assert_true(sut_pseudonym_is(SUT_STR("p0123456789abcdef")));
}

static void answers_through_the_control_socket(void **state)
{
    (void) state;
    need_store();
    char dir[] = "/tmp/sut-control-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct sut_config config = { 0 };
    config.server.data = sut_str_from(dir);
    const struct sut_app app = { .config = &config,
                                 .clock = &sut_clock_system,
                                 .random = &sut_random_system,
                                 .store = store,
                                 .hasher = hasher,
                                 .sessions = sessions,
                                 .password_policy = { .length_min = 8 } };
    struct sut_control *control = NULL;
    struct sut_user_answer answer = { 0 };
    struct sut_diag d = { 0 };
    struct sut_user_ask a = { .verb = SUT_USER_ADD,
                              .email = SUT_STR("socket@example.com"),
                              .password = PASSWORD };
    assert_int_equal(sut_control_ask(config.server.data, arena, &a, &answer, &d).code,
                     SUT_E_NOT_FOUND);
    int fd = -1;
    assert_false(sut_failed(sut_control_listen(config.server.data, &fd, &d)));
    assert_false(sut_failed(sut_control_start(&app, NULL, NULL, &fd, &control, &d)));
    assert_int_equal(fd, -1);
    assert_false(sut_failed(sut_control_ask(config.server.data, arena, &a, &answer, &d)));
    assert_int_equal(answer.n_rows, 1);
    assert_true(sut_str_is(answer.rows[0].email, "socket@example.com"));
    assert_false(sut_failed(sut_control_ask(config.server.data, arena, &a, &answer, &d)));
    assert_true(answer.refused.n > 0);
    a = (struct sut_user_ask){ .verb = SUT_USER_DISABLE, .who = SUT_STR("socket@example.com") };
    assert_false(sut_failed(sut_control_ask(config.server.data, arena, &a, &answer, &d)));
    assert_false(answer.rows[0].is_active);

    assert_int_equal(sut_control_listen(config.server.data, &fd, &d).code, SUT_E_BUSY);
    sut_control_stop(&control);
    assert_int_equal(sut_control_ask(config.server.data, arena, &a, &answer, &d).code,
                     SUT_E_NOT_FOUND);
    assert_int_equal(rmdir(dir), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_and_shows),
        cmocka_unit_test(refuses_what_is_no_account),
        cmocka_unit_test(refuses_whom_it_does_not_know),
        cmocka_unit_test(changes_roles_and_groups),
        cmocka_unit_test(disabling_ends_sessions_at_once),
        cmocka_unit_test(revoking_ends_sessions_at_once),
        cmocka_unit_test(an_operator_locks_and_unlocks),
        cmocka_unit_test(an_operator_takes_second_factors_away),
        cmocka_unit_test(lists_in_pages),
        cmocka_unit_test(finds_the_person_behind_a_pseudonym),
        cmocka_unit_test(what_has_not_the_form_is_no_pseudonym),
        cmocka_unit_test(answers_through_the_control_socket),
    };
    kind = temp_store_kind(argc, argv);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
