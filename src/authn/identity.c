/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/identity.h"

#include "codec/schema.h"
#include "codec/utf8.h"

/* Of ASCII, and seen on paper. */
static bool is_graphic(sut_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    }
    return true;
}

bool sut_identity_is_subject(sut_str text)
{
    return text.n > 0 && text.n <= SUT_IDENTITY_SUBJECT_MAX && is_graphic(text);
}

sut_str sut_identity_name(sut_str text)
{
    const sut_str name = sut_utf8_trim(text);
    size_t end = 0;
    size_t at = 0;
    for (uint32_t cp = 0; sut_utf8_next(name, &at, &cp); end = at) {
        if (at > SUT_IDENTITY_NAME_MAX)
            break;
        if (sut_utf8_is_control(cp))
            return SUT_STR("");
    }
    return sut_has_card_number(name) ? SUT_STR("") : sut_utf8_trim(sut_str_sub(name, 0, end));
}

sut_str sut_identity_picture(sut_str text)
{
    const bool is_url =
        text.n <= SUT_IDENTITY_PICTURE_MAX && is_graphic(text) &&
        sut_str_starts(text, SUT_STR("https://")) && sut_str_find(text, 0, '"') == text.n &&
        sut_str_find(text, 0, '<') == text.n && sut_str_find(text, 0, '\\') == text.n;
    return is_url ? text : SUT_STR("");
}
