/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/courier_wire.h"

#include <string.h>

#define MAIL   SUT_ERRAND_BY_MAIL
#define GET    SUT_ERRAND_BY_GET
#define FORM   SUT_ERRAND_BY_FORM
#define CALL   SUT_ERRAND_BY_CALL
#define VERIFY SUT_ERRAND_BY_VERIFY
#define SCAN   SUT_ERRAND_BY_SCAN
#define OBJECT SUT_ERRAND_BY_OBJECT

static const struct sut_errand_row rows[] = {
#define X(name_, word_, where_, what_, out_, in_, rate_, redirects_)                               \
    { .where = SUT_ERRAND_##where_,                                                                \
      .what = what_,                                                                               \
      .out_max = out_,                                                                             \
      .in_max = in_,                                                                               \
      .per_second = rate_,                                                                         \
      .redirects = redirects_ },
#include "ipc/errands.def"
#undef X
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == SUT_ERRANDS, "a row for each purpose");
_Static_assert((int) SUT_ERRAND_OBJECT_MAX + 1024 <= (int) SUT_IPC_LENGTH_MAX, "it fits a message");

const struct sut_errand_row *sut_errand_row(enum sut_errand_purpose p)
{
    SUT_BUG_IF((size_t) p >= SUT_ERRANDS);
    return &rows[p];
}

const char *sut_errand_word(enum sut_errand_purpose p)
{
    switch (p) {
#define X(name_, word_, where_, what_, out_, in_, rate_, redirects_)                               \
    case SUT_ERRAND_##name_:                                                                       \
        return word_;
#include "ipc/errands.def"
#undef X
    case SUT_ERRANDS:
        break;
    }
    return "";
}

uint32_t sut_errand_ask_max(enum sut_errand_purpose p)
{
    const struct sut_errand_row *const r = sut_errand_row(p);
    const uint32_t common = SUT_COURIER_U + 3 * SUT_COURIER_B + r->out_max;
    if (r->what == SUT_ERRAND_BY_MAIL)
        return common + 2 * SUT_ERRAND_ADDRESS_MAX;
    if (r->what == SUT_ERRAND_BY_CALL)
        return common + SUT_COURIER_U + SUT_ERRAND_PATH_MAX + SUT_ERRAND_KEY_MAX;
    if (r->what == SUT_ERRAND_BY_VERIFY)
        return common - SUT_COURIER_B + SUT_ERRAND_SIGNATURE_MAX;
    if (r->what == SUT_ERRAND_BY_SCAN)
        return common - 2 * SUT_COURIER_B;
    if (r->what == SUT_ERRAND_BY_OBJECT)
        return common + SUT_ERRAND_NAME_MAX + SUT_ERRAND_TYPE_MAX;
    return common + (r->where == SUT_ERRAND_DATA ? SUT_ERRAND_URL_MAX : 0) +
           (r->what == SUT_ERRAND_BY_FORM ? SUT_ERRAND_SIGNATURE_MAX : 0);
}

uint32_t sut_errand_reply_max(enum sut_errand_purpose p)
{
    const struct sut_errand_row *const r = sut_errand_row(p);
    if (r->what == SUT_ERRAND_BY_SCAN)
        return 2 * SUT_COURIER_U + SUT_COURIER_B + SUT_ERRAND_TEXT_MAX;
    if (r->what == SUT_ERRAND_BY_MAIL)
        return 3 * SUT_COURIER_U + SUT_COURIER_B + SUT_ERRAND_TEXT_MAX;
    if (r->what == SUT_ERRAND_BY_VERIFY)
        return 2 * SUT_COURIER_U;
    return 3 * SUT_COURIER_U + 2 * SUT_COURIER_B + SUT_ERRAND_TYPE_MAX + r->in_max;
}

/* Bytes from '!' to '~' without those of `but`; no empty text. */
static bool is_visible(sut_str s, const char *but)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr(but, s.p[i]) != NULL)
            return false;
    return s.n > 0;
}

bool sut_errand_is_url_text(sut_str s)
{
    return s.n <= SUT_ERRAND_URL_MAX && is_visible(s, "\"<>\\^`{|}");
}

bool sut_errand_is_token(sut_str s)
{
    return is_visible(s, "");
}

bool sut_errand_is_signature(sut_str s)
{
    return s.n <= SUT_ERRAND_SIGNATURE_MAX && is_visible(s, "\"\\");
}

static bool is_domain(sut_str s)
{
    size_t label = 0;
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        const bool is_word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
        if (c == '.' ? label == 0 : !is_word || label == 63)
            return false;
        label = c == '.' ? 0 : label + 1;
    }
    return label > 0 && s.n <= SUT_ERRAND_DOMAIN_MAX;
}

bool sut_errand_is_address(sut_str s)
{
    const size_t at = sut_str_find(s, 0, '@');
    /* Specials of RFC 5321 would need quotes, and are what an injection is made of. */
    return s.n <= SUT_ERRAND_ADDRESS_MAX && at < s.n && at <= 64 && s.p[0] != '-' &&
           is_visible(sut_str_sub(s, 0, at), "()<>[]:;,\\\"@") &&
           is_domain(sut_str_sub(s, at + 1, s.n));
}

bool sut_errand_is_message(sut_str s)
{
    enum { LINE_MAX_BYTES = 998 };
    size_t line = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n') {
            i++;
            line = 0;
            continue;
        }
        if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0' || ++line > LINE_MAX_BYTES)
            return false;
    }
    return s.n > 0;
}

/* --- calls --- */

struct call {
    enum sut_errand_purpose purpose;
    enum sut_errand_method method;
    const char *path;
};

static const struct call calls[] = {
#define C(purpose_, method_, path_) { SUT_ERRAND_##purpose_, SUT_ERRAND_##method_, path_ },
#include "ipc/calls.def"
#undef C
};

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_one_of(char c, const char *those)
{
    return c != '\0' && strchr(those, c) != NULL;
}

/* How many bytes at the start are one id; what could be a step in a path is none. */
static size_t id_length(sut_str s)
{
    enum { ID_MAX = 128 };
    size_t n = 0;
    if (s.n == 0 || !is_alnum(s.p[0]))
        return 0;
    while (n < s.n && (is_alnum(s.p[n]) || is_one_of(s.p[n], "_-.=")))
        n++;
    return n <= ID_MAX ? n : 0;
}

/* Parameters as an encoder writes them. */
static bool is_query(sut_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && !is_one_of(s.p[i], "-._~%=&+[]"))
            return false;
    return s.n > 0;
}

static bool is_of_shape(const char *shape, sut_str path)
{
    size_t at = 0;
    for (const char *p = shape; *p != '\0'; p++) {
        if (*p == '?')
            return at == path.n ||
                   (path.p[at] == '?' && is_query(sut_str_sub(path, at + 1, path.n)));
        if (*p == '{') {
            const size_t n = id_length(sut_str_sub(path, at, path.n));
            if (n == 0)
                return false;
            at += n;
            p++;
        } else if (at == path.n || path.p[at++] != *p) {
            return false;
        }
    }
    return at == path.n;
}

bool sut_errand_is_call(enum sut_errand_purpose p, enum sut_errand_method m, sut_str path)
{
    for (size_t i = 0; path.n <= SUT_ERRAND_PATH_MAX && i < sizeof(calls) / sizeof(calls[0]); i++)
        if (calls[i].purpose == p && calls[i].method == m && is_of_shape(calls[i].path, path))
            return true;
    return false;
}

bool sut_errand_is_object(enum sut_errand_purpose p, sut_str name, sut_str type)
{
    for (size_t i = 0; i < name.n; i++)
        if (!is_alnum(name.p[i]) && !is_one_of(name.p[i], i == 0 ? "_-" : "_-."))
            return false;
    for (size_t i = 0; i < type.n; i++)
        if (!is_alnum(type.p[i]) && !is_one_of(type.p[i], "/-+."))
            return false;
    return (p == SUT_ERRAND_S3_ACL) == (name.n == 0) && name.n <= SUT_ERRAND_NAME_MAX &&
           (p == SUT_ERRAND_S3_PUT) == (type.n > 0) && type.n <= SUT_ERRAND_TYPE_MAX;
}

bool sut_errand_is_call_body(enum sut_errand_purpose p, enum sut_errand_method m, sut_str text,
                             sut_str key)
{
    if (m == SUT_ERRAND_GET)
        return text.n == 0 && key.n == 0;
    if (key.n > 0 &&
        (p != SUT_ERRAND_STRIPE || key.n > SUT_ERRAND_KEY_MAX || !sut_errand_is_token(key)))
        return false;
    /* A form is encoded; JSON may hold any text. */
    return p != SUT_ERRAND_STRIPE || text.n == 0 || sut_errand_is_token(text);
}
