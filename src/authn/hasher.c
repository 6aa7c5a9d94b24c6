/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/hasher.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "codec/utf8.h"

enum {
    THREADS_MAX = 64,
    STACK_BYTES = 256 * 1024,
    SCRATCH_BYTES = 2 * 1024 * 1024, /* a password in its normal form, several times over */
    LOWEST_NICE = 19,
    RETRY_MAX_S = 30,
    FIRST_MEAN_MS = 50,
    NS_PER_MS = 1000000,
    MAGIC = 0x4a54e6,
};

/* What one caller wants; it lies on the caller's stack while the caller waits. */
struct job {
    bool is_hash;
    sut_str encoded;
    sut_str password;
    uint64_t memory;
    struct sut_hasher_result result;
    struct sut_pwhash_text text;
    sut_err outcome;
    bool is_done;
    pthread_cond_t done;
    struct job *next;
};

struct sut_hasher {
    unsigned magic;
    struct sut_hasher_options opt;
    const struct sut_random *rnd;
    struct sut_pwhash_text dummy;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t work;  /* a job came, or memory */
    struct job *head;
    struct job *tail;
    bool is_stopping;
    struct sut_hasher_stats stats;
    unsigned started;
    pthread_t threads[THREADS_MAX];
};

static SUT_ERR verify_as(struct sut_hasher *h, const struct job *j, sut_str password,
                         enum sut_pwhash_verdict *ret)
{
    const sut_str dummy = sut_pwhash_str(&h->dummy);
    if (j->encoded.n > 0)
        return sut_pwhash_verify(j->encoded, password, &h->opt.budget, dummy, ret);
    TRY(sut_pwhash_verify(dummy, password, &h->opt.budget, dummy, ret));
    *ret = SUT_PWHASH_NO;
    return SUT_OK;
}

static SUT_ERR run_verify(struct sut_hasher *h, struct job *j, sut_str normal)
{
    enum sut_pwhash_verdict v = SUT_PWHASH_NO;
    bool is_as_typed = false;
    TRY(verify_as(h, j, normal, &v));
    if (v != SUT_PWHASH_OK && !sut_str_eq(normal, j->password)) {
        /* Hashed before normal forms came into use, or by a system without them. */
        TRY(verify_as(h, j, j->password, &v));
        is_as_typed = true;
    }
    j->result.verdict = v;
    j->result.needs_rehash =
        v == SUT_PWHASH_OK && (is_as_typed || sut_pwhash_needs_rehash(j->encoded, &h->opt.policy));
    return SUT_OK;
}

static SUT_ERR run(struct sut_hasher *h, struct job *j)
{
    ENSURE(j->password.n <= SUT_PWHASH_PASSWORD_MAX, INVALID);
    DEFER(sut_arena_free) struct sut_arena *scratch = NULL;
    TRY(sut_arena_create(SCRATCH_BYTES, &scratch));
    sut_arena_set_flags(scratch, SUT_ARENA_SECRET);
    sut_str normal = j->password;
    if (h->opt.is_normalized) {
        const sut_err e = sut_utf8_nfkc(scratch, j->password, &normal);
        /* Bytes that are no text have no normal form: they are taken as they are. */
        if (e.code == SUT_E_PARSE || (!sut_failed(e) && normal.n > SUT_PWHASH_PASSWORD_MAX))
            normal = j->password;
        else
            TRY(e);
    }
    return j->is_hash ? sut_pwhash_hash(&h->opt.policy, h->rnd, normal, &j->text)
                      : run_verify(h, j, normal);
}

static bool has_memory_for(const struct sut_hasher *h, const struct job *j)
{
    return j->memory <= h->opt.memory_bytes - h->stats.memory_bytes;
}

/* Wait for a job that fits into what memory is left; NULL when it is time to go.  Locked. */
static struct job *take_job(struct sut_hasher *h)
{
    while (!h->is_stopping && (h->head == NULL || !has_memory_for(h, h->head)))
        (void) pthread_cond_wait(&h->work, &h->lock);
    if (h->is_stopping)
        return NULL;
    struct job *const j = h->head;
    h->head = j->next;
    if (h->head == NULL)
        h->tail = NULL;
    h->stats.waiting--;
    h->stats.running++;
    h->stats.memory_bytes += j->memory;
    if (h->stats.memory_bytes > h->stats.memory_peak_bytes)
        h->stats.memory_peak_bytes = h->stats.memory_bytes;
    return j;
}

static void finish(struct sut_hasher *h, struct job *j, uint64_t took_ns)
{
    const uint64_t ms = took_ns / NS_PER_MS;
    h->stats.running--;
    h->stats.memory_bytes -= j->memory;
    h->stats.done++;
    h->stats.mean_ms = (uint32_t) ((h->stats.mean_ms * UINT64_C(7) + ms) / 8);
    j->is_done = true;
    /* After this the caller's stack frame may be gone. */
    (void) pthread_cond_signal(&j->done);
    (void) pthread_cond_broadcast(&h->work);
}

static void *work(void *arg)
{
    struct sut_hasher *const h = arg;
    /* Lowering oneself is always allowed; were it not, hashing would still be right. */
    (void) setpriority(PRIO_PROCESS, (id_t) gettid(), LOWEST_NICE);
    (void) pthread_mutex_lock(&h->lock);
    for (;;) {
        struct job *const j = take_job(h);
        if (j == NULL)
            break;
        (void) pthread_mutex_unlock(&h->lock);
        const uint64_t from = sut_monotonic_ns();
        j->outcome = run(h, j);
        const uint64_t took = sut_monotonic_ns() - from;
        (void) pthread_mutex_lock(&h->lock);
        finish(h, j, took);
    }
    (void) pthread_mutex_unlock(&h->lock);
    return NULL;
}

static SUT_ERR start_thread(struct sut_hasher *h)
{
    TRY(sut_thread_start(STACK_BYTES, work, h, &h->threads[h->started]));
    h->started++;
    return SUT_OK;
}

static bool is_valid(const struct sut_hasher_options *opt)
{
    return opt->threads > 0 && opt->threads <= THREADS_MAX &&
           sut_pwhash_policy_is_valid(&opt->policy) &&
           sut_pwhash_policy_memory(&opt->policy) <= opt->memory_bytes;
}

/* A hash of our own making is never over the budget, nor one of more than all memory within it. */
static void set_budget(struct sut_hasher *h)
{
    const struct sut_pwhash_policy *const p = &h->opt.policy;
    struct sut_pwhash_budget *const b = &h->opt.budget;
    const uint64_t all_kib = h->opt.memory_bytes / 1024;
    if (b->memory_kib > all_kib)
        b->memory_kib = (uint32_t) all_kib;
    if (p->kind == SUT_PWHASH_PBKDF2) {
        b->rounds = b->rounds > p->rounds ? b->rounds : p->rounds;
        return;
    }
    b->memory_kib = b->memory_kib > p->memory_kib ? b->memory_kib : p->memory_kib;
    b->passes = b->passes > p->passes ? b->passes : p->passes;
    b->lanes = b->lanes > p->lanes ? b->lanes : p->lanes;
}

SUT_ERR sut_hasher_start(const struct sut_hasher_options *opt, const struct sut_random *rnd,
                         struct sut_hasher **ret)
{
    ENSURE(is_valid(opt), INVALID);
    struct sut_pwhash_text dummy;
    TRY(sut_pwhash_dummy(&opt->policy, rnd, &dummy));
    struct sut_hasher *h = sut_mem_zalloc(1, sizeof(*h));
    ENSURE(h != NULL, NOMEM);
    h->magic = MAGIC;
    h->opt = *opt;
    h->rnd = rnd;
    h->dummy = dummy;
    h->stats.mean_ms = FIRST_MEAN_MS;
    set_budget(h);
    (void) pthread_mutex_init(&h->lock, NULL);
    (void) pthread_cond_init(&h->work, NULL);
    for (unsigned i = 0; i < opt->threads; i++) {
        const sut_err e = start_thread(h);
        if (sut_failed(e)) {
            sut_hasher_stop(&h);
            return e;
        }
    }
    *ret = h;
    return SUT_OK;
}

static SUT_ERR too_late(void)
{
    FAIL(UNAVAILABLE);
}

void sut_hasher_stop(struct sut_hasher **h)
{
    struct sut_hasher *const x = *h;
    if (x == NULL)
        return;
    SUT_BUG_IF(x->magic != MAGIC);
    (void) pthread_mutex_lock(&x->lock);
    x->is_stopping = true;
    while (x->head != NULL) {
        struct job *const j = x->head;
        x->head = j->next;
        x->stats.waiting--;
        j->outcome = too_late();
        j->is_done = true;
        (void) pthread_cond_signal(&j->done);
    }
    x->tail = NULL;
    (void) pthread_cond_broadcast(&x->work);
    (void) pthread_mutex_unlock(&x->lock);
    for (unsigned i = 0; i < x->started; i++)
        (void) pthread_join(x->threads[i], NULL);
    (void) pthread_cond_destroy(&x->work);
    (void) pthread_mutex_destroy(&x->lock);
    sut_mem_freep(h);
}

/* When there may be room: as long as all that waits and runs will take.  Locked. */
static unsigned retry_after_s(const struct sut_hasher *h)
{
    const uint64_t jobs = (uint64_t) h->stats.waiting + h->stats.running;
    const uint64_t s = (jobs * h->stats.mean_ms / h->opt.threads + 999) / 1000;
    return s < 1 ? 1 : s > RETRY_MAX_S ? RETRY_MAX_S : (unsigned) s;
}

/* Wait in line, or be told to come back.  Locked. */
static SUT_ERR enqueue(struct sut_hasher *h, struct job *j, unsigned *reterr_retry_s)
{
    ENSURE(!h->is_stopping, UNAVAILABLE);
    /* Who is taken at once does not wait, though for a moment it stands in the queue. */
    const unsigned idle = h->opt.threads - h->stats.running;
    if (h->stats.waiting >= (uint64_t) h->opt.queue_max + idle) {
        h->stats.refused++;
        *reterr_retry_s = retry_after_s(h);
        FAIL(BUSY);
    }
    if (h->tail == NULL)
        h->head = j;
    else
        h->tail->next = j;
    h->tail = j;
    h->stats.waiting++;
    (void) pthread_cond_signal(&h->work);
    while (!j->is_done)
        (void) pthread_cond_wait(&j->done, &h->lock);
    return j->outcome;
}

static SUT_ERR submit(struct sut_hasher *h, struct job *j, unsigned *reterr_retry_s)
{
    SUT_BUG_IF(h->magic != MAGIC);
    (void) pthread_cond_init(&j->done, NULL);
    (void) pthread_mutex_lock(&h->lock);
    const sut_err e = enqueue(h, j, reterr_retry_s);
    (void) pthread_mutex_unlock(&h->lock);
    (void) pthread_cond_destroy(&j->done);
    return e;
}

/* The most that a check of this hash may take: its own, or that of the one in its place. */
static uint64_t memory_of(const struct sut_hasher *h, sut_str encoded)
{
    struct sut_pwhash_info info;
    const uint64_t usual = sut_pwhash_policy_memory(&h->opt.policy);
    sut_pwhash_parse(encoded, &info);
    const bool is_within = info.memory_kib <= h->opt.budget.memory_kib;
    return is_within && info.memory_bytes > usual ? info.memory_bytes : usual;
}

SUT_ERR sut_hasher_verify(struct sut_hasher *h, sut_str encoded, sut_str password,
                          struct sut_hasher_result *ret, unsigned *reterr_retry_s)
{
    struct job j = { .encoded = encoded, .password = password, .memory = memory_of(h, encoded) };
    TRY(submit(h, &j, reterr_retry_s));
    *ret = j.result;
    return SUT_OK;
}

SUT_ERR sut_hasher_hash(struct sut_hasher *h, sut_str password, struct sut_pwhash_text *ret,
                        unsigned *reterr_retry_s)
{
    struct job j = { .is_hash = true,
                     .password = password,
                     .memory = sut_pwhash_policy_memory(&h->opt.policy) };
    TRY(submit(h, &j, reterr_retry_s));
    *ret = j.text;
    return SUT_OK;
}

void sut_hasher_stats(struct sut_hasher *h, struct sut_hasher_stats *ret)
{
    (void) pthread_mutex_lock(&h->lock);
    *ret = h->stats;
    (void) pthread_mutex_unlock(&h->lock);
}
