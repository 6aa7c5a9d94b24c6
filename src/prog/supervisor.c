/* SPDX-License-Identifier: Apache-2.0
 *
 * supervisor - the loop: signals, ends, words, and what is due.
 */
#include "prog/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "audit/events.h"
#include "base/clock.h"
#include "log/log.h"
#include "os/fd.h"
#include "prog/command.h"
#include "prog/supervisor_int.h"

enum {
    NS_PER_MS = 1000000,
    WORKER_STOP_MS = 15 * 1000, /* one that is still there then is killed */
    KEEPER_STOP_MS = 3 * 1000,
    KEEPER_READY_MS = 60 * 1000, /* a passphrase takes a while */
    COURIER_READY_MS = 20 * 1000,
    COURIER_STOP_MS = 3 * 1000,
    ROLES = 3,
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 10000,
    KEEPER_BACKOFF_MAX_MS = 2000, /* the worker waits so long for it, SUT_KEEPER_PATIENCE_MS */
    STABLE_MS = 30 * 1000,        /* one that lived so long may be started again at once */
};

static uint64_t after_ms(unsigned ms)
{
    return sut_monotonic_ns() + (uint64_t) ms * NS_PER_MS;
}

/* --- starting --- */

/* Fork and exec; `fds` has room for the four that each role gets. */
static SUT_ERR spawn(struct sut_supervisor *s, struct sut_supervised *r, int settings_fd,
                     const char *const *args, struct sut_role_fd *fds, size_t n)
{
    int pair[2] = { -1, -1 };
    if (lseek(settings_fd, 0, SEEK_SET) < 0)
        FAIL_SYS(SYSTEM);
    TRY(sut_line_pair(pair));
    fds[n++] = (struct sut_role_fd){ .fd = 1, .as = 1 };
    fds[n++] = (struct sut_role_fd){ .fd = 2, .as = 2 };
    fds[n++] = (struct sut_role_fd){ .fd = settings_fd, .as = SUT_ROLE_FD_SETTINGS };
    fds[n++] = (struct sut_role_fd){ .fd = pair[1], .as = SUT_ROLE_FD_SUPERVISOR };
    const struct sut_role_spec spec = {
        .binary = s->o->binary,
        .name = r->name,
        .title = "sutler",
        .args = args,
        .fds = fds,
        .n_fds = n,
        .death_signal = SIGTERM,
    };
    const sut_err e = sut_role_spawn(&spec, &r->process);
    sut_fd_close(&pair[1]);
    sut_fd_close(&r->line);
    if (sut_failed(e))
        sut_fd_close(&pair[0]);
    r->line = sut_fd_take(&pair[0]);
    return e;
}

static SUT_ERR spawn_keeper(struct sut_supervisor *s, struct sut_supervised *r)
{
    struct sut_role_fd fds[4];
    char keys[SUT_CERTIFICATE_PATH_MAX + 16];
    char next[32];
    const int n = snprintf(keys, sizeof(keys), "--keys=%s", s->o->keys);
    ENSURE(n > 0 && (size_t) n < sizeof(keys), INVALID);
    (void) snprintf(next, sizeof(next), "--next=%s", s->next);
    const bool may_create = s->o->may_create && !r->was_ready;
    const char *const args[] = { keys, may_create ? "--may-create=1" : "--may-create=0", next,
                                 NULL };
    s->keeper_has_key = false;
    r->deadline_ns = after_ms(KEEPER_READY_MS);
    return spawn(s, r, s->o->keeper_settings_fd, args, fds, 0);
}

static SUT_ERR spawn_worker(struct sut_supervisor *s, struct sut_supervised *r)
{
    struct sut_role_fd fds[SUT_ROLE_LISTEN_MAX + 4];
    size_t n = 0;
    for (; n < s->o->n_plain + s->o->n_tls; n++)
        fds[n] =
            (struct sut_role_fd){ .fd = s->o->listen_fds[n], .as = SUT_ROLE_FD_LISTEN + (int) n };
    char plain[32];
    char tls[32];
    (void) snprintf(plain, sizeof(plain), "--plain=%zu", s->o->n_plain);
    (void) snprintf(tls, sizeof(tls), "--tls=%zu", s->o->n_tls);
    const char *const args[] = { plain, tls, NULL };
    s->ask = 0;
    TRY(spawn(s, r, s->o->worker_settings_fd, args, fds, n));
    sut_supervisor__connect(s);
    sut_supervisor__connect_courier(s);
    sut_supervisor__connect_darkrooms(s);
    return SUT_OK;
}

static SUT_ERR spawn_courier(struct sut_supervisor *s, struct sut_supervised *r)
{
    struct sut_role_fd fds[4];
    /* Then it gives its memory back; the next mail waits some 30 ms for another. */
    static const char *const args[] = { "--rest=300000", NULL };
    s->is_courier_due = s->is_courier_resting = s->is_courier_ending = false;
    r->deadline_ns = after_ms(COURIER_READY_MS);
    TRY(spawn(s, r, s->o->courier_settings_fd, args, fds, 0));
    sut_supervisor__hand_over(s);
    return SUT_OK;
}

/* One that lived a while is started again at once, else ever later. */
static void plan_again(struct sut_supervised *r)
{
    if ((sut_monotonic_ns() - r->started_ns) / NS_PER_MS > STABLE_MS)
        r->backoff_ms = 0;
    r->again_ns = after_ms(r->backoff_ms);
    r->backoff_ms = r->backoff_ms == 0 ? BACKOFF_MIN_MS : r->backoff_ms * 2;
    if (r->backoff_ms > r->backoff_max_ms)
        r->backoff_ms = r->backoff_max_ms;
}

/* The machine may be out of processes, memory or descriptors for a while: what ran before can. */
static void could_not_start(struct sut_supervisor *s, struct sut_supervised *r, sut_err e)
{
    sut_log(SUT_LOG_ERROR, "role_not_started", LOG_NAME("which", r->name), LOG_ERR(e));
    if (!r->was_ready) {
        sut_supervisor__give_up(s, SUT_EXIT_FAILED);
        return;
    }
    r->deadline_ns = 0;
    s->is_courier_due |= r == &s->courier;
    plan_again(r);
}

static void start(struct sut_supervisor *s, struct sut_supervised *r)
{
    r->is_ready = false;
    r->deadline_ns = 0;
    r->here_by_ns = 0;
    r->started_ns = sut_monotonic_ns();
    const sut_err e = r->spawn(s, r);
    if (sut_failed(e))
        could_not_start(s, r, e);
}

/* Start what is due; the worker needs a keeper that serves. */
static void start_due(struct sut_supervisor *s)
{
    const uint64_t now = sut_monotonic_ns();
    if (s->keeper.process.pid == 0 && now >= s->keeper.again_ns)
        start(s, &s->keeper);
    if (!s->is_over && s->worker.process.pid == 0 && now >= s->worker.again_ns &&
        sut_supervisor__keeper_serves(s))
        start(s, &s->worker);
    if (!s->is_over && s->is_courier_due && s->courier.process.pid == 0 &&
        now >= s->courier.again_ns)
        start(s, &s->courier);
}

/* --- ending --- */

void sut_supervisor__give_up(struct sut_supervisor *s, int code)
{
    s->is_over = true;
    s->exit_code = code;
}

void sut_supervisor__kill(struct sut_supervised *r)
{
    if (r->process.pid > 0)
        sut_ignore(sut_role_signal(&r->process, SIGKILL), "it may have ended already");
}

/* Ask it to end, kill it when it does not. */
static void stop(struct sut_supervised *r, int patience_ms)
{
    if (r->process.pid == 0)
        return;
    bool has_ended = false;
    struct sut_role_end end = { 0 };
    sut_ignore(sut_role_signal(&r->process, SIGTERM), "it may have ended already");
    sut_ignore(sut_role_wait_ms(&r->process, patience_ms, &has_ended, &end), "it is killed below");
    if (!has_ended)
        sut_log(SUT_LOG_WARN, "role_killed", LOG_NAME("which", r->name),
                LOG_INT("after_ms", patience_ms));
    sut_role_done(&r->process);
    sut_fd_close(&r->line);
    r->is_ready = false;
}

void sut_supervisor__renew_keeper(struct sut_supervisor *s)
{
    stop(&s->keeper, KEEPER_STOP_MS);
    s->keeper.again_ns = 0;
}

static void ended(struct sut_supervisor *s, struct sut_supervised *r)
{
    struct sut_role_end end = { 0 };
    sut_ignore(sut_role_wait(&r->process, &end), "only its code is lost");
    sut_fd_close(&r->line);
    r->is_ready = false;
    r->deadline_ns = 0;
    if (r == &s->courier && s->is_courier_resting) {
        s->is_courier_resting = s->is_courier_ending = false;
        r->again_ns = 0;
        return;
    }
    /* What fails at the very first start fails again: its own words stand on stderr. */
    if (!r->was_ready) {
        if (end.is_signal)
            sut_log(SUT_LOG_ERROR, "role_ended", LOG_NAME("which", r->name), LOG_Z("by", "signal"),
                    LOG_INT("code", end.code));
        sut_supervisor__give_up(s, end.is_signal ? SUT_EXIT_FAILED : end.code);
        return;
    }
    const char *by = !end.is_signal ? "exit" : end.code == SIGSYS ? "sandbox" : "signal";
    sut_log(SUT_LOG_ERROR, "role_ended", LOG_NAME("which", r->name), LOG_NAME("by", by),
            LOG_INT("code", end.code));
    const struct sut_event_detail detail = { .reason = r->name };
    sut_event_raise(s->o->events, SUT_EVENT_ROLE_CRASHED, sut_clock_now(&sut_clock_system),
                    &detail);
    plan_again(r);
    /* Its connections went with it: the worker's calls on them have failed. */
    if (r == &s->courier)
        sut_supervisor__connect_courier(s);
    if (r == &s->keeper && strcmp(s->next, "none") != 0) {
        s->next = "none";
        sut_supervisor__answer(s, "the keeper could not do it: the log says why");
    }
}

/* --- the loop --- */

static void broke_rules(struct sut_supervised *r, sut_err e)
{
    sut_log(SUT_LOG_ERROR, "role_broke_rules", LOG_NAME("which", r->name), LOG_ERR(e));
    sut_supervisor__kill(r);
    sut_fd_close(&r->line);
}

static void hear(struct sut_supervisor *s, struct sut_supervised *r)
{
    struct sut_line_message m;
    sut_err e = sut_line_receive(r->line, r->permits, &m);
    if (e.code == SUT_E_BUSY)
        return;
    if (e.code == SUT_E_UNAVAILABLE) {
        /* It is about to end; one that only closed its line is made to. */
        sut_fd_close(&r->line);
        r->deadline_ns = after_ms(KEEPER_STOP_MS);
        return;
    }
    if (!sut_failed(e)) {
        struct sut_ipc_reader in = sut_ipc_reader_of(sut_buf_str(&m.fields));
        e = r->heard(s, &in, m.type);
        sut_line_message_done(&m);
    }
    if (sut_failed(e))
        broke_rules(r, e);
}

static void heed_signal(struct sut_supervisor *s)
{
    struct signalfd_siginfo info;
    if (read(s->o->signal_fd, &info, sizeof(info)) != (ssize_t) sizeof(info))
        return;
    if (info.ssi_signo != SIGHUP) {
        sut_supervisor__give_up(s, SUT_EXIT_OK);
        return;
    }
    /* For a keeper that just starts they are read anyway. */
    if (s->o->n_tls == 0 || !sut_supervisor__keeper_serves(s))
        return;
    /* The key that is under way may be the one of before. */
    if (s->keeper.deadline_ns != 0)
        s->is_key_due = true;
    else
        sut_supervisor__load_key(s);
}

/* Which roles there are; gives how many. */
static size_t roles_of(struct sut_supervisor *s, struct sut_supervised *ret[ROLES])
{
    ret[0] = &s->keeper;
    ret[1] = &s->worker;
    ret[2] = &s->courier;
    return sut_supervisor__has_courier(s) ? ROLES : ROLES - 1;
}

static bool may_start(const struct sut_supervisor *s, const struct sut_supervised *r)
{
    if (r == &s->worker)
        return sut_supervisor__keeper_serves(s);
    return r == &s->keeper || s->is_courier_due;
}

/* Milliseconds until something is due, by `due` at the latest; -1: nothing is. */
static int patience(struct sut_supervisor *s, uint64_t due)
{
    struct sut_supervised *all[ROLES];
    const size_t n = roles_of(s, all);
    for (size_t i = 0; i < n; i++) {
        const struct sut_supervised *r = all[i];
        if (r->process.pid == 0 && may_start(s, r) && r->again_ns < due)
            due = r->again_ns;
        if (r->process.pid > 0 && r->deadline_ns != 0 && r->deadline_ns < due)
            due = r->deadline_ns;
        if (r != &s->worker && r->is_ready && r->line >= 0 && r->deadline_ns == 0) {
            const uint64_t next = r->here_by_ns != 0 ? r->here_by_ns : r->ping_ns;
            due = next < due ? next : due;
        }
    }
    if (due == UINT64_MAX)
        return -1;
    const uint64_t now = sut_monotonic_ns();
    return due <= now ? 0 : (int) ((due - now) / NS_PER_MS) + 1;
}

static void check_deadline(struct sut_supervised *r)
{
    const uint64_t now = sut_monotonic_ns();
    const bool is_late = r->deadline_ns != 0 && now >= r->deadline_ns;
    /* While it judges a key it has longer. */
    const bool is_away = r->deadline_ns == 0 && r->here_by_ns != 0 && now >= r->here_by_ns;
    if (r->process.pid == 0 || (!is_late && !is_away))
        return;
    sut_log(SUT_LOG_ERROR, "role_silent", LOG_NAME("which", r->name));
    r->deadline_ns = 0;
    r->here_by_ns = 0;
    sut_supervisor__kill(r);
    sut_fd_close(&r->line);
}

/*
 * Somebody asks on a connection that no courier has: one is started, or the one that runs has it.
 * One that was told to end does not hear any more: another follows it.
 */
static void heed_errands(struct sut_supervisor *s)
{
    if (s->courier.process.pid == 0 || s->is_courier_ending) {
        s->is_courier_due = true;
        return;
    }
    s->is_courier_resting = false;
    sut_supervisor__hand_over(s);
}

static void heed_role(struct sut_supervisor *s, struct sut_supervised *r, const struct pollfd p[2])
{
    /* What was said for one role may have ended the other meanwhile. */
    if (p[0].revents != 0 && r->line == p[0].fd)
        hear(s, r);
    if (p[1].revents != 0 && r->process.pidfd == p[1].fd && !s->is_over)
        ended(s, r);
    check_deadline(r);
}

static void turn(struct sut_supervisor *s)
{
    enum {
        OF_ROLES = 1,
        OF_ERRANDS = OF_ROLES + 2 * ROLES,
        OF_DARKROOMS = OF_ERRANDS + SUT_SUPERVISOR_ERRANDS,
        ALL = OF_DARKROOMS + SUT_SUPERVISOR_POLLS_DARKROOM * SUT_SUPERVISOR_DARKROOMS
    };
    struct sut_supervised *all[ROLES];
    const size_t n = roles_of(s, all);
    struct pollfd p[ALL];
    for (size_t i = 0; i < ALL; i++)
        p[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
    p[0].fd = s->o->signal_fd;
    for (size_t i = 0; i < n; i++) {
        p[OF_ROLES + 2 * i].fd = all[i]->line;
        p[OF_ROLES + 2 * i + 1].fd = all[i]->process.pidfd;
    }
    for (size_t i = 0; i < SUT_SUPERVISOR_ERRANDS && !s->is_courier_due; i++)
        p[OF_ERRANDS + i].fd = s->errand_fds[i];
    const uint64_t due = sut_supervisor__poll_darkrooms(s, &p[OF_DARKROOMS]);
    if (poll(p, ALL, patience(s, due)) < 0) {
        if (errno != EINTR)
            sut_supervisor__give_up(s, SUT_EXIT_FAILED);
        return;
    }
    bool is_asked = false;
    for (size_t i = 0; i < SUT_SUPERVISOR_ERRANDS; i++)
        is_asked |=
            (p[OF_ERRANDS + i].revents & POLLIN) != 0 && s->errand_fds[i] == p[OF_ERRANDS + i].fd;
    if (p[0].revents != 0)
        heed_signal(s);
    if (is_asked)
        heed_errands(s);
    sut_supervisor__heed_darkrooms(s, &p[OF_DARKROOMS]);
    for (size_t i = 0; i < n && !s->is_over; i++)
        heed_role(s, all[i], &p[OF_ROLES + 2 * i]);
    if (s->is_over)
        return;
    sut_supervisor__ping(&s->keeper);
    if (sut_supervisor__has_courier(s))
        sut_supervisor__ping(&s->courier);
}

int sut_supervisor_run(const struct sut_supervisor_options *o)
{
    struct sut_supervisor s = {
        .o = o,
        .next = "none",
        .keeper = { .name = "keeper",
                    .spawn = spawn_keeper,
                    .permits = sut_supervisor__keeper_permits,
                    .heard = sut_supervisor__keeper_heard,
                    .process = SUT_ROLE_NONE,
                    .backoff_max_ms = KEEPER_BACKOFF_MAX_MS,
                    .line = -1 },
        .worker = { .name = "worker",
                    .spawn = spawn_worker,
                    .permits = sut_supervisor__worker_permits,
                    .heard = sut_supervisor__worker_heard,
                    .process = SUT_ROLE_NONE,
                    .backoff_max_ms = BACKOFF_MAX_MS,
                    .line = -1 },
        .courier = { .name = "courier",
                     .spawn = spawn_courier,
                     .permits = sut_supervisor__courier_permits,
                     .heard = sut_supervisor__courier_heard,
                     .process = SUT_ROLE_NONE,
                     .backoff_max_ms = BACKOFF_MAX_MS,
                     .line = -1 },
    };
    for (size_t i = 0; i < SUT_SUPERVISOR_ERRANDS; i++)
        s.errand_fds[i] = -1;
    sut_supervisor__darkrooms_init(&s);
    /* Once at the start: what is wrong with its settings is told now, not with the first mail. */
    s.is_courier_due = sut_supervisor__has_courier(&s);
    while (!s.is_over) {
        start_due(&s);
        if (!s.is_over)
            turn(&s);
    }
    stop(&s.worker, WORKER_STOP_MS);
    sut_supervisor__stop_darkrooms(&s);
    stop(&s.courier, COURIER_STOP_MS);
    for (size_t i = 0; i < SUT_SUPERVISOR_ERRANDS; i++)
        sut_fd_close(&s.errand_fds[i]);
    stop(&s.keeper, KEEPER_STOP_MS);
    sut_buf_done(&s.cert);
    sut_buf_done(&s.cert_next);
    return s.exit_code;
}
