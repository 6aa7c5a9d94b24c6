/* SPDX-License-Identifier: Apache-2.0
 *
 * mailing - the postman of this shop: who writes, where mails go to, and what
 * the log hears of them.
 */
#ifndef SUT_PROG_MAILING_H
#define SUT_PROG_MAILING_H

#include <limits.h>

#include "base/err.h"
#include "base/str.h"
#include "mail/mail.h"

struct sut_app;
struct sut_config;
struct sut_postman;

/* Borrowed of the settings. */
struct sut_mail_sender sut_mailing_sender(const struct sut_config *c);
/* The folder where mails of development lie. */
sut_str sut_mailing_dir(const struct sut_config *c, char to[PATH_MAX]);

/* Start the thread; `app` is borrowed until it stops. */
SUT_ERR sut_mailing_start(const struct sut_app *app, struct sut_postman **ret);

#endif
