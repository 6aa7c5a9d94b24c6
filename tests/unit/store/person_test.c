/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/person.h"
#include "store/person_ids.h"
#include "store_fixture.h"

static struct sut_person_new person(const char *email, const char *username)
{
    return (struct sut_person_new){
        .email = sut_str_from(email),
        .username = sut_str_from(username),
        .first_name = SUT_STR("Sarah"),
        .last_name = SUT_STR("\xc3\x89lan"),
        .phone = SUT_STR("0215550123"),
        .password = SUT_STR("!none"),
        .is_active = true,
    };
}

/* A job that makes one person. */
struct making {
    struct sut_arena *a;
    struct sut_person_new p;
    int64_t id;
};

static SUT_ERR make(struct sut_db_conn *c, void *arg)
{
    struct making *m = arg;
    return sut_person_insert(c, m->a, &m->p, now, &m->id);
}

static int64_t made(struct fixture *f, const char *email, const char *username)
{
    struct making m = { .a = f->arena, .p = person(email, username) };
    OK(sut_store_write(f->store, make, &m));
    assert_true(m.id > 0);
    return m.id;
}

/* A job of one change, chosen by `what`. */
struct change {
    struct sut_arena *a;
    int64_t id;
    enum what { PROFILE, PASSWORD, LOGIN, ACTIVE, ROLE, VERIFIED, REVOKED, GROUP, EMAIL } what;
    struct sut_person_change profile;
    sut_str was;
    sut_str text;
    bool on;
    sut_ms at;
};

static SUT_ERR apply(struct sut_db_conn *c, void *arg)
{
    struct change *k = arg;
    switch (k->what) {
    case PROFILE:
        return sut_person_set_profile(c, k->a, k->id, &k->profile, k->id, k->at);
    case PASSWORD:
        return sut_person_set_password(c, k->id, k->was, k->text, 7, k->at);
    case LOGIN:
        return sut_person_set_last_login(c, k->id, k->at);
    case ACTIVE:
        return sut_person_set_active(c, k->id, k->on, 0, k->at);
    case ROLE:
        return sut_person_set_role(c, k->id, k->on, !k->on, 0, k->at);
    case VERIFIED:
        return sut_person_set_email_verified(c, k->id, k->at);
    case REVOKED:
        return sut_person_set_tokens_revoked(c, k->id, k->at);
    case GROUP:
        return sut_person_set_group(c, k->id, k->text, k->on);
    case EMAIL:
        return sut_person_set_email(c, k->a, k->id, k->text, k->on, 7, k->at);
    }
    FAIL(SYSTEM);
}

static enum sut_ecode applied(struct fixture *f, struct change k)
{
    k.a = f->arena;
    if (k.at.v == 0)
        k.at.v = now.v + 5;
    return sut_store_write(f->store, apply, &k).code;
}

static struct sut_person_row row_of(struct fixture *f, int64_t id)
{
    struct sut_person_row row;
    OK(sut_person_by_id(f->reader, f->arena, id, &row));
    return row;
}

static void a_row_reads_back_as_it_was_written(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = made(f, "Sarah@Example.com", "sarah");
    const struct sut_person_row p = row_of(f, id);
    assert_true(sut_str_is(p.email, "Sarah@Example.com"));
    assert_true(sut_str_is(p.username, "sarah"));
    assert_true(sut_str_is(p.last_name, "\xc3\x89lan"));
    assert_true(sut_str_is(p.phone, "0215550123"));
    assert_null(p.tax_number.p);
    assert_true(p.is_active && !p.is_staff && !p.is_superuser && !p.email_verified);
    assert_true(p.date_joined.v == now.v && p.created_at.v == now.v && p.last_login.v == 0);
}

static void an_address_is_taken_whatever_its_case(void **state)
{
    struct fixture *f = fixture_of(state);
    struct making m = { .a = f->arena, .p = person("SARAH@example.COM", "another") };
    bool taken = false;
    assert_int_equal(sut_store_write(f->store, make, &m).code, SUT_E_EXISTS);
    OK(sut_person_email_taken(f->reader, f->arena, SUT_STR("sarah@EXAMPLE.com"), &taken));
    assert_true(taken);
    OK(sut_person_email_taken(f->reader, f->arena, SUT_STR("sara@example.com"), &taken));
    assert_false(taken);
}

static void a_user_name_is_taken_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct making m = { .a = f->arena, .p = person("other@example.com", "sarah") };
    bool taken = false;
    assert_int_equal(sut_store_write(f->store, make, &m).code, SUT_E_EXISTS);
    OK(sut_person_username_taken(f->reader, SUT_STR("sarah"), &taken));
    assert_true(taken);
    OK(sut_person_username_taken(f->reader, SUT_STR("Sarah"), &taken));
    assert_false(taken);
}

static void people_are_found_by_address(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_person_row p;
    OK(sut_person_by_email(f->reader, f->arena, SUT_STR("sArah@exaMple.com"), &p));
    assert_true(sut_str_is(p.username, "sarah"));
    assert_int_equal(sut_person_by_email(f->reader, f->arena, SUT_STR("' OR 1=1"), &p).code,
                     SUT_E_NOT_FOUND);
    assert_int_equal(sut_person_by_id(f->reader, f->arena, 999999, &p).code, SUT_E_NOT_FOUND);
}

static void a_profile_changes_only_where_it_is_told(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = made(f, "p@example.com", "p");
    struct change k = { .id = id, .what = PROFILE };
    k.profile = (struct sut_person_change){ .has_first_name = true, .first_name = SUT_STR("Ana") };
    assert_int_equal(applied(f, k), SUT_E_OK);
    struct sut_person_row p = row_of(f, id);
    assert_true(sut_str_is(p.first_name, "Ana") && sut_str_is(p.last_name, "\xc3\x89lan"));
    assert_true(sut_str_is(p.phone, "0215550123"));
    assert_true(p.modified_at.v == now.v + 5 && p.created_at.v == now.v);

    k.profile = (struct sut_person_change){ .has_phone = true,
                                            .has_tax_number = true,
                                            .tax_number = SUT_STR("T1"),
                                            .has_last_name = true,
                                            .last_name = SUT_STR("") };
    assert_int_equal(applied(f, k), SUT_E_OK);
    p = row_of(f, id);
    assert_null(p.phone.p);
    assert_true(sut_str_is(p.tax_number, "T1"));
    assert_int_equal(p.last_name.n, 0);
    assert_non_null(p.last_name.p);
    k.id = 999999;
    assert_int_equal(applied(f, k), SUT_E_NOT_FOUND);
}

static enum sut_ecode email_put(struct fixture *f, int64_t id, const char *email, bool is_verified)
{
    return applied(
        f,
        (struct change){ .id = id, .what = EMAIL, .text = sut_str_from(email), .on = is_verified });
}

static int64_t id_of(struct fixture *f, const char *email)
{
    struct sut_person_account p;
    const sut_err e = sut_person_account_by_email(f->reader, f->arena, sut_str_from(email), &p);
    return e.code == SUT_E_NOT_FOUND ? 0 : p.id;
}

static void an_address_is_changed_and_found_by_the_new_one(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = made(f, "before@example.com", "mover");
    const int64_t other = made(f, "held@example.com", "holder");
    assert_int_equal(email_put(f, id, "After@Example.com", true), SUT_E_OK);
    const struct sut_person_row p = row_of(f, id);
    assert_true(sut_str_is(p.email, "After@Example.com") && p.email_verified);
    assert_true(sut_str_is(p.username, "mover") && sut_str_is(p.phone, "0215550123"));
    assert_true(p.modified_at.v == now.v + 5);
    assert_true(id_of(f, "after@example.com") == id && id_of(f, "before@example.com") == 0);
    /* The former one is free, and nobody else's can be had in any spelling. */
    assert_int_equal(email_put(f, id, "HELD@example.com", true), SUT_E_EXISTS);
    assert_true(id_of(f, "after@example.com") == id && id_of(f, "held@example.com") == other);
    assert_int_equal(email_put(f, other, "before@example.com", false), SUT_E_OK);
    assert_false(row_of(f, other).email_verified);
    /* One's own in another spelling is no change. */
    assert_int_equal(email_put(f, id, "after@example.com", false), SUT_E_OK);
    assert_false(row_of(f, id).email_verified);
    assert_int_equal(email_put(f, 999999, "x@example.com", true), SUT_E_NOT_FOUND);
}

static void somebody_is_chosen_from_all_by_chance(void **state)
{
    struct fixture *f = fixture_of(state);
    int64_t first = 0;
    int64_t last = 0;
    struct sut_person_account p;
    OK(sut_person_any(f->reader, 0, &first));
    OK(sut_person_any(f->reader, 1048575, &last));
    assert_true(first < last);
    for (int64_t i = 0; i < 1048576; i += 65536) {
        int64_t id = 0;
        OK(sut_person_any(f->reader, i, &id));
        assert_true(id >= first && id <= last);
        OK(sut_person_account(f->reader, f->arena, id, &p));
    }
    assert_int_equal(sut_person_any(f->reader, 1048576, &first).code, SUT_E_INVALID);
    assert_int_equal(sut_person_any(f->reader, -1, &first).code, SUT_E_INVALID);
}

static void a_password_is_changed_only_from_the_one_that_was_seen(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = made(f, "pw@example.com", "pw");
    struct change k = {
        .id = id, .what = PASSWORD, .was = SUT_STR("!other"), .text = SUT_STR("new")
    };
    assert_int_equal(applied(f, k), SUT_E_EXISTS);
    assert_true(sut_str_is(row_of(f, id).password, "!none"));
    k.was = SUT_STR("!none");
    assert_int_equal(applied(f, k), SUT_E_OK);
    k.was = (sut_str){ 0 };
    k.text = SUT_STR("newer");
    assert_int_equal(applied(f, k), SUT_E_OK);
    assert_true(sut_str_is(row_of(f, id).password, "newer"));
    k.id = 999999;
    assert_int_equal(applied(f, k), SUT_E_NOT_FOUND);
}

static void rights_and_times_are_set(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = made(f, "r@example.com", "r");
    assert_int_equal(applied(f, (struct change){ .id = id, .what = ROLE, .on = true }), SUT_E_OK);
    assert_true(row_of(f, id).is_staff && !row_of(f, id).is_superuser);
    assert_int_equal(applied(f, (struct change){ .id = id, .what = ACTIVE }), SUT_E_OK);
    assert_false(row_of(f, id).is_active);
    assert_int_equal(applied(f, (struct change){ .id = id, .what = VERIFIED }), SUT_E_OK);
    assert_true(row_of(f, id).email_verified);
    assert_int_equal(applied(f, (struct change){ .id = id, .what = LOGIN }), SUT_E_OK);
    assert_true(row_of(f, id).last_login.v == now.v + 5);
    for (enum what what = LOGIN; what <= REVOKED; what++)
        assert_int_equal(applied(f, (struct change){ .id = 999999, .what = what }),
                         SUT_E_NOT_FOUND);
}

static void groups_are_joined_and_left(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = made(f, "g@example.com", "g");
    const sut_str group = SUT_STR("Product Managers");
    sut_str *names = NULL;
    size_t n = 0;
    bool in = true;
    OK(sut_person_groups(f->reader, f->arena, id, &names, &n));
    assert_int_equal(n, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            applied(f, (struct change){ .id = id, .what = GROUP, .text = group, .on = true }),
            SUT_E_OK);
    OK(sut_person_groups(f->reader, f->arena, id, &names, &n));
    assert_int_equal(n, 1);
    assert_true(sut_str_eq(names[0], group));
    OK(sut_person_in_group(f->reader, id, group, &in));
    assert_true(in);
    assert_int_equal(applied(f, (struct change){ .id = id, .what = GROUP, .text = group }),
                     SUT_E_OK);
    OK(sut_person_in_group(f->reader, id, group, &in));
    assert_false(in);
    assert_int_equal(
        applied(f,
                (struct change){ .id = id, .what = GROUP, .text = SUT_STR("Nobody"), .on = true }),
        SUT_E_NOT_FOUND);
}

static size_t found(struct fixture *f, const char *search, size_t limit, size_t offset,
                    int64_t *ret_count, struct sut_person_row **ret)
{
    const struct sut_person_query q = { .search = sut_str_from(search),
                                        .limit = limit,
                                        .offset = offset };
    size_t n = 0;
    OK(sut_person_list(f->reader, f->arena, &q, ret, &n, ret_count));
    return n;
}

static void lists_are_paged_and_counted(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_person_row *rows = NULL;
    int64_t all = 0;
    int64_t count = 0;
    OK(sut_person_count(f->reader, &all));
    assert_true(all >= 5);
    assert_int_equal(found(f, "", 2, 1, &count, &rows), 2);
    assert_true(count == all);
    assert_true(rows[0].id < rows[1].id);
    const int64_t second = rows[0].id;
    assert_int_equal(found(f, "", 1000, 0, &count, &rows), (size_t) all);
    assert_true(rows[1].id == second);
    assert_int_equal(found(f, "", 10, 100000, &count, &rows), 0);
    assert_true(count == all);
}

static void search_is_exact_on_each_of_its_fields(void **state)
{
    struct fixture *f = fixture_of(state);
    struct making m = { .a = f->arena, .p = person("zoe@example.com", "zoe") };
    m.p.first_name = SUT_STR("zoe");
    m.p.last_name = SUT_STR("ZO\xc3\x8b");
    m.p.phone = SUT_STR("999000111");
    OK(sut_store_write(f->store, make, &m));
    static const char *const hits[] = { "ZOE@Example.com", "zoe", "999000111", "Zoe",
                                        "zo\xc3\xab" };
    struct sut_person_row *rows = NULL;
    int64_t count = 0;
    for (size_t i = 0; i < sizeof(hits) / sizeof(hits[0]); i++) {
        assert_int_equal(found(f, hits[i], 10, 0, &count, &rows), 1);
        assert_true(count == 1 && rows[0].id == m.id);
    }
    static const char *const misses[] = {
        "zo", "zoe@example", "99900011", "%", "_oe", "' OR '1'='1", "zoe'; DROP TABLE users; --"
    };
    for (size_t i = 0; i < sizeof(misses) / sizeof(misses[0]); i++) {
        assert_int_equal(found(f, misses[i], 10, 0, &count, &rows), 0);
        assert_true(count == 0);
    }
    const struct sut_person_query too_many = { .limit = 1001 };
    size_t n = 0;
    assert_int_equal(sut_person_list(f->reader, f->arena, &too_many, &rows, &n, &count).code,
                     SUT_E_INVALID);
}

static SUT_ERR tally(void *ctx, int64_t user_id, sut_ms at)
{
    int64_t *sum = ctx;
    *sum += user_id * 1000 + (at.v - now.v);
    return SUT_OK;
}

static void revocations_are_told_from_a_moment_on(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t a = made(f, "ra@example.com", "ra");
    const int64_t b = made(f, "rb@example.com", "rb");
    assert_int_equal(applied(f, (struct change){ .id = a, .what = REVOKED, .at = { now.v + 10 } }),
                     SUT_E_OK);
    assert_int_equal(applied(f, (struct change){ .id = b, .what = REVOKED, .at = { now.v + 20 } }),
                     SUT_E_OK);
    int64_t sum = 0;
    OK(sut_person_each_revoked(f->reader, (sut_ms){ now.v + 9 }, tally, &sum));
    assert_true(sum == a * 1000 + 10 + b * 1000 + 20);
    sum = 0;
    OK(sut_person_each_revoked(f->reader, (sut_ms){ now.v + 10 }, tally, &sum));
    assert_true(sum == b * 1000 + 20);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(a_row_reads_back_as_it_was_written, &f),
        cmocka_unit_test_prestate(an_address_is_taken_whatever_its_case, &f),
        cmocka_unit_test_prestate(a_user_name_is_taken_once, &f),
        cmocka_unit_test_prestate(people_are_found_by_address, &f),
        cmocka_unit_test_prestate(a_profile_changes_only_where_it_is_told, &f),
        cmocka_unit_test_prestate(an_address_is_changed_and_found_by_the_new_one, &f),
        cmocka_unit_test_prestate(somebody_is_chosen_from_all_by_chance, &f),
        cmocka_unit_test_prestate(a_password_is_changed_only_from_the_one_that_was_seen, &f),
        cmocka_unit_test_prestate(rights_and_times_are_set, &f),
        cmocka_unit_test_prestate(groups_are_joined_and_left, &f),
        cmocka_unit_test_prestate(lists_are_paged_and_counted, &f),
        cmocka_unit_test_prestate(search_is_exact_on_each_of_its_fields, &f),
        cmocka_unit_test_prestate(revocations_are_told_from_a_moment_on, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void) close_store(&state);
    return failed;
}
