/* SPDX-License-Identifier: Apache-2.0
 *
 * supervisor_darkroom - processes of one picture each, started when somebody has one.
 *
 * A place is a connection whose other end the worker has.  While nobody writes on it no process
 * is there.  The first byte starts one, which gets the connection, does the one picture and
 * ends; then the place gets another connection and, since a picture rarely comes alone, another
 * process that waits for its own.  One that waited for long ends, and the place keeps the
 * connection: what is written in that moment waits in it for the next.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "audit/events.h"
#include "base/clock.h"
#include "ipc/darkroom.h"
#include "log/log.h"
#include "os/fd.h"
#include "prog/roles.h"
#include "prog/supervisor_int.h"

enum {
    NS_PER_MS = 1000000,
    REST_MS = 60 * 1000,
    /* One that failed, by a picture or because it can't start, is not followed at once; nor does a
     * worker that hangs up get the next connection to use at once. */
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 1000,
    SEND_MS = 1000,
    LEFT_MS = 1000, /* to end by itself when the worker has hung up, as it does with the answer */
    OF_CONNECTION = 0, /* what is polled of a place */
    OF_PROCESS = 1,
};

_Static_assert((int) SUT_SUPERVISOR_DARKROOMS <= (int) SUT_DARKROOM_CONNECTIONS_MAX,
               "more than the worker takes");

static uint64_t after_ms(unsigned ms)
{
    return sut_monotonic_ns() + (uint64_t) ms * NS_PER_MS;
}

static size_t places(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 && cores < SUT_SUPERVISOR_DARKROOMS ? (size_t) cores
                                                         : SUT_SUPERVISOR_DARKROOMS;
}

void sut_supervisor__darkrooms_init(struct sut_supervisor *s)
{
    s->n_darkrooms = places();
    for (size_t i = 0; i < SUT_SUPERVISOR_DARKROOMS; i++)
        s->darkrooms[i] = (struct sut_supervised_darkroom){ .process = SUT_ROLE_NONE, .fd = -1 };
}

/* --- connections --- */

/* A new one, whose other end goes to the worker. */
static void connect_place(struct sut_supervisor *s, struct sut_supervised_darkroom *d)
{
    int pair[2];
    sut_fd_close(&d->fd);
    if (s->worker.line < 0)
        return;
    if (sut_failed(sut_fd_socketpair(pair))) {
        sut_log(SUT_LOG_ERROR, "no_sockets", LOG_INT("made", 0));
        return;
    }
    const sut_err e =
        sut_line_send(s->worker.line, SUT_WORD_DARKROOM, SUT_STR(""), &pair[1], 1, SEND_MS);
    sut_fd_close(&pair[1]);
    d->fd = sut_fd_take(&pair[0]);
    if (sut_failed(e))
        sut_fd_close(&d->fd);
}

static void kill_process(struct sut_supervised_darkroom *d)
{
    d->is_given_up = true;
    d->end_by_ns = UINT64_MAX;
    sut_ignore(sut_role_signal(&d->process, SIGKILL), "it may have ended already");
}

void sut_supervisor__connect_darkrooms(struct sut_supervisor *s)
{
    for (size_t i = 0; i < s->n_darkrooms; i++) {
        struct sut_supervised_darkroom *const d = &s->darkrooms[i];
        /* What it does is for a worker that is gone; its end brings the connection. */
        if (d->process.pid > 0)
            kill_process(d);
        else
            connect_place(s, d);
    }
}

/* --- processes --- */

static void plan_again(struct sut_supervised_darkroom *d)
{
    d->backoff_ms = d->backoff_ms == 0 ? BACKOFF_MIN_MS : d->backoff_ms * 2;
    if (d->backoff_ms > BACKOFF_MAX_MS)
        d->backoff_ms = BACKOFF_MAX_MS;
    d->again_ns = after_ms(d->backoff_ms);
}

static void start(struct sut_supervisor *s, struct sut_supervised_darkroom *d)
{
    char rest[32];
    (void) snprintf(rest, sizeof(rest), "--rest=%d", REST_MS);
    const char *const args[] = { rest, NULL };
    const struct sut_role_fd fds[] = {
        { .fd = 2, .as = 2 },
        { .fd = d->fd, .as = SUT_ROLE_FD_PICTURE },
    };
    const struct sut_role_spec spec = {
        .binary = s->o->binary,
        .name = "darkroom",
        .title = "sutler",
        .args = args,
        .fds = fds,
        .n_fds = sizeof(fds) / sizeof(fds[0]),
        .death_signal = SIGKILL,
    };
    d->is_given_up = d->is_due = false;
    d->end_by_ns = 0;
    const sut_err e = sut_role_spawn(&spec, &d->process);
    if (sut_failed(e)) {
        sut_log(SUT_LOG_ERROR, "role_not_started", LOG_NAME("which", spec.name), LOG_ERR(e));
        plan_again(d);
        connect_place(s, d);
    }
}

static void tell_crash(const struct sut_supervisor *s, const struct sut_role_end *end)
{
    const char *by = !end->is_signal ? "exit" : end->code == SIGSYS ? "sandbox" : "signal";
    const struct sut_event_detail detail = { .reason = "darkroom" };
    sut_log(SUT_LOG_ERROR, "role_ended", LOG_NAME("which", "darkroom"), LOG_NAME("by", by),
            LOG_INT("code", end->code));
    sut_event_raise(s->o->events, SUT_EVENT_ROLE_CRASHED, sut_clock_now(&sut_clock_system),
                    &detail);
}

/* The worker has hung up: an answer has nobody to go to. */
static bool is_left(const struct sut_supervised_darkroom *d)
{
    struct pollfd p = { .fd = d->fd };
    return d->fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & POLLHUP) != 0;
}

static void ended(struct sut_supervisor *s, struct sut_supervised_darkroom *d)
{
    struct sut_role_end end = { 0 };
    sut_ignore(sut_role_wait(&d->process, &end), "only its code is lost");
    if (!end.is_signal && end.code == SUT_DARKROOM_RESTED && !d->is_given_up)
        return;
    const bool is_done = !end.is_signal && end.code == 0;
    const bool is_excused = d->is_given_up || (!end.is_signal && is_left(d));
    if (!is_done && !is_excused)
        tell_crash(s, &end);
    if (is_done || d->is_given_up)
        d->backoff_ms = 0;
    else
        plan_again(d);
    connect_place(s, d);
    d->is_due = is_done;
}

/* A worker that hangs up whatever it gets must not keep us at it. */
static void replace_connection(struct sut_supervisor *s, struct sut_supervised_darkroom *d)
{
    plan_again(d);
    connect_place(s, d);
}

/* --- the loop's part --- */

static bool may_start(const struct sut_supervised_darkroom *d)
{
    return d->process.pid == 0 && d->fd >= 0 && sut_monotonic_ns() >= d->again_ns;
}

uint64_t sut_supervisor__poll_darkrooms(struct sut_supervisor *s, struct pollfd *p)
{
    uint64_t due_ns = UINT64_MAX;
    for (size_t i = 0; i < s->n_darkrooms; i++, p += SUT_SUPERVISOR_POLLS_DARKROOM) {
        struct sut_supervised_darkroom *const d = &s->darkrooms[i];
        if (d->is_due && may_start(d))
            start(s, d);
        if (d->process.pid > 0 && d->end_by_ns != 0 && sut_monotonic_ns() >= d->end_by_ns)
            kill_process(d);
        const bool runs = d->process.pid > 0;
        const bool waits = !runs && d->fd >= 0 && !may_start(d);
        if (waits && d->again_ns < due_ns)
            due_ns = d->again_ns;
        const bool ends = runs && d->end_by_ns != 0;
        if (ends && !d->is_given_up && d->end_by_ns < due_ns)
            due_ns = d->end_by_ns;
        /* Of one that runs only the worker's hanging up counts, which no word asks for. */
        p[OF_CONNECTION] =
            (struct pollfd){ .fd = waits || ends ? -1 : d->fd, .events = runs ? 0 : POLLIN };
        p[OF_PROCESS] = (struct pollfd){ .fd = d->process.pidfd, .events = POLLIN };
    }
    return due_ns;
}

void sut_supervisor__heed_darkrooms(struct sut_supervisor *s, const struct pollfd *p)
{
    for (size_t i = 0; i < s->n_darkrooms; i++, p += SUT_SUPERVISOR_POLLS_DARKROOM) {
        struct sut_supervised_darkroom *const d = &s->darkrooms[i];
        const bool is_asked = p[OF_CONNECTION].revents != 0 && p[OF_CONNECTION].fd == d->fd;
        if (p[OF_PROCESS].revents != 0 && p[OF_PROCESS].fd == d->process.pidfd)
            ended(s, d);
        else if (is_asked && d->process.pid > 0)
            d->end_by_ns = after_ms(LEFT_MS);
        else if (is_asked && (p[OF_CONNECTION].revents & POLLHUP) != 0)
            replace_connection(s, d);
        else if (is_asked && may_start(d))
            start(s, d);
    }
}

void sut_supervisor__stop_darkrooms(struct sut_supervisor *s)
{
    for (size_t i = 0; i < s->n_darkrooms; i++) {
        sut_role_done(&s->darkrooms[i].process);
        sut_fd_close(&s->darkrooms[i].fd);
    }
}
