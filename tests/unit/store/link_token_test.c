/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "store/link_token.h"
#include "store/personal.h"
#include "store_fixture.h"
#include "store_person.h"

static const struct sut_sql count_links = {
    .name = "test_count_links",
    .text = "SELECT COUNT(*) FROM link_tokens",
};
static const struct sut_sql sealed_data = {
    .name = "test_sealed_data",
    .text = "SELECT data FROM link_tokens WHERE hash = $1",
};
static const struct sut_sql move_data = {
    .name = "test_move_data",
    .text = "UPDATE link_tokens SET data = (SELECT data FROM link_tokens WHERE hash = $1)"
            " WHERE hash = $2",
};

static sut_str hash(char c)
{
    static char hashes[256][SUT_LINK_HASH];
    memset(hashes[(unsigned char) c], c, SUT_LINK_HASH);
    return sut_str_of(hashes[(unsigned char) c], SUT_LINK_HASH);
}

static SUT_ERR add(struct sut_db_conn *c, void *arg)
{
    return sut_link_token_add(c, arg, now);
}

static enum sut_ecode added(struct fixture *f, enum sut_link_purpose purpose, int64_t who, char h,
                            const char *data, int64_t life_ms)
{
    struct sut_link_new l = { .purpose = purpose,
                              .person = who,
                              .hash = hash(h),
                              .data = sut_str_from(data),
                              .expires_at = { now.v + life_ms } };
    return sut_store_write(f->store, add, &l).code;
}

static enum sut_ecode found(struct fixture *f, enum sut_link_purpose purpose, char h,
                            int64_t after_ms, struct sut_link_row *ret)
{
    return sut_link_token_find(f->reader, f->arena, purpose, hash(h), (sut_ms){ now.v + after_ms },
                               ret)
        .code;
}

struct using
{
    struct sut_arena *a;
    enum sut_link_purpose purpose;
    char h;
    int64_t after_ms;
    struct sut_link_row row;
};

static SUT_ERR use(struct sut_db_conn *c, void *arg)
{
    struct using *u = arg;
    return sut_link_token_use(c, u->a, u->purpose, hash(u->h), (sut_ms){ now.v + u->after_ms },
                              &u->row);
}

static enum sut_ecode used(struct fixture *f, enum sut_link_purpose purpose, char h,
                           int64_t after_ms, struct sut_link_row *ret)
{
    struct using u = { .a = f->arena, .purpose = purpose, .h = h, .after_ms = after_ms };
    const sut_err e = sut_store_write(f->store, use, &u);
    *ret = u.row;
    return e.code;
}

static int64_t count(struct fixture *f)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(f->reader, &count_links, &s));
    OK(sut_db_step(s, &has_row));
    return sut_db_col_i64(s, 0);
}

static void is_found_while_it_lives_and_taken_once(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ada = person(f, "once@x.org");
    struct sut_link_row row;
    assert_int_equal(added(f, SUT_LINK_RESET, ada, 'a', "", 1000), SUT_E_OK);
    assert_int_equal(found(f, SUT_LINK_RESET, 'a', 999, &row), SUT_E_OK);
    assert_true(row.person == ada && row.tries == 0 && row.data.p == NULL);
    assert_true(row.created_at.v == now.v && row.expires_at.v == now.v + 1000);
    assert_int_equal(found(f, SUT_LINK_RESET, 'a', 1000, &row), SUT_E_NOT_FOUND);
    assert_int_equal(found(f, SUT_LINK_TICKET, 'a', 0, &row), SUT_E_NOT_FOUND);
    assert_int_equal(found(f, SUT_LINK_RESET, 'b', 0, &row), SUT_E_NOT_FOUND);
    assert_int_equal(used(f, SUT_LINK_TICKET, 'a', 0, &row), SUT_E_NOT_FOUND);
    assert_int_equal(used(f, SUT_LINK_RESET, 'a', 1000, &row), SUT_E_NOT_FOUND);
    assert_int_equal(used(f, SUT_LINK_RESET, 'a', 0, &row), SUT_E_OK);
    assert_true(row.person == ada);
    assert_int_equal(used(f, SUT_LINK_RESET, 'a', 0, &row), SUT_E_NOT_FOUND);
    assert_int_equal(found(f, SUT_LINK_RESET, 'a', 0, &row), SUT_E_NOT_FOUND);
}

static void no_purpose_passes_for_another(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ada = person(f, "purpose@x.org");
    struct sut_link_row row;
    for (int made = SUT_LINK_RESET; made <= SUT_LINK_PASSKEY_PROOF; made++) {
        const char h = (char) ('A' + made);
        assert_int_equal(added(f, (enum sut_link_purpose) made, ada, h, "", 1000), SUT_E_OK);
        for (int as = SUT_LINK_RESET; as <= SUT_LINK_PASSKEY_PROOF; as++) {
            if (as == made)
                continue;
            assert_int_equal(found(f, (enum sut_link_purpose) as, h, 0, &row), SUT_E_NOT_FOUND);
            assert_int_equal(used(f, (enum sut_link_purpose) as, h, 0, &row), SUT_E_NOT_FOUND);
        }
        assert_int_equal(used(f, (enum sut_link_purpose) made, h, 0, &row), SUT_E_OK);
    }
}

static void its_data_is_sealed_in_its_place(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ada = person(f, "data@x.org");
    struct sut_link_row row;
    bool has_row = false;
    assert_int_equal(added(f, SUT_LINK_EMAIL_CONFIRM, ada, 'c', "{\"email\":\"new@x.org\"}", 1000),
                     SUT_E_OK);
    assert_int_equal(added(f, SUT_LINK_EMAIL_CONFIRM, ada, 'd', "{\"email\":\"bad@x.org\"}", 1000),
                     SUT_E_OK);
    {
        DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
        OK(sut_db_prepare(f->reader, &sealed_data, &s));
        sut_db_bind_blob(s, 1, hash('c'));
        OK(sut_db_step(s, &has_row));
        const sut_str sealed = sut_db_col_blob(s, 0);
        assert_int_equal(sealed.n, strlen("{\"email\":\"new@x.org\"}") + SUT_SEAL_OVERHEAD);
        assert_null(memmem(sealed.p, sealed.n, "x.org", 5));
    }
    assert_int_equal(found(f, SUT_LINK_EMAIL_CONFIRM, 'c', 0, &row), SUT_E_OK);
    assert_true(sut_str_is(row.data, "{\"email\":\"new@x.org\"}"));
    /* Also after all that was cached is gone. */
    sut_store_return(f->store, &f->reader);
    assert_true(temp_store_reopen(f->temp));
    f->store = temp_store_of(f->temp);
    OK(sut_store_lease(f->store, &f->reader));
    assert_int_equal(used(f, SUT_LINK_EMAIL_CONFIRM, 'c', 0, &row), SUT_E_OK);
    assert_true(sut_str_is(row.data, "{\"email\":\"new@x.org\"}"));
}

static SUT_ERR move(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &move_data, &s));
    sut_db_bind_blob(s, 1, hash('e'));
    sut_db_bind_blob(s, 2, hash('g'));
    return sut_db_step(s, &has_row);
}

static void data_of_another_row_does_not_open(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ada = person(f, "moved@x.org");
    struct sut_link_row row;
    assert_int_equal(added(f, SUT_LINK_EMAIL_CONFIRM, ada, 'e', "{\"email\":\"e@x.org\"}", 1000),
                     SUT_E_OK);
    assert_int_equal(added(f, SUT_LINK_EMAIL_CONFIRM, ada, 'g', "{\"email\":\"g@x.org\"}", 1000),
                     SUT_E_OK);
    OK(sut_store_write(f->store, move, NULL));
    assert_int_equal(found(f, SUT_LINK_EMAIL_CONFIRM, 'g', 0, &row), SUT_E_CORRUPT);
    assert_int_equal(used(f, SUT_LINK_EMAIL_CONFIRM, 'g', 0, &row), SUT_E_CORRUPT);
}

static void a_challenge_may_be_nobodys(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_link_row row;
    assert_int_equal(added(f, SUT_LINK_PASSKEY_LOGIN, 0, 'h', "{\"c\":1}", 1000), SUT_E_OK);
    assert_int_equal(used(f, SUT_LINK_PASSKEY_LOGIN, 'h', 0, &row), SUT_E_OK);
    assert_true(row.person == 0 && sut_str_is(row.data, "{\"c\":1}"));
}

struct missing {
    int64_t id;
    uint32_t max;
    uint32_t left;
};

static SUT_ERR miss(struct sut_db_conn *c, void *arg)
{
    struct missing *m = arg;
    return sut_link_token_miss(c, m->id, m->max, &m->left);
}

static void wrong_tries_are_counted_and_the_last_takes_it_away(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ada = person(f, "tries@x.org");
    struct sut_link_row row;
    assert_int_equal(added(f, SUT_LINK_TICKET, ada, 'i', "", 1000), SUT_E_OK);
    assert_int_equal(found(f, SUT_LINK_TICKET, 'i', 0, &row), SUT_E_OK);
    struct missing m = { .id = row.id, .max = 5 };
    for (uint32_t left = 4; left > 0; left--) {
        OK(sut_store_write(f->store, miss, &m));
        assert_int_equal(m.left, left);
        assert_int_equal(found(f, SUT_LINK_TICKET, 'i', 0, &row), SUT_E_OK);
        assert_int_equal(row.tries, 5 - left);
    }
    OK(sut_store_write(f->store, miss, &m));
    assert_int_equal(m.left, 0);
    assert_int_equal(found(f, SUT_LINK_TICKET, 'i', 0, &row), SUT_E_NOT_FOUND);
    assert_int_equal(sut_store_write(f->store, miss, &m).code, SUT_E_NOT_FOUND);
}

struct forgetting {
    int64_t person;
    enum sut_link_purpose purpose;
    int64_t after;
};

static SUT_ERR forget(struct sut_db_conn *c, void *arg)
{
    const struct forgetting *g = arg;
    return g->after == 0 ? sut_link_token_forget(c, g->person, g->purpose)
                         : sut_link_token_forget_after(c, g->person, g->purpose, g->after);
}

static void those_of_one_purpose_and_person_are_forgotten(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ada = person(f, "forget@x.org");
    const int64_t bob = person(f, "keep@x.org");
    struct sut_link_row row;
    assert_int_equal(added(f, SUT_LINK_RESET, ada, 'j', "", 1000), SUT_E_OK);
    assert_int_equal(added(f, SUT_LINK_RESET, ada, 'k', "", 1000), SUT_E_OK);
    assert_int_equal(added(f, SUT_LINK_EMAIL_REVERT, ada, 'l', "", 1000), SUT_E_OK);
    assert_int_equal(added(f, SUT_LINK_EMAIL_REVERT, ada, 'm', "", 1000), SUT_E_OK);
    assert_int_equal(added(f, SUT_LINK_RESET, bob, 'n', "", 1000), SUT_E_OK);
    struct forgetting g = { .person = ada, .purpose = SUT_LINK_RESET };
    OK(sut_store_write(f->store, forget, &g));
    assert_int_equal(found(f, SUT_LINK_RESET, 'j', 0, &row), SUT_E_NOT_FOUND);
    assert_int_equal(found(f, SUT_LINK_RESET, 'k', 0, &row), SUT_E_NOT_FOUND);
    assert_int_equal(found(f, SUT_LINK_RESET, 'n', 0, &row), SUT_E_OK);
    assert_int_equal(found(f, SUT_LINK_EMAIL_REVERT, 'l', 0, &row), SUT_E_OK);
    g = (struct forgetting){ .person = ada, .purpose = SUT_LINK_EMAIL_REVERT, .after = row.id };
    OK(sut_store_write(f->store, forget, &g));
    assert_int_equal(found(f, SUT_LINK_EMAIL_REVERT, 'l', 0, &row), SUT_E_OK);
    assert_int_equal(found(f, SUT_LINK_EMAIL_REVERT, 'm', 0, &row), SUT_E_NOT_FOUND);
}

static void a_hash_is_whole_and_of_one_row(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ada = person(f, "whole@x.org");
    struct sut_link_row row;
    assert_int_equal(added(f, SUT_LINK_RESET, ada, 'o', "", 1000), SUT_E_OK);
    assert_int_equal(added(f, SUT_LINK_TICKET, ada, 'o', "", 1000), SUT_E_EXISTS);
    struct sut_link_new l = { .purpose = SUT_LINK_RESET, .person = ada, .hash = SUT_STR("short") };
    assert_int_equal(sut_store_write(f->store, add, &l).code, SUT_E_INVALID);
    assert_int_equal(
        sut_link_token_find(f->reader, f->arena, SUT_LINK_RESET, SUT_STR("short"), now, &row).code,
        SUT_E_NOT_FOUND);
    char big[SUT_LINK_DATA_MAX + 1];
    memset(big, 'x', sizeof(big));
    l = (struct sut_link_new){ .purpose = SUT_LINK_RESET,
                               .person = ada,
                               .hash = hash('p'),
                               .data = sut_str_of(big, sizeof(big)) };
    assert_int_equal(sut_store_write(f->store, add, &l).code, SUT_E_INVALID);
    l.data.n = SUT_LINK_DATA_MAX;
    l.expires_at.v = now.v + 1000;
    OK(sut_store_write(f->store, add, &l));
    assert_int_equal(found(f, SUT_LINK_RESET, 'p', 0, &row), SUT_E_OK);
    assert_int_equal(row.data.n, SUT_LINK_DATA_MAX);
}

struct race {
    struct fixture *f;
    struct sut_arena *a;
    atomic_int *wins;
};

static void *take_part(void *arg)
{
    const struct race *r = arg;
    struct using u = { .a = r->a, .purpose = SUT_LINK_RESET, .h = 'q' };
    const sut_err e = sut_store_write(r->f->store, use, &u);
    if (!sut_failed(e))
        atomic_fetch_add(r->wins, 1);
    return NULL;
}

static void of_twenty_at_once_one_gets_it(void **state)
{
    enum { THREADS = 20 };
    struct fixture *f = fixture_of(state);
    const int64_t ada = person(f, "race@x.org");
    pthread_t threads[THREADS];
    struct race parts[THREADS];
    atomic_int wins = 0;
    assert_int_equal(added(f, SUT_LINK_RESET, ada, 'q', "{\"x\":1}", 1000), SUT_E_OK);
    for (size_t i = 0; i < THREADS; i++) {
        parts[i] = (struct race){ .f = f, .wins = &wins };
        OK(sut_arena_create(1 << 20, &parts[i].a));
        assert_int_equal(pthread_create(&threads[i], NULL, take_part, &parts[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        sut_arena_free(&parts[i].a);
    }
    assert_int_equal(atomic_load(&wins), 1);
}

static SUT_ERR fill(struct sut_db_conn *c, void *arg)
{
    const int64_t *who = arg;
    for (unsigned i = 0; i < 1200; i++) {
        char h[SUT_LINK_HASH] = { 'z' };
        memcpy(h + 1, &i, sizeof(i));
        const struct sut_link_new l = { .purpose = SUT_LINK_RESET,
                                        .person = *who,
                                        .hash = sut_str_of(h, sizeof(h)),
                                        .expires_at = { now.v + 5000 } };
        TRY(sut_link_token_add(c, &l, now));
    }
    return SUT_OK;
}

static void what_expired_a_day_ago_is_pruned(void **state)
{
    struct fixture *f = fixture_of(state);
    int64_t ada = person(f, "prune@x.org");
    struct sut_link_row row;
    const int64_t day = INT64_C(86400000);
    OK(sut_store_write_alone(f->store, fill, &ada));
    assert_int_equal(added(f, SUT_LINK_RESET, ada, 'r', "", 2 * day), SUT_E_OK);
    const int64_t before = count(f);
    OK(sut_link_token_prune(f->store, (sut_ms){ now.v + 5000 }));
    assert_true(count(f) == before);
    OK(sut_link_token_prune(f->store, (sut_ms){ now.v + day + 5001 }));
    assert_true(count(f) == 1);
    assert_int_equal(found(f, SUT_LINK_RESET, 'r', day, &row), SUT_E_OK);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(is_found_while_it_lives_and_taken_once, &f),
        cmocka_unit_test_prestate(no_purpose_passes_for_another, &f),
        cmocka_unit_test_prestate(its_data_is_sealed_in_its_place, &f),
        cmocka_unit_test_prestate(data_of_another_row_does_not_open, &f),
        cmocka_unit_test_prestate(a_challenge_may_be_nobodys, &f),
        cmocka_unit_test_prestate(wrong_tries_are_counted_and_the_last_takes_it_away, &f),
        cmocka_unit_test_prestate(those_of_one_purpose_and_person_are_forgotten, &f),
        cmocka_unit_test_prestate(a_hash_is_whole_and_of_one_row, &f),
        cmocka_unit_test_prestate(of_twenty_at_once_one_gets_it, &f),
        cmocka_unit_test_prestate(what_expired_a_day_ago_is_pruned, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void) close_store(&state);
    return failed;
}
