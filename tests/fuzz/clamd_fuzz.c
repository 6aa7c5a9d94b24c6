/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "courier/clamd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What clamd says is a verdict or none, and what is none never counts as clean. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct sut_malware_answer a;
    const sut_str said = sut_str_of((const char *) data, n);
    const sut_err e = sut_clamd_read(said, &a);
    if (!a.is_found && (sut_failed(e) || !sut_str_is(said, "stream: OK")))
        abort();
    if (memchr(a.name, '\0', sizeof(a.name)) == NULL)
        abort();
    for (const char *p = a.name; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~')
            abort();
    return 0;
}
