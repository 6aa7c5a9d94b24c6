/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/arena.h"
#include "codec/json_out.h"
#include "config/config.h"
#include "config/own.h"
#include "config/place.h"
#include "config/setting.h"

static const char mask[] = "********";

/* A URL whose password is masked, and all its parameters, since those may hold one too. */
static void put_masked_url(struct sut_buf *out, sut_str url)
{
    const sut_str password = sut_place__password_of(url);
    const size_t query = sut_str_find(url, 0, '?');
    const sut_str shown = sut_str_sub(url, 0, query);
    if (password.n > 0) {
        const size_t at = (size_t) (password.p - url.p);
        sut_buf_str_add(out, sut_str_sub(url, 0, at));
        sut_buf_z(out, mask);
        if (at + password.n <= shown.n)
            sut_buf_str_add(out, sut_str_sub(shown, at + password.n, shown.n));
    } else {
        sut_buf_str_add(out, shown);
    }
    if (query < url.n) {
        sut_buf_lit(out, "?");
        sut_buf_z(out, mask);
    }
}

/* What may be seen of a value; true when a secret stands behind it. */
static bool put_value(const struct sut_config *c, const struct sut_setting *s, struct sut_buf *out)
{
    struct sut_config shallow = *c;
    struct sut_secret **secret = sut_setting__secret(s, &shallow);
    const struct sut_config_value *v = &c->own->values[sut_setting__index(s)];
    if (secret == NULL || *secret == NULL) {
        const bool follows = s->offset == offsetof(struct sut_config, server.keys) && v->raw.n == 0;
        sut_buf_str_add(out, follows ? c->server.keys : v->raw);
        return false;
    }
    if (s->kind == SUT_KIND_STORE || s->kind == SUT_KIND_SECRET_URL)
        put_masked_url(out, sut_secret_str(*secret));
    else
        sut_buf_z(out, mask);
    return true;
}

SUT_ERR sut_config_show(const struct sut_config *c, struct sut_buf *out)
{
    size_t n = 0;
    const struct sut_setting *all = sut_setting__all(&n);
    for (size_t i = 0; i < n; i++) {
        const size_t from = out->n;
        sut_buf_printf(out, "%s.%s = ", all[i].section, all[i].key);
        (void) put_value(c, &all[i], out);
        /* Origins begin in one column where the value leaves room. */
        do {
            sut_buf_char(out, ' ');
        } while (!out->overflowed && out->n - from < 56);
        sut_buf_lit(out, "# ");
        sut_buf_str_add(out, c->own->values[i].origin);
        sut_buf_char(out, '\n');
    }
    return sut_buf_check(out);
}

SUT_ERR sut_config_show_json(const struct sut_config *c, struct sut_buf *out)
{
    size_t n = 0;
    const struct sut_setting *all = sut_setting__all(&n);
    struct sut_buf text;
    sut_buf_init(&text, (size_t) 16 * 1024);
    struct sut_jw w = sut_jw_of(out);
    sut_jw_obj(&w);
    sut_jw_key(&w, "settings");
    sut_jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        sut_jw_obj(&w);
        sut_buf_reset(&text);
        sut_buf_printf(&text, "%s.%s", all[i].section, all[i].key);
        sut_jw_key(&w, "name");
        sut_jw_str(&w, sut_buf_str(&text));
        sut_buf_reset(&text);
        const bool is_secret = put_value(c, &all[i], &text);
        sut_jw_key(&w, "value");
        sut_jw_str(&w, text.n == 0 ? SUT_STR("") : sut_buf_str(&text));
        sut_jw_key(&w, "origin");
        sut_jw_str(&w, c->own->values[i].origin);
        sut_jw_key(&w, "secret");
        sut_jw_bool(&w, is_secret);
        sut_jw_obj_end(&w);
    }
    sut_jw_arr_end(&w);
    sut_jw_obj_end(&w);
    sut_buf_char(out, '\n');
    const sut_err e = sut_buf_check(&text);
    sut_buf_done(&text);
    TRY(e);
    return sut_buf_check(out);
}
