/* SPDX-License-Identifier: Apache-2.0 */
#include "config/setting.h"

#include <string.h>

enum {
    SECRET = SUT_SETTING_SECRET,
    SECRET_IF_PASSWORD = SUT_SETTING_SECRET_IF_PASSWORD,
    STRONG = SUT_SETTING_STRONG,
    LATER = SUT_SETTING_LATER,
    KEEPER = SUT_SETTING_KEEPER,
    NO_WORKER = SUT_SETTING_NO_WORKER,
    COURIER = SUT_SETTING_COURIER,
    WORD_MAX = 32, /* longer names are not compared letter by letter */
};

const char *const sut_setting__presets[] = { "modestwear", "nsgg", "default", NULL };
static const char *const hashes[] = { "pbkdf2_sha256", "argon2id", NULL };
static const char *const plains[] = { "redirect", "pages", NULL };
static const char *const proxy_protocols[] = { "none", "v2", NULL };
static const char *const tls_policies[] = { "2026", "2026-aes128", NULL };
static const char *const ciphers[] = { "aegis256", "sqlcipher", NULL };
static const char *const log_formats[] = { "logfmt", "json", NULL };
static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
static const char *const prices[] = { "not_negative", "positive", NULL };
static const char *const verifieds[] = { "nothing", "orders", "all", NULL };
static const char *const same_sites[] = { "strict", "lax", "none", NULL };
static const char *const scans[] = { "required", "configured", NULL };
static const char *const upload_stores[] = { "local", "s3", NULL };
static const char *const s3_sses[] = { "aes256", "none", NULL };
static const char *const s3_acls[] = { "private", "none", NULL };
static const char *const erasures[] = { "account", "tombstone", NULL };

static const struct sut_setting settings[] = {
#define S(section_, key_, kind_, field_, fallback_, doc_, ...)                                     \
    { .section = #section_,                                                                        \
      .key = #key_,                                                                                \
      .kind = SUT_KIND_##kind_,                                                                    \
      .offset = offsetof(struct sut_config, field_),                                               \
      .fallback = fallback_,                                                                       \
      .doc = doc_,                                                                                 \
      __VA_ARGS__ },
#include "config/settings.def"
#undef S
};

enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

static const struct {
    const char *name;
    const char *values[3]; /* by enum sut_config_preset */
} of_presets[] = {
#include "presets.inc"
};

const struct sut_setting *sut_setting__all(size_t *ret_n)
{
    *ret_n = SETTINGS;
    return settings;
}

const struct sut_setting *sut_setting__find(sut_str section, sut_str key)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        if (sut_str_is(section, settings[i].section) && sut_str_is(key, settings[i].key))
            return &settings[i];
    }
    return NULL;
}

size_t sut_setting__index(const struct sut_setting *s)
{
    return (size_t) (s - settings);
}

bool sut_setting__has_section(sut_str section)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        if (sut_str_is(section, settings[i].section))
            return true;
    }
    return false;
}

/* The row of presets.csv, or NULL. */
static const char *const *preset_row(const struct sut_setting *s)
{
    const size_t n = strlen(s->section);
    for (size_t i = 0; i < sizeof(of_presets) / sizeof(of_presets[0]); i++) {
        const char *name = of_presets[i].name;
        if (strncmp(name, s->section, n) == 0 && name[n] == '.' &&
            strcmp(name + n + 1, s->key) == 0)
            return of_presets[i].values;
    }
    return NULL;
}

const char *sut_setting__fallback(const struct sut_setting *s, enum sut_config_preset preset)
{
    const char *const *row = preset_row(s);
    return row == NULL ? s->fallback : row[preset];
}

bool sut_setting__is_of_preset(const struct sut_setting *s)
{
    return preset_row(s) != NULL;
}

int sut_setting__choice(const char *const *choices, sut_str word)
{
    for (int i = 0; choices[i] != NULL; i++) {
        if (sut_str_is(word, choices[i]))
            return i;
    }
    return -1;
}

static void upper(struct sut_buf *out, const char *z)
{
    for (; *z != '\0'; z++)
        sut_buf_char(out, (char) (*z >= 'a' && *z <= 'z' ? *z - ('a' - 'A') : *z));
}

void sut_setting__env_name(const struct sut_setting *s, struct sut_buf *out)
{
    sut_buf_lit(out, "SUTLER_");
    upper(out, s->section);
    sut_buf_char(out, '_');
    upper(out, s->key);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t sut_setting__distance(sut_str a, sut_str b)
{
    if (a.n > WORD_MAX || b.n > WORD_MAX)
        return WORD_MAX;
    size_t d[WORD_MAX + 1][WORD_MAX + 1];
    for (size_t i = 0; i <= a.n; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= b.n; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        for (size_t j = 1; j <= b.n; j++) {
            const char x = sut_ascii_lower(a.p[i - 1]);
            const char y = sut_ascii_lower(b.p[j - 1]);
            size_t v = least(d[i - 1][j] + 1, d[i][j - 1] + 1);
            v = least(v, d[i - 1][j - 1] + (x == y ? 0 : 1));
            if (i > 1 && j > 1 && x == sut_ascii_lower(b.p[j - 2]) &&
                y == sut_ascii_lower(a.p[i - 2]))
                v = least(v, d[i - 2][j - 2] + 1);
            d[i][j] = v;
        }
    }
    return d[a.n][b.n];
}

/* A third of the letters may be wrong, and one always. */
static bool is_near(sut_str given, size_t distance)
{
    return distance <= (given.n < 6 ? 1 : given.n / 3);
}

void sut_setting__hint_key(sut_str section, sut_str key, struct sut_diag *d)
{
    const struct sut_setting *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct sut_setting *s = &settings[i];
        /* The same section wins over another that is as near. */
        const size_t far = sut_str_is(section, s->section) ? 0 : 1;
        const size_t distance = sut_setting__distance(key, sut_str_from(s->key)) * 2 + far;
        if (distance < best_distance) {
            best = s;
            best_distance = distance;
        }
    }
    if (best == NULL || !is_near(key, best_distance / 2))
        sut_diag_hint(d, "`sutler config sample` lists every key");
    else if (sut_str_is(section, best->section))
        sut_diag_hint(d, "did you mean `%s`?", best->key);
    else
        sut_diag_hint(d, "did you mean `%s` in [%s]?", best->key, best->section);
}

void sut_setting__hint_section(sut_str section, struct sut_diag *d)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < SETTINGS; i++) {
        const size_t distance = sut_setting__distance(section, sut_str_from(settings[i].section));
        if (distance < best_distance) {
            best = settings[i].section;
            best_distance = distance;
        }
    }
    if (best == NULL || !is_near(section, best_distance))
        sut_diag_hint(d, "`sutler config sample` lists every section");
    else
        sut_diag_hint(d, "did you mean [%s]?", best);
}
