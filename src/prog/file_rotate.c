/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/file_rotate.h"

#include "prog/file_key.h"

struct rotation {
    struct sut_boot *boot;
    sut_file_rotate_progress *progress;
    sut_file_rotate_point *point;
    void *arg; /* of both */
};

static const char *data_of(const struct sut_boot *b)
{
    return b->config->server.data.p;
}

static sut_err adopt(void *arg)
{
    const struct rotation *r = arg;
    return sut_file_keys_adopt(data_of(r->boot));
}

static bool tell(void *arg, uint64_t done, uint64_t total)
{
    const struct rotation *r = arg;
    return r->progress == NULL || r->progress(r->arg, done, total);
}

static void reach(void *arg, enum sut_file_key_point at)
{
    const struct rotation *r = arg;
    if (r->point != NULL)
        r->point(r->arg, at);
}

/* What an earlier change could not do at its end: until then store.key.next may not be replaced. */
static SUT_ERR finish_earlier(struct sut_boot *b, struct sut_diag *diag)
{
    if (!b->file.is_next_due)
        return SUT_OK;
    const sut_err e = sut_file_keys_adopt(data_of(b));
    if (sut_failed(e)) {
        sut_diag_set(diag, "store.key.next of an earlier change can't take store.key's place");
        sut_diag_place(diag, "%s", data_of(b));
        sut_diag_hint(diag, "is the data folder writable?");
        return e;
    }
    b->file.is_next_due = false;
    return SUT_OK;
}

static sut_err rotate(struct rotation *r, struct sut_file_key_outcome *ret, struct sut_diag *diag)
{
    struct sut_boot *b = r->boot;
    struct sut_file_keys *k = &b->file;
    TRY(finish_earlier(b, diag));
    TRY(sut_file_keys_make_next(data_of(b), b->keeper, k, diag));
    const struct sut_file_key_change change = {
        .key = k->next, .adopt = adopt, .progress = tell, .point = reach, .arg = r
    };
    const sut_err e = sut_store_change_file_key(b->store, &change, ret, diag);
    if (!ret->is_changed) {
        struct sut_diag unused = { .text = "" };
        sut_ignore(sut_file_keys_settle(data_of(b), k, false, &unused),
                   "the next start removes what stayed");
        return e;
    }
    sut_secret_free(&k->key);
    k->key = STEAL(k->next);
    k->version = k->next_version;
    k->is_next_due = sut_failed(e);
    return e;
}

SUT_ERR sut_file_key_rotate_watched(struct sut_boot *b, sut_file_rotate_progress *progress,
                                    sut_file_rotate_point *point, void *arg,
                                    struct sut_file_key_outcome *ret, struct sut_diag *reterr_diag)
{
    struct rotation r = { .boot = b, .progress = progress, .point = point, .arg = arg };
    *ret = (struct sut_file_key_outcome){ .is_changed = false };
    if (sut_store_is_remote(b->store)) {
        sut_diag_set(reterr_diag, "a store on PostgreSQL has no file with a key of its own");
        FAIL(INVALID);
    }
    /* Two at once would take each other's store.key.next. */
    if (atomic_exchange(&b->file.is_taken, true)) {
        sut_diag_set(reterr_diag, "a change of the file's key is under way");
        FAIL(BUSY);
    }
    const sut_err e = rotate(&r, ret, reterr_diag);
    atomic_store(&b->file.is_taken, false);
    return e;
}

SUT_ERR sut_file_key_rotate(struct sut_boot *b, sut_file_rotate_progress *progress, void *arg,
                            struct sut_file_key_outcome *ret, struct sut_diag *reterr_diag)
{
    return sut_file_key_rotate_watched(b, progress, NULL, arg, ret, reterr_diag);
}
