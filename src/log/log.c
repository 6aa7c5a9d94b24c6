/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <arpa/inet.h>
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
    bool is_json;
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

/* Whose pseudonyms: called with the lock held, so that a change waits for who is in it. */
static struct {
    pthread_mutex_t lock;
    sut_log_pseudonym_fn *fn;
    void *ctx;
} pseudonyms = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The image of this program: its constants lie before its data (every linker's script). */
extern const char __executable_start[];
extern const char __data_start[];

void sut_log_init(enum sut_log_level least, enum sut_log_format format, int fd, const char *role)
{
    atomic_store(&state.least, (int) least);
    state.is_json = format == SUT_LOG_JSON;
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

void sut_log_pseudonyms(sut_log_pseudonym_fn *fn, void *ctx)
{
    (void) pthread_mutex_lock(&pseudonyms.lock);
    pseudonyms.fn = fn;
    pseudonyms.ctx = ctx;
    (void) pthread_mutex_unlock(&pseudonyms.lock);
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
    sut_line_reset(l, state.is_json);
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

/* What does not fit its type is a question mark: that something was wrong is seen, not what. */
static void put_checked(struct sut_line *l, const struct sut_log_field *f, bool is_right)
{
    sut_line_text(l, f->key, is_right ? sut_str_from(f->z) : SUT_STR("?"));
}

/* A constant of this program: what came from outside lies on the heap or on a stack. */
static bool is_constant(const char *z)
{
    const uintptr_t at = (uintptr_t) z;
    return at >= (uintptr_t) __executable_start && at < (uintptr_t) __data_start;
}

/* Letters, digits and these marks. */
static bool is_name(const char *z, const char *marks)
{
    size_t n = 0;
    if (z == NULL || !is_constant(z))
        return false;
    for (; z[n] != '\0' && n <= SUT_LOG_NAME_MAX; n++)
        if (!((z[n] >= 'a' && z[n] <= 'z') || (z[n] >= 'A' && z[n] <= 'Z') ||
              (z[n] >= '0' && z[n] <= '9') || strchr(marks, z[n]) != NULL))
            return false;
    return n > 0 && n <= SUT_LOG_NAME_MAX;
}

static bool is_addr(const char *z)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return z != NULL && (inet_pton(AF_INET, z, bytes) == 1 || inet_pton(AF_INET6, z, bytes) == 1);
}

static bool is_id(const char *z)
{
    size_t n = 0;
    if (z == NULL)
        return false;
    for (; n <= SUT_LOG_ID_SIZE && z[n] != '\0'; n++)
        if (!((z[n] >= 'a' && z[n] <= 'f') || (z[n] >= '0' && z[n] <= '9')))
            return false;
    return n == SUT_LOG_ID_SIZE;
}

static void put_person(struct sut_line *l, const struct sut_log_field *f)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[SUT_LOG_PSEUDONYM];
    char text[1 + 2 * SUT_LOG_PSEUDONYM] = { 'p' };
    if (f->i == 0)
        return;
    (void) pthread_mutex_lock(&pseudonyms.lock);
    const bool has_key = pseudonyms.fn != NULL;
    if (has_key)
        pseudonyms.fn(pseudonyms.ctx, f->i, bytes);
    (void) pthread_mutex_unlock(&pseudonyms.lock);
    for (size_t i = 0; has_key && i < SUT_LOG_PSEUDONYM; i++) {
        text[1 + 2 * i] = hex[bytes[i] >> 4];
        text[2 + 2 * i] = hex[bytes[i] & 15];
    }
    sut_line_text(l, f->key, has_key ? sut_str_of(text, sizeof(text)) : SUT_STR("p?"));
}

static void put_field(struct sut_line *l, const struct sut_log_field *f)
{
    switch (f->type) {
    case SUT_LOG_T_LITERAL:
        sut_line_text(l, f->key, sut_str_from(f->z));
        break;
    case SUT_LOG_T_NAME:
        put_checked(l, f, is_name(f->z, "_./:{}-"));
        break;
    case SUT_LOG_T_WHY:
        put_checked(l, f, is_name(f->z, "_./:{}- ,"));
        break;
    case SUT_LOG_T_ADDR:
        put_checked(l, f, is_addr(f->z));
        break;
    case SUT_LOG_T_ID:
        put_checked(l, f, is_id(f->z));
        break;
    case SUT_LOG_T_PERSON:
        put_person(l, f);
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
