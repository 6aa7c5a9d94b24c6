/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "store/audit_row.h"
#include "store/keys.h"
#include "store/person.h"
#include "store/personal.h"
#include "store/reseal.h"
#include "store/session.h"
#include "store/social.h"
#include "store/store.h"
#include "temp_store.h"

#define OK(expr_)                                                                                  \
    do {                                                                                           \
        const sut_err ok_ = (expr_);                                                               \
        if (sut_failed(ok_))                                                                       \
            fail_msg("%s: %s at %s:%d", #expr_, sut_err_info(ok_.code)->name, ok_.at->file,        \
                     ok_.at->line);                                                                \
    } while (0)

enum { PEOPLE = 620, AUDITED = 40, LINKED = (PEOPLE + 2) / 3 };

static const sut_ms now = { INT64_C(1770000000000) };
static enum sut_db_kind kind;
static struct temp_store *temp;
static struct sut_store *store;
static struct sut_arena *arena;
static int64_t ids[PEOPLE];

/* --- what there is --- */

struct text {
    char p[64];
};

static sut_str text_of(struct text *t, const char *format, int i)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    const int n = snprintf(t->p, sizeof(t->p), format, i);
#pragma GCC diagnostic pop
    return sut_str_of(t->p, (size_t) n);
}

static sut_err add_people(struct sut_db_conn *c, void *arg)
{
    const int from = *(const int *) arg;
    for (int i = from; i < from + 20 && i < PEOPLE; i++) {
        struct text t[5];
        const struct sut_person_new p = {
            .email = text_of(&t[0], "Person.%d@example.com", i),
            .username = text_of(&t[1], "person%d", i),
            .first_name = text_of(&t[2], "Ada%d", i),
            .last_name = SUT_STR("Byron"),
            .phone = i % 2 == 0 ? text_of(&t[3], "+1 555 %04d", i) : SUT_STR(""),
            .password = SUT_STR("x"),
            .is_active = true,
        };
        TRY(sut_person_insert(c, arena, &p, now, &ids[i]));
        const struct sut_session_new s = {
            .id = 1000 + i,
            .user_id = ids[i],
            .refresh_hash = SUT_STR("0123456789abcdef"),
            .expires_at = { now.v + 1000000 },
            .user_agent = text_of(&t[4], "Agent/%d", i),
            .ip = SUT_STR("192.0.2.7"),
        };
        TRY(sut_session_insert(c, &s, now));
    }
    return SUT_OK;
}

static sut_err add_audit(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    for (int i = 0; i < AUDITED; i++) {
        const struct sut_audit_row row = { .user_id = i % 2 == 0 ? 0 : ids[i],
                                           .action = SUT_STR("login"),
                                           .resource = SUT_STR(""),
                                           .ip = SUT_STR("203.0.113.9"),
                                           .at = now };
        TRY(sut_audit_row_insert(c, &row));
    }
    return SUT_OK;
}

static enum sut_provider provider_of(int i)
{
    return i % 6 == 0 ? SUT_PROVIDER_FACEBOOK : SUT_PROVIDER_GOOGLE;
}

/* Every third person signs in by a provider. */
static sut_err add_links(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    for (int i = 0; i < PEOPLE; i += 3) {
        struct text t[2];
        TRY(sut_social_put(c, arena, ids[i], provider_of(i), text_of(&t[0], "1101694%06d", i),
                           text_of(&t[1], "https://a.example/%d", i), now));
    }
    return SUT_OK;
}

static int open_store(void **state)
{
    (void) state;
    temp = temp_store_create(kind);
    if (temp == NULL)
        return kind == SUT_DB_SQLITE ? -1 : 0;
    store = temp_store_of(temp);
    OK(sut_arena_create(64 << 20, &arena));
    for (int i = 0; i < PEOPLE; i += 20)
        OK(sut_store_write(store, add_people, &i));
    OK(sut_store_write(store, add_audit, NULL));
    OK(sut_store_write(store, add_links, NULL));
    return 0;
}

static int close_store(void **state)
{
    (void) state;
    sut_arena_free(&arena);
    temp_store_free(&temp);
    store = NULL;
    return 0;
}

/* --- what is asked of it --- */

static int64_t number(const struct sut_sql *sql)
{
    struct sut_db_conn *c = NULL;
    struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_store_lease(store, &c));
    OK(sut_db_prepare(c, sql, &s));
    OK(sut_db_step(s, &has_row));
    assert_true(has_row);
    const int64_t n = sut_db_col_i64(s, 0);
    sut_db_end(&s);
    sut_store_return(store, &c);
    return n;
}

#define NUMBER(name_, text_)                                                                       \
    __extension__({                                                                                \
        static const struct sut_sql sql_ = { name_, text_ };                                       \
        number(&sql_);                                                                             \
    })

static int64_t rows_under_old_keys(void)
{
    return NUMBER("t_old", "SELECT (SELECT COUNT(*) FROM users WHERE key_version <> (SELECT"
                           " MAX(version) FROM data_keys WHERE person_id = users.id))"
                           " + (SELECT COUNT(*) FROM sessions WHERE key_version <> (SELECT"
                           " MAX(version) FROM data_keys WHERE person_id = sessions.user_id))"
                           " + (SELECT COUNT(*) FROM audit WHERE key_version <> (SELECT"
                           " MAX(version) FROM data_keys WHERE person_id ="
                           " COALESCE(audit.user_id, 0)))"
                           " + (SELECT COUNT(*) FROM social_links WHERE key_version <> (SELECT"
                           " MAX(version) FROM data_keys WHERE person_id ="
                           " social_links.person_id))");
}

/* Every value is what it was, and everybody is found. */
static void check_people(const char *last_name)
{
    struct sut_db_conn *c = NULL;
    OK(sut_store_lease(store, &c));
    for (int i = 0; i < PEOPLE; i++) {
        struct sut_person_row p;
        struct text t;
        sut_arena_reset(arena);
        OK(sut_person_by_email(c, arena, text_of(&t, "PERSON.%d@EXAMPLE.COM", i), &p));
        assert_int_equal(p.id, ids[i]);
        assert_true(sut_str_eq(p.email, text_of(&t, "Person.%d@example.com", i)));
        assert_true(sut_str_eq(p.first_name, text_of(&t, "Ada%d", i)));
        if (last_name != NULL)
            assert_true(sut_str_is(p.last_name, last_name));
        if (i % 2 == 0)
            assert_true(sut_str_eq(p.phone, text_of(&t, "+1 555 %04d", i)));
        else
            assert_null(p.phone.p);
        int64_t linked = 0;
        const sut_str subject = text_of(&t, "1101694%06d", i);
        const sut_err e = sut_social_find(c, arena, provider_of(i), subject, &linked);
        assert_int_equal(e.code, i % 3 == 0 ? SUT_E_OK : SUT_E_NOT_FOUND);
        assert_true(i % 3 != 0 || linked == ids[i]);
    }
    struct sut_audit_row *rows = NULL;
    size_t n = 0;
    int64_t total = 0;
    const struct sut_audit_query q = { .limit = 1000 };
    OK(sut_audit_row_list(c, arena, &q, &rows, &n, &total));
    assert_int_equal(n, AUDITED);
    for (size_t i = 0; i < n; i++)
        assert_true(sut_str_is(rows[i].ip, "203.0.113.9"));
    sut_store_return(store, &c);
}

static struct sut_reseal work(void)
{
    return (struct sut_reseal){ .store = store,
                                .keeper = temp_store_keeper(temp),
                                .clock = &sut_clock_system };
}

/* A new KEK, or index key, in use. */
static uint32_t new_key(enum sut_key_purpose purpose)
{
    uint32_t version = 0;
    OK(sut_keys_add_next(store, temp_store_keeper(temp), purpose, now, &version));
    OK(sut_store_reload_keys(store));
    OK(sut_keys_activate(store, purpose, version, now));
    OK(sut_store_reload_keys(store));
    return version;
}

/* Ends the work after so many batches. */
static bool count_down(void *arg, uint64_t done, uint64_t total)
{
    int *left = arg;
    (void) done;
    (void) total;
    return (*left)-- > 0;
}

static bool is_ready(void)
{
    if (temp == NULL)
        skip();
    return true;
}

/* --- the tests --- */

static void every_row_comes_under_a_new_key_and_the_old_ones_go(void **state)
{
    (void) state;
    is_ready();
    uint64_t n = 0;
    struct sut_reseal r = work();
    assert_int_equal(new_key(SUT_KEY_DATA), 2);
    OK(sut_reseal_make_keys(&r, &n));
    assert_int_equal(n, PEOPLE + 1);
    /* Sealed under the old ones still: those stay, and so does what wraps them. */
    OK(sut_reseal_drop_keys(&r, &n));
    assert_int_equal(n, PEOPLE + 1);
    assert_int_equal(sut_reseal_forget_kek(&r, 1).code, SUT_E_BUSY);
    check_people("Byron");

    OK(sut_reseal_rows(&r, &n));
    assert_int_equal(n, 2 * PEOPLE + AUDITED + LINKED);
    assert_int_equal(r.lost, 0);
    assert_int_equal(rows_under_old_keys(), 0);
    check_people("Byron");
    OK(sut_reseal_drop_keys(&r, &n));
    assert_int_equal(n, 0);
    assert_int_equal(NUMBER("t_keys", "SELECT COUNT(*) FROM data_keys"), PEOPLE + 1);
    OK(sut_reseal_forget_kek(&r, 1));
    OK(sut_store_reload_keys(store));
    assert_int_equal(NUMBER("t_keks", "SELECT COUNT(*) FROM keyring WHERE purpose ="
                                      " 'data-keys'"),
                     1);
    check_people("Byron");
    /* Nothing is left to do. */
    OK(sut_reseal_make_keys(&r, &n));
    assert_int_equal(n, 0);
    OK(sut_reseal_rows(&r, &n));
    assert_int_equal(n, 0);
}

static void what_is_cut_short_anywhere_is_finished_by_a_second_run(void **state)
{
    (void) state;
    is_ready();
    uint64_t n = 0;
    int left = 0;
    struct sut_reseal r = work();
    (void) new_key(SUT_KEY_DATA);
    r.progress = count_down;
    r.arg = &left;
    assert_int_equal(sut_reseal_make_keys(&r, &n).code, SUT_E_STALE);
    assert_true(NUMBER("t_new", "SELECT COUNT(*) FROM data_keys WHERE version = 2") > 0);
    check_people("Byron");
    /* Rows before their keys: those that have one are done. */
    left = 1;
    assert_int_equal(sut_reseal_rows(&r, &n).code, SUT_E_STALE);
    check_people("Byron");
    left = 1000;
    OK(sut_reseal_make_keys(&r, &n));
    assert_true(n > 0 && n < PEOPLE + 1);
    for (int batches = 0; batches < 4; batches++) {
        left = batches;
        const sut_err e = sut_reseal_rows(&r, &n);
        assert_int_equal(e.code, SUT_E_STALE);
        check_people("Byron");
        left = 0;
        (void) sut_reseal_drop_keys(&r, &n).code;
        check_people("Byron");
    }
    r.progress = NULL;
    OK(sut_reseal_rows(&r, &n));
    OK(sut_reseal_drop_keys(&r, &n));
    assert_int_equal(n, 0);
    assert_int_equal(rows_under_old_keys(), 0);
    OK(sut_reseal_forget_kek(&r, 1));
    check_people("Byron");
}

static void everybody_is_found_under_a_new_index_and_the_old_one_goes(void **state)
{
    (void) state;
    is_ready();
    uint64_t n = 0;
    int left = 1;
    struct sut_reseal r = work();
    const int64_t words = NUMBER("t_words", "SELECT COUNT(*) FROM person_words");
    assert_int_equal(new_key(SUT_KEY_INDEX), 2);
    check_people("Byron");
    r.progress = count_down;
    r.arg = &left;
    assert_int_equal(sut_reseal_index(&r, &n).code, SUT_E_STALE);
    check_people("Byron");
    assert_int_equal(sut_reseal_forget_index(&r, 1).code, SUT_E_BUSY);
    r.progress = NULL;
    OK(sut_reseal_index(&r, &n));
    assert_true(n > 0 && n < PEOPLE + LINKED);
    assert_int_equal(NUMBER("t_links", "SELECT COUNT(*) FROM social_links WHERE index_version = 2"),
                     LINKED);
    OK(sut_reseal_forget_index(&r, 1));
    OK(sut_store_reload_keys(store));
    check_people("Byron");
    assert_int_equal(NUMBER("t_words", "SELECT COUNT(*) FROM person_words"), words);
    assert_int_equal(NUMBER("t_words2", "SELECT COUNT(*) FROM person_words WHERE"
                                        " index_version = 2"),
                     words);
    OK(sut_reseal_index(&r, &n));
    assert_int_equal(n, 0);
}

/* People change their names all the time. */
struct changer {
    pthread_t thread;
    atomic_bool is_ending;
    atomic_uint changes;
    struct sut_arena *arena;
};

static sut_err rename_one(struct sut_db_conn *c, void *arg)
{
    struct changer *const ch = arg;
    const int i = (int) (ch->changes * 37 % PEOPLE);
    struct text t;
    const struct sut_person_change change = { .has_last_name = true,
                                              .last_name =
                                                  text_of(&t, "Turn%d", (int) ch->changes) };
    sut_arena_reset(ch->arena);
    return sut_person_set_profile(c, ch->arena, ids[i], &change, ids[i], now);
}

static void *change_names(void *arg)
{
    struct changer *const ch = arg;
    while (!atomic_load(&ch->is_ending)) {
        if (sut_failed(sut_store_write(store, rename_one, ch)))
            return ch;
        ch->changes++;
    }
    return NULL;
}

static void changes_meanwhile_are_not_lost(void **state)
{
    (void) state;
    is_ready();
    uint64_t n = 0;
    void *fault = NULL;
    struct sut_reseal r = work();
    struct changer ch = { .changes = 0 };
    static int last_change[PEOPLE];
    OK(sut_arena_create(16 << 20, &ch.arena));
    assert_int_equal(pthread_create(&ch.thread, NULL, change_names, &ch), 0);
    for (uint32_t v = 1; v <= 3; v++) {
        assert_int_equal(new_key(SUT_KEY_DATA), v + 1);
        (void) new_key(SUT_KEY_INDEX);
        OK(sut_reseal_make_keys(&r, &n));
        uint64_t left = 1;
        for (int pass = 0; left > 0 && pass < 20; pass++) {
            OK(sut_reseal_rows(&r, &n));
            OK(sut_reseal_drop_keys(&r, &left));
        }
        assert_int_equal(left, 0);
        OK(sut_reseal_forget_kek(&r, v));
        sut_err e = sut_reseal_forget_index(&r, v);
        for (int pass = 0; e.code == SUT_E_BUSY && pass < 20; pass++) {
            OK(sut_reseal_index(&r, &n));
            e = sut_reseal_forget_index(&r, v);
        }
        OK(e);
        OK(sut_store_reload_keys(store));
    }
    for (int i = 0; i < 30000 && atomic_load(&ch.changes) <= 3; i++)
        (void) usleep(1000);
    atomic_store(&ch.is_ending, true);
    assert_int_equal(pthread_join(ch.thread, &fault), 0);
    assert_null(fault);
    assert_true(ch.changes > 3);
    sut_arena_free(&ch.arena);
    check_people(NULL);
    /* Each has the name of their last change. */
    for (unsigned i = 0; i < ch.changes; i++)
        last_change[i * 37 % PEOPLE] = (int) i + 1;
    struct sut_db_conn *c = NULL;
    OK(sut_store_lease(store, &c));
    for (int i = 0; i < PEOPLE; i++) {
        struct sut_person_row p;
        struct text t;
        OK(sut_person_by_id(c, arena, ids[i], &p));
        assert_true(sut_str_eq(p.last_name, last_change[i] == 0
                                                ? SUT_STR("Byron")
                                                : text_of(&t, "Turn%d", last_change[i] - 1)));
    }
    sut_store_return(store, &c);
}

static sut_err spoil(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "UPDATE data_keys SET wrapped = (SELECT d.wrapped FROM data_keys d"
                            " WHERE d.person_id = 0) WHERE person_id ="
                            " (SELECT MIN(id) FROM users)");
}

static void a_row_whose_key_was_altered_is_counted_and_left_as_it_is(void **state)
{
    (void) state;
    is_ready();
    uint64_t n = 0;
    struct sut_reseal r = work();
    sut_seal_forget(sut_store_seal(store), ids[0]);
    OK(sut_store_write(store, spoil, NULL));
    (void) new_key(SUT_KEY_DATA);
    OK(sut_reseal_make_keys(&r, &n));
    OK(sut_reseal_rows(&r, &n));
    /* Their row, their session and their link. */
    assert_int_equal(r.lost, 3);
    assert_int_equal(rows_under_old_keys(), 3);
    OK(sut_reseal_drop_keys(&r, &n));
    assert_int_equal(n, 1);
    assert_int_equal(sut_reseal_forget_kek(&r, 1).code, SUT_E_BUSY);
}

static sut_err forget_first_kek(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "DELETE FROM keyring WHERE purpose = 'data-keys' AND version = 1");
}

static sut_err add_late(struct sut_db_conn *c, void *arg)
{
    const struct sut_person_new p = { .email = SUT_STR("late@example.com"),
                                      .username = SUT_STR("late"),
                                      .first_name = SUT_STR("Late"),
                                      .last_name = SUT_STR("Comer"),
                                      .password = SUT_STR("x") };
    return sut_person_insert(c, arena, &p, now, arg);
}

static void a_person_of_a_server_that_was_late_gets_no_key_that_opens_nothing(void **state)
{
    (void) state;
    is_ready();
    uint32_t version = 0;
    int64_t id = 0;
    /* Another server has rotated, and this one has not looked yet. */
    OK(sut_keys_add_next(store, temp_store_keeper(temp), SUT_KEY_DATA, now, &version));
    OK(sut_keys_activate(store, SUT_KEY_DATA, version, now));
    OK(sut_store_write(store, forget_first_kek, NULL));
    OK(sut_store_write(store, add_late, &id));
    assert_true(id > 0);
    assert_int_equal(NUMBER("t_late", "SELECT kek_version FROM data_keys ORDER BY person_id DESC"
                                      " LIMIT 1"),
                     2);
}

static sut_err seal_for_stranger(struct sut_db_conn *c, void *arg)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    return sut_personal_key_for_writing(c, *(const int64_t *) arg, now, &k);
}

static void who_had_no_key_gets_one_under_the_key_of_now(void **state)
{
    (void) state;
    is_ready();
    uint32_t version = 0;
    int64_t id = 4000000;
    OK(sut_keys_add_next(store, temp_store_keeper(temp), SUT_KEY_DATA, now, &version));
    OK(sut_keys_activate(store, SUT_KEY_DATA, version, now));
    OK(sut_store_write(store, forget_first_kek, NULL));
    OK(sut_store_write(store, seal_for_stranger, &id));
    assert_int_equal(
        NUMBER("t_stranger", "SELECT kek_version FROM data_keys WHERE person_id = 4000000"), 2);
}

static sut_err keep_first(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "CREATE TABLE kept AS SELECT wrapped FROM data_keys WHERE person_id ="
                            " (SELECT MIN(id) FROM users)");
}

/* From its second run on it finds the row as it was before it was spoilt. */
static sut_err seal_for_first(struct sut_db_conn *c, void *arg)
{
    unsigned *const runs = arg;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    if (++*runs > 1)
        TRY(sut_db_script(c, "UPDATE data_keys SET wrapped = (SELECT wrapped FROM kept)"
                             " WHERE person_id = (SELECT MIN(id) FROM users)"));
    return sut_personal_key_for_writing(c, ids[0], now, &k);
}

static void a_key_that_is_wrapped_anew_while_a_job_waits_is_not_taken_for_lost(void **state)
{
    (void) state;
    is_ready();
    unsigned runs = 0;
    OK(sut_store_write(store, keep_first, NULL));
    OK(sut_store_write(store, spoil, NULL));
    sut_seal_forget(sut_store_seal(store), ids[0]);
    OK(sut_store_write(store, seal_for_first, &runs));
    assert_int_equal(runs, 3);
}

static void each_indexed_column_is_one_that_is_indexed_anew(void **state)
{
    (void) state;
    unsigned n = 0;
    for (unsigned i = 0; i < SUT_PERSONAL_FIELDS; i++) {
        if (sut_personal_columns[i].index == SUT_INDEX_NONE)
            continue;
        if (i != SUT_PERSONAL_SOCIAL_SUBJECT && i != SUT_PERSONAL_PAYMENT_REF)
            assert_string_equal(sut_personal_columns[i].field.table, "users");
        n++;
    }
    /* Address, user name, phone number and the words of two names: as reindex.c has them; a
     * provider's number of its user: reindex_social.c; its name of a payment: reindex_payments.c.
     */
    assert_int_equal(n, 7);
}

int main(int argc, char **argv)
{
    kind = temp_store_kind(argc, argv);
#define EACH(test_) cmocka_unit_test_setup_teardown(test_, open_store, close_store)
    const struct CMUnitTest tests[] = {
        EACH(every_row_comes_under_a_new_key_and_the_old_ones_go),
        EACH(what_is_cut_short_anywhere_is_finished_by_a_second_run),
        EACH(everybody_is_found_under_a_new_index_and_the_old_one_goes),
        EACH(changes_meanwhile_are_not_lost),
        EACH(a_row_whose_key_was_altered_is_counted_and_left_as_it_is),
        EACH(a_person_of_a_server_that_was_late_gets_no_key_that_opens_nothing),
        EACH(who_had_no_key_gets_one_under_the_key_of_now),
        EACH(a_key_that_is_wrapped_anew_while_a_job_waits_is_not_taken_for_lost),
        cmocka_unit_test(each_indexed_column_is_one_that_is_indexed_anew),
    };
    return cmocka_run_group_tests_name("reseal", tests, NULL, NULL);
}
