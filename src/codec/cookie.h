/* SPDX-License-Identifier: Apache-2.0
 *
 * cookie - the Cookie field in, the Set-Cookie field out (RFC 6265).
 *
 * In: pairs are cut at ';' whatever quotes say, so that one cookie can't hide
 * another.  A pair outside of the RFC's grammar belongs to somebody else on the
 * same host (ours never are): it is left out and counted.  A control byte
 * anywhere is PARSE.  Slices are of the input.
 */
#ifndef SUT_CODEC_COOKIE_H
#define SUT_CODEC_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum { SUT_COOKIES_MAX = 64 };

struct sut_cookie {
    sut_str name;
    sut_str value; /* without the quotes that may stand around it */
    unsigned n;    /* how often this name came; 2 or more: which is ours can't be told */
};

struct sut_cookies {
    const struct sut_cookie *items;
    size_t n;
    size_t skipped;
};

/* PARSE, TOO_LARGE past SUT_COOKIES_MAX, NOMEM. */
SUT_ERR sut_cookie_parse(struct sut_arena *a, sut_str field, struct sut_cookies *ret);
/* NOT_FOUND when it is absent, INVALID when it came twice. */
SUT_ERR sut_cookie_find(const struct sut_cookies *c, const char *name, sut_str *ret);

enum sut_same_site { SUT_SAME_SITE_STRICT, SUT_SAME_SITE_LAX, SUT_SAME_SITE_NONE };

struct sut_set_cookie {
    sut_str name;
    sut_str value;
    const char *path;  /* NULL: "/" */
    int64_t max_age_s; /* below 0: until the browser ends; 0: delete */
    enum sut_same_site same_site;
    bool secure;
    bool http_only;
};

/*
 * Append the field's value.  INVALID, with nothing added, for a name or value
 * outside of the grammar, SameSite=None without Secure, or a __Host- or
 * __Secure- name without what that prefix promises.
 */
SUT_ERR sut_cookie_render(struct sut_buf *out, const struct sut_set_cookie *c);

#endif
