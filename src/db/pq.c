/* SPDX-License-Identifier: Apache-2.0 */
#include "db/pq.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    size_t at; /* in the table */
} functions[] = {
#define ROW(name_) { #name_, offsetof(struct sut_pq, name_) },
    SUT_PQ_FUNCTIONS(ROW)
#undef ROW
};

SUT_ERR sut_pq__load(struct sut_pq *ret, struct sut_diag *reterr_diag)
{
    /* It stays when the handle is closed: its libraries don't take well to being unloaded. */
    void *const library = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    bool is_whole = library != NULL;
    for (size_t i = 0; is_whole && i < sizeof(functions) / sizeof(functions[0]); i++) {
        void *const found = dlsym(library, functions[i].name);
        is_whole = found != NULL;
        /* ISO C knows no cast from what dlsym(3) gives to a function; POSIX says it is one. */
        memcpy((char *) ret + functions[i].at, &found, sizeof(found));
    }
    if (library != NULL)
        (void) dlclose(library);
    if (is_whole)
        return SUT_OK;
    sut_diag_set(reterr_diag, "libpq, the library of PostgreSQL's clients, can't be loaded");
    sut_diag_hint(reterr_diag, "install the system's package of it (Debian: libpq5)");
    FAIL(SYSTEM);
}
