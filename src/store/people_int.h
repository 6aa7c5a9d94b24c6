/* SPDX-License-Identifier: Apache-2.0
 *
 * people_int - what a store knows of the keys of persons, and what a write job
 * lacks of them; for files of this folder alone.
 *
 * struct sut_people is the context of the store's connections, for any thread.
 * struct sut_wanted belongs to one sut_store_write(): the job's connection has
 * it as its note, and between two runs the writing thread fills it.
 */
#ifndef SUT_STORE_PEOPLE_INT_H
#define SUT_STORE_PEOPLE_INT_H

#include <pthread.h>

#include "store/personal.h"
#include "store/store.h"

struct sut_people {
    struct sut_store *store;
    struct sut_keeper *keeper;
    struct sut_seal *seal;
    bool is_remote;
    pthread_mutex_t loading; /* one at a time: none puts older keys in the place of newer ones */
    pthread_mutex_t lock;
    struct sut_kek kek;    /* the current; version 0: none yet.  Under the lock */
    uint32_t index_newest; /* under the lock */
};

/* The keeper is borrowed.  NULL stays NULL without one. */
SUT_ERR sut_people_create(struct sut_store *store, const struct sut_store_options *opt,
                          struct sut_people **ret);
void sut_people_free(struct sut_people **p);
/* Once the schema is there: make or load what keys it needs.  *reterr_diag says why not. */
SUT_ERR sut_people_start(struct sut_people *p, struct sut_db_conn *c, struct sut_diag *reterr_diag);
/*
 * Read the keys of indexes and data keys from the keyring; `may_make`: make the
 * first ones, and the key of person 0, when there are none.
 */
SUT_ERR sut_people_load(struct sut_people *p, struct sut_db_conn *c, bool may_make);

/* New data keys for persons who have none, saved but not in any cache: another server may have
 * been faster, and then its are good. */
SUT_ERR sut_people_ensure_keys(struct sut_people *p, struct sut_db_conn *c, const int64_t *persons,
                               size_t n, sut_ms now);

enum { SUT_WANTED_MAX = SUT_DATA_KEYS_MAX };

/* Made when a job first lacks something: few do. */
struct sut_wanted_keys {
    struct sut_data_key_row open[SUT_WANTED_MAX]; /* to be opened */
    size_t n_open;
    struct sut_data_key_row lost[SUT_WANTED_MAX]; /* these did not open */
    size_t n_lost;
    int64_t make_for[SUT_WANTED_MAX]; /* persons without any key */
    size_t n_make;
    sut_ms now;                       /* when those are made */
    struct sut_data_key_row *persons; /* to be, with their keys open */
    size_t n_persons;
    size_t used; /* of them, in this run */
    bool needs_person;
    bool needs_reload;
};

struct sut_wanted {
    struct sut_wanted_keys *keys; /* NULL: nothing was ever lacking */
    /* A person's newest key as this run of the job has read it: most rows of a job are one
     * person's. version 0: none.  Who deletes keys in a job forgets it. */
    struct sut_data_key_row newest;
};

/* What the job on this connection wants, to be noted; NOMEM.  There is a job. */
SUT_ERR sut_wanted_of(struct sut_db_conn *c, struct sut_wanted_keys **ret);
/* Before each run of the job. */
void sut_wanted_begin(struct sut_wanted *w);
void sut_wanted_done(struct sut_wanted *w);
/* After a run that ended with STALE: bring what it noted.  Blocks. */
SUT_ERR sut_wanted_fill(struct sut_wanted *w, struct sut_people *p);

/* The connection's; UNAVAILABLE when the store has no keeper. */
SUT_ERR sut_people_of(struct sut_db_conn *c, struct sut_people **ret);

#endif
