/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/visitor.h"

#include <string.h>

#include "guard/cookie.h"
#include "guard/step_int.h"

static const struct sut_device nobody = { .is_known = false };

const struct sut_device *sut_req_device(struct sut_req *r)
{
    if (r->device != NULL)
        return r->device;
    r->device = &nobody;
    if (r->app->device_key == NULL)
        return r->device;
    const sut_str cookie = sut_req_cookie(r, SUT_COOKIE_DEVICE);
    struct sut_device *d = cookie.n == 0 ? NULL : ARENA_NEW(r->arena, struct sut_device);
    if (d != NULL) {
        sut_device_read(r->app->device_key, cookie, d);
        r->device = d;
    }
    return r->device;
}

SUT_ERR sut_req_sign_in_device(struct sut_req *r, const struct sut_device **ret)
{
    const struct sut_device *came = sut_req_device(r);
    if (!came->is_known && r->app->device_key != NULL && !r->sets_device) {
        struct sut_device *d = ARENA_NEW(r->arena, struct sut_device);
        ENSURE(d != NULL, NOMEM);
        TRY(sut_device_make(r->app->device_key, r->app->random, d));
        r->device = d;
    }
    r->sets_device = r->app->device_key != NULL;
    *ret = r->device;
    return SUT_OK;
}

void sut_req_client_digest(struct sut_req *r, unsigned char ret[SUT_CLIENT_DIGEST])
{
    static const struct sut_hmac_key none = { .inner = { 0 } };
    const struct sut_device *d = sut_req_device(r);
    unsigned char mac[SUT_HMAC_SIZE];
    sut_str parts[3] = { SUT_STR("device"), sut_str_of((const char *) d->hash, sizeof(d->hash)),
                         SUT_STR("") };
    if (!d->is_known) {
        parts[0] = SUT_STR("client");
        parts[1] = sut_str_of((const char *) r->client->ip, sizeof(r->client->ip));
        parts[2] = r->x->req->known[SUT_H_USER_AGENT];
    }
    sut_hmac_parts(r->app->device_key == NULL ? &none : r->app->device_key, parts, 3, mac);
    memcpy(ret, mac, SUT_CLIENT_DIGEST);
}

void sut_guard__keep_device(struct sut_req *r)
{
    if (!r->sets_device || r->x->res.status >= 400)
        return;
    const sut_str text = sut_str_of(r->device->text, sizeof(r->device->text));
    sut_ignore(sut_reply_cookie(r, SUT_COOKIE_DEVICE, text, SUT_DEVICE_LIFE_S),
               "without memory the device stays unknown");
}
