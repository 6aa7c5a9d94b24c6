/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/worker_line.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "ipc/courier.h"
#include "ipc/darkroom.h"
#include "ipc/keeper.h"
#include "ipc/line.h"
#include "log/log.h"
#include "os/fd.h"

enum {
    FIRST_MS = 30 * 1000,
    SEND_MS = 2000,
    ASK_S = 90, /* a keeper with a passphrase takes a while to come back */
    STACK_BYTES = 128 * 1024,
    FEW = 4,            /* connections */
    FEW_MS = 10 * 1000, /* between two words about it */
};

struct sut_worker_line {
    int fd;
    int wake_fd; /* the main thread's */
    int stop_fd; /* ours */
    struct sut_keeper *keeper;
    struct sut_courier *courier;
    struct sut_darkroom *darkroom;
    pthread_t thread;
    bool has_thread;
    uint64_t few_ns; /* the main thread's: when it may be said again */
    uint64_t few_courier_ns;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Under the mutex. */
    bool is_over;
    bool is_ending;   /* nobody is to wait for an answer any more */
    bool has_courier; /* connections to one have come */
    bool has_cert;    /* one that is not taken */
    bool is_taken;    /* one that is being brought into use */
    struct sut_buf cert;
    bool is_asking;  /* the supervisor has an ask of ours */
    bool is_waiting; /* and somebody waits for the answer */
    bool has_answer;
    bool is_done; /* the answer */
    char why[SUT_WORD_TEXT_MAX + 1];
    char cert_why[SUT_WORD_TEXT_MAX + 1]; /* what was wrong with the last certificate */
};

static const struct sut_line_permit permits[] = {
    { .type = SUT_WORD_KEEPER, .fds_max = SUT_KEEPER_PEERS_MAX },
    { .type = SUT_WORD_COURIER, .fds_max = SUT_COURIER_PEERS_MAX },
    { .type = SUT_WORD_DARKROOM, .fds_max = 1 },
    { .type = SUT_WORD_CERT, .max = SUT_WORD_PEM_MAX + 16 },
    { .type = SUT_WORD_DONE, .max = SUT_WORD_TEXT_MAX + 32 },
    { .type = 0 },
};

static void keep(char to[SUT_WORD_TEXT_MAX + 1], sut_str why)
{
    const size_t n = why.n < SUT_WORD_TEXT_MAX ? why.n : SUT_WORD_TEXT_MAX;
    if (n > 0)
        memcpy(to, why.p, n);
    to[n] = '\0';
}

static void wake_main(const struct sut_worker_line *l)
{
    const uint64_t one = 1;
    sut_ignore(sut_fd_write_full(l->wake_fd, sut_str_of((const char *) &one, sizeof(one))),
               "it is awake when the counter is full");
}

/* The descriptors go over to the keeper's client in each case. */
static SUT_ERR take_keeper(struct sut_worker_line *l, struct sut_line_message *m)
{
    ENSURE(m->n_fds > 0, PARSE);
    int fds[SUT_LINE_FDS_MAX];
    const size_t n = m->n_fds;
    for (size_t i = 0; i < n; i++)
        fds[i] = m->fds[i];
    const sut_err e = l->keeper == NULL ? sut_keeper_create(fds, n, &l->keeper)
                                        : sut_keeper_reconnect(l->keeper, fds, n);
    if (!sut_failed(e))
        m->n_fds = 0;
    return e;
}

static SUT_ERR take_courier(struct sut_worker_line *l, struct sut_line_message *m)
{
    ENSURE(m->n_fds > 0, PARSE);
    const sut_err e = sut_courier_reconnect(l->courier, m->fds, m->n_fds);
    /* Some calls are so long in there that there is no room: FEW_COURIER asks again. */
    if (e.code == SUT_E_FULL)
        return SUT_OK;
    if (!sut_failed(e))
        m->n_fds = 0;
    (void) pthread_mutex_lock(&l->mutex);
    l->has_courier = true;
    (void) pthread_mutex_unlock(&l->mutex);
    return e;
}

static SUT_ERR take_darkroom(struct sut_worker_line *l, struct sut_line_message *m)
{
    ENSURE(m->n_fds == 1, PARSE);
    TRY(sut_darkroom_add(l->darkroom, m->fds[0]));
    m->n_fds = 0;
    return SUT_OK;
}

static SUT_ERR take_cert(struct sut_worker_line *l, struct sut_ipc_reader *in)
{
    sut_str pem = { 0 };
    TRY(sut_ipc_get_bytes(in, SUT_WORD_PEM_MAX, &pem));
    TRY(sut_ipc_get_end(in));
    (void) pthread_mutex_lock(&l->mutex);
    sut_buf_reset(&l->cert);
    sut_buf_str_add(&l->cert, pem);
    const sut_err e = sut_buf_check(&l->cert);
    l->has_cert = !sut_failed(e);
    (void) pthread_mutex_unlock(&l->mutex);
    wake_main(l);
    return e;
}

static SUT_ERR take_answer(struct sut_worker_line *l, struct sut_ipc_reader *in)
{
    uint64_t is_done = 0;
    sut_str why = { 0 };
    TRY(sut_ipc_get_u64(in, 1, &is_done));
    TRY(sut_ipc_get_bytes(in, SUT_WORD_TEXT_MAX, &why));
    TRY(sut_ipc_get_end(in));
    (void) pthread_mutex_lock(&l->mutex);
    l->has_answer = l->is_waiting;
    l->is_asking = l->is_waiting;
    l->is_done = is_done == 1;
    keep(l->why, why);
    (void) pthread_cond_broadcast(&l->changed);
    (void) pthread_mutex_unlock(&l->mutex);
    return SUT_OK;
}

/* One message that is there. */
static SUT_ERR hear(struct sut_worker_line *l)
{
    struct sut_line_message m;
    TRY(sut_line_receive(l->fd, permits, &m));
    struct sut_ipc_reader in = sut_ipc_reader_of(sut_buf_str(&m.fields));
    sut_err e;
    if (m.type == SUT_WORD_KEEPER)
        e = take_keeper(l, &m);
    else if (m.type == SUT_WORD_COURIER)
        e = take_courier(l, &m);
    else if (m.type == SUT_WORD_DARKROOM)
        e = take_darkroom(l, &m);
    else if (m.type == SUT_WORD_CERT)
        e = take_cert(l, &in);
    else
        e = take_answer(l, &in);
    sut_line_message_done(&m);
    return e;
}

static void end(struct sut_worker_line *l)
{
    (void) pthread_mutex_lock(&l->mutex);
    l->is_over = true;
    (void) pthread_cond_broadcast(&l->changed);
    (void) pthread_mutex_unlock(&l->mutex);
    wake_main(l);
}

static void *run(void *arg)
{
    struct sut_worker_line *l = arg;
    for (;;) {
        struct pollfd p[2] = { { .fd = l->fd, .events = POLLIN },
                               { .fd = l->stop_fd, .events = POLLIN } };
        if (poll(p, 2, -1) < 0)
            continue;
        if (p[1].revents != 0)
            return NULL;
        const sut_err e = hear(l);
        if (!sut_failed(e) || e.code == SUT_E_BUSY)
            continue;
        if (e.code != SUT_E_UNAVAILABLE)
            sut_log(SUT_LOG_ERROR, "line_broken", LOG_ERR(e));
        end(l);
        return NULL;
    }
}

/* Before the thread: hear until `has` says that enough is there. */
static SUT_ERR wait_first(struct sut_worker_line *l, bool wants_cert)
{
    const uint64_t until_ns = sut_monotonic_ns() + (uint64_t) FIRST_MS * 1000000;
    while (l->keeper == NULL || (wants_cert && !l->has_cert)) {
        const uint64_t now = sut_monotonic_ns();
        ENSURE(now < until_ns, UNAVAILABLE);
        struct pollfd p = { .fd = l->fd, .events = POLLIN };
        if (poll(&p, 1, (int) ((until_ns - now) / 1000000) + 1) < 0 && errno != EINTR)
            FAIL_SYS(SYSTEM);
        const sut_err e = p.revents == 0 ? SUT_OK : hear(l);
        if (e.code != SUT_E_BUSY)
            TRY(e);
    }
    return SUT_OK;
}

static SUT_ERR begin(struct sut_worker_line *l, bool wants_cert, unsigned pictures_max)
{
    (void) pthread_mutex_init(&l->mutex, NULL);
    sut_cond_init(&l->changed);
    sut_buf_init(&l->cert, SUT_WORD_PEM_MAX);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->wake_fd < 0 || l->stop_fd < 0)
        FAIL_SYS(SYSTEM);
    TRY(sut_courier_create(NULL, 0, &l->courier));
    TRY(sut_darkroom_create(pictures_max, &l->darkroom));
    TRY(wait_first(l, wants_cert));
    TRY(sut_thread_start(STACK_BYTES, run, l, &l->thread));
    l->has_thread = true;
    return SUT_OK;
}

SUT_ERR sut_worker_line_open(int fd, bool wants_cert, unsigned pictures_max,
                             struct sut_worker_line **ret, struct sut_diag *reterr_diag)
{
    struct sut_worker_line *l = sut_mem_zalloc(1, sizeof(*l));
    ENSURE(l != NULL, NOMEM);
    *l = (struct sut_worker_line){ .fd = fd, .wake_fd = -1, .stop_fd = -1 };
    const sut_err e = begin(l, wants_cert, pictures_max);
    if (sut_failed(e)) {
        sut_diag_set(reterr_diag, "the supervisor does not say where the keeper is (%s)",
                     sut_err_info(e.code)->name);
        sut_worker_line_close(&l);
        return e;
    }
    *ret = l;
    return SUT_OK;
}

void sut_worker_line_close(struct sut_worker_line **l)
{
    struct sut_worker_line *x = *l;
    if (x == NULL)
        return;
    if (x->has_thread) {
        const uint64_t one = 1;
        sut_ignore(sut_fd_write_full(x->stop_fd, sut_str_of((const char *) &one, sizeof(one))),
                   "an eventfd takes it");
        (void) pthread_join(x->thread, NULL);
    }
    sut_keeper_free(&x->keeper);
    sut_courier_free(&x->courier);
    sut_darkroom_free(&x->darkroom);
    sut_buf_done(&x->cert);
    sut_fd_close(&x->wake_fd);
    sut_fd_close(&x->stop_fd);
    (void) pthread_cond_destroy(&x->changed);
    (void) pthread_mutex_destroy(&x->mutex);
    sut_mem_freep(l);
}

struct sut_keeper *sut_worker_line_keeper(struct sut_worker_line *l)
{
    return l->keeper;
}

struct sut_courier *sut_worker_line_courier(struct sut_worker_line *l)
{
    return l->courier;
}

struct sut_darkroom *sut_worker_line_darkroom(struct sut_worker_line *l)
{
    return l->darkroom;
}

SUT_ERR sut_worker_line_ready(struct sut_worker_line *l)
{
    return sut_line_send(l->fd, SUT_WORD_READY, SUT_STR(""), NULL, 0, SEND_MS);
}

int sut_worker_line_fd(const struct sut_worker_line *l)
{
    return l->wake_fd;
}

bool sut_worker_line_is_over(struct sut_worker_line *l)
{
    uint64_t n = 0;
    if (read(l->wake_fd, &n, sizeof(n)) < 0 && errno != EAGAIN && errno != EINTR)
        return true;
    (void) pthread_mutex_lock(&l->mutex);
    const bool is_over = l->is_over;
    (void) pthread_mutex_unlock(&l->mutex);
    return is_over;
}

bool sut_worker_line_take_cert(struct sut_worker_line *l, struct sut_buf *ret)
{
    (void) pthread_mutex_lock(&l->mutex);
    const bool has = l->has_cert;
    if (has) {
        *ret = l->cert;
        sut_buf_init(&l->cert, SUT_WORD_PEM_MAX);
        l->has_cert = false;
        l->is_taken = true;
    }
    (void) pthread_mutex_unlock(&l->mutex);
    return has;
}

void sut_worker_line_cert_done(struct sut_worker_line *l, const char *why)
{
    (void) pthread_mutex_lock(&l->mutex);
    l->is_taken = false;
    keep(l->cert_why, sut_str_from(why == NULL ? "" : why));
    (void) pthread_cond_broadcast(&l->changed);
    (void) pthread_mutex_unlock(&l->mutex);
}

/* Say so, but not too often. */
static void say_few(struct sut_worker_line *l, enum sut_word word, uint64_t *again_ns)
{
    const uint64_t now = sut_monotonic_ns();
    if (now < *again_ns)
        return;
    *again_ns = now + (uint64_t) FEW_MS * 1000000;
    sut_log(SUT_LOG_WARN, "connections_few",
            LOG_NAME("to", word == SUT_WORD_FEW ? "keeper" : "courier"), LOG_INT("less_than", FEW));
    sut_ignore(sut_line_send(l->fd, (uint16_t) word, SUT_STR(""), NULL, 0, SEND_MS),
               "it is said again");
}

void sut_worker_line_refill(struct sut_worker_line *l)
{
    (void) pthread_mutex_lock(&l->mutex);
    const bool has_courier = l->has_courier;
    (void) pthread_mutex_unlock(&l->mutex);
    if (sut_keeper_connections(l->keeper) < FEW)
        say_few(l, SUT_WORD_FEW, &l->few_ns);
    if (has_courier && sut_courier_connections(l->courier) < FEW)
        say_few(l, SUT_WORD_FEW_COURIER, &l->few_courier_ns);
}

/* Whether the open ask has come to its end. */
static bool is_answered(const struct sut_worker_line *l)
{
    return l->has_answer && (!l->is_done || (!l->has_cert && !l->is_taken));
}

SUT_ERR sut_worker_line_ask(struct sut_worker_line *l, enum sut_word ask,
                            struct sut_diag *reterr_diag)
{
    const uint64_t until_ns = sut_monotonic_in(ASK_S * 1000);
    (void) pthread_mutex_lock(&l->mutex);
    if (l->is_asking || l->is_over || l->is_ending) {
        const bool is_over = l->is_over || l->is_ending;
        (void) pthread_mutex_unlock(&l->mutex);
        ENSURE(!is_over, UNAVAILABLE);
        sut_diag_set(reterr_diag, "something else is being asked of the supervisor");
        FAIL(BUSY);
    }
    l->is_asking = true;
    l->is_waiting = true;
    l->has_answer = false;
    l->cert_why[0] = '\0';
    (void) pthread_mutex_unlock(&l->mutex);

    const sut_err e = sut_line_send(l->fd, (uint16_t) ask, SUT_STR(""), NULL, 0, SEND_MS);
    (void) pthread_mutex_lock(&l->mutex);
    bool has_time = true;
    while (!sut_failed(e) && !is_answered(l) && !l->is_over && !l->is_ending && has_time)
        has_time = sut_cond_wait_until(&l->changed, &l->mutex, until_ns);
    const bool is_answer = is_answered(l);
    const bool is_cert_good = ask != SUT_WORD_ASK_TLS || l->cert_why[0] == '\0';
    const bool is_done = is_answer && l->is_done && is_cert_good;
    if (is_answer && !is_done)
        sut_diag_set(reterr_diag, "%s", l->is_done ? l->cert_why : l->why);
    /* One that was not answered stays open: its answer may still come. */
    l->is_waiting = false;
    l->is_asking = !is_answer && !sut_failed(e);
    (void) pthread_mutex_unlock(&l->mutex);
    TRY(e);
    ENSURE(is_answer, UNAVAILABLE);
    ENSURE(is_done, DENIED);
    return SUT_OK;
}

void sut_worker_line_end_asks(struct sut_worker_line *l)
{
    if (l == NULL)
        return;
    (void) pthread_mutex_lock(&l->mutex);
    l->is_ending = true;
    (void) pthread_cond_broadcast(&l->changed);
    (void) pthread_mutex_unlock(&l->mutex);
}
