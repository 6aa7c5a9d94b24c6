/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/keyfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/scan.h"
#include "crypto/hmac.h"
#include "crypto/wrap.h"

enum {
    FILE_MAX = 512,
    STORE_KEY_SIZE = 32,
    SUFFIX_BYTES = 8,
    OTHERS = S_IRWXG | S_IRWXO,
};

#define MASTER_FILE   "master.key"
#define STORE_FILE    "store.key"
#define STORE_PURPOSE "store-file"

/* The bytes of a file of keys, wiped when they leave scope. */
struct content {
    char p[FILE_MAX];
    size_t n;
};

static void content_done(struct content *c)
{
    sut_wipe(c->p, sizeof(c->p));
}

static void fd_close(int *fd)
{
    if (*fd >= 0)
        (void) close(*fd);
}

/* The user's own and closed to all others. */
static SUT_ERR check_private(const struct stat *st, const char *path, const char *mode,
                             struct sut_diag *diag)
{
    if (st->st_uid != geteuid()) {
        sut_diag_set(diag, "%s belongs to another user (uid %u), so it is not trusted", path,
                     (unsigned) st->st_uid);
        sut_diag_hint(diag, "chown it to the user who runs sutler");
        FAIL(INVALID);
    }
    if ((st->st_mode & OTHERS) != 0) {
        sut_diag_set(diag, "%s is open to other users (mode %04o)", path,
                     (unsigned) (st->st_mode & 07777));
        sut_diag_hint(diag, "chmod %s %s", mode, path);
        FAIL(INVALID);
    }
    return SUT_OK;
}

static SUT_ERR read_all(int fd, struct content *ret)
{
    ret->n = 0;
    while (ret->n < sizeof(ret->p)) {
        const ssize_t got = read(fd, ret->p + ret->n, sizeof(ret->p) - ret->n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            FAIL_SYS(SYSTEM);
        if (got == 0)
            break;
        ret->n += (size_t) got;
    }
    return SUT_OK;
}

/* NOT_FOUND (without a word in diag) when there is no such file. */
static SUT_ERR load(int dir, const char *name, const char *path, struct content *ret,
                    struct sut_diag *diag)
{
    struct stat st;
    DEFER(fd_close) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        FAIL(NOT_FOUND);
    if (fd < 0 || fstat(fd, &st) != 0) {
        const int sys = errno;
        sut_diag_set(diag, "can't open %s%s", path, sys == ELOOP ? ": it is a symbolic link" : "");
        errno = sys;
        FAIL_SYS(SYSTEM);
    }
    if (!S_ISREG(st.st_mode)) {
        sut_diag_set(diag, "%s is not a plain file", path);
        FAIL(INVALID);
    }
    TRY(check_private(&st, path, "600", diag));
    const sut_err e = read_all(fd, ret);
    if (sut_failed(e))
        sut_diag_set(diag, "can't read %s", path);
    return e;
}

static SUT_ERR write_all(int fd, sut_str text)
{
    size_t at = 0;
    while (at < text.n) {
        const ssize_t put = write(fd, text.p + at, text.n - at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            FAIL_SYS(SYSTEM);
        at += (size_t) put;
    }
    if (fsync(fd) != 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

/* Fill a file of another name, then give it its own, which fails when somebody was faster. */
static SUT_ERR make_at(int dir, const char *name, const char *temporary, sut_str text)
{
    DEFER(fd_close) int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        FAIL_SYS(SYSTEM);
    const sut_err e = write_all(fd, text);
    if (sut_failed(e)) {
        (void) unlinkat(dir, temporary, 0);
        return e;
    }
    const bool is_linked = linkat(dir, temporary, dir, name, 0) == 0;
    const int sys = errno;
    (void) unlinkat(dir, temporary, 0);
    errno = sys;
    if (!is_linked && sys != EEXIST)
        FAIL_SYS(SYSTEM);
    if (fsync(dir) != 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

/* Make the file unless it is there, and read what is there then. */
static SUT_ERR make(int dir, const char *name, const char *path, sut_str text,
                    const struct sut_random *rnd, struct content *ret, struct sut_diag *diag)
{
    char suffix[2 * SUFFIX_BYTES + 1] = { 0 };
    char temporary[64];
    TRY(sut_random_hex(rnd, SUFFIX_BYTES, suffix));
    (void) snprintf(temporary, sizeof(temporary), ".%s.%s", name, suffix);
    const sut_err e = make_at(dir, name, temporary, text);
    if (sut_failed(e)) {
        sut_diag_set(diag, "can't write %s", path);
        sut_diag_hint(diag, "is the disk full, or the folder not writable?");
        return e;
    }
    return load(dir, name, path, ret, diag);
}

static SUT_ERR open_folder(const char *path, int *ret, struct sut_diag *diag)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        const int sys = errno;
        sut_diag_set(diag, "can't open the folder %s", path);
        errno = sys;
        FAIL_SYS(SYSTEM);
    }
    *ret = fd;
    return SUT_OK;
}

static SUT_ERR missing(const char *path, struct sut_diag *diag)
{
    sut_diag_set(diag, "%s is missing, and there is data that was sealed under it", path);
    sut_diag_hint(diag, "bring the file back from where it is kept; without it the data can't be "
                        "read");
    FAIL(NOT_FOUND);
}

static SUT_ERR parse_master(sut_str text, const char *whose, struct sut_secret **ret,
                            struct sut_diag *diag)
{
    unsigned char raw[SUT_MASTER_SIZE];
    sut_err e = SUT_OK;
    if (text.n == SUT_MASTER_SIZE)
        memcpy(raw, text.p, sizeof(raw));
    else
        e = sut_parse_hex(sut_str_trim(text), raw, sizeof(raw));
    if (sut_failed(e)) {
        sut_diag_set(diag, "%s is not a master key: it must be 64 hexadecimal characters", whose);
        FAIL(INVALID);
    }
    e = sut_secret_dup(sut_str_of((const char *) raw, sizeof(raw)), ret);
    sut_wipe(raw, sizeof(raw));
    if (sut_failed(e)) {
        sut_diag_set(diag, "can't lock memory for the master key");
        sut_diag_hint(diag, "raise the limit of locked memory (ulimit -l)");
    }
    return e;
}

static SUT_ERR new_master(const struct sut_random *rnd, struct content *ret)
{
    TRY(sut_random_hex(rnd, SUT_MASTER_SIZE, ret->p));
    ret->p[2 * SUT_MASTER_SIZE] = '\n';
    ret->n = 2 * SUT_MASTER_SIZE + 1;
    return SUT_OK;
}

static SUT_ERR keys_folder(const char *path, const char *file, bool may_create, int *ret,
                           struct sut_diag *diag)
{
    struct stat st;
    if (may_create && mkdir(path, 0700) != 0 && errno != EEXIST) {
        const int sys = errno;
        sut_diag_set(diag, "can't make the folder %s for the keys", path);
        errno = sys;
        FAIL_SYS(SYSTEM);
    }
    int fd = -1;
    if (!may_create && stat(path, &st) != 0 && errno == ENOENT)
        return missing(file, diag);
    TRY(open_folder(path, &fd, diag));
    sut_err e = SUT_OK;
    if (fstat(fd, &st) == 0)
        e = check_private(&st, path, "700", diag);
    if (sut_failed(e))
        (void) close(fd);
    else
        *ret = fd;
    return e;
}

SUT_ERR sut_master_load_or_create(const char *keys_dir, const char *hex, bool may_create,
                                  const struct sut_random *rnd, struct sut_secret **ret,
                                  struct sut_diag *reterr_diag)
{
    if (hex != NULL && hex[0] != '\0') {
        const sut_str text = sut_str_trim(sut_str_from(hex));
        /* 32 characters would pass for raw bytes, and be a password. */
        return parse_master(text.n == SUT_MASTER_SIZE ? sut_str_of(NULL, 0) : text,
                            "SUTLER_MASTER_KEY", ret, reterr_diag);
    }

    char path[4096];
    DEFER(content_done) struct content made = { .n = 0 };
    DEFER(content_done) struct content found = { .n = 0 };
    DEFER(fd_close) int dir = -1;
    const int n = snprintf(path, sizeof(path), "%s/" MASTER_FILE, keys_dir);
    if (n < 0 || (size_t) n >= sizeof(path)) {
        sut_diag_set(reterr_diag, "the path of the keys folder is too long");
        FAIL(INVALID);
    }
    TRY(keys_folder(keys_dir, path, may_create, &dir, reterr_diag));
    sut_err e = load(dir, MASTER_FILE, path, &found, reterr_diag);
    if (e.code == SUT_E_NOT_FOUND && !may_create)
        return missing(path, reterr_diag);
    if (e.code == SUT_E_NOT_FOUND) {
        TRY(new_master(rnd, &made));
        e = make(dir, MASTER_FILE, path, sut_str_of(made.p, made.n), rnd, &found, reterr_diag);
    }
    TRY(e);
    return parse_master(sut_str_of(found.p, found.n), path, ret, reterr_diag);
}

static SUT_ERR new_store_key(sut_str master, const struct sut_random *rnd, struct content *ret)
{
    unsigned char key[STORE_KEY_SIZE];
    struct sut_buf out = { .p = ret->p, .cap = sizeof(ret->p), .max = sizeof(ret->p) };
    TRY(sut_random_fill(rnd, key, sizeof(key)));
    const sut_err e = sut_wrap(rnd, master, SUT_STR(STORE_PURPOSE),
                               sut_str_of((const char *) key, sizeof(key)), &out);
    sut_wipe(key, sizeof(key));
    ret->n = out.n;
    return e;
}

SUT_ERR sut_store_key_load_or_create(const char *data_dir, const struct sut_secret *master,
                                     bool may_create, const struct sut_random *rnd,
                                     struct sut_secret **ret, struct sut_diag *reterr_diag)
{
    char path[4096];
    DEFER(content_done) struct content made = { .n = 0 };
    DEFER(content_done) struct content found = { .n = 0 };
    DEFER(fd_close) int dir = -1;
    const int n = snprintf(path, sizeof(path), "%s/" STORE_FILE, data_dir);
    if (n < 0 || (size_t) n >= sizeof(path)) {
        sut_diag_set(reterr_diag, "the path of the data folder is too long");
        FAIL(INVALID);
    }
    TRY(open_folder(data_dir, &dir, reterr_diag));
    sut_err e = load(dir, STORE_FILE, path, &found, reterr_diag);
    if (e.code == SUT_E_NOT_FOUND && !may_create)
        return missing(path, reterr_diag);
    if (e.code == SUT_E_NOT_FOUND) {
        TRY(new_store_key(sut_secret_str(master), rnd, &made));
        e = make(dir, STORE_FILE, path, sut_str_of(made.p, made.n), rnd, &found, reterr_diag);
    }
    TRY(e);

    e = sut_unwrap(sut_secret_str(master), SUT_STR(STORE_PURPOSE), sut_str_of(found.p, found.n),
                   ret);
    if (e.code == SUT_E_CORRUPT) {
        sut_diag_set(reterr_diag,
                     "%s does not open with this master key: this data folder belongs "
                     "to other keys, or the file is damaged",
                     path);
        sut_diag_hint(reterr_diag, "name the keys folder that was made with it (--keys)");
    }
    return e;
}

void sut_master_derive(const struct sut_secret *master, sut_str purpose, unsigned char ret[32])
{
    struct sut_hmac_key k;
    const sut_str parts[] = { SUT_STR("sutler.derive\x01"), purpose };
    sut_hmac_key_init(&k, sut_secret_str(master));
    sut_hmac_parts(&k, parts, 2, ret);
    sut_wipe(&k, sizeof(k));
}
