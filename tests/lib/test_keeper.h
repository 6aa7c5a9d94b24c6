/* SPDX-License-Identifier: Apache-2.0
 *
 * test_keeper - the keeper's own code in threads of the test, under a fixed
 * master key, with a client that is connected to it.
 *
 * Link keeper_dep and compile test_keeper.c in.  One thread makes and ends it.
 */
#ifndef TESTS_LIB_TEST_KEEPER_H
#define TESTS_LIB_TEST_KEEPER_H

#include "ipc/keeper.h"
#include "keeper/permits.h"

/* The master key of all of them, 32 bytes. */
extern const char test_master_key[];

/* Aborts when it can't be had. */
struct sut_keeper *test_keeper_start(void);
/* The same with keys of the test's own; they are copied. */
struct sut_keeper *test_keeper_start_with(const struct sut_master *master);
/* What stands behind a client. */
struct sut_keyholder *test_keeper_holder(const struct sut_keeper *k);
/* Break all connections, as when the keeper dies; then make new ones. */
void test_keeper_kill(struct sut_keeper *k);
void test_keeper_revive(struct sut_keeper *k);
/* Frees the client too; fits DEFER. */
void test_keeper_stop(struct sut_keeper **k);

/* A KEK of this version, made by the keeper. */
struct sut_kek test_keeper_kek(struct sut_keeper *k, uint32_t version);

#endif
