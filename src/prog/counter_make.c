/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "prog/boot.h"
#include "prog/counter_home.h"
#include "store/keys.h"

enum {
    MS_PER_S = 1000,
    KEY_BYTES = 64, /* less than any key takes, so that as many rows fill the memory */
    MAIL_PAUSE_MS = 300 * MS_PER_S, /* between two mails of one kind to one address */
    RESETS_PER_ADDR = 10,           /* times what one account may have */
};

static struct sut_rate rate_of(struct sut_config_rate r)
{
    return (struct sut_rate){ .count = r.count, .window_ms = r.window_ms };
}

/* A rate that is not limited stays so. */
static struct sut_rate times(struct sut_rate r, uint32_t n)
{
    r.count = r.count > UINT32_MAX / n ? UINT32_MAX : r.count * n;
    return r;
}

SUT_ERR sut_counter_rows_open(const struct sut_config *c, const struct sut_boot *boot,
                              struct sut_counter_rows *rows, struct sut_counters **ret)
{
    DEFER(sut_secret_free) struct sut_secret *key = NULL;
    TRY(sut_keys_current(boot->store, boot->keeper, SUT_KEY_COUNTERS, &key, NULL));
    sut_counter_rows_init(rows, boot->store, (int64_t) (c->counters.memory_bytes / KEY_BYTES));
    const struct sut_counters_options o = {
        .rates = {
            [SUT_RATE_ANON] = rate_of(c->limits.anon),
            [SUT_RATE_USER] = rate_of(c->limits.user),
            [SUT_RATE_LOGIN] = rate_of(c->limits.login),
            [SUT_RATE_RESET] = rate_of(c->limits.reset),
            [SUT_RATE_REFRESH] = rate_of(c->limits.refresh),
            [SUT_RATE_RESET_ADDR] = times(rate_of(c->limits.reset), RESETS_PER_ADDR),
            [SUT_RATE_MAIL] = { .count = 1, .window_ms = MAIL_PAUSE_MS },
        },
        .lockout = { .failures = c->lockout.failures,
                     .forget_ms = c->lockout.forget_s * MS_PER_S,
                     .lock_ms = c->lockout.lock_s * MS_PER_S },
        .memory_bytes = c->counters.memory_bytes,
        .checkpoint_ms = c->counters.checkpoint_ms,
        .key = sut_secret_str(key),
        .clock = &sut_clock_system,
        .ops = &sut_counter_rows_ops,
        .ops_ctx = rows,
    };
    return sut_counters_create(&o, ret);
}
