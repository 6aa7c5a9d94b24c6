/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/cookie.h"

#include "codec/cookie.h"

enum { FIELD_MAX = 4096 };

struct kind {
    const char *name;
    const char *plain_name;
    enum sut_same_site same_site;
};

static const struct kind kinds[] = {
    [SUT_COOKIE_REFRESH] = { "__Host-sutler_refresh", "sutler_refresh", SUT_SAME_SITE_STRICT },
    [SUT_COOKIE_DEVICE] = { "__Host-sutler_device", "sutler_device", SUT_SAME_SITE_LAX },
    [SUT_COOKIE_CART] = { "__Host-sutler_cart", "sutler_cart", SUT_SAME_SITE_LAX },
};

static const char *name_of(const struct sut_req *r, enum sut_cookie_name name)
{
    return r->is_secure ? kinds[name].name : kinds[name].plain_name;
}

sut_str sut_req_cookie(struct sut_req *r, enum sut_cookie_name name)
{
    const struct sut_http_request *q = r->x->req;
    struct sut_cookies all;
    sut_str value = { 0 };
    /* One field alone: of two, which a proxy or an attacker added can't be told. */
    if (q->known_n[SUT_H_COOKIE] != 1)
        return value;
    if (sut_failed(sut_cookie_parse(r->arena, q->known[SUT_H_COOKIE], &all)) ||
        sut_failed(sut_cookie_find(&all, name_of(r, name), &value)))
        return (sut_str){ 0 };
    return value;
}

SUT_ERR sut_reply_cookie(struct sut_req *r, enum sut_cookie_name name, sut_str value,
                         int64_t life_s)
{
    const struct sut_set_cookie c = {
        .name = sut_str_from(name_of(r, name)),
        .value = value,
        .max_age_s = life_s,
        .same_site = kinds[name].same_site,
        .secure = r->is_secure,
        .http_only = true,
    };
    struct sut_buf field;
    sut_buf_init_arena(&field, r->arena, FIELD_MAX);
    TRY(sut_cookie_render(&field, &c));
    TRY(sut_buf_check(&field));
    sut_response_header(&r->x->res, SUT_STR("Set-Cookie"), sut_buf_str(&field));
    return SUT_OK;
}
