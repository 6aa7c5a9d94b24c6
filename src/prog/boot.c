/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/boot.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "crypto/random.h"
#include "log/log.h"
#include "os/dir.h"
#include "prog/file_key.h"
#include "store/keys.h"

enum { PATH_MAX_BYTES = 4096 };

/* Whether `inner` is `outer` or lies below it, by their words. */
static bool is_inside(sut_str inner, sut_str outer)
{
    while (outer.n > 1 && outer.p[outer.n - 1] == '/')
        outer.n--;
    return sut_str_starts(inner, outer) && (inner.n == outer.n || inner.p[outer.n] == '/');
}

/* The same by what the paths lead to; a folder that is to be made lies where its parent does. */
static bool leads_inside(const char *inner, const char *outer)
{
    char within[PATH_MAX];
    char around[PATH_MAX];
    if (realpath(outer, around) == NULL)
        return false;
    if (realpath(inner, within) == NULL) {
        char parent[PATH_MAX];
        const int n = snprintf(parent, sizeof(parent), "%s", inner);
        if (n < 0 || (size_t) n >= sizeof(parent) || realpath(dirname(parent), within) == NULL)
            return false;
    }
    return is_inside(sut_str_from(within), sut_str_from(around));
}

static SUT_ERR refuse_keys_inside(const struct sut_config *c, struct sut_diag *reterr_diag)
{
    sut_diag_set(reterr_diag, "the keys folder %s lies inside the data folder %s", c->server.keys.p,
                 c->server.data.p);
    sut_diag_hint(reterr_diag, "a stolen data folder would open itself: give --keys elsewhere");
    FAIL(INVALID);
}

SUT_ERR sut_boot_folders(const struct sut_config *c, unsigned flags, struct sut_diag *reterr_diag)
{
    if (is_inside(c->server.keys, c->server.data))
        return refuse_keys_inside(c, reterr_diag);
    struct stat st;
    if ((flags & SUT_BOOT_CREATE) == 0 && stat(c->server.data.p, &st) != 0) {
        sut_diag_set(reterr_diag, "there is no data folder %s", c->server.data.p);
        sut_diag_hint(reterr_diag, "make it with `sutler init`");
        FAIL(NOT_FOUND);
    }
    TRY(sut_dir_make_private(c->server.data.p, NULL, reterr_diag));
    if (leads_inside(c->server.keys.p, c->server.data.p))
        return refuse_keys_inside(c, reterr_diag);
    return SUT_OK;
}

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_size > 0;
}

static SUT_ERR store_path(const struct sut_config *c, char to[PATH_MAX_BYTES])
{
    const int n = c->store.path.n > 0
                      ? snprintf(to, PATH_MAX_BYTES, "%s", c->store.path.p)
                      : snprintf(to, PATH_MAX_BYTES, "%s/sutler.db", c->server.data.p);
    ENSURE(n > 0 && n < PATH_MAX_BYTES, INVALID);
    return SUT_OK;
}

SUT_ERR sut_boot_may_make(const struct sut_config *c, bool *ret_master, bool *ret_file_key)
{
    char path[PATH_MAX_BYTES];
    if (c->store.kind != SUT_STORE_EMBEDDED)
        return SUT_OK;
    TRY(store_path(c, path));
    *ret_file_key = *ret_file_key && !is_there(path);
    const int n = snprintf(path, sizeof(path), "%s/store.key", c->server.data.p);
    ENSURE(n > 0 && n < PATH_MAX_BYTES, INVALID);
    *ret_master = *ret_master && *ret_file_key && !is_there(path);
    return SUT_OK;
}

/* The embedded store's file key, and one of a change that was not finished. */
static SUT_ERR open_file_key(struct sut_boot *b, unsigned flags, struct sut_diag *reterr_diag)
{
    const struct sut_config *c = b->config;
    bool may_make_file_key = (flags & SUT_BOOT_CREATE) != 0;
    bool unused = may_make_file_key;
    if (c->store.kind != SUT_STORE_EMBEDDED)
        return SUT_OK;
    TRY(sut_boot_may_make(c, &unused, &may_make_file_key));
    return sut_file_keys_open(c->server.data.p, b->keeper, may_make_file_key, &b->file,
                              reterr_diag);
}

static void log_progress(void *ctx, const char *what, int64_t done, int64_t all)
{
    (void) ctx;
    sut_log(SUT_LOG_INFO, "store_migration", LOG_NAME("what", what), LOG_INT("done", done),
            LOG_INT("of", all));
}

static void print_progress(void *ctx, const char *what, int64_t done, int64_t all)
{
    (void) ctx;
    (void) fprintf(stderr, "%s: %lld of %lld\n", what, (long long) done, (long long) all);
}

static SUT_ERR open_store(struct sut_boot *b, unsigned flags, struct sut_diag *reterr_diag)
{
    const struct sut_config *c = b->config;
    char path[PATH_MAX_BYTES];
    TRY(store_path(c, path));
    struct sut_buf dsn;
    sut_buf_init(&dsn, PATH_MAX_BYTES);
    struct sut_store_options o = {
        .readers = c->store.readers,
        .queue_max = c->store.queue,
        .migrate = (flags & SUT_BOOT_MIGRATE) != 0,
        .keeper = b->keeper,
        .random = &sut_random_system,
        .progress = (flags & SUT_BOOT_TELL) != 0 ? print_progress : log_progress,
    };
    if (c->store.kind == SUT_STORE_EMBEDDED) {
        o.db.kind = SUT_DB_SQLITE;
        o.db.path = path;
        o.db.cipher = c->store.cipher == SUT_CIPHER_SQLCIPHER ? SUT_DB_SQLCIPHER : SUT_DB_AEGIS256;
        o.db.key = b->file.key;
        o.next_key = b->file.next;
        o.db.vfs = sut_boot_vfs();
    } else {
        sut_buf_str_add(&dsn, sut_secret_str(c->store.url));
        sut_buf_char(&dsn, '\0');
        o.db.kind = SUT_DB_POSTGRES;
        o.db.dsn = dsn.p;
        o.db.connect_timeout_s = c->store.connect_timeout_s;
        o.db.statement_timeout_ms = c->store.statement_timeout_ms;
    }
    const sut_err e = sut_store_open(&o, &b->store, reterr_diag);
    if (dsn.p != NULL)
        sut_wipe(dsn.p, dsn.cap);
    sut_buf_done(&dsn);
    return e;
}

static SUT_ERR make_first_keys(struct sut_boot *b, struct sut_diag *reterr_diag)
{
    const sut_err e = sut_keys_first_all(b->store, b->keeper, sut_clock_now(&sut_clock_system));
    if (sut_failed(e))
        sut_diag_set(reterr_diag, "the keyring's keys can't be made (%s)",
                     sut_err_info(e.code)->name);
    return e;
}

static SUT_ERR open_keyring(struct sut_boot *b, struct sut_diag *reterr_diag)
{
    const struct sut_config *c = b->config;
    if (c->security.secret_key == NULL)
        return sut_keyring_open(b->store, b->keeper, SUT_KEY_TOKEN,
                                sut_clock_now(&sut_clock_system), &b->keyring, reterr_diag);
    const struct sut_key_text current = { .secret = sut_secret_str(c->security.secret_key) };
    struct sut_key_text previous = { 0 };
    if (c->security.secret_key_previous != NULL)
        previous.secret = sut_secret_str(c->security.secret_key_previous);
    const sut_err e = sut_keyring_create(&current, previous.secret.n > 0 ? &previous : NULL,
                                         c->insecure_dev, &b->keyring);
    if (sut_failed(e))
        sut_diag_set(reterr_diag, "security.secret_key can't sign tokens: %s",
                     "it must have 32 bytes or more and differ from the previous one");
    return e;
}

static SUT_ERR open_pseudonyms(struct sut_boot *b, struct sut_diag *reterr_diag)
{
    TRY(sut_pseudonyms_create(&b->pseudonyms));
    const sut_err e = sut_pseudonyms_load(b->pseudonyms, b->store, b->keeper);
    if (sut_failed(e))
        sut_diag_set(reterr_diag, "the keys of the log's pseudonyms can't be opened (%s)",
                     sut_err_info(e.code)->name);
    return e;
}

SUT_ERR sut_boot_open(const struct sut_config *config, unsigned flags, struct sut_keeper *keeper,
                      struct sut_boot *ret, struct sut_diag *reterr_diag)
{
    struct sut_boot b = { .config = config, .keeper = keeper };
    sut_err e = sut_boot_folders(config, flags, reterr_diag);
    if (!sut_failed(e))
        e = open_file_key(&b, flags, reterr_diag);
    if (!sut_failed(e))
        e = open_store(&b, flags, reterr_diag);
    if (!sut_failed(e))
        e = sut_file_keys_settle(config->server.data.p, &b.file, sut_store_has_next_key(b.store),
                                 reterr_diag);
    if (!sut_failed(e))
        e = make_first_keys(&b, reterr_diag);
    if (!sut_failed(e))
        e = open_keyring(&b, reterr_diag);
    if (!sut_failed(e))
        e = sut_keyring_open(b.store, b.keeper, SUT_KEY_LINK, sut_clock_now(&sut_clock_system),
                             &b.links, reterr_diag);
    if (!sut_failed(e))
        e = sut_keyring_open(b.store, b.keeper, SUT_KEY_MEDIA, sut_clock_now(&sut_clock_system),
                             &b.media, reterr_diag);
    if (!sut_failed(e))
        e = open_pseudonyms(&b, reterr_diag);
    if (sut_failed(e)) {
        sut_boot_done(&b);
        if (reterr_diag->text[0] == '\0')
            sut_diag_set(reterr_diag, "the store can't be opened (%s)", sut_err_info(e.code)->name);
        return e;
    }
    *ret = b;
    return SUT_OK;
}

void sut_boot_done(struct sut_boot *b)
{
    sut_pseudonyms_free(&b->pseudonyms);
    sut_keyring_free(&b->media);
    sut_keyring_free(&b->links);
    sut_keyring_free(&b->keyring);
    sut_store_close(&b->store);
    sut_file_keys_done(&b->file);
    *b = (struct sut_boot){ 0 };
}
