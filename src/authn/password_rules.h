/* SPDX-License-Identifier: Apache-2.0
 *
 * password_rules - which passwords somebody may choose: Django's four
 * validators (3.2.25), with its verdicts and its words, and a greatest length.
 *
 * Characters are code points, each counted once.  Messages and scratch memory
 * come from the caller's arena, which should be a secret one.  Any thread.
 */
#ifndef SUT_AUTHN_PASSWORD_RULES_H
#define SUT_AUTHN_PASSWORD_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum { SUT_PASSWORD_CHARS_MAX = 1024, SUT_PASSWORD_MESSAGES_MAX = 5 };

enum sut_password_fault {
    SUT_PASSWORD_SIMILAR = 1, /* to the username, a name or the email */
    SUT_PASSWORD_SHORT = 2,
    SUT_PASSWORD_COMMON = 4,
    SUT_PASSWORD_NUMERIC = 8,
    SUT_PASSWORD_LONG = 16,
};

struct sut_password_policy {
    unsigned length_min; /* code points */
    bool has_more_words; /* libzxcvbn's dictionaries count as common, too */
};

/* What is known of the person; empty slices for what is not. */
struct sut_password_user {
    sut_str username;
    sut_str first_name;
    sut_str last_name;
    sut_str email;
};

struct sut_password_verdict {
    unsigned faults;                             /* of enum sut_password_fault; 0: good */
    size_t n;                                    /* messages */
    sut_str messages[SUT_PASSWORD_MESSAGES_MAX]; /* in Django's order */
};

/*
 * Hold a password against the rules; user may be NULL.  A bad password is a
 * verdict, not an error.  PARSE when the password is not UTF-8, NOMEM.
 */
SUT_ERR sut_password_check(struct sut_arena *a, const struct sut_password_policy *policy,
                           const struct sut_password_user *user, sut_str password,
                           struct sut_password_verdict *ret);

/*
 * How hard it is to guess, for forms: 0 (at once) to 4 (very hard), by the
 * usual steps of 10^3, 10^6, 10^8 and 10^10 guesses.  The user's own words
 * count as guesses; user may be NULL.  Looks at the first 100 bytes.
 */
unsigned sut_password_strength(const struct sut_password_user *user, sut_str password);

#endif
