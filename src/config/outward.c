/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "config/own.h"
#include "config/place.h"
#include "config/setting.h"

/* In a role that is not given a secret its row tells that there is one (pack.c). */
static bool is_set(const struct sut_config *c, const struct sut_secret *own, const char *section)
{
    const struct sut_setting *s = sut_setting__find(sut_str_from(section), SUT_STR("secret_key"));
    SUT_BUG_IF(s == NULL);
    return own != NULL || c->own->values[sut_setting__index(s)].is_elsewhere;
}

bool sut_config_has_stripe(const struct sut_config *c)
{
    return is_set(c, c->stripe.secret_key, "stripe");
}

bool sut_config_has_paystack(const struct sut_config *c)
{
    return is_set(c, c->paystack.secret_key, "paystack");
}

void sut_config_clamd(const struct sut_config *c, struct sut_config_clamd *ret)
{
    sut_ignore(sut_place__clamd(c->uploads.clamd, ret), "it was checked, or is not set");
}

bool sut_config_goes_out(const struct sut_config *c)
{
    return c->email.host.n > 0 || c->google.client_id.n > 0 || c->facebook.app_id.n > 0 ||
           sut_config_has_stripe(c) || sut_config_has_paystack(c) || c->uploads.clamd.n > 0 ||
           c->uploads.store == SUT_UPLOADS_S3;
}

static void add(uint16_t *ports, size_t *n, uint16_t port)
{
    for (size_t i = 0; i < *n; i++)
        if (ports[i] == port)
            return;
    if (port != 0)
        ports[(*n)++] = port;
}

size_t sut_config_ports_out(const struct sut_config *c, uint16_t ret[SUT_CONFIG_PORTS_OUT_MAX])
{
    size_t n = 0;
    if (c->email.host.n > 0)
        add(ret, &n, (uint16_t) c->email.port);
    if (c->google.client_id.n > 0)
        add(ret, &n, sut_place__port(c->google.keys_url));
    if (c->facebook.app_id.n > 0)
        add(ret, &n, sut_place__port(c->facebook.graph_url));
    if (sut_config_has_stripe(c))
        add(ret, &n, sut_place__port(c->stripe.api_url));
    if (sut_config_has_paystack(c))
        add(ret, &n, sut_place__port(c->paystack.api_url));
    if (c->uploads.store == SUT_UPLOADS_S3)
        add(ret, &n, sut_place__port(c->s3.endpoint));
    struct sut_config_clamd clamd;
    sut_config_clamd(c, &clamd);
    add(ret, &n, clamd.port);
    return n;
}
