/* SPDX-License-Identifier: Apache-2.0
 *
 * search_int - the tokens of the search index (store/search.h): for the files that write and ask.
 */
#ifndef SUT_STORE_SEARCH_INT_H
#define SUT_STORE_SEARCH_INT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* What stands in front of a token. */
#define SUT_SEARCH_ANYWHERE 'a'
#define SUT_SEARCH_IN_NAME  'n'
#define SUT_SEARCH_IN_SKU   's'
#define SUT_SEARCH_CATEGORY 'c'
#define SUT_SEARCH_COVERAGE 'l'
#define SUT_SEARCH_HIDDEN   'h' /* alone */

void sut_search__token(struct sut_buf *out, char mark, sut_str word);
void sut_search__number(struct sut_buf *out, char mark, int64_t id);

#endif
