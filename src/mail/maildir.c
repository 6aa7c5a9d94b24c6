/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/maildir.h"

#include <limits.h>

#include "os/dir.h"

enum { MESSAGE_MAX = 1024 * 1024 };

/* "<dir><below><name><flags>" */
static SUT_ERR path_of(sut_str dir, const char *below, sut_str name, const char *flags,
                       char ret[PATH_MAX])
{
    struct sut_buf b = { .p = ret, .cap = PATH_MAX, .max = PATH_MAX };
    sut_buf_str_add(&b, dir);
    sut_buf_z(&b, below);
    sut_buf_str_add(&b, name);
    sut_buf_z(&b, flags);
    sut_buf_char(&b, '\0');
    ENSURE(dir.n > 0 && memchr(dir.p, 0, dir.n) == NULL, INVALID);
    return sut_buf_check(&b);
}

static bool is_name(sut_str s)
{
    if (s.n == 0 || s.n > SUT_MAILDIR_NAME_MAX || s.p[0] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}

SUT_ERR sut_maildir_create(sut_str dir)
{
    static const char *const folders[] = { "", "/tmp", "/new", "/cur" };
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        TRY(path_of(dir, folders[i], SUT_STR(""), "", path));
        TRY(sut_dir_make_private(path, NULL, NULL));
    }
    return SUT_OK;
}

/*
 * Written and renamed within new/: between two folders a process that is shut in may not move a
 * file.  Until it is whole it has another name there.
 */
SUT_ERR sut_maildir_put(sut_str dir, sut_str name, sut_str message)
{
    char path[PATH_MAX];
    ENSURE(is_name(name) && message.n <= MESSAGE_MAX, INVALID);
    TRY(path_of(dir, "/new/", name, "", path));
    return sut_dir_replace(path, message);
}

/* A mail program moves what it has seen, and adds ":2," and flags. */
static const char *const places[][2] = {
    { "/new/", "" }, { "/cur/", "" }, { "/cur/", ":2," }, { "/cur/", ":2,S" }, { "/cur/", ":2,RS" },
};

SUT_ERR sut_maildir_get(sut_str dir, sut_str name, struct sut_buf *out)
{
    ENSURE(is_name(name), INVALID);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char path[PATH_MAX];
        TRY(path_of(dir, places[i][0], name, places[i][1], path));
        const sut_err e = sut_dir_read_file(path, MESSAGE_MAX, out);
        if (e.code != SUT_E_NOT_FOUND)
            return e;
    }
    FAIL(NOT_FOUND);
}
