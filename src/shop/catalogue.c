/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/catalogue.h"

#include "codec/utf8.h"

const char *const sut_catalogue_coverage_codes[] = { "full", "moderate", "light", NULL };
const char *const sut_catalogue_orderings[] = { "price", "-price", "date_added", "-date_added",
                                                NULL };
const char *const sut_catalogue_sizes[] = { "XS", "S", "M", "L", "XL", "XXL", NULL };

sut_err sut_catalogue_order_of(sut_str ordering, enum sut_catalogue_order *ret)
{
    if (ordering.n == 0 || sut_str_is(ordering, "-date_added"))
        *ret = SUT_CATALOGUE_NEWEST;
    else if (sut_str_is(ordering, "date_added"))
        *ret = SUT_CATALOGUE_OLDEST;
    else if (sut_str_is(ordering, "price"))
        *ret = SUT_CATALOGUE_CHEAPEST;
    else if (sut_str_is(ordering, "-price"))
        *ret = SUT_CATALOGUE_DEAREST;
    else
        FAIL(INVALID);
    return SUT_OK;
}

bool sut_catalogue_is_coverage(sut_str code)
{
    for (const char *const *p = sut_catalogue_coverage_codes; *p != NULL; p++) {
        if (sut_str_is(code, *p))
            return true;
    }
    return false;
}

sut_err sut_catalogue_search(struct sut_arena *a, sut_str text, struct sut_catalogue_filter *f)
{
    f->n_terms = 0;
    f->is_nothing = false;
    ENSURE(sut_utf8_is_valid(text), PARSE);
    if (sut_utf8_trim(text).n == 0)
        return SUT_OK;

    sut_str *words = NULL;
    size_t n = 0;
    TRY(sut_utf8_terms(a, text, SUT_CATALOGUE_TERMS_MAX, &words, &n));
    f->is_nothing = n == 0;
    for (size_t i = 0; i < n; i++) {
        const sut_str word = sut_utf8_head(words[i], SUT_CATALOGUE_TERM_POINTS);
        /* sorted: the same words in another order are the same search */
        unsigned at = f->n_terms++;
        while (at > 0 && sut_str_cmp(f->terms[at - 1], word) > 0) {
            f->terms[at] = f->terms[at - 1];
            at--;
        }
        f->terms[at] = word;
    }
    return SUT_OK;
}

sut_err sut_catalogue_read_page(struct sut_db_conn *c, const struct sut_catalogue_filter *f,
                                const struct sut_catalogue_known *known,
                                struct sut_catalogue_page *ret)
{
    TRY(sut_catalogue_version(c, &ret->version));
    TRY(sut_catalogue_list(c, f, ret->refs, &ret->n));
    if (known != NULL && known->version == ret->version) {
        ret->count = known->count;
        return SUT_OK;
    }
    const bool is_last = ret->n > 0 && ret->n < (size_t) f->limit;
    if (is_last || (ret->n == 0 && f->offset == 0)) {
        ret->count = f->offset + (int64_t) ret->n;
        return SUT_OK;
    }
    return sut_catalogue_count(c, f, &ret->count);
}

sut_err sut_catalogue_tree(struct sut_db_conn *c, struct sut_arena *a,
                           const struct sut_category_node **ret)
{
    const struct sut_category *rows = NULL;
    size_t n = 0;
    TRY(sut_catalogue_categories(c, a, &rows, &n));
    *ret = NULL;
    if (n == 0)
        return SUT_OK;

    struct sut_category_node *nodes = ARENA_ARRAY(a, struct sut_category_node, n);
    ENSURE(nodes != NULL, NOMEM);
    struct sut_category_node *first = NULL;
    for (size_t i = n; i-- > 0;) {
        nodes[i].row = rows[i];
        if (rows[i].parent_id == 0) {
            nodes[i].next = first;
            first = &nodes[i];
        }
    }
    /* Those whose parent is not among the rows stay unlinked: they are hidden with it. */
    for (size_t i = n; i-- > 0;) {
        for (size_t k = 0; rows[i].parent_id != 0 && k < n; k++) {
            if (rows[k].id == rows[i].parent_id) {
                nodes[i].next = nodes[k].children;
                nodes[k].children = &nodes[i];
                break;
            }
        }
    }
    *ret = first;
    return SUT_OK;
}

sut_err sut_catalogue_filters(struct sut_db_conn *c, struct sut_arena *a,
                              struct sut_catalogue_filters *ret)
{
    *ret = (struct sut_catalogue_filters){ 0 };
    TRY(sut_catalogue_tree(c, a, &ret->categories));
    TRY(sut_catalogue_coverages(c, a, &ret->coverages, &ret->n_coverages));
    for (const char *const *p = sut_catalogue_sizes; *p != NULL; p++) {
        bool is_there = false;
        TRY(sut_catalogue_has_size(c, sut_str_from(*p), &is_there));
        if (is_there)
            ret->sizes[ret->n_sizes++] = *p;
    }
    TRY(sut_catalogue_colors(c, a, &ret->colors, &ret->n_colors));
    return sut_catalogue_prices(c, &ret->min_cents, &ret->max_cents);
}
