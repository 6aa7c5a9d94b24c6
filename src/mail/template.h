/* SPDX-License-Identifier: Apache-2.0
 *
 * template - what each mail says, in one constant table.
 *
 * {shop} and {what} stand for words; nothing else is put into these texts.
 */
#ifndef SUT_MAIL_TEMPLATE_H
#define SUT_MAIL_TEMPLATE_H

#include <stdbool.h>

#include "mail/mail.h"

enum { SUT_TEMPLATE_PARAGRAPHS = 3 };

struct sut_mail_template {
    const char *subject;
    const char *says[SUT_TEMPLATE_PARAGRAPHS]; /* above the link; NULL: no more */
    const char *button;                        /* what the link does; NULL: it has none */
    const char *note;                          /* below it, for who did not expect the mail */
    const char *what;                          /* {what}, when the payload has none */
    bool has_details;                          /* device, address and time, where they are known */
    bool needs_link;
    bool is_to_shop; /* who gets it has no account */
};

extern const struct sut_mail_template sut_mail_templates[SUT_MAIL_KINDS];

#endif
