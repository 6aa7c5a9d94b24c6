/* SPDX-License-Identifier: Apache-2.0 */
#include "os/dir.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/diag.h"
#include "os/fd.h"

SUT_ERR sut_dir_make_private(const char *path, bool *ret_made, struct sut_diag *reterr_diag)
{
    const bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST) {
        sut_diag_place(reterr_diag, "%s", path);
        sut_diag_set(reterr_diag, "the folder can't be made");
        FAIL_SYS(SYSTEM);
    }
    struct stat st;
    if (stat(path, &st) < 0)
        FAIL_SYS(SYSTEM);
    sut_diag_place(reterr_diag, "%s", path);
    if (!S_ISDIR(st.st_mode)) {
        sut_diag_set(reterr_diag, "this is not a folder");
        FAIL(DENIED);
    }
    if (st.st_uid != geteuid()) {
        sut_diag_set(reterr_diag, "the folder belongs to another user");
        sut_diag_hint(reterr_diag, "chown it to the user that runs sutler");
        FAIL(DENIED);
    }
    if ((st.st_mode & 077) != 0) {
        sut_diag_set(reterr_diag, "the folder is open to other users (mode %04o)",
                     (unsigned) (st.st_mode & 07777));
        sut_diag_hint(reterr_diag, "chmod 700 %s", path);
        FAIL(DENIED);
    }
    if (ret_made != NULL)
        *ret_made = made;
    return SUT_OK;
}

SUT_ERR sut_dir_lock(const char *path, int *ret_fd, struct sut_diag *reterr_diag)
{
    DEFER(sut_fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        sut_diag_place(reterr_diag, "%s", path);
        sut_diag_set(reterr_diag, "the lock file can't be opened");
        FAIL_SYS(SYSTEM);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            FAIL_SYS(SYSTEM);
        char pid[24];
        const ssize_t n = pread(fd, pid, sizeof(pid), 0);
        sut_diag_place(reterr_diag, "%s", path);
        sut_diag_set(reterr_diag, "another process holds it (%.*s)", (int) (n > 0 ? n : 0), pid);
        FAIL(BUSY);
    }
    /* The number is for people alone; the lock is what counts. */
    char pid[24];
    const int n = snprintf(pid, sizeof(pid), "pid %ld", (long) getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t) n, 0) != n)
        FAIL_SYS(SYSTEM);
    *ret_fd = sut_fd_take(&fd);
    return SUT_OK;
}

static SUT_ERR read_open(int fd, size_t max, struct sut_buf *b)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        FAIL_SYS(SYSTEM);
    ENSURE(S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode), INVALID);
    size_t total = 0;
    for (;;) {
        char piece[4096];
        size_t n = 0;
        TRY(sut_fd_read_full(fd, piece, sizeof(piece), &n));
        total += n;
        ENSURE(total <= max, TOO_LARGE);
        sut_buf_add(b, piece, n);
        explicit_bzero(piece, n);
        if (n < sizeof(piece))
            return sut_buf_check(b);
    }
}

static SUT_ERR open_read(const char *path, int *ret)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        FAIL_SYS(NOT_FOUND);
    if (fd < 0)
        FAIL_SYS(SYSTEM);
    *ret = fd;
    return SUT_OK;
}

SUT_ERR sut_dir_read_file(const char *path, size_t max, struct sut_buf *b)
{
    DEFER(sut_fd_close) int fd = -1;
    TRY(open_read(path, &fd));
    return read_open(fd, max, b);
}

SUT_ERR sut_dir_read_private(const char *path, size_t max, struct sut_buf *b,
                             struct sut_diag *reterr_diag)
{
    DEFER(sut_fd_close) int fd = -1;
    TRY(open_read(path, &fd));
    struct stat st;
    if (fstat(fd, &st) < 0)
        FAIL_SYS(SYSTEM);
    if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 077) != 0) {
        sut_diag_place(reterr_diag, "%s", path);
        sut_diag_set(reterr_diag, "the file is open to other users, or another's (mode %04o)",
                     (unsigned) (st.st_mode & 07777));
        sut_diag_hint(reterr_diag, "chmod 600 %s", path);
        FAIL(DENIED);
    }
    return read_open(fd, max, b);
}

SUT_ERR sut_dir_sync(const char *path)
{
    DEFER(sut_fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

static SUT_ERR sync_parent(const char *path)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t n = slash == NULL ? 0 : (size_t) (slash - path);
    ENSURE(n < sizeof(parent), INVALID);
    if (slash == NULL) {
        memcpy(parent, ".", 2);
    } else if (n == 0) {
        memcpy(parent, "/", 2);
    } else {
        memcpy(parent, path, n);
        parent[n] = '\0';
    }
    return sut_dir_sync(parent);
}

static SUT_ERR write_temp(const char *temp, sut_str content)
{
    if (unlink(temp) < 0 && errno != ENOENT)
        FAIL_SYS(SYSTEM);
    DEFER(sut_fd_close)
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        FAIL_SYS(SYSTEM);
    TRY(sut_fd_write_full(fd, content));
    if (fsync(fd) < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

static SUT_ERR put_by(const char *path, const char *temp, sut_str content, bool may_replace)
{
    const sut_err e = write_temp(temp, content);
    if (sut_failed(e)) {
        unlink(temp);
        return e;
    }
    const int rc = may_replace ? rename(temp, path) : link(temp, path);
    const int code = rc < 0 ? errno : 0;
    if (!may_replace || rc < 0)
        unlink(temp);
    errno = code;
    ENSURE(code != EEXIST, EXISTS);
    if (rc < 0)
        FAIL_SYS(SYSTEM);
    return sync_parent(path);
}

static SUT_ERR put(const char *path, sut_str content, bool may_replace)
{
    char temp[PATH_MAX];
    const int n = snprintf(temp, sizeof(temp), "%s.%ld.new", path, (long) getpid());
    ENSURE(n > 0 && (size_t) n < sizeof(temp), INVALID);
    return put_by(path, temp, content, may_replace);
}

SUT_ERR sut_dir_replace_by(const char *path, const char *temp, sut_str content)
{
    return put_by(path, temp, content, true);
}

SUT_ERR sut_dir_write_new(const char *path, sut_str content)
{
    return put(path, content, false);
}

SUT_ERR sut_dir_replace(const char *path, sut_str content)
{
    return put(path, content, true);
}
