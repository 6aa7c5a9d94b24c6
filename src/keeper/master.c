/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/master.h"

#include <stdio.h>
#include <string.h>

#include "base/scan.h"
#include "crypto/wrap.h"
#include "keeper/sealed.h"
#include "os/dir.h"
#include "os/private.h"

enum { FILE_MAX = 512 };

#define MASTER_FILE "master.key"
#define NEXT_FILE   "master.key.next"
#define WAS_FILE    "master.key.was-"

/* The bytes of a file of keys, wiped when they leave scope. */
struct content {
    char p[FILE_MAX];
    struct sut_buf buf;
};

static void content_init(struct content *c)
{
    c->buf = (struct sut_buf){ .p = c->p, .cap = sizeof(c->p), .max = sizeof(c->p) };
}

static void content_done(struct content *c)
{
    sut_wipe(c->p, sizeof(c->p));
}

static SUT_ERR missing(const char *path, struct sut_diag *diag)
{
    sut_diag_set(diag, "%s is missing, and there is data that was sealed under it", path);
    sut_diag_hint(diag, "bring the file back from where it is kept; without it the data can't be "
                        "read");
    FAIL(NOT_FOUND);
}

static SUT_ERR no_key(const char *path, struct sut_diag *diag)
{
    sut_diag_set(diag, "%s is not a master key: it must be 64 hexadecimal characters", path);
    FAIL(INVALID);
}

static SUT_ERR told_no_memory(sut_err e, struct sut_diag *diag)
{
    if (sut_failed(e)) {
        sut_diag_set(diag, "can't lock memory for the master key");
        sut_diag_hint(diag, "raise the limit of locked memory (ulimit -l)");
    }
    return e;
}

static SUT_ERR copy_key(sut_str raw, struct sut_secret **ret, struct sut_diag *diag)
{
    return told_no_memory(sut_secret_dup(raw, ret), diag);
}

static SUT_ERR parse_plain(sut_str text, const char *path, struct sut_secret **ret,
                           struct sut_diag *diag)
{
    unsigned char raw[SUT_MASTER_SIZE];
    sut_err e = SUT_OK;
    if (text.n == SUT_MASTER_SIZE)
        memcpy(raw, text.p, sizeof(raw));
    else
        e = sut_parse_hex(sut_str_trim(text), raw, sizeof(raw));
    if (sut_failed(e))
        return no_key(path, diag);
    e = copy_key(sut_str_of((const char *) raw, sizeof(raw)), ret, diag);
    sut_wipe(raw, sizeof(raw));
    return e;
}

static SUT_ERR open_sealed(const struct sut_master_options *o, sut_str text, const char *path,
                           struct sut_secret **ret, struct sut_diag *diag)
{
    if (o->passphrase == NULL) {
        sut_diag_set(diag, "%s is sealed by a passphrase, and none is given", path);
        sut_diag_hint(diag, "set SUTLER_SECURITY_PASSPHRASE or SUTLER_SECURITY_PASSPHRASE_FILE");
        FAIL(INVALID);
    }
    const sut_err e = sut_sealed_read(sut_secret_str(o->passphrase), text, ret);
    if (e.code == SUT_E_CORRUPT) {
        sut_diag_set(diag,
                     "the passphrase does not open %s: it is another one, or the file is "
                     "damaged",
                     path);
        sut_diag_hint(diag, "security.passphrase must be the one with which the file was made");
        FAIL(INVALID);
    }
    if (e.code == SUT_E_PARSE || e.code == SUT_E_INVALID)
        return no_key(path, diag);
    if (e.code == SUT_E_NOMEM) {
        sut_diag_set(diag, "there is not enough memory to open %s with its passphrase", path);
        return e;
    }
    return told_no_memory(e, diag);
}

static SUT_ERR parse(const struct sut_master_options *o, sut_str text, const char *path,
                     struct sut_master *m, struct sut_secret **ret, struct sut_diag *diag)
{
    if (sut_sealed_is(text)) {
        TRY(open_sealed(o, text, path, ret, diag));
        m->is_passphrase = true;
        return SUT_OK;
    }
    TRY(parse_plain(text, path, ret, diag));
    m->should_seal = o->passphrase != NULL;
    return SUT_OK;
}

static SUT_ERR new_content(const struct sut_master_options *o, struct content *ret,
                           struct sut_diag *diag)
{
    unsigned char raw[SUT_MASTER_SIZE];
    const sut_str key = sut_str_of((const char *) raw, sizeof(raw));
    sut_err e = sut_random_fill(o->random, raw, sizeof(raw));
    content_init(ret);
    if (!sut_failed(e) && o->passphrase != NULL) {
        e = sut_sealed_write(o->random, sut_secret_str(o->passphrase), key, &ret->buf);
    } else if (!sut_failed(e)) {
        sut_buf_hex(&ret->buf, raw, sizeof(raw));
        sut_buf_char(&ret->buf, '\n');
    }
    sut_wipe(raw, sizeof(raw));
    if (sut_failed(e))
        sut_diag_set(diag, "a new master key can't be made (%s)", sut_err_info(e.code)->name);
    return e;
}

/* Read the file, or make it first; NOT_FOUND without a word when it is missing and may not be made.
 */
static SUT_ERR load(const struct sut_master_options *o, const char *path, bool may_create,
                    struct sut_master *m, struct sut_secret **ret, sut_ms *ret_made,
                    struct sut_diag *diag)
{
    DEFER(content_done) struct content found;
    content_init(&found);
    sut_err e = sut_private_read(path, &found.buf, ret_made, diag);
    if (e.code == SUT_E_NOT_FOUND && may_create) {
        DEFER(content_done) struct content made;
        TRY(new_content(o, &made, diag));
        TRY(sut_private_make(path, sut_buf_str(&made.buf), diag));
        e = sut_private_read(path, &found.buf, ret_made, diag);
    }
    if (e.code == SUT_E_TOO_LARGE)
        return no_key(path, diag);
    TRY(e);
    return parse(o, sut_buf_str(&found.buf), path, m, ret, diag);
}

/*
 * The key that is about to be replaced stays in a file named by its id: who asked may not have
 * wrapped anew all that it wraps, or a backup needs it.
 */
static SUT_ERR keep_former(const struct sut_master_options *o, const char *path,
                           struct sut_diag *diag)
{
    DEFER(sut_secret_free) struct sut_secret *key = NULL;
    DEFER(content_done) struct content found;
    struct sut_master unused = { .key = NULL };
    struct sut_wrap_key named;
    sut_ms made = { 0 };
    char name[sizeof(WAS_FILE) + 2 * sizeof(named.id)];
    char former[SUT_PRIVATE_PATH_MAX];
    struct sut_buf b = { .p = name, .cap = sizeof(name), .max = sizeof(name) };
    const sut_err e = load(o, path, false, &unused, &key, &made, diag);
    if (e.code == SUT_E_NOT_FOUND)
        return SUT_OK;
    TRY(e);
    TRY(sut_wrap_key_init(&named, sut_secret_str(key)));
    sut_buf_lit(&b, WAS_FILE);
    sut_buf_hex(&b, named.id, sizeof(named.id));
    sut_buf_char(&b, '\0');
    sut_wrap_key_done(&named);
    TRY(sut_buf_check(&b));
    TRY(sut_private_path(o->keys_dir, name, "keys", former, diag));
    content_init(&found);
    TRY(sut_private_read(path, &found.buf, NULL, diag));
    return sut_private_make(former, sut_buf_str(&found.buf), diag);
}

/* A next key that is there takes the first one's place, if it opens: afterwards no other is there.
 */
static SUT_ERR adopt(const struct sut_master_options *o, const char *path, const char *next,
                     struct sut_diag *diag)
{
    DEFER(sut_secret_free) struct sut_secret *key = NULL;
    struct sut_master unused = { .key = NULL };
    sut_ms made = { 0 };
    sut_err e = load(o, next, false, &unused, &key, &made, diag);
    if (e.code == SUT_E_NOT_FOUND)
        return SUT_OK;
    TRY(e);
    TRY(keep_former(o, path, diag));
    e = rename(next, path) == 0 ? sut_dir_sync(o->keys_dir)
                                : (sut_err){ .sys = errno, .code = SUT_E_SYSTEM };
    if (sut_failed(e))
        sut_diag_set(diag, "%s can't take the place of %s", next, path);
    return e;
}

static SUT_ERR open_files(const struct sut_master_options *o, struct sut_master *m,
                          struct sut_diag *diag)
{
    char path[SUT_PRIVATE_PATH_MAX];
    char next[SUT_PRIVATE_PATH_MAX];
    struct sut_master of_next = { .may_rotate = true };
    sut_ms next_made = { 0 };
    TRY(sut_private_path(o->keys_dir, MASTER_FILE, "keys", path, diag));
    TRY(sut_private_path(o->keys_dir, NEXT_FILE, "keys", next, diag));
    sut_err e = sut_private_folder(o->keys_dir, o->may_create, diag);
    if (e.code == SUT_E_NOT_FOUND)
        return missing(path, diag);
    TRY(e);
    if (o->step == SUT_MASTER_ADOPT)
        TRY(adopt(o, path, next, diag));
    e = load(o, path, o->may_create, m, &m->key, &m->made_at, diag);
    if (e.code == SUT_E_NOT_FOUND)
        return missing(path, diag);
    TRY(e);
    m->may_rotate = true;
    e = load(o, next, o->step == SUT_MASTER_MAKE_NEXT, &of_next, &m->next, &next_made, diag);
    return e.code == SUT_E_NOT_FOUND ? SUT_OK : e;
}

static SUT_ERR open_given(const struct sut_master_options *o, struct sut_master *m,
                          struct sut_diag *diag)
{
    if (o->step != SUT_MASTER_AS_IS) {
        sut_diag_set(diag, "the master key is a setting: it is changed there");
        sut_diag_hint(diag, "give the new one as security.master_key and this one as "
                            "security.master_key_previous");
        FAIL(INVALID);
    }
    TRY(copy_key(sut_secret_str(o->key), &m->key, diag));
    if (o->previous == NULL || sut_secret_eq(sut_secret_str(o->key), sut_secret_str(o->previous)))
        return SUT_OK;
    return copy_key(sut_secret_str(o->previous), &m->previous, diag);
}

SUT_ERR sut_master_open(const struct sut_master_options *o, struct sut_master *ret,
                        struct sut_diag *reterr_diag)
{
    struct sut_master m = { .key = NULL };
    const sut_err e =
        o->key != NULL ? open_given(o, &m, reterr_diag) : open_files(o, &m, reterr_diag);
    if (sut_failed(e))
        sut_master_done(&m);
    else
        *ret = m;
    return e;
}

void sut_master_done(struct sut_master *m)
{
    sut_secret_free(&m->key);
    sut_secret_free(&m->next);
    sut_secret_free(&m->previous);
}
