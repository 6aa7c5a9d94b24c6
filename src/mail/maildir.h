/* SPDX-License-Identifier: Apache-2.0
 *
 * maildir - a folder of mails, for development: tmp/, new/ and cur/ below it,
 * each mail a file of 0600 that shows up whole or not at all.
 *
 * Names are ours, so the same mail put twice is there once.  Any thread.
 */
#ifndef SUT_MAIL_MAILDIR_H
#define SUT_MAIL_MAILDIR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum { SUT_MAILDIR_NAME_MAX = 64 };

/* Make the folders where they are missing (0700). */
SUT_ERR sut_maildir_create(sut_str dir);
/* Put a mail into new/.  INVALID: a name that is not of [A-Za-z0-9._-]. */
SUT_ERR sut_maildir_put(sut_str dir, sut_str name, sut_str message);
/* The mail of this name, in new/ or cur/ (a mail program may have moved it); NOT_FOUND. */
SUT_ERR sut_maildir_get(sut_str dir, sut_str name, struct sut_buf *out);

#endif
