/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/form.h"

#include "codec/url_int.h"

SUT_ERR sut_form_parse(struct sut_arena *a, sut_str body, size_t max, struct sut_pairs *ret)
{
    return sut_url__pairs(a, body, max, SUT_URL__PLUS_IS_SPACE | SUT_URL__LINES, ret);
}
