/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/address.h"

#include "base/buf.h"
#include "store/order.h"

enum {
    BETWEEN_MAX = 32, /* blanks and ends of lines */
    TEXT_MAX = 8 * 1024,
};

_Static_assert(SUT_POSTAL_NAME_MAX + 2 * SUT_POSTAL_LINE_MAX + SUT_POSTAL_CITY_MAX +
                       SUT_POSTAL_REGION_MAX + SUT_POSTAL_CODE_MAX + SUT_POSTAL_PHONE_MAX +
                       BETWEEN_MAX <=
                   SUT_ORDER_ADDRESS_MAX,
               "an address fits its order");

/* ISO 3166-1 alpha-2, the codes that are officially assigned; each with a blank behind it. */
static const char countries[] =
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR "
    "BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ "
    "EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW "
    "GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY "
    "KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV "
    "MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY "
    "QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG "
    "TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM "
    "ZW ";

SUT_ERR sut_postal_country(struct sut_arena *a, sut_str code, sut_str *ret)
{
    enum { STEP = 3 };
    const size_t n = sizeof(countries) - 1;
    ENSURE(code.n == 2, INVALID);
    for (size_t i = 0; i + STEP <= n; i += STEP) {
        const sut_str known = sut_str_of(countries + i, 2);
        if (!sut_str_eq_nocase(known, code))
            continue;
        *ret = sut_str_dup(a, known);
        ENSURE(ret->p != NULL, NOMEM);
        return SUT_OK;
    }
    FAIL(INVALID);
}

static void add_line(struct sut_buf *b, sut_str v)
{
    if (v.n == 0)
        return;
    if (b->n > 0)
        sut_buf_char(b, '\n');
    sut_buf_str_add(b, v);
}

SUT_ERR sut_postal_text(struct sut_arena *a, const struct sut_postal *p, sut_str *ret)
{
    struct sut_buf b;
    const sut_str code = p->v[SUT_POSTAL_POSTAL_CODE];
    const sut_str city = p->v[SUT_POSTAL_CITY];
    sut_buf_init_arena(&b, a, TEXT_MAX);
    add_line(&b, p->v[SUT_POSTAL_NAME]);
    add_line(&b, p->v[SUT_POSTAL_LINE1]);
    add_line(&b, p->v[SUT_POSTAL_LINE2]);
    add_line(&b, code);
    if (code.n > 0 && city.n > 0) {
        sut_buf_char(&b, ' ');
        sut_buf_str_add(&b, city);
    } else {
        add_line(&b, city);
    }
    add_line(&b, p->v[SUT_POSTAL_REGION]);
    add_line(&b, p->v[SUT_POSTAL_COUNTRY]);
    add_line(&b, p->v[SUT_POSTAL_PHONE]);
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}
