/* SPDX-License-Identifier: Apache-2.0
 *
 * What speaks of a person: declared, sealed, found, and lost when somebody lays
 * hands on the rows.  A page of people, and what it costs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "db/db.h"
#include "store/audit_row.h"
#include "store/keyring_row.h"
#include "store/person.h"
#include "store/personal.h"
#include "store/session.h"
#include "store/store.h"
#include "temp_store.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

struct fixture {
    enum sut_db_kind kind;
    struct temp_store *temp;
    struct sut_store *store;
    struct sut_arena *arena;
    struct sut_db_conn *reader;
};

static const sut_ms now = { INT64_C(1770000000000) };

static struct fixture *fixture_of(void **state)
{
    struct fixture *f = *state;
    if (f->temp == NULL)
        skip();
    return f;
}

static void take_store(struct fixture *f)
{
    f->store = temp_store_of(f->temp);
    OK(sut_store_lease(f->store, &f->reader));
}

/* Open it again: no key is open any more. */
static void reopen(struct fixture *f)
{
    sut_store_return(f->store, &f->reader);
    assert_true(temp_store_reopen(f->temp));
    take_store(f);
}

/* --- jobs --- */

struct making {
    struct sut_arena *a;
    struct sut_person_new p;
    int64_t id;
    unsigned runs;
};

static SUT_ERR make(struct sut_db_conn *c, void *arg)
{
    struct making *m = arg;
    m->runs++;
    return sut_person_insert(c, m->a, &m->p, now, &m->id);
}

static struct making making(struct fixture *f, const char *email, const char *username)
{
    return (struct making){ .a = f->arena,
                            .p = { .email = sut_str_from(email),
                                   .username = sut_str_from(username),
                                   .first_name = SUT_STR("Anna-Maria"),
                                   .last_name = SUT_STR("O'Neill \xc3\x89lan"),
                                   .phone = SUT_STR("+972 (55) 123-4567"),
                                   .tax_number = SUT_STR("T-1"),
                                   .password = SUT_STR("!hash"),
                                   .is_active = true } };
}

static int64_t person(struct fixture *f, const char *name)
{
    char email[64];
    (void) snprintf(email, sizeof(email), "%s@example.com", name);
    struct making m = making(f, email, name);
    OK(sut_store_write(f->store, make, &m));
    return m.id;
}

static SUT_ERR run_script(struct sut_db_conn *c, void *arg)
{
    return sut_db_script(c, arg);
}

/* Change rows behind the program's back; OTHER and SELF in the text are the two numbers. */
static void tamper(struct fixture *f, const char *sql, int64_t other, int64_t self)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, f->arena, 1024);
    for (const char *at = sql; *at != '\0';) {
        const bool is_other = strncmp(at, "OTHER", 5) == 0;
        if (is_other || strncmp(at, "SELF", 4) == 0) {
            sut_buf_i64(&b, is_other ? other : self);
            at += is_other ? 5 : 4;
        } else {
            sut_buf_char(&b, *at++);
        }
    }
    sut_buf_char(&b, '\0');
    OK(sut_store_write(f->store, run_script, b.p));
}

static enum sut_ecode read_code(struct fixture *f, int64_t id)
{
    struct sut_person_row p;
    return sut_person_by_id(f->reader, f->arena, id, &p).code;
}

/* --- the table --- */

struct declared {
    const char *table;
    const char *columns; /* between blanks */
};

static const struct declared plain[] = {
#define T(table_, columns_) { #table_, " " columns_ " " },
#include "store/plain.def"
#undef T
};

static bool is_plain(sut_str table, sut_str column)
{
    char word[80];
    (void) snprintf(word, sizeof(word), " %.*s ", SUT_STR_ARG(column));
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (sut_str_is(table, plain[i].table))
            return strstr(plain[i].columns, word) != NULL;
    return false;
}

static bool is_personal(sut_str table, sut_str column, bool seen[SUT_PERSONAL_FIELDS])
{
    for (int i = 0; i < SUT_PERSONAL_FIELDS; i++) {
        const struct sut_seal_field *field = &sut_personal_columns[i].field;
        if (sut_str_is(table, field->table) && sut_str_is(column, field->column)) {
            seen[i] = true;
            return true;
        }
    }
    return false;
}

static void every_column_is_declared_personal_or_not(void **state)
{
    struct fixture *f = fixture_of(state);
    static const struct sut_sql sqlite = {
        "test_columns", "SELECT m.name, p.name FROM sqlite_schema m, pragma_table_info(m.name) p"
                        " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    };
    static const struct sut_sql postgres = {
        "test_columns", "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT)"
                        " FROM information_schema.columns WHERE table_schema = current_schema()"
    };
    bool seen[SUT_PERSONAL_FIELDS] = { false };
    struct sut_db_stmt *s = NULL;
    unsigned n = 0;
    OK(sut_db_prepare(f->reader, f->kind == SUT_DB_SQLITE ? &sqlite : &postgres, &s));
    for (bool has_row = true;; n++) {
        OK(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        const sut_str table = sut_db_col_text(s, 0);
        const sut_str column = sut_db_col_text(s, 1);
        const bool personal = is_personal(table, column, seen);
        if (personal == is_plain(table, column))
            fail_msg("%.*s.%.*s must stand in personal.def or in plain.def", SUT_STR_ARG(table),
                     SUT_STR_ARG(column));
    }
    sut_db_end(&s);
    assert_true(n > 80);
    for (int i = 0; i < SUT_PERSONAL_FIELDS; i++)
        if (!seen[i])
            fail_msg("%s.%s is not in the schema", sut_personal_columns[i].field.table,
                     sut_personal_columns[i].field.column);
}

/* --- what it costs --- */

static void an_open_profile_is_one_statement_and_no_message(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = person(f, "hot");
    assert_int_equal(read_code(f, id), SUT_E_OK);
    const uint64_t statements = sut_db_statements(f->reader);
    const uint64_t calls = sut_keeper_calls(temp_store_keeper(f->temp));
    assert_int_equal(read_code(f, id), SUT_E_OK);
    assert_int_equal(sut_db_statements(f->reader) - statements, 1);
    assert_int_equal(sut_keeper_calls(temp_store_keeper(f->temp)), calls);
}

static void a_cold_profile_is_one_message_more(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = person(f, "cold");
    reopen(f);
    const uint64_t statements = sut_db_statements(f->reader);
    const uint64_t calls = sut_keeper_calls(temp_store_keeper(f->temp));
    assert_int_equal(read_code(f, id), SUT_E_OK);
    assert_int_equal(sut_db_statements(f->reader) - statements, 2);
    assert_int_equal(sut_keeper_calls(temp_store_keeper(f->temp)) - calls, 1);
}

static void an_account_needs_no_key(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = person(f, "light");
    reopen(f);
    struct sut_person_account p;
    const uint64_t calls = sut_keeper_calls(temp_store_keeper(f->temp));
    OK(sut_person_account(f->reader, f->arena, id, &p));
    assert_true(p.is_active && !p.is_staff && sut_str_is(p.password, "!hash"));
    OK(sut_person_account_by_email(f->reader, f->arena, SUT_STR("LIGHT@example.com"), &p));
    assert_true(p.id == id);
    assert_int_equal(
        sut_person_account_by_email(f->reader, f->arena, SUT_STR("nobody@x.org"), &p).code,
        SUT_E_NOT_FOUND);
    assert_int_equal(sut_keeper_calls(temp_store_keeper(f->temp)), calls);
}

struct crowd {
    struct sut_arena *a;
    int n;
};

/* Many people in one job. */
static SUT_ERR make_crowd(struct sut_db_conn *c, void *arg)
{
    const struct crowd *m = arg;
    for (int i = 0; i < m->n; i++) {
        char name[32];
        char email[64];
        int64_t id = 0;
        (void) snprintf(name, sizeof(name), "crowd%d", i);
        (void) snprintf(email, sizeof(email), "crowd%d@example.com", i);
        const struct sut_person_new p = { .email = sut_str_from(email),
                                          .username = sut_str_from(name),
                                          .first_name = SUT_STR("Crowd"),
                                          .last_name = sut_str_from(name),
                                          .password = SUT_STR("!"),
                                          .is_active = true };
        TRY(sut_person_insert(c, m->a, &p, now, &id));
    }
    return SUT_OK;
}

static void a_page_of_cold_people_is_one_message(void **state)
{
    struct fixture *f = fixture_of(state);
    struct crowd m = { .a = f->arena, .n = 200 };
    OK(sut_store_write(f->store, make_crowd, &m));
    reopen(f);
    const struct sut_person_query q = { .search = SUT_STR("crowd"), .limit = 1000 };
    struct sut_person_row *rows = NULL;
    size_t n = 0;
    int64_t count = 0;
    const uint64_t statements = sut_db_statements(f->reader);
    const uint64_t calls = sut_keeper_calls(temp_store_keeper(f->temp));
    OK(sut_person_list(f->reader, f->arena, &q, &rows, &n, &count));
    assert_int_equal(n, 200);
    assert_int_equal(sut_db_statements(f->reader) - statements, 2);
    assert_int_equal(sut_keeper_calls(temp_store_keeper(f->temp)) - calls, 1);
    for (size_t i = 0; i < n; i++)
        assert_true(!rows[i].is_lost && sut_str_is(rows[i].first_name, "Crowd"));
}

static void a_registration_is_run_again_with_its_key(void **state)
{
    struct fixture *f = fixture_of(state);
    struct making m = making(f, "runs@example.com", "runs");
    OK(sut_store_write(f->store, make, &m));
    assert_int_equal(m.runs, 2);
    m.p.username = SUT_STR("runs2");
    m.runs = 0;
    const uint64_t calls = sut_keeper_calls(temp_store_keeper(f->temp));
    assert_int_equal(sut_store_write(f->store, make, &m).code, SUT_E_EXISTS);
    /* An address that is taken costs no key. */
    assert_int_equal(m.runs, 1);
    assert_int_equal(sut_keeper_calls(temp_store_keeper(f->temp)), calls);
}

/* --- finding --- */

static size_t found(struct fixture *f, const char *search)
{
    const struct sut_person_query q = { .search = sut_str_from(search), .limit = 10 };
    struct sut_person_row *rows = NULL;
    size_t n = 0;
    int64_t count = 0;
    OK(sut_person_list(f->reader, f->arena, &q, &rows, &n, &count));
    assert_int_equal(count, n);
    return n;
}

static void names_are_found_by_their_words(void **state)
{
    struct fixture *f = fixture_of(state);
    struct making m = making(f, "w.ords@example.com", "w.ords");
    m.p.first_name = SUT_STR("Wanda-Maria");
    m.p.last_name = SUT_STR("O'Quill Zo\xc3\xab");
    m.p.phone = SUT_STR("+49 (30) 765-4321");
    OK(sut_store_write(f->store, make, &m));
    static const char *const hits[] = {
        "wanda",  "WANDA",       "quill",           "quill wanda", "wanda-maria o'quill",
        "zoe",    "zo\xc3\xab",  "ZO\xc3\x8b",      "  wanda  ",   "w.ords@EXAMPLE.com",
        "W.Ords", "49307654321", "+49 30 765 4321", "wanda wanda",
    };
    for (size_t i = 0; i < sizeof(hits) / sizeof(hits[0]); i++)
        if (found(f, hits[i]) != 1)
            fail_msg("\"%s\" finds nobody", hits[i]);
    static const char *const misses[] = {
        "wand",
        "wanda x",
        "wanda neill",
        "%",
        "w_nda",
        "4930765432",
        "30765",
        "12",
        "example.com",
        "example",
        "' OR '1'='1",
        "wanda 49307654321",
        "a b c d e f g h i",
    };
    for (size_t i = 0; i < sizeof(misses) / sizeof(misses[0]); i++)
        if (found(f, misses[i]) != 0)
            fail_msg("\"%s\" finds somebody", misses[i]);
}

struct renaming {
    struct sut_arena *a;
    int64_t id;
    struct sut_person_change change;
};

static SUT_ERR rename_person(struct sut_db_conn *c, void *arg)
{
    const struct renaming *r = arg;
    return sut_person_set_profile(c, r->a, r->id, &r->change, r->id, now);
}

static void a_changed_name_is_found_by_its_new_words_alone(void **state)
{
    struct fixture *f = fixture_of(state);
    struct making m = making(f, "renamed@example.com", "renamed");
    m.p.first_name = SUT_STR("Beforehand");
    m.p.phone = SUT_STR("111222333");
    OK(sut_store_write(f->store, make, &m));
    struct renaming r = { .a = f->arena,
                          .id = m.id,
                          .change = { .has_first_name = true,
                                      .first_name = SUT_STR("Afterwards"),
                                      .has_phone = true,
                                      .phone = SUT_STR("444-555-666") } };
    OK(sut_store_write(f->store, rename_person, &r));
    assert_int_equal(found(f, "afterwards"), 1);
    assert_int_equal(found(f, "444555666"), 1);
    assert_int_equal(found(f, "beforehand"), 0);
    assert_int_equal(found(f, "111222333"), 0);
    r.change = (struct sut_person_change){ .has_phone = true };
    OK(sut_store_write(f->store, rename_person, &r));
    assert_int_equal(found(f, "444555666"), 0);
}

enum { RACERS = 12 };

struct racer {
    struct fixture *f;
    struct sut_arena *a;
    char username[16];
    enum sut_ecode code;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    struct making m = making(r->f, "Race@example.com", r->username);
    m.a = r->a;
    r->code = sut_store_write(r->f->store, make, &m).code;
    return NULL;
}

static void of_many_registrations_of_one_address_one_wins(void **state)
{
    struct fixture *f = fixture_of(state);
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    unsigned wins = 0;
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){ .f = f };
        OK(sut_arena_create(1 << 20, &racers[i].a));
        (void) snprintf(racers[i].username, sizeof(racers[i].username), "race%d", i);
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        (void) pthread_join(threads[i], NULL);
        sut_arena_free(&racers[i].a);
        wins += racers[i].code == SUT_E_OK;
        assert_true(racers[i].code == SUT_E_OK || racers[i].code == SUT_E_EXISTS);
    }
    assert_int_equal(wins, 1);
}

/* --- lost fields --- */

struct signing_in {
    int64_t session;
    int64_t user;
};

static SUT_ERR sign_in(struct sut_db_conn *c, void *arg)
{
    const struct signing_in *s = arg;
    const struct sut_session_new n = { .id = s->session,
                                       .user_id = s->user,
                                       .refresh_hash = SUT_STR("0123456789abcdef"),
                                       .expires_at = { now.v + 1000 },
                                       .user_agent = SUT_STR("agent"),
                                       .ip = SUT_STR("203.0.113.9") };
    const struct sut_audit_row row = {
        .user_id = s->user, .action = SUT_STR("USER_LOGIN"), .ip = SUT_STR("203.0.113.9"), .at = now
    };
    TRY(sut_session_insert(c, &n, now));
    TRY(sut_person_set_last_login(c, s->user, now));
    return sut_audit_row_insert(c, &row);
}

/* The fields of `id` are lost, all else works, and those of `other` are well. */
static void check_lost(struct fixture *f, int64_t id, int64_t other, int64_t session)
{
    reopen(f);
    assert_int_equal(read_code(f, id), SUT_E_CORRUPT);
    assert_int_equal(read_code(f, other), SUT_E_OK);
    struct sut_person_account account;
    OK(sut_person_account(f->reader, f->arena, id, &account));

    struct signing_in s = { .session = session, .user = id };
    OK(sut_store_write(f->store, sign_in, &s));
    struct renaming r = { .a = f->arena, .id = id, .change = { .has_phone = true } };
    assert_int_equal(sut_store_write(f->store, rename_person, &r).code, SUT_E_CORRUPT);

    const struct sut_person_query q = { .limit = 1000 };
    struct sut_person_row *rows = NULL;
    size_t n = 0;
    int64_t count = 0;
    OK(sut_person_list(f->reader, f->arena, &q, &rows, &n, &count));
    unsigned lost = 0;
    for (size_t i = 0; i < n; i++) {
        if (rows[i].id == other)
            assert_true(!rows[i].is_lost && rows[i].email.n > 0);
        if (rows[i].id != id)
            continue;
        lost++;
        assert_true(rows[i].is_lost && rows[i].email.n == 0 && rows[i].phone.p == NULL);
    }
    assert_int_equal(lost, 1);
}

static void a_data_key_that_was_laid_hands_on_loses_its_person_alone(void **state)
{
    struct fixture *f = fixture_of(state);
    static const struct {
        const char *name;
        const char *sql;
    } rows[] = {
        { "swapped", "UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys"
                     " WHERE person_id = OTHER) WHERE person_id = SELF" },
        { "cut", "UPDATE data_keys SET wrapped = SUBSTR(wrapped, 1, 20) WHERE person_id = SELF" },
        { "longer", "UPDATE data_keys SET wrapped = wrapped || wrapped WHERE person_id = SELF" },
        { "unknownkek", "UPDATE data_keys SET kek_version = 99 WHERE person_id = SELF" },
        { "renumbered", "UPDATE data_keys SET version = 2 WHERE person_id = SELF" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char other_name[32];
        (void) snprintf(other_name, sizeof(other_name), "%s-other", rows[i].name);
        const int64_t id = person(f, rows[i].name);
        const int64_t other = person(f, other_name);
        tamper(f, rows[i].sql, other, id);
        check_lost(f, id, other, 5000 + (int64_t) i);
    }
}

static void without_a_data_key_the_fields_are_lost_and_the_rest_goes_on(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = person(f, "deleted");
    const int64_t other = person(f, "deleted-other");
    tamper(f, "DELETE FROM data_keys WHERE person_id = SELF", other, id);
    reopen(f);
    assert_int_equal(read_code(f, id), SUT_E_CORRUPT);
    /* What comes now is sealed under a new key; what was stays lost. */
    struct signing_in s = { .session = 6000, .user = id };
    OK(sut_store_write(f->store, sign_in, &s));
    reopen(f);
    assert_int_equal(read_code(f, id), SUT_E_CORRUPT);
    assert_int_equal(read_code(f, other), SUT_E_OK);
}

static void a_sealed_value_opens_in_its_own_place_alone(void **state)
{
    struct fixture *f = fixture_of(state);
    static const char *const sql[] = {
        /* from another row, and from another row with its key */
        "UPDATE users SET phone = (SELECT phone FROM users WHERE id = OTHER) WHERE id = SELF",
        "UPDATE users SET email = (SELECT email FROM users WHERE id = OTHER) WHERE id = SELF",
        /* from another column of the same row */
        "UPDATE users SET first_name = last_name WHERE id = SELF",
        "UPDATE users SET tax_number = phone WHERE id = SELF",
        /* cut, emptied, gone */
        "UPDATE users SET email = SUBSTR(email, 1, 30) WHERE id = SELF",
        "UPDATE users SET email = SUBSTR(email, 1, 0) WHERE id = SELF",
        "UPDATE users SET email = NULL WHERE id = SELF",
        /* of a key's version that is gone, or never was */
        "UPDATE users SET key_version = 7 WHERE id = SELF",
        "UPDATE users SET key_version = 0 WHERE id = SELF",
    };
    for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
        char names[2][32];
        (void) snprintf(names[0], sizeof(names[0]), "moved%zu", i);
        (void) snprintf(names[1], sizeof(names[1]), "moved%zu-other", i);
        const int64_t id = person(f, names[0]);
        const int64_t other = person(f, names[1]);
        tamper(f, sql[i], other, id);
        assert_int_equal(read_code(f, id), SUT_E_CORRUPT);
        assert_int_equal(read_code(f, other), SUT_E_OK);
    }
}

/* --- index keys that change --- */

struct turning {
    struct sut_keyring_row row;
};

static SUT_ERR add_key(struct sut_db_conn *c, void *arg)
{
    const struct turning *t = arg;
    return sut_keyring_row_add(c, &t->row);
}

static SUT_ERR activate_key(struct sut_db_conn *c, void *arg)
{
    const struct turning *t = arg;
    return sut_keyring_row_activate(c, t->row.purpose, t->row.version, now);
}

/* A new current index key beside those of before. */
static void turn_index_key(struct fixture *f, uint32_t version)
{
    struct turning t = { .row = { .purpose = SUT_KEY_INDEX,
                                  .version = version,
                                  .state = SUT_KEYRING_NEXT,
                                  .created_at = now } };
    struct sut_buf out = { .p = t.row.wrapped,
                           .cap = sizeof(t.row.wrapped),
                           .max = sizeof(t.row.wrapped) };
    OK(sut_keeper_make(temp_store_keeper(f->temp), SUT_KEY_INDEX, version, &out, NULL));
    t.row.wrapped_n = out.n;
    OK(sut_store_write(f->store, add_key, &t));
    OK(sut_store_write(f->store, activate_key, &t));
}

static void several_index_keys_are_good_at_once(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = person(f, "indexed");
    turn_index_key(f, 2);
    OK(sut_store_reload_keys(f->store));
    struct sut_person_row p;
    bool taken = false;
    OK(sut_person_by_email(f->reader, f->arena, SUT_STR("indexed@example.com"), &p));
    assert_true(p.id == id);
    assert_int_equal(found(f, "indexed"), 1);
    OK(sut_person_email_taken(f->reader, f->arena, SUT_STR("Indexed@example.com"), &taken));
    assert_true(taken);
    /* The unique column sees two texts; the store does not. */
    struct making m = making(f, "INDEXED@example.com", "another");
    assert_int_equal(sut_store_write(f->store, make, &m).code, SUT_E_EXISTS);
    m = making(f, "another@example.com", "indexed");
    assert_int_equal(sut_store_write(f->store, make, &m).code, SUT_E_EXISTS);
    struct renaming r = { .a = f->arena, .id = id, .change = { .has_phone = true } };
    OK(sut_store_write(f->store, rename_person, &r));
    OK(sut_person_by_email(f->reader, f->arena, SUT_STR("indexed@example.com"), &p));
    assert_int_equal(found(f, "indexed"), 1);
}

/* Another server over the same database, which has not heard of a new key yet. */
static void a_server_that_finds_nobody_looks_for_a_newer_key(void **state)
{
    struct fixture *f = fixture_of(state);
    if (f->kind != SUT_DB_POSTGRES) {
        /* One process has an embedded store: nobody else makes a key. */
        bool changed = true;
        OK(sut_personal_look_for_keys(f->reader, &changed));
        assert_false(changed);
        return;
    }
    struct sut_store *second = NULL;
    struct sut_diag diag;
    OK(sut_store_open(temp_store_options(f->temp), &second, &diag));
    turn_index_key(f, 3);
    OK(sut_store_reload_keys(f->store));
    const int64_t id = person(f, "newer");
    struct sut_db_conn *c = NULL;
    struct sut_person_row p;
    OK(sut_store_lease(second, &c));
    OK(sut_person_by_email(c, f->arena, SUT_STR("newer@example.com"), &p));
    assert_true(p.id == id && sut_str_is(p.username, "newer"));
    sut_store_return(second, &c);

    turn_index_key(f, 4);
    OK(sut_store_reload_keys(f->store));
    (void) person(f, "newest");
    struct making m = making(f, "newest@example.com", "newest2");
    assert_int_equal(sut_store_write(second, make, &m).code, SUT_E_EXISTS);
    sut_store_close(&second);
}

/* --- lifetimes --- */

static void audit_entries_go_when_their_time_is_over(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = person(f, "audited");
    struct signing_in s = { .session = 7000, .user = id };
    OK(sut_store_write(f->store, sign_in, &s));
    const struct sut_audit_query q = { .user_id = id, .limit = 10 };
    struct sut_audit_row *rows = NULL;
    size_t n = 0;
    int64_t count = 0;
    const int64_t life = INT64_C(86400000) * SUT_AUDIT_KEEP_DAYS;
    OK(sut_audit_row_prune(f->store, (sut_ms){ now.v + life }));
    OK(sut_audit_row_list(f->reader, f->arena, &q, &rows, &n, &count));
    assert_int_equal(n, 1);
    assert_true(sut_str_is(rows[0].ip, "203.0.113.9"));
    OK(sut_audit_row_prune(f->store, (sut_ms){ now.v + life + 1 }));
    OK(sut_audit_row_list(f->reader, f->arena, &q, &rows, &n, &count));
    assert_int_equal(n, 0);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(every_column_is_declared_personal_or_not, &f),
        cmocka_unit_test_prestate(an_open_profile_is_one_statement_and_no_message, &f),
        cmocka_unit_test_prestate(a_cold_profile_is_one_message_more, &f),
        cmocka_unit_test_prestate(an_account_needs_no_key, &f),
        cmocka_unit_test_prestate(a_page_of_cold_people_is_one_message, &f),
        cmocka_unit_test_prestate(a_registration_is_run_again_with_its_key, &f),
        cmocka_unit_test_prestate(names_are_found_by_their_words, &f),
        cmocka_unit_test_prestate(a_changed_name_is_found_by_its_new_words_alone, &f),
        cmocka_unit_test_prestate(of_many_registrations_of_one_address_one_wins, &f),
        cmocka_unit_test_prestate(several_index_keys_are_good_at_once, &f),
        cmocka_unit_test_prestate(a_server_that_finds_nobody_looks_for_a_newer_key, &f),
        cmocka_unit_test_prestate(audit_entries_go_when_their_time_is_over, &f),
        cmocka_unit_test_prestate(a_sealed_value_opens_in_its_own_place_alone, &f),
        cmocka_unit_test_prestate(a_data_key_that_was_laid_hands_on_loses_its_person_alone, &f),
        cmocka_unit_test_prestate(without_a_data_key_the_fields_are_lost_and_the_rest_goes_on, &f),
    };
    f.temp = temp_store_create(f.kind);
    if (f.temp != NULL) {
        OK(sut_arena_create(64 << 20, &f.arena));
        take_store(&f);
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (f.temp != NULL)
        sut_store_return(f.store, &f.reader);
    sut_arena_free(&f.arena);
    temp_store_free(&f.temp);
    return failed;
}
