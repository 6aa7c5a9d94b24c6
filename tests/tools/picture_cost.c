/* SPDX-License-Identifier: Apache-2.0
 *
 * picture_cost - what a JPEG of nearly 5 MiB costs through the darkroom (bytes there, decoded,
 * written anew in three sizes, files back) and with the bare library (decoded, written anew
 * once), in turn: picture_cost PROGRAM ROUNDS prints a line a round, in milliseconds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ipc/darkroom.h"
#include "os/fd.h"
#include "os/role.h"
#include "prog/roles.h"

enum { W = 4000, H = 3000, RGB = 3, NOISE = 24 };

_Noreturn static void fail(const char *what)
{
    (void) fprintf(stderr, "picture_cost: %s\n", what);
    exit(1);
}

static double ms_since(uint64_t ns)
{
    return (double) (sut_monotonic_ns() - ns) / 1e6;
}

/* --- the bare library --- */

static void encode(const unsigned char *rgb, JDIMENSION w, JDIMENSION h, int quality,
                   unsigned char **ret, unsigned long *ret_n)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    *ret = NULL;
    *ret_n = 0;
    jpeg_mem_dest(&c, ret, ret_n);
    c.image_width = w;
    c.image_height = h;
    c.input_components = RGB;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, quality, TRUE);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < h) {
        /* It takes an unqualified pointer but changes nothing. */
        union {
            const unsigned char *in;
            JSAMPROW out;
        } row = { .in = rgb + (size_t) c.next_scanline * w * RGB };
        (void) jpeg_write_scanlines(&c, &row.out, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
}

static double run_bare(sut_str file)
{
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long n = 0;
    const uint64_t begin = sut_monotonic_ns();
    d.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&d);
    jpeg_mem_src(&d, (const unsigned char *) file.p, file.n);
    (void) jpeg_read_header(&d, TRUE);
    (void) jpeg_start_decompress(&d);
    unsigned char *const rgb = sut_mem_alloc((size_t) d.output_width * d.output_height * RGB);
    if (rgb == NULL)
        fail("no memory");
    while (d.output_scanline < d.output_height) {
        JSAMPROW row = rgb + (size_t) d.output_scanline * d.output_width * RGB;
        (void) jpeg_read_scanlines(&d, &row, 1);
    }
    (void) jpeg_finish_decompress(&d);
    encode(rgb, d.output_width, d.output_height, SUT_PICTURE_QUALITY, &out, &n);
    jpeg_destroy_decompress(&d);
    sut_mem_free(rgb);
    (free)(out); /* the library's own */
    return ms_since(begin);
}

/* Slopes and noise, at the best quality that fits. */
static sut_str make_file(void)
{
    unsigned char *const rgb = sut_mem_alloc((size_t) W * H * RGB);
    uint32_t seed = 1;
    if (rgb == NULL)
        fail("no memory");
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W * RGB; x++) {
            seed = seed * 1103515245U + 12345U;
            const double v = 128 + 60 * sin(x / 210.0) + 50 * sin(y / 90.0) +
                             (double) (seed >> 16) / 65536 * NOISE - NOISE / 2.0;
            rgb[(size_t) y * W * RGB + (size_t) x] = (unsigned char) v;
        }
    }
    for (int quality = 99; quality > 50; quality--) {
        unsigned char *p = NULL;
        unsigned long n = 0;
        encode(rgb, W, H, quality, &p, &n);
        if (n <= SUT_PICTURE_BYTES_MAX) {
            sut_mem_free(rgb);
            return sut_str_of((const char *) p, n);
        }
        (free)(p);
    }
    fail("no file is small enough");
}

/* --- the darkroom --- */

/* Until the walls of the role itself stand: then it waits for its picture. */
static void wait_ready(pid_t pid)
{
    char path[64];
    char text[4096];
    (void) snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
    for (int i = 0; i < 10000; i++) {
        FILE *const f = fopen(path, "re");
        const size_t n = f == NULL ? 0 : fread(text, 1, sizeof(text) - 1, f);
        text[n] = '\0';
        if (f != NULL)
            (void) fclose(f);
        if (strstr(text, "\nSeccomp:\t2") != NULL)
            return;
        (void) usleep(1000);
    }
    fail("the darkroom does not start");
}

static double run_darkroom(const char *program, sut_str file, bool is_warm)
{
    static const char *const args[] = { "--rest=60000", NULL };
    struct sut_darkroom *d = NULL;
    struct sut_role role = SUT_ROLE_NONE;
    struct sut_picture p;
    int pair[2];
    if (sut_failed(sut_fd_socketpair(pair)) || sut_failed(sut_darkroom_create(1, &d)))
        fail("no connection");
    uint64_t begin = sut_monotonic_ns();
    const struct sut_role_fd fds[] = { { .fd = 2, .as = 2 },
                                       { .fd = pair[0], .as = SUT_ROLE_FD_PICTURE } };
    const struct sut_role_spec spec = {
        .binary = program, .name = "darkroom", .args = args, .fds = fds, .n_fds = 2
    };
    if (sut_failed(sut_role_spawn(&spec, &role)))
        fail("the role can't be started");
    sut_fd_close(&pair[0]);
    if (sut_failed(sut_darkroom_add(d, pair[1])))
        fail("no connection");
    if (is_warm) {
        wait_ready(role.pid);
        begin = sut_monotonic_ns();
    }
    if (sut_failed(sut_darkroom_develop(d, file, &p)))
        fail("the picture is refused");
    const double ms = ms_since(begin);
    sut_picture_done(&p);
    sut_darkroom_free(&d);
    struct sut_role_end end;
    sut_ignore(sut_role_wait(&role, &end), "it has answered");
    return ms;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        fail("PROGRAM ROUNDS");
    const sut_str file = make_file();
    const long rounds = strtol(argv[2], NULL, 10);
    printf("bytes %zu\n", file.n);
    /* Once for nothing: pages are there then on both sides. */
    (void) run_bare(file);
    (void) run_darkroom(argv[1], file, true);
    for (long i = 0; i < rounds; i++) {
        const double bare = run_bare(file);
        const double warm = run_darkroom(argv[1], file, true);
        const double cold = run_darkroom(argv[1], file, false);
        printf("round %.2f %.2f %.2f\n", bare, warm, cold);
    }
    return 0;
}
