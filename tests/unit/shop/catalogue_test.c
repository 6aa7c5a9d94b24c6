/* SPDX-License-Identifier: Apache-2.0
 *
 * The lists of the demo's shop, held against a plain loop over all its products.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "codec/utf8.h"
#include "shop/catalogue.h"
#include "shop/demo.h"
#include "store/product.h"
#include "temp_store.h"

enum { ALL = SUT_DEMO_PRODUCTS, WORDS = 4096 };

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

struct shop {
    enum sut_db_kind kind;
    struct temp_store *store;
    struct sut_db_conn *c;
    struct sut_arena *arena;
    struct sut_product products[ALL];
    sut_str *words[ALL];
    size_t n_words[ALL];
};

static struct shop *shop_of(void **state)
{
    struct shop *s = *state;
    if (s->store == NULL)
        skip();
    return s;
}

static const sut_ms now = { INT64_C(1770000000000) };

static int open_shop(void **state)
{
    struct shop *s = *state;
    s->store = temp_store_create(s->kind);
    if (s->store == NULL)
        return s->kind == SUT_DB_SQLITE ? -1 : 0;
    struct sut_demo_result filled;
    OK(sut_demo_fill(temp_store_of(s->store), now, &filled));
    assert_true(filled.is_filled);
    OK(sut_store_lease(temp_store_of(s->store), &s->c));
    OK(sut_arena_create(64 * 1024 * 1024, &s->arena));
    for (size_t i = 0; i < ALL; i++) {
        const int64_t id = (int64_t) i + 1;
        OK(sut_catalogue_load(s->c, s->arena, &id, 1, &s->products[i]));
        assert_int_equal(s->products[i].id, id);
        char *text = sut_arena_bytes(s->arena, 4096);
        const sut_str name = s->products[i].name;
        const sut_str about = s->products[i].description;
        memcpy(text, name.p, name.n);
        text[name.n] = ' ';
        memcpy(text + name.n + 1, about.p, about.n);
        OK(sut_utf8_terms(s->arena, sut_str_of(text, name.n + 1 + about.n), WORDS, &s->words[i],
                          &s->n_words[i]));
    }
    return 0;
}

static int close_shop(void **state)
{
    struct shop *s = *state;
    if (s->store != NULL) {
        sut_store_return(temp_store_of(s->store), &s->c);
        sut_arena_free(&s->arena);
        temp_store_free(&s->store);
    }
    return 0;
}

/* ---- the oracle ----------------------------------------------------------------------- */

static bool has_words(const struct shop *s, size_t i, const struct sut_catalogue_filter *f)
{
    for (unsigned t = 0; t < f->n_terms; t++) {
        bool found = false;
        for (size_t w = 0; w < s->n_words[i] && !found; w++)
            found = sut_str_starts(s->words[i][w], f->terms[t]);
        if (!found)
            return false;
    }
    return true;
}

static bool is_wanted(const struct shop *s, size_t i, const struct sut_catalogue_filter *f)
{
    const struct sut_product *p = &s->products[i];
    return (f->category.n == 0 || sut_str_eq(p->category.slug, f->category) ||
            sut_str_eq(p->category.parent_slug, f->category)) &&
           (f->coverage.n == 0 || sut_str_eq(p->coverage.code, f->coverage)) &&
           p->price_cents >= f->min_cents && p->price_cents <= f->max_cents && !f->is_nothing &&
           has_words(s, i, f);
}

/* <0 when a stands before b. */
static int compare(const struct sut_product *a, const struct sut_product *b,
                   enum sut_catalogue_order order)
{
    const bool is_price = order == SUT_CATALOGUE_CHEAPEST || order == SUT_CATALOGUE_DEAREST;
    const bool is_down = order == SUT_CATALOGUE_NEWEST || order == SUT_CATALOGUE_DEAREST;
    const int64_t x = is_price ? a->price_cents : a->date_added.v;
    const int64_t y = is_price ? b->price_cents : b->date_added.v;
    const int up = x != y ? (x < y ? -1 : 1) : (a->id < b->id ? -1 : a->id > b->id);
    return is_down ? -up : up;
}

static size_t expected(const struct shop *s, const struct sut_catalogue_filter *f, int64_t *ids)
{
    size_t n = 0;
    for (size_t i = 0; i < ALL; i++) {
        if (!is_wanted(s, i, f))
            continue;
        size_t at = n++;
        while (at > 0 && compare(&s->products[ids[at - 1] - 1], &s->products[i], f->order) > 0) {
            ids[at] = ids[at - 1];
            at--;
        }
        ids[at] = s->products[i].id;
    }
    return n;
}

static size_t check_filter(struct shop *s, struct sut_catalogue_filter *f)
{
    int64_t ids[ALL];
    const size_t all = expected(s, f, ids);
    static const int64_t pages[][2] = { { 20, 0 }, { 7, 5 }, { 100, 0 }, { 100, 200 }, { 1, 239 } };
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        f->limit = pages[i][0];
        f->offset = pages[i][1];
        struct sut_catalogue_page page;
        OK(sut_catalogue_read_page(s->c, f, NULL, &page));
        const size_t from = (size_t) f->offset < all ? (size_t) f->offset : all;
        const size_t n = all - from < (size_t) f->limit ? all - from : (size_t) f->limit;
        assert_int_equal(page.n, n);
        assert_int_equal(page.count, all);
        for (size_t k = 0; k < n; k++) {
            assert_int_equal(page.refs[k].id, ids[from + k]);
            assert_int_equal(page.refs[k].version, 1);
        }
    }
    int64_t count = -1;
    OK(sut_catalogue_count(s->c, f, &count));
    assert_int_equal(count, all);
    return all;
}

/* ---- lists ---------------------------------------------------------------------------- */

static void every_filter_and_order_answers_as_a_plain_loop(void **state)
{
    struct shop *s = shop_of(state);
    static const char *const categories[] = { "", "dresses", "maxi-dresses", "headwear",
                                              "no-such" };
    static const char *const coverages[] = { "", "full", "moderate", "light", "none" };
    static const int64_t prices[][2] = {
        { 0, INT64_MAX }, { 50000, INT64_MAX }, { 0, 50000 },
        { 39999, 90000 }, { 64999, 64999 },     { 90000, 100 },
    };
    static const char *const searches[] = { "", "linen", "wash long dress" };
    size_t seen = 0;
    size_t empty = 0;
    for (size_t k = 0; k < sizeof(categories) / sizeof(categories[0]); k++) {
        for (size_t l = 0; l < sizeof(coverages) / sizeof(coverages[0]); l++) {
            for (size_t p = 0; p < sizeof(prices) / sizeof(prices[0]); p++) {
                for (size_t t = 0; t < sizeof(searches) / sizeof(searches[0]); t++) {
                    for (unsigned o = 0; o < 4; o++) {
                        struct sut_catalogue_filter f;
                        sut_catalogue_filter_init(&f);
                        f.category = sut_str_from(categories[k]);
                        f.coverage = sut_str_from(coverages[l]);
                        f.min_cents = prices[p][0];
                        f.max_cents = prices[p][1];
                        f.order = (enum sut_catalogue_order) o;
                        OK(sut_catalogue_search(s->arena, sut_str_from(searches[t]), &f));
                        const size_t n = check_filter(s, &f);
                        seen += n > 0;
                        empty += n == 0;
                    }
                }
            }
        }
    }
    assert_true(seen > 300);
    assert_true(empty > 100);
}

static void every_number_of_words_is_answered(void **state)
{
    struct shop *s = shop_of(state);
    /* words of one product, so that each search finds it at least */
    const struct sut_product *p = &s->products[100];
    sut_str text[10];
    size_t n = 0;
    for (size_t w = 0; w < s->n_words[100] && n < 10; w++)
        text[n++] = s->words[100][w];
    assert_true(n >= 9);
    for (unsigned terms = 1; terms <= SUT_CATALOGUE_TERMS_MAX; terms++) {
        struct sut_catalogue_filter f;
        sut_catalogue_filter_init(&f);
        f.n_terms = terms;
        for (unsigned i = 0; i < terms; i++)
            f.terms[i] = text[i];
        assert_true(check_filter(s, &f) >= 1);
        f.category = p->category.slug;
        f.coverage = p->coverage.code;
        f.order = SUT_CATALOGUE_DEAREST;
        assert_true(check_filter(s, &f) >= 1);
    }
}

static size_t search(struct shop *s, const char *text)
{
    struct sut_catalogue_filter f;
    sut_catalogue_filter_init(&f);
    OK(sut_catalogue_search(s->arena, sut_str_from(text), &f));
    return check_filter(s, &f);
}

static void a_search_takes_prefixes_whatever_their_case_and_accents(void **state)
{
    struct shop *s = shop_of(state);
    const size_t n = search(s, "linen");
    assert_true(n > 5 && n < ALL);
    assert_int_equal(search(s, "LINEN"), n);
    assert_int_equal(search(s, "embroid"), search(s, "embroidered"));
    assert_true(search(s, "embroid") > 0);
    assert_true(search(s, "line") > n); /* and what is lined */
    assert_int_equal(search(s, "  Linen,  "), n);
    assert_int_equal(search(s, "linen linen"), n);
    assert_int_equal(search(s, "inen"), 0);

    const size_t elan = search(s, "élan");
    assert_true(elan > 0);
    assert_int_equal(search(s, "Elan"), elan);
    assert_int_equal(search(s, "ELA\xCC\x81N"), elan); /* a combining accent elsewhere */
    assert_int_equal(search(s, "E\xCC\x81lan"), elan);

    const size_t both = search(s, "Anaïs dress");
    assert_int_equal(search(s, "dress anais"), both);
    assert_true(both > 0 && both < search(s, "anais"));
    assert_int_equal(search(s, "elan nosuchword"), 0);
}

static void a_blank_search_is_none_and_a_wordless_one_finds_nothing(void **state)
{
    struct shop *s = shop_of(state);
    assert_int_equal(search(s, ""), ALL);
    assert_int_equal(search(s, " \t "), ALL);
    assert_int_equal(search(s, "%"), 0);
    assert_int_equal(search(s, "_"), 0);
    assert_int_equal(search(s, "'; --"), 0);
    assert_int_equal(search(s, "\xE2\x98\x83"), 0); /* a snowman */

    struct sut_catalogue_filter f;
    sut_catalogue_filter_init(&f);
    assert_int_equal(sut_catalogue_search(s->arena, SUT_STR("lin\xFF"), &f).code, SUT_E_PARSE);
}

static void what_means_something_to_sql_means_nothing(void **state)
{
    struct shop *s = shop_of(state);
    static const char *const texts[] = {
        "' OR '1'='1",
        "linen' OR 1=1 --",
        "'; DROP TABLE products; --",
        "linen%",
        "l_nen",
        "\" UNION SELECT password FROM users",
        "$1",
        "linen') OR ('a' = 'a",
        "x' || (SELECT 1) || '",
        "\\'; SELECT 1; --",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        (void) search(s, texts[i]); /* as the oracle says, which knows no SQL */
        struct sut_catalogue_filter f;
        sut_catalogue_filter_init(&f);
        f.category = sut_str_from(texts[i]);
        assert_int_equal(check_filter(s, &f), 0);
        sut_catalogue_filter_init(&f);
        f.coverage = sut_str_from(texts[i]);
        assert_int_equal(check_filter(s, &f), 0);
        struct sut_product_ref ref;
        assert_int_equal(
            sut_catalogue_find_slug(s->c, SUT_STR("dresses"), sut_str_from(texts[i]), &ref).code,
            SUT_E_NOT_FOUND);
    }
    assert_int_equal(search(s, "1=1 %' linen"), 0);
    assert_int_equal(search(s, ""), ALL);
}

static void long_searches_are_cut_to_eight_words_of_32(void **state)
{
    struct shop *s = shop_of(state);
    struct sut_catalogue_filter f;
    sut_catalogue_filter_init(&f);
    OK(sut_catalogue_search(s->arena, SUT_STR("j i h g f e d c b a"), &f));
    assert_int_equal(f.n_terms, 8);
    assert_true(sut_str_is(f.terms[0], "c"));
    assert_true(sut_str_is(f.terms[7], "j"));

    char text[400];
    memset(text, 'x', sizeof(text));
    OK(sut_catalogue_search(s->arena, sut_str_of(text, sizeof(text)), &f));
    assert_int_equal(f.n_terms, 1);
    assert_int_equal(f.terms[0].n, SUT_CATALOGUE_TERM_POINTS);
    assert_int_equal(check_filter(s, &f), 0);
}

static void pages_meet_without_gap_or_repeat(void **state)
{
    struct shop *s = shop_of(state);
    for (unsigned o = 0; o < 4; o++) {
        bool seen[ALL + 1] = { false };
        size_t n = 0;
        struct sut_catalogue_filter f;
        sut_catalogue_filter_init(&f);
        f.order = (enum sut_catalogue_order) o;
        f.limit = 17;
        for (;; f.offset += f.limit) {
            struct sut_catalogue_page page;
            OK(sut_catalogue_read_page(s->c, &f, NULL, &page));
            assert_int_equal(page.count, ALL);
            for (size_t i = 0; i < page.n; i++) {
                assert_false(seen[page.refs[i].id]);
                seen[page.refs[i].id] = true;
                n++;
            }
            if (page.n == 0)
                break;
        }
        assert_int_equal(n, ALL);
    }
}

static void senseless_pages_are_refused(void **state)
{
    struct shop *s = shop_of(state);
    static const int64_t pages[][2] = { { 0, 0 }, { -1, 0 }, { 101, 0 }, { 20, -1 } };
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        struct sut_catalogue_filter f;
        sut_catalogue_filter_init(&f);
        f.limit = pages[i][0];
        f.offset = pages[i][1];
        struct sut_catalogue_page page;
        assert_int_equal(sut_catalogue_read_page(s->c, &f, NULL, &page).code, SUT_E_INVALID);
    }
}

static void closed_lists_are_closed(void **state)
{
    (void) state;
    enum sut_catalogue_order o;
    for (const char *const *p = sut_catalogue_orderings; *p != NULL; p++)
        OK(sut_catalogue_order_of(sut_str_from(*p), &o));
    OK(sut_catalogue_order_of(SUT_STR(""), &o));
    assert_int_equal(o, SUT_CATALOGUE_NEWEST);
    static const char *const bad[] = { "name",     "Price",   "price ",
                                       "price,id", "--price", "price; DROP TABLE users" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(sut_catalogue_order_of(sut_str_from(bad[i]), &o).code, SUT_E_INVALID);
    assert_true(sut_catalogue_is_coverage(SUT_STR("light")));
    assert_false(sut_catalogue_is_coverage(SUT_STR("Light")));
    assert_false(sut_catalogue_is_coverage(SUT_STR("")));
}

/* ---- the rest of the catalogue -------------------------------------------------------- */

static void products_are_found_by_id_and_by_slugs(void **state)
{
    struct shop *s = shop_of(state);
    for (size_t i = 0; i < ALL; i++) {
        struct sut_product_ref ref;
        OK(sut_catalogue_find(s->c, s->products[i].id, &ref));
        assert_int_equal(ref.id, s->products[i].id);
        OK(sut_catalogue_find_slug(s->c, s->products[i].category.slug, s->products[i].slug, &ref));
        assert_int_equal(ref.id, s->products[i].id);
        assert_int_equal(sut_catalogue_find_slug(s->c, s->products[i].category.parent_slug,
                                                 s->products[i].slug, &ref)
                             .code,
                         SUT_E_NOT_FOUND);
    }
    static const int64_t bad[] = { 0, -1, ALL + 1, INT64_MAX, INT64_MIN };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sut_product_ref ref;
        assert_int_equal(sut_catalogue_find(s->c, bad[i], &ref).code, SUT_E_NOT_FOUND);
    }
}

static void many_products_load_in_the_order_asked(void **state)
{
    struct shop *s = shop_of(state);
    int64_t ids[SUT_CATALOGUE_PAGE_MAX];
    for (size_t i = 0; i < SUT_CATALOGUE_PAGE_MAX; i++)
        ids[i] = i % 10 == 3 ? 100000 + (int64_t) i : (int64_t) (i * 37 % ALL) + 1;
    struct sut_arena *a = NULL;
    OK(sut_arena_create(8 * 1024 * 1024, &a));
    struct sut_product *got = ARENA_ARRAY(a, struct sut_product, SUT_CATALOGUE_PAGE_MAX);
    OK(sut_catalogue_load(s->c, a, ids, SUT_CATALOGUE_PAGE_MAX, got));
    for (size_t i = 0; i < SUT_CATALOGUE_PAGE_MAX; i++) {
        if (ids[i] > ALL) {
            assert_int_equal(got[i].id, 0);
            continue;
        }
        const struct sut_product *want = &s->products[ids[i] - 1];
        assert_int_equal(got[i].id, want->id);
        assert_true(sut_str_eq(got[i].name, want->name));
        assert_int_equal(got[i].n_variants, want->n_variants);
        for (size_t v = 0; v < want->n_variants; v++) {
            assert_int_equal(got[i].variants[v].product_id, want->id);
            assert_true(sut_str_eq(got[i].variants[v].sku, want->variants[v].sku));
        }
    }
    sut_arena_free(&a);
    OK(sut_arena_create(4096, &a));
    struct sut_product few[20];
    assert_int_equal(sut_catalogue_load(s->c, a, ids, 20, few).code, SUT_E_NOMEM);
    sut_arena_free(&a);
}

static void the_demo_has_what_it_promises(void **state)
{
    struct shop *s = shop_of(state);
    size_t without_stock = 0;
    size_t featured = 0;
    size_t coverage[4] = { 0 };
    for (size_t i = 0; i < ALL; i++) {
        const struct sut_product *p = &s->products[i];
        assert_in_range(p->n_variants, 2, 6);
        assert_in_range(p->price_cents, 1, 999999);
        assert_true(p->coverage.id >= 1 && p->coverage.id <= 3);
        coverage[p->coverage.id]++;
        assert_true(p->category.parent_id > 0);
        featured += p->is_featured;
        for (size_t v = 0; v < p->n_variants; v++)
            without_stock += p->variants[v].stock == 0;
        for (size_t k = 0; k < i; k++)
            assert_false(sut_str_eq(p->name, s->products[k].name));
    }
    assert_true(without_stock > 20 && featured > 10);
    assert_true(coverage[1] > 50 && coverage[2] > 50 && coverage[3] > 50);

    struct sut_demo_result again;
    OK(sut_demo_fill(temp_store_of(s->store), now, &again));
    assert_false(again.is_filled);
    for (const struct sut_demo_person *p = sut_demo_people; p->email != NULL; p++) {
        const sut_str email = sut_str_from(p->email);
        assert_true(sut_str_ends(email, SUT_STR("@example.com")));
        assert_true(strlen(p->password) >= 12);
        assert_int_equal(sut_str_find(email, 0, '@'), strlen(p->username));
        assert_memory_equal(p->username, p->email, strlen(p->username));
    }
}

static void the_tree_has_roots_with_children_by_name(void **state)
{
    struct shop *s = shop_of(state);
    const struct sut_category_node *root = NULL;
    OK(sut_catalogue_tree(s->c, s->arena, &root));
    size_t roots = 0;
    size_t children = 0;
    for (; root != NULL; root = root->next, roots++) {
        assert_int_equal(root->row.parent_id, 0);
        assert_true(root->next == NULL || sut_str_cmp(root->row.name, root->next->row.name) < 0);
        for (const struct sut_category_node *n = root->children; n != NULL; n = n->next) {
            assert_int_equal(n->row.parent_id, root->row.id);
            assert_true(sut_str_eq(n->row.parent_slug, root->row.slug));
            assert_null(n->children);
            children++;
        }
    }
    assert_true(roots >= 3);
    assert_true(children >= 12);
}

static void filters_tell_what_is_there(void **state)
{
    struct shop *s = shop_of(state);
    struct sut_catalogue_filters f;
    OK(sut_catalogue_filters(s->c, s->arena, &f));
    assert_int_equal(f.n_sizes, 6);
    assert_string_equal(f.sizes[0], "XS");
    assert_string_equal(f.sizes[5], "XXL");
    assert_int_equal(f.n_coverages, 3);
    assert_true(sut_str_is(f.coverages[0].code, "full"));
    assert_int_equal(f.n_colors, 14);
    for (size_t i = 1; i < f.n_colors; i++)
        assert_true(sut_str_cmp(f.colors[i - 1], f.colors[i]) < 0);
    int64_t min = INT64_MAX;
    int64_t max = 0;
    for (size_t i = 0; i < ALL; i++) {
        min = s->products[i].price_cents < min ? s->products[i].price_cents : min;
        max = s->products[i].price_cents > max ? s->products[i].price_cents : max;
    }
    assert_int_equal(f.min_cents, min);
    assert_int_equal(f.max_cents, max);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_filter_and_order_answers_as_a_plain_loop),
        cmocka_unit_test(every_number_of_words_is_answered),
        cmocka_unit_test(a_search_takes_prefixes_whatever_their_case_and_accents),
        cmocka_unit_test(a_blank_search_is_none_and_a_wordless_one_finds_nothing),
        cmocka_unit_test(what_means_something_to_sql_means_nothing),
        cmocka_unit_test(long_searches_are_cut_to_eight_words_of_32),
        cmocka_unit_test(pages_meet_without_gap_or_repeat),
        cmocka_unit_test(senseless_pages_are_refused),
        cmocka_unit_test(closed_lists_are_closed),
        cmocka_unit_test(products_are_found_by_id_and_by_slugs),
        cmocka_unit_test(many_products_load_in_the_order_asked),
        cmocka_unit_test(the_demo_has_what_it_promises),
        cmocka_unit_test(the_tree_has_roots_with_children_by_name),
        cmocka_unit_test(filters_tell_what_is_there),
    };
    struct shop *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return 1;
    s->kind = temp_store_kind(argc, argv);
    struct CMUnitTest with_state[sizeof(tests) / sizeof(tests[0])];
    memcpy(with_state, tests, sizeof(tests));
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        with_state[i].initial_state = s;
    void *state = s;
    if (open_shop(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(with_state, NULL, NULL);
    close_shop(&state);
    free(s);
    return failed;
}
