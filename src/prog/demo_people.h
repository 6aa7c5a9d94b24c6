/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_people - the sample people of a demo: made once, and told how to sign in.
 */
#ifndef SUT_PROG_DEMO_PEOPLE_H
#define SUT_PROG_DEMO_PEOPLE_H

#include "base/err.h"

struct sut_app;

/* Add those whose address has no account yet.  Blocks: it hashes passwords. */
SUT_ERR sut_demo_people_add(const struct sut_app *app);
/* Where to look and how to sign in, to standard output. */
void sut_demo_people_print(const char *url);

#endif
