/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reads lines from standard input and answers each: `shop ANON USER LOGIN`, each
 * COUNT/WINDOW_MS, begins anew; `anon ADDRESS MS`, `user ID MS` and `login ADDRESS MS` are
 * requests, counted as the guard counts them.  An answer is `1 LIMIT REMAINING RESET_S` when it is
 * allowed, `0 LIMIT REMAINING RESET_S RETRY_AFTER_S` when it is refused.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/scan.h"
#include "counters/counters.h"

static sut_ms at;

static sut_ms tell_at(void *ctx)
{
    (void) ctx;
    return at;
}

static const struct sut_clock clock_of_asks = { .now = tell_at };

static SUT_ERR read_rate(struct sut_scan *s, struct sut_rate *ret)
{
    uint64_t count = 0;
    uint64_t window = 0;
    ENSURE(sut_scan_char(s, ' '), PARSE);
    TRY(sut_scan_u64(s, UINT32_MAX, &count));
    ENSURE(sut_scan_char(s, '/'), PARSE);
    TRY(sut_scan_u64(s, UINT32_MAX, &window));
    *ret = (struct sut_rate){ .count = (uint32_t) count, .window_ms = (uint32_t) window };
    return SUT_OK;
}

static SUT_ERR begin(struct sut_scan *s, struct sut_counters **c)
{
    struct sut_counters_options o = {
        .memory_bytes = 8 << 20,
        .checkpoint_ms = 1000,
        .key = SUT_STR("0123456789abcdef0123456789abcdef"),
        .clock = &clock_of_asks,
    };
    TRY(read_rate(s, &o.rates[SUT_RATE_ANON]));
    TRY(read_rate(s, &o.rates[SUT_RATE_USER]));
    TRY(read_rate(s, &o.rates[SUT_RATE_LOGIN]));
    sut_counters_free(c);
    return sut_counters_create(&o, c);
}

static SUT_ERR read_addr(sut_str text, unsigned char ret[16])
{
    char z[64];
    ENSURE(text.n < sizeof(z), PARSE);
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    memset(ret, 0, 16);
    if (inet_pton(AF_INET6, z, ret) == 1)
        return SUT_OK;
    memset(ret + 10, 0xff, 2);
    ENSURE(inet_pton(AF_INET, z, ret + 12) == 1, PARSE);
    return SUT_OK;
}

static SUT_ERR answer(sut_str line, struct sut_counters **c)
{
    struct sut_scan s = sut_scan_of(line);
    if (sut_scan_lit(&s, SUT_STR("shop")))
        return begin(&s, c);
    struct sut_rate_ask asks[2];
    size_t n = 0;
    unsigned char ip[16];
    uint64_t id = 0;
    uint64_t ms = 0;
    const bool is_login = sut_scan_lit(&s, SUT_STR("login "));
    if (is_login || sut_scan_lit(&s, SUT_STR("anon "))) {
        TRY(read_addr(sut_scan_until(&s, ' '), ip));
        asks[n++] = sut_rate_ask_addr(SUT_RATE_ANON, ip);
        if (is_login)
            asks[n++] = sut_rate_ask_addr(SUT_RATE_LOGIN, ip);
    } else {
        ENSURE(sut_scan_lit(&s, SUT_STR("user ")), PARSE);
        TRY(sut_scan_u64(&s, INT64_MAX, &id));
        asks[n++] = sut_rate_ask_id(SUT_RATE_USER, (int64_t) id);
    }
    ENSURE(sut_scan_char(&s, ' '), PARSE);
    TRY(sut_scan_u64(&s, INT64_MAX, &ms));
    at.v = (int64_t) ms;
    struct sut_rate_result r;
    const bool is_allowed = sut_counters_take(*c, asks, n, at, &r);
    (void) printf("%d %" PRIu64 " %" PRIu64 " %" PRId64, is_allowed, r.limit, r.remaining,
                  r.reset_s);
    if (!is_allowed)
        (void) printf(" %" PRId64, r.retry_after_s);
    (void) printf("\n");
    return SUT_OK;
}

int main(void)
{
    char line[256];
    struct sut_counters *c = NULL;
    int code = 0;
    while (code == 0 && fgets(line, sizeof(line), stdin) != NULL)
        if (sut_failed(answer(sut_str_trim(sut_str_from(line)), &c))) {
            (void) fprintf(stderr, "not understood: %s", line);
            code = 1;
        }
    sut_counters_free(&c);
    return code;
}
