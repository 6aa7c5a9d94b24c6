/* SPDX-License-Identifier: Apache-2.0 */
#include "os/private.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/dir.h"
#include "os/fd.h"

enum { OTHERS = S_IRWXG | S_IRWXO };

SUT_ERR sut_private_path(const char *folder, const char *name, const char *what,
                         char ret[SUT_PRIVATE_PATH_MAX], struct sut_diag *reterr_diag)
{
    const int n = snprintf(ret, SUT_PRIVATE_PATH_MAX, "%s/%s", folder, name);
    if (n < 0 || n >= SUT_PRIVATE_PATH_MAX) {
        sut_diag_set(reterr_diag, "the path of the %s folder is too long", what);
        FAIL(INVALID);
    }
    return SUT_OK;
}

/* The user's own and closed to all others. */
static SUT_ERR check_own(const struct stat *st, const char *path, const char *mode,
                         struct sut_diag *diag)
{
    if (st->st_uid != geteuid()) {
        sut_diag_set(diag, "%s belongs to another user (uid %u), so it is not trusted", path,
                     (unsigned) st->st_uid);
        sut_diag_hint(diag, "chown it to the user who runs sutler");
        FAIL(INVALID);
    }
    if ((st->st_mode & OTHERS) != 0) {
        sut_diag_set(diag, "%s is open to other users (mode %04o)", path,
                     (unsigned) (st->st_mode & 07777));
        sut_diag_hint(diag, "chmod %s %s", mode, path);
        FAIL(INVALID);
    }
    return SUT_OK;
}

SUT_ERR sut_private_folder(const char *path, bool may_create, struct sut_diag *reterr_diag)
{
    struct stat st;
    if (may_create && mkdir(path, 0700) != 0 && errno != EEXIST) {
        const int sys = errno;
        sut_diag_set(reterr_diag, "can't make the folder %s for the keys", path);
        errno = sys;
        FAIL_SYS(SYSTEM);
    }
    DEFER(sut_fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        FAIL(NOT_FOUND);
    if (fd < 0 || fstat(fd, &st) != 0) {
        const int sys = errno;
        sut_diag_set(reterr_diag, "can't open the folder %s", path);
        errno = sys;
        FAIL_SYS(SYSTEM);
    }
    return check_own(&st, path, "700", reterr_diag);
}

static SUT_ERR read_all(int fd, struct sut_buf *out)
{
    for (;;) {
        char *const room = sut_buf_room(out, out->max - out->n);
        size_t n = 0;
        ENSURE(room != NULL, NOMEM);
        if (out->n == out->max) {
            char more = 0;
            TRY(sut_fd_read_full(fd, &more, 1, &n));
            ENSURE(n == 0, TOO_LARGE);
            return SUT_OK;
        }
        TRY(sut_fd_read_full(fd, room, out->max - out->n, &n));
        out->n += n;
        if (n == 0)
            return SUT_OK;
    }
}

SUT_ERR sut_private_read(const char *path, struct sut_buf *out, sut_ms *ret_changed,
                         struct sut_diag *reterr_diag)
{
    struct stat st;
    DEFER(sut_fd_close) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        FAIL(NOT_FOUND);
    if (fd < 0 || fstat(fd, &st) != 0) {
        const int sys = errno;
        sut_diag_set(reterr_diag, "can't open %s%s", path,
                     sys == ELOOP ? ": it is a symbolic link" : "");
        errno = sys;
        FAIL_SYS(SYSTEM);
    }
    if (!S_ISREG(st.st_mode)) {
        sut_diag_set(reterr_diag, "%s is not a plain file", path);
        FAIL(INVALID);
    }
    TRY(check_own(&st, path, "600", reterr_diag));
    if (ret_changed != NULL)
        ret_changed->v = (int64_t) st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    const sut_err e = read_all(fd, out);
    if (sut_failed(e) && e.code != SUT_E_TOO_LARGE)
        sut_diag_set(reterr_diag, "can't read %s", path);
    return e;
}

SUT_ERR sut_private_make(const char *path, sut_str content, struct sut_diag *reterr_diag)
{
    const sut_err e = sut_dir_write_new(path, content);
    if (e.code == SUT_E_EXISTS)
        return SUT_OK;
    if (sut_failed(e)) {
        sut_diag_set(reterr_diag, "can't write %s", path);
        sut_diag_hint(reterr_diag, "is the disk full, or the folder not writable?");
    }
    return e;
}
