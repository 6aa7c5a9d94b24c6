/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

static const struct sut_einfo infos[] = {
    [SUT_E_OK] = { "OK", SUT_EKIND_NONE, 200, "", "" },
#define X(name, kind, http, slug, text)                                                            \
    [SUT_E_##name] = { #name, SUT_EKIND_##kind, http, slug, text },
#include "base/err.def"
#undef X
};

const struct sut_einfo *sut_err_info(enum sut_ecode code)
{
    const size_t n = sizeof(infos) / sizeof(infos[0]);
    return &infos[(size_t) code < n ? code : SUT_E_SYSTEM];
}

void sut_bug(const char *file, int line, const char *what)
{
    (void) fprintf(stderr, "sutler: bug at %s:%d: %s\n", file, line, what);
    abort();
}
