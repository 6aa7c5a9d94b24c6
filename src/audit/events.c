/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/events.h"

#include <pthread.h>

#include "base/mem.h"
#include "log/log.h"

enum { MS_PER_S = 1000, FIELDS_MAX = 8 };

static const char *const names[] = {
#define X(name, text) [SUT_EVENT_##name] = (text),
#include "audit/events.def"
#undef X
};

/* How often a type came, and in the present second. */
struct tally {
    int64_t second;
    unsigned written;   /* in that second */
    uint64_t held_back; /* since the last one that was written */
    uint64_t all;
};

struct sut_events {
    pthread_mutex_t lock;
    struct tally types[SUT_EVENT_TYPES];
};

const char *sut_event_name(enum sut_event_type type)
{
    return names[type];
}

SUT_ERR sut_events_create(struct sut_events **ret)
{
    struct sut_events *e = sut_mem_zalloc(1, sizeof(*e));
    ENSURE(e != NULL, NOMEM);
    if (pthread_mutex_init(&e->lock, NULL) != 0) {
        sut_mem_free(e);
        FAIL(NOMEM);
    }
    *ret = e;
    return SUT_OK;
}

static void write_event(enum sut_event_type type, const struct sut_event_detail *d,
                        uint64_t held_back)
{
    struct sut_log_field f[FIELDS_MAX];
    size_t n = 0;
    f[n++] = LOG_NAME("type", names[type]);
    if (d != NULL && d->reason != NULL)
        f[n++] = LOG_NAME("reason", d->reason);
    if (d != NULL && d->route != NULL)
        f[n++] = LOG_NAME("route", d->route);
    if (d != NULL && d->addr != NULL)
        f[n++] = LOG_ADDR("addr", d->addr);
    if (d != NULL && d->user_id != 0)
        f[n++] = LOG_PERSON("person", d->user_id);
    if (d != NULL && d->request_id != NULL)
        f[n++] = LOG_ID("request_id", d->request_id);
    if (held_back > 0)
        f[n++] = LOG_INT("held_back", (int64_t) held_back);
    if (sut_log_wants(SUT_LOG_WARN))
        sut_log_write(SUT_LOG_WARN, "security_event", f, n);
}

void sut_events_flush(struct sut_events *e, sut_ms now)
{
    for (unsigned i = 0; i < SUT_EVENT_TYPES; i++) {
        struct tally *t = &e->types[i];
        (void) pthread_mutex_lock(&e->lock);
        const bool is_over = t->second != now.v / MS_PER_S;
        const uint64_t held_back = is_over ? t->held_back : 0;
        t->held_back -= held_back;
        (void) pthread_mutex_unlock(&e->lock);
        if (held_back > 0)
            write_event((enum sut_event_type) i, NULL, held_back);
    }
}

void sut_events_free(struct sut_events **e)
{
    if (*e == NULL)
        return;
    sut_events_flush(*e, (sut_ms){ INT64_MAX });
    (void) pthread_mutex_destroy(&(*e)->lock);
    sut_mem_free(*e);
    *e = NULL;
}

void sut_event_raise(struct sut_events *e, enum sut_event_type type, sut_ms now,
                     const struct sut_event_detail *detail)
{
    struct tally *t = &e->types[type];
    const int64_t second = now.v / MS_PER_S;
    (void) pthread_mutex_lock(&e->lock);
    if (t->second != second) {
        t->second = second;
        t->written = 0;
    }
    t->all++;
    const bool is_written = t->written < SUT_EVENTS_PER_SECOND;
    uint64_t held_back = 0;
    if (is_written) {
        t->written++;
        held_back = t->held_back;
        t->held_back = 0;
    } else {
        t->held_back++;
    }
    (void) pthread_mutex_unlock(&e->lock);
    if (is_written)
        write_event(type, detail, held_back);
}

uint64_t sut_events_count(struct sut_events *e, enum sut_event_type type)
{
    (void) pthread_mutex_lock(&e->lock);
    const uint64_t n = e->types[type].all;
    (void) pthread_mutex_unlock(&e->lock);
    return n;
}
