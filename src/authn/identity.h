/* SPDX-License-Identifier: Apache-2.0
 *
 * identity - who somebody is, as a provider of identity says it; checked, and fit to
 * be kept.
 *
 * All texts are the arena's of whoever asked.
 */
#ifndef SUT_AUTHN_IDENTITY_H
#define SUT_AUTHN_IDENTITY_H

#include <stdbool.h>

#include "base/str.h"

enum {
    SUT_IDENTITY_NAME_MAX = 150,     /* bytes; longer ones are cut */
    SUT_IDENTITY_PICTURE_MAX = 2048, /* bytes; a longer one is left out */
    SUT_IDENTITY_SUBJECT_MAX = 255,
};

struct sut_identity {
    sut_str subject; /* the provider's number of this person: printable ASCII */
    sut_str email;   /* an address that the provider has checked */
    sut_str name;    /* the whole of it; each of the names may be empty */
    sut_str first_name;
    sut_str last_name;
    sut_str picture; /* an https URL, or empty */
};

/* Whether the text can be a subject. */
bool sut_identity_is_subject(sut_str text);
/*
 * A name fit to be shown: without blanks at its ends, cut at SUT_IDENTITY_NAME_MAX; empty when
 * it holds what no name does (a control character, a payment card's number).
 */
sut_str sut_identity_name(sut_str text);
/* The URL of a picture, or empty when it is not https or too long. */
sut_str sut_identity_picture(sut_str text);

#endif
