/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/key_rotate.h"

#include <stdio.h>
#include <time.h>

#include "prog/file_key.h"
#include "prog/file_rotate.h"
#include "seal/seal.h"
#include "store/keys.h"
#include "store/reseal.h"

enum {
    PASSES = 200, /* over the rows: each meets what others wrote during the one before */
    VAIN_MAX = 3, /* passes that changed nothing and left something */
    WAIT_STEP_MS = 50,
    NS_PER_MS = 1000000,
    PASS_WAIT_MS = 200,
    KEPT_FOR_LOG = 8,
};

static SUT_ERR tell(struct sut_key_rotate *r, const char *phase, uint64_t done, uint64_t total)
{
    ENSURE(r->progress == NULL || r->progress(r->ctx, phase, done, total), STALE);
    return SUT_OK;
}

static SUT_ERR rest(struct sut_key_rotate *r, const char *phase, unsigned ms)
{
    for (unsigned done = 0; done < ms; done += WAIT_STEP_MS) {
        const struct timespec t = { .tv_nsec = (long) WAIT_STEP_MS * NS_PER_MS };
        TRY(tell(r, phase, 0, 0));
        (void) nanosleep(&t, NULL);
    }
    return SUT_OK;
}

/* The keyring has changed: this server takes it at once, the others within announce_ms. */
static SUT_ERR make_known(struct sut_key_rotate *r)
{
    TRY(sut_store_reload_keys(r->boot->store));
    if (r->reload != NULL)
        TRY(r->reload(r->ctx));
    return rest(r, "waiting for the other servers", r->announce_ms);
}

/* The rows of a purpose, and whether some are on their way in or out. */
struct versions {
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    size_t n;
    bool has_next;
    bool has_previous;
};

static SUT_ERR load(const struct sut_boot *b, enum sut_key_purpose purpose, struct versions *ret)
{
    *ret = (struct versions){ .n = 0 };
    TRY(sut_keys_load(b->store, purpose, ret->rows, SUT_KEYRING_VERSIONS_MAX, &ret->n));
    for (size_t i = 0; i < ret->n; i++) {
        ret->has_next = ret->has_next || ret->rows[i].state == SUT_KEYRING_NEXT;
        ret->has_previous = ret->has_previous || ret->rows[i].state == SUT_KEYRING_PREVIOUS;
    }
    return SUT_OK;
}

/* A new key in use: known to all servers before the first of them uses it. */
static SUT_ERR bring_in(struct sut_key_rotate *r, enum sut_key_purpose purpose,
                        uint32_t *ret_version, struct sut_diag *reterr_diag)
{
    const sut_err e = sut_keys_add_next(r->boot->store, r->boot->keeper, purpose,
                                        sut_clock_now(r->clock), ret_version);
    if (e.code == SUT_E_BUSY) {
        sut_diag_set(reterr_diag, "%d older keys of this kind are still needed",
                     SUT_KEYRING_PREVIOUS_MAX);
        sut_diag_hint(reterr_diag, "wait until what the oldest of them signed has expired");
    }
    TRY(e);
    TRY(make_known(r));
    TRY(sut_keys_activate(r->boot->store, purpose, *ret_version, sut_clock_now(r->clock)));
    return make_known(r);
}

/* Of what stands for persons in the log the last years are enough: their lines are gone too. */
static SUT_ERR forget_oldest(struct sut_key_rotate *r, enum sut_key_purpose purpose)
{
    struct versions v;
    TRY(load(r->boot, purpose, &v));
    if (v.n <= KEPT_FOR_LOG)
        return SUT_OK;
    return sut_keys_forget(r->boot->store, purpose, v.rows[v.n - 1].version);
}

static SUT_ERR rotate_simple(struct sut_key_rotate *r, enum sut_key_kind kind,
                             char ret_text[SUT_KEY_TEXT], struct sut_diag *reterr_diag)
{
    uint32_t version = 0;
    if (kind == SUT_KIND_LOG)
        TRY(forget_oldest(r, SUT_KEY_PSEUDONYM));
    TRY(bring_in(r, sut_key_kinds[kind].purpose, &version, reterr_diag));
    const char *what = "the older ones are kept for what was made with them";
    if (kind == SUT_KIND_TOKEN || kind == SUT_KIND_LINK)
        what = "the older ones are accepted until all that they signed has expired";
    (void) snprintf(ret_text, SUT_KEY_TEXT, "version %u of %s is in use; %s", (unsigned) version,
                    sut_key_kinds[kind].word, what);
    return SUT_OK;
}

static SUT_ERR rotate_token(struct sut_key_rotate *r, char ret_text[SUT_KEY_TEXT],
                            struct sut_diag *reterr_diag)
{
    if (r->boot->config->security.secret_key != NULL) {
        sut_diag_set(reterr_diag, "tokens are signed by security.secret_key of the settings");
        sut_diag_hint(reterr_diag, "put a new one there, the one of now into"
                                   " security.secret_key_previous, and restart");
        FAIL(INVALID);
    }
    return rotate_simple(r, SUT_KIND_TOKEN, ret_text, reterr_diag);
}

/* --- every row anew --- */

/* A phase of the re-sealing, as its progress is told. */
struct phase {
    struct sut_key_rotate *r;
    const char *name;
};

static bool phase_progress(void *arg, uint64_t done, uint64_t total)
{
    const struct phase *const p = arg;
    return p->r->progress == NULL || p->r->progress(p->r->ctx, p->name, done, total);
}

static struct sut_reseal reseal_of(struct phase *p)
{
    return (struct sut_reseal){
        .store = p->r->boot->store,
        .keeper = p->r->boot->keeper,
        .clock = p->r->clock,
        .progress = phase_progress,
        .arg = p,
    };
}

/* What the passes did. */
struct tally {
    uint64_t rows;
    uint64_t lost;
    bool is_clean; /* nothing stands under an old key */
};

/* Forget what is previous; *ret_clean is false while something needs one of them. */
static SUT_ERR forget_all(struct sut_reseal *w, enum sut_key_purpose purpose,
                          const struct sut_boot *b, bool *ret_clean)
{
    struct versions v;
    *ret_clean = true;
    TRY(load(b, purpose, &v));
    for (size_t i = 0; i < v.n; i++) {
        if (v.rows[i].state != SUT_KEYRING_PREVIOUS)
            continue;
        const sut_err e = purpose == SUT_KEY_DATA ? sut_reseal_forget_kek(w, v.rows[i].version)
                                                  : sut_reseal_forget_index(w, v.rows[i].version);
        /* Written by somebody again and again: the next pass. */
        if (e.code == SUT_E_BUSY || e.code == SUT_E_CONFLICT)
            *ret_clean = false;
        else
            TRY(e);
    }
    return SUT_OK;
}

static SUT_ERR pass_data(struct sut_key_rotate *r, struct tally *t, uint64_t *ret_changed)
{
    struct phase p = { .r = r, .name = "new keys of persons" };
    struct sut_reseal w = reseal_of(&p);
    uint64_t made = 0;
    uint64_t done = 0;
    uint64_t left = 0;
    TRY(sut_reseal_make_keys(&w, &made));
    p.name = "rows sealed anew";
    TRY(sut_reseal_rows(&w, &done));
    p.name = "old keys of persons";
    TRY(sut_reseal_drop_keys(&w, &left));
    t->rows += done;
    t->lost = w.lost;
    *ret_changed = made + done;
    if (left == 0)
        TRY(forget_all(&w, SUT_KEY_DATA, r->boot, &t->is_clean));
    return SUT_OK;
}

static SUT_ERR pass_index(struct sut_key_rotate *r, struct tally *t, uint64_t *ret_changed)
{
    struct phase p = { .r = r, .name = "persons indexed anew" };
    struct sut_reseal w = reseal_of(&p);
    TRY(sut_reseal_index(&w, ret_changed));
    t->rows += *ret_changed;
    t->lost = w.lost;
    return forget_all(&w, SUT_KEY_INDEX, r->boot, &t->is_clean);
}

static SUT_ERR run_passes(struct sut_key_rotate *r, enum sut_key_kind kind, struct tally *ret)
{
    unsigned vain = 0;
    *ret = (struct tally){ .rows = 0 };
    for (unsigned i = 0; i < PASSES && vain < VAIN_MAX; i++) {
        uint64_t changed = 0;
        if (i > 0)
            TRY(rest(r, "waiting for what others are writing", PASS_WAIT_MS));
        TRY(kind == SUT_KIND_DATA ? pass_data(r, ret, &changed) : pass_index(r, ret, &changed));
        if (ret->is_clean)
            break;
        vain = changed == 0 && ret->lost > 0 ? vain + 1 : 0;
    }
    return make_known(r);
}

static SUT_ERR rotate_sealed(struct sut_key_rotate *r, enum sut_key_kind kind,
                             char ret_text[SUT_KEY_TEXT], struct sut_diag *reterr_diag)
{
    const enum sut_key_purpose purpose = sut_key_kinds[kind].purpose;
    struct versions v;
    struct tally t;
    TRY(load(r->boot, purpose, &v));
    uint32_t version = v.n > 0 ? v.rows[0].version : 0;
    const bool is_resumed = v.has_previous && !v.has_next;
    /* What was begun is ended first, with the key that it brought. */
    if (!is_resumed)
        TRY(bring_in(r, purpose, &version, reterr_diag));
    else
        TRY(make_known(r));
    TRY(run_passes(r, kind, &t));
    if (is_resumed && !t.is_clean && t.rows == 0 && v.n < SUT_KEKS_MAX) {
        /* Nothing was left of it but rows that never open: they hold up no new key. */
        TRY(bring_in(r, purpose, &version, reterr_diag));
        TRY(run_passes(r, kind, &t));
    }
    if (!t.is_clean && t.lost == 0) {
        sut_diag_set(reterr_diag, "others write without a pause: the old keys are needed still");
        sut_diag_hint(reterr_diag, "`sutler key rotate %s` goes on with it",
                      sut_key_kinds[kind].word);
        FAIL(CONFLICT);
    }
    if (!t.is_clean) {
        sut_diag_set(reterr_diag,
                     "%llu rows do not open: they stay as they are, and the old keys with them",
                     (unsigned long long) t.lost);
        sut_diag_hint(reterr_diag, "a backup has what they were; all other rows are done");
        FAIL(CORRUPT);
    }
    (void) snprintf(ret_text, SUT_KEY_TEXT, "version %u of %s is in use; %llu rows %s%s",
                    (unsigned) version, sut_key_kinds[kind].word, (unsigned long long) t.rows,
                    kind == SUT_KIND_DATA ? "sealed anew, the old keys are gone"
                                          : "indexed anew, the old key is gone",
                    is_resumed ? " (an earlier rotation was finished)" : "");
    return SUT_OK;
}

/* --- the file --- */

static bool file_progress(void *arg, uint64_t done, uint64_t total)
{
    struct sut_key_rotate *const r = arg;
    return r->progress == NULL || r->progress(r->ctx, "pages copied", done, total);
}

static SUT_ERR rotate_file(struct sut_key_rotate *r, char ret_text[SUT_KEY_TEXT],
                           struct sut_diag *reterr_diag)
{
    struct sut_file_key_outcome o = { 0 };
    if (r->boot->config->store.kind != SUT_STORE_EMBEDDED) {
        sut_diag_set(reterr_diag, "a store on PostgreSQL has no file of its own");
        FAIL(INVALID);
    }
    TRY(sut_file_key_rotate(r->boot, file_progress, r, &o, reterr_diag));
    (void) snprintf(ret_text, SUT_KEY_TEXT,
                    "the store's file has a new key; %llu pages, the store stood still for %llu ms",
                    (unsigned long long) o.pages, (unsigned long long) o.stopped_us / 1000);
    return SUT_OK;
}

/* --- the master key --- */

static SUT_ERR rewrap(struct sut_key_rotate *r, size_t *ret_n, struct sut_diag *reterr_diag)
{
    bool changed = false;
    TRY(tell(r, "keys wrapped anew", 0, 0));
    const sut_err e = sut_keys_rewrap_all(r->boot->store, r->boot->keeper, ret_n);
    if (e.code == SUT_E_INVALID) {
        sut_diag_set(reterr_diag, "the keyring has keys of a newer sutler, which this one can't "
                                  "wrap anew");
        sut_diag_hint(reterr_diag,
                      "run it with the newer program; both master keys open meanwhile");
    }
    TRY(e);
    if (r->boot->config->store.kind == SUT_STORE_EMBEDDED) {
        TRY(sut_file_keys_rewrap(r->boot->config->server.data.p, r->boot->keeper, &changed,
                                 reterr_diag));
        *ret_n += changed ? 1 : 0;
    }
    return *ret_n > 0 ? make_known(r) : SUT_OK;
}

/* Nothing is left that only the old master key opens. */
static SUT_ERR check_rewrapped(struct sut_key_rotate *r, struct sut_diag *reterr_diag)
{
    size_t n = 0;
    TRY(rewrap(r, &n, reterr_diag));
    if (n == 0)
        return SUT_OK;
    sut_diag_set(reterr_diag, "keys came under the old master key meanwhile");
    sut_diag_hint(reterr_diag, "run `sutler key rotate master` again: it goes on");
    FAIL(BUSY);
}

/* The settings bring the master key, and the one of before beside it. */
static SUT_ERR rotate_given_master(struct sut_key_rotate *r, const struct sut_keeper_about *about,
                                   char ret_text[SUT_KEY_TEXT], struct sut_diag *reterr_diag)
{
    size_t n = 0;
    if (!about->has_previous) {
        sut_diag_set(reterr_diag, "the master key comes from the settings");
        sut_diag_hint(reterr_diag, "put a new one there and the one of now into"
                                   " security.master_key_previous, restart, and run this again");
        FAIL(INVALID);
    }
    TRY(rewrap(r, &n, reterr_diag));
    (void) snprintf(ret_text, SUT_KEY_TEXT,
                    "%zu keys wrapped under the new master key; security.master_key_previous may"
                    " go from the settings",
                    n);
    return SUT_OK;
}

static SUT_ERR rotate_master(struct sut_key_rotate *r, char ret_text[SUT_KEY_TEXT],
                             struct sut_diag *reterr_diag)
{
    struct sut_keeper_about about;
    size_t n = 0;
    size_t more = 0;
    TRY(sut_keeper_about(r->boot->keeper, &about));
    if (!about.may_rotate)
        return rotate_given_master(r, &about, ret_text, reterr_diag);
    TRY(tell(r, "a next master key", 0, 0));
    if (!about.has_next)
        TRY(r->ask(r->ctx, SUT_WORD_ASK_MASTER_NEXT, reterr_diag));
    TRY(sut_keeper_about(r->boot->keeper, &about));
    ENSURE(about.has_next, CORRUPT);
    TRY(rewrap(r, &n, reterr_diag));
    for (unsigned i = 0; i < VAIN_MAX; i++)
        if (!sut_failed(rewrap(r, &more, reterr_diag)) && more == 0)
            break;
    TRY(check_rewrapped(r, reterr_diag));
    TRY(tell(r, "the next master key takes its place", 0, 0));
    TRY(r->ask(r->ctx, SUT_WORD_ASK_MASTER_ADOPT, reterr_diag));
    TRY(sut_keeper_about(r->boot->keeper, &about));
    ENSURE(!about.has_next, CORRUPT);
    (void) snprintf(
        ret_text, SUT_KEY_TEXT,
        "a new master key is in use; %zu keys wrapped anew; the former one stays beside "
        "it as master.key.was-…: keep it with the backups that it opens, or remove it",
        n);
    return SUT_OK;
}

static SUT_ERR rotate_tls(struct sut_key_rotate *r, char ret_text[SUT_KEY_TEXT],
                          struct sut_diag *reterr_diag)
{
    TRY(tell(r, "certificate and key", 0, 0));
    TRY(r->ask(r->ctx, SUT_WORD_ASK_TLS, reterr_diag));
    (void) snprintf(ret_text, SUT_KEY_TEXT, "certificate and key were read anew and are in use");
    return SUT_OK;
}

SUT_ERR sut_key_rotate(struct sut_key_rotate *r, enum sut_key_kind kind,
                       char ret_text[SUT_KEY_TEXT], struct sut_diag *reterr_diag)
{
    ret_text[0] = '\0';
    switch (kind) {
    case SUT_KIND_TOKEN:
        return rotate_token(r, ret_text, reterr_diag);
    case SUT_KIND_LINK:
    case SUT_KIND_MEDIA:
    case SUT_KIND_LOG:
    case SUT_KIND_AUDIT:
        return rotate_simple(r, kind, ret_text, reterr_diag);
    case SUT_KIND_INDEX:
    case SUT_KIND_DATA:
        return rotate_sealed(r, kind, ret_text, reterr_diag);
    case SUT_KIND_FILE:
        return rotate_file(r, ret_text, reterr_diag);
    case SUT_KIND_MASTER:
        return rotate_master(r, ret_text, reterr_diag);
    case SUT_KIND_TLS:
        return rotate_tls(r, ret_text, reterr_diag);
    case SUT_KINDS:
        break;
    }
    FAIL(INVALID);
}

SUT_ERR sut_key_rotate_is_unfinished(const struct sut_boot *boot, enum sut_key_kind kind, bool *ret)
{
    const enum sut_key_purpose purpose = sut_key_kinds[kind].purpose;
    *ret = false;
    if (kind == SUT_KIND_MASTER) {
        struct sut_keeper_about about;
        TRY(sut_keeper_about(boot->keeper, &about));
        *ret = about.has_next;
        return SUT_OK;
    }
    /* The file's is settled at each start: nothing of it is left over. */
    if (purpose == SUT_KEY_PURPOSES || kind == SUT_KIND_FILE)
        return SUT_OK;
    struct versions v;
    TRY(load(boot, purpose, &v));
    *ret = v.has_next || ((kind == SUT_KIND_DATA || kind == SUT_KIND_INDEX) && v.has_previous);
    return SUT_OK;
}
