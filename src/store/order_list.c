/* SPDX-License-Identifier: Apache-2.0 */
#include "store/order_int.h"

enum { LIST_MAX = 100, OVERDUE_MAX = 50 };

/* $1 the person, $2 the status; a statement for each set of the two, so that an index leads. */
#define WHOSE_0  " WHERE CAST($1 AS BIGINT) = 0"
#define WHOSE_1  " WHERE o.person_id = $1"
#define STATUS_0 " AND CAST($2 AS BIGINT) = 0"
#define STATUS_1 " AND o.status = $2"

#define PAGE(who_, status_, name_, order_)                                                         \
    {                                                                                              \
        .name = "order_list_" #who_ #status_ name_,                                                \
        .text = SUT_ORDER_SELECT WHOSE_##who_ STATUS_##status_ " ORDER BY o.id" order_             \
                                                               " LIMIT $3 OFFSET $4"               \
    }
#define PAGES(who_, status_)                                                                       \
    {                                                                                              \
        PAGE(who_, status_, "_newest", " DESC"), PAGE(who_, status_, "_oldest", "")                \
    }
#define COUNT(who_, status_)                                                                       \
    {                                                                                              \
        .name = "order_count_" #who_ #status_,                                                     \
        .text = "SELECT COUNT(*) FROM orders o" WHOSE_##who_ STATUS_##status_                      \
    }

static const struct sut_sql pages[2][2][2] = {
    { PAGES(0, 0), PAGES(0, 1) },
    { PAGES(1, 0), PAGES(1, 1) },
};
static const struct sut_sql counts[2][2] = {
    { COUNT(0, 0), COUNT(0, 1) },
    { COUNT(1, 0), COUNT(1, 1) },
};

static const struct sut_sql order_overdue = {
    .name = "order_overdue",
    .text = "SELECT id FROM orders WHERE held_until IS NOT NULL AND held_until <= $1"
            " ORDER BY held_until, id LIMIT $2 OFFSET $3",
};

static const struct sut_sql order_next_overdue = {
    .name = "order_next_overdue",
    .text = "SELECT held_until FROM orders WHERE held_until IS NOT NULL"
            " ORDER BY held_until LIMIT 1",
};

static void bind_whose(struct sut_db_stmt *s, const struct sut_order_query *q)
{
    sut_db_bind_i64(s, 1, q->person);
    sut_db_bind_i64(s, 2, q->status);
}

static SUT_ERR count(struct sut_db_conn *c, const struct sut_order_query *q, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &counts[q->person != 0][q->status != 0], &s));
    bind_whose(s, q);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_order_list(struct sut_db_conn *c, struct sut_arena *a, const struct sut_order_query *q,
                       bool has_address, struct sut_order **ret, size_t *ret_n, int64_t *ret_count)
{
    ENSURE(q->limit <= LIST_MAX, INVALID);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_order *rows = ARENA_ARRAY(a, struct sut_order, q->limit + 1);
    struct sut_order_sealed *sealed = ARENA_ARRAY(a, struct sut_order_sealed, q->limit + 1);
    ENSURE(rows != NULL && sealed != NULL, NOMEM);
    TRY(count(c, q, ret_count));
    TRY(sut_db_prepare(c, &pages[q->person != 0][q->status != 0][q->is_oldest_first], &s));
    bind_whose(s, q);
    sut_db_bind_i64(s, 3, (int64_t) q->limit);
    sut_db_bind_i64(s, 4, (int64_t) q->offset);
    size_t n = 0;
    for (; n < q->limit; n++) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        TRY(sut_order__read(s, a, has_address, &sealed[n]));
    }
    for (size_t i = 0; i < n && !has_address; i++)
        rows[i] = sealed[i].plain;
    if (has_address)
        TRY(sut_order__open(c, a, sealed, n, rows));
    *ret = rows;
    *ret_n = n;
    return SUT_OK;
}

SUT_ERR sut_order_overdue(struct sut_db_conn *c, sut_ms now, size_t behind, size_t n, int64_t *ret,
                          size_t *ret_n)
{
    ENSURE(n <= OVERDUE_MAX, INVALID);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &order_overdue, &s));
    sut_db_bind_i64(s, 1, now.v);
    sut_db_bind_i64(s, 2, (int64_t) n);
    sut_db_bind_i64(s, 3, (int64_t) behind);
    for (*ret_n = 0; *ret_n < n; ++*ret_n) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        ret[*ret_n] = sut_db_col_i64(s, 0);
    }
    return SUT_OK;
}

SUT_ERR sut_order_next_overdue(struct sut_db_conn *c, sut_ms *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &order_next_overdue, &s));
    TRY(sut_db_step(s, &has_row));
    ret->v = has_row ? sut_db_col_i64(s, 0) : 0;
    return SUT_OK;
}
