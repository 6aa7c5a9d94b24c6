/* SPDX-License-Identifier: Apache-2.0
 *
 * uploads - how many forms with a file are held at a time, in all and of one person.
 *
 * Such a body is a hundred times what another request may hold.  A place is taken when its
 * head is there, before a byte of it is read, and given back when the answer is sent.  One
 * person has at most half of the places.  Any thread.
 */
#ifndef SUT_GUARD_UPLOADS_H
#define SUT_GUARD_UPLOADS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct sut_uploads;

enum { SUT_UPLOADS_MAX = 64 };

/* `max` places: 1 .. SUT_UPLOADS_MAX. */
SUT_ERR sut_uploads_create(unsigned max, struct sut_uploads **ret);
void sut_uploads_free(struct sut_uploads **u);
/* Whether there is a place for this person; then sut_uploads_leave() gives it back. */
bool sut_uploads_enter(struct sut_uploads *u, int64_t person);
void sut_uploads_leave(struct sut_uploads *u, int64_t person);

#endif
