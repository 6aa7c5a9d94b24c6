/* SPDX-License-Identifier: Apache-2.0 */
#include "darkroom/codecs.h"

#include <dlfcn.h>
#include <string.h>

#include "base/mem.h"
#include "darkroom/develop.h"

/* The library that the header belongs to: they differ in their structures. */
#if JPEG_LIB_VERSION >= 80
#define JPEG_LIBRARY "libjpeg.so.8"
#else
#define JPEG_LIBRARY "libjpeg.so.62"
#endif

struct function {
    const char *name;
    size_t at; /* in the table */
};

#define ROW(name_) { #name_, offsetof(struct sut_codecs, name_) },
static const struct function of_jpeg[] = { SUT_CODECS_JPEG(ROW) };
static const struct function of_png[] = { SUT_CODECS_PNG(ROW) };
static const struct function of_webp[] = { SUT_CODECS_WEBP(ROW) };
static const struct function of_webp_demux[] = { SUT_CODECS_WEBP_DEMUX(ROW) };
static const struct function of_gif[] = { SUT_CODECS_GIF(ROW) };
#undef ROW

#define N(array_) (sizeof(array_) / sizeof((array_)[0]))
static const struct {
    const char *file;
    const char *package;
    const struct function *functions;
    size_t n;
} libraries[] = {
    { JPEG_LIBRARY, "libjpeg62-turbo", of_jpeg, N(of_jpeg) },
    { "libspng.so.0", "libspng0", of_png, N(of_png) },
    { "libwebp.so.7", "libwebp7", of_webp, N(of_webp) },
    { "libwebpdemux.so.2", "libwebpdemux2", of_webp_demux, N(of_webp_demux) },
    { "libgif.so.7", "libgif7", of_gif, N(of_gif) },
};

static SUT_ERR find_all(void *library, const struct function *f, size_t n, struct sut_codecs *to)
{
    for (size_t i = 0; i < n; i++) {
        void *const found = dlsym(library, f[i].name);
        ENSURE(found != NULL, SYSTEM);
        /* ISO C knows no cast from what dlsym(3) gives to a function; POSIX says it is one. */
        memcpy((char *) to + f[i].at, &found, sizeof(found));
    }
    return SUT_OK;
}

static SUT_ERR load(struct sut_codecs *to, struct sut_diag *reterr_diag)
{
    for (size_t i = 0; i < N(libraries); i++) {
        void *const library = dlopen(libraries[i].file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        sut_err e = SUT_OK;
        if (library != NULL)
            e = find_all(library, libraries[i].functions, libraries[i].n, to);
        if (library == NULL || sut_failed(e)) {
            sut_diag_set(reterr_diag, "%s, which reads pictures, can't be loaded",
                         libraries[i].file);
            sut_diag_hint(reterr_diag, "install the system's package of it (Debian: %s)",
                          libraries[i].package);
            FAIL(SYSTEM);
        }
        (void) dlclose(library);
    }
    return SUT_OK;
}

SUT_ERR sut_codecs_load(struct sut_codecs **ret, struct sut_diag *reterr_diag)
{
    DEFER(sut_mem_freep) struct sut_codecs *l = sut_mem_zalloc(1, sizeof(*l));
    ENSURE(l != NULL, NOMEM);
    TRY(load(l, reterr_diag));
    *ret = STEAL(l);
    return SUT_OK;
}

void sut_codecs_free(struct sut_codecs **l)
{
    sut_mem_freep(l);
}
