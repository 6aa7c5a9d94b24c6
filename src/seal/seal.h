/* SPDX-License-Identifier: Apache-2.0
 *
 * seal - personal fields, sealed one by one, and the blind indexes by which
 * they are found.
 *
 * A sealed value is format (1 byte) · data key's version (4 bytes, LE) · nonce
 * (12) · ciphertext · tag (16): AES-256-GCM under the data key of the person
 * whom it speaks of, with table, column, row and version as associated data.  So
 * it opens in its own place alone.  Its length tells the length of the value.
 *
 * A blind index is HMAC-SHA256 (cut to 16 bytes, 22 characters of base64url)
 * under the index key over table, column and the normalised value: equal values
 * of one column are equal, and nothing else can be learned without the key.
 *
 * struct sut_seal is for any thread.  Open data keys are kept in locked memory,
 * at most `keys_max`, wiped when they go; a miss is filled by
 * sut_seal_open_keys(), which asks the keeper (about 100 µs) for all at once.
 */
#ifndef SUT_SEAL_SEAL_H
#define SUT_SEAL_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "ipc/keeper.h"

enum {
    SUT_SEAL_OVERHEAD = 1 + 4 + SUT_AEAD_OVERHEAD,
    SUT_SEAL_PLAIN_MAX = 256 * 1024, /* a webhook, as it came */
    SUT_INDEX_TEXT = 22,             /* characters of a blind index */
    SUT_INDEX_VERSIONS_MAX =
        4, /* index keys at once: the current and those that are on their way out */
    SUT_KEKS_MAX = 4,
};

/* A place for sealed values: a static constant. */
struct sut_seal_field {
    const char *table;
    const char *column;
};

struct sut_seal;

struct sut_seal_options {
    struct sut_keeper *keeper;
    const struct sut_random *random;
    size_t keys_max; /* open data keys at once: 16 .. 65,536; four times the longest list is good */
};

/* Keeper and random are borrowed. */
SUT_ERR sut_seal_create(const struct sut_seal_options *o, struct sut_seal **ret);
void sut_seal_free(struct sut_seal **s);

/* --- keys, as the keyring has them; the store feeds them --- */

/* Index keys, the current first; copied.  Readers never see half of a change. */
struct sut_index_key {
    uint32_t version;
    const struct sut_secret *key;
};
SUT_ERR sut_seal_set_index_keys(struct sut_seal *s, const struct sut_index_key *keys, size_t n);
/* Wrapped keys of purpose DATA, the current first; copied. */
SUT_ERR sut_seal_set_keks(struct sut_seal *s, const struct sut_kek *keks, size_t n);
/* The version of the current one; 0: none was set. */
uint32_t sut_seal_kek_version(struct sut_seal *s);

/* --- data keys --- */

/* A person's open data key, for the work on a row: on the stack, ended by sut_data_key_done(). */
struct sut_data_key {
    int64_t person;
    uint32_t version;
    struct sut_aead_key aead;
};
void sut_data_key_done(struct sut_data_key *k);

/* Out of the cache, without a wait; NOT_FOUND: give its row to sut_seal_open_keys(). */
SUT_ERR sut_seal_key(struct sut_seal *s, int64_t person, uint32_t version,
                     struct sut_data_key *ret);
/*
 * The same for a row that was just read, in a transaction that seals: NOT_FOUND, too, when the
 * open key came from another wrapped text than this row's.  So nothing is ever sealed
 * under a key that was made and not stored (the transaction failed, another server was first).
 */
SUT_ERR sut_seal_key_of(struct sut_seal *s, const struct sut_data_key_row *row,
                        struct sut_data_key *ret);
/*
 * Bring keys into the cache (any number; those that are there cost nothing).
 * Blocks for the keeper.  One that does not open is left out and counted in
 * *ret_bad (may be NULL): its sut_seal_key() stays NOT_FOUND, its fields are lost.
 * A row that is wrapped by a KEK that was not set counts so, too.  A key that is there from
 * another wrapped text is replaced.  UNAVAILABLE before the KEKs were set; else as
 * sut_keeper_open_data(), with those before the error in the cache.
 */
SUT_ERR sut_seal_open_keys(struct sut_seal *s, const struct sut_data_key_row *rows, size_t n,
                           size_t *ret_bad);
/*
 * The key of one row, from the cache (as sut_seal_key_of()) or from the keeper, and then kept.
 * Blocks.  CORRUPT when it does not open; else as sut_seal_open_keys().
 */
SUT_ERR sut_seal_open_key(struct sut_seal *s, const struct sut_data_key_row *row,
                          struct sut_data_key *ret);
/*
 * New keys under the current KEK, in the cache at once: person and version given, the rest filled
 * in.  Blocks.  One whose row could not be stored does no harm there: nothing is sealed under
 * it (sut_seal_key_of()), and it is swept like any that nobody uses.
 */
SUT_ERR sut_seal_make_keys(struct sut_seal *s, struct sut_data_key_row *rows, size_t n);
/*
 * Wipe a person's keys from the cache; one that is on its way from the keeper does not get in.
 * For who deletes a person's keys from the store: what is open must go with them.
 */
void sut_seal_forget(struct sut_seal *s, int64_t person);
/* Wipe keys that nobody has used for `idle_ms`. */
void sut_seal_sweep(struct sut_seal *s, int64_t idle_ms);

struct sut_seal_counts {
    uint64_t hits;
    uint64_t misses;
    uint64_t opened; /* by the keeper */
    size_t held;
};
/* Since the seal was made; a moment's figures, not of one instant. */
struct sut_seal_counts sut_seal_count(struct sut_seal *s);

/* NULL; in a build that measures the cost of sealing and seals nothing (meson option sealing=false)
 * what to say to whoever runs it. */
const char *sut_seal_warning(void);

/* --- fields --- */

/* Append the sealed value to out.  TOO_LARGE above SUT_SEAL_PLAIN_MAX; as sut_aead_seal(). */
SUT_ERR sut_seal_put(struct sut_seal *s, const struct sut_data_key *k,
                     const struct sut_seal_field *f, int64_t row, sut_str plain,
                     struct sut_buf *out);
/*
 * Append the plain value to out.  CORRUPT: cut, altered, moved here from another
 * place, or of another version than k's.
 */
SUT_ERR sut_seal_get(const struct sut_data_key *k, const struct sut_seal_field *f, int64_t row,
                     sut_str sealed, struct sut_buf *out);
/* The version of the data key that a sealed value names; CORRUPT when it is none. */
SUT_ERR sut_seal_version_of(sut_str sealed, uint32_t *ret);

/* --- blind indexes --- */

/* All versions that may stand in the store, the current first. */
struct sut_index {
    size_t n;
    struct {
        uint32_t version;
        char text[SUT_INDEX_TEXT];
    } at[SUT_INDEX_VERSIONS_MAX];
};
/* The value is normalised already (the caller knows how).  UNAVAILABLE before the keys were set. */
SUT_ERR sut_seal_index(struct sut_seal *s, const struct sut_seal_field *f, sut_str normalised,
                       struct sut_index *ret);
static inline sut_str sut_index_text(const struct sut_index *i, size_t at)
{
    return sut_str_of(i->at[at].text, SUT_INDEX_TEXT);
}

#endif
