/* SPDX-License-Identifier: Apache-2.0 */
#include "api/portraits.h"

#include "api/upload.h"
#include "audit/audit.h"
#include "audit/events.h"
#include "base/arena.h"
#include "base/background.h"
#include "base/mem.h"
#include "config/config.h"
#include "guard/app.h"
#include "ipc/courier.h"
#include "log/log.h"
#include "media/media.h"
#include "store/media_row.h"
#include "store/person.h"
#include "store/social_picture.h"
#include "store/store.h"

enum {
    FETCH_MS = 8 * 1000,
    CLAIM_MS = 3 * 60 * 1000, /* longer than a fetch, a scan and the darkroom take together */
    IDLE_MS = 60 * 1000,      /* other servers of the store note some, too */
    TROUBLE_MS = 15 * 1000,
    TRIES = 4,
    AGAIN_MS = 60 * 1000, /* after the first try; ten times as long after each other */
    ARENA_MAX = 256 * 1024,
};

struct api_portraits {
    const struct sut_app *app;
    struct sut_background *thread;
};

/* --- one of them --- */

/* What became of a try. */
enum outcome { OUTCOME_PUT, OUTCOME_FORGET, OUTCOME_LATER };

struct trying {
    const struct sut_app *app;
    struct sut_arena *arena;
    struct sut_social_picture row;
    struct sut_media_kept kept;
    sut_str file;
    enum outcome outcome;
    const char *why; /* for the log; NULL: it was put */
    sut_ms now;
};

static SUT_ERR claim(struct sut_db_conn *c, void *arg)
{
    struct trying *t = arg;
    return sut_social_picture_claim(c, t->arena, t->now, (sut_ms){ t->now.v + CLAIM_MS }, &t->row);
}

/* Where it is, if the person has none yet and could show one. */
static SUT_ERR find_url(struct trying *t, sut_str *ret_url, bool *ret_is_wanted)
{
    struct sut_db_conn *c = NULL;
    struct sut_person_row p = { 0 };
    TRY(sut_store_lease(t->app->store, &c));
    sut_err e = sut_person_by_id(c, t->arena, t->row.person, &p);
    *ret_is_wanted = !sut_failed(e) && p.is_active && p.picture.n == 0;
    if (!sut_failed(e))
        e = sut_social_picture_url(c, t->arena, &t->row, ret_url);
    sut_store_return(t->app->store, &c);
    return e;
}

static void forget(struct trying *t, const char *why)
{
    t->outcome = OUTCOME_FORGET;
    t->why = why;
}

static void try_later(struct trying *t, const char *why)
{
    t->outcome = t->row.tries >= TRIES ? OUTCOME_FORGET : OUTCOME_LATER;
    t->why = why;
}

/* Fetch it; what can't be is noted in t. */
static void fetch(struct trying *t, sut_str url, struct sut_buf *body, bool *ret_has)
{
    const struct sut_errand e = { .purpose = SUT_ERRAND_PICTURE,
                                  .url = url,
                                  .timeout_ms = FETCH_MS };
    struct sut_errand_answer a = { 0 };
    const sut_err got = sut_courier_fetch(t->app->courier, &e, body, &a);
    *ret_has = !sut_failed(got) && a.status == 200;
    if (*ret_has)
        return;
    if (got.code == SUT_E_DENIED || got.code == SUT_E_TOO_LARGE)
        forget(t, got.code == SUT_E_DENIED ? "not_public" : "too_large");
    else if (sut_failed(got) || a.status == 429 || a.status >= 500)
        try_later(t, "unavailable");
    else
        forget(t, "refused");
}

/* The same way as any upload. */
static void keep(struct trying *t, sut_str bytes)
{
    enum api_picture what = API_PICTURE_KEPT;
    const sut_err e = api_picture_keep(t->app, bytes, t->row.person, t->now, &what, &t->kept);
    if (sut_failed(e)) {
        try_later(t, "not_kept");
        return;
    }
    if (what != API_PICTURE_KEPT) {
        sut_event_raise(
            t->app->events, SUT_EVENT_UPLOAD_REJECTED, t->now,
            &(struct sut_event_detail){ .reason = "portrait", .user_id = t->row.person });
        forget(t, "no_picture");
        return;
    }
    if (sut_failed(sut_media_file(t->arena, sut_str_from(t->kept.name), t->kept.kind,
                                  SUT_PICTURE_FULL, &t->file)))
        try_later(t, "not_kept");
    else
        t->outcome = OUTCOME_PUT;
}

/* They may have put one of their own meanwhile. */
static SUT_ERR put(struct sut_db_conn *c, struct trying *t)
{
    struct sut_person_row p = { 0 };
    TRY(sut_person_by_id(c, t->arena, t->row.person, &p));
    if (!p.is_active || p.picture.n > 0)
        return sut_media_row_drop(c, t->kept.id, t->now);
    TRY(sut_media_row_use(c, t->kept.id, t->now));
    TRY(sut_person_set_picture(c, t->row.person, t->file, t->row.person, t->now));
    return sut_audit_write_id(c, SUT_ACTION_USER_UPDATE, t->row.person, "user", t->row.person,
                              SUT_STR(""), t->now);
}

static SUT_ERR settle(struct sut_db_conn *c, void *arg)
{
    struct trying *t = arg;
    if (t->outcome == OUTCOME_LATER) {
        int64_t wait_ms = AGAIN_MS;
        for (int64_t i = 1; i < t->row.tries; i++)
            wait_ms *= 10;
        return sut_social_picture_later(c, t->row.link, (sut_ms){ t->now.v + wait_ms });
    }
    if (t->outcome == OUTCOME_PUT) {
        const sut_err e = put(c, t);
        /* An account that is gone has taken its rows along. */
        if (e.code != SUT_E_NOT_FOUND)
            TRY(e);
    }
    return sut_social_picture_forget(c, t->row.link);
}

static void tell(const struct trying *t)
{
    if (t->outcome == OUTCOME_PUT)
        sut_log(SUT_LOG_INFO, "portrait_put", LOG_PERSON("user", t->row.person),
                LOG_INT("tries", t->row.tries));
    else if (t->outcome == OUTCOME_LATER)
        sut_log(SUT_LOG_INFO, "portrait_waits", LOG_PERSON("user", t->row.person),
                LOG_NAME("why", t->why), LOG_INT("tries", t->row.tries));
    else
        sut_log(SUT_LOG_INFO, "portrait_forgotten", LOG_PERSON("user", t->row.person),
                LOG_NAME("why", t->why), LOG_INT("tries", t->row.tries));
}

static SUT_ERR try_one(struct trying *t)
{
    DEFER(sut_buf_done) struct sut_buf body = { 0 };
    sut_str url = { 0 };
    bool is_wanted = false;
    bool has = false;
    sut_buf_init(&body, SUT_PICTURE_BYTES_MAX);
    const sut_err e = find_url(t, &url, &is_wanted);
    if (e.code == SUT_E_CORRUPT || e.code == SUT_E_NOT_FOUND)
        forget(t, "lost");
    else
        TRY(e);
    if (!sut_failed(e) && !is_wanted)
        forget(t, "not_wanted");
    if (!sut_failed(e) && is_wanted)
        fetch(t, url, &body, &has);
    if (has)
        keep(t, sut_buf_str(&body));
    t->now = sut_clock_now(t->app->clock);
    const sut_err settled = sut_store_write(t->app->store, settle, t);
    if (sut_failed(settled) && t->outcome == OUTCOME_PUT)
        sut_media_discard(t->app->pictures, &t->kept, t->now);
    TRY(settled);
    tell(t);
    return SUT_OK;
}

SUT_ERR api_portraits_turn(const struct sut_app *app, sut_ms *ret_next)
{
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    TRY(sut_arena_create(ARENA_MAX, &a));
    sut_arena_set_flags(a, SUT_ARENA_SECRET);
    struct trying t = { .app = app, .arena = a, .now = sut_clock_now(app->clock) };
    const sut_err e = sut_store_write(app->store, claim, &t);
    if (e.code == SUT_E_NOT_FOUND) {
        ret_next->v = t.now.v + IDLE_MS;
        return SUT_OK;
    }
    TRY(e);
    *ret_next = t.now;
    return try_one(&t);
}

/* --- the thread --- */

static int64_t one_round(void *arg)
{
    const struct api_portraits *p = arg;
    sut_ms next = { 0 };
    const sut_err e = api_portraits_turn(p->app, &next);
    if (!sut_failed(e))
        return next.v - sut_clock_now(p->app->clock).v;
    sut_log(SUT_LOG_WARN, "portraits_wait", LOG_ERR(e));
    return TROUBLE_MS;
}

SUT_ERR api_portraits_start(const struct sut_app *app, struct api_portraits **ret)
{
    const struct sut_config *c = app->config;
    *ret = NULL;
    if (app->courier == NULL || (c->google.client_id.n == 0 && c->facebook.app_id.n == 0))
        return SUT_OK;
    DEFER(api_portraits_stop) struct api_portraits *p = sut_mem_zalloc(1, sizeof(*p));
    const struct sut_background_options b = { .round = one_round,
                                              .ctx = p,
                                              .sleep_max_ms = IDLE_MS };
    ENSURE(p != NULL, NOMEM);
    p->app = app;
    TRY(sut_background_create(&b, &p->thread));
    TRY(sut_background_start(p->thread));
    *ret = STEAL(p);
    return SUT_OK;
}

void api_portraits_wake(struct api_portraits *p)
{
    if (p != NULL)
        sut_background_wake(p->thread);
}

void api_portraits_stop(struct api_portraits **p)
{
    if (*p == NULL)
        return;
    sut_background_free(&(*p)->thread);
    sut_mem_freep(p);
}
