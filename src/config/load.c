/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "config/check.h"
#include "config/lines.h"
#include "config/own.h"
#include "config/place.h"
#include "config/problems.h"
#include "config/setting.h"
#include "os/dir.h"

enum {
    SECRET_FILE_MAX = 8 * 1024,
    NAME_MAX_BYTES = 128,
};

/* One pair that was read, in file or `.env`. */
struct pair {
    struct pair *next;
    unsigned line;
    sut_str section;
    sut_str key;
    sut_str value;
};

struct pairs {
    struct pair *first;
    struct pair **end;
};

struct load {
    const struct sut_config_source *src;
    struct sut_config_report *report;
    struct sut_config *c;
    struct sut_arena *arena;   /* the config's: lives as long */
    struct sut_arena *scratch; /* the load's: wiped at the end, since secrets pass through it */
    struct pairs file;
    struct pairs dotenv;
    const char *reading; /* the file that is being read, for places */
    struct pairs *into;
    sut_str headings[64]; /* sections seen, to refuse a second heading */
    size_t n_headings;
    sut_err err; /* NOMEM on the way */
};

/* ---- reading ---- */

static void keep_pair(void *arg, unsigned line, sut_str section, sut_str key, sut_str value)
{
    struct load *l = arg;
    struct pair *p = ARENA_NEW(l->scratch, struct pair);
    if (p == NULL)
        return;
    *p = (struct pair){
        .line = line,
        .section = sut_str_dup(l->scratch, section),
        .key = sut_str_dup(l->scratch, key),
        .value = sut_str_dup(l->scratch, value),
    };
    *l->into->end = p;
    l->into->end = &p->next;
}

static void keep_section(void *arg, unsigned line, sut_str name)
{
    struct load *l = arg;
    struct sut_diag *d = NULL;
    if (!sut_setting__has_section(name)) {
        d = sut_problems__add(l->report);
        sut_diag_set(d, "there is no section [%.*s]", SUT_STR_ARG(sut_str_sub(name, 0, 80)));
        sut_setting__hint_section(name, d);
        sut_diag_place(d, "%s:%u", l->reading, line);
        return;
    }
    for (size_t i = 0; i < l->n_headings; i++) {
        if (!sut_str_eq(l->headings[i], name))
            continue;
        d = sut_problems__add(l->report);
        sut_diag_set(d, "the section [%.*s] stands twice", SUT_STR_ARG(name));
        sut_diag_place(d, "%s:%u", l->reading, line);
        return;
    }
    if (l->n_headings < sizeof(l->headings) / sizeof(l->headings[0]))
        l->headings[l->n_headings++] = sut_str_dup(l->scratch, name);
}

static void keep_bad(void *arg, unsigned line, const char *sentence, const char *hint)
{
    struct load *l = arg;
    struct sut_diag *d = sut_problems__add(l->report);
    sut_diag_set(d, "%s", sentence);
    sut_diag_hint(d, "%s", hint);
    sut_diag_place(d, "%s:%u", l->reading, line);
}

static SUT_ERR read_text(struct load *l, const char *path, size_t max, sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, l->scratch, max + 1);
    TRY(sut_dir_read_file(path, max, &b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

static void cant_read(struct load *l, sut_err e, const char *path)
{
    struct sut_diag *d = sut_problems__add(l->report);
    const char *why = "it can't be read";
    if (e.code == SUT_E_NOT_FOUND)
        why = "there is no such file";
    else if (e.code == SUT_E_TOO_LARGE)
        why = "the file is too large";
    else if (e.sys == EACCES)
        why = "it may not be read by this user";
    else if (e.sys == EISDIR)
        why = "it is a folder";
    sut_diag_set(d, "%s", why);
    sut_diag_place(d, "%s", path);
}

static SUT_ERR read_files(struct load *l)
{
    const struct sut_lines_events ev = {
        .section = keep_section,
        .pair = keep_pair,
        .bad = keep_bad,
        .arg = l,
    };
    sut_str text;
    if (l->src->file != NULL) {
        const sut_err e = read_text(l, l->src->file, SUT_LINES_TEXT_MAX, &text);
        if (sut_failed(e)) {
            ENSURE(e.code != SUT_E_NOMEM, NOMEM);
            cant_read(l, e, l->src->file);
        } else {
            l->reading = l->src->file;
            l->into = &l->file;
            TRY(sut_lines__read(text, &ev));
        }
    }
    /* A `.env` is a development's habit: a real shop has its secrets elsewhere. */
    if (l->src->dotenv != NULL && (l->src->demo || l->src->insecure_dev)) {
        const sut_err e = read_text(l, l->src->dotenv, SUT_LINES_TEXT_MAX, &text);
        ENSURE(e.code != SUT_E_NOMEM, NOMEM);
        if (!sut_failed(e)) {
            l->reading = l->src->dotenv;
            l->into = &l->dotenv;
            TRY(sut_lines__read_dotenv(text, &ev));
        } else if (e.code != SUT_E_NOT_FOUND) {
            cant_read(l, e, l->src->dotenv);
        }
    }
    ENSURE(!sut_arena_overflowed(l->scratch), NOMEM);
    return SUT_OK;
}

/* ---- one value ---- */

/* Check and write one value; its origin becomes `origin` when it is good. */
static void give(struct load *l, const struct sut_setting *s, sut_str raw, bool is_explicit,
                 const char *origin)
{
    struct sut_diag said = { .text = "" };
    const sut_err e = sut_setting__apply(s, raw, l->arena, l->c, &said);
    if (sut_failed(e)) {
        if (e.code != SUT_E_INVALID) {
            l->err = e;
            return;
        }
        struct sut_diag *d = sut_problems__add(l->report);
        sut_diag_set(d, "%s.%s: %s", s->section, s->key, said.text);
        sut_diag_hint(d, "%s", said.hint);
        sut_diag_place(d, "%s", origin);
        return;
    }
    struct sut_config_value *v = &l->c->own->values[sut_setting__index(s)];
    const bool is_secret = (s->flags & SUT_SETTING_SECRET) != 0 ||
                           (s->kind == SUT_KIND_STORE && l->c->store.url != NULL);
    *v = (struct sut_config_value){
        .raw = is_secret ? SUT_STR("") : sut_str_dup(l->arena, raw),
        .origin = sut_str_dup(l->arena, sut_str_from(origin)),
        .is_explicit = is_explicit,
    };
}

static void set_origin(char *to, size_t room, const char *what, sut_str name)
{
    struct sut_buf b = { .p = to, .cap = room - 1, .max = room - 1 };
    sut_buf_z(&b, what);
    sut_buf_str_add(&b, sut_str_sub(name, 0, NAME_MAX_BYTES));
    to[b.n] = '\0';
}

static void set_line(char *to, size_t room, const char *file, unsigned line)
{
    struct sut_buf b = { .p = to, .cap = room - 1, .max = room - 1 };
    sut_buf_z(&b, file);
    sut_buf_char(&b, ':');
    sut_buf_u64(&b, line);
    to[b.n] = '\0';
}

static void fallbacks(struct load *l)
{
    size_t n = 0;
    const struct sut_setting *all = sut_setting__all(&n);
    const enum sut_config_preset preset = l->c->server.preset;
    char of_preset[64];
    set_origin(of_preset, sizeof(of_preset), "preset ", sut_str_from(sut_setting__presets[preset]));
    for (size_t i = 0; i < n; i++) {
        const char *value = sut_setting__fallback(&all[i], preset);
        /* The preset itself was chosen before. */
        if (&all[i] != sut_setting__find(SUT_STR("server"), SUT_STR("preset")))
            give(l, &all[i], sut_str_from(value), false,
                 sut_setting__is_of_preset(&all[i]) ? of_preset : "default");
    }
}

/* ---- the file ---- */

static bool came_before(const struct pairs *all, const struct pair *p)
{
    for (const struct pair *q = all->first; q != p; q = q->next) {
        if (sut_str_eq(q->section, p->section) && sut_str_eq(q->key, p->key))
            return true;
    }
    return false;
}

/* A secret has no place in a file or on a command line, where others can read it. */
static bool is_misplaced(const struct sut_setting *s, sut_str value)
{
    if ((s->flags & SUT_SETTING_SECRET) != 0)
        return true;
    return (s->flags & SUT_SETTING_SECRET_IF_PASSWORD) != 0 &&
           (sut_place__password_of(value).n > 0 || sut_place__has_password(value));
}

static void refuse_secret(struct load *l, const struct sut_setting *s, const char *place,
                          const char *where)
{
    struct sut_diag *d = sut_problems__add(l->report);
    sut_diag_set(d, "%s.%s is a secret and is never read from %s", s->section, s->key, where);
    sut_diag_place(d, "%s", place);
    char name[NAME_MAX_BYTES];
    struct sut_buf b = { .p = name, .cap = sizeof(name) - 1, .max = sizeof(name) - 1 };
    if (s->django != NULL)
        sut_buf_z(&b, s->django);
    else
        sut_setting__env_name(s, &b);
    name[b.n] = '\0';
    sut_diag_hint(d, "set %s or %s_FILE in the environment", name, name);
}

static void from_file(struct load *l)
{
    char place[300];
    for (const struct pair *p = l->file.first; p != NULL; p = p->next) {
        if (!sut_setting__has_section(p->section))
            continue; /* told at its heading */
        set_line(place, sizeof(place), l->src->file, p->line);
        const struct sut_setting *s = sut_setting__find(p->section, p->key);
        struct sut_diag *d = NULL;
        if (s == NULL) {
            d = sut_problems__add(l->report);
            sut_diag_set(d, "there is no key `%.*s` in [%.*s]",
                         SUT_STR_ARG(sut_str_sub(p->key, 0, 80)), SUT_STR_ARG(p->section));
            sut_setting__hint_key(p->section, p->key, d);
            sut_diag_place(d, "%s", place);
        } else if (came_before(&l->file, p)) {
            d = sut_problems__add(l->report);
            sut_diag_set(d, "%s.%s stands twice", s->section, s->key);
            sut_diag_place(d, "%s", place);
        } else if (is_misplaced(s, p->value)) {
            refuse_secret(l, s, place, "a file");
        } else {
            give(l, s, p->value, true, place);
        }
    }
}

/* ---- the environment ---- */

/* The value of `name`, suffixed, in the `.env` or (before it) the environment; p NULL: none. */
static sut_str env_value(const struct load *l, sut_str name, bool in_dotenv, unsigned *ret_line)
{
    sut_str found = { .p = NULL };
    if (in_dotenv) {
        for (const struct pair *p = l->dotenv.first; p != NULL; p = p->next) {
            if (sut_str_eq(p->key, name)) {
                found = p->value.p == NULL ? SUT_STR("") : p->value;
                *ret_line = p->line;
            }
        }
        return found;
    }
    for (const char *const *e = l->src->env; e != NULL && *e != NULL; e++) {
        const sut_str pair = sut_str_from(*e);
        if (name.n > 0 && sut_str_starts(pair, name) && pair.p[name.n] == '=')
            return sut_str_sub(pair, name.n + 1, pair.n);
    }
    return found;
}

/* A secret's text out of a file; without the newline at its end. */
static SUT_ERR read_secret(struct load *l, const char *path, sut_str *ret)
{
    TRY(read_text(l, path, SECRET_FILE_MAX, ret));
    while (ret->n > 0 && (ret->p[ret->n - 1] == '\n' || ret->p[ret->n - 1] == '\r'))
        ret->n--;
    return SUT_OK;
}

/* Names of a Django shop whose values are written in another way there. */
static sut_str translate(struct load *l, const struct sut_setting *s, sut_str value)
{
    const bool is_port = strcmp(s->django, "PORT") == 0;
    const bool is_timeout = strcmp(s->django, "EMAIL_TIMEOUT") == 0;
    if (!is_port && !is_timeout)
        return value;
    struct sut_buf b;
    sut_buf_init_arena(&b, l->scratch, 512);
    /* A platform that gives a port expects the program on all addresses. */
    if (is_port)
        sut_buf_z(&b, l->src->demo || l->src->insecure_dev ? "127.0.0.1:" : "0.0.0.0:");
    sut_buf_str_add(&b, sut_str_sub(value, 0, 80));
    if (is_timeout)
        sut_buf_char(&b, 's');
    return sut_buf_str(&b);
}

/* One name, plain and with _FILE, from one of the two environments. */
static void from_name(struct load *l, const struct sut_setting *s, sut_str name, bool is_django,
                      bool in_dotenv)
{
    unsigned line = 0;
    char origin[400];
    if (in_dotenv && l->dotenv.first == NULL)
        return;
    sut_str value = env_value(l, name, in_dotenv, &line);
    /* Compose files pass NAME= for what is not set. */
    if (is_django && value.n == 0)
        value = (sut_str){ .p = NULL };
    if (in_dotenv)
        set_line(origin, sizeof(origin), l->src->dotenv, line);
    else
        set_origin(origin, sizeof(origin), "environment ", name);

    if ((s->flags & (SUT_SETTING_SECRET | SUT_SETTING_SECRET_IF_PASSWORD)) != 0) {
        struct sut_buf b;
        sut_buf_init_arena(&b, l->scratch, 512);
        sut_buf_str_add(&b, name);
        sut_buf_lit(&b, "_FILE");
        const sut_str path = env_value(l, sut_buf_str(&b), in_dotenv, &line);
        if (path.n > 0) {
            set_origin(origin, sizeof(origin), "environment ", sut_buf_str(&b));
            const char *z = sut_str_z(l->scratch, path);
            if (value.p != NULL) {
                struct sut_diag *d = sut_problems__add(l->report);
                sut_diag_set(d, "%.*s and %.*s_FILE are both set", SUT_STR_ARG(name),
                             SUT_STR_ARG(name));
                sut_diag_place(d, "environment");
                return;
            }
            set_origin(origin + strlen(origin), sizeof(origin) - strlen(origin), ", file ", path);
            const sut_err e = z == NULL ? SUT_OK : read_secret(l, z, &value);
            if (sut_failed(e))
                cant_read(l, e, origin);
            if (z == NULL || sut_failed(e))
                return;
        }
    }
    if (value.p != NULL)
        give(l, s, is_django ? translate(l, s, value) : value, true, origin);
}

/* systemd's LoadCredential: a file named section.key in the folder it says. */
static void from_credential(struct load *l, const struct sut_setting *s)
{
    unsigned line = 0;
    const sut_str dir = env_value(l, SUT_STR("CREDENTIALS_DIRECTORY"), false, &line);
    if (dir.n == 0 || (s->flags & (SUT_SETTING_SECRET | SUT_SETTING_SECRET_IF_PASSWORD)) == 0)
        return;
    struct sut_buf b;
    sut_buf_init_arena(&b, l->scratch, 4096);
    sut_buf_printf(&b, "%.*s/%s.%s", SUT_STR_ARG(dir), s->section, s->key);
    const char *path = sut_str_z(l->scratch, sut_buf_str(&b));
    sut_str value;
    if (path == NULL)
        return;
    char origin[400];
    set_origin(origin, sizeof(origin), "credential ", sut_str_from(path));
    const sut_err e = read_secret(l, path, &value);
    if (!sut_failed(e))
        give(l, s, value, true, origin);
    else if (e.code != SUT_E_NOT_FOUND)
        cant_read(l, e, origin);
}

static void from_env(struct load *l)
{
    size_t n = 0;
    const struct sut_setting *all = sut_setting__all(&n);
    char name[NAME_MAX_BYTES];
    for (size_t i = 0; i < n; i++) {
        const struct sut_setting *s = &all[i];
        struct sut_buf b = { .p = name, .cap = sizeof(name), .max = sizeof(name) };
        sut_setting__env_name(s, &b);
        from_credential(l, s);
        if (s->django != NULL) {
            from_name(l, s, sut_str_from(s->django), true, true);
            from_name(l, s, sut_str_from(s->django), true, false);
        }
        from_name(l, s, sut_buf_str(&b), false, true);
        from_name(l, s, sut_buf_str(&b), false, false);
    }
}

/* A SUTLER_ name that is no setting: near one it is a slip, else perhaps somebody else's. */
static void check_env_name(struct load *l, sut_str name, const char *place)
{
    bool is_exact = false;
    if (!sut_str_starts(name, SUT_STR("SUTLER_")))
        return;
    const struct sut_setting *near = sut_setting__by_env_name(name, &is_exact);
    if (is_exact)
        return;
    struct sut_diag *d =
        near != NULL ? sut_problems__add(l->report) : sut_problems__warn(l->report);
    sut_diag_set(d, "%.*s is no setting", SUT_STR_ARG(sut_str_sub(name, 0, 80)));
    sut_diag_place(d, "%s", place);
    if (near == NULL)
        return;
    char text[NAME_MAX_BYTES];
    struct sut_buf b = { .p = text, .cap = sizeof(text) - 1, .max = sizeof(text) - 1 };
    sut_setting__env_name(near, &b);
    text[b.n] = '\0';
    sut_diag_hint(d, "did you mean %s?", text);
}

static void check_env_names(struct load *l)
{
    for (const char *const *e = l->src->env; e != NULL && *e != NULL; e++) {
        const sut_str s = sut_str_from(*e);
        check_env_name(l, sut_str_sub(s, 0, sut_str_find(s, 0, '=')), "environment");
    }
    char place[300];
    for (const struct pair *p = l->dotenv.first; p != NULL; p = p->next) {
        set_line(place, sizeof(place), l->src->dotenv, p->line);
        check_env_name(l, p->key, place);
    }
}

/* ---- the command line ---- */

static const struct sut_setting *by_dotted(sut_str name)
{
    const size_t dot = sut_str_find(name, 0, '.');
    return sut_setting__find(sut_str_sub(name, 0, dot), sut_str_sub(name, dot + 1, name.n));
}

static void from_args(struct load *l)
{
    for (size_t i = 0; i < l->src->n_args; i++) {
        const sut_str name = sut_str_from(l->src->args[i].name);
        const sut_str value = sut_str_from(l->src->args[i].value);
        const struct sut_setting *s = by_dotted(name);
        if (s == NULL) {
            struct sut_diag *d = sut_problems__add(l->report);
            const size_t dot = sut_str_find(name, 0, '.');
            sut_diag_set(d, "there is no setting `%.*s`", SUT_STR_ARG(sut_str_sub(name, 0, 80)));
            sut_setting__hint_key(sut_str_sub(name, 0, dot), sut_str_sub(name, dot + 1, name.n), d);
            sut_diag_place(d, "command line");
        } else if (is_misplaced(s, value)) {
            refuse_secret(l, s, "command line", "the command line");
        } else {
            give(l, s, value, true, "command line");
        }
    }
}

/* ---- the preset ---- */

/* Whoever has the last word on the preset must be heard before all else. */
static void choose_preset(struct load *l)
{
    const struct sut_setting *s = sut_setting__find(SUT_STR("server"), SUT_STR("preset"));
    char place[300];
    unsigned line = 0;
    give(l, s, sut_str_from(s->fallback), false, "default");
    for (const struct pair *p = l->file.first; p != NULL; p = p->next) {
        set_line(place, sizeof(place), l->src->file, p->line);
        if (sut_setting__find(p->section, p->key) == s)
            give(l, s, p->value, true, place);
    }
    const sut_str name = SUT_STR("SUTLER_SERVER_PRESET");
    sut_str v = env_value(l, name, true, &line);
    if (v.p != NULL)
        give(l, s, v, true, l->src->dotenv);
    v = env_value(l, name, false, &line);
    if (v.p != NULL)
        give(l, s, v, true, "environment SUTLER_SERVER_PRESET");
    for (size_t i = 0; i < l->src->n_args; i++) {
        if (strcmp(l->src->args[i].name, "server.preset") == 0)
            give(l, s, sut_str_from(l->src->args[i].value), true, "command line");
    }
}

static SUT_ERR fill(struct load *l)
{
    TRY(read_files(l));
    const size_t before = l->report->n;
    choose_preset(l);
    l->report->n = before; /* a bad choice is told again, in its place, by the passes below */
    fallbacks(l);
    from_file(l);
    from_env(l);
    from_args(l);
    check_env_names(l);
    TRY(l->err);
    ENSURE(!sut_arena_overflowed(l->arena) && !sut_arena_overflowed(l->scratch), NOMEM);
    if (l->report->n == 0)
        sut_config__check(l->c, l->report);
    ENSURE(l->report->n == 0, INVALID);
    return SUT_OK;
}

SUT_ERR sut_config_load(const struct sut_config_source *src, struct sut_config **ret,
                        struct sut_config_report *ret_report)
{
    struct sut_config_report unread = { .n = 0 };
    struct sut_config_report *report = ret_report == NULL ? &unread : ret_report;
    *report = (struct sut_config_report){ .n = 0 };

    struct sut_config *c DEFER(sut_config_free) = NULL;
    struct sut_arena *scratch DEFER(sut_arena_free) = NULL;
    TRY(sut_config__create(&c));
    TRY(sut_arena_create(SUT_CONFIG_ARENA_MAX, &scratch));
    sut_arena_set_flags(scratch, SUT_ARENA_SECRET);
    TRY(sut_problems__init(report));
    c->demo = src->demo;
    c->insecure_dev = src->insecure_dev;
    struct load l = {
        .src = src,
        .report = report,
        .c = c,
        .arena = c->own->arena,
        .scratch = scratch,
        .err = SUT_OK,
    };
    l.file.end = &l.file.first;
    l.dotenv.end = &l.dotenv.first;
    const sut_err e = fill(&l);
    sut_config_report_done(&unread);
    TRY(e);
    if (report->n_warnings == 0)
        sut_config_report_done(report);
    *ret = STEAL(c);
    return SUT_OK;
}
