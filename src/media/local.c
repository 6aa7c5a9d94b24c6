/* SPDX-License-Identifier: Apache-2.0 */
#include "media/local.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/dir.h"
#include "os/fd.h"

enum { SHARD = 2 };

struct local {
    char folder[PATH_MAX];
};

/* "<folder>/<2 characters>", and with a file and its ending. */
static SUT_ERR path_of(const struct local *l, sut_str file, bool is_shard, const char *ending,
                       char ret[PATH_MAX])
{
    struct sut_buf b = { .p = ret, .cap = PATH_MAX, .max = PATH_MAX };
    /* It comes out of a checked name: no separator, no dot in front. */
    ENSURE(file.n > SHARD && file.p[0] != '.' && sut_str_find(file, 0, '/') == file.n, INVALID);
    sut_buf_z(&b, l->folder);
    sut_buf_char(&b, '/');
    sut_buf_str_add(&b, sut_str_sub(file, 0, SHARD));
    if (!is_shard) {
        sut_buf_char(&b, '/');
        sut_buf_str_add(&b, file);
        sut_buf_z(&b, ending);
    }
    sut_buf_char(&b, '\0');
    return sut_buf_check(&b);
}

/* The folder of a file, which is one more thing that a full disk has no room for. */
static SUT_ERR make_shard(const struct local *l, sut_str file)
{
    char shard[PATH_MAX];
    bool is_new = false;
    TRY(path_of(l, file, true, "", shard));
    TRY(sut_dir_make_private(shard, &is_new, NULL));
    return is_new ? sut_dir_sync(l->folder) : SUT_OK;
}

static SUT_ERR write_file(const struct local *l, sut_str file, sut_str bytes)
{
    char path[PATH_MAX];
    char temp[PATH_MAX];
    TRY(make_shard(l, file));
    TRY(path_of(l, file, false, "", path));
    TRY(path_of(l, file, false, ".new", temp));
    return sut_dir_replace_by(path, temp, bytes);
}

static SUT_ERR put(void *ctx, sut_str file, sut_str type, sut_str bytes)
{
    (void) type;
    const sut_err e = write_file(ctx, file, bytes);
    ENSURE(e.code != SUT_E_SYSTEM || (e.sys != ENOSPC && e.sys != EDQUOT && e.sys != EFBIG), FULL);
    return e;
}

/* Read in one go, into room of its size. */
static SUT_ERR get(void *ctx, sut_str file, struct sut_buf *ret)
{
    char path[PATH_MAX];
    struct stat st;
    size_t n = 0;
    TRY(path_of(ctx, file, false, "", path));
    DEFER(sut_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ENSURE(fd >= 0 || errno != ENOENT, NOT_FOUND);
    if (fd < 0 || fstat(fd, &st) < 0)
        FAIL_SYS(SYSTEM);
    ENSURE(S_ISREG(st.st_mode) && st.st_size > 0, CORRUPT);
    char *to = sut_buf_room(ret, (size_t) st.st_size);
    TRY(sut_buf_check(ret));
    TRY(sut_fd_read_full(fd, to, (size_t) st.st_size, &n));
    ret->n += n;
    return SUT_OK;
}

static SUT_ERR remove_path(const char *path, bool *ret_was_there)
{
    if (unlink(path) == 0)
        *ret_was_there = true;
    else if (errno != ENOENT)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

static SUT_ERR remove_file(void *ctx, sut_str file)
{
    char path[PATH_MAX];
    bool was_there = false;
    TRY(path_of(ctx, file, false, ".new", path));
    TRY(remove_path(path, &was_there));
    TRY(path_of(ctx, file, false, "", path));
    TRY(remove_path(path, &was_there));
    if (!was_there)
        return SUT_OK;
    TRY(path_of(ctx, file, true, "", path));
    return sut_dir_sync(path);
}

static void close_local(void *ctx)
{
    sut_mem_free(ctx);
}

SUT_ERR sut_media_local_open(sut_str folder, struct sut_media_place *ret)
{
    DEFER(sut_mem_freep) struct local *l = sut_mem_zalloc(1, sizeof(*l));
    ENSURE(l != NULL, NOMEM);
    ENSURE(folder.n > 0 && folder.n < sizeof(l->folder) && memchr(folder.p, '\0', folder.n) == NULL,
           INVALID);
    memcpy(l->folder, folder.p, folder.n);
    TRY(sut_dir_make_private(l->folder, NULL, NULL));
    *ret = (struct sut_media_place){
        .ctx = STEAL(l),
        .put = put,
        .get = get,
        .remove = remove_file,
        .close = close_local,
    };
    return SUT_OK;
}
