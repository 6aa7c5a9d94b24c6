/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/key_admin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "log/log.h"
#include "prog/file_key.h"
#include "store/keys.h"

enum { LOWEST_NICE = 19, LOCK_WAIT_MS = 300, STACK_BYTES = 1024 * 1024 };

/* The advisory lock's number on PostgreSQL: "sutrot" in ASCII. */
static const int64_t lock_key = 0x737574726f74;

struct sut_key_admin {
    struct sut_key_admin_options o;
    pthread_mutex_t lock;
    struct sut_key_status statuses[SUT_KINDS]; /* under the lock */
    enum sut_key_kind kind;                    /* of the one that runs, or ran last */
    atomic_bool is_ending;
    bool has_thread; /* to be joined; under the lock */
    pthread_t thread;
    struct sut_store_seat *seat; /* of a remote store: its connection holds the lock */
    struct sut_db_conn *conn;
};

SUT_ERR sut_key_admin_create(const struct sut_key_admin_options *o, struct sut_key_admin **ret)
{
    struct sut_key_admin *a = sut_mem_zalloc(1, sizeof(*a));
    ENSURE(a != NULL, NOMEM);
    if (pthread_mutex_init(&a->lock, NULL) != 0) {
        sut_mem_free(a);
        FAIL(NOMEM);
    }
    a->o = *o;
    *ret = a;
    return SUT_OK;
}

static void join(struct sut_key_admin *a)
{
    if (a->has_thread)
        (void) pthread_join(a->thread, NULL);
    a->has_thread = false;
}

void sut_key_admin_free(struct sut_key_admin **a)
{
    if (*a == NULL)
        return;
    atomic_store(&(*a)->is_ending, true);
    join(*a);
    (void) pthread_mutex_destroy(&(*a)->lock);
    sut_mem_freep(a);
}

/* --- one at a time --- */

static void leave_other_servers(struct sut_key_admin *a)
{
    if (a->conn != NULL)
        sut_store_seat_give(a->seat, &a->conn);
    /* With its connection the lock goes. */
    sut_store_seat_free(&a->seat);
}

static SUT_ERR keep_other_servers_out(struct sut_key_admin *a)
{
    struct sut_store *const store = a->o.boot->store;
    if (!sut_store_is_remote(store))
        return SUT_OK;
    TRY(sut_store_seat_create(store, &a->seat));
    sut_err e = sut_store_seat_take(a->seat, &a->conn);
    if (!sut_failed(e))
        e = sut_db_lock(a->conn, lock_key, LOCK_WAIT_MS);
    if (sut_failed(e))
        leave_other_servers(a);
    return e;
}

static bool is_held(struct sut_key_admin *a)
{
    return a->conn == NULL || sut_db_is_alive(a->conn);
}

/* --- the thread --- */

static bool note_progress(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    struct sut_key_admin *const a = ctx;
    struct sut_key_status *const s = &a->statuses[a->kind];
    (void) pthread_mutex_lock(&a->lock);
    (void) snprintf(s->phase, sizeof(s->phase), "%s", phase);
    s->done = done;
    s->total = total;
    (void) pthread_mutex_unlock(&a->lock);
    return !atomic_load(&a->is_ending) && is_held(a);
}

static SUT_ERR ask(void *ctx, enum sut_word word, struct sut_diag *reterr_diag)
{
    struct sut_key_admin *const a = ctx;
    return a->o.ask(a->o.ctx, word, reterr_diag);
}

static SUT_ERR reload(void *ctx)
{
    struct sut_key_admin *const a = ctx;
    return a->o.reload == NULL ? SUT_OK : a->o.reload(a->o.ctx);
}

static void note_end(struct sut_key_admin *a, sut_err e, const char *text, struct sut_diag *d)
{
    const char *const kind = sut_key_kinds[a->kind].word;
    struct sut_key_status *const s = &a->statuses[a->kind];
    if (e.code == SUT_E_STALE) {
        sut_diag_set(d, "it was ended before its end; nothing is lost");
        sut_diag_hint(d, "`sutler key rotate %s` goes on with it", kind);
    } else if (sut_failed(e) && d->text[0] == '\0') {
        sut_diag_set(d, "it failed: %s (%s:%d)", sut_err_info(e.code)->name,
                     e.at == NULL ? "?" : e.at->file, e.at == NULL ? 0 : e.at->line);
        sut_diag_hint(d, "`sutler key rotate %s` goes on with it", kind);
    }
    /* A command says it itself. */
    if (a->o.is_server && sut_failed(e))
        sut_log(SUT_LOG_ERROR, "key_rotation_failed", LOG_NAME("kind", kind), LOG_ERR(e));
    else if (a->o.is_server)
        sut_log(SUT_LOG_INFO, "key_rotated", LOG_NAME("kind", kind));
    (void) pthread_mutex_lock(&a->lock);
    s->is_running = false;
    s->has_failed = sut_failed(e);
    (void) snprintf(s->text, sizeof(s->text), "%s", sut_failed(e) ? d->text : text);
    (void) snprintf(s->hint, sizeof(s->hint), "%s", sut_failed(e) ? d->hint : "");
    (void) pthread_mutex_unlock(&a->lock);
}

static void *run(void *arg)
{
    struct sut_key_admin *const a = arg;
    char text[SUT_KEY_TEXT] = "";
    struct sut_diag d = { .text = "" };
    struct sut_key_rotate r = {
        .boot = a->o.boot,
        .clock = a->o.clock,
        .ask = ask,
        .reload = reload,
        .progress = note_progress,
        .ctx = a,
        .announce_ms = sut_store_is_remote(a->o.boot->store) ? a->o.announce_ms : 0,
    };
    /* On Linux a nice value belongs to the thread, and those that it makes have it too. */
    (void) setpriority(PRIO_PROCESS, (id_t) gettid(), LOWEST_NICE);
    const sut_err e = sut_key_rotate(&r, a->kind, text, &d);
    leave_other_servers(a);
    note_end(a, e, text, &d);
    return NULL;
}

/* Under the lock. */
static SUT_ERR begin(struct sut_key_admin *a, enum sut_key_kind kind, struct sut_diag *reterr_diag)
{
    if (a->statuses[a->kind].is_running) {
        sut_diag_set(reterr_diag, "a rotation of %s is under way (%s)", sut_key_kinds[a->kind].word,
                     a->statuses[a->kind].phase);
        sut_diag_hint(reterr_diag, "wait for its end: `sutler key list` tells");
        FAIL(BUSY);
    }
    join(a);
    const sut_err locked = keep_other_servers_out(a);
    if (locked.code == SUT_E_BUSY)
        sut_diag_set(reterr_diag, "another server over this store rotates a key");
    else if (sut_failed(locked))
        sut_diag_set(reterr_diag, "the store does not answer (%s)",
                     sut_err_info(locked.code)->name);
    TRY(locked);
    a->kind = kind;
    a->statuses[kind] =
        (struct sut_key_status){ .is_known = true, .is_running = true, .kind = kind };
    const sut_err e = sut_thread_start(STACK_BYTES, run, a, &a->thread);
    if (sut_failed(e)) {
        leave_other_servers(a);
        a->statuses[kind] = (struct sut_key_status){ .is_known = false };
        sut_diag_set(reterr_diag, "no thread for the rotation");
        return e;
    }
    a->has_thread = true;
    return SUT_OK;
}

SUT_ERR sut_key_admin_start(struct sut_key_admin *a, enum sut_key_kind kind,
                            struct sut_diag *reterr_diag)
{
    (void) pthread_mutex_lock(&a->lock);
    const sut_err e = begin(a, kind, reterr_diag);
    (void) pthread_mutex_unlock(&a->lock);
    return e;
}

void sut_key_admin_status(struct sut_key_admin *a, enum sut_key_kind kind,
                          struct sut_key_status *ret)
{
    (void) pthread_mutex_lock(&a->lock);
    *ret = a->statuses[kind];
    (void) pthread_mutex_unlock(&a->lock);
}

/* --- the list --- */

static const char *state_word(enum sut_keyring_state s)
{
    switch (s) {
    case SUT_KEYRING_CURRENT:
        return "current";
    case SUT_KEYRING_PREVIOUS:
        return "previous";
    case SUT_KEYRING_NEXT:
        break;
    }
    return "next";
}

static struct sut_key_row *add_row(struct sut_key_list *l, const char *purpose, uint32_t version,
                                   const char *state, sut_ms made_at)
{
    struct sut_key_row *const r = &l->rows[l->n++];
    *r = (struct sut_key_row){ .version = version, .made_at = made_at };
    (void) snprintf(r->purpose, sizeof(r->purpose), "%s", purpose);
    (void) snprintf(r->state, sizeof(r->state), "%s", state);
    return r;
}

static void add_kind(struct sut_key_row *r, enum sut_key_kind kind)
{
    if (kind == SUT_KINDS)
        return;
    (void) snprintf(r->kind, sizeof(r->kind), "%s", sut_key_kinds[kind].word);
    /* A certificate says itself how long it holds. */
    if (sut_key_kinds[kind].greatest_days > 0)
        r->greatest_days = sut_key_kinds[kind].greatest_days;
}

static SUT_ERR list_keyring(struct sut_key_admin *a, struct sut_key_list *l)
{
    DEFER(sut_mem_freep)
    struct sut_keyring_row *rows = sut_mem_zalloc(SUT_KEYRING_ROWS_MAX, sizeof(*rows));
    struct sut_db_conn *c = NULL;
    size_t n = 0;
    ENSURE(rows != NULL, NOMEM);
    TRY(sut_store_lease(a->o.boot->store, &c));
    const sut_err e = sut_keyring_row_list(c, rows, SUT_KEYRING_ROWS_MAX, &n);
    sut_store_return(a->o.boot->store, &c);
    TRY(e);
    for (size_t i = 0; i < n; i++) {
        struct sut_key_row *const r =
            add_row(l, sut_key_purpose_word(rows[i].purpose), rows[i].version,
                    state_word(rows[i].state), rows[i].created_at);
        add_kind(r, sut_key_kind_for(rows[i].purpose));
    }
    return SUT_OK;
}

static SUT_ERR list_master(struct sut_key_admin *a, struct sut_key_list *l)
{
    struct sut_keeper_about about;
    TRY(sut_keeper_about(a->o.boot->keeper, &about));
    struct sut_buf hex = { .p = l->master_id,
                           .cap = sizeof(l->master_id) - 1,
                           .max = sizeof(l->master_id) - 1 };
    sut_buf_hex(&hex, about.master_id, sizeof(about.master_id));
    TRY(sut_buf_check(&hex));
    l->master_id[hex.n] = '\0';
    add_kind(add_row(l, "master", 1, "current", about.master_made_at), SUT_KIND_MASTER);
    return SUT_OK;
}

/* A key's file is written when the key is made, or wrapped anew; 0: not known. */
static sut_ms file_made_at(const struct sut_key_admin *a)
{
    char path[4096];
    struct stat st;
    const int n = snprintf(path, sizeof(path), "%s/store.key", a->o.boot->config->server.data.p);
    if (n < 0 || (size_t) n >= sizeof(path) || stat(path, &st) != 0)
        return (sut_ms){ 0 };
    return (sut_ms){ (int64_t) st.st_mtim.tv_sec * 1000 };
}

SUT_ERR sut_key_admin_list(struct sut_key_admin *a, struct sut_key_list *ret)
{
    *ret = (struct sut_key_list){ .n = 0 };
    TRY(list_master(a, ret));
    TRY(list_keyring(a, ret));
    struct sut_key_row row = { .version = 0 };
    if (a->o.tls != NULL && a->o.tls(a->o.ctx, &row)) {
        add_kind(&row, SUT_KIND_TLS);
        ret->rows[ret->n++] = row;
    }
    /* A rotation may be replacing the key itself just now. */
    if (!sut_store_is_remote(a->o.boot->store))
        add_kind(add_row(ret, sut_key_purpose_word(SUT_KEY_FILE), a->o.boot->file.version,
                         "current", file_made_at(a)),
                 SUT_KIND_FILE);
    for (unsigned k = 0; k < SUT_KINDS; k++)
        TRY(sut_key_rotate_is_unfinished(a->o.boot, (enum sut_key_kind) k, &ret->unfinished[k]));
    return SUT_OK;
}
