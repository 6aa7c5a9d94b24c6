/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the beginning of a connection behind a proxy: the verdict on all of them
 * is that on each piece of them that was long enough, and never reads past its end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/proxy2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of just these bytes, so that reading past them is seen. */
static enum sut_proxy2_step read_exactly(const uint8_t *data, size_t size, struct sut_proxy2 *ret)
{
    char *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    const enum sut_proxy2_step step = sut_proxy2_read(sut_str_of(copy, size), ret);
    free(copy);
    return step;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sut_proxy2 h = { .length = 0 };
    struct sut_proxy2 again = { .length = 0 };
    if (size > SUT_PROXY2_MAX + 64)
        return 0;
    const enum sut_proxy2_step step = read_exactly(data, size, &h);
    if (step == SUT_PROXY2_DONE) {
        if (h.length < SUT_PROXY2_HEAD || h.length > size || h.length > SUT_PROXY2_MAX)
            abort();
        if (h.has_client && (h.client.text[0] == '\0' || strlen(h.client.text) >= 48))
            abort();
        if (read_exactly(data, h.length, &again) != SUT_PROXY2_DONE || again.length != h.length ||
            !sut_addr_eq(&again.client, &h.client))
            abort();
        if (read_exactly(data, h.length - 1, &again) != SUT_PROXY2_MORE)
            abort();
    }
    /* What is bad stays bad with more behind it, so a piece of MORE was no BAD. */
    for (size_t n = 0; step == SUT_PROXY2_MORE && n < size; n += 1 + size / 16)
        if (read_exactly(data, n, &again) != SUT_PROXY2_MORE)
            abort();
    return 0;
}
