/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/file_key.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/scan.h"
#include "codec/b64url.h"
#include "os/dir.h"
#include "os/private.h"

#define WORD      "store-file "
#define KEY_FILE  "store.key"
#define NEXT_FILE "store.key.next"

enum {
    LINE_MAX = 512,
    OLD_FORMAT = 1, /* the first byte of a wrapped key without a version */
    PATH_BYTES = SUT_PRIVATE_PATH_MAX,
};

/* What one of the files holds. */
struct held {
    uint32_t version;
    size_t wrapped_n;
    char wrapped[SUT_WRAPPED_MAX];
};

static SUT_ERR parse_line(sut_str line, struct held *ret)
{
    struct sut_scan scan = sut_scan_of(line);
    uint64_t version = 0;
    ENSURE(sut_scan_lit(&scan, SUT_STR(WORD)), INVALID);
    TRY(sut_scan_u64(&scan, UINT32_MAX, &version));
    ENSURE(version > 0 && sut_scan_char(&scan, ' '), INVALID);
    ret->version = (uint32_t) version;
    const sut_str text = sut_str_trim(sut_scan_rest(&scan));
    return sut_b64url_decode(text, ret->wrapped, sizeof(ret->wrapped), &ret->wrapped_n);
}

static SUT_ERR parse(sut_str content, struct held *ret)
{
    ENSURE(content.n > 0, INVALID);
    if (content.p[0] != OLD_FORMAT) {
        const sut_err e = parse_line(content, ret);
        ENSURE(!sut_failed(e), INVALID);
        return SUT_OK;
    }
    ENSURE(content.n <= sizeof(ret->wrapped), INVALID);
    ret->version = 1;
    ret->wrapped_n = content.n;
    memcpy(ret->wrapped, content.p, content.n);
    return SUT_OK;
}

static SUT_ERR read_held(const char *path, struct held *ret, struct sut_diag *diag)
{
    struct sut_buf b DEFER(sut_buf_done);
    sut_buf_init(&b, LINE_MAX);
    TRY(sut_private_read(path, &b, NULL, diag));
    const sut_err e = parse(sut_buf_str(&b), ret);
    if (sut_failed(e)) {
        sut_diag_set(diag, "%s holds no wrapped key", path);
        sut_diag_hint(diag, "bring the file back from where the data folder is backed up");
    }
    return e;
}

static SUT_ERR render(const struct held *h, struct sut_buf *out)
{
    sut_buf_z(out, WORD);
    sut_buf_u64(out, h->version);
    sut_buf_char(out, ' ');
    sut_b64url_encode(out, sut_str_of(h->wrapped, h->wrapped_n));
    sut_buf_char(out, '\n');
    return sut_buf_check(out);
}

static SUT_ERR keep_wrapped(sut_str wrapped, struct held *ret)
{
    ENSURE(wrapped.n > 0 && wrapped.n <= sizeof(ret->wrapped), CORRUPT);
    ret->wrapped_n = wrapped.n;
    memcpy(ret->wrapped, wrapped.p, wrapped.n);
    return SUT_OK;
}

static sut_err say_not_written(sut_err e, const char *path, struct sut_diag *diag)
{
    if (sut_failed(e) && diag->text[0] == '\0') {
        sut_diag_set(diag, "can't write %s", path);
        sut_diag_hint(diag, "is the disk full, or the folder not writable?");
    }
    return e;
}

static SUT_ERR open_held(struct sut_keeper *keeper, const struct held *h, const char *path,
                         struct sut_secret **ret, struct sut_diag *diag)
{
    const sut_err e = sut_keeper_unwrap(keeper, SUT_KEY_FILE, h->version,
                                        sut_str_of(h->wrapped, h->wrapped_n), ret);
    if (e.code == SUT_E_CORRUPT) {
        sut_diag_set(diag,
                     "%s does not open with this master key: this data folder belongs "
                     "to other keys, or the file is damaged",
                     path);
        sut_diag_hint(diag, "name the keys folder that was made with it (--keys)");
    } else if (sut_failed(e)) {
        sut_diag_set(diag, "the keeper can't open %s (%s)", path, sut_err_info(e.code)->name);
    }
    return e;
}

/* A new key: made by the keeper, and here in a line ready to be written. */
static SUT_ERR make_held(struct sut_keeper *keeper, uint32_t version, struct sut_buf *line,
                         struct sut_secret **ret, struct sut_diag *diag)
{
    struct sut_buf wrapped DEFER(sut_buf_done);
    sut_buf_init(&wrapped, SUT_WRAPPED_MAX);
    const sut_err e = sut_keeper_make(keeper, SUT_KEY_FILE, version, &wrapped, ret);
    if (sut_failed(e)) {
        sut_diag_set(diag, "the keeper can't make a key (%s)", sut_err_info(e.code)->name);
        return e;
    }
    struct held h = { .version = version };
    TRY(keep_wrapped(sut_buf_str(&wrapped), &h));
    return render(&h, line);
}

static SUT_ERR make_first(const char *path, struct sut_keeper *keeper, struct sut_diag *diag)
{
    struct sut_buf line DEFER(sut_buf_done);
    struct sut_secret *unused DEFER(sut_secret_free) = NULL;
    sut_buf_init(&line, LINE_MAX);
    TRY(make_held(keeper, 1, &line, &unused, diag));
    const sut_err e = sut_dir_write_new(path, sut_buf_str(&line));
    /* Of two that start together both use the file of the first. */
    return e.code == SUT_E_EXISTS ? SUT_OK : say_not_written(e, path, diag);
}

static SUT_ERR open_first(const char *path, struct sut_keeper *keeper, bool may_make,
                          struct sut_file_keys *k, struct sut_diag *diag)
{
    struct held h = { .version = 0 };
    sut_err e = read_held(path, &h, diag);
    if (e.code == SUT_E_NOT_FOUND && may_make) {
        TRY(make_first(path, keeper, diag));
        e = read_held(path, &h, diag);
    }
    if (e.code == SUT_E_NOT_FOUND) {
        sut_diag_set(diag, "%s is missing, and there is data that was sealed under it", path);
        sut_diag_hint(diag, "bring the file back from where it is kept; without it the data can't "
                            "be read");
    }
    TRY(e);
    k->version = h.version;
    return open_held(keeper, &h, path, &k->key, diag);
}

static SUT_ERR open_next(const char *path, struct sut_keeper *keeper, struct sut_file_keys *k,
                         struct sut_diag *diag)
{
    struct held h = { .version = 0 };
    struct sut_diag why = { .text = "" };
    sut_err e = read_held(path, &h, &why);
    if (!sut_failed(e))
        e = open_held(keeper, &h, path, &k->next, &why);
    if (e.code == SUT_E_NOT_FOUND || e.code == SUT_E_INVALID || e.code == SUT_E_CORRUPT)
        return SUT_OK;
    if (sut_failed(e))
        *diag = why;
    k->next_version = h.version;
    return e;
}

SUT_ERR sut_file_keys_open(const char *data_dir, struct sut_keeper *keeper, bool may_make,
                           struct sut_file_keys *ret, struct sut_diag *reterr_diag)
{
    char path[PATH_BYTES];
    TRY(sut_private_path(data_dir, KEY_FILE, "data", path, reterr_diag));
    sut_err e = open_first(path, keeper, may_make, ret, reterr_diag);
    if (!sut_failed(e))
        e = sut_private_path(data_dir, NEXT_FILE, "data", path, reterr_diag);
    if (!sut_failed(e))
        e = open_next(path, keeper, ret, reterr_diag);
    if (sut_failed(e))
        sut_file_keys_done(ret);
    return e;
}

void sut_file_keys_done(struct sut_file_keys *k)
{
    sut_secret_free(&k->key);
    sut_secret_free(&k->next);
}

SUT_ERR sut_file_keys_adopt(const char *data_dir)
{
    char from[PATH_BYTES];
    char to[PATH_BYTES];
    TRY(sut_private_path(data_dir, NEXT_FILE, "data", from, NULL));
    TRY(sut_private_path(data_dir, KEY_FILE, "data", to, NULL));
    /* One that is gone has been put in place before. */
    if (rename(from, to) != 0 && errno != ENOENT)
        FAIL_SYS(SYSTEM);
    return sut_dir_sync(data_dir);
}

static SUT_ERR drop_next(const char *data_dir)
{
    char path[PATH_BYTES];
    TRY(sut_private_path(data_dir, NEXT_FILE, "data", path, NULL));
    if (unlink(path) != 0 && errno != ENOENT)
        FAIL_SYS(SYSTEM);
    return sut_dir_sync(data_dir);
}

SUT_ERR sut_file_keys_settle(const char *data_dir, struct sut_file_keys *k, bool is_next,
                             struct sut_diag *reterr_diag)
{
    if (k->next == NULL)
        return SUT_OK;
    const sut_err e = is_next ? sut_file_keys_adopt(data_dir) : drop_next(data_dir);
    if (sut_failed(e)) {
        sut_diag_set(reterr_diag, "an unfinished change of the file's key can't be %s",
                     is_next ? "finished" : "undone");
        sut_diag_place(reterr_diag, "%s/" NEXT_FILE, data_dir);
        sut_diag_hint(reterr_diag, "is the data folder writable?");
        return e;
    }
    if (is_next) {
        sut_secret_free(&k->key);
        k->key = STEAL(k->next);
        k->version = k->next_version;
    }
    sut_secret_free(&k->next);
    return SUT_OK;
}

SUT_ERR sut_file_keys_make_next(const char *data_dir, struct sut_keeper *keeper,
                                struct sut_file_keys *k, struct sut_diag *reterr_diag)
{
    char path[PATH_BYTES];
    struct sut_buf line DEFER(sut_buf_done);
    struct sut_secret *next DEFER(sut_secret_free) = NULL;
    sut_buf_init(&line, LINE_MAX);
    ENSURE(k->version < UINT32_MAX, INVALID);
    TRY(sut_private_path(data_dir, NEXT_FILE, "data", path, reterr_diag));
    TRY(make_held(keeper, k->version + 1, &line, &next, reterr_diag));
    TRY(say_not_written(sut_dir_replace(path, sut_buf_str(&line)), path, reterr_diag));
    sut_secret_free(&k->next);
    k->next = STEAL(next);
    k->next_version = k->version + 1;
    return SUT_OK;
}

static SUT_ERR rewrap_one(const char *path, struct sut_keeper *keeper, bool *ret_changed,
                          struct sut_diag *diag)
{
    struct held h = { .version = 0 };
    struct sut_buf wrapped DEFER(sut_buf_done);
    struct sut_buf line DEFER(sut_buf_done);
    sut_buf_init(&wrapped, SUT_WRAPPED_MAX);
    sut_buf_init(&line, LINE_MAX);
    TRY(read_held(path, &h, diag));
    bool is_new = false;
    const sut_err e = sut_keeper_rewrap(keeper, SUT_KEY_FILE, h.version,
                                        sut_str_of(h.wrapped, h.wrapped_n), &wrapped, &is_new);
    if (sut_failed(e)) {
        sut_diag_set(diag, "the keeper can't wrap %s anew (%s)", path, sut_err_info(e.code)->name);
        return e;
    }
    if (!is_new)
        return SUT_OK;
    TRY(keep_wrapped(sut_buf_str(&wrapped), &h));
    TRY(render(&h, &line));
    TRY(say_not_written(sut_dir_replace(path, sut_buf_str(&line)), path, diag));
    *ret_changed = true;
    return SUT_OK;
}

SUT_ERR sut_file_keys_rewrap(const char *data_dir, struct sut_keeper *keeper, bool *ret_changed,
                             struct sut_diag *reterr_diag)
{
    char path[PATH_BYTES];
    *ret_changed = false;
    TRY(sut_private_path(data_dir, KEY_FILE, "data", path, reterr_diag));
    TRY(rewrap_one(path, keeper, ret_changed, reterr_diag));
    TRY(sut_private_path(data_dir, NEXT_FILE, "data", path, reterr_diag));
    const sut_err e = rewrap_one(path, keeper, ret_changed, reterr_diag);
    return e.code == SUT_E_NOT_FOUND ? SUT_OK : e;
}
