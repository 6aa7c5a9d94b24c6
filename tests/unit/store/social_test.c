/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/personal.h"
#include "store/social_picture.h"
#include "store_fixture.h"
#include "store_person.h"

static const struct sut_sql look_raw = {
    .name = "test_look_raw",
    .text = "SELECT subject, picture, last_used_at, created_at FROM social_links"
            " WHERE person_id = $1",
};
static const struct sut_sql count_links = {
    .name = "test_count_links",
    .text = "SELECT COUNT(*) FROM social_links",
};
static const struct sut_sql swap_index = {
    .name = "test_swap_index",
    .text = "UPDATE social_links SET subject_index = 'x' || subject_index WHERE person_id = $1",
};
static const struct sut_sql take_index = {
    .name = "test_take_index",
    .text = "UPDATE social_links SET subject_index = (SELECT SUBSTR(o.subject_index, 2)"
            " FROM social_links o WHERE o.person_id = $1) WHERE person_id = $2",
};
static const struct sut_sql drop_key = {
    .name = "test_drop_key",
    .text = "UPDATE data_keys SET wrapped = $2 WHERE person_id = $1",
};
static const struct sut_sql drop_person = {
    .name = "test_drop_person",
    .text = "DELETE FROM users WHERE id = $1",
};

struct putting {
    struct sut_arena *a;
    int64_t person;
    enum sut_provider p;
    sut_str subject;
    sut_str picture;
    sut_ms at;
};

static SUT_ERR put_job(struct sut_db_conn *c, void *arg)
{
    const struct putting *p = arg;
    return sut_social_put(c, p->a, p->person, p->p, p->subject, p->picture, p->at);
}

static enum sut_ecode put(struct fixture *f, int64_t who, enum sut_provider p, const char *subject,
                          const char *picture)
{
    struct putting job = { .a = f->arena,
                           .person = who,
                           .p = p,
                           .subject = sut_str_from(subject),
                           .picture = sut_str_from(picture),
                           .at = { now.v + (picture[0] == '\0' ? 0 : 5) } };
    return sut_store_write(f->store, put_job, &job).code;
}

static SUT_ERR remove_job(struct sut_db_conn *c, void *arg)
{
    const struct putting *p = arg;
    return sut_social_remove(c, p->person, p->p);
}

/* 0: nobody. */
static int64_t find(struct fixture *f, enum sut_provider p, const char *subject)
{
    int64_t id = 0;
    const sut_err e = sut_social_find(f->reader, f->arena, p, sut_str_from(subject), &id);
    assert_true(!sut_failed(e) || e.code == SUT_E_NOT_FOUND);
    return sut_failed(e) ? 0 : id;
}

struct change {
    const struct sut_sql *sql;
    int64_t first;
    int64_t second;
};

static SUT_ERR change_job(struct sut_db_conn *c, void *arg)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    const struct change *h = arg;
    bool has_row = false;
    TRY(sut_db_prepare(c, h->sql, &s));
    sut_db_bind_i64(s, 1, h->first);
    if (h->sql == &drop_key)
        sut_db_bind_blob(s, 2, SUT_STR("gone"));
    else if (h->second != 0)
        sut_db_bind_i64(s, 2, h->second);
    return sut_db_step(s, &has_row);
}

static void change(struct fixture *f, const struct sut_sql *sql, int64_t first, int64_t second)
{
    struct change h = { .sql = sql, .first = first, .second = second };
    OK(sut_store_write(f->store, change_job, &h));
}

static int64_t number(struct fixture *f, const struct sut_sql *sql)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(f->reader, sql, &s));
    OK(sut_db_step(s, &has_row));
    return sut_db_col_i64(s, 0);
}

static void a_subject_of_a_provider_opens_one_account(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ana = person(f, "ana@example.com");
    const int64_t ben = person(f, "ben@example.com");
    assert_int_equal(find(f, SUT_PROVIDER_GOOGLE, "42"), 0);
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, "42", ""), SUT_E_OK);
    assert_int_equal(find(f, SUT_PROVIDER_GOOGLE, "42"), ana);
    /* The same number at another provider is somebody else. */
    assert_int_equal(find(f, SUT_PROVIDER_FACEBOOK, "42"), 0);
    assert_int_equal(put(f, ben, SUT_PROVIDER_FACEBOOK, "42", ""), SUT_E_OK);
    assert_int_equal(find(f, SUT_PROVIDER_FACEBOOK, "42"), ben);
    assert_int_equal(put(f, ana, SUT_PROVIDER_FACEBOOK, "43", ""), SUT_E_OK);
    assert_int_equal(find(f, SUT_PROVIDER_FACEBOOK, "4"), 0);
    assert_int_equal(find(f, SUT_PROVIDER_GOOGLE, "42 "), 0);
    assert_int_equal(number(f, &count_links), 3);
}

static void neither_side_has_a_second_link(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ana = person(f, "ana@example.com");
    const int64_t ben = person(f, "ben@example.com");
    bool has = false;
    OK(sut_social_has(f->reader, ana, SUT_PROVIDER_GOOGLE, &has));
    assert_false(has);
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, "42", ""), SUT_E_OK);
    assert_int_equal(put(f, ben, SUT_PROVIDER_GOOGLE, "42", ""), SUT_E_EXISTS);
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, "43", ""), SUT_E_EXISTS);
    assert_int_equal(find(f, SUT_PROVIDER_GOOGLE, "42"), ana);
    assert_int_equal(find(f, SUT_PROVIDER_GOOGLE, "43"), 0);
    OK(sut_social_has(f->reader, ana, SUT_PROVIDER_GOOGLE, &has));
    assert_true(has);
    OK(sut_social_has(f->reader, ana, SUT_PROVIDER_FACEBOOK, &has));
    assert_false(has);
    /* And it was not spoilt. */
    assert_int_equal(put(f, ben, SUT_PROVIDER_GOOGLE, "43", ""), SUT_E_OK);
}

/* --- the pictures that are to be fetched --- */

struct claiming {
    struct sut_arena *a;
    sut_ms now;
    sut_ms until;
    struct sut_social_picture row;
    int64_t link;
};

static SUT_ERR claim_job(struct sut_db_conn *c, void *arg)
{
    struct claiming *x = arg;
    return sut_social_picture_claim(c, x->a, x->now, x->until, &x->row);
}

static SUT_ERR forget_job(struct sut_db_conn *c, void *arg)
{
    const struct claiming *x = arg;
    return sut_social_picture_forget(c, x->link);
}

static SUT_ERR later_job(struct sut_db_conn *c, void *arg)
{
    const struct claiming *x = arg;
    return sut_social_picture_later(c, x->link, x->until);
}

/* At now + at_ms, for a minute: the number of tries, or 0: none is due. */
static int64_t claim(struct fixture *f, int64_t at_ms, struct claiming *x)
{
    *x = (struct claiming){ .a = f->arena,
                            .now = { now.v + at_ms },
                            .until = { now.v + at_ms + 60000 } };
    const sut_err e = sut_store_write(f->store, claim_job, x);
    assert_true(!sut_failed(e) || e.code == SUT_E_NOT_FOUND);
    x->link = x->row.link;
    return sut_failed(e) ? 0 : x->row.tries;
}

static void a_picture_is_claimed_by_one_and_is_due_again_later(void **state)
{
    struct fixture *f = fixture_of(state);
    struct claiming x;
    const int64_t ana = person(f, "ana@example.com");
    assert_int_equal(claim(f, 0, &x), 0);
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, "4200042", "https://pic.example/1"),
                     SUT_E_OK);
    assert_int_equal(claim(f, 10, &x), 1);
    assert_int_equal(x.row.person, ana);
    sut_str url = { 0 };
    OK(sut_social_picture_url(f->reader, f->arena, &x.row, &url));
    assert_true(sut_str_is(url, "https://pic.example/1"));
    /* It is somebody's for a minute; who has died with it is followed by another. */
    struct claiming other;
    assert_int_equal(claim(f, 59000, &other), 0);
    assert_int_equal(claim(f, 60010, &other), 2);
    x.until.v = now.v + 600000;
    OK(sut_store_write(f->store, later_job, &x));
    assert_int_equal(claim(f, 599999, &other), 0);
    assert_int_equal(claim(f, 600000, &other), 3);
    OK(sut_store_write(f->store, forget_job, &x));
    assert_int_equal(claim(f, 10000000, &other), 0);
}

static void a_picture_that_was_fetched_is_not_noted_again(void **state)
{
    struct fixture *f = fixture_of(state);
    struct claiming x;
    const int64_t ana = person(f, "ana@example.com");
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, "4200042", "https://pic.example/1"),
                     SUT_E_OK);
    /* While it waits another address takes its place. */
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, "4200042", "https://pic.example/2"),
                     SUT_E_OK);
    assert_int_equal(claim(f, 10, &x), 1);
    sut_str url = { 0 };
    OK(sut_social_picture_url(f->reader, f->arena, &x.row, &url));
    assert_true(sut_str_is(url, "https://pic.example/2"));
    OK(sut_store_write(f->store, forget_job, &x));
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, "4200042", "https://pic.example/3"),
                     SUT_E_OK);
    assert_int_equal(claim(f, 10000000, &x), 0);
    /* Of another provider it is another one. */
    assert_int_equal(put(f, ana, SUT_PROVIDER_FACEBOOK, "77", "https://pic.example/4"), SUT_E_OK);
    assert_int_equal(claim(f, 10000000, &x), 1);
}

static void a_second_use_is_noted_with_its_picture(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ana = person(f, "ana@example.com");
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, "4200042", ""), SUT_E_OK);
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, "4200042", "https://pic.example/1"),
                     SUT_E_OK);
    assert_int_equal(number(f, &count_links), 1);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(f->reader, &look_raw, &s));
    sut_db_bind_i64(s, 1, ana);
    OK(sut_db_step(s, &has_row));
    assert_true(has_row);
    const sut_str subject = sut_db_col_blob(s, 0);
    const sut_str picture = sut_db_col_blob(s, 1);
    /* What lies there tells nothing. */
    assert_true(subject.n == 7 + SUT_SEAL_OVERHEAD &&
                memmem(subject.p, subject.n, "42000", 5) == NULL);
    assert_true(picture.n > 0 && memmem(picture.p, picture.n, "https", 5) == NULL);
    assert_int_equal(sut_db_col_i64(s, 2), now.v + 5);
    assert_int_equal(sut_db_col_i64(s, 3), now.v);
}

static void an_index_that_was_moved_opens_nobody(void **state)
{
    struct fixture *f = fixture_of(state);
    int64_t id = 0;
    const int64_t ana = person(f, "ana@example.com");
    const int64_t eve = person(f, "eve@example.com");
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, "42", ""), SUT_E_OK);
    assert_int_equal(put(f, eve, SUT_PROVIDER_GOOGLE, "666", ""), SUT_E_OK);
    /* Eve's number now leads to Ana's row. */
    change(f, &swap_index, eve, 0);
    change(f, &take_index, eve, ana);
    assert_int_equal(
        sut_social_find(f->reader, f->arena, SUT_PROVIDER_GOOGLE, SUT_STR("666"), &id).code,
        SUT_E_DENIED);
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, "666", ""), SUT_E_DENIED);
    assert_int_equal(id, 0);
}

static void what_does_not_open_any_more_is_lost(void **state)
{
    struct fixture *f = fixture_of(state);
    int64_t id = 0;
    const int64_t ana = person(f, "ana@example.com");
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, "42", ""), SUT_E_OK);
    change(f, &drop_key, ana, 0);
    sut_store_return(f->store, &f->reader);
    assert_true(temp_store_reopen(f->temp));
    f->store = temp_store_of(f->temp);
    OK(sut_store_lease(f->store, &f->reader));
    assert_int_equal(
        sut_social_find(f->reader, f->arena, SUT_PROVIDER_GOOGLE, SUT_STR("42"), &id).code,
        SUT_E_CORRUPT);
}

static void a_link_goes_alone_or_with_its_person(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ana = person(f, "ana@example.com");
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, "42", ""), SUT_E_OK);
    assert_int_equal(put(f, ana, SUT_PROVIDER_FACEBOOK, "42", ""), SUT_E_OK);
    struct putting job = { .person = ana, .p = SUT_PROVIDER_GOOGLE };
    OK(sut_store_write(f->store, remove_job, &job));
    OK(sut_store_write(f->store, remove_job, &job));
    assert_int_equal(find(f, SUT_PROVIDER_GOOGLE, "42"), 0);
    assert_int_equal(find(f, SUT_PROVIDER_FACEBOOK, "42"), ana);
    change(f, &drop_person, ana, 0);
    assert_int_equal(find(f, SUT_PROVIDER_FACEBOOK, "42"), 0);
    assert_int_equal(number(f, &count_links), 0);
}

static void what_can_be_no_subject_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    char longest[SUT_SOCIAL_SUBJECT_MAX + 2];
    const int64_t ana = person(f, "ana@example.com");
    memset(longest, '1', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, longest, ""), SUT_E_INVALID);
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, "", ""), SUT_E_INVALID);
    assert_int_equal(put(f, ana, SUT_PROVIDER_GOOGLE, longest + 1, ""), SUT_E_OK);
    assert_int_equal(find(f, SUT_PROVIDER_GOOGLE, longest + 1), ana);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
#define T(name_) cmocka_unit_test_prestate_setup_teardown(name_, open_store, close_store, &f)
    const struct CMUnitTest tests[] = {
        T(a_subject_of_a_provider_opens_one_account),
        T(neither_side_has_a_second_link),
        T(a_picture_is_claimed_by_one_and_is_due_again_later),
        T(a_picture_that_was_fetched_is_not_noted_again),
        T(a_second_use_is_noted_with_its_picture),
        T(an_index_that_was_moved_opens_nobody),
        T(what_does_not_open_any_more_is_lost),
        T(a_link_goes_alone_or_with_its_person),
        T(what_can_be_no_subject_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
