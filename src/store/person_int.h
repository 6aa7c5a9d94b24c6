/* SPDX-License-Identifier: Apache-2.0
 *
 * person_int - how a row of users is read and opened; for files of this folder
 * alone.
 */
#ifndef SUT_STORE_PERSON_INT_H
#define SUT_STORE_PERSON_INT_H

#include "db/db.h"
#include "store/person.h"
#include "store/personal.h"

#define SUT_PERSON_COLUMNS                                                                         \
    "u.id, u.password, u.is_active, u.is_staff, u.is_superuser, u.email_verified, u.date_joined,"  \
    " u.last_login, u.tokens_revoked_at, u.created_at, u.modified_at, u.key_version, u.email,"     \
    " u.username, u.first_name, u.last_name, u.phone, u.tax_number, u.picture"

enum {
    SUT_PERSON_SEALED = 6, /* the columns from email on, as in personal.def */
    SUT_PERSON_N_COLUMNS = 19,
};

/* Which of the sealed columns is which. */
enum {
    SUT_P_EMAIL,
    SUT_P_USERNAME,
    SUT_P_FIRST_NAME,
    SUT_P_LAST_NAME,
    SUT_P_PHONE,
    SUT_P_TAX_NUMBER
};

static inline bool sut_person__is_optional(int i)
{
    return i == SUT_P_PHONE || i == SUT_P_TAX_NUMBER;
}

/* A column's text in the arena; {NULL, 0} for NULL. */
SUT_ERR sut_person__text(struct sut_db_stmt *s, int i, struct sut_arena *a, sut_str *ret);
/* The indexes of an address. */
SUT_ERR sut_person__index_email(struct sut_db_conn *c, struct sut_arena *a, sut_str email,
                                struct sut_index *ret);

/* The row as it lies there. */
struct sut_person_sealed {
    struct sut_person_row plain; /* without what is sealed */
    uint32_t key_version;
    sut_str fields[SUT_PERSON_SEALED]; /* p is NULL: none; slices of the statement, or copies */
};

/* The current row of a statement whose columns are SUT_PERSON_COLUMNS. */
SUT_ERR sut_person__read(struct sut_db_stmt *s, struct sut_arena *a, struct sut_person_sealed *ret);
/* Open its fields into the arena; CORRUPT when one is lost. */
SUT_ERR sut_person__open(const struct sut_data_key *k, struct sut_arena *a,
                         const struct sut_person_sealed *from, struct sut_person_row *ret);

/* A person's fields in the clear; phone and tax number are none when empty. */
struct sut_person_fields {
    int64_t id;
    sut_str v[SUT_PERSON_SEALED]; /* as in personal.def */
};

/*
 * Run a statement that puts all of a person's sealed fields and indexes: $1 the
 * id, $2 … $7 the fields, $8 the key's version, $9 … $11 the indexes of address,
 * user name and phone, $12 their version; then write the words.  NOT_FOUND when
 * it changes no row.
 */
SUT_ERR sut_person__seal(struct sut_db_conn *c, struct sut_arena *scratch,
                         const struct sut_sql *sql, const struct sut_data_key *k,
                         const struct sut_person_fields *f);

#endif
