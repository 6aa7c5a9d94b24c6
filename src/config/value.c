/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/arena.h"
#include "base/scan.h"
#include "base/secret.h"
#include "codec/email.h"
#include "config/place.h"
#include "config/setting.h"

enum { TEXT_MAX = 4096, LIST_MAX = 256, KEY_BYTES = 32, MS_PER_S = 1000 };

struct unit {
    const char *name;
    int64_t times;
};

static const struct unit byte_units[] = {
    { "", 1 },          { "K", 1 << 10 }, { "KiB", 1 << 10 }, { "M", 1 << 20 },
    { "MiB", 1 << 20 }, { "G", 1 << 30 }, { "GiB", 1 << 30 }, { NULL, 0 },
};

static const struct unit time_units[] = {
    { "ms", 1 },
    { "s", MS_PER_S },
    { "m", 60 * MS_PER_S },
    { "h", 3600 * MS_PER_S },
    { "d", 86400 * MS_PER_S },
    { NULL, 0 },
};

static const struct unit rate_units[] = {
    { "s", MS_PER_S },
    { "sec", MS_PER_S },
    { "second", MS_PER_S },
    { "m", 60 * MS_PER_S },
    { "min", 60 * MS_PER_S },
    { "minute", 60 * MS_PER_S },
    { "h", 3600 * MS_PER_S },
    { "hour", 3600 * MS_PER_S },
    { "d", 86400 * MS_PER_S },
    { "day", 86400 * MS_PER_S },
    { NULL, 0 },
};

/* What one application of one setting needs. */
struct use {
    const struct sut_setting *s;
    struct sut_arena *arena;
    struct sut_config *config;
    void *field;
    struct sut_diag *d;
};

static SUT_ERR dup(struct sut_arena *a, sut_str s, sut_str *ret)
{
    char *z = sut_str_z(a, s);
    ENSURE(z != NULL, NOMEM);
    *ret = sut_str_of(z, s.n);
    return SUT_OK;
}

static SUT_ERR no_value(const struct use *u, sut_str raw, const char *what, const char *hint)
{
    sut_diag_set(u->d, "`%.*s` is no %s", SUT_STR_ARG(sut_str_sub(raw, 0, 80)), what);
    sut_diag_hint(u->d, "%s", hint);
    FAIL(INVALID);
}

/* An amount in the smallest unit, in a form that people write; for messages. */
static void put_amount(struct sut_buf *b, const struct unit *units, int64_t v)
{
    const struct unit *best = &units[0];
    for (const struct unit *u = units; u->name != NULL; u++) {
        if (v != 0 && v % u->times == 0 && u->times > best->times)
            best = u;
    }
    sut_buf_printf(b, "%lld%s", (long long) (v / best->times), best->name);
}

static SUT_ERR in_range(const struct use *u, sut_str raw, const struct unit *units, int64_t v,
                        int64_t min, int64_t max)
{
    if (v >= min && v <= max)
        return SUT_OK;
    struct sut_buf b;
    sut_buf_init_arena(&b, u->arena, 128);
    put_amount(&b, units, min);
    sut_buf_lit(&b, " to ");
    put_amount(&b, units, max);
    TRY(sut_buf_check(&b));
    sut_diag_set(u->d, "`%.*s` is out of range", SUT_STR_ARG(sut_str_sub(raw, 0, 80)));
    sut_diag_hint(u->d, "it must be %.*s", SUT_STR_ARG(sut_buf_str(&b)));
    FAIL(INVALID);
}

/* A whole number and one of the units; PARSE when it is anything else. */
static SUT_ERR amount(sut_str raw, const struct unit *units, int64_t *ret)
{
    struct sut_scan c = sut_scan_of(raw);
    uint64_t v = 0;
    TRY(sut_scan_u64(&c, INT64_MAX, &v));
    const sut_str unit = sut_str_trim(sut_scan_rest(&c));
    for (const struct unit *u = units; u->name != NULL; u++) {
        if (sut_str_eq_nocase(unit, sut_str_from(u->name))) {
            ENSURE(!__builtin_mul_overflow((int64_t) v, u->times, ret), PARSE);
            return SUT_OK;
        }
    }
    FAIL(PARSE);
}

static SUT_ERR put_u32(const struct use *u, int64_t v)
{
    SUT_BUG_IF(v < 0 || v > UINT32_MAX);
    const uint32_t narrow = (uint32_t) v;
    memcpy(u->field, &narrow, sizeof(narrow));
    return SUT_OK;
}

static SUT_ERR put_count(const struct use *u, sut_str raw)
{
    static const struct unit plain[] = { { "", 1 }, { NULL, 0 } };
    int64_t v = 0;
    if (sut_failed(amount(raw, plain, &v)))
        return no_value(u, raw, "whole number", "write digits alone");
    TRY(in_range(u, raw, plain, v, u->s->min, u->s->max));
    return put_u32(u, v);
}

static SUT_ERR put_bytes(const struct use *u, sut_str raw, bool is_wide)
{
    int64_t v = 0;
    if (sut_failed(amount(raw, byte_units, &v)))
        return no_value(u, raw, "size", "write a number of bytes, or with K, M or G: 64K");
    TRY(in_range(u, raw, byte_units, v, u->s->min, u->s->max));
    if (!is_wide)
        return put_u32(u, v);
    const uint64_t wide = (uint64_t) v;
    memcpy(u->field, &wide, sizeof(wide));
    return SUT_OK;
}

static SUT_ERR put_duration(const struct use *u, sut_str raw, int64_t grain_ms)
{
    int64_t v = 0;
    if (sut_failed(amount(raw, time_units, &v)) || v % grain_ms != 0)
        return no_value(u, raw, "duration",
                        grain_ms == 1 ? "write a number and ms, s, m, h or d: 250ms, 10s"
                                      : "write a number and s, m, h or d: 90s, 15m, 14d");
    TRY(in_range(u, raw, time_units, v, u->s->min * grain_ms, u->s->max * grain_ms));
    return put_u32(u, v / grain_ms);
}

static SUT_ERR put_rate(const struct use *u, sut_str raw)
{
    const size_t slash = sut_str_find(raw, 0, '/');
    const sut_str unit = sut_str_trim(sut_str_sub(raw, slash + 1, raw.n));
    uint64_t count = 0;
    const struct unit *per = rate_units;
    while (per->name != NULL && !sut_str_eq_nocase(unit, sut_str_from(per->name)))
        per++;
    if (slash >= raw.n || per->name == NULL ||
        sut_failed(sut_parse_u64(sut_str_trim(sut_str_sub(raw, 0, slash)), (uint64_t) u->s->max,
                                 &count)) ||
        count == 0)
        return no_value(u, raw, "rate",
                        "write N/second, N/minute, N/hour or N/day (or N/s, /m, /h, /d), N from 1");
    const struct sut_config_rate rate = {
        .count = (uint32_t) count,
        .window_ms = (uint32_t) per->times,
    };
    memcpy(u->field, &rate, sizeof(rate));
    return SUT_OK;
}

static SUT_ERR put_bool(const struct use *u, sut_str raw)
{
    static const char *const words[] = {
        "no", "yes", "false", "true", "off", "on", "0", "1", NULL
    };
    for (size_t i = 0; words[i] != NULL; i++) {
        if (sut_str_eq_nocase(raw, sut_str_from(words[i]))) {
            const bool v = i % 2 == 1;
            memcpy(u->field, &v, sizeof(v));
            return SUT_OK;
        }
    }
    return no_value(u, raw, "yes or no", "write yes or no (true, false, on, off, 1, 0 do too)");
}

static SUT_ERR put_choice(const struct use *u, sut_str raw)
{
    const int found = sut_setting__choice(u->s->choices, raw);
    if (found >= 0) {
        const unsigned v = (unsigned) found;
        memcpy(u->field, &v, sizeof(v));
        return SUT_OK;
    }
    struct sut_buf b;
    sut_buf_init_arena(&b, u->arena, 256);
    for (size_t i = 0; u->s->choices[i] != NULL; i++)
        sut_buf_printf(&b, "%s%s", i == 0 ? "" : ", ", u->s->choices[i]);
    TRY(sut_buf_check(&b));
    sut_diag_set(u->d, "`%.*s` is none of the choices", SUT_STR_ARG(sut_str_sub(raw, 0, 80)));
    sut_diag_hint(u->d, "one of: %.*s", SUT_STR_ARG(sut_buf_str(&b)));
    FAIL(INVALID);
}

static bool is_printable(sut_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        const unsigned char c = (unsigned char) s.p[i];
        if (c < ' ' || c == 0x7f)
            return false;
    }
    return true;
}

static SUT_ERR put_text(const struct use *u, sut_str raw)
{
    const size_t max = u->s->max == 0 ? TEXT_MAX : (size_t) u->s->max;
    if (raw.n > max || raw.n < (size_t) u->s->min) {
        sut_diag_set(u->d, "the text has %zu bytes", raw.n);
        sut_diag_hint(u->d, "it may have %lld to %zu", (long long) u->s->min, max);
        FAIL(INVALID);
    }
    if (!is_printable(raw)) {
        sut_diag_set(u->d, "the text holds a control character");
        FAIL(INVALID);
    }
    ENSURE(raw.n == 0 || u->s->check == NULL || u->s->check(raw, u->d), INVALID);
    sut_str v;
    TRY(dup(u->arena, raw, &v));
    memcpy(u->field, &v, sizeof(v));
    return SUT_OK;
}

/* The next item of a list parted by commas and blanks; false at the end. */
static bool next_item(struct sut_scan *c, sut_str *ret)
{
    static const char parting[] = ", \t";
    while (!sut_scan_at_end(c) && strchr(parting, *c->p) != NULL)
        c->p++;
    const char *from = c->p;
    while (!sut_scan_at_end(c) && (*c->p == '\0' || strchr(parting, *c->p) == NULL))
        c->p++;
    *ret = sut_str_of(from, (size_t) (c->p - from));
    return ret->n > 0;
}

static SUT_ERR put_item(const struct use *u, sut_str item, void *items, size_t at)
{
    sut_str *texts = items;
    struct sut_config_addr *addrs = items;
    struct sut_config_net *nets = items;
    if (u->s->kind == SUT_KIND_ADDRS)
        return sut_place__addr(item, u->arena, &addrs[at], u->d);
    if (u->s->kind == SUT_KIND_NETS)
        return sut_place__net(item, u->arena, &nets[at], u->d);
    if (u->s->kind == SUT_KIND_HOSTS)
        return sut_place__host(item, u->arena, &texts[at], u->d);
    return sut_place__origin(item, u->arena, &texts[at], u->d);
}

/* All lists are { pointer, count } whatever the items are. */
static SUT_ERR put_list(const struct use *u, sut_str raw, size_t size)
{
    struct sut_config_list list = { .items = NULL };
    sut_str item;
    struct sut_scan c = sut_scan_of(raw);
    while (next_item(&c, &item))
        list.n++;
    if (list.n > LIST_MAX) {
        sut_diag_set(u->d, "the list has %zu entries, at most %d are possible", list.n, LIST_MAX);
        FAIL(INVALID);
    }
    void *items = sut_arena_alloc(u->arena, list.n + 1, size, _Alignof(max_align_t));
    ENSURE(items != NULL, NOMEM);
    c = sut_scan_of(raw);
    for (size_t i = 0; next_item(&c, &item); i++)
        TRY(put_item(u, item, items, i));
    list.items = items;
    memcpy(u->field, &list, sizeof(list));
    return SUT_OK;
}

static SUT_ERR put_url(const struct use *u, sut_str raw)
{
    sut_str v = SUT_STR("");
    if (raw.n > 0)
        TRY(sut_place__url(raw, u->arena, &v, u->d));
    memcpy(u->field, &v, sizeof(v));
    return SUT_OK;
}

static SUT_ERR put_secret(const struct use *u, sut_str raw)
{
    if (raw.n > TEXT_MAX || !is_printable(raw)) {
        sut_diag_set(u->d, "the secret holds a control character or is longer than %d bytes",
                     TEXT_MAX);
        FAIL(INVALID);
    }
    struct sut_secret *made = NULL;
    if (raw.n > 0)
        TRY(sut_secret_dup(raw, &made));
    struct sut_secret **field = u->field;
    sut_secret_free(field);
    *field = made;
    return SUT_OK;
}

static SUT_ERR put_secret_url(const struct use *u, sut_str raw)
{
    if (raw.n > 0 && !sut_str_starts(raw, SUT_STR("redis://")) &&
        !sut_str_starts(raw, SUT_STR("rediss://"))) {
        sut_diag_set(u->d, "the URL begins with neither redis:// nor rediss://");
        FAIL(INVALID);
    }
    return put_secret(u, raw);
}

static SUT_ERR put_key(const struct use *u, sut_str raw)
{
    struct sut_secret *made = NULL;
    if (raw.n > 0) {
        TRY(sut_secret_create(KEY_BYTES, &made));
        if (sut_failed(sut_parse_hex(raw, sut_secret_bytes(made), KEY_BYTES))) {
            sut_secret_free(&made);
            sut_diag_set(u->d, "the key is not made of 64 hexadecimal digits");
            sut_diag_hint(u->d, "`openssl rand -hex 32` makes one");
            FAIL(INVALID);
        }
    }
    struct sut_secret **field = u->field;
    sut_secret_free(field);
    *field = made;
    return SUT_OK;
}

/* sqlite:, sqlite:///relative, sqlite:////absolute, as dj-database-url writes them. */
static SUT_ERR put_embedded(const struct use *u, sut_str raw)
{
    sut_str path = sut_str_sub(raw, sizeof("sqlite:") - 1, raw.n);
    const bool has_slashes = sut_str_starts(path, SUT_STR("///"));
    if (has_slashes)
        path = sut_str_sub(path, 3, path.n);
    if ((path.n > 0 && !has_slashes) || sut_str_is(path, ":memory:") || !is_printable(path) ||
        sut_str_find(path, 0, '?') < path.n) {
        sut_diag_set(u->d, "`%.*s` is no place of an embedded store",
                     SUT_STR_ARG(sut_str_sub(raw, 0, 80)));
        sut_diag_hint(u->d, "write sqlite: for the data folder, or sqlite:///RELATIVE, "
                            "sqlite:////ABSOLUTE");
        FAIL(INVALID);
    }
    TRY(dup(u->arena, path, &u->config->store.path));
    sut_secret_free(&u->config->store.url);
    u->config->store.kind = SUT_STORE_EMBEDDED;
    return SUT_OK;
}

static SUT_ERR put_store(const struct use *u, sut_str raw)
{
    if (raw.n == 0 || sut_str_starts(raw, SUT_STR("sqlite:")))
        return put_embedded(u, raw.n == 0 ? SUT_STR("sqlite:") : raw);
    if (!sut_str_starts(raw, SUT_STR("postgres://")) &&
        !sut_str_starts(raw, SUT_STR("postgresql://"))) {
        /* The scheme alone is told: the rest may hold a password. */
        const sut_str scheme = sut_str_sub(raw, 0, sut_str_find(raw, 0, ':'));
        sut_diag_set(u->d, "`%.*s:` is no database that Sutler knows",
                     SUT_STR_ARG(sut_str_sub(scheme, 0, 20)));
        sut_diag_hint(u->d,
                      "postgres://USER:PASSWORD@HOST/NAME, or sqlite: for the embedded store");
        FAIL(INVALID);
    }
    TRY(put_secret(u, raw));
    u->config->store.kind = SUT_STORE_POSTGRES;
    u->config->store.path = SUT_STR("");
    return SUT_OK;
}

SUT_ERR sut_setting__apply(const struct sut_setting *s, sut_str raw, struct sut_arena *a,
                           struct sut_config *c, struct sut_diag *reterr_diag)
{
    struct use u = { .s = s, .arena = a, .config = c, .d = reterr_diag };
    u.field = (unsigned char *) c + s->offset;
    switch (s->kind) {
    case SUT_KIND_TEXT:
    case SUT_KIND_PATH:
        return put_text(&u, raw);
    case SUT_KIND_BOOL:
        return put_bool(&u, raw);
    case SUT_KIND_COUNT:
        return put_count(&u, raw);
    case SUT_KIND_BYTES:
        return put_bytes(&u, raw, true);
    case SUT_KIND_BYTES32:
        return put_bytes(&u, raw, false);
    case SUT_KIND_SECONDS:
        return put_duration(&u, raw, MS_PER_S);
    case SUT_KIND_MILLIS:
        return put_duration(&u, raw, 1);
    case SUT_KIND_RATE:
        return put_rate(&u, raw);
    case SUT_KIND_CHOICE:
        return put_choice(&u, raw);
    case SUT_KIND_ADDRS:
        return put_list(&u, raw, sizeof(struct sut_config_addr));
    case SUT_KIND_NETS:
        return put_list(&u, raw, sizeof(struct sut_config_net));
    case SUT_KIND_HOSTS:
    case SUT_KIND_ORIGINS:
        return put_list(&u, raw, sizeof(sut_str));
    case SUT_KIND_URL:
        return put_url(&u, raw);
    case SUT_KIND_SECRET:
        return put_secret(&u, raw);
    case SUT_KIND_SECRET_URL:
        return put_secret_url(&u, raw);
    case SUT_KIND_KEY:
        return put_key(&u, raw);
    case SUT_KIND_STORE:
        return put_store(&u, raw);
    }
    FAIL(INVALID);
}

struct sut_secret **sut_setting__secret(const struct sut_setting *s, struct sut_config *c)
{
    switch (s->kind) {
    case SUT_KIND_SECRET:
    case SUT_KIND_SECRET_URL:
    case SUT_KIND_KEY:
    case SUT_KIND_STORE:
        return (struct sut_secret **) (void *) ((unsigned char *) c + s->offset);
    case SUT_KIND_TEXT:
    case SUT_KIND_PATH:
    case SUT_KIND_BOOL:
    case SUT_KIND_COUNT:
    case SUT_KIND_BYTES:
    case SUT_KIND_BYTES32:
    case SUT_KIND_SECONDS:
    case SUT_KIND_MILLIS:
    case SUT_KIND_RATE:
    case SUT_KIND_CHOICE:
    case SUT_KIND_ADDRS:
    case SUT_KIND_NETS:
    case SUT_KIND_HOSTS:
    case SUT_KIND_ORIGINS:
    case SUT_KIND_URL:
        break;
    }
    return NULL;
}

static bool all_upper(sut_str v, size_t least, size_t most)
{
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < 'A' || v.p[i] > 'Z')
            return false;
    }
    return v.n >= least && v.n <= most;
}

bool sut_setting__is_currency(sut_str v, struct sut_diag *d)
{
    if (all_upper(v, 3, 3))
        return true;
    sut_diag_set(d, "`%.*s` is no currency", SUT_STR_ARG(v));
    sut_diag_hint(d, "write its three capital letters: USD, ZAR");
    return false;
}

bool sut_setting__is_prefix(sut_str v, struct sut_diag *d)
{
    if (all_upper(v, 1, 8))
        return true;
    sut_diag_set(d, "`%.*s` can't begin an order's number", SUT_STR_ARG(v));
    sut_diag_hint(d, "write one to eight capital letters");
    return false;
}

bool sut_setting__is_contact(sut_str v, struct sut_diag *d)
{
    const size_t at = sut_str_find(v, 0, '@');
    const bool is_mail = at > 0 && at + 1 < v.n && sut_str_find(v, 0, ' ') == v.n;
    if (is_mail || sut_str_starts(v, SUT_STR("https://")))
        return true;
    sut_diag_set(d, "`%.*s` is no contact", SUT_STR_ARG(v));
    sut_diag_hint(d, "write an address of mail or an https URL");
    return false;
}

bool sut_setting__is_mailbox(sut_str v, struct sut_diag *d)
{
    sut_str name = { 0 };
    sut_str address = { 0 };
    if (v.n == 0 || !sut_failed(sut_email_mailbox(v, &name, &address)))
        return true;
    sut_diag_set(d, "`%.*s` is no sender", SUT_STR_ARG(v));
    sut_diag_hint(d, "write `Shop <shop@example.com>` or an address alone");
    return false;
}

enum { LABEL_MAX = 63 }; /* RFC 1035 */

/* Labels of letters, digits and dashes, with a letter in the last: no address. */
static bool is_domain(sut_str v)
{
    size_t label = 0;
    bool has_letter = false;
    for (size_t i = 0; i < v.n; i++) {
        const char c = sut_ascii_lower(v.p[i]);
        if (c == '.') {
            if (label == 0 || v.p[i - 1] == '-')
                return false;
            label = 0;
            has_letter = false;
            continue;
        }
        const bool is_letter = c >= 'a' && c <= 'z';
        if (!is_letter && !(c >= '0' && c <= '9') && (c != '-' || label == 0))
            return false;
        has_letter |= is_letter;
        if (++label > LABEL_MAX)
            return false;
    }
    return label > 0 && has_letter && v.p[v.n - 1] != '-';
}

bool sut_setting__is_domain(sut_str v, struct sut_diag *d)
{
    if (is_domain(v))
        return true;
    sut_diag_set(d, "`%.*s` is no domain", SUT_STR_ARG(v));
    sut_diag_hint(d, "it is a name alone, as in shop.example, without https:// and port");
    return false;
}

bool sut_setting__is_s3_word(sut_str v, struct sut_diag *d)
{
    bool is_word = v.n > 0 && v.p[0] != '.' && v.p[0] != '-';
    for (size_t i = 0; i < v.n; i++) {
        const char l = sut_ascii_lower(v.p[i]);
        is_word = is_word && ((l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '-' ||
                              l == '.' || l == '_');
    }
    if (is_word)
        return true;
    sut_diag_set(d, "`%.*s` is none: it has letters, digits, hyphens and dots", SUT_STR_ARG(v));
    return false;
}

bool sut_setting__is_clamd(sut_str v, struct sut_diag *d)
{
    struct sut_config_clamd at;
    if (!sut_failed(sut_place__clamd(v, &at)))
        return true;
    sut_diag_set(d, "`%.*s` is no place where clamd could listen", SUT_STR_ARG(v));
    sut_diag_hint(d, "write unix:/run/clamav/clamd.ctl or clamd.internal:3310");
    return false;
}

bool sut_setting__is_names(sut_str v, struct sut_diag *d)
{
    enum { NAMES_MAX = 16 };
    size_t n = 0;
    sut_str item;
    struct sut_scan c = sut_scan_of(v);
    while (next_item(&c, &item))
        n++;
    if (n > 0 && n <= NAMES_MAX)
        return true;
    sut_diag_set(d, "`%.*s` has %zu names", SUT_STR_ARG(v), n);
    sut_diag_hint(d, "write one to %d of them, separated by commas", NAMES_MAX);
    return false;
}

bool sut_setting__is_app_id(sut_str v, struct sut_diag *d)
{
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9') {
            sut_diag_set(d, "`%.*s` is no id of an app", SUT_STR_ARG(v));
            sut_diag_hint(d, "it is a number, as Facebook's dashboard shows it");
            return false;
        }
    }
    return true;
}
