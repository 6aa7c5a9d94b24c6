/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "config/config.h"
#include "config/setting.h"

enum { COLUMNS = 78 };

static const char later[] = "Read and checked; used when that feature is on.";

/* Whether the file may hold it. */
static bool is_in_file(const struct sut_setting *s)
{
    return (s->flags & SUT_SETTING_SECRET) == 0;
}

static const char *unit_of(const struct sut_setting *s)
{
    switch (s->kind) {
    case SUT_KIND_BOOL:
        return "yes or no";
    case SUT_KIND_COUNT:
        return "number";
    case SUT_KIND_BYTES:
    case SUT_KIND_BYTES32:
        return "size";
    case SUT_KIND_SECONDS:
    case SUT_KIND_MILLIS:
        return "duration";
    case SUT_KIND_RATE:
        return "rate";
    case SUT_KIND_CHOICE:
        return "choice";
    case SUT_KIND_ADDRS:
    case SUT_KIND_NETS:
    case SUT_KIND_HOSTS:
    case SUT_KIND_ORIGINS:
        return "list";
    case SUT_KIND_URL:
        return "URL";
    case SUT_KIND_PATH:
        return "path";
    case SUT_KIND_SECRET:
    case SUT_KIND_SECRET_URL:
    case SUT_KIND_KEY:
        return "secret";
    case SUT_KIND_TEXT:
    case SUT_KIND_STORE:
        break;
    }
    return "text";
}

/* A sentence as comment lines. */
static void comment(struct sut_buf *out, const char *text)
{
    size_t column = 0;
    for (const char *p = text; *p != '\0';) {
        const size_t n = strcspn(p, " ");
        if (column == 0 || column + 1 + n > COLUMNS) {
            sut_buf_z(out, column == 0 ? "#" : "\n#");
            column = 1;
        }
        sut_buf_char(out, ' ');
        sut_buf_add(out, p, n);
        column += 1 + n;
        p += n;
        while (*p == ' ')
            p++;
    }
    sut_buf_char(out, '\n');
}

static void choices(struct sut_buf *out, const struct sut_setting *s, const char *between)
{
    for (size_t i = 0; s->choices[i] != NULL; i++)
        sut_buf_printf(out, "%s%s", i == 0 ? "" : between, s->choices[i]);
}

SUT_ERR sut_config_sample(struct sut_buf *out)
{
    size_t n = 0;
    const struct sut_setting *all = sut_setting__all(&n);
    sut_buf_lit(out,
                "# sutler.conf: every setting with its default. sutler.conf(5) says more.\n"
                "# A line that begins with # is a comment; what is left out keeps its default.\n");
    for (size_t i = 0; i < n; i++) {
        const struct sut_setting *s = &all[i];
        if (i == 0 || strcmp(s->section, all[i - 1].section) != 0)
            sut_buf_printf(out, "\n[%s]\n", s->section);
        comment(out, s->doc);
        if ((s->flags & SUT_SETTING_LATER) != 0)
            comment(out, later);
        if (s->choices != NULL) {
            sut_buf_lit(out, "# One of: ");
            choices(out, s, ", ");
            sut_buf_char(out, '\n');
        }
        if (!is_in_file(s)) {
            sut_buf_lit(out, "# A secret, from the environment alone: ");
            sut_setting__env_name(s, out);
            if (s->django != NULL)
                sut_buf_printf(out, " or %s", s->django);
            sut_buf_lit(out, "; or the same with _FILE.\n");
            continue;
        }
        sut_buf_printf(out, "#%s =", s->key);
        const char *value = sut_setting__fallback(s, SUT_PRESET_DEFAULT);
        sut_buf_printf(out, "%s%s\n", *value == '\0' ? "" : " ", value);
    }
    return sut_buf_check(out);
}

/* Text for mdoc: a line never begins with a dot or quote, a backslash is spelt out, each sentence
 * begins a line, and no line is long. */
static void mdoc(struct sut_buf *out, const char *text)
{
    size_t column = 0;
    for (const char *p = text; *p != '\0'; p++) {
        const bool ends_sentence = p[0] == '.' && p[1] == ' ' && p[2] >= 'A' && p[2] <= 'Z';
        if (column == 0 && (*p == '.' || *p == '\''))
            sut_buf_lit(out, "\\&");
        if (*p == '\\') {
            sut_buf_lit(out, "\\e");
        } else if (ends_sentence) {
            sut_buf_lit(out, ".\n");
            p++;
        } else if (*p == ' ' && column + strcspn(p + 1, " ") > COLUMNS - 4) {
            sut_buf_char(out, '\n');
        } else {
            sut_buf_char(out, *p);
            column++;
            continue;
        }
        column = *p == '\\' ? column + 2 : 0;
    }
    sut_buf_char(out, '\n');
}

static void environment_of(struct sut_buf *out, const struct sut_setting *s)
{
    sut_buf_lit(out, "Environment:\n.Ev ");
    sut_setting__env_name(s, out);
    if (s->django != NULL)
        sut_buf_printf(out, " ,\n.Ev %s", s->django);
    const bool can_be_file =
        (s->flags & (SUT_SETTING_SECRET | SUT_SETTING_SECRET_IF_PASSWORD)) != 0;
    sut_buf_z(out, can_be_file ? " ,\nor the same with\n.Ev _FILE .\n" : " .\n");
}

static void defaults_of(struct sut_buf *out, const struct sut_setting *s)
{
    if (!is_in_file(s))
        return;
    if (!sut_setting__is_of_preset(s)) {
        if (*s->fallback != '\0')
            sut_buf_printf(out, "The default is\n.Ql %s\\& .\n", s->fallback);
        else
            sut_buf_lit(out, "By default it is empty.\n");
        return;
    }
    sut_buf_lit(out, "By preset:\n.Bl -bullet -compact\n");
    for (int p = 0; sut_setting__presets[p] != NULL; p++) {
        const char *value = sut_setting__fallback(s, (enum sut_config_preset) p);
        sut_buf_printf(out, ".It\n%s:\n", sut_setting__presets[p]);
        mdoc(out, *value == '\0' ? "empty" : value);
    }
    sut_buf_lit(out, ".El\n");
}

static const char manual_head[] =
    ".\\\" Made by `sutler config man` out of src/config/settings.def; do not edit.\n"
    ".Dd November 22, 2026\n"
    ".Dt SUTLER.CONF 5\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm sutler.conf\n"
    ".Nd settings of the shop server\n"
    ".Sh DESCRIPTION\n"
    "The settings of\n"
    ".Ic sutler serve\n"
    "are read once, at the start.\n"
    "A value comes from the first of these that gives one:\n"
    ".Bl -enum -compact\n"
    ".It\n"
    "the command line;\n"
    ".It\n"
    "the environment, as\n"
    ".Ev SUTLER_ Ns Ar SECTION Ns _ Ns Ar KEY ;\n"
    ".It\n"
    "the environment, by the names that a Django shop uses\n"
    ".Pq Ev SECRET_KEY , DATABASE_URL , ALLOWED_HOSTS , PORT\n"
    "and others, named below;\n"
    ".It\n"
    "a systemd credential named\n"
    ".Ar section Ns \\&. Ns Ar key ,\n"
    "for secrets;\n"
    ".It\n"
    "the file given by\n"
    ".Fl -config ;\n"
    ".It\n"
    "the preset;\n"
    ".It\n"
    "the default below.\n"
    ".El\n"
    ".Pp\n"
    "With\n"
    ".Fl -demo\n"
    "or\n"
    ".Fl -insecure-dev\n"
    "the file\n"
    ".Pa .env\n"
    "of the working folder stands behind the environment; otherwise it is not read.\n"
    ".Pp\n"
    "The file has sections\n"
    ".Pq Li [server] ,\n"
    "lines\n"
    ".Ql key = value ,\n"
    "and comments on lines of their own that begin with\n"
    ".Ql #\n"
    "or\n"
    ".Ql \\&; .\n"
    "A value is taken as it stands up to the end of its line.\n"
    "An unknown or repeated section or key, and a value out of its range, is an\n"
    "error with its line, and nothing starts.\n"
    ".Pp\n"
    "Secrets never stand in the file or on the command line.\n"
    "They come from the environment, from a file that the name with\n"
    ".Ev _FILE\n"
    "points to, or from a systemd credential.\n"
    "Weak and example secrets are refused outside\n"
    ".Fl -insecure-dev .\n"
    ".Ss Values\n"
    ".Bl -tag -width duration\n"
    ".It yes or no\n"
    "also true, false, on, off, 1, 0.\n"
    ".It size\n"
    "bytes, or with K, M or G:\n"
    ".Ql 64K .\n"
    ".It duration\n"
    "with ms, s, m, h or d:\n"
    ".Ql 15m .\n"
    ".It rate\n"
    "a number for each second, minute, hour or day, or s, m, h, d:\n"
    ".Ql 5/minute .\n"
    "The window slides: as many requests may lie within any span of that length.\n"
    ".It list\n"
    "entries with commas or blanks between them.\n"
    ".El\n"
    ".Sh SETTINGS\n";

static const char manual_tail[] =
    ".Sh EXAMPLES\n"
    "Start with the rules of one shop, and say what differs:\n"
    ".Bd -literal -offset indent\n"
    "[server]\n"
    "preset = modestwear\n"
    "public_url = https://shop.example\n"
    "\n"
    "[hosts]\n"
    "allowed = shop.example\n"
    ".Ed\n"
    ".Pp\n"
    "The same without a file:\n"
    ".Dl SUTLER_SERVER_PRESET=modestwear ALLOWED_HOSTS=shop.example sutler serve\n";

SUT_ERR sut_config_manual(struct sut_buf *out)
{
    size_t n = 0;
    const struct sut_setting *all = sut_setting__all(&n);
    sut_buf_z(out, manual_head);
    for (size_t i = 0; i < n; i++) {
        const struct sut_setting *s = &all[i];
        const bool is_first = i == 0 || strcmp(s->section, all[i - 1].section) != 0;
        const bool is_last = i + 1 == n || strcmp(s->section, all[i + 1].section) != 0;
        if (is_first)
            sut_buf_printf(out, ".Ss Section %s\n.Bl -tag -width Ds\n", s->section);
        sut_buf_printf(out, ".It Cm %s Pq %s\n", s->key, unit_of(s));
        mdoc(out, s->doc);
        if ((s->flags & SUT_SETTING_LATER) != 0)
            mdoc(out, later);
        if (s->choices != NULL) {
            sut_buf_lit(out, "One of: ");
            choices(out, s, ", ");
            sut_buf_lit(out, ".\n");
        }
        defaults_of(out, s);
        environment_of(out, s);
        if (is_last)
            sut_buf_lit(out, ".El\n");
    }
    sut_buf_z(out, manual_tail);
    return sut_buf_check(out);
}
