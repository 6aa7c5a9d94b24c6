/* SPDX-License-Identifier: Apache-2.0
 *
 * fill_products - a catalogue of any size straight into a store that has been made, the
 * same one each time: what a search and a list have to do.
 *
 * usage: fill_products sqlite DATA-FOLDER KEYS-FOLDER PRODUCTS
 *        fill_products postgres CONNECTION-STRING - PRODUCTS
 *
 * A name has one of ten common words, which a quarter to a third of all products have, and two of
 * 6,000; a description two and twenty.  No server may have an embedded store open.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scan.h"
#include "crypto/random.h"
#include "keeper/master.h"
#include "prog/file_key.h"
#include "store/product.h"
#include "store/store.h"
#include "test_keeper.h"

enum { PATH_BYTES = 4096, BATCH = 500, CATEGORIES = 12, TEXT_BYTES = 2048 };

static void check(sut_err e, const char *what)
{
    if (!sut_failed(e))
        return;
    (void) fprintf(stderr, "fill_products: %s: %s\n", what, sut_err_info(e.code)->name);
    exit(1);
}

static const char *const common[] = { "modest", "dress",   "navy",   "linen", "wool",
                                      "abaya",  "evening", "cotton", "long",  "black" };
enum { COMMON = sizeof(common) / sizeof(common[0]) };
static const char *const sizes[] = { "S", "M", "L" };

struct fill {
    uint64_t from;
    uint64_t upto;
    uint64_t seed;
    int64_t categories[CATEGORIES];
    sut_ms now;
};

static uint64_t draw(struct fill *f, uint64_t below)
{
    f->seed = f->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (f->seed >> 33) % below;
}

/* One of 6,000 words, the first of them often and the last of them seldom. */
static void rare_word(struct fill *f, char ret[16])
{
    static const char consonants[] = "bcdfghklmnprstvwz";
    static const char vowels[] = "aeiou";
    const uint64_t ceiling = 1 + draw(f, 6000);
    uint64_t n = draw(f, ceiling) * 7 + 3;
    size_t at = 0;
    for (int i = 0; i < 3 || n > 0; i++) {
        ret[at++] = consonants[n % 17];
        ret[at++] = vowels[(n / 17) % 5];
        n /= 85;
    }
    ret[at] = '\0';
}

static void add(char text[TEXT_BYTES], const char *word)
{
    const size_t n = strlen(text);
    (void) snprintf(text + n, TEXT_BYTES - n, n == 0 ? "%s" : " %s", word);
}

static SUT_ERR add_one(struct sut_db_conn *c, struct fill *f, uint64_t n)
{
    char name[TEXT_BYTES] = "";
    char text[TEXT_BYTES] = "";
    char slug[64];
    char skus[3][64];
    char word[16];
    static const char *const coverages[] = { "full", "moderate", "light" };
    add(name, common[draw(f, 2) == 0 ? draw(f, 4) : draw(f, COMMON)]);
    for (int i = 0; i < 2; i++) {
        rare_word(f, word);
        add(name, word);
    }
    for (int i = 0; i < 2; i++)
        add(text, common[draw(f, COMMON)]);
    for (int i = 0; i < 20; i++) {
        rare_word(f, word);
        add(text, word);
    }
    (void) snprintf(slug, sizeof(slug), "fill-%llu", (unsigned long long) n);
    const struct sut_product_data p = {
        .name = sut_str_from(name),
        .slug = sut_str_from(slug),
        .description = sut_str_from(text),
        .category_id = f->categories[draw(f, CATEGORIES)],
        .coverage = sut_str_from(coverages[draw(f, 3)]),
        .price_cents = (int64_t) (100 + draw(f, 50000)),
        .is_active = draw(f, 100) != 0,
        .date_added = { f->now.v - (int64_t) draw(f, 1000000000) },
    };
    struct sut_variant_data variants[3];
    for (int i = 0; i < 3; i++) {
        (void) snprintf(skus[i], sizeof(skus[i]), "FILL-%llu-%s", (unsigned long long) n, sizes[i]);
        variants[i] = (struct sut_variant_data){ .name = sut_str_from(sizes[i]),
                                                 .sku = sut_str_from(skus[i]),
                                                 .size = sut_str_from(sizes[i]),
                                                 .color = SUT_STR("black"),
                                                 .price_cents = -1,
                                                 .stock = 50,
                                                 .is_default = i == 0,
                                                 .is_active = true };
    }
    int64_t id = 0;
    int64_t version = 0;
    return sut_product_insert(c, &p, variants, 3, f->now, &id, &version);
}

static SUT_ERR add_batch(struct sut_db_conn *c, void *arg)
{
    struct fill *const f = arg;
    f->seed = f->from * 977 + 1; /* a job may run twice */
    for (uint64_t n = f->from; n < f->upto; n++)
        TRY(add_one(c, f, n));
    return SUT_OK;
}

static SUT_ERR add_categories(struct sut_db_conn *c, void *arg)
{
    struct fill *const f = arg;
    for (int i = 0; i < CATEGORIES; i++) {
        char name[32];
        int64_t version = 0;
        (void) snprintf(name, sizeof(name), "fill-%d", i);
        const struct sut_category_data d = { .name = sut_str_from(name),
                                             .slug = sut_str_from(name),
                                             .description = SUT_STR("") };
        TRY(sut_category_insert(c, &d, f->now, &f->categories[i], &version));
    }
    return SUT_OK;
}

static void fill(struct sut_store *store, uint64_t products)
{
    struct fill f = { .now = sut_clock_now(&sut_clock_system) };
    check(sut_store_write(store, add_categories, &f), "categories");
    for (f.from = 0; f.from < products; f.from = f.upto) {
        f.upto = f.from + BATCH < products ? f.from + BATCH : products;
        check(sut_store_write_alone(store, add_batch, &f), "rows");
    }
}

static void fill_embedded(const char *data, const char *keys_dir, uint64_t products)
{
    struct sut_diag diag = { 0 };
    struct sut_master master = { 0 };
    const struct sut_master_options o = { .keys_dir = keys_dir, .random = &sut_random_system };
    check(sut_master_open(&o, &master, &diag), diag.text);
    struct sut_keeper *keeper = test_keeper_start_with(&master);
    struct sut_file_keys keys = { 0 };
    check(sut_file_keys_open(data, keeper, false, &keys, &diag), diag.text);
    char path[PATH_BYTES];
    (void) snprintf(path, sizeof(path), "%s/sutler.db", data);
    const struct sut_store_options options = {
        .db = { .kind = SUT_DB_SQLITE, .path = path, .key = keys.key },
        .readers = 2,
        .queue_max = 16,
        .migrate = true,
    };
    struct sut_store *store = NULL;
    check(sut_store_open(&options, &store, &diag), diag.text);
    fill(store, products);
    sut_store_close(&store);
    sut_file_keys_done(&keys);
    test_keeper_stop(&keeper);
    sut_master_done(&master);
}

static void fill_remote(const char *dsn, uint64_t products)
{
    struct sut_diag diag = { 0 };
    const struct sut_store_options options = {
        .db = { .kind = SUT_DB_POSTGRES,
                .dsn = dsn,
                .connect_timeout_s = 10,
                .statement_timeout_ms = 60000 },
        .readers = 2,
        .queue_max = 16,
        .migrate = true,
    };
    struct sut_store *store = NULL;
    check(sut_store_open(&options, &store, &diag), diag.text);
    fill(store, products);
    sut_store_close(&store);
}

int main(int argc, char **argv)
{
    uint64_t products = 0;
    if (argc != 5 || sut_failed(sut_parse_u64(sut_str_from(argv[4]), 1000000, &products))) {
        (void) fprintf(stderr, "usage: fill_products sqlite DATA-FOLDER KEYS-FOLDER PRODUCTS\n"
                               "       fill_products postgres CONNECTION-STRING - PRODUCTS\n");
        return 2;
    }
    if (strcmp(argv[1], "postgres") == 0)
        fill_remote(argv[2], products);
    else
        fill_embedded(argv[2], argv[3], products);
    return 0;
}
