/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a settings file and as a `.env`: what is taken is packed, and
 * reads back as the same settings; nothing that is shown holds the secret.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory that holds the bytes, under the name that /proc gives it. */
static int file_of(const uint8_t *data, size_t size, struct sut_buf *name)
{
    const int fd = memfd_create("settings", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t) size)
        abort();
    sut_buf_reset(name);
    sut_buf_printf(name, "/proc/self/fd/%d", fd);
    sut_buf_char(name, '\0');
    return fd;
}

static void look_at(struct sut_config *c)
{
    struct sut_buf packed;
    struct sut_buf shown[2];
    struct sut_config *again = NULL;
    sut_buf_init(&packed, 4 << 20);
    sut_buf_init(&shown[0], 4 << 20);
    sut_buf_init(&shown[1], 4 << 20);
    if (sut_failed(sut_config_pack(c, SUT_CONFIG_FOR_ALL, &packed)) ||
        sut_failed(sut_config_unpack(sut_buf_str(&packed), &again)) ||
        sut_failed(sut_config_show(c, &shown[0])) || sut_failed(sut_config_show(again, &shown[1])))
        abort();
    if (!sut_str_eq(sut_buf_str(&shown[0]), sut_buf_str(&shown[1])))
        abort();
    if (memmem(shown[0].p, shown[0].n, "canary-9f1c", 11) != NULL)
        abort();
    sut_config_free(&again);
    sut_buf_done(&packed);
    sut_buf_done(&shown[0]);
    sut_buf_done(&shown[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const env[] = { "STRIPE_SECRET_KEY=sk_canary-9f1c", NULL };
    struct sut_buf name;
    sut_buf_init(&name, 64);
    const int fd = file_of(data, size, &name);
    for (int as_dotenv = 0; as_dotenv < 2; as_dotenv++) {
        struct sut_config *c = NULL;
        struct sut_config_report report;
        const struct sut_config_source src = {
            .file = as_dotenv ? NULL : name.p,
            .dotenv = as_dotenv ? name.p : NULL,
            .env = env,
            .insecure_dev = as_dotenv,
        };
        const sut_err e = sut_config_load(&src, &c, &report);
        if (!sut_failed(e))
            look_at(c);
        else if (e.code == SUT_E_INVALID && report.n == 0)
            abort();
        sut_config_report_done(&report);
        sut_config_free(&c);
    }
    (void) close(fd);
    sut_buf_done(&name);
    return 0;
}
