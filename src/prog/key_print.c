/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/key_print.h"

#include "codec/json_out.h"
#include "codec/time.h"

enum { WIDTH_PURPOSE = 15, WIDTH_VERSION = 9, WIDTH_STATE = 10, WIDTH_MADE = 22, WIDTH_AGE = 8 };

static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;

static int64_t age_of(const struct sut_key_row *r, sut_ms now)
{
    return now.v > r->made_at.v ? (now.v - r->made_at.v) / day_ms : 0;
}

/* Previous keys are on their way out: their age is no fault. */
static bool is_over(const struct sut_key_row *r, sut_ms now)
{
    return r->greatest_days > 0 && r->made_at.v > 0 && sut_str_is(SUT_STR("current"), r->state) &&
           age_of(r, now) > r->greatest_days;
}

static void list_json(struct sut_buf *b, const struct sut_key_list *l, sut_ms now)
{
    struct sut_jw w = sut_jw_of(b);
    sut_jw_obj(&w);
    sut_jw_key(&w, "master");
    sut_jw_z(&w, l->master_id);
    sut_jw_key(&w, "keys");
    sut_jw_arr(&w);
    for (size_t i = 0; i < l->n; i++) {
        const struct sut_key_row *const r = &l->rows[i];
        sut_jw_obj(&w);
        sut_jw_key(&w, "purpose");
        sut_jw_z(&w, r->purpose);
        sut_jw_key(&w, "version");
        sut_jw_i64(&w, r->version);
        sut_jw_key(&w, "state");
        sut_jw_z(&w, r->state);
        sut_jw_key(&w, "made");
        if (r->made_at.v > 0)
            sut_jw_time(&w, r->made_at);
        else
            sut_jw_null(&w);
        sut_jw_key(&w, "age_days");
        if (r->made_at.v > 0)
            sut_jw_i64(&w, age_of(r, now));
        else
            sut_jw_null(&w);
        sut_jw_key(&w, "greatest_age_days");
        if (r->greatest_days > 0)
            sut_jw_i64(&w, r->greatest_days);
        else
            sut_jw_null(&w);
        sut_jw_key(&w, "is_over_age");
        sut_jw_bool(&w, is_over(r, now));
        sut_jw_key(&w, "kind");
        if (r->kind[0] != '\0')
            sut_jw_z(&w, r->kind);
        else
            sut_jw_null(&w);
        sut_jw_obj_end(&w);
    }
    sut_jw_arr_end(&w);
    sut_jw_key(&w, "unfinished");
    sut_jw_arr(&w);
    for (unsigned k = 0; k < SUT_KINDS; k++)
        if (l->unfinished[k])
            sut_jw_z(&w, sut_key_kinds[k].word);
    sut_jw_arr_end(&w);
    sut_jw_obj_end(&w);
    sut_buf_char(b, '\n');
}

/* The text and blanks up to the column's end, one at least. */
static void cell(struct sut_buf *b, sut_str text, size_t width)
{
    size_t n = text.n;
    sut_buf_str_add(b, text);
    do {
        sut_buf_char(b, ' ');
    } while (++n < width);
}

static void number_cell(struct sut_buf *b, int64_t v, const char *unit, size_t width)
{
    char text[32];
    struct sut_buf t = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
    sut_buf_i64(&t, v);
    sut_buf_z(&t, unit);
    cell(b, sut_buf_str(&t), width);
}

static void row_text(struct sut_buf *b, const struct sut_key_row *r, sut_ms now)
{
    char text[32];
    struct sut_buf made = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
    cell(b, sut_str_from(r->purpose), WIDTH_PURPOSE);
    number_cell(b, r->version, "", WIDTH_VERSION);
    cell(b, sut_str_from(r->state), WIDTH_STATE);
    if (r->made_at.v > 0)
        sut_time_iso(&made, r->made_at);
    else
        sut_buf_lit(&made, "-");
    cell(b, sut_buf_str(&made), WIDTH_MADE);
    if (r->made_at.v > 0)
        number_cell(b, age_of(r, now), " d", WIDTH_AGE);
    else
        cell(b, SUT_STR("-"), WIDTH_AGE);
    if (r->greatest_days > 0)
        number_cell(b, r->greatest_days, " d", 0);
    else
        sut_buf_lit(b, "- ");
    if (is_over(r, now))
        sut_buf_printf(b, " ! older than it should be: sutler key rotate %s", r->kind);
    while (b->n > 0 && b->p[b->n - 1] == ' ')
        b->n--;
    sut_buf_char(b, '\n');
}

void sut_key_print_list(struct sut_buf *b, const struct sut_key_list *l, bool is_json, sut_ms now)
{
    if (is_json) {
        list_json(b, l, now);
        return;
    }
    cell(b, SUT_STR("PURPOSE"), WIDTH_PURPOSE);
    cell(b, SUT_STR("VERSION"), WIDTH_VERSION);
    cell(b, SUT_STR("STATE"), WIDTH_STATE);
    cell(b, SUT_STR("IN USE SINCE"), WIDTH_MADE);
    cell(b, SUT_STR("AGE"), WIDTH_AGE);
    sut_buf_lit(b, "GREATEST\n");
    for (size_t i = 0; i < l->n; i++)
        row_text(b, &l->rows[i], now);
    sut_buf_printf(b, "\nthe master key's id is %s\n", l->master_id);
    for (unsigned k = 0; k < SUT_KINDS; k++)
        if (l->unfinished[k])
            sut_buf_printf(b, "a rotation of %s is not finished: `sutler key rotate %s` goes on\n",
                           sut_key_kinds[k].word, sut_key_kinds[k].word);
}

void sut_key_print_progress(struct sut_buf *b, const struct sut_key_status *s)
{
    sut_buf_printf(b, "%s: %s", sut_key_kinds[s->kind].word,
                   s->phase[0] == '\0' ? "begins" : s->phase);
    if (s->total > 0)
        sut_buf_printf(b, " %llu of %llu", (unsigned long long) s->done,
                       (unsigned long long) s->total);
}

void sut_key_print_end(struct sut_buf *b, const struct sut_key_status *s, bool is_json)
{
    if (!is_json) {
        sut_buf_printf(b, "%s\n", s->text);
        return;
    }
    struct sut_jw w = sut_jw_of(b);
    sut_jw_obj(&w);
    sut_jw_key(&w, "kind");
    sut_jw_z(&w, sut_key_kinds[s->kind].word);
    sut_jw_key(&w, "ok");
    sut_jw_bool(&w, !s->has_failed);
    sut_jw_key(&w, "text");
    sut_jw_z(&w, s->text);
    sut_jw_obj_end(&w);
    sut_buf_char(b, '\n');
}
