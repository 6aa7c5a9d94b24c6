/* SPDX-License-Identifier: Apache-2.0
 *
 * store_int - what the files of this folder share about an open store.
 */
#ifndef SUT_STORE_STORE_INT_H
#define SUT_STORE_STORE_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "store/connpool.h"
#include "store/store.h"
#include "store/writer.h"

/* A pool of one, for one thread. */
struct sut_store_seat {
    struct sut_store *store;
    struct sut_connpool *pool;
    struct sut_store_seat *next;
};

struct sut_store {
    unsigned magic;
    struct sut_db *db;
    int lock_fd; /* -1: remote */
    char *path;  /* of the embedded store's file; NULL: remote */
    bool has_next_key;
    const struct sut_secret *file_key; /* in use */
    bool is_folder_due;      /* to be synced before the next write: the writer's thread alone */
    atomic_bool is_changing; /* the file's key */
    pthread_mutex_t seats_lock;
    struct sut_store_seat *seats; /* under seats_lock */
    int64_t version;
    struct sut_connpool *readers;
    struct sut_connpool *writers;   /* remote alone */
    pthread_rwlock_t turn;          /* likewise: one that tries again writes alone */
    struct sut_writer *writer;      /* embedded alone */
    struct sut_people *people;      /* NULL without a keeper */
    struct sut_reseal_plan *reseal; /* likewise */
    atomic_int_least64_t last_id;   /* embedded: the last number that a person got */
};

/*
 * Open the embedded file with the key, or, when it fits another, with the next
 * one: then *ret_has_next is true and what a power cut could undo is synced.  What an unfinished
 * change has left is removed.  The folder is locked.
 */
SUT_ERR sut_store__open_file(const struct sut_store_options *opt, struct sut_db **ret,
                             bool *ret_has_next, struct sut_diag *reterr_diag);

#endif
