/* SPDX-License-Identifier: Apache-2.0
 *
 * Searches over both databases: what they are asked, what they find, in which order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "codec/utf8.h"
#include "store/catalogue_list.h"
#include "store/migrate.h"
#include "store/product.h"
#include "store/search.h"
#include "store_fixture.h"

enum { PRODUCTS = 60, CROWD = 2206, OLD = 1203, OLD_SCHEMA = 7 };

/* --- questions --- */

static const char *question(enum sut_db_kind kind, const struct sut_search *s,
                            enum sut_search_part part)
{
    static char room[SUT_SEARCH_TEXT_MAX + 1];
    struct sut_buf b;
    sut_buf_init(&b, SUT_SEARCH_TEXT_MAX);
    OK(sut_search_text(kind, s, part, &b));
    memcpy(room, b.p, b.n);
    room[b.n] = '\0';
    sut_buf_done(&b);
    return room;
}

static void a_question_is_told_in_each_databases_words(void **state)
{
    (void) state;
    const sut_str terms[] = { SUT_STR_INIT("navy"), SUT_STR_INIT("dr") };
    const int64_t some[] = { 7, 12 };
    struct sut_search s = { .terms = terms, .n_terms = 2 };
    assert_string_equal(question(SUT_DB_SQLITE, &s, SUT_SEARCH_ALL),
                        "((\"anavy\" * AND \"adr\" *)) NOT (\"h\")");
    assert_string_equal(question(SUT_DB_POSTGRES, &s, SUT_SEARCH_ALL),
                        "(('anavy':* & 'adr':*)) & !('h')");
    assert_string_equal(question(SUT_DB_POSTGRES, &s, SUT_SEARCH_NAMED),
                        "(('nnavy':* & 'ndr':*)) & !('h')");
    assert_string_equal(question(SUT_DB_SQLITE, &s, SUT_SEARCH_OTHERS),
                        "((\"anavy\" * AND \"adr\" *)) NOT (\"nnavy\" * AND \"ndr\" *)"
                        " NOT (\"h\")");
    s = (struct sut_search){ .terms = terms,
                             .n_terms = 1,
                             .has_skus = true,
                             .has_hidden = true,
                             .in = some,
                             .n_in = 2,
                             .not_in = some,
                             .n_not_in = 1,
                             .coverage = 3 };
    assert_string_equal(question(SUT_DB_POSTGRES, &s, SUT_SEARCH_ALL),
                        "((('anavy':* | 'snavy':*)) & ('c7' | 'c12') & 'l3') & !('c7')");
}

static void nothing_that_means_something_gets_through(void **state)
{
    (void) state;
    static const char hostile[] = "\"'*^:()&|!<->-+{}\\%_ \nNEAR OR\x7f\xc3\xa9\x01";
    const sut_str terms[] = { sut_str_of(hostile, sizeof(hostile) - 1) };
    const struct sut_search s = { .terms = terms, .n_terms = 1, .has_hidden = true };
    const char *text = question(SUT_DB_SQLITE, &s, SUT_SEARCH_ALL);
    assert_int_equal(strspn(text + 4, "abcdefghijklmnopqrstuvwxyz0123456789_"),
                     strlen(text) -
                         strlen("((\""
                                "\" *))") -
                         1);
}

static void a_question_has_its_bounds(void **state)
{
    (void) state;
    static int64_t many[8192];
    const sut_str terms[] = { SUT_STR_INIT("a"), SUT_STR_INIT("") };
    struct sut_buf b;
    sut_buf_init(&b, SUT_SEARCH_TEXT_MAX);
    struct sut_search s = { .terms = terms, .n_terms = 2 };
    assert_int_equal(sut_search_text(SUT_DB_SQLITE, &s, SUT_SEARCH_ALL, &b).code, SUT_E_INVALID);
    s.n_terms = 0;
    assert_int_equal(sut_search_text(SUT_DB_SQLITE, &s, SUT_SEARCH_ALL, &b).code, SUT_E_INVALID);
    s = (struct sut_search){ .terms = terms, .n_terms = 1, .in = many, .n_in = 8192 };
    assert_int_equal(sut_search_text(SUT_DB_SQLITE, &s, SUT_SEARCH_ALL, &b).code, SUT_E_TOO_LARGE);
    sut_buf_done(&b);
}

/* --- what is found --- */

static void run(struct fixture *f, sut_store_job *job, void *arg)
{
    OK(sut_store_write(f->store, job, arg));
}

struct adding {
    struct sut_product_data p;
    const char *sku;
    int64_t id;
};

static SUT_ERR add_job(struct sut_db_conn *c, void *arg)
{
    struct adding *a = arg;
    const struct sut_variant_data v = { .name = SUT_STR("M"),
                                        .sku = sut_str_from(a->sku == NULL ? "" : a->sku),
                                        .color = SUT_STR("black"),
                                        .price_cents = -1,
                                        .is_active = true };
    int64_t version = 0;
    return sut_product_insert(c, &a->p, &v, a->sku == NULL ? 0 : 1, now, &a->id, &version);
}

static SUT_ERR put_job(struct sut_db_conn *c, void *arg)
{
    struct adding *a = arg;
    int64_t version = 0;
    return sut_product_update(c, a->id, &a->p, now, &version);
}

struct categories {
    int64_t id[2];
};

static SUT_ERR categories_job(struct sut_db_conn *c, void *arg)
{
    struct categories *k = arg;
    static const char *const names[] = { "one", "two" };
    for (int i = 0; i < 2; i++) {
        const struct sut_category_data d = { .name = sut_str_from(names[i]),
                                             .slug = sut_str_from(names[i]),
                                             .description = SUT_STR("") };
        int64_t version = 0;
        TRY(sut_category_insert(c, &d, now, &k->id[i], &version));
    }
    return SUT_OK;
}

static struct adding product(struct fixture *f, int64_t category, const char *name,
                             const char *description, const char *sku)
{
    static int made;
    char *slug = sut_arena_bytes(f->arena, 32);
    assert_non_null(slug);
    (void) snprintf(slug, 32, "p-%d", made++);
    struct adding a = { .p = { .name = sut_str_from(name),
                               .slug = sut_str_from(slug),
                               .description = sut_str_from(description),
                               .category_id = category,
                               .price_cents = 100,
                               .is_active = true,
                               .date_added = now },
                        .sku = sku };
    run(f, add_job, &a);
    return a;
}

/* The ids that a search of these words shows, and how many it counts. */
static size_t found(struct fixture *f, const char *text, const char *category, int64_t min_cents,
                    int64_t limit, int64_t offset, int64_t *ids)
{
    struct sut_catalogue_filter filter;
    struct sut_product_ref refs[SUT_CATALOGUE_PAGE_MAX];
    sut_str *words = NULL;
    size_t n = 0;
    int64_t count = 0;
    sut_catalogue_filter_init(&filter);
    OK(sut_utf8_terms(f->arena, sut_str_from(text), SUT_CATALOGUE_TERMS_MAX, &words, &n));
    for (size_t i = 0; i < n; i++)
        filter.terms[filter.n_terms++] = words[i];
    filter.order = SUT_CATALOGUE_RANKED;
    filter.category = sut_str_from(category);
    filter.min_cents = min_cents;
    filter.limit = limit;
    filter.offset = offset;
    OK(sut_catalogue_list(f->reader, &filter, refs, &n));
    OK(sut_catalogue_count(f->reader, &filter, &count));
    for (size_t i = 0; i < n; i++)
        ids[i] = refs[i].id;
    assert_true(n == (size_t) limit || (int64_t) n + offset == count || n == 0);
    return (size_t) count;
}

static bool finds(struct fixture *f, const char *text, int64_t id)
{
    int64_t ids[100];
    const size_t n = found(f, text, "", 0, 100, 0, ids);
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static void names_come_first_and_then_the_last_made(void **state)
{
    struct fixture *f = fixture_of(state);
    struct categories k;
    int64_t ids[SUT_CATALOGUE_PAGE_MAX];
    int64_t want[PRODUCTS];
    size_t n_want = 0;
    run(f, categories_job, &k);
    int64_t made[PRODUCTS];
    for (int i = 0; i < PRODUCTS; i++)
        made[i] = product(f, k.id[i % 2], i % 3 == 0 ? "Linen abaya" : "Wool coat",
                          i % 3 == 2 ? "nothing" : "of LINEN, an abaya's cloth", NULL)
                      .id;
    for (int i = PRODUCTS; i-- > 0;)
        if (i % 3 == 0)
            want[n_want++] = made[i];
    for (int i = PRODUCTS; i-- > 0;)
        if (i % 3 == 1)
            want[n_want++] = made[i];
    /* By the index and by the rows; in pages of all sizes. */
    for (int64_t min_cents = 0; min_cents < 2; min_cents++)
        for (int64_t limit = 1; limit < 50; limit += 3)
            for (int64_t offset = 0; offset <= (int64_t) n_want; offset += limit) {
                assert_int_equal(found(f, "lin abay", "", min_cents, limit, offset, ids), n_want);
                for (int64_t i = 0; i < limit && offset + i < (int64_t) n_want; i++)
                    assert_true(ids[i] == want[offset + i]);
            }
    assert_int_equal(found(f, "linen", "one", 0, 100, 0, ids), 20);
    assert_int_equal(found(f, "linen", "one", 1, 100, 0, ids), 20);
    assert_int_equal(found(f, "linen", "nowhere", 0, 100, 0, ids), 0);
    assert_int_equal(found(f, "linen wool", "", 0, 100, 0, ids), 20);
    assert_int_equal(found(f, "inen", "", 0, 100, 0, ids), 0);
}

struct crowd {
    int64_t category;
    int64_t ids[CROWD];
};

static SUT_ERR crowd_job(struct sut_db_conn *c, void *arg)
{
    struct crowd *crowd = arg;
    char slug[32];
    for (int i = 0; i < CROWD; i++) {
        (void) snprintf(slug, sizeof(slug), "crowd-%d", i);
        struct adding a = { .p = { .name = i % 2 == 0 ? SUT_STR("Kaftan") : SUT_STR("Coat"),
                                   .slug = sut_str_from(slug),
                                   .description = i % 2 == 0 ? SUT_STR("") : SUT_STR("as a kaftan"),
                                   .category_id = crowd->category,
                                   .price_cents = 100,
                                   .is_active = true,
                                   .date_added = now } };
        TRY(add_job(c, &a));
        crowd->ids[i] = a.id;
    }
    return SUT_OK;
}

/* More than a database sorts (store/search.c): it reads them from the end. */
static void a_crowd_is_in_the_same_order(void **state)
{
    struct fixture *f = fixture_of(state);
    struct categories k;
    static struct crowd made;
    static int64_t want[CROWD];
    int64_t ids[SUT_CATALOGUE_PAGE_MAX];
    size_t n = 0;
    run(f, categories_job, &k);
    made.category = k.id[0];
    run(f, crowd_job, &made);
    for (int i = CROWD; i-- > 0;)
        if (i % 2 == 0)
            want[n++] = made.ids[i];
    for (int i = CROWD; i-- > 0;)
        if (i % 2 != 0)
            want[n++] = made.ids[i];
    for (int64_t offset = 0; offset < CROWD; offset += 93) {
        assert_int_equal(found(f, "kaft", "", 0, 100, offset, ids), CROWD);
        for (int64_t i = 0; i < 100 && offset + i < CROWD; i++)
            assert_int_equal(ids[i], want[offset + i]);
    }
    assert_int_equal(found(f, "kaft", "", 0, 100, CROWD, ids), CROWD);
}

static SUT_ERR hide_job(struct sut_db_conn *c, void *arg)
{
    const int64_t *v = arg;
    int64_t version = 0;
    return sut_category_show(c, v[0], v[1] != 0, now, &version);
}

static SUT_ERR delete_job(struct sut_db_conn *c, void *arg)
{
    static const struct sut_sql sql = { "test_delete", "DELETE FROM products WHERE id = $1" };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &sql, &s));
    sut_db_bind_i64(s, 1, *(const int64_t *) arg);
    return sut_db_step(s, &has_row);
}

static void what_changes_is_found_as_it_is_now(void **state)
{
    struct fixture *f = fixture_of(state);
    struct categories k;
    run(f, categories_job, &k);
    struct adding a = product(f, k.id[0], "\xc3\x89lan dress", "\xe1\xba\x9e \xef\xac\x81ne", NULL);
    assert_true(finds(f, "elan", a.id) && finds(f, "\xc3\x89LA", a.id) && finds(f, "FINE", a.id));
    a.p.name = SUT_STR("Zephyr");
    run(f, put_job, &a);
    assert_true(finds(f, "zeph", a.id) && !finds(f, "elan", a.id) && !finds(f, "dress", a.id));
    a.p.is_active = false;
    run(f, put_job, &a);
    assert_false(finds(f, "zeph", a.id));
    a.p.is_active = true;
    a.p.category_id = k.id[1];
    run(f, put_job, &a);
    assert_true(finds(f, "zeph", a.id));
    int64_t hide[] = { k.id[1], 0 };
    run(f, hide_job, hide);
    assert_false(finds(f, "zeph", a.id));
    hide[1] = 1;
    run(f, hide_job, hide);
    assert_true(finds(f, "zeph", a.id));
    run(f, delete_job, &a.id);
    assert_false(finds(f, "zeph", a.id));
    const sut_str term = SUT_STR("zeph");
    const struct sut_search s = { .terms = &term, .n_terms = 1, .has_hidden = true };
    int64_t left = -1;
    OK(sut_search_count(f->reader, &s, SUT_SEARCH_ALL, &left));
    assert_int_equal(left, 0);
}

static SUT_ERR undone_job(struct sut_db_conn *c, void *arg)
{
    TRY(add_job(c, arg));
    FAIL(INVALID);
}

static void what_is_undone_is_not_found(void **state)
{
    struct fixture *f = fixture_of(state);
    struct categories k;
    run(f, categories_job, &k);
    struct adding a = product(f, k.id[0], "Kept", "", NULL);
    struct adding b = a;
    b.p.name = SUT_STR("Undone");
    b.p.slug = SUT_STR("undone");
    assert_int_equal(sut_store_write(f->store, undone_job, &b).code, SUT_E_INVALID);
    assert_true(finds(f, "kept", a.id) && !finds(f, "undone", b.id));
}

static void skus_are_found_by_who_asks_for_them(void **state)
{
    struct fixture *f = fixture_of(state);
    struct categories k;
    int64_t n = 0;
    run(f, categories_job, &k);
    const struct adding a = product(f, k.id[0], "Coat", "", "MWD-Coat-007");
    const sut_str terms[] = { SUT_STR_INIT("mwd"), SUT_STR_INIT("00") };
    struct sut_search s = { .terms = terms, .n_terms = 2 };
    assert_false(finds(f, "mwd", a.id));
    OK(sut_search_count(f->reader, &s, SUT_SEARCH_ALL, &n));
    assert_int_equal(n, 0);
    s.has_skus = true;
    OK(sut_search_count(f->reader, &s, SUT_SEARCH_ALL, &n));
    assert_int_equal(n, 1);
}

/* --- stores of before --- */

static void script(struct sut_db_conn *c, const char *text)
{
    const sut_err e = sut_db_script(c, text);
    if (sut_failed(e))
        fail_msg("%s", sut_db_last_error(c));
}

static void a_store_of_before_gets_its_words(void **state)
{
    struct fixture *shared = *state;
    struct temp_store *t = temp_store_prepare(shared->kind);
    if (t == NULL)
        skip();
    struct sut_db *db = NULL;
    struct sut_db_conn *c = NULL;
    struct sut_diag diag = { 0 };
    const struct sut_migrate_env env = { .people = NULL };
    int64_t version = 0;
    OK(sut_db_open(&temp_store_options(t)->db, &db, &diag));
    OK(sut_db_connect(db, SUT_DB_WRITE, &c));
    /* As a new one: its people's rows are not what this is about. */
    OK(sut_migrate_run(c, &env, sut_store_migrations, OLD_SCHEMA, true, &version, &diag));
    OK(sut_db_tx_begin(c));
    script(c, "INSERT INTO categories (id, name, slug, created_at, modified_at)"
              " VALUES (1, 'k', 'k', 1, 1)");
    for (int i = 1; i <= OLD; i++) {
        char sql[512];
        (void) snprintf(sql, sizeof(sql),
                        "INSERT INTO products (name, slug, description, category_id, price,"
                        " is_active, date_added, created_at, modified_at)"
                        " VALUES ('Old %s', 'o-%d', 'of wool', 1, 100, %d, 1, 1, 1)",
                        i % 2 == 0 ? "coat" : "dress", i, i % 10 == 0 ? 0 : 1);
        script(c, sql);
    }
    OK(sut_db_tx_commit(c));
    sut_db_disconnect(&c);
    sut_db_close(&db);
    assert_true(temp_store_reopen(t));
    struct fixture f = { .store = temp_store_of(t) };
    int64_t ids[100];
    OK(sut_arena_create(1 << 20, &f.arena));
    OK(sut_store_lease(f.store, &f.reader));
    assert_int_equal(found(&f, "wool", "", 0, 100, 0, ids), OLD - OLD / 10);
    assert_int_equal(found(&f, "dress", "", 0, 100, 0, ids), OLD / 2 + 1);
    assert_true(ids[0] == OLD);
    sut_store_return(f.store, &f.reader);
    sut_arena_free(&f.arena);
    temp_store_free(&t);
}

int main(int argc, char **argv)
{
    static struct fixture fx;
    fx.kind = temp_store_kind(argc, argv);
#define T(name_)                                                                                   \
    {                                                                                              \
#name_, name_, open_store, close_store, &fx                                                \
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_told_in_each_databases_words),
        cmocka_unit_test(nothing_that_means_something_gets_through),
        cmocka_unit_test(a_question_has_its_bounds),
        T(names_come_first_and_then_the_last_made),
        T(a_crowd_is_in_the_same_order),
        T(what_changes_is_found_as_it_is_now),
        T(what_is_undone_is_not_found),
        T(skus_are_found_by_who_asks_for_them),
        cmocka_unit_test_prestate(a_store_of_before_gets_its_words, &fx),
    };
    return cmocka_run_group_tests_name("store_search", tests, NULL, NULL);
}
