/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "log/line.h"

_Static_assert((int) SUT_LINE_MAX == (int) SUT_LOG_LINE_MAX, "one cap");

enum { SLOTS = 64, DEFAULT_LINES = 500, DEFAULT_WINDOW_MS = 10000 };

/* What one event has written within its window. */
struct slot {
    const char *event; /* NULL: free */
    enum sut_log_level level;
    int64_t since_ms;
    unsigned written;
    unsigned suppressed;
};

/* The log of this process: set before threads, the slots under the lock. */
static struct {
    atomic_int least;
    int fd;
    const char *role;
    const struct sut_clock *clock;
    unsigned lines;
    unsigned window_ms;
    pthread_mutex_t lock;
    struct slot slots[SLOTS];
} state = {
    .least = SUT_LOG_INFO,
    .fd = STDERR_FILENO,
    .role = "sutler",
    .clock = &sut_clock_system,
    .lines = DEFAULT_LINES,
    .window_ms = DEFAULT_WINDOW_MS,
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

static const char *const level_names[] = {
    [SUT_LOG_DEBUG] = "debug",
    [SUT_LOG_INFO] = "info",
    [SUT_LOG_WARN] = "warn",
    [SUT_LOG_ERROR] = "error",
};

void sut_log_init(enum sut_log_level least, int fd, const char *role)
{
    atomic_store(&state.least, (int) least);
    state.fd = fd;
    state.role = role;
    state.clock = &sut_clock_system;
    sut_log_limit(DEFAULT_LINES, DEFAULT_WINDOW_MS);
}

void sut_log_limit(unsigned lines, unsigned window_ms)
{
    (void) pthread_mutex_lock(&state.lock);
    state.lines = lines;
    state.window_ms = window_ms;
    memset(state.slots, 0, sizeof(state.slots));
    (void) pthread_mutex_unlock(&state.lock);
}

void sut_log_clock(const struct sut_clock *clock)
{
    state.clock = clock;
}

bool sut_log_wants(enum sut_log_level level)
{
    return (int) level >= atomic_load_explicit(&state.least, memory_order_relaxed);
}

/* The event's slot, or a free one, or the one whose window began first; with the lock held. */
static struct slot *slot_of(const char *event, enum sut_log_level level, int64_t now_ms)
{
    struct slot *found = &state.slots[0];
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *s = &state.slots[i];
        if (s->event == NULL) {
            found = s;
            break;
        }
        if (s->level == level && (s->event == event || strcmp(s->event, event) == 0))
            return s;
        if (s->since_ms < found->since_ms)
            found = s;
    }
    *found = (struct slot){ .event = event, .level = level, .since_ms = now_ms };
    return found;
}

/* Whether this line may be written; then *ret_suppressed is how many before it were not. */
static bool admit(const char *event, enum sut_log_level level, int64_t now_ms,
                  unsigned *ret_suppressed)
{
    *ret_suppressed = 0;
    (void) pthread_mutex_lock(&state.lock);
    bool ok = state.lines == 0;
    if (!ok) {
        struct slot *s = slot_of(event, level, now_ms);
        /* A clock that steps back begins a window too: better a line too many than silence. */
        if (now_ms < s->since_ms || now_ms - s->since_ms >= (int64_t) state.window_ms) {
            s->since_ms = now_ms;
            s->written = 0;
        }
        ok = s->written < state.lines;
        if (ok) {
            s->written++;
            *ret_suppressed = s->suppressed;
            s->suppressed = 0;
        } else {
            s->suppressed++;
        }
    }
    (void) pthread_mutex_unlock(&state.lock);
    return ok;
}

static void begin(struct sut_line *l, enum sut_log_level level, const char *event, sut_ms now)
{
    sut_line_reset(l);
    sut_line_time(l, "ts", now);
    sut_line_text(l, "level", sut_str_from(level_names[level]));
    sut_line_text(l, "role", sut_str_from(state.role));
    sut_line_text(l, "event", sut_str_from(event));
}

static void put_err(struct sut_line *l, const struct sut_log_field *f)
{
    sut_line_text(l, f->key, sut_str_from(sut_err_info(f->err.code)->name));
    if (f->err.at != NULL) {
        sut_line_text(l, "file", sut_str_from(f->err.at->file));
        sut_line_int(l, "line", f->err.at->line);
    }
    if (f->err.sys != 0) {
        const char *name = strerrorname_np(f->err.sys);
        sut_line_text(l, "errno", name == NULL ? SUT_STR("?") : sut_str_from(name));
    }
}

static void put_field(struct sut_line *l, const struct sut_log_field *f)
{
    switch (f->type) {
    case SUT_LOG_T_TEXT:
    case SUT_LOG_T_ADDR:
        sut_line_text(l, f->key, f->text);
        break;
    case SUT_LOG_T_INT:
        sut_line_int(l, f->key, f->i);
        break;
    case SUT_LOG_T_ERR:
        put_err(l, f);
        break;
    }
}

/* One write; tried again only when a signal came before the first byte. */
static void send_line(struct sut_line *l)
{
    const sut_str s = sut_line_end(l);
    ssize_t n = 0;
    do {
        n = write(state.fd, s.p, s.n);
    } while (n < 0 && errno == EINTR);
}

void sut_log_write(enum sut_log_level level, const char *event, const struct sut_log_field *f,
                   size_t n)
{
    if (!sut_log_wants(level))
        return;
    const int saved = errno; /* logging a failure must not change it */
    const sut_ms now = sut_clock_now(state.clock);
    unsigned suppressed = 0;
    if (admit(event, level, now.v, &suppressed)) {
        struct sut_line l;
        begin(&l, level, event, now);
        if (suppressed > 0)
            sut_line_int(&l, "suppressed", suppressed);
        for (size_t i = 0; i < n; i++)
            put_field(&l, &f[i]);
        send_line(&l);
    }
    errno = saved;
}

void sut_log_flush(void)
{
    const sut_ms now = sut_clock_now(state.clock);
    for (size_t i = 0; i < SLOTS; i++) {
        (void) pthread_mutex_lock(&state.lock);
        const struct slot s = state.slots[i];
        state.slots[i].suppressed = 0;
        (void) pthread_mutex_unlock(&state.lock);
        if (s.event == NULL || s.suppressed == 0)
            continue;
        struct sut_line l;
        begin(&l, s.level, "log_suppressed", now);
        sut_line_text(&l, "of", sut_str_from(s.event));
        sut_line_int(&l, "suppressed", s.suppressed);
        send_line(&l);
    }
}
