/* SPDX-License-Identifier: Apache-2.0
 *
 * entry - from a proof of who somebody is to a session: the one place where
 * sessions are opened and pairs of tokens made.
 *
 * A password, a provider of identity, a passkey or a second factor has been
 * checked by its own file; whether that is enough is decided here.  It blocks: on the
 * pool.  Results live in the request's arena.
 */
#ifndef SUT_API_ENTRY_H
#define SUT_API_ENTRY_H

#include "audit/events.h"
#include "guard/req.h"
#include "store/person.h"
#include "store/session.h"
#include "store/store.h"

/* A pair of tokens as text. */
struct api_pair {
    sut_str access;
    sut_str refresh; /* p is NULL in browser mode: the answer's cookie has it */
    sut_str csrf;    /* browser mode: what must come with that cookie; else empty */
    int64_t access_life_s;
    int64_t refresh_life_s;
};

/* The device as the client names it; empty texts are fine. */
struct api_device {
    sut_str type;
    sut_str os;
    sut_str app_version;
};

enum api_outcome {
    API_DONE,
    API_TAKEN,         /* the email has an account */
    API_WEAK_PASSWORD, /* see messages */
    API_WRONG,         /* address or password: nobody is told which */
    API_DISABLED,      /* only after a right password */
    API_TOKEN_BAD,     /* no token of ours, or past its life */
    API_TOKEN_USED,    /* replaced or revoked; see session_lives */
    API_ANSWERED,      /* the reply is made: a limit */
    API_LOCKED,        /* too many wrong passwords, or an operator's lock; see retry_after_s */
    API_FACTOR_DUE,    /* a second factor is asked for; see ticket */
};

struct api_account {
    enum api_outcome outcome;
    struct sut_person_row person;
    struct api_pair pair;
    sut_str messages[SUT_PASSWORD_MESSAGES_MAX]; /* WEAK_PASSWORD: Django's words */
    size_t n_messages;
    int strength;            /* WEAK_PASSWORD: 0 .. 4 */
    bool session_lives;      /* TOKEN_USED: another token of it is good */
    int64_t retry_after_s;   /* LOCKED */
    sut_str ticket;          /* FACTOR_DUE */
    int64_t factors;         /* FACTOR_DUE: which the account has, bits of store/factor.h */
    bool has_recovery;       /* FACTOR_DUE: a recovery code is left */
    sut_str passkey_options; /* FACTOR_DUE: JSON; empty: no passkey */
};

/* An account at a provider of identity that is to open this one from then on. */
struct api_link {
    int64_t provider; /* enum sut_provider; 0: none */
    sut_str subject;
    sut_str email; /* as the provider has checked it */
};

/* What somebody has proved, and what is to happen when that is enough. */
struct api_entry {
    const struct sut_person_account *account; /* as it was read when the proof was checked */
    unsigned proofs;                          /* bits of enum sut_proof */
    sut_str new_hash; /* of the password, in place of a weaker or older one; empty: none */
    const struct api_device *device; /* NULL: nothing is told of it */
    /* More changes in the same transaction, before the session's: NULL, none.  Its error undoes
     * all. */
    sut_store_job *also;
    void *also_arg;
    /* To be linked once a second factor is shown, when one is due: the ticket keeps it. */
    struct api_link link;
    /* `also` gives the account to who owns its address: another's second factors go, and are not
     * asked for. */
    bool takes_over;
};

/*
 * Open a session and make its pair: outcome DONE; or FACTOR_DUE with a ticket; or LOCKED, by an
 * operator.  The device counts as one of theirs from now on, and the answer sets its cookie.
 * DENIED when the account changed since it was read.
 */
SUT_ERR api_entry_open(struct sut_req *r, const struct api_entry *e, struct api_account *ret);

/* --- the parts, for what opens a session together with something else --- */

/* Raise an event about this request. */
void api_entry_event(struct sut_req *r, enum sut_event_type type, int64_t user_id,
                     const char *reason);
/* The client's address, as it is written to rows. */
sut_str api_entry_addr(const struct sut_req *r);
/* A session to be, all but its user and hash; device may be NULL. */
SUT_ERR api_entry_session(struct sut_req *r, const struct api_device *device,
                          struct sut_session_new *ret);
/* A refresh token to be, of this session: its row keeps the hash. */
SUT_ERR api_entry_name(struct sut_req *r, int64_t session, struct sut_token *ret);
sut_str api_entry_hash(const struct sut_token *t);
/* The same without its last part: 203.0.113.*, 2001:db8:1:*. */
SUT_ERR api_entry_coarse_addr(struct sut_req *r, sut_str *ret);
/*
 * The device that somebody signs in on, as rows keep it; the answer sets its cookie.  Empty when
 * devices are not told apart.
 */
SUT_ERR api_entry_device(struct sut_req *r, sut_str *ret);
/* The pair of a session whose refresh token is named. */
SUT_ERR api_entry_pair(struct sut_req *r, int64_t user_id, const struct sut_token *refresh,
                       struct api_pair *ret);
/* The same as it was made at another time: byte for byte while the signing key is the same. */
SUT_ERR api_entry_pair_of(struct sut_req *r, int64_t user_id, const struct sut_token *refresh,
                          sut_ms at, struct api_pair *ret);
/*
 * In the write job that opens a session: what lay in the cart of the guest becomes the person's,
 * and a good answer takes the guest's cookie away.
 */
SUT_ERR api_entry_take_cart(struct sut_req *r, struct sut_db_conn *c, int64_t person);
/* When a refresh token that is made now expires. */
sut_ms api_entry_refresh_ends(const struct sut_req *r);

#endif
