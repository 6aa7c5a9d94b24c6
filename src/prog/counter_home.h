/* SPDX-License-Identifier: Apache-2.0
 *
 * counter_home - keeps the counters' rows in the store.
 *
 * Joins two layers that don't know each other: hand &sut_counter_rows_ops and
 * a struct sut_counter_rows to sut_counters_create().  The store is borrowed
 * and must outlive the counters.
 */
#ifndef SUT_PROG_COUNTER_HOME_H
#define SUT_PROG_COUNTER_HOME_H

#include "counters/counters.h"

struct sut_boot;
struct sut_config;
struct sut_store;

struct sut_counter_rows {
    struct sut_store *store;
    int64_t max;
};

/* No more than `max` rows are read back. */
void sut_counter_rows_init(struct sut_counter_rows *r, struct sut_store *store, int64_t max);

/*
 * Counters by the settings over an open store, `rows` theirs to keep; not started.  What
 * sut_keys_current() and sut_counters_create() fail with.
 */
SUT_ERR sut_counter_rows_open(const struct sut_config *config, const struct sut_boot *boot,
                              struct sut_counter_rows *rows, struct sut_counters **ret);

/* The context of each call is a struct sut_counter_rows. */
extern const struct sut_counters_home_ops sut_counter_rows_ops;

#endif
