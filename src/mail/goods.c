/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/goods.h"

#include "codec/json.h"
#include "codec/json_out.h"
#include "codec/utf8.h"
#include "mail/message.h"
#include "store/outbox.h"

enum {
    JSON_CHAR_MAX = 6, /* bytes of one that is escaped */
    AROUND = 64,       /* of a row's names and its number */
    ROW_MAX = (SUT_MAIL_GOODS_NAME_MAX + SUT_MAIL_GOODS_SUM_MAX) * JSON_CHAR_MAX + AROUND,
    OTHERS = 4096, /* what a mail says beside */
};
_Static_assert((int) SUT_MAIL_GOODS_MAX *ROW_MAX + OTHERS <= (int) SUT_OUTBOX_PAYLOAD_MAX,
               "the longest list fits");

void sut_mail_escaped(struct sut_buf *b, sut_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '&':
            sut_buf_lit(b, "&amp;");
            break;
        case '<':
            sut_buf_lit(b, "&lt;");
            break;
        case '>':
            sut_buf_lit(b, "&gt;");
            break;
        case '"':
            sut_buf_lit(b, "&quot;");
            break;
        case '\'':
            sut_buf_lit(b, "&#39;");
            break;
        default:
            sut_buf_char(b, s.p[i]);
        }
    }
}

/* --- the payload --- */

void sut_mail_goods_put(struct sut_jw *w, const struct sut_mail_goods *g)
{
    const size_t n = g->n < SUT_MAIL_GOODS_MAX ? g->n : SUT_MAIL_GOODS_MAX;
    sut_jw_key(w, "goods");
    sut_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        sut_jw_obj(w);
        sut_jw_key(w, "name");
        sut_jw_str(w, sut_utf8_head(g->rows[i].name, SUT_MAIL_GOODS_NAME_MAX));
        sut_jw_key(w, "n");
        sut_jw_i64(w, g->rows[i].quantity);
        sut_jw_key(w, "sum");
        sut_jw_str(w, sut_utf8_head(g->rows[i].sum, SUT_MAIL_GOODS_SUM_MAX));
        sut_jw_obj_end(w);
    }
    sut_jw_arr_end(w);
    sut_jw_key(w, "more");
    sut_jw_i64(w, g->n_more + (int64_t) (g->n - n));
    sut_jw_key(w, "total");
    sut_jw_str(w, g->total);
}

static SUT_ERR get_text(struct sut_arena *a, const struct sut_json *o, const char *key, size_t max,
                        sut_str *ret)
{
    const struct sut_json *const v = sut_json_get(o, key);
    char *to = sut_arena_bytes(a, 4 * max);
    ENSURE(v != NULL && v->type == SUT_JSON_STRING, PARSE);
    ENSURE(to != NULL, NOMEM);
    *ret = sut_message_clean(v->s, max, to);
    return SUT_OK;
}

static SUT_ERR get_count(const struct sut_json *o, const char *key, int64_t *ret)
{
    const struct sut_json *const v = sut_json_get(o, key);
    ENSURE(v != NULL && v->type == SUT_JSON_INT && v->i >= 0, PARSE);
    *ret = v->i;
    return SUT_OK;
}

static SUT_ERR get_row(struct sut_arena *a, const struct sut_json *o, struct sut_mail_good *ret)
{
    TRY(get_text(a, o, "name", SUT_MAIL_GOODS_NAME_MAX, &ret->name));
    TRY(get_text(a, o, "sum", SUT_MAIL_GOODS_SUM_MAX, &ret->sum));
    return get_count(o, "n", &ret->quantity);
}

SUT_ERR sut_mail_goods_get(struct sut_arena *a, const struct sut_json *o,
                           struct sut_mail_goods *ret)
{
    const struct sut_json *const list = sut_json_get(o, "goods");
    *ret = (struct sut_mail_goods){ .total = SUT_STR("") };
    if (list == NULL)
        return SUT_OK;
    ENSURE(list->type == SUT_JSON_ARRAY && list->n <= SUT_MAIL_GOODS_MAX, PARSE);
    struct sut_mail_good *rows = ARENA_ARRAY(a, struct sut_mail_good, list->n + 1);
    ENSURE(rows != NULL, NOMEM);
    for (size_t i = 0; i < list->n; i++)
        TRY(get_row(a, &list->items[i], &rows[i]));
    ret->rows = rows;
    ret->n = list->n;
    TRY(get_count(o, "more", &ret->n_more));
    return get_text(a, o, "total", SUT_MAIL_GOODS_SUM_MAX, &ret->total);
}

/* --- written out --- */

static void add_more(struct sut_buf *b, int64_t n)
{
    sut_buf_lit(b, "and ");
    sut_buf_i64(b, n);
    sut_buf_z(b, n == 1 ? " more line" : " more lines");
}

void sut_mail_goods_text(struct sut_buf *b, const struct sut_mail_goods *g)
{
    if (g->n == 0 && g->total.n == 0)
        return;
    for (size_t i = 0; i < g->n; i++) {
        sut_buf_lit(b, "    ");
        sut_buf_i64(b, g->rows[i].quantity);
        sut_buf_lit(b, " x ");
        sut_buf_str_add(b, g->rows[i].name);
        sut_buf_lit(b, ": ");
        sut_buf_str_add(b, g->rows[i].sum);
        sut_buf_char(b, '\n');
    }
    if (g->n_more > 0) {
        sut_buf_lit(b, "    ");
        add_more(b, g->n_more);
        sut_buf_char(b, '\n');
    }
    if (g->total.n > 0) {
        sut_buf_lit(b, "    Total: ");
        sut_buf_str_add(b, g->total);
        sut_buf_char(b, '\n');
    }
    sut_buf_char(b, '\n');
}

#define CELL  "<td style=\"padding:2px 16px 2px 0\">"
#define RIGHT "<td style=\"padding:2px 0;text-align:right\">"

static void add_html_row(struct sut_buf *b, const struct sut_mail_good *g)
{
    sut_buf_lit(b, "<tr><td style=\"padding:2px 16px 2px 0;color:#666666\">");
    sut_buf_i64(b, g->quantity);
    sut_buf_lit(b, "&nbsp;&times;</td>" CELL);
    sut_mail_escaped(b, g->name);
    sut_buf_lit(b, "</td>" RIGHT);
    sut_mail_escaped(b, g->sum);
    sut_buf_lit(b, "</td></tr>\n");
}

void sut_mail_goods_html(struct sut_buf *b, const struct sut_mail_goods *g)
{
    if (g->n == 0 && g->total.n == 0)
        return;
    sut_buf_lit(b, "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\""
                   " style=\"margin:0 0 16px\">\n");
    for (size_t i = 0; i < g->n; i++)
        add_html_row(b, &g->rows[i]);
    if (g->n_more > 0) {
        sut_buf_lit(b, "<tr><td></td>" CELL);
        add_more(b, g->n_more);
        sut_buf_lit(b, "</td><td></td></tr>\n");
    }
    if (g->total.n > 0) {
        sut_buf_lit(b,
                    "<tr><td></td><td style=\"padding:8px 16px 2px 0;font-weight:bold\">Total</td>"
                    "<td style=\"padding:8px 0 2px;font-weight:bold;text-align:right\">");
        sut_mail_escaped(b, g->total);
        sut_buf_lit(b, "</td></tr>\n");
    }
    sut_buf_lit(b, "</table>\n");
}
