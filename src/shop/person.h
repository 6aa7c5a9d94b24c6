/* SPDX-License-Identifier: Apache-2.0
 *
 * person - the rules of accounts: names, sign-up, changes of a profile.
 *
 * Knows no HTTP, no tokens and no passwords in the clear: hashes and the hash
 * of a refresh token come from the caller.  Each change and its audit row are
 * one transaction.  Blocks: never on a loop thread.  Results live in the
 * caller's arena.
 */
#ifndef SUT_SHOP_PERSON_H
#define SUT_SHOP_PERSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "store/person.h"
#include "store/session.h"

struct sut_db_conn;
struct sut_store;

/* The first word is the first name, the rest the last (empty when there is but one word). */
void sut_person_split_name(sut_str full, sut_str *ret_first, sut_str *ret_last);

/* The part before the @ in lower case, at most SUT_PERSON_USERNAME_MAX bytes, not yet unique. */
SUT_ERR sut_person_username_of(struct sut_arena *a, sut_str email, sut_str *ret);

struct sut_person_register {
    sut_str email; /* valid already */
    sut_str first_name;
    sut_str last_name;
    sut_str phone;    /* empty: none */
    sut_str password; /* its hash */
    bool is_staff;
    bool is_superuser;
    bool email_verified;
    sut_str group;   /* empty: none */
    int64_t by;      /* 0: the person itself signs up; else, or by_command: staff adds them */
    bool by_command; /* the operator's command line */
    sut_str addr;    /* the client's */
    /* NULL: no session; else all but user_id is filled in. */
    const struct sut_session_new *session;
    sut_str device; /* of that session, as store/device.h keeps it; empty: not told */
    /*
     * NULL, or what is to be written with the account, in its job: the mail that asks
     * for the address.  It may run more than once, and hands errors on.
     */
    SUT_ERR (*joined)(void *ctx, struct sut_db_conn *c, struct sut_arena *a, int64_t id);
    void *joined_ctx;
};

/*
 * Make the account, its session and the audit row, in one transaction; the user
 * name follows from the address and is made unique with -2, -3 …  EXISTS when
 * the address has an account: of two at once one wins.
 */
SUT_ERR sut_person_register(struct sut_store *store, struct sut_arena *a,
                            const struct sut_person_register *p, sut_ms now,
                            struct sut_person_row *ret);

/* Change one's own profile, audited; the row as it is then.  NOT_FOUND also for a disabled person.
 */
SUT_ERR sut_person_update(struct sut_store *store, struct sut_arena *a, int64_t id,
                          const struct sut_person_change *change, sut_str addr, sut_ms now,
                          struct sut_person_row *ret);

#endif
