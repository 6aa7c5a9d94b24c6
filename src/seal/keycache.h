/* SPDX-License-Identifier: Apache-2.0
 *
 * keycache - open data keys, bounded and in locked memory; for seal.c and its
 * test alone.
 *
 * Shards, each with its own mutex, hold the keys themselves in struct sut_secret
 * and what is known of them in ordinary memory.  A shard is chosen by the
 * person, so that all versions of one lie together.  A full shard gives up the
 * key that the hand of its clock finds unused; whatever goes is wiped.  Never
 * more than `keys_max` are held.  Any thread.
 */
#ifndef SUT_SEAL_KEYCACHE_H
#define SUT_SEAL_KEYCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "crypto/random.h"
#include "ipc/keeper.h"
#include "seal/seal.h"

enum { SUT_KEYCACHE_MIN = 16, SUT_KEYCACHE_MAX = 65536 };

struct sut_keycache;

SUT_ERR sut_keycache_create(size_t keys_max, const struct sut_random *rnd,
                            struct sut_keycache **ret);
void sut_keycache_free(struct sut_keycache **c);

/*
 * What tells one wrapped text of a key from another: the first bytes of its
 * nonce.  A row that was lost and made again has the version of the old one.
 */
uint64_t sut_keycache_mark(const char wrapped[SUT_DATA_WRAPPED]);

/* A copy of the key; `mark` may be NULL, else the entry must have it.  Wipe ret. */
bool sut_keycache_get(struct sut_keycache *c, int64_t person, uint32_t version,
                      const uint64_t *mark, unsigned char ret[SUT_KEY_SIZE]);
/* The same without a copy, and not counted as a use. */
bool sut_keycache_has(struct sut_keycache *c, int64_t person, uint32_t version, uint64_t mark);

/* The moment from which sut_keycache_put() looks whether the person was forgotten. */
uint64_t sut_keycache_now(struct sut_keycache *c, int64_t person);
/*
 * Keep a key, in place of the one of the same person and version.  Nothing
 * happens when the person was forgotten since `since`: the key was asked for before.
 */
void sut_keycache_put(struct sut_keycache *c, int64_t person, uint32_t version, uint64_t mark,
                      const unsigned char key[SUT_KEY_SIZE], uint64_t since);

/* Wipe all versions of a person's key. */
void sut_keycache_forget(struct sut_keycache *c, int64_t person);
/* Wipe what nobody got for so long. */
void sut_keycache_sweep(struct sut_keycache *c, int64_t idle_ms);
/* hits, misses and held; opened is left alone. */
void sut_keycache_count(struct sut_keycache *c, struct sut_seal_counts *ret);

/* For the test: how many shards, and the memory of one. */
size_t sut_keycache_shards(const struct sut_keycache *c);
sut_str sut_keycache_memory(const struct sut_keycache *c, size_t shard);

#endif
