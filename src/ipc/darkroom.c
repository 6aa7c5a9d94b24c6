/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's side: connections that are good for one picture each, and who waits for one.
 */
#include "ipc/darkroom.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "ipc/darkroom_wire.h"
#include "os/fd.h"

enum { NS_PER_MS = 1000000 };

struct sut_darkroom {
    pthread_mutex_t mutex;
    pthread_cond_t change; /* by the monotonic clock */
    int fds[SUT_DARKROOM_CONNECTIONS_MAX];
    size_t n;
    unsigned callers; /* that wait or have one */
    unsigned callers_max;
    unsigned hurried; /* of those that wait: those with somebody behind them */
};

/* How a file of the kind begins. */
static const struct {
    const char *p;
    size_t n;
} begins[] = {
    [SUT_PICTURE_JPEG] = { "\xff\xd8\xff", 3 },
    [SUT_PICTURE_PNG] = { "\x89PNG\r\n\x1a\n", 8 },
    [SUT_PICTURE_WEBP] = { "RIFF", 4 },
};

SUT_ERR sut_darkroom_create(unsigned callers_max, struct sut_darkroom **ret)
{
    ENSURE(callers_max > 0, INVALID);
    DEFER(sut_mem_freep) struct sut_darkroom *d = sut_mem_zalloc(1, sizeof(*d));
    ENSURE(d != NULL, NOMEM);
    d->callers_max = callers_max;
    (void) pthread_mutex_init(&d->mutex, NULL);
    sut_cond_init(&d->change);
    *ret = STEAL(d);
    return SUT_OK;
}

void sut_darkroom_free(struct sut_darkroom **d)
{
    if (*d == NULL)
        return;
    for (size_t i = 0; i < (*d)->n; i++)
        sut_fd_close(&(*d)->fds[i]);
    (void) pthread_mutex_destroy(&(*d)->mutex);
    (void) pthread_cond_destroy(&(*d)->change);
    sut_mem_freep(d);
}

/* One on which anything can be read has ended: nobody was asked. */
static bool has_ended(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    return poll(&p, 1, 0) != 0;
}

/* For each that ends by itself another comes: while no picture does they would fill the room. */
static void drop_ended(struct sut_darkroom *d)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++)
        if (has_ended(d->fds[i]))
            sut_fd_close(&d->fds[i]);
        else
            d->fds[n++] = d->fds[i];
    d->n = n;
}

SUT_ERR sut_darkroom_add(struct sut_darkroom *d, int fd)
{
    (void) pthread_mutex_lock(&d->mutex);
    drop_ended(d);
    const bool has_room = d->n < SUT_DARKROOM_CONNECTIONS_MAX;
    if (has_room)
        d->fds[d->n++] = fd;
    (void) pthread_cond_broadcast(&d->change);
    (void) pthread_mutex_unlock(&d->mutex);
    ENSURE(has_room, FULL);
    return SUT_OK;
}

unsigned sut_darkroom_waiting(struct sut_darkroom *d)
{
    (void) pthread_mutex_lock(&d->mutex);
    const unsigned n = d->callers;
    (void) pthread_mutex_unlock(&d->mutex);
    return n;
}

/* --- whose turn it is --- */

/* -1: none. */
static int find_live(struct sut_darkroom *d)
{
    while (d->n > 0) {
        int fd = d->fds[--d->n];
        if (!has_ended(fd))
            return fd;
        sut_fd_close(&fd);
    }
    return -1;
}

/* Until there is one, and nobody who is in a hurry wants it.  With the mutex. */
static int wait_turn(struct sut_darkroom *d, bool is_hurried, uint64_t deadline_ns)
{
    int fd = -1;
    d->hurried += is_hurried ? 1 : 0;
    while ((!is_hurried && d->hurried > 0) || (fd = find_live(d)) < 0) {
        if (!sut_cond_wait_until(&d->change, &d->mutex, deadline_ns))
            break;
    }
    d->hurried -= is_hurried ? 1 : 0;
    return fd;
}

static SUT_ERR take(struct sut_darkroom *d, bool is_hurried, uint64_t deadline_ns, int *ret)
{
    int fd = -1;
    (void) pthread_mutex_lock(&d->mutex);
    const bool has_room = d->callers < d->callers_max;
    if (has_room) {
        d->callers++;
        fd = wait_turn(d, is_hurried, deadline_ns);
        d->callers -= fd < 0 ? 1 : 0;
        (void) pthread_cond_broadcast(&d->change);
    }
    (void) pthread_mutex_unlock(&d->mutex);
    ENSURE(fd >= 0, BUSY);
    *ret = fd;
    return SUT_OK;
}

static void leave(struct sut_darkroom *d)
{
    (void) pthread_mutex_lock(&d->mutex);
    d->callers--;
    (void) pthread_mutex_unlock(&d->mutex);
}

/* --- over the connection --- */

static SUT_ERR wait_for(int fd, short what, uint64_t deadline_ns)
{
    const uint64_t now_ns = sut_monotonic_ns();
    ENSURE(now_ns < deadline_ns, UNAVAILABLE);
    struct pollfd p = { .fd = fd, .events = what };
    if (poll(&p, 1, (int) ((deadline_ns - now_ns) / NS_PER_MS) + 1) < 0 && errno != EINTR)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

/* How far one send(2) or recv(2) came; 0: it must wait. */
static SUT_ERR judge(ssize_t got, size_t *ret)
{
    *ret = got > 0 ? (size_t) got : 0;
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
        return SUT_OK;
    /* Its process has ended. */
    FAIL_SYS(UNAVAILABLE);
}

static SUT_ERR send_all(int fd, const void *p, size_t n, uint64_t deadline_ns)
{
    for (size_t done = 0, k = 0; done < n; done += k) {
        TRY(judge(send(fd, (const char *) p + done, n - done, MSG_DONTWAIT | MSG_NOSIGNAL), &k));
        if (k == 0)
            TRY(wait_for(fd, POLLOUT, deadline_ns));
    }
    return SUT_OK;
}

static SUT_ERR receive_all(int fd, void *p, size_t n, uint64_t deadline_ns)
{
    for (size_t done = 0, k = 0; done < n; done += k) {
        TRY(judge(recv(fd, (char *) p + done, n - done, MSG_DONTWAIT), &k));
        if (k == 0)
            TRY(wait_for(fd, POLLIN, deadline_ns));
    }
    return SUT_OK;
}

static SUT_ERR outcome_of(enum sut_darkroom_outcome o)
{
    switch (o) {
    case SUT_DARKROOM_DONE:
        return SUT_OK;
    case SUT_DARKROOM_INVALID:
        FAIL(INVALID);
    case SUT_DARKROOM_TOO_LARGE:
        FAIL(TOO_LARGE);
    case SUT_DARKROOM_PARSE:
        break;
    }
    FAIL(PARSE);
}

static SUT_ERR receive_files(int fd, const struct sut_darkroom_answer *a, uint64_t deadline_ns,
                             struct sut_picture *to)
{
    for (size_t i = 0; i < SUT_PICTURE_FILES; i++) {
        struct sut_buf *const b = &to->files[i];
        char *const room = sut_buf_room(b, a->n[i]);
        ENSURE(room != NULL, NOMEM);
        TRY(receive_all(fd, room, a->n[i], deadline_ns));
        b->n = a->n[i];
        ENSURE(b->n >= begins[a->kind].n && memcmp(b->p, begins[a->kind].p, begins[a->kind].n) == 0,
               UNAVAILABLE);
    }
    return SUT_OK;
}

/* An answer that is none is what a process says that is not ours any more. */
static SUT_ERR exchange(int fd, const struct sut_darkroom_ask *ask, sut_str bytes,
                        uint64_t deadline_ns, struct sut_picture *ret)
{
    unsigned char head[SUT_DARKROOM_ASK];
    unsigned char answer[SUT_DARKROOM_ANSWER];
    struct sut_darkroom_answer a;
    sut_darkroom_ask_write(ask, head);
    TRY(send_all(fd, head, sizeof(head), deadline_ns));
    TRY(send_all(fd, bytes.p, bytes.n, deadline_ns));
    TRY(receive_all(fd, answer, sizeof(answer), deadline_ns));
    ENSURE(!sut_failed(sut_darkroom_answer_read(answer, &a)), UNAVAILABLE);
    TRY(outcome_of(a.outcome));
    struct sut_picture p = { .kind = a.kind, .width = a.width, .height = a.height };
    for (size_t i = 0; i < SUT_PICTURE_FILES; i++)
        sut_buf_init(&p.files[i], SUT_PICTURE_OUT_MAX);
    const sut_err e = receive_files(fd, &a, deadline_ns, &p);
    if (sut_failed(e))
        sut_picture_done(&p);
    else
        *ret = p;
    return e;
}

static SUT_ERR ask(struct sut_darkroom *d, const struct sut_darkroom_ask *what, sut_str bytes,
                   bool is_hurried, struct sut_picture *ret)
{
    ENSURE(d != NULL, UNAVAILABLE);
    const uint64_t deadline_ns =
        sut_monotonic_ns() + (uint64_t) SUT_PICTURE_PATIENCE_MS * NS_PER_MS;
    DEFER(sut_fd_close) int fd = -1;
    TRY(take(d, is_hurried, deadline_ns, &fd));
    const sut_err e = exchange(fd, what, bytes, deadline_ns, ret);
    /* Who has seen nothing from outside serves on. */
    if (!sut_failed(e) && what->what == SUT_DARKROOM_PRINT && !sut_failed(sut_darkroom_add(d, fd)))
        fd = -1;
    leave(d);
    return e;
}

SUT_ERR sut_darkroom_develop(struct sut_darkroom *d, sut_str bytes, struct sut_picture *ret)
{
    ENSURE(bytes.n > 0, INVALID);
    ENSURE(bytes.n <= SUT_PICTURE_BYTES_MAX, TOO_LARGE);
    const struct sut_darkroom_ask what = { .what = SUT_DARKROOM_DEVELOP, .n = (uint32_t) bytes.n };
    return ask(d, &what, bytes, true, ret);
}

SUT_ERR sut_darkroom_print(struct sut_darkroom *d, sut_str rgb, uint32_t width, uint32_t height,
                           struct sut_picture *ret)
{
    ENSURE(rgb.n <= SUT_PICTURE_OUT_MAX, TOO_LARGE);
    ENSURE(rgb.n > 0 && (uint64_t) width * height == rgb.n / 3 && rgb.n % 3 == 0, INVALID);
    const struct sut_darkroom_ask what = {
        .what = SUT_DARKROOM_PRINT, .n = (uint32_t) rgb.n, .width = width, .height = height
    };
    return ask(d, &what, rgb, false, ret);
}
