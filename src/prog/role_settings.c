/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/role_settings.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/fd.h"
#include "prog/roles.h"

enum { SETTINGS_MAX = 256 * 1024 };

static SUT_ERR seal_bytes(sut_str bytes, int *ret_fd)
{
    DEFER(sut_fd_close) int fd = memfd_create("settings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        FAIL_SYS(SYSTEM);
    TRY(sut_fd_write_full(fd, bytes));
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        FAIL_SYS(SYSTEM);
    /* Mapped to be locked: what is only a file in memory may be swapped out. */
    void *pages = mmap(NULL, bytes.n, PROT_READ, MAP_SHARED, fd, 0);
    if (pages == MAP_FAILED)
        FAIL_SYS(SYSTEM);
    if (mlock(pages, bytes.n) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        FAIL_SYS(SYSTEM);
    *ret_fd = sut_fd_take(&fd);
    return SUT_OK;
}

SUT_ERR sut_role_settings_pack(const struct sut_config *c, enum sut_config_for whom, int *ret_fd)
{
    struct sut_buf b;
    sut_buf_init(&b, SETTINGS_MAX);
    /* At once, so that it never moves and leaves a copy behind. */
    (void) sut_buf_room(&b, SETTINGS_MAX);
    sut_err e = sut_config_pack(c, whom, &b);
    if (!sut_failed(e))
        e = seal_bytes(sut_buf_str(&b), ret_fd);
    if (b.p != NULL)
        sut_wipe(b.p, b.cap);
    sut_buf_done(&b);
    return e;
}

SUT_ERR sut_role_settings(struct sut_config **ret)
{
    struct sut_buf b;
    size_t n = 0;
    sut_buf_init(&b, SETTINGS_MAX);
    /* At once, so that it never moves and leaves a copy behind. */
    char *const room = sut_buf_room(&b, SETTINGS_MAX);
    sut_err e = sut_buf_check(&b);
    if (!sut_failed(e))
        e = sut_fd_read_full(SUT_ROLE_FD_SETTINGS, room, SETTINGS_MAX, &n);
    b.n = n;
    if (!sut_failed(e))
        e = sut_config_unpack(sut_buf_str(&b), ret);
    if (b.p != NULL)
        sut_wipe(b.p, b.n);
    sut_buf_done(&b);
    (void) close(SUT_ROLE_FD_SETTINGS);
    return e;
}
