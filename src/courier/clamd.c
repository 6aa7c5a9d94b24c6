/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/clamd.h"

#include <string.h>

const unsigned char sut_clamd_tail[SUT_CLAMD_TAIL] = { 0 };

void sut_clamd_head(uint32_t n, unsigned char ret[SUT_CLAMD_HEAD])
{
    static const char command[] = "zINSTREAM"; /* with its NUL */
    _Static_assert(sizeof(command) + 4 == SUT_CLAMD_HEAD, "the command and a length");
    memcpy(ret, command, sizeof(command));
    for (unsigned i = 0; i < 4; i++)
        ret[sizeof(command) + i] = (unsigned char) (n >> (24 - 8 * i) & 0xff);
}

SUT_ERR sut_clamd_read(sut_str said, struct sut_malware_answer *ret)
{
    const sut_str start = SUT_STR("stream: ");
    const sut_str found = SUT_STR(" FOUND");
    *ret = (struct sut_malware_answer){ .is_found = true };
    ENSURE(sut_str_starts(said, start), PARSE);
    const sut_str verdict = sut_str_sub(said, start.n, said.n);
    if (sut_str_is(verdict, "OK")) {
        ret->is_found = false;
        return SUT_OK;
    }
    ENSURE(verdict.n > found.n && sut_str_ends(verdict, found), PARSE);
    const size_t n = verdict.n - found.n;
    for (size_t i = 0; i < n && i < SUT_ERRAND_TEXT_MAX; i++)
        ret->name[i] = (char) (verdict.p[i] > ' ' && verdict.p[i] <= '~' ? verdict.p[i] : '?');
    return SUT_OK;
}
