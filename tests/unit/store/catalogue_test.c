/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes of the catalogue: what they show, hide and count up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "store/catalogue.h"
#include "store/product.h"
#include "temp_store.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

static const sut_ms now = { INT64_C(1770000000000) };

struct home {
    enum sut_db_kind kind;
    struct temp_store *store;
    struct sut_arena *arena;
};

static struct home *home_of(void **state)
{
    struct home *h = *state;
    if (h->store == NULL)
        skip();
    return h;
}

/* ---- one change, as a write job ------------------------------------------------------- */

struct change {
    enum {
        ADD_CATEGORY,
        SHOW_CATEGORY,
        ADD_PRODUCT,
        PUT_PRODUCT,
        ADD_VARIANT,
        PUT_VARIANT,
        TOUCH,
    } what;
    int64_t id;
    struct sut_category_data category;
    struct sut_product_data product;
    struct sut_variant_data variants[3];
    size_t n_variants;
    bool is_active;
    int64_t ret_id;
    int64_t ret_version;
};

static sut_err job(struct sut_db_conn *c, void *arg)
{
    struct change *x = arg;
    switch (x->what) {
    case ADD_CATEGORY:
        return sut_category_insert(c, &x->category, now, &x->ret_id, &x->ret_version);
    case SHOW_CATEGORY:
        return sut_category_show(c, x->id, x->is_active, now, &x->ret_version);
    case ADD_PRODUCT:
        return sut_product_insert(c, &x->product, x->variants, x->n_variants, now, &x->ret_id,
                                  &x->ret_version);
    case PUT_PRODUCT:
        return sut_product_update(c, x->id, &x->product, now, &x->ret_version);
    case ADD_VARIANT:
        return sut_variant_insert(c, x->id, &x->variants[0], now, &x->ret_id, &x->ret_version);
    case PUT_VARIANT:
        return sut_variant_update(c, x->id, &x->variants[0], now, &x->ret_version);
    case TOUCH:
        return sut_product_touch(c, x->id, now, &x->ret_version);
    }
    FAIL(INVALID);
}

static sut_err apply(struct home *h, struct change *x)
{
    return sut_store_write(temp_store_of(h->store), job, x);
}

static int64_t add_category(struct home *h, const char *slug, int64_t parent_id)
{
    struct change x = { .what = ADD_CATEGORY };
    x.category.name = x.category.slug = sut_str_from(slug);
    x.category.parent_id = parent_id;
    OK(apply(h, &x));
    return x.ret_id;
}

static struct change product_of(const char *slug, int64_t category_id)
{
    struct change x = { .what = ADD_PRODUCT };
    x.product = (struct sut_product_data){
        .name = sut_str_from(slug),
        .slug = sut_str_from(slug),
        .description = SUT_STR("Ein Überwurf, 100% Wolle."),
        .category_id = category_id,
        .price_cents = 1000,
        .is_active = true,
        .date_added = now,
    };
    return x;
}

static struct sut_variant_data variant_of(const char *sku)
{
    return (struct sut_variant_data){
        .name = SUT_STR("One"),
        .sku = sut_str_from(sku),
        .color = SUT_STR("Red"),
        .price_cents = -1,
        .stock = 3,
        .is_active = true,
    };
}

static int64_t add_product(struct home *h, const char *slug, int64_t category_id)
{
    struct change x = product_of(slug, category_id);
    OK(apply(h, &x));
    return x.ret_id;
}

/* ---- reads ---------------------------------------------------------------------------- */

static void give_back(struct home *h, struct sut_db_conn **c)
{
    sut_store_return(temp_store_of(h->store), c);
}

static int64_t version(struct home *h)
{
    struct sut_db_conn *c = NULL;
    OK(sut_store_lease(temp_store_of(h->store), &c));
    int64_t v = 0;
    OK(sut_catalogue_version(c, &v));
    give_back(h, &c);
    return v;
}

static struct sut_product load(struct home *h, int64_t id)
{
    struct sut_db_conn *c = NULL;
    OK(sut_store_lease(temp_store_of(h->store), &c));
    struct sut_product p;
    OK(sut_catalogue_load(c, h->arena, &id, 1, &p));
    give_back(h, &c);
    return p;
}

static size_t listed(struct home *h, const char *category, const char *term)
{
    struct sut_db_conn *c = NULL;
    OK(sut_store_lease(temp_store_of(h->store), &c));
    struct sut_catalogue_filter f;
    sut_catalogue_filter_init(&f);
    f.category = sut_str_from(category);
    if (term != NULL)
        f.terms[f.n_terms++] = sut_str_from(term);
    struct sut_product_ref refs[20];
    size_t n = 0;
    int64_t count = 0;
    OK(sut_catalogue_list(c, &f, refs, &n));
    OK(sut_catalogue_count(c, &f, &count));
    assert_int_equal(n, count);
    give_back(h, &c);
    return n;
}

static enum sut_ecode find(struct home *h, int64_t id)
{
    struct sut_db_conn *c = NULL;
    OK(sut_store_lease(temp_store_of(h->store), &c));
    struct sut_product_ref ref;
    const sut_err e = sut_catalogue_find(c, id, &ref);
    give_back(h, &c);
    return e.code;
}

/* ---- tests ---------------------------------------------------------------------------- */

static void each_change_makes_the_versions_grow(void **state)
{
    struct home *h = home_of(state);
    int64_t v = version(h);
    const int64_t category = add_category(h, "grow", 0);
    assert_int_equal(version(h), ++v);
    struct change add = product_of("grow-one", category);
    add.variants[add.n_variants++] = variant_of("GROW-1");
    OK(apply(h, &add));
    assert_int_equal(add.ret_version, ++v);
    assert_int_equal(load(h, add.ret_id).version, 1);

    struct change put = add;
    put.what = PUT_PRODUCT;
    put.id = add.ret_id;
    put.product.price_cents = 2000;
    put.product.by = 7;
    OK(apply(h, &put));
    assert_int_equal(put.ret_version, ++v);
    struct sut_product p = load(h, add.ret_id);
    assert_int_equal(p.version, 2);
    assert_int_equal(p.price_cents, 2000);
    assert_int_equal(p.modified_by, 7);
    assert_int_equal(p.created_by, 0);

    struct change more = { .what = ADD_VARIANT, .id = add.ret_id };
    more.variants[0] = variant_of("GROW-2");
    more.variants[0].size = SUT_STR("M");
    more.variants[0].price_cents = 1500;
    OK(apply(h, &more));
    struct change stock = { .what = PUT_VARIANT, .id = more.ret_id };
    stock.variants[0] = more.variants[0];
    stock.variants[0].stock = 0;
    OK(apply(h, &stock));
    struct change touch = { .what = TOUCH, .id = add.ret_id };
    OK(apply(h, &touch));
    assert_int_equal(touch.ret_version, v + 3);
    assert_int_equal(version(h), v + 3);
    p = load(h, add.ret_id);
    assert_int_equal(p.version, 5);
    assert_int_equal(p.n_variants, 2);
    assert_null(p.variants[0].size.p);
    assert_int_equal(p.variants[0].price_cents, -1);
    assert_true(sut_str_is(p.variants[1].size, "M"));
    assert_int_equal(p.variants[1].price_cents, 1500);
    assert_int_equal(p.variants[1].stock, 0);
}

static void a_refused_change_leaves_nothing_behind(void **state)
{
    struct home *h = home_of(state);
    const int64_t category = add_category(h, "refuse", 0);
    struct change first = product_of("refuse-one", category);
    first.variants[first.n_variants++] = variant_of("REFUSE-1");
    OK(apply(h, &first));
    const int64_t v = version(h);

    struct change twice = product_of("refuse-one", category);
    assert_int_equal(apply(h, &twice).code, SUT_E_EXISTS);
    struct change sku = product_of("refuse-two", category);
    sku.variants[sku.n_variants++] = variant_of("REFUSE-2");
    sku.variants[sku.n_variants++] = variant_of("REFUSE-1");
    assert_int_equal(apply(h, &sku).code, SUT_E_EXISTS);
    struct change slug = { .what = ADD_CATEGORY };
    slug.category.name = slug.category.slug = SUT_STR("refuse");
    assert_int_equal(apply(h, &slug).code, SUT_E_EXISTS);

    struct change nowhere = product_of("refuse-three", 99999);
    assert_int_equal(apply(h, &nowhere).code, SUT_E_INVALID);
    struct change covered = product_of("refuse-four", category);
    covered.product.coverage = SUT_STR("total");
    assert_int_equal(apply(h, &covered).code, SUT_E_INVALID);
    struct change negative = product_of("refuse-five", category);
    negative.variants[negative.n_variants] = variant_of("REFUSE-5");
    negative.variants[negative.n_variants++].stock = -1;
    assert_int_equal(apply(h, &negative).code, SUT_E_INVALID);
    struct change orphan = { .what = ADD_CATEGORY };
    orphan.category.name = orphan.category.slug = SUT_STR("refuse-orphan");
    orphan.category.parent_id = 99999;
    assert_int_equal(apply(h, &orphan).code, SUT_E_INVALID);

    struct change missing = product_of("refuse-six", category);
    missing.what = PUT_PRODUCT;
    missing.id = 99999;
    assert_int_equal(apply(h, &missing).code, SUT_E_NOT_FOUND);
    struct change touch = { .what = TOUCH, .id = 99999 };
    assert_int_equal(apply(h, &touch).code, SUT_E_NOT_FOUND);
    struct change variant = { .what = PUT_VARIANT, .id = 99999 };
    variant.variants[0] = variant_of("REFUSE-7");
    assert_int_equal(apply(h, &variant).code, SUT_E_NOT_FOUND);
    struct change show = { .what = SHOW_CATEGORY, .id = 99999 };
    assert_int_equal(apply(h, &show).code, SUT_E_NOT_FOUND);

    assert_int_equal(version(h), v);
    assert_int_equal(listed(h, "refuse", NULL), 1);
}

static void what_is_hidden_is_not_shown(void **state)
{
    struct home *h = home_of(state);
    const int64_t root = add_category(h, "hide-root", 0);
    const int64_t middle = add_category(h, "hide-middle", root);
    const int64_t leaf = add_category(h, "hide-leaf", middle);
    const int64_t one = add_product(h, "hide-one", leaf);
    const int64_t two = add_product(h, "hide-two", middle);
    assert_int_equal(listed(h, "hide-root", NULL), 2);
    assert_int_equal(listed(h, "hide-middle", NULL), 2);
    assert_int_equal(listed(h, "hide-leaf", NULL), 1);
    const size_t all = listed(h, "", "uberwurf");

    struct change x = product_of("hide-one", leaf);
    x.what = PUT_PRODUCT;
    x.id = one;
    x.product.is_active = false;
    OK(apply(h, &x));
    assert_int_equal(find(h, one), SUT_E_NOT_FOUND);
    assert_int_equal(listed(h, "hide-root", NULL), 1);
    assert_int_equal(listed(h, "", "uberwurf"), all - 1);
    assert_false(load(h, one).is_active); /* those who manage it still see it */
    x.product.is_active = true;
    OK(apply(h, &x));

    /* Each category on the way up hides what hangs below, by whichever way one asks. */
    const int64_t chain[] = { root, middle, leaf };
    for (size_t i = 0; i < 3; i++) {
        struct change hide = { .what = SHOW_CATEGORY, .id = chain[i] };
        OK(apply(h, &hide));
        assert_int_equal(find(h, one), SUT_E_NOT_FOUND);
        assert_int_equal(find(h, two), i == 2 ? SUT_E_OK : SUT_E_NOT_FOUND);
        assert_int_equal(listed(h, "hide-leaf", NULL), 0);
        assert_int_equal(listed(h, "hide-root", NULL), i == 2 ? 1 : 0);
        assert_int_equal(listed(h, "", "uberwurf"), i == 2 ? all - 1 : all - 2);
        hide.is_active = true;
        OK(apply(h, &hide));
        assert_int_equal(find(h, one), SUT_E_OK);
    }
    assert_int_equal(listed(h, "", "uberwurf"), all);
}

static void words_follow_the_text(void **state)
{
    struct home *h = home_of(state);
    const int64_t category = add_category(h, "words", 0);
    struct change x = product_of("words-one", category);
    x.product.name = SUT_STR("Straße Ærø");
    x.product.description = SUT_STR("kaftan kaftan KAFTAN");
    OK(apply(h, &x));
    assert_int_equal(listed(h, "words", "kaftan"), 1);
    assert_int_equal(listed(h, "words", "kaf"), 1);
    assert_int_equal(listed(h, "words", "kaftans"), 0);

    x.what = PUT_PRODUCT;
    x.id = x.ret_id;
    x.product.description = SUT_STR("");
    OK(apply(h, &x));
    assert_int_equal(listed(h, "words", "kaftan"), 0);

    /* A word longer than any index takes is kept by its beginning, two such as one. */
    char text[10000];
    memset(text, 'y', sizeof(text));
    text[5000] = ' ';
    x.product.description = sut_str_of(text, sizeof(text));
    OK(apply(h, &x));
    assert_int_equal(listed(h, "words", "yyy"), 1);

    /* As many different words as a description can hold. */
    size_t n = 0;
    for (unsigned i = 0; n + 4 <= sizeof(text); i++, n += 4) {
        text[n] = (char) ('a' + i % 26);
        text[n + 1] = (char) ('a' + i / 26 % 26);
        text[n + 2] = (char) ('a' + i / 676 % 26);
        text[n + 3] = ' ';
    }
    x.product.description = sut_str_of(text, n);
    OK(apply(h, &x));
    assert_int_equal(listed(h, "words", "aaa"), 1);
    assert_int_equal(listed(h, "words", "yyy"), 0);
}

static void trees_are_not_too_deep(void **state)
{
    struct home *h = home_of(state);
    int64_t id = 0;
    static const char *const slugs[] = { "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8" };
    for (size_t i = 0; i < SUT_CATEGORY_DEPTH_MAX; i++)
        id = add_category(h, slugs[i], id);
    struct change x = { .what = ADD_CATEGORY };
    x.category.name = x.category.slug = SUT_STR("d9");
    x.category.parent_id = id;
    assert_int_equal(apply(h, &x).code, SUT_E_INVALID);
    add_product(h, "deep-one", id);
    assert_int_equal(listed(h, "d1", NULL), 1);
}

static void terms_out_of_bounds_are_refused(void **state)
{
    struct home *h = home_of(state);
    struct sut_db_conn *c = NULL;
    OK(sut_store_lease(temp_store_of(h->store), &c));
    char text[SUT_CATALOGUE_TERM_BYTES + 1];
    memset(text, 'a', sizeof(text));
    struct sut_catalogue_filter f;
    sut_catalogue_filter_init(&f);
    struct sut_product_ref refs[20];
    size_t n = 0;
    f.n_terms = 1;
    f.terms[0] = sut_str_of(text, sizeof(text));
    assert_int_equal(sut_catalogue_list(c, &f, refs, &n).code, SUT_E_INVALID);
    f.terms[0] = SUT_STR("");
    assert_int_equal(sut_catalogue_list(c, &f, refs, &n).code, SUT_E_INVALID);
    f.n_terms = SUT_CATALOGUE_TERMS_MAX + 1;
    assert_int_equal(sut_catalogue_list(c, &f, refs, &n).code, SUT_E_INVALID);
    give_back(h, &c);
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_makes_the_versions_grow),
        cmocka_unit_test(a_refused_change_leaves_nothing_behind),
        cmocka_unit_test(what_is_hidden_is_not_shown),
        cmocka_unit_test(words_follow_the_text),
        cmocka_unit_test(trees_are_not_too_deep),
        cmocka_unit_test(terms_out_of_bounds_are_refused),
    };
    struct home h = { .kind = temp_store_kind(argc, argv) };
    h.store = temp_store_create(h.kind);
    if (h.store == NULL && h.kind == SUT_DB_SQLITE)
        return 1;
    if (sut_failed(sut_arena_create(16 * 1024 * 1024, &h.arena)))
        return 1;
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tests[i].initial_state = &h;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sut_arena_free(&h.arena);
    temp_store_free(&h.store);
    return failed;
}
