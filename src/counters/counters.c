/* SPDX-License-Identifier: Apache-2.0 */
#include "counters/counters.h"

#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/thread.h"
#include "counters/counters_int.h"
#include "crypto/hmac.h"
#include "crypto/sha256.h"

enum { ASKS_MAX = 4, KEY_MIN = 16 };

struct sut_rate_ask sut_rate_ask_id(enum sut_rate_kind kind, int64_t id)
{
    struct sut_rate_ask a = { .kind = kind, .subject = { 'i' } };
    memcpy(a.subject + 1, &id, sizeof(id));
    return a;
}

struct sut_rate_ask sut_rate_ask_addr(enum sut_rate_kind kind, const unsigned char ip[16])
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    struct sut_rate_ask a = { .kind = kind, .subject = { 'a' } };
    /* One customer holds at least a /64. */
    memcpy(a.subject + 1, ip, memcmp(ip, mapped, sizeof(mapped)) == 0 ? 16 : 8);
    return a;
}

struct sut_rate_ask sut_rate_ask_text(enum sut_rate_kind kind, sut_str text)
{
    struct sut_rate_ask a = { .kind = kind, .subject = { 't' } };
    unsigned char digest[SUT_SHA256_SIZE];
    sut_sha256(text, digest);
    memcpy(a.subject + 1, digest, sizeof(a.subject) - 1);
    return a;
}

struct sut_rate_key sut_counters__digest(const struct sut_counters *c, uint8_t kind,
                                         const unsigned char subject[SUT_SUBJECT])
{
    char msg[1 + SUT_SUBJECT];
    unsigned char mac[SUT_HMAC_SIZE];
    struct sut_rate_key key;
    msg[0] = (char) kind;
    memcpy(msg + 1, subject, SUT_SUBJECT);
    const struct sut_hmac_key *k = (const void *) sut_secret_str(c->hmac).p;
    sut_hmac(k, sut_str_of(msg, sizeof(msg)), mac);
    memcpy(key.b, mac, sizeof(key.b));
    return key;
}

SUT_ERR sut_counters_create(const struct sut_counters_options *opt, struct sut_counters **ret)
{
    ENSURE(opt->key.n >= KEY_MIN && opt->checkpoint_ms > 0, INVALID);
    struct sut_counters *c DEFER(sut_counters_free) = sut_mem_zalloc(1, sizeof(*c));
    ENSURE(c != NULL, NOMEM);
    memcpy(c->rates, opt->rates, sizeof(c->rates));
    c->lockout = opt->lockout;
    c->clock = opt->clock;
    c->checkpoint_ms = opt->checkpoint_ms;
    (void) pthread_mutex_init(&c->lock, NULL);
    (void) pthread_mutex_init(&c->saving, NULL);
    sut_cond_init(&c->try_ended);

    TRY(sut_secret_create(sizeof(struct sut_hmac_key), &c->hmac));
    sut_hmac_key_init(sut_secret_bytes(c->hmac), opt->key);
    /* Where keys lie in the table follows from the secret too: one seed less to bring. */
    unsigned char seed[SUT_HMAC_SIZE];
    uint64_t seed64 = 0;
    sut_hmac(sut_secret_bytes(c->hmac), SUT_STR("ratetable seed"), seed);
    memcpy(&seed64, seed, sizeof(seed64));
    TRY(sut_counters__memory(opt->memory_bytes, seed64, opt->ops, opt->ops_ctx, &c->home));
    TRY(c->home->vtable->load(c->home, sut_clock_now(c->clock)));
    *ret = STEAL(c);
    return SUT_OK;
}

static int64_t save(void *arg)
{
    struct sut_counters *c = arg;
    /* A store that is gone comes back or doesn't: the keys stay due, and stats() counts. */
    sut_ignore(sut_counters_checkpoint(c), "tried again in a moment");
    return c->checkpoint_ms;
}

SUT_ERR sut_counters_start(struct sut_counters *c)
{
    SUT_BUG_IF(c->saver != NULL);
    DEFER(sut_background_free) struct sut_background *b = NULL;
    const struct sut_background_options o = {
        .round = save, .ctx = c, .first_ms = c->checkpoint_ms, .sleep_max_ms = c->checkpoint_ms
    };
    TRY(sut_background_create(&o, &b));
    TRY(sut_background_start(b));
    c->saver = STEAL(b);
    return SUT_OK;
}

static SUT_ERR checkpoint(struct sut_counters *c, bool is_last)
{
    (void) pthread_mutex_lock(&c->saving);
    const sut_err e = c->home->vtable->checkpoint(c->home, is_last, sut_clock_now(c->clock));
    (void) pthread_mutex_unlock(&c->saving);
    return e;
}

SUT_ERR sut_counters_checkpoint(struct sut_counters *c)
{
    return checkpoint(c, false);
}

SUT_ERR sut_counters_stop(struct sut_counters *c)
{
    sut_background_free(&c->saver);
    return checkpoint(c, true);
}

void sut_counters_free(struct sut_counters **c)
{
    if (*c == NULL)
        return;
    SUT_BUG_IF((*c)->saver != NULL);
    if ((*c)->home != NULL)
        (*c)->home->vtable->free(&(*c)->home);
    sut_secret_free(&(*c)->hmac);
    (void) pthread_cond_destroy(&(*c)->try_ended);
    (void) pthread_mutex_destroy(&(*c)->lock);
    (void) pthread_mutex_destroy(&(*c)->saving);
    sut_mem_freep(c);
}

/* Whether a says more to the client than b: a refusal, the longer wait, the fewer left. */
static bool is_tighter(const struct sut_rate_result *a, const struct sut_rate_result *b)
{
    if (a->limit == 0 || b->limit == 0)
        return b->limit == 0 && a->limit != 0;
    if (a->is_allowed != b->is_allowed)
        return !a->is_allowed;
    if (!a->is_allowed)
        return a->retry_after_s > b->retry_after_s;
    return a->remaining < b->remaining;
}

bool sut_counters_take(struct sut_counters *c, const struct sut_rate_ask *asks, size_t n,
                       sut_ms now, struct sut_rate_result *ret)
{
    struct sut_home_ask home[ASKS_MAX];
    const struct sut_home_vtable *vt = c->home->vtable;
    SUT_BUG_IF(n > ASKS_MAX);
    *ret = (struct sut_rate_result){ .is_allowed = true };
    struct sut_rate_result r;
    bool is_free = true;
    for (size_t i = 0; i < n; i++) {
        SUT_BUG_IF((unsigned) asks[i].kind >= SUT_RATE_KINDS);
        home[i].kind = (uint8_t) asks[i].kind;
        home[i].rate = c->rates[asks[i].kind];
        if (home[i].rate.count == 0)
            continue;
        home[i].key = sut_counters__digest(c, home[i].kind, asks[i].subject);
        /* With one ask there is nothing to take back: it is decided below. */
        if (n > 1) {
            vt->peek(c->home, &home[i], now, &r);
            is_free = is_free && r.is_allowed;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (home[i].rate.count == 0)
            continue;
        if (!is_free) {
            vt->peek(c->home, &home[i], now, &r);
            if (r.is_allowed)
                continue; /* this one isn't what refuses, and must not count */
        }
        /* Without memory it refuses: the result says so. */
        sut_ignore(vt->take(c->home, &home[i], now, &r), "the result refuses then");
        if (is_tighter(&r, ret))
            *ret = r;
    }
    return ret->is_allowed;
}

void sut_counters_stats(struct sut_counters *c, struct sut_counters_stats *ret)
{
    c->home->vtable->stats(c->home, ret);
}
