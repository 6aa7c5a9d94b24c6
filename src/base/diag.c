/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diag.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#define DIAG_FILL(member_)                                                                         \
    do {                                                                                           \
        if (d == NULL)                                                                             \
            break;                                                                                 \
        va_list ap;                                                                                \
        va_start(ap, fmt);                                                                         \
        (void) vsnprintf(d->member_, sizeof(d->member_), fmt, ap);                                 \
        va_end(ap);                                                                                \
    } while (0)

void sut_diag_set(struct sut_diag *d, const char *fmt, ...)
{
    DIAG_FILL(text);
}

void sut_diag_place(struct sut_diag *d, const char *fmt, ...)
{
    DIAG_FILL(place);
}

void sut_diag_hint(struct sut_diag *d, const char *fmt, ...)
{
    DIAG_FILL(hint);
}
