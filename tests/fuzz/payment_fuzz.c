/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a signature's header and as an event of either provider: nothing unsigned is taken,
 * and what is read as news says what news must say.  The first line is the header, or an
 * event's type; the rest is the body.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "pay/news.h"
#include "pay/webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX = 16 * 1024 * 1024 };

static void must(int is_so)
{
    if (!is_so)
        abort();
}

static void read_event(struct sut_arena *a, enum sut_pay_method p, sut_str type, sut_str body)
{
    struct sut_webhook_name name;
    struct sut_news n;
    if (!sut_failed(sut_webhook_name_of(a, p, body, &name)))
        must(name.event.n > 0 && name.type.n > 0);
    if (sut_failed(sut_news_of_event(a, p, type, body, &n)))
        return;
    if (n.kind == SUT_NEWS_NONE)
        must(n.why != NULL);
    else
        must(n.provider == p && n.amount >= 0 && n.order >= 0 && n.payment >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const sut_str all = sut_str_of((const char *) data, size);
    const size_t end = sut_str_find(all, 0, '\n');
    const sut_str line = sut_str_sub(all, 0, end);
    const sut_str body = sut_str_sub(all, end + 1, all.n);
    const sut_str secret = SUT_STR("whsec_0123456789abcdef");
    struct sut_arena *a = NULL;
    must(!sut_failed(sut_arena_create(ARENA_MAX, &a)));
    /* Nobody guesses a signature. */
    must(sut_failed(
        sut_webhook_check_stripe(line, body, &secret, 1, (sut_ms){ INT64_C(1772370000000) })));
    read_event(a, SUT_PAY_STRIPE, line, body);
    read_event(a, SUT_PAY_PAYSTACK, line, body);
    sut_arena_free(&a);
    return 0;
}
