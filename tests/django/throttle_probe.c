/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reads lines from standard input and answers each: `rate COUNT WINDOW_MS`
 * begins anew, `at MS` is a request.  An answer is `1 WAIT_MS` when it is
 * allowed, `0 WAIT_MS RETRY_AFTER_S` when it is refused; WAIT_MS is DRF's wait().
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/scan.h"
#include "limit/rate.h"

static SUT_ERR answer(sut_str line, struct sut_rate *rate, struct sut_rate_log *log)
{
    struct sut_scan c = sut_scan_of(line);
    uint64_t a = 0;
    uint64_t b = 0;
    if (sut_scan_lit(&c, SUT_STR("rate "))) {
        TRY(sut_scan_u64(&c, UINT32_MAX, &a));
        ENSURE(sut_scan_char(&c, ' '), PARSE);
        TRY(sut_scan_u64(&c, UINT32_MAX, &b));
        *rate = (struct sut_rate){ .count = (uint32_t) a, .window_ms = (uint32_t) b };
        sut_rate_log_done(log);
        return SUT_OK;
    }
    ENSURE(sut_scan_lit(&c, SUT_STR("at ")), PARSE);
    TRY(sut_scan_u64(&c, INT64_MAX, &a));
    const sut_ms now = { .v = (int64_t) a };
    struct sut_rate_result r;
    TRY(sut_rate_take(log, *rate, now, &r));
    const int64_t wait_ms = sut_rate_wait_ms(log, *rate, now);
    if (r.is_allowed)
        (void) printf("1 %" PRId64 "\n", wait_ms);
    else
        (void) printf("0 %" PRId64 " %" PRId64 "\n", wait_ms, r.retry_after_s);
    return SUT_OK;
}

int main(void)
{
    char line[128];
    struct sut_rate rate = { .count = 0 };
    struct sut_rate_log log = { .n = 0 };
    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (sut_failed(answer(sut_str_trim(sut_str_from(line)), &rate, &log))) {
            (void) fprintf(stderr, "not understood: %s", line);
            return 1;
        }
    }
    sut_rate_log_done(&log);
    return 0;
}
