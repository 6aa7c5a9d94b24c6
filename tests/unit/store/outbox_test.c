/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>

#include "store/outbox.h"
#include "store/personal.h"
#include "store_fixture.h"
#include "store_person.h"

enum { CLAIM_MS = 60000 };
static const int64_t day = INT64_C(86400000);
static const int64_t hour = INT64_C(3600000);

static const struct sut_sql clear_outbox = { .name = "test_clear", .text = "DELETE FROM outbox" };
static const struct sut_sql count_rows = {
    .name = "test_count",
    .text = "SELECT COUNT(*), COUNT(payload) FROM outbox",
};
static const struct sut_sql drop_key = {
    .name = "test_drop_key",
    .text = "UPDATE data_keys SET wrapped = $2 WHERE person_id = $1",
};
static const struct sut_sql drop_person = {
    .name = "test_drop_person",
    .text = "DELETE FROM users WHERE id = $1",
};
static const struct sut_sql look_raw = {
    .name = "test_look_raw",
    .text = "SELECT payload, name FROM outbox WHERE id = $1",
};

static SUT_ERR clear_job(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_exec(c, &clear_outbox);
}

static struct fixture *empty(void **state)
{
    struct fixture *f = fixture_of(state);
    OK(sut_store_write(f->store, clear_job, NULL));
    return f;
}

struct adding {
    struct sut_outbox_new o;
    sut_ms at;
    bool added;
};

static SUT_ERR add_job(struct sut_db_conn *c, void *arg)
{
    struct adding *a = arg;
    return sut_outbox_add(c, &a->o, a->at, &a->added);
}

static enum sut_ecode add(struct fixture *f, struct adding *a)
{
    return sut_store_write(f->store, add_job, a).code;
}

static struct adding mail(int64_t who, const char *payload)
{
    return (struct adding){ .o = { .kind = SUT_OUTBOX_MAIL,
                                   .what = SUT_STR("verify"),
                                   .person = who,
                                   .payload = sut_str_from(payload) },
                            .at = now };
}

struct claiming {
    struct sut_arena *a;
    enum sut_outbox_kind kind;
    size_t want;
    sut_ms at;
    struct sut_outbox_row rows[SUT_OUTBOX_CLAIM_MAX];
    size_t n;
};

static SUT_ERR claim_job(struct sut_db_conn *c, void *arg)
{
    struct claiming *k = arg;
    return sut_outbox_claim(c, k->a, k->kind, k->want, CLAIM_MS, k->at, k->rows, &k->n);
}

/* Good until the fourth after it. */
static const struct claiming *claimed(struct fixture *f, size_t want, int64_t after_ms)
{
    static struct claiming room[4];
    static size_t turn;
    struct claiming *k = &room[turn++ % 4];
    *k = (struct claiming){
        .a = f->arena, .kind = SUT_OUTBOX_MAIL, .want = want, .at = { now.v + after_ms }
    };
    OK(sut_store_write(f->store, claim_job, k));
    return k;
}

struct ending {
    int64_t id;
    const char *why; /* NULL: sent */
    sut_ms due_at;
    sut_ms at;
    bool is_release;
};

static SUT_ERR end_job(struct sut_db_conn *c, void *arg)
{
    const struct ending *e = arg;
    if (e->is_release)
        return sut_outbox_release(c, e->id, e->due_at);
    if (e->why == NULL)
        return sut_outbox_sent(c, e->id, e->at);
    return sut_outbox_failed(c, e->id, e->why, e->due_at, e->at);
}

static void ended(struct fixture *f, struct ending e)
{
    OK(sut_store_write(f->store, end_job, &e));
}

static struct sut_outbox_row row_of(struct fixture *f, int64_t id)
{
    struct sut_outbox_row row;
    OK(sut_outbox_by_id(f->reader, f->arena, id, &row));
    return row;
}

static void counted(struct fixture *f, int64_t *ret_rows, int64_t *ret_payloads)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(f->reader, &count_rows, &s));
    OK(sut_db_step(s, &has_row));
    *ret_rows = sut_db_col_i64(s, 0);
    *ret_payloads = sut_db_col_i64(s, 1);
}

static void what_was_added_is_claimed_with_its_payload(void **state)
{
    struct fixture *f = empty(state);
    const int64_t u = person(f, "one@x.org");
    struct adding a = mail(u, "{\"at\":1}");
    struct adding b = mail(0, "{\"to\":\"x@y.example\"}");
    assert_int_equal(add(f, &a), SUT_E_OK);
    assert_true(a.added);
    assert_int_equal(add(f, &b), SUT_E_OK);
    const struct claiming *const k = claimed(f, 8, 0);
    assert_int_equal(k->n, 2);
    assert_true(sut_str_is(k->rows[0].payload, "{\"at\":1}"));
    assert_true(sut_str_is(k->rows[0].what, "verify"));
    assert_true(k->rows[0].person == u);
    assert_int_equal(k->rows[0].tries, 0);
    assert_int_equal(k->rows[0].state, SUT_OUTBOX_DUE);
    assert_true(sut_str_is(k->rows[1].payload, "{\"to\":\"x@y.example\"}"));
    assert_true(k->rows[1].person == 0);
}

static void what_lies_there_is_sealed(void **state)
{
    struct fixture *f = empty(state);
    const int64_t u = person(f, "sealed@x.org");
    struct adding a = mail(u, "{\"link\":\"https://shop.example/reset?token=geheim\"}");
    assert_int_equal(add(f, &a), SUT_E_OK);
    const struct claiming *const k = claimed(f, 1, 0);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(f->reader, &look_raw, &s));
    sut_db_bind_i64(s, 1, k->rows[0].id);
    OK(sut_db_step(s, &has_row));
    assert_true(has_row);
    const sut_str raw = sut_db_col_blob(s, 0);
    assert_true(raw.n > a.o.payload.n);
    assert_null(memmem(raw.p, raw.n, "geheim", 6));
}

static void of_two_of_one_name_the_second_is_not_added(void **state)
{
    struct fixture *f = empty(state);
    const int64_t u = person(f, "double@x.org");
    struct adding a = mail(u, "{}");
    a.o.name = SUT_STR("once:1");
    assert_int_equal(add(f, &a), SUT_E_OK);
    assert_true(a.added);
    assert_int_equal(add(f, &a), SUT_E_OK);
    assert_false(a.added);
    assert_int_equal(claimed(f, 8, 0)->n, 1);
}

static void what_can_be_no_row_is_refused(void **state)
{
    struct fixture *f = empty(state);
    static char long_text[SUT_OUTBOX_PAYLOAD_MAX + 1];
    memset(long_text, 'x', sizeof(long_text));
    struct adding a = mail(0, "");
    assert_int_equal(add(f, &a), SUT_E_INVALID);
    a.o.payload = sut_str_of(long_text, sizeof(long_text));
    assert_int_equal(add(f, &a), SUT_E_INVALID);
    a.o.payload = sut_str_of(long_text, SUT_OUTBOX_PAYLOAD_MAX);
    assert_int_equal(add(f, &a), SUT_E_OK);
    a.o.what = SUT_STR("");
    assert_int_equal(add(f, &a), SUT_E_INVALID);
    a.o.what = sut_str_of(long_text, SUT_OUTBOX_WORD_MAX + 1);
    assert_int_equal(add(f, &a), SUT_E_INVALID);
}

static void a_claim_keeps_others_away_until_it_ends(void **state)
{
    struct fixture *f = empty(state);
    struct adding a = mail(person(f, "claim@x.org"), "{}");
    assert_int_equal(add(f, &a), SUT_E_OK);
    assert_int_equal(claimed(f, 8, 0)->n, 1);
    assert_int_equal(claimed(f, 8, 1)->n, 0);
    assert_int_equal(claimed(f, 8, CLAIM_MS - 1)->n, 0);
    const struct claiming *const again = claimed(f, 8, CLAIM_MS);
    assert_int_equal(again->n, 1);
    assert_int_equal(again->rows[0].tries, 1);
}

static void the_longest_due_go_first(void **state)
{
    struct fixture *f = empty(state);
    const int64_t u = person(f, "order@x.org");
    for (int i = 0; i < 5; i++) {
        struct adding a = mail(u, "{}");
        a.o.due_at.v = now.v + 1000 - i * 100;
        assert_int_equal(add(f, &a), SUT_E_OK);
    }
    sut_ms due = { 0 };
    OK(sut_outbox_next_due(f->reader, SUT_OUTBOX_MAIL, &due));
    assert_true(due.v == now.v + 600);
    OK(sut_outbox_next_due(f->reader, SUT_OUTBOX_EVENT, &due));
    assert_true(due.v == 0);
    assert_int_equal(claimed(f, 8, 599)->n, 0);
    const struct claiming *const k = claimed(f, 2, 1000);
    assert_int_equal(k->n, 2);
    struct claiming events = {
        .a = f->arena, .kind = SUT_OUTBOX_EVENT, .want = 8, .at = { now.v + 2000 }
    };
    OK(sut_store_write(f->store, claim_job, &events));
    assert_int_equal(events.n, 0);
    const struct claiming *const rest = claimed(f, 8, 1000);
    assert_int_equal(rest->n, 3);
    for (size_t i = 0; i < rest->n; i++)
        assert_true(rest->rows[i].id < k->rows[0].id);
}

/* Of the shape of those that wait; due all at once, as after an hour without a mail server. */
static const struct sut_sql many_sqlite = {
    .name = "test_many",
    .text = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)"
            " INSERT INTO outbox (kind, what, state, created_at, due_at)"
            " SELECT 1, 'verify', 1, $1, $1 FROM n",
};
static const struct sut_sql many_postgres = {
    .name = "test_many",
    .text = "INSERT INTO outbox (kind, what, state, created_at, due_at)"
            " SELECT 1, 'verify', 1, $1, $1 FROM generate_series(1, $2)",
};

/* As PostgreSQL does by itself a minute later. */
static const struct sut_sql analyze = { .name = "test_analyze", .text = "ANALYZE outbox" };

static SUT_ERR many_job(struct sut_db_conn *c, void *arg)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sut_db_conn_kind(c) == SUT_DB_SQLITE ? &many_sqlite : &many_postgres,
                       &s));
    sut_db_bind_i64(s, 1, now.v - hour);
    sut_db_bind_i64(s, 2, *(const int64_t *) arg);
    TRY(sut_db_step(s, &has_row));
    return sut_db_conn_kind(c) == SUT_DB_SQLITE ? SUT_OK : sut_db_exec(c, &analyze);
}

/*
 * The quickest of claims of eight each: as many as make a planner settle on what it does for good,
 * and on while it is not below `bound_ns`, since other work on the machine only makes it slower.
 */
static uint64_t claims_ns(struct fixture *f, int64_t n_rows, uint64_t bound_ns)
{
    OK(sut_store_write(f->store, many_job, &n_rows));
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 20 || (i < 300 && best >= bound_ns); i++) {
        const uint64_t from = sut_monotonic_ns();
        assert_int_equal(claimed(f, 8, 0)->n, 8);
        const uint64_t took = sut_monotonic_ns() - from;
        best = i > 10 && took < best ? took : best;
    }
    return best;
}

static void how_many_wait_is_nothing_to_who_takes_some(void **state)
{
    struct fixture *f = empty(state);
    const uint64_t few = claims_ns(f, 2000, UINT64_MAX);
    const uint64_t bound = 10 * few + 5000000;
    /* What reads them all takes hundreds of times as long. */
    assert_true(claims_ns(f, 200000, bound) < bound);
}

static void what_was_sent_is_emptied_and_stays_so(void **state)
{
    struct fixture *f = empty(state);
    struct adding a = mail(person(f, "sent@x.org"), "{\"link\":\"x\"}");
    assert_int_equal(add(f, &a), SUT_E_OK);
    const int64_t id = claimed(f, 1, 0)->rows[0].id;
    ended(f, (struct ending){ .id = id, .at = { now.v + 5 } });
    struct sut_outbox_row row = row_of(f, id);
    assert_int_equal(row.state, SUT_OUTBOX_SENT);
    assert_true(row.done_at.v == now.v + 5);
    assert_null(row.payload.p);
    assert_null(row.why.p);
    assert_false(row.is_lost);
    /* Whoever comes late changes nothing. */
    ended(f, (struct ending){ .id = id, .why = "late", .due_at = now, .at = now });
    ended(f, (struct ending){ .id = id, .is_release = true, .due_at = now });
    row = row_of(f, id);
    assert_int_equal(row.state, SUT_OUTBOX_SENT);
    assert_int_equal(claimed(f, 8, 10 * CLAIM_MS)->n, 0);
    assert_int_equal(sut_outbox_by_id(f->reader, f->arena, id + 1000, &row).code, SUT_E_NOT_FOUND);
}

static void what_failed_is_due_again_or_given_up(void **state)
{
    struct fixture *f = empty(state);
    struct adding a = mail(person(f, "failed@x.org"), "{}");
    assert_int_equal(add(f, &a), SUT_E_OK);
    const int64_t id = claimed(f, 1, 0)->rows[0].id;
    ended(f, (struct ending){
                 .id = id, .why = "server_said_later", .due_at = { now.v + 15000 }, .at = now });
    assert_int_equal(claimed(f, 8, 14999)->n, 0);
    struct sut_outbox_row row = row_of(f, id);
    assert_true(sut_str_is(row.why, "server_said_later"));
    assert_true(sut_str_is(row.payload, "{}"));
    assert_int_equal(row.tries, 1);
    assert_int_equal(claimed(f, 8, 15000)->n, 1);
    ended(f, (struct ending){ .id = id, .is_release = true, .due_at = { now.v + 16000 } });
    const struct claiming *const k = claimed(f, 8, 16000);
    assert_int_equal(k->n, 1);
    assert_int_equal(k->rows[0].tries, 1);
    ended(f, (struct ending){ .id = id, .why = "server_refused", .at = { now.v + 17000 } });
    row = row_of(f, id);
    assert_int_equal(row.state, SUT_OUTBOX_GIVEN_UP);
    assert_null(row.payload.p);
    assert_true(sut_str_is(row.why, "server_refused"));
    assert_int_equal(claimed(f, 8, day)->n, 0);
}

struct key_loss {
    int64_t person;
    bool is_gone; /* the person, not the key */
};

static SUT_ERR lose_job(struct sut_db_conn *c, void *arg)
{
    const struct key_loss *l = arg;
    static const char zeros[SUT_DATA_WRAPPED];
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, l->is_gone ? &drop_person : &drop_key, &s));
    sut_db_bind_i64(s, 1, l->person);
    if (!l->is_gone)
        sut_db_bind_blob(s, 2, sut_str_of(zeros, sizeof(zeros)));
    return sut_db_step(s, &has_row);
}

static void a_row_whose_key_is_lost_says_so_and_holds_up_no_other(void **state)
{
    struct fixture *f = empty(state);
    struct key_loss l = { .person = person(f, "lost@x.org") };
    struct adding a = mail(l.person, "{\"a\":1}");
    struct adding b = mail(person(f, "kept@x.org"), "{\"b\":1}");
    assert_int_equal(add(f, &a), SUT_E_OK);
    assert_int_equal(add(f, &b), SUT_E_OK);
    OK(sut_store_write(f->store, lose_job, &l));
    const struct claiming *const k = claimed(f, 8, 0);
    assert_int_equal(k->n, 2);
    assert_true(k->rows[0].is_lost);
    assert_null(k->rows[0].payload.p);
    assert_false(k->rows[1].is_lost);
    assert_true(sut_str_is(k->rows[1].payload, "{\"b\":1}"));
    assert_true(row_of(f, k->rows[0].id).is_lost);
    /* One that is added then is given up at once, and what caused it goes on. */
    assert_int_equal(add(f, &a), SUT_E_OK);
    assert_true(a.added);
    struct sut_outbox_row *rows = NULL;
    size_t n = 0;
    OK(sut_outbox_list(f->reader, f->arena, true, 0, 10, &rows, &n));
    assert_int_equal(n, 3);
    assert_int_equal(rows[0].state, SUT_OUTBOX_GIVEN_UP);
    assert_true(sut_str_is(rows[0].why, "key_lost"));
}

static void a_persons_rows_go_with_the_person(void **state)
{
    struct fixture *f = empty(state);
    struct key_loss l = { .person = person(f, "gone@x.org"), .is_gone = true };
    struct adding a = mail(l.person, "{}");
    int64_t rows = 0;
    int64_t payloads = 0;
    assert_int_equal(add(f, &a), SUT_E_OK);
    OK(sut_store_write(f->store, lose_job, &l));
    counted(f, &rows, &payloads);
    assert_true(rows == 0);
}

static void a_list_is_the_newest_first_and_opens_nothing_unasked(void **state)
{
    struct fixture *f = empty(state);
    const int64_t u = person(f, "list@x.org");
    for (int i = 0; i < 5; i++) {
        struct adding a = mail(u, "{\"x\":1}");
        assert_int_equal(add(f, &a), SUT_E_OK);
    }
    struct sut_outbox_row *rows = NULL;
    size_t n = 0;
    OK(sut_outbox_list(f->reader, f->arena, false, 1, 3, &rows, &n));
    assert_int_equal(n, 3);
    assert_true(rows[0].id > rows[1].id && rows[1].id > rows[2].id);
    assert_null(rows[0].payload.p);
    assert_false(rows[0].is_lost);
    OK(sut_outbox_list(f->reader, f->arena, true, 0, 1, &rows, &n));
    assert_true(sut_str_is(rows[0].payload, "{\"x\":1}"));
    OK(sut_outbox_list(f->reader, f->arena, true, 5, 10, &rows, &n));
    assert_int_equal(n, 0);
    assert_int_equal(sut_outbox_list(f->reader, f->arena, true, 0, 100000, &rows, &n).code,
                     SUT_E_INVALID);
}

static void what_is_over_is_pruned_after_its_days(void **state)
{
    struct fixture *f = empty(state);
    const int64_t u = person(f, "prune@x.org");
    int64_t rows = 0;
    int64_t payloads = 0;
    for (int i = 0; i < 3; i++) {
        struct adding a = mail(u, "{}");
        assert_int_equal(add(f, &a), SUT_E_OK);
    }
    const struct claiming *const k = claimed(f, 2, 0);
    ended(f, (struct ending){ .id = k->rows[0].id, .at = now });
    ended(f, (struct ending){ .id = k->rows[1].id, .why = "server_refused", .at = now });
    OK(sut_outbox_prune(f->store, (sut_ms){ now.v + SUT_OUTBOX_KEEP_DAYS * day }));
    counted(f, &rows, &payloads);
    assert_true(rows == 3 && payloads == 1);
    OK(sut_outbox_prune(f->store, (sut_ms){ now.v + SUT_OUTBOX_KEEP_DAYS * day + 1 }));
    counted(f, &rows, &payloads);
    /* The third waited in vain: nobody keeps its payload, but that it was given up stays to be
     * seen. */
    assert_true(rows == 1 && payloads == 0);
    struct sut_outbox_row *list = NULL;
    size_t n = 0;
    OK(sut_outbox_list(f->reader, f->arena, false, 0, 1, &list, &n));
    assert_int_equal(list[0].state, SUT_OUTBOX_GIVEN_UP);
    assert_true(sut_str_is(list[0].why, "expired"));
}

enum { CLAIMERS = 4, CLAIM_ROWS = 60 };

struct claimer {
    struct fixture *f;
    struct sut_arena *arena;
    int64_t ids[CLAIM_ROWS];
    size_t n;
};

static void *claim_all(void *arg)
{
    struct claimer *c = arg;
    for (int i = 0; i < 200 && c->n < CLAIM_ROWS; i++) {
        struct claiming k = { .a = c->arena, .kind = SUT_OUTBOX_MAIL, .want = 3, .at = now };
        const sut_err e = sut_store_write(c->f->store, claim_job, &k);
        if (sut_failed(e))
            continue;
        if (k.n == 0)
            break;
        for (size_t j = 0; j < k.n && c->n < CLAIM_ROWS; j++)
            c->ids[c->n++] = k.rows[j].id;
        sut_arena_reset(c->arena);
    }
    return NULL;
}

static void of_several_that_claim_at_once_each_row_has_one(void **state)
{
    struct fixture *f = empty(state);
    const int64_t u = person(f, "many@x.org");
    static struct claimer claimers[CLAIMERS];
    pthread_t threads[CLAIMERS];
    for (int i = 0; i < CLAIM_ROWS; i++) {
        struct adding a = mail(u, "{}");
        assert_int_equal(add(f, &a), SUT_E_OK);
    }
    for (size_t i = 0; i < CLAIMERS; i++) {
        claimers[i] = (struct claimer){ .f = f };
        OK(sut_arena_create(4 << 20, &claimers[i].arena));
        assert_int_equal(pthread_create(&threads[i], NULL, claim_all, &claimers[i]), 0);
    }
    size_t all = 0;
    for (size_t i = 0; i < CLAIMERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        sut_arena_free(&claimers[i].arena);
        all += claimers[i].n;
        for (size_t j = 0; j < i; j++)
            for (size_t x = 0; x < claimers[i].n; x++)
                for (size_t y = 0; y < claimers[j].n; y++)
                    assert_true(claimers[i].ids[x] != claimers[j].ids[y]);
    }
    assert_int_equal(all, CLAIM_ROWS);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(what_was_added_is_claimed_with_its_payload, &f),
        cmocka_unit_test_prestate(what_lies_there_is_sealed, &f),
        cmocka_unit_test_prestate(of_two_of_one_name_the_second_is_not_added, &f),
        cmocka_unit_test_prestate(what_can_be_no_row_is_refused, &f),
        cmocka_unit_test_prestate(a_claim_keeps_others_away_until_it_ends, &f),
        cmocka_unit_test_prestate(the_longest_due_go_first, &f),
        cmocka_unit_test_prestate(how_many_wait_is_nothing_to_who_takes_some, &f),
        cmocka_unit_test_prestate(what_was_sent_is_emptied_and_stays_so, &f),
        cmocka_unit_test_prestate(what_failed_is_due_again_or_given_up, &f),
        cmocka_unit_test_prestate(a_row_whose_key_is_lost_says_so_and_holds_up_no_other, &f),
        cmocka_unit_test_prestate(a_persons_rows_go_with_the_person, &f),
        cmocka_unit_test_prestate(a_list_is_the_newest_first_and_opens_nothing_unasked, &f),
        cmocka_unit_test_prestate(what_is_over_is_pruned_after_its_days, &f),
        cmocka_unit_test_prestate(of_several_that_claim_at_once_each_row_has_one, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void) close_store(&state);
    return failed;
}
