/* SPDX-License-Identifier: Apache-2.0
 *
 * file_key - another key for the embedded store's file, while the store is used.
 *
 * The file is copied to <file>.next under the new key, in small steps between
 * the writer's batches; what is written meanwhile goes into both.  Then, for a
 * moment, nobody has a connection: the last pages follow, the old file's log is
 * emptied, the copy takes the old one's name, the caller's hook does the same
 * with the file that holds the wrapped key, and work goes on.  Reads and writes
 * that come in that moment wait; none fails.
 *
 * The caller has made the new key durable beside the old one before, and
 * removes it again when nothing was changed.  Whenever the process or the power
 * ends, the file is whole and opens with one of the two: sut_store_open() takes
 * the second as sut_store_options.next_key and sut_store_has_next_key() tells
 * which it was.  (doc/design/0013-file-key.md has the table.)
 */
#ifndef SUT_STORE_FILE_KEY_H
#define SUT_STORE_FILE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/err.h"
#include "base/secret.h"
#include "store/store.h"

enum { SUT_FILE_KEY_BYTES = 32 };

/* Where a change has come to; each is a place to be killed at. */
enum sut_file_key_point {
    SUT_FILE_KEY_BEGUN,   /* the copy is there, with nothing in it */
    SUT_FILE_KEY_COPYING, /* after each step */
    SUT_FILE_KEY_READY,   /* but for the last pages */
    SUT_FILE_KEY_COPIED,  /* the copy is complete and on disk; the old file is in use */
    SUT_FILE_KEY_CLOSED,  /* nobody has the old file open, its log is gone */
    SUT_FILE_KEY_RENAMED, /* the copy has the old one's name; not yet on disk */
    SUT_FILE_KEY_SYNCED,  /* the name is on disk */
    SUT_FILE_KEY_ADOPTED, /* the hook has run */
};

struct sut_file_key_change {
    const struct sut_secret *key; /* 32 bytes; borrowed like the first from `is_changed` on */
    /*
     * Let the new key be the one that the next start takes (rename, sync the
     * folder).  On the writer's thread while the store stands still: it may not use the store.
     */
    SUT_ERR (*adopt)(void *arg);
    /* NULL, or told of after each step, on the caller's thread: false gives the change up. */
    bool (*progress)(void *arg, uint64_t pages_done, uint64_t pages_total);
    /* NULL; for tests: on the thread that came there. */
    void (*point)(void *arg, enum sut_file_key_point at);
    void *arg;
};

struct sut_file_key_outcome {
    bool is_changed;      /* the file has its new key, whatever error came after */
    uint64_t pages;       /* copied */
    uint64_t stopped_us;  /* how long the store stood still */
    unsigned stops_tried; /* times that those who read were asked for their connections */
};

/*
 * Change the key; blocks, often for seconds: never on a loop or pool thread.
 * *ret is filled in any case.  *reterr_diag is a sentence.  Errors without a
 * change: INVALID (a store on PostgreSQL has no file; a wrong key), BUSY (a
 * change is under way; or somebody would not give a connection back), UNAVAILABLE
 * (given up by `progress`), FULL, SYSTEM, CORRUPT.  With one: adopt's error, or
 * SYSTEM when the folder could not be synced: then no write is taken until it could.
 */
SUT_ERR sut_store_change_file_key(struct sut_store *s, const struct sut_file_key_change *change,
                                  struct sut_file_key_outcome *ret, struct sut_diag *reterr_diag);

#endif
