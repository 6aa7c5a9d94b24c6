/* SPDX-License-Identifier: Apache-2.0 */
#include "counters/counters.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/secret.h"
#include "counters/counters_int.h"
#include "crypto/hmac.h"
#include "crypto/sha256.h"

enum { ASKS_MAX = 4, KEY_MIN = 16, NS_PER_MS = 1000000, NS_PER_S = 1000000000, MS_PER_S = 1000 };

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
    pthread_condattr_t attr;
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&c->wake, &attr);
    (void) pthread_cond_init(&c->try_ended, &attr);
    (void) pthread_condattr_destroy(&attr);

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

struct timespec sut_counters__in(uint32_t ms)
{
    struct timespec until;
    (void) clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / MS_PER_S;
    until.tv_nsec += (long) (ms % MS_PER_S) * NS_PER_MS;
    if (until.tv_nsec >= NS_PER_S) {
        until.tv_sec++;
        until.tv_nsec -= NS_PER_S;
    }
    return until;
}

/* Sleep a checkpoint's length; false when it is time to stop. */
static bool rest(struct sut_counters *c)
{
    const struct timespec until = sut_counters__in(c->checkpoint_ms);
    (void) pthread_mutex_lock(&c->lock);
    int waited = 0;
    while (!c->must_stop && waited == 0)
        waited = pthread_cond_timedwait(&c->wake, &c->lock, &until);
    const bool goes_on = !c->must_stop;
    (void) pthread_mutex_unlock(&c->lock);
    return goes_on;
}

static void *keep_saving(void *arg)
{
    struct sut_counters *c = arg;
    while (rest(c))
        /* A store that is gone comes back or doesn't: the keys stay due, and stats() counts. */
        sut_ignore(sut_counters_checkpoint(c), "tried again in a moment");
    return NULL;
}

SUT_ERR sut_counters_start(struct sut_counters *c)
{
    SUT_BUG_IF(c->is_running);
    /* Signals are the main thread's business. */
    sigset_t all;
    sigset_t before;
    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);
    c->must_stop = false;
    const int failed = pthread_create(&c->thread, NULL, keep_saving, c);
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    if (failed != 0)
        FAIL_SYS(SYSTEM);
    c->is_running = true;
    return SUT_OK;
}

SUT_ERR sut_counters_stop(struct sut_counters *c)
{
    if (c->is_running) {
        (void) pthread_mutex_lock(&c->lock);
        c->must_stop = true;
        (void) pthread_cond_signal(&c->wake);
        (void) pthread_mutex_unlock(&c->lock);
        (void) pthread_join(c->thread, NULL);
        c->is_running = false;
    }
    return sut_counters_checkpoint(c);
}

void sut_counters_free(struct sut_counters **c)
{
    if (*c == NULL)
        return;
    SUT_BUG_IF((*c)->is_running);
    if ((*c)->home != NULL)
        (*c)->home->vtable->free(&(*c)->home);
    sut_secret_free(&(*c)->hmac);
    (void) pthread_cond_destroy(&(*c)->wake);
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

SUT_ERR sut_counters_checkpoint(struct sut_counters *c)
{
    (void) pthread_mutex_lock(&c->saving);
    const sut_err e = c->home->vtable->checkpoint(c->home, sut_clock_now(c->clock));
    (void) pthread_mutex_unlock(&c->saving);
    return e;
}

void sut_counters_stats(struct sut_counters *c, struct sut_counters_stats *ret)
{
    c->home->vtable->stats(c->home, ret);
}
