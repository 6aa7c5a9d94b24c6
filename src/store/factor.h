/* SPDX-License-Identifier: Apache-2.0
 *
 * factor - rows of second factors: the secret of one-time codes (TOTP), recovery
 * codes, passkeys; and users.factors, which tells at a glance who has any.
 */
#ifndef SUT_STORE_FACTOR_H
#define SUT_STORE_FACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

/* Bits of users.factors. */
enum { SUT_FACTOR_TOTP = 1, SUT_FACTOR_PASSKEY = 2 };
enum {
    SUT_TOTP_SECRET = 20, /* bytes, RFC 4226 4 */
    SUT_RECOVERY_HASH = 32,
    SUT_CREDENTIAL_HASH = 32,
    SUT_CREDENTIAL_MAX = 1023, /* bytes of a credential's id, WebAuthn 4 */
    SUT_COSE_KEY_MAX = 1024,
    SUT_USER_HANDLE = 32,
    SUT_PASSKEY_NAME_MAX = 64, /* code points */
    SUT_PASSKEYS_MAX = 20,     /* of a person */
};

/* In a write job: the person has this factor from now on. */
SUT_ERR sut_factor_note(struct sut_db_conn *c, int64_t person, int64_t factor, sut_ms now);
/* In a write job: no more; recovery codes go with the last factor. */
SUT_ERR sut_factor_forget(struct sut_db_conn *c, int64_t person, int64_t factor, sut_ms now);

/* --- TOTP --- */

struct sut_totp_row {
    bool is_confirmed;
    int64_t last_step;
    sut_str secret; /* bytes, in the arena */
};
/* NOT_FOUND when none was begun. */
SUT_ERR sut_totp_find(struct sut_db_conn *c, struct sut_arena *a, int64_t person,
                      struct sut_totp_row *ret);
/* In a write job: begin an enrolment, in place of one that was begun; EXISTS: it is confirmed. */
SUT_ERR sut_totp_begin(struct sut_db_conn *c, int64_t person, sut_str secret, sut_ms now);
/*
 * In a write job: the code of this step was right.  One statement: DENIED when
 * this step or a later one was used already.  Confirms an enrolment.
 */
SUT_ERR sut_totp_use(struct sut_db_conn *c, int64_t person, int64_t step, sut_ms now);
/* In a write job: it goes, and the recovery codes when no passkey is left; NOT_FOUND. */
SUT_ERR sut_totp_remove(struct sut_db_conn *c, int64_t person, sut_ms now);

/* --- recovery codes --- */

/* In a write job: these in place of all before; each hash of SUT_RECOVERY_HASH bytes. */
SUT_ERR sut_recovery_put(struct sut_db_conn *c, int64_t person, const sut_str *hashes, size_t n,
                         sut_ms now);
/* In a write job: use one up; NOT_FOUND when it is none, or was used. */
SUT_ERR sut_recovery_use(struct sut_db_conn *c, int64_t person, sut_str hash, sut_ms now);
SUT_ERR sut_recovery_count(struct sut_db_conn *c, int64_t person, int64_t *ret_left);

/* --- passkeys --- */

struct sut_passkey_row {
    int64_t id;
    int64_t person;
    sut_str credential; /* its id, bytes */
    sut_str user_handle;
    sut_str public_key; /* COSE_Key */
    int64_t sign_count;
    int64_t flags;
    sut_str name;
    sut_ms created_at;
    sut_ms last_used_at; /* 0: never */
};
/* In a write job; id, created_at and last_used_at are made.  EXISTS: a credential that is known;
 * TOO_LARGE: SUT_PASSKEYS_MAX are there. */
SUT_ERR sut_passkey_add(struct sut_db_conn *c, const struct sut_passkey_row *p, sut_ms now,
                        int64_t *ret_id);
/* By the SHA-256 of the credential's id; NOT_FOUND. */
SUT_ERR sut_passkey_find(struct sut_db_conn *c, struct sut_arena *a, sut_str credential_hash,
                         struct sut_passkey_row *ret);
/* All of a person, the oldest first. */
SUT_ERR sut_passkey_list(struct sut_db_conn *c, struct sut_arena *a, int64_t person,
                         struct sut_passkey_row **ret, size_t *ret_n);
/*
 * In a write job: it signed, with this count.  One statement: DENIED, with
 * nothing changed, when the count did not grow (WebAuthn 7.2, 21), unless both are 0.
 */
SUT_ERR sut_passkey_use(struct sut_db_conn *c, int64_t id, int64_t sign_count, int64_t flags,
                        sut_ms now);
/* In a write job; NOT_FOUND when it is not this person's. */
SUT_ERR sut_passkey_rename(struct sut_db_conn *c, int64_t person, int64_t id, sut_str name);
SUT_ERR sut_passkey_remove(struct sut_db_conn *c, int64_t person, int64_t id, sut_ms now);

/* In a write job: all factors of a person go (an operator's `mfa-reset`). */
SUT_ERR sut_factors_clear(struct sut_db_conn *c, int64_t person, sut_ms now);
/* In a write job: those that were added since then go, and recovery codes made since then. */
SUT_ERR sut_factors_clear_since(struct sut_db_conn *c, int64_t person, sut_ms since, sut_ms now);

#endif
