/* SPDX-License-Identifier: Apache-2.0
 *
 * key_print - what `sutler key …` prints: for people, or as JSON.
 */
#ifndef SUT_PROG_KEY_PRINT_H
#define SUT_PROG_KEY_PRINT_H

#include "base/buf.h"
#include "prog/key_admin.h"

/* Append the list; a key that is older than it should be is marked, and what to type is said. */
void sut_key_print_list(struct sut_buf *b, const struct sut_key_list *l, bool is_json, sut_ms now);
/* "data: rows sealed anew 1200 of 5000" */
void sut_key_print_progress(struct sut_buf *b, const struct sut_key_status *s);
/* The end of a rotation, one line. */
void sut_key_print_end(struct sut_buf *b, const struct sut_key_status *s, bool is_json);

#endif
