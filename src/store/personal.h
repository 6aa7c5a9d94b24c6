/* SPDX-License-Identifier: Apache-2.0
 *
 * personal - the personal fields of the schema, and how rows come by their keys.
 *
 * personal.def declares each field; what stands there is sealed (seal/seal.h)
 * under a data key of the person whom the row speaks of, in the row's column
 * key_version.  A person's keys are rows of data_keys, wrapped; person 0 stands
 * for what belongs to nobody.
 *
 * Nobody outside this layer handles a key.  A connection knows the store's seal.
 * On a reading connection a key that is not open is opened at once (a wait of
 * about 100 µs for the keeper, of seconds for one that is being replaced); on a
 * loop's (sut_db_is_on_loop()) it fails with STALE, and the read is to begin again
 * on another connection, in another thread.  Inside a write job nothing waits: the job fails
 * with STALE after noting what it lacks, and sut_store_write() brings it and
 * runs the job again; so a job hands STALE on like any other error.
 *
 * CORRUPT: a field is lost (its data key was altered, moved or deleted, or the
 * value was).  UNAVAILABLE: the store was opened without a keeper.
 */
#ifndef SUT_STORE_PERSONAL_H
#define SUT_STORE_PERSONAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "seal/seal.h"

struct sut_db_conn;
struct sut_db_stmt;

/* How long rows are kept beyond their end; the server prunes them. */
enum {
    SUT_SESSION_KEEP_DAYS = 1,
    SUT_AUDIT_KEEP_DAYS = 3 * 365,
    SUT_OUTBOX_KEEP_DAYS = 7, /* after it was sent or given up; a sent one's payload goes at once */
    SUT_LINK_KEEP_DAYS = 1,   /* after its expiry */
    SUT_DEVICE_KEEP_DAYS = 365, /* after it was last seen */
    SUT_WEBHOOK_KEEP_DAYS = 90, /* after it came; one's body goes when it was worked off */
    SUT_IDEMPOTENCY_KEEP_DAYS = 1,
};

enum sut_personal {
#define X(name, table, column, purpose, days, index, owner) SUT_PERSONAL_##name,
#include "store/personal.def"
#undef X
    SUT_PERSONAL_FIELDS
};

enum sut_personal_index { SUT_INDEX_NONE, SUT_INDEX_EXACT, SUT_INDEX_WORDS };

struct sut_personal_column {
    struct sut_seal_field field;
    const char *purpose;
    int days; /* 0: as long as the account */
    enum sut_personal_index index;
    const char *owner; /* the column with the person; NULL in it: 0 */
};
/* One for each field, in the order of the enum. */
extern const struct sut_personal_column sut_personal_columns[SUT_PERSONAL_FIELDS];

static inline const struct sut_seal_field *sut_personal_field(enum sut_personal p)
{
    return &sut_personal_columns[p].field;
}

/* The field under which words of names are indexed. */
extern const struct sut_seal_field sut_personal_words;

/* --- what is compared: the forms that are indexed, in the arena or slices of the input --- */

/* Digits alone: whether a number is national can't be told.  Empty when there are none. */
SUT_ERR sut_personal_phone_key(struct sut_arena *a, sut_str phone, sut_str *ret);
enum { SUT_PERSONAL_WORDS_MAX = 24 };
/* The words of both names, folded (codec/utf8.h), each once; what is beyond the maximum is not. */
SUT_ERR sut_personal_name_words(struct sut_arena *a, sut_str first, sut_str last,
                                sut_str ret[SUT_PERSONAL_WORDS_MAX], size_t *ret_n);

/* --- keys --- */

/* A row of data_keys; NOT_FOUND. */
SUT_ERR sut_data_key_load(struct sut_db_conn *c, int64_t person, uint32_t version,
                          struct sut_data_key_row *ret);
/* A person's newest; NOT_FOUND. */
SUT_ERR sut_data_key_newest(struct sut_db_conn *c, int64_t person, struct sut_data_key_row *ret);
/* Inside a write job; EXISTS, with nothing spoilt, when there is that version; STALE when its KEK
 * is forgotten. */
SUT_ERR sut_data_key_add(struct sut_db_conn *c, const struct sut_data_key_row *row, sut_ms now);

/* The store's seal. */
SUT_ERR sut_personal_seal(struct sut_db_conn *c, struct sut_seal **ret);

/*
 * Inside a write job: the open key that the person's fields are sealed under
 * now; one is made for a person who has none.  End it with sut_data_key_done().
 */
SUT_ERR sut_personal_key_for_writing(struct sut_db_conn *c, int64_t person, sut_ms now,
                                     struct sut_data_key *ret);
/*
 * Inside a write job: the number of a person to be and their open key, which is
 * to be saved with sut_data_key_add() when the row of the person is.
 */
SUT_ERR sut_personal_new_person(struct sut_db_conn *c, struct sut_data_key_row *ret_row,
                                struct sut_data_key *ret);
/* The open key of a row that was read. */
SUT_ERR sut_personal_key_for_reading(struct sut_db_conn *c, int64_t person, uint32_t version,
                                     struct sut_data_key *ret);
/*
 * Open what a page of rows needs, all at once.  Those that don't open stay
 * NOT_FOUND for sut_seal_key().
 */
SUT_ERR sut_personal_open_keys(struct sut_db_conn *c, const struct sut_data_key_row *rows,
                               size_t n);

/* The blind indexes of a normalised value, under all keys that may stand in the store. */
SUT_ERR sut_personal_index(struct sut_db_conn *c, const struct sut_seal_field *f,
                           sut_str normalised, struct sut_index *ret);
/*
 * After a miss: whether the keyring has an index key that this program has not
 * seen; then it is loaded, and the search may find more (in a job: STALE).
 */
SUT_ERR sut_personal_look_for_keys(struct sut_db_conn *c, bool *ret_changed);

/* Bind $n to the sealed value, kept in `room` (which does not move) until sut_db_end(). */
SUT_ERR sut_personal_bind(struct sut_seal *seal, const struct sut_data_key *k,
                          enum sut_personal field, int64_t row, sut_str plain, struct sut_buf *room,
                          struct sut_db_stmt *s, int n);
/* Bind $first … to the versions of an index; spare ones repeat the current. */
void sut_personal_bind_index(struct sut_db_stmt *s, int first, const struct sut_index *ix);

#endif
