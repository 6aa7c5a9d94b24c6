/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/order_print.h"

#include "codec/json_out.h"
#include "codec/time.h"
#include "mail/message.h"
#include "shop/money.h"

enum {
    WIDTH_ID = 8,
    WIDTH_NUMBER = 16,
    WIDTH_WORD = 11,
    WIDTH_MONEY = 16,
    WIDTH_ITEMS = 7,
    WIDTH_PERSON = 8
};

/* --- JSON --- */

static void put_time(struct sut_jw *w, const char *key, sut_ms t)
{
    sut_jw_key(w, key);
    if (t.v > 0)
        sut_jw_time(w, t);
    else
        sut_jw_null(w);
}

static void put_id(struct sut_jw *w, const char *key, int64_t id)
{
    sut_jw_key(w, key);
    if (id > 0)
        sut_jw_i64(w, id);
    else
        sut_jw_null(w);
}

static void put_word(struct sut_jw *w, const char *key, const char *word)
{
    sut_jw_key(w, key);
    if (word[0] != '\0')
        sut_jw_z(w, word);
    else
        sut_jw_null(w);
}

/* The object stays open. */
static void open_json(struct sut_jw *w, const struct sut_order *o, sut_str pseudonym)
{
    char number[SUT_ORDER_NUMBER_TEXT];
    sut_jw_obj(w);
    put_id(w, "id", o->id);
    sut_jw_key(w, "order_number");
    sut_jw_str(w, sut_order_number(o, number));
    put_word(w, "status", sut_order_status_word(o->status));
    put_word(w, "payment_method", sut_pay_method_word(o->method));
    put_word(w, "payment_status", sut_payment_status_word(o->payment));
    put_word(w, "refund_status", sut_refund_status_word(o->refund));
    sut_jw_key(w, "total_price");
    sut_jw_cents(w, o->total_cents);
    sut_jw_key(w, "currency");
    sut_jw_str(w, o->currency);
    sut_jw_key(w, "items_count");
    sut_jw_i64(w, o->items_count);
    put_id(w, "person", o->person);
    sut_jw_key(w, "pseudonym");
    sut_jw_str_or_null(w, pseudonym.n > 0 ? pseudonym : (sut_str){ 0 });
    put_time(w, "created", o->created_at);
    put_time(w, "modified", o->modified_at);
    put_time(w, "paid", o->paid_at);
    put_time(w, "held_until", o->held_until);
}

static void add_whole_json(struct sut_buf *b, const struct sut_order_shown *s)
{
    const struct sut_order *const o = &s->rows[0];
    struct sut_jw w = sut_jw_of(b);
    open_json(&w, o, s->pseudonyms[0]);
    put_id(&w, "created_by", o->created_by);
    put_id(&w, "modified_by", o->modified_by);
    sut_jw_key(&w, "address");
    sut_jw_str_or_null(&w, o->address);
    sut_jw_key(&w, "notes");
    sut_jw_str_or_null(&w, o->notes);
    sut_jw_key(&w, "cancel_reason");
    sut_jw_str_or_null(&w, o->reason);
    sut_jw_key(&w, "items");
    sut_jw_arr(&w);
    for (size_t i = 0; i < s->n_lines; i++) {
        const struct sut_order_line *const l = &s->lines[i];
        sut_jw_obj(&w);
        put_id(&w, "variant", l->variant_id);
        sut_jw_key(&w, "product_name");
        sut_jw_str(&w, l->product_name);
        sut_jw_key(&w, "sku");
        sut_jw_str(&w, l->sku);
        sut_jw_key(&w, "size");
        sut_jw_str_or_null(&w, l->size);
        sut_jw_key(&w, "color");
        sut_jw_str(&w, l->color);
        sut_jw_key(&w, "quantity");
        sut_jw_i64(&w, l->quantity);
        sut_jw_key(&w, "price");
        sut_jw_cents(&w, l->price_cents);
        sut_jw_obj_end(&w);
    }
    sut_jw_arr_end(&w);
    sut_jw_key(&w, "history");
    sut_jw_arr(&w);
    for (size_t i = 0; i < s->n_changes; i++) {
        sut_jw_obj(&w);
        put_word(&w, "status", sut_order_status_word(s->changes[i].status));
        put_id(&w, "by", s->changes[i].by);
        put_time(&w, "at", s->changes[i].at);
        sut_jw_obj_end(&w);
    }
    sut_jw_arr_end(&w);
    sut_jw_obj_end(&w);
    sut_buf_char(b, '\n');
}

/* --- for people --- */

static void add_cell(struct sut_buf *b, sut_str s, size_t width)
{
    sut_buf_str_add(b, s);
    for (size_t n = s.n; n < width; n++)
        sut_buf_char(b, ' ');
    if (s.n >= width)
        sut_buf_char(b, ' ');
}

static void add_number(struct sut_buf *b, int64_t v, size_t width)
{
    char digits[24];
    struct sut_buf n = { .p = digits, .cap = sizeof(digits), .max = sizeof(digits) };
    sut_buf_i64(&n, v);
    add_cell(b, sut_buf_str(&n), width);
}

static void add_money(struct sut_buf *b, int64_t cents, sut_str currency, size_t width)
{
    char text[SUT_MONEY_TEXT];
    char both[SUT_MONEY_TEXT + 8];
    struct sut_buf m = { .p = both, .cap = sizeof(both), .max = sizeof(both) };
    sut_buf_str_add(&m, sut_money_text((sut_money){ cents }, text));
    if (currency.n > 0)
        sut_buf_char(&m, ' ');
    sut_buf_str_add(&m, sut_str_sub(currency, 0, 3));
    add_cell(b, sut_buf_str(&m), width);
}

static sut_str or_dash(sut_str s)
{
    return s.n > 0 ? s : SUT_STR("-");
}

static void add_row(struct sut_buf *b, const struct sut_order *o, sut_str pseudonym)
{
    char number[SUT_ORDER_NUMBER_TEXT];
    add_number(b, o->id, WIDTH_ID);
    add_cell(b, sut_order_number(o, number), WIDTH_NUMBER);
    add_cell(b, sut_str_from(sut_order_status_word(o->status)), WIDTH_WORD);
    add_cell(b, sut_str_from(sut_pay_method_word(o->method)), WIDTH_WORD);
    add_cell(b, sut_str_from(sut_payment_status_word(o->payment)), WIDTH_WORD);
    add_cell(b, or_dash(sut_str_from(sut_refund_status_word(o->refund))), WIDTH_WORD);
    add_money(b, o->total_cents, o->currency, WIDTH_MONEY);
    add_number(b, o->items_count, WIDTH_ITEMS);
    sut_time_iso(b, o->created_at);
    sut_buf_lit(b, "  ");
    if (o->person > 0)
        add_number(b, o->person, WIDTH_PERSON);
    else
        add_cell(b, SUT_STR("-"), WIDTH_PERSON);
    sut_buf_str_add(b, or_dash(pseudonym));
    sut_buf_char(b, '\n');
}

static void add_header(struct sut_buf *b)
{
    add_cell(b, SUT_STR("ID"), WIDTH_ID);
    add_cell(b, SUT_STR("NUMBER"), WIDTH_NUMBER);
    add_cell(b, SUT_STR("STATUS"), WIDTH_WORD);
    add_cell(b, SUT_STR("METHOD"), WIDTH_WORD);
    add_cell(b, SUT_STR("PAYMENT"), WIDTH_WORD);
    add_cell(b, SUT_STR("REFUND"), WIDTH_WORD);
    add_cell(b, SUT_STR("TOTAL"), WIDTH_MONEY);
    add_cell(b, SUT_STR("ITEMS"), WIDTH_ITEMS);
    sut_buf_lit(b, "MADE                  ");
    add_cell(b, SUT_STR("PERSON"), WIDTH_PERSON);
    sut_buf_lit(b, "IN THE LOG\n");
}

/* A text of a buyer's, each of its lines set in; nothing in it moves the cursor. */
static void add_text(struct sut_buf *b, const char *label, sut_str text)
{
    char clean[4 * SUT_ORDER_ADDRESS_MAX];
    if (text.n == 0)
        return;
    sut_buf_z(b, label);
    sut_buf_char(b, '\n');
    for (sut_str rest = text; rest.n > 0;) {
        const size_t end = sut_str_find(rest, 0, '\n');
        sut_buf_lit(b, "    ");
        sut_buf_str_add(b,
                        sut_message_clean(sut_str_sub(rest, 0, end), SUT_ORDER_ADDRESS_MAX, clean));
        sut_buf_char(b, '\n');
        rest = sut_str_sub(rest, end + 1, rest.n);
    }
}

static void add_line(struct sut_buf *b, const struct sut_order_line *l)
{
    add_number(b, l->quantity, 5);
    add_money(b, l->price_cents, SUT_STR(""), 12);
    add_cell(b, l->sku, 20);
    sut_buf_str_add(b, l->product_name);
    if (l->size.n + l->color.n > 0) {
        sut_buf_lit(b, " (");
        sut_buf_str_add(b, l->size);
        if (l->size.n > 0 && l->color.n > 0)
            sut_buf_lit(b, ", ");
        sut_buf_str_add(b, l->color);
        sut_buf_char(b, ')');
    }
    sut_buf_char(b, '\n');
}

static void add_whole(struct sut_buf *b, const struct sut_order_shown *s)
{
    add_header(b);
    add_row(b, &s->rows[0], s->pseudonyms[0]);
    if (s->n_lines > 0)
        sut_buf_char(b, '\n');
    for (size_t i = 0; i < s->n_lines; i++)
        add_line(b, &s->lines[i]);
    if (s->n_changes > 0)
        sut_buf_char(b, '\n');
    for (size_t i = 0; i < s->n_changes; i++) {
        sut_time_iso(b, s->changes[i].at);
        sut_buf_lit(b, "  ");
        add_cell(b, sut_str_from(sut_order_status_word(s->changes[i].status)), WIDTH_WORD);
        if (s->changes[i].by > 0) {
            sut_buf_lit(b, "by ");
            sut_buf_i64(b, s->changes[i].by);
        }
        sut_buf_char(b, '\n');
    }
    if (s->rows[0].address.n + s->rows[0].notes.n + s->rows[0].reason.n > 0)
        sut_buf_char(b, '\n');
    add_text(b, "To:", s->rows[0].address);
    add_text(b, "Notes:", s->rows[0].notes);
    add_text(b, "Cancelled because:", s->rows[0].reason);
}

void sut_order_print_page(struct sut_buf *b, const struct sut_order_shown *s, bool is_json,
                          bool is_first, bool is_last)
{
    if (is_first && !is_json && s->n_rows > 0)
        add_header(b);
    for (size_t i = 0; i < s->n_rows; i++) {
        if (!is_json) {
            add_row(b, &s->rows[i], s->pseudonyms[i]);
            continue;
        }
        sut_buf_z(b, is_first && i == 0 ? "[" : ",\n ");
        struct sut_jw w = sut_jw_of(b);
        open_json(&w, &s->rows[i], s->pseudonyms[i]);
        sut_jw_obj_end(&w);
    }
    if (!is_last)
        return;
    const bool is_empty = is_first && s->n_rows == 0;
    if (is_json)
        sut_buf_z(b, is_empty ? "[]\n" : "]\n");
    else if (is_empty)
        sut_buf_lit(b, "no orders\n");
}

void sut_order_print_whole(struct sut_buf *b, const struct sut_order_shown *s, bool is_json)
{
    if (is_json)
        add_whole_json(b, s);
    else
        add_whole(b, s);
}
