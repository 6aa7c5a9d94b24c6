/* SPDX-License-Identifier: Apache-2.0
 *
 * url_int - what url.c shares with form.c: one decoder of pairs.
 */
#ifndef SUT_CODEC_URL_INT_H
#define SUT_CODEC_URL_INT_H

#include "codec/url.h"

enum sut_url__flag {
    SUT_URL__PLUS_IS_SPACE = 1,
    SUT_URL__LINES = 2, /* tab, CR and LF may come out: text fields of forms have them */
};

SUT_ERR sut_url__pairs(struct sut_arena *a, sut_str raw, size_t max, unsigned flags,
                       struct sut_pairs *ret);

#endif
