/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/user_print.h"

#include <stdio.h>

#include "base/buf.h"
#include "codec/json_out.h"
#include "codec/time.h"
#include "codec/utf8.h"
#include "store/factor.h"

enum { TEXT_MAX = 64 * 1024, WIDTH_ID = 8, WIDTH_EMAIL = 34, WIDTH_NAME = 26, WIDTH_ROLE = 10 };

void sut_user_printer_init(struct sut_user_printer *p, bool is_json, bool is_list)
{
    *p = (struct sut_user_printer){ .is_json = is_json, .is_list = is_list };
}

/* Marks that change the direction of text, and separators of lines. */
static bool is_steering(uint32_t cp)
{
    return sut_utf8_is_control(cp) || cp == 0x061c || (cp >= 0x200b && cp <= 0x200f) ||
           (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff;
}

static size_t add_plain(struct sut_buf *b, sut_str s)
{
    size_t n = 0;
    uint32_t cp = 0;
    for (size_t at = 0; sut_utf8_next(s, &at, &cp); n++) {
        char raw[4];
        const uint32_t shown = is_steering(cp) ? 0xfffd : cp;
        sut_buf_add(b, raw, sut_utf8_put(shown, raw));
    }
    return n;
}

static void pad(struct sut_buf *b, size_t n, size_t width)
{
    do {
        sut_buf_char(b, ' ');
    } while (++n < width);
}

static void add_cell(struct sut_buf *b, sut_str s, size_t width)
{
    pad(b, add_plain(b, s), width);
}

static const struct {
    int64_t bit;
    const char *word;
} factors[] = { { SUT_FACTOR_TOTP, "totp" }, { SUT_FACTOR_PASSKEY, "passkey" } };

/* "staff; Product Managers; disabled; unverified; totp" */
static void add_standing(struct sut_buf *b, const struct sut_user_row *u)
{
    const char *separator = "";
    sut_str rest = u->groups;
    while (rest.n > 0) {
        const size_t end = sut_str_find(rest, 0, '\n');
        sut_buf_z(b, separator);
        (void) add_plain(b, sut_str_sub(rest, 0, end));
        rest = sut_str_sub(rest, end + 1, rest.n);
        separator = "; ";
    }
    if (!u->is_active) {
        sut_buf_z(b, separator);
        sut_buf_lit(b, "disabled");
        separator = "; ";
    }
    if (!u->is_verified) {
        sut_buf_z(b, separator);
        sut_buf_lit(b, "unverified");
        separator = "; ";
    }
    for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++)
        if ((u->factors & factors[i].bit) != 0) {
            sut_buf_z(b, separator);
            sut_buf_z(b, factors[i].word);
            separator = "; ";
        }
    if (u->locked_until.v > 0) {
        sut_buf_z(b, separator);
        sut_buf_lit(b, "locked until ");
        sut_time_iso(b, u->locked_until);
    }
}

static void add_header(struct sut_buf *b)
{
    add_cell(b, SUT_STR("ID"), WIDTH_ID);
    add_cell(b, SUT_STR("EMAIL"), WIDTH_EMAIL);
    add_cell(b, SUT_STR("NAME"), WIDTH_NAME);
    add_cell(b, SUT_STR("ROLE"), WIDTH_ROLE);
    sut_buf_lit(b, "LAST SIGN-IN          STANDING\n");
}

static void add_table_row(struct sut_buf *b, const struct sut_user_row *u)
{
    char digits[24];
    const int n = snprintf(digits, sizeof(digits), "%lld", (long long) u->id);
    add_cell(b, sut_str_of(digits, (size_t) n), WIDTH_ID);
    add_cell(b, u->email, WIDTH_EMAIL);
    size_t width = add_plain(b, u->first_name);
    if (u->first_name.n > 0 && u->last_name.n > 0) {
        sut_buf_char(b, ' ');
        width++;
    }
    width += add_plain(b, u->last_name);
    pad(b, width, WIDTH_NAME);
    add_cell(b, sut_str_from(sut_user_role_name(u->role)), WIDTH_ROLE);
    if (u->last_login.v > 0)
        sut_time_iso(b, u->last_login);
    else
        sut_buf_lit(b, "never               ");
    sut_buf_lit(b, "  ");
    add_standing(b, u);
    while (b->n > 0 && b->p[b->n - 1] == ' ')
        b->n--;
    sut_buf_char(b, '\n');
    if (u->pseudonym.n > 0) {
        sut_buf_lit(b, "in the log: ");
        (void) add_plain(b, u->pseudonym);
        sut_buf_char(b, '\n');
    }
}

static void add_json(struct sut_buf *b, const struct sut_user_row *u, bool is_list)
{
    struct sut_jw w = sut_jw_of(b);
    sut_jw_obj(&w);
    sut_jw_key(&w, "id");
    sut_jw_i64(&w, u->id);
    sut_jw_key(&w, "email");
    sut_jw_str(&w, u->email);
    sut_jw_key(&w, "first_name");
    sut_jw_str(&w, u->first_name);
    sut_jw_key(&w, "last_name");
    sut_jw_str(&w, u->last_name);
    sut_jw_key(&w, "role");
    sut_jw_z(&w, sut_user_role_name(u->role));
    sut_jw_key(&w, "groups");
    sut_jw_arr(&w);
    for (sut_str rest = u->groups; rest.n > 0;) {
        const size_t end = sut_str_find(rest, 0, '\n');
        sut_jw_str(&w, sut_str_sub(rest, 0, end));
        rest = sut_str_sub(rest, end + 1, rest.n);
    }
    sut_jw_arr_end(&w);
    sut_jw_key(&w, "is_active");
    sut_jw_bool(&w, u->is_active);
    sut_jw_key(&w, "email_verified");
    sut_jw_bool(&w, u->is_verified);
    sut_jw_key(&w, "joined");
    sut_jw_time(&w, u->joined);
    sut_jw_key(&w, "last_login");
    if (u->last_login.v > 0)
        sut_jw_time(&w, u->last_login);
    else
        sut_jw_null(&w);
    if (!is_list) {
        sut_jw_key(&w, "factors");
        sut_jw_arr(&w);
        for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++)
            if ((u->factors & factors[i].bit) != 0)
                sut_jw_z(&w, factors[i].word);
        sut_jw_arr_end(&w);
    }
    if (u->locked_until.v > 0) {
        sut_jw_key(&w, "locked_until");
        sut_jw_time(&w, u->locked_until);
    }
    if (u->pseudonym.n > 0) {
        sut_jw_key(&w, "pseudonym");
        sut_jw_str(&w, u->pseudonym);
    }
    sut_jw_obj_end(&w);
}

SUT_ERR sut_user_printer_rows(struct sut_user_printer *p, const struct sut_user_row *rows, size_t n)
{
    struct sut_buf b;
    sut_buf_init(&b, TEXT_MAX);
    sut_err e = SUT_OK;
    for (size_t i = 0; i < n && !sut_failed(e); i++, p->n++) {
        sut_buf_reset(&b);
        if (p->is_json) {
            sut_buf_z(&b, p->n > 0 ? ",\n " : p->is_list ? "[" : "");
            add_json(&b, &rows[i], p->is_list);
        } else {
            if (p->n == 0)
                add_header(&b);
            add_table_row(&b, &rows[i]);
        }
        e = sut_buf_check(&b);
        if (!sut_failed(e))
            (void) fwrite(b.p, 1, b.n, stdout);
    }
    sut_buf_done(&b);
    return e;
}

bool sut_user_printer_end(struct sut_user_printer *p)
{
    if (p->is_json && p->is_list)
        (void) fputs(p->n > 0 ? "]\n" : "[]\n", stdout);
    else if (p->is_json)
        (void) fputs("\n", stdout);
    else if (p->n == 0)
        (void) fputs("nobody\n", stdout);
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}
