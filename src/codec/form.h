/* SPDX-License-Identifier: Apache-2.0
 *
 * form - bodies of type application/x-www-form-urlencoded (WHATWG URL, section 5).
 *
 * As strict as a query (see url.h), save that tab, CR and LF may stand in values.
 */
#ifndef SUT_CODEC_FORM_H
#define SUT_CODEC_FORM_H

#include "codec/url.h"

enum { SUT_FORM_PAIRS_MAX = 200 };

/* PARSE, TOO_LARGE past `max` pairs, NOMEM. */
SUT_ERR sut_form_parse(struct sut_arena *a, sut_str body, size_t max, struct sut_pairs *ret);

#endif
