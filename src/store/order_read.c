/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "codec/time.h"
#include "store/order_int.h"
#include "store/personal.h"

enum { FIRST_LINES = 8 };

static const struct sut_sql order_one = {
    .name = "order_one",
    .text = SUT_ORDER_SELECT " WHERE o.id = $1",
};

static const struct sut_sql order_lines = {
    .name = "order_lines",
    .text = "SELECT id, product_id, variant_id, product_name, variant_name, sku, size, color,"
            " quantity, price FROM order_lines WHERE order_id = $1 ORDER BY id LIMIT $2",
};

static const struct sut_sql order_history = {
    .name = "order_history",
    .text = "SELECT status, by_id, at FROM order_changes WHERE order_id = $1 ORDER BY id",
};

const char *sut_order_status_word(enum sut_order_status s)
{
    static const char *const words[] = {
        [SUT_ORDER_PENDING] = "pending",     [SUT_ORDER_PAID] = "paid",
        [SUT_ORDER_SHIPPED] = "shipped",     [SUT_ORDER_DELIVERED] = "delivered",
        [SUT_ORDER_CANCELLED] = "cancelled",
    };
    return s >= SUT_ORDER_PENDING && s <= SUT_ORDER_CANCELLED ? words[s] : "";
}

const char *sut_pay_method_word(enum sut_pay_method m)
{
    static const char *const words[] = {
        [SUT_PAY_STRIPE] = "stripe",
        [SUT_PAY_PAYSTACK] = "paystack",
        [SUT_PAY_OFFLINE] = "offline",
    };
    return m >= SUT_PAY_STRIPE && m <= SUT_PAY_OFFLINE ? words[m] : "";
}

const char *sut_payment_status_word(enum sut_payment_status s)
{
    static const char *const words[] = {
        [SUT_PAYMENT_UNPAID] = "unpaid",
        [SUT_PAYMENT_PAID] = "paid",
        [SUT_PAYMENT_FAILED] = "failed",
        [SUT_PAYMENT_REFUNDED] = "refunded",
    };
    return s >= SUT_PAYMENT_UNPAID && s <= SUT_PAYMENT_REFUNDED ? words[s] : "";
}

const char *sut_refund_status_word(enum sut_refund_status s)
{
    static const char *const words[] = {
        [SUT_REFUND_PENDING] = "pending",
        [SUT_REFUND_DONE] = "refunded",
        [SUT_REFUND_FAILED] = "failed",
    };
    return s >= SUT_REFUND_PENDING && s <= SUT_REFUND_FAILED ? words[s] : "";
}

sut_str sut_order_number(const struct sut_order *o, char to[SUT_ORDER_NUMBER_TEXT])
{
    enum { YEAR_DIGITS = 4, ID_DIGITS = 5 };
    char iso[32];
    struct sut_buf time = { .p = iso, .cap = sizeof(iso), .max = sizeof(iso) };
    struct sut_buf b = { .p = to, .cap = SUT_ORDER_NUMBER_TEXT, .max = SUT_ORDER_NUMBER_TEXT };
    sut_time_iso(&time, o->created_at);
    sut_buf_str_add(&b, sut_str_sub(o->prefix, 0, SUT_ORDER_PREFIX_MAX));
    sut_buf_char(&b, '-');
    sut_buf_str_add(&b, sut_str_sub(sut_buf_str(&time), 0, YEAR_DIGITS));
    sut_buf_char(&b, '-');
    sut_buf_pad(&b, (uint64_t) o->id, ID_DIGITS);
    return sut_buf_str(&b);
}

static SUT_ERR copy(struct sut_arena *a, sut_str v, sut_str *ret)
{
    *ret = v.n == 0 ? SUT_STR("") : sut_str_dup(a, v);
    ENSURE(ret->p != NULL, NOMEM);
    return SUT_OK;
}

static SUT_ERR copy_or_null(struct sut_db_stmt *s, int i, struct sut_arena *a, sut_str *ret)
{
    *ret = (sut_str){ 0 };
    return sut_db_col_is_null(s, i) ? SUT_OK : copy(a, sut_db_col_text(s, i), ret);
}

static SUT_ERR read_sealed(struct sut_db_stmt *s, struct sut_arena *a, struct sut_order_sealed *ret)
{
    struct sut_order *const o = &ret->plain;
    if (!sut_db_col_is_null(s, 16))
        TRY(copy(a, sut_db_col_blob(s, 16), &o->address));
    if (!sut_db_col_is_null(s, 17))
        TRY(copy(a, sut_db_col_blob(s, 17), &o->notes));
    if (!sut_db_col_is_null(s, 18))
        TRY(copy(a, sut_db_col_blob(s, 18), &o->reason));
    const sut_str wrapped = sut_db_col_blob(s, 21);
    if (wrapped.n != SUT_DATA_WRAPPED)
        return SUT_OK;
    ret->key = (struct sut_data_key_row){ .person = o->person,
                                          .version = (uint32_t) sut_db_col_i64(s, 19),
                                          .kek_version = (uint32_t) sut_db_col_i64(s, 20) };
    memcpy(ret->key.wrapped, wrapped.p, SUT_DATA_WRAPPED);
    return SUT_OK;
}

SUT_ERR sut_order__read(struct sut_db_stmt *s, struct sut_arena *a, bool has_address,
                        struct sut_order_sealed *ret)
{
    *ret = (struct sut_order_sealed){
        .plain = { .id = sut_db_col_i64(s, 0),
                   .person = sut_db_col_i64(s, 1),
                   .status = (enum sut_order_status) sut_db_col_i64(s, 3),
                   .method = (enum sut_pay_method) sut_db_col_i64(s, 4),
                   .payment = (enum sut_payment_status) sut_db_col_i64(s, 5),
                   .refund = (enum sut_refund_status) sut_db_col_i64(s, 6),
                   .total_cents = sut_db_col_i64(s, 7),
                   .items_count = sut_db_col_i64(s, 9),
                   .created_by = sut_db_col_i64(s, 10),
                   .modified_by = sut_db_col_i64(s, 11),
                   .created_at = { sut_db_col_i64(s, 12) },
                   .modified_at = { sut_db_col_i64(s, 13) },
                   .paid_at = { sut_db_col_i64(s, 14) },
                   .held_until = { sut_db_col_i64(s, 15) } },
    };
    TRY(copy(a, sut_db_col_text(s, 2), &ret->plain.prefix));
    TRY(copy(a, sut_db_col_text(s, 8), &ret->plain.currency));
    return has_address ? read_sealed(s, a, ret) : SUT_OK;
}

static SUT_ERR open_text(const struct sut_data_key *k, struct sut_arena *a, enum sut_personal field,
                         int64_t row, sut_str sealed, sut_str *ret)
{
    struct sut_buf out;
    *ret = (sut_str){ 0 };
    if (sealed.p == NULL)
        return SUT_OK;
    sut_buf_init_arena(&out, a, sealed.n + 1);
    const sut_err e = sut_seal_get(k, sut_personal_field(field), row, sealed, &out);
    if (e.code == SUT_E_CORRUPT)
        return SUT_OK;
    TRY(e);
    TRY(sut_buf_check(&out));
    *ret = out.n == 0 ? SUT_STR("") : sut_buf_str(&out);
    return SUT_OK;
}

static SUT_ERR open_row(struct sut_seal *seal, struct sut_arena *a,
                        const struct sut_order_sealed *from, struct sut_order *ret)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    *ret = from->plain;
    ret->address = ret->notes = ret->reason = (sut_str){ 0 };
    if (from->key.version == 0)
        return SUT_OK;
    const sut_err e = sut_seal_key_of(seal, &from->key, &k);
    if (e.code == SUT_E_NOT_FOUND || e.code == SUT_E_CORRUPT)
        return SUT_OK;
    TRY(e);
    TRY(open_text(&k, a, SUT_PERSONAL_ORDER_ADDRESS, ret->id, from->plain.address, &ret->address));
    TRY(open_text(&k, a, SUT_PERSONAL_ORDER_NOTES, ret->id, from->plain.notes, &ret->notes));
    return open_text(&k, a, SUT_PERSONAL_ORDER_REASON, ret->id, from->plain.reason, &ret->reason);
}

SUT_ERR sut_order__open(struct sut_db_conn *c, struct sut_arena *a,
                        const struct sut_order_sealed *from, size_t n, struct sut_order *ret)
{
    struct sut_seal *seal = NULL;
    size_t n_keys = 0;
    struct sut_data_key_row *keys = ARENA_ARRAY(a, struct sut_data_key_row, n + 1);
    ENSURE(keys != NULL, NOMEM);
    for (size_t i = 0; i < n; i++)
        if (from[i].key.version != 0)
            keys[n_keys++] = from[i].key;
    TRY(sut_personal_seal(c, &seal));
    if (n_keys > 0)
        TRY(sut_personal_open_keys(c, keys, n_keys));
    for (size_t i = 0; i < n; i++)
        TRY(open_row(seal, a, &from[i], &ret[i]));
    return SUT_OK;
}

static SUT_ERR read_one(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                        struct sut_order_sealed *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &order_one, &s));
    sut_db_bind_i64(s, 1, id);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    return sut_order__read(s, a, true, ret);
}

SUT_ERR sut_order_by_id(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                        struct sut_order *ret)
{
    struct sut_order_sealed row;
    TRY(read_one(c, a, id, &row));
    return sut_order__open(c, a, &row, 1, ret);
}

static SUT_ERR read_line(struct sut_db_stmt *s, struct sut_arena *a, int64_t order,
                         struct sut_order_line *l)
{
    *l = (struct sut_order_line){ .id = sut_db_col_i64(s, 0),
                                  .order_id = order,
                                  .product_id = sut_db_col_i64(s, 1),
                                  .variant_id = sut_db_col_i64(s, 2),
                                  .quantity = sut_db_col_i64(s, 8),
                                  .price_cents = sut_db_col_i64(s, 9) };
    TRY(copy(a, sut_db_col_text(s, 3), &l->product_name));
    TRY(copy(a, sut_db_col_text(s, 4), &l->variant_name));
    TRY(copy(a, sut_db_col_text(s, 5), &l->sku));
    TRY(copy_or_null(s, 6, a, &l->size));
    return copy(a, sut_db_col_text(s, 7), &l->color);
}

SUT_ERR sut_order_lines_head(struct sut_db_conn *c, struct sut_arena *a, int64_t order, size_t n,
                             struct sut_order_line **ret, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    size_t cap = n < FIRST_LINES ? n : FIRST_LINES;
    ENSURE(n > 0 && n <= SUT_ORDER_LINES_MAX, INVALID);
    struct sut_order_line *lines = ARENA_ARRAY(a, struct sut_order_line, cap);
    *ret_n = 0;
    ENSURE(lines != NULL, NOMEM);
    TRY(sut_db_prepare(c, &order_lines, &s));
    sut_db_bind_i64(s, 1, order);
    sut_db_bind_i64(s, 2, (int64_t) n);
    for (;; ++*ret_n) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        if (*ret_n == cap) {
            struct sut_order_line *more = ARENA_ARRAY(a, struct sut_order_line, cap * 2);
            ENSURE(more != NULL, NOMEM);
            memcpy(more, lines, cap * sizeof(*lines));
            lines = more;
            cap *= 2;
        }
        TRY(read_line(s, a, order, &lines[*ret_n]));
    }
    *ret = lines;
    return SUT_OK;
}

SUT_ERR sut_order_lines(struct sut_db_conn *c, struct sut_arena *a, int64_t order,
                        struct sut_order_line **ret, size_t *ret_n)
{
    return sut_order_lines_head(c, a, order, SUT_ORDER_LINES_MAX, ret, ret_n);
}

SUT_ERR sut_order_history(struct sut_db_conn *c, struct sut_arena *a, int64_t order,
                          struct sut_order_change **ret, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_order_change *rows = ARENA_ARRAY(a, struct sut_order_change, SUT_ORDER_CHANGES_MAX);
    *ret_n = 0;
    ENSURE(rows != NULL, NOMEM);
    TRY(sut_db_prepare(c, &order_history, &s));
    sut_db_bind_i64(s, 1, order);
    for (; *ret_n < SUT_ORDER_CHANGES_MAX; ++*ret_n) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        rows[*ret_n] = (struct sut_order_change){
            .status = (enum sut_order_status) sut_db_col_i64(s, 0),
            .by = sut_db_col_i64(s, 1),
            .at = { sut_db_col_i64(s, 2) },
        };
    }
    *ret = rows;
    return SUT_OK;
}
