/* SPDX-License-Identifier: Apache-2.0
 *
 * person - rows of people: who has an account, by what names, with what rights.
 *
 * Reads run on any connection and put their text into the caller's arena;
 * changes run inside a write job.  The rules (what an address or a user name
 * may be, who may change what) are the caller's; this layer makes the keys by
 * which an address and names are compared.  What speaks of a person is sealed
 * (store/personal.h); what needs no such field asks for sut_person_account().
 *
 * Errors: NOT_FOUND, EXISTS, NOMEM, STALE (in a job: hand it on), CORRUPT (a
 * sealed field is lost), and the database's.
 */
#ifndef SUT_STORE_PERSON_H
#define SUT_STORE_PERSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

enum { SUT_PERSON_EMAIL_MAX = 254, SUT_PERSON_NAME_MAX = 150, SUT_PERSON_USERNAME_MAX = 60 };

struct sut_person_row {
    int64_t id;
    sut_str email;
    sut_str username;
    sut_str first_name;
    sut_str last_name;
    sut_str phone;      /* p is NULL: none */
    sut_str tax_number; /* p is NULL: none */
    sut_str password;   /* a hash, never to be shown */
    sut_str picture;    /* the file of their picture; p is NULL: none */
    bool is_active;
    bool is_staff;
    bool is_superuser;
    bool email_verified;
    sut_ms date_joined;
    sut_ms last_login;        /* 0: never */
    sut_ms tokens_revoked_at; /* 0: never */
    sut_ms created_at;
    sut_ms modified_at;
    bool is_lost; /* in a list: the sealed fields don't open, and are empty */
};

/* What decides about an account, without anything personal: no key is needed to read it. */
struct sut_person_account {
    int64_t id;
    sut_str password; /* a hash, never to be shown */
    bool is_active;
    bool is_staff;
    bool is_superuser;
    bool email_verified;
    sut_ms date_joined;
    sut_ms last_login;        /* 0: never */
    sut_ms tokens_revoked_at; /* 0: never */
    int64_t factors;          /* that are confirmed: bits of store/factor.h */
    sut_ms locked_until;      /* an operator's lock; 0: none */
};

/* A row to be; empty phone and tax number are none. */
struct sut_person_new {
    sut_str email;
    sut_str username;
    sut_str first_name;
    sut_str last_name;
    sut_str phone;
    sut_str tax_number;
    sut_str password; /* a hash */
    bool is_active;
    bool is_staff;
    bool is_superuser;
    bool email_verified;
    int64_t by; /* who makes it; 0: the person itself */
};

/* The key by which addresses are compared, in the arena. */
SUT_ERR sut_person_email_key(struct sut_arena *a, sut_str email, sut_str *ret);

/* Add a row; EXISTS, with nothing spoilt, when the address or the user name is taken. */
SUT_ERR sut_person_insert(struct sut_db_conn *c, struct sut_arena *scratch,
                          const struct sut_person_new *p, sut_ms now, int64_t *ret_id);

/* The person with this id, in the arena; NOT_FOUND when there is none. */
SUT_ERR sut_person_by_id(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                         struct sut_person_row *ret);
/* The same by address; case does not matter. */
SUT_ERR sut_person_by_email(struct sut_db_conn *c, struct sut_arena *a, sut_str email,
                            struct sut_person_row *ret);
/* The same without what is sealed. */
SUT_ERR sut_person_account(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                           struct sut_person_account *ret);
SUT_ERR sut_person_account_by_email(struct sut_db_conn *c, struct sut_arena *a, sut_str email,
                                    struct sut_person_account *ret);
SUT_ERR sut_person_email_taken(struct sut_db_conn *c, struct sut_arena *scratch, sut_str email,
                               bool *ret);
SUT_ERR sut_person_username_taken(struct sut_db_conn *c, sut_str username, bool *ret);

/* The fields of a profile; only those with has_… set are written.  Empty phone and tax number:
 * none. */
struct sut_person_change {
    bool has_first_name;
    bool has_last_name;
    bool has_phone;
    bool has_tax_number;
    bool has_picture;
    sut_str first_name;
    sut_str last_name;
    sut_str phone;
    sut_str tax_number;
    sut_str picture;    /* a file of media; empty: none */
    int64_t picture_id; /* and its row, WAITING */
};
/* Change a profile; `by` is who does it.  Of a picture its file's name alone. */
SUT_ERR sut_person_set_profile(struct sut_db_conn *c, struct sut_arena *scratch, int64_t id,
                               const struct sut_person_change *change, int64_t by, sut_ms now);
/* Put the file of a picture, or none where it is empty; NOT_FOUND. */
SUT_ERR sut_person_set_picture(struct sut_db_conn *c, int64_t id, sut_str file, int64_t by,
                               sut_ms now);
/*
 * Put another address, which is no other person's (EXISTS), and whether it is known to be theirs.
 * Links and sessions: the caller's business.
 */
SUT_ERR sut_person_set_email(struct sut_db_conn *c, struct sut_arena *scratch, int64_t id,
                             sut_str email, bool is_verified, int64_t by, sut_ms now);
/* Put a hash; only when `was` is still the present one (p is NULL: whatever is), else EXISTS. */
SUT_ERR sut_person_set_password(struct sut_db_conn *c, int64_t id, sut_str was, sut_str hash,
                                int64_t by, sut_ms now);
SUT_ERR sut_person_set_last_login(struct sut_db_conn *c, int64_t id, sut_ms now);
SUT_ERR sut_person_set_active(struct sut_db_conn *c, int64_t id, bool on, int64_t by, sut_ms now);
/* Put both rights. */
SUT_ERR sut_person_set_role(struct sut_db_conn *c, int64_t id, bool is_staff, bool is_superuser,
                            int64_t by, sut_ms now);
/* An operator's lock: nobody signs in before `until`; 0: it is lifted. */
SUT_ERR sut_person_set_locked(struct sut_db_conn *c, int64_t id, sut_ms until, sut_ms now);
SUT_ERR sut_person_set_email_verified(struct sut_db_conn *c, int64_t id, sut_ms now);
/* Every token issued to this person before now is refused (their sessions: see store/session.h). */
SUT_ERR sut_person_set_tokens_revoked(struct sut_db_conn *c, int64_t id, sut_ms now);

/* Names of a person's groups, in order. */
SUT_ERR sut_person_groups(struct sut_db_conn *c, struct sut_arena *a, int64_t id, sut_str **ret,
                          size_t *ret_n);
SUT_ERR sut_person_in_group(struct sut_db_conn *c, int64_t id, sut_str group, bool *ret);
/* Put a person into a group or take them out; NOT_FOUND for a group that is not there. */
SUT_ERR sut_person_set_group(struct sut_db_conn *c, int64_t id, sut_str group, bool on);

/*
 * A page of people by id.  An empty search finds all; else it finds an address
 * or user name that is equal (case apart), a phone number of the same digits,
 * or names that have every word of it, folded (at most SUT_PERSON_SEARCH_WORDS;
 * with more nobody is found by name).  rows and ret_n: this page; *ret_count: all.
 */
enum { SUT_PERSON_SEARCH_WORDS = 8 };
struct sut_person_query {
    sut_str search;
    size_t offset;
    size_t limit; /* at most 1,000 */
};
SUT_ERR sut_person_list(struct sut_db_conn *c, struct sut_arena *a,
                        const struct sut_person_query *q, struct sut_person_row **ret,
                        size_t *ret_n, int64_t *ret_count);
/*
 * Those of up to SUT_PERSON_SOME people who are there, by id: who made what a page shows.  Fields
 * that are lost are empty, as in a list.
 */
enum { SUT_PERSON_SOME = 20 };
SUT_ERR sut_person_some(struct sut_db_conn *c, struct sut_arena *a, const int64_t *ids, size_t n,
                        struct sut_person_row **ret, size_t *ret_n);
SUT_ERR sut_person_count(struct sut_db_conn *c, int64_t *ret);

/*
 * Call fn for each person whose tokens were revoked after `since`; `revoked_at`
 * is when.  For the memory of what is refused.
 */
typedef SUT_ERR sut_person_seen(void *ctx, int64_t user_id, sut_ms revoked_at);
SUT_ERR sut_person_each_revoked(struct sut_db_conn *c, sut_ms since, sut_person_seen *fn,
                                void *ctx);

#endif
