/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/demo.h"

#include "base/buf.h"
#include "codec/utf8.h"
#include "shop/catalogue.h"
#include "shop/demo_text.h"
#include "store/product.h"
#include "store/store.h"

enum {
    DAY_MS = 24 * 3600 * 1000,
    TEXT_MAX = 1024,
    ARENA_BYTES = 4 * 1024 * 1024,
    VARIANTS_MAX = 6,
    SIZES_A_PRODUCT = 3,
    SIZES = 6,
};

/* 2025-10-01T09:00:00Z; then two products each third day. */
static const int64_t first_day_ms = INT64_C(1759309200000);

const struct sut_demo_person sut_demo_people[] = {
    { "amina.khan@example.com", "amina.khan", "Amina", "Khan", "+27821230001", "Copper-Lantern-48",
      NULL, false, false, "customer" },
    { "zoe.martin@example.com", "zoe.martin", "Zoë", "Martin", "+27821230002", "Velvet-Harbour-73",
      NULL, false, false, "customer" },
    { "lerato.dlamini@example.com", "lerato.dlamini", "Lerato", "Dlamini", "+27821230003",
      "Granite-Orchard-26", NULL, false, false, "customer" },
    { "sara.haddad@example.com", "sara.haddad", "Sara", "Haddad", "+27821230004",
      "Saffron-Meadow-91", NULL, false, false, "customer" },
    { "noor.rahman@example.com", "noor.rahman", "Noor", "Rahman", "+27821230005",
      "Juniper-Compass-57", NULL, false, false, "customer" },
    { "maya.osei@example.com", "maya.osei", "Maya", "Osei", "+27821230006", "Walnut-Telescope-64",
      "Product Managers", false, false, "product manager" },
    { "daniel.ferreira@example.com", "daniel.ferreira", "Daniel", "Ferreira", "+27821230007",
      "Marble-Sparrow-82", NULL, true, false, "staff" },
    { "thandi.nkosi@example.com", "thandi.nkosi", "Thandi", "Nkosi", "+27821230008",
      "Amber-Lighthouse-35", NULL, true, true, "owner" },
    { NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, false, NULL },
};

struct job {
    sut_ms now;
    int64_t kind_ids[SUT_DEMO_KINDS];
    struct sut_demo_result result;
};

static sut_err add_category(struct sut_db_conn *c, struct sut_arena *a, struct job *j,
                            const char *name, const char *about, int64_t parent_id, int64_t *ret_id)
{
    struct sut_category_data d = {
        .name = sut_str_from(name),
        .description = sut_str_from(about),
        .parent_id = parent_id,
    };
    TRY(sut_utf8_slug(a, d.name, &d.slug));
    TRY(sut_category_insert(c, &d, j->now, ret_id, &j->result.version));
    j->result.categories++;
    return SUT_OK;
}

static sut_err add_categories(struct sut_db_conn *c, struct sut_arena *a, struct job *j)
{
    int64_t root_id = 0;
    for (size_t i = 0; i < SUT_DEMO_KINDS; i++) {
        const struct sut_demo_kind *k = &sut_demo_kinds[i];
        if (i == 0 || strcmp(k->root, sut_demo_kinds[i - 1].root) != 0)
            TRY(add_category(c, a, j, k->root, "", 0, &root_id));
        TRY(add_category(c, a, j, k->child, k->about, root_id, &j->kind_ids[i]));
    }
    return SUT_OK;
}

/* The texts of product i: all chosen by its number, so that every store has the same. */
static sut_err tell(struct sut_arena *a, size_t i, size_t coverage, struct sut_product_data *d)
{
    const struct sut_demo_kind *k = &sut_demo_kinds[i % SUT_DEMO_KINDS];
    const size_t round = i / SUT_DEMO_KINDS;
    /* 7 and 40 have no common factor: no line twice in a kind */
    const char *line = sut_demo_lines[(round * 7 + i % SUT_DEMO_KINDS * 5) % SUT_DEMO_LINES];
    const char *const *fabric = sut_demo_fabrics[(i * 5 + round) % SUT_DEMO_FABRICS];

    struct sut_buf name;
    sut_buf_init_arena(&name, a, TEXT_MAX);
    sut_buf_printf(&name, "%s %s %s", line, fabric[0], k->noun);
    TRY(sut_buf_check(&name));

    struct sut_buf text;
    sut_buf_init_arena(&text, a, TEXT_MAX);
    sut_buf_printf(&text, "The %s is made of %s. %s %s %s", line, fabric[1],
                   sut_demo_covers[k->cut][coverage],
                   sut_demo_details[(i * 3 + round) % SUT_DEMO_DETAILS],
                   sut_demo_cares[(i + round) % SUT_DEMO_CARES]);
    TRY(sut_buf_check(&text));

    d->name = sut_buf_str(&name);
    d->description = sut_buf_str(&text);
    return sut_utf8_slug(a, d->name, &d->slug);
}

static sut_err make_variants(struct sut_arena *a, size_t i, struct sut_variant_data *variants,
                             size_t n)
{
    const size_t first_size = i % (SIZES - SIZES_A_PRODUCT + 1);
    for (size_t k = 0; k < n; k++) {
        const char *size = sut_catalogue_sizes[first_size + k % SIZES_A_PRODUCT];
        const struct sut_demo_color *color =
            &sut_demo_colors[(i * 3 + k / SIZES_A_PRODUCT) % SUT_DEMO_COLORS];

        struct sut_buf name;
        sut_buf_init_arena(&name, a, TEXT_MAX);
        sut_buf_printf(&name, "%s / %s", size, color->name);
        TRY(sut_buf_check(&name));
        struct sut_buf sku;
        sut_buf_init_arena(&sku, a, TEXT_MAX);
        sut_buf_printf(&sku, "MW-%04zu-%s-%s", i + 1, size, color->code);
        TRY(sut_buf_check(&sku));

        variants[k] = (struct sut_variant_data){
            .name = sut_buf_str(&name),
            .sku = sut_buf_str(&sku),
            .size = sut_str_from(size),
            .color = sut_str_from(color->name),
            .price_cents = -1,
            .stock = (i + k) % 9 == 0 ? 0 : (int64_t) ((i * 13 + k * 7) % 25 + 1),
            .is_default = k == 0,
            .is_active = true,
        };
    }
    return SUT_OK;
}

static sut_err add_product(struct sut_db_conn *c, struct sut_arena *a, struct job *j, size_t i)
{
    const size_t kind = i % SUT_DEMO_KINDS;
    const size_t coverage = (i + i / SUT_DEMO_KINDS) % 3;
    const size_t day = i * 101 % SUT_DEMO_PRODUCTS / 2 * 3; /* two products share a day */
    struct sut_product_data d = {
        .category_id = j->kind_ids[kind],
        .coverage = sut_str_from(sut_catalogue_coverage_codes[coverage]),
        .price_cents = sut_demo_kinds[kind].from_cents +
                       (int64_t) (i * 7 % 13) * sut_demo_kinds[kind].step_cents + 99,
        .is_featured = i % 11 == 0,
        .is_active = true,
        .date_added = { first_day_ms + (int64_t) day * DAY_MS },
    };
    TRY(tell(a, i, coverage, &d));

    struct sut_variant_data variants[VARIANTS_MAX];
    const size_t n = 2 + i * 7 % (VARIANTS_MAX - 1);
    TRY(make_variants(a, i, variants, n));

    int64_t id = 0;
    TRY(sut_product_insert(c, &d, variants, n, j->now, &id, &j->result.version));
    j->result.products++;
    j->result.variants += n;
    return SUT_OK;
}

static sut_err fill(struct sut_db_conn *c, void *arg)
{
    struct job *j = arg;
    j->result = (struct sut_demo_result){ 0 };
    int64_t n = 0;
    TRY(sut_product_count(c, &n));
    if (n > 0)
        return sut_catalogue_version(c, &j->result.version);

    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    TRY(sut_arena_create(ARENA_BYTES, &a));
    TRY(add_categories(c, a, j));
    for (size_t i = 0; i < SUT_DEMO_PRODUCTS; i++) {
        sut_arena_reset(a);
        TRY(add_product(c, a, j, i));
    }
    j->result.is_filled = true;
    return SUT_OK;
}

sut_err sut_demo_fill(struct sut_store *s, sut_ms now, struct sut_demo_result *ret)
{
    struct job j = { .now = now };
    TRY(sut_store_write_alone(s, fill, &j));
    *ret = j.result;
    return SUT_OK;
}
