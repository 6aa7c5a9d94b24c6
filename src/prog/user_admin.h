/* SPDX-License-Identifier: Apache-2.0
 *
 * user_admin - staff work on accounts: add, list, show, role, disable, enable, revoke,
 * lock, unlock, mfa-reset.
 *
 * One set of functions for both ways to ask: the control socket of a running
 * server, and a command that opened the store itself.  Each change and its
 * audit row are one transaction; the running server's memory of revocations is
 * told after the commit.  Who asks for the person behind a pseudonym of the log
 * leaves an audit row, too.  It blocks (hashing, writes): never on a loop thread.
 * A person becomes superuser here and nowhere else.
 */
#ifndef SUT_PROG_USER_ADMIN_H
#define SUT_PROG_USER_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "authn/password_rules.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_counters;
struct sut_hasher;
struct sut_postman;
struct sut_pseudonyms;
struct sut_random;
struct sut_sessions;
struct sut_store;

enum {
    SUT_USER_PAGE_MAX = 100,       /* rows in one answer to LIST */
    SUT_USER_TEXT_MAX = 320,       /* bytes of an email, a name, a group */
    SUT_USER_PASSWORD_MAX = 16384, /* bytes */
    SUT_USER_LOCK_MAX_S = 366 * 24 * 3600,
};

enum sut_user_verb {
    SUT_USER_ADD,
    SUT_USER_LIST,
    SUT_USER_SHOW,
    SUT_USER_ROLE,
    SUT_USER_DISABLE, /* and revoke */
    SUT_USER_ENABLE,
    SUT_USER_REVOKE,    /* end every session and token */
    SUT_USER_LOCK,      /* no way in for a while; sessions go on */
    SUT_USER_UNLOCK,    /* that, and the lock that wrong passwords led to, on every device */
    SUT_USER_MFA_RESET, /* second factors and recovery codes go; and revoke */
};
enum { SUT_USER_VERBS = SUT_USER_MFA_RESET + 1 };

/* What a person may do, as one word; each includes the one before. */
enum sut_user_role { SUT_USER_CUSTOMER, SUT_USER_STAFF, SUT_USER_SUPERUSER };
enum { SUT_USER_ROLES = SUT_USER_SUPERUSER + 1 };
const char *sut_user_role_name(enum sut_user_role role);

/* Slices are borrowed; those that the verb does not name are empty. */
struct sut_user_ask {
    enum sut_user_verb verb;
    sut_str who;      /* all but ADD and LIST: an id or an email; SHOW: or a pseudonym of the log */
    sut_str email;    /* ADD */
    sut_str password; /* ADD */
    sut_str first_name;
    sut_str last_name;
    sut_str phone;
    bool is_verified; /* ADD: the email counts as verified */
    bool has_role;    /* ADD, ROLE */
    enum sut_user_role role;
    sut_str join;  /* ADD, ROLE: the name of a group */
    sut_str leave; /* ROLE */
    sut_str
        search; /* LIST: an address, user name, phone number or name that is equal; empty: all */
    uint64_t lock_s; /* LOCK: how long; 0: until it is lifted */
    uint64_t offset; /* LIST: people before the first row */
};

struct sut_user_row {
    int64_t id;
    sut_str email;
    sut_str first_name;
    sut_str last_name;
    enum sut_user_role role;
    sut_str groups; /* names, a line feed between them */
    bool is_active;
    bool is_verified;
    sut_ms joined;
    sut_ms last_login;   /* 0: never */
    int64_t factors;     /* bits of store/factor.h; SHOW alone */
    sut_ms locked_until; /* by an operator, or by wrong passwords; 0: not; SHOW alone */
    sut_str pseudonym;   /* what stands for the person in the log; SHOW alone */
};

struct sut_user_answer {
    sut_str refused; /* a sentence: nothing was changed; else empty */
    struct sut_user_row *rows;
    size_t n_rows;
    bool has_more; /* LIST: ask again, from where this page ends */
};

/* What the work needs; all borrowed. */
struct sut_user_admin {
    struct sut_password_policy password_policy;
    struct sut_store *store;
    struct sut_hasher *hasher;
    struct sut_sessions *sessions;     /* the running server's; NULL: there is none */
    struct sut_pseudonyms *pseudonyms; /* NULL: none are told nor found */
    struct sut_counters *counters;     /* who is locked; NULL: it is not told, and UNLOCK fails */
    struct sut_postman *postman;       /* NULL: mails wait in the outbox */
    const struct sut_random *random;
    const struct sut_clock *clock;
};

/*
 * Do what is asked; the answer lies in the arena.  What the asker can mend is
 * an answer with `refused`; an error is the store's or the machine's.
 */
SUT_ERR sut_user_admin_do(const struct sut_user_admin *ua, struct sut_arena *a,
                          const struct sut_user_ask *ask, struct sut_user_answer *ret);

#endif
