/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/cookie.h"

#include "codec/cookie.h"
#include "config/config.h"

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

enum sut_cookie_state sut_req_cookie_look(struct sut_req *r, enum sut_cookie_name name,
                                          sut_str *ret)
{
    const struct sut_http_request *q = r->x->req;
    struct sut_cookies all;
    *ret = (sut_str){ 0 };
    if (q->known_n[SUT_H_COOKIE] == 0)
        return SUT_COOKIE_ABSENT;
    /* One field alone: of two, which a proxy or an attacker added can't be told. */
    if (q->known_n[SUT_H_COOKIE] > 1 ||
        sut_failed(sut_cookie_parse(r->arena, q->known[SUT_H_COOKIE], &all)))
        return SUT_COOKIE_DOUBTFUL;
    const sut_err e = sut_cookie_find(&all, name_of(r, name), ret);
    if (e.code == SUT_E_NOT_FOUND)
        return SUT_COOKIE_ABSENT;
    return sut_failed(e) ? SUT_COOKIE_DOUBTFUL : SUT_COOKIE_CAME;
}

sut_str sut_req_cookie(struct sut_req *r, enum sut_cookie_name name)
{
    sut_str value = { 0 };
    return sut_req_cookie_look(r, name, &value) == SUT_COOKIE_CAME ? value : (sut_str){ 0 };
}

/* For a front end on another site all of them must be None, or none of them would come back. */
static enum sut_same_site same_site_of(const struct sut_req *r, enum sut_cookie_name name)
{
    const enum sut_config_same_site set = r->app->config->cookies.same_site;
    if (set == SUT_CONFIG_SITE_NONE)
        return r->is_secure ? SUT_SAME_SITE_NONE : SUT_SAME_SITE_LAX;
    if (name == SUT_COOKIE_REFRESH && set == SUT_CONFIG_SITE_LAX)
        return SUT_SAME_SITE_LAX;
    return kinds[name].same_site;
}

SUT_ERR sut_reply_cookie(struct sut_req *r, enum sut_cookie_name name, sut_str value,
                         int64_t life_s)
{
    const struct sut_set_cookie c = {
        .name = sut_str_from(name_of(r, name)),
        .value = value,
        .max_age_s = life_s,
        .same_site = same_site_of(r, name),
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
