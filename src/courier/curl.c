/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/curl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"

static const struct {
    const char *name;
    size_t at; /* in the table */
} functions[] = {
#define ROW(name_) { #name_, offsetof(struct sut_curl, name_) },
    SUT_CURL_FUNCTIONS(ROW)
#undef ROW
};

static SUT_ERR find_all(void *library, struct sut_curl *ret)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        void *const found = dlsym(library, functions[i].name);
        ENSURE(found != NULL, SYSTEM);
        /* ISO C knows no cast from what dlsym(3) gives to a function; POSIX says it is one. */
        memcpy((char *) ret + functions[i].at, &found, sizeof(found));
    }
    return SUT_OK;
}

static void *copy_bytes(size_t n, size_t size)
{
    return sut_mem_zalloc(n, size);
}

static char *copy_text(const char *z)
{
    const size_t n = strlen(z) + 1;
    char *const to = sut_mem_alloc(n);
    if (to != NULL)
        memcpy(to, z, n);
    return to;
}

SUT_ERR sut_curl_load(struct sut_curl *ret, struct sut_diag *reterr_diag)
{
    /* It stays when the handle is closed: its libraries don't take well to being unloaded. */
    void *const library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library == NULL || sut_failed(find_all(library, ret))) {
        sut_diag_set(reterr_diag, "libcurl, which speaks with mail servers and providers, can't be "
                                  "loaded");
        sut_diag_hint(reterr_diag, "install the system's package of it (Debian: libcurl4)");
        FAIL(SYSTEM);
    }
    (void) dlclose(library);
    ENSURE(ret->curl_global_init_mem(CURL_GLOBAL_DEFAULT, sut_mem_alloc, sut_mem_free,
                                     sut_mem_realloc, copy_text, copy_bytes) == CURLE_OK,
           SYSTEM);
    return SUT_OK;
}
