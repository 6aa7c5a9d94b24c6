/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "config/place.h"

bool sut_config_goes_out(const struct sut_config *c)
{
    return c->email.host.n > 0 || c->google.client_id.n > 0 || c->facebook.app_id.n > 0;
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
    return n;
}
