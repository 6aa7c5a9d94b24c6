/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/role_settings.h"

#include <unistd.h>

#include "os/fd.h"
#include "prog/roles.h"

enum { SETTINGS_MAX = 256 * 1024 };

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
