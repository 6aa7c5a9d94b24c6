/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "config/config.h"
#include "guard/guard.h"
#include "guard/step_int.h"

enum { HOPS_MAX = 32 };

static bool is_in(const struct sut_config_net *net, const struct sut_addr *a)
{
    if (net->is_v6 == sut_addr_is_ipv4(a))
        return false;
    const uint8_t *ip = net->is_v6 ? a->ip : a->ip + 12;
    const unsigned whole = net->bits / 8;
    const unsigned rest = net->bits % 8;
    for (unsigned i = 0; i < whole; i++)
        if (ip[i] != net->addr[i])
            return false;
    return rest == 0 || (ip[whole] ^ net->addr[whole]) >> (8 - rest) == 0;
}

static bool is_proxy(const struct sut_config_nets *trusted, const struct sut_addr *a)
{
    for (size_t i = 0; i < trusted->n; i++)
        if (is_in(&trusted->items[i], a))
            return true;
    return false;
}

bool sut_guard_is_proxy(const void *config, const struct sut_addr *peer)
{
    const struct sut_config *c = config;
    return is_proxy(&c->proxy.trusted, peer);
}

/* One hop as proxies write it: an address, or one with a port behind it. */
static bool read_hop(sut_str text, struct sut_addr *ret)
{
    sut_str s = sut_str_trim(text);
    if (s.n > 0 && s.p[0] == '[')
        s = sut_str_sub(s, 1, sut_str_find(s, 0, ']'));
    if (!sut_failed(sut_addr_parse(s, ret)))
        return true;
    const size_t colon = sut_str_find(s, 0, ':');
    return colon < s.n && !sut_failed(sut_addr_parse(sut_str_sub(s, 0, colon), ret));
}

/*
 * Walk one field from its right end while the hops are proxies of ours; true
 * when the walk is over: at a stranger, or at what is no address.
 */
static bool walk(const struct sut_config_nets *trusted, sut_str field, unsigned *hops,
                 struct sut_addr *client)
{
    size_t end = field.n;
    for (size_t i = field.n + 1; i > 0; i--) {
        if (i > 1 && field.p[i - 2] != ',')
            continue;
        struct sut_addr hop;
        if (++*hops > HOPS_MAX || !read_hop(sut_str_sub(field, i - 1, end), &hop))
            return true;
        *client = hop;
        if (!is_proxy(trusted, &hop))
            return true;
        end = i > 1 ? i - 2 : 0;
    }
    return false;
}

void sut_guard__forwarded(struct sut_req *r)
{
    const struct sut_config_nets *trusted = &r->app->config->proxy.trusted;
    const struct sut_http_request *q = r->x->req;
    if (trusted->n == 0 || !is_proxy(trusted, r->x->via))
        return;
    if (q->known_n[SUT_H_X_FORWARDED_PROTO] == 1 &&
        sut_str_eq_nocase(q->known[SUT_H_X_FORWARDED_PROTO], SUT_STR("https")))
        r->is_secure = true;
    /* Whom the proxy named by its own protocol stands closer than any field. */
    if (q->known_n[SUT_H_X_FORWARDED_FOR] == 0 || !is_proxy(trusted, r->x->peer))
        return;
    struct sut_addr *client = ARENA_NEW(r->arena, struct sut_addr);
    if (client == NULL)
        return;
    *client = *r->x->peer;
    unsigned hops = 0;
    for (size_t i = q->n_headers; i > 0; i--)
        if (q->headers[i - 1].known == SUT_H_X_FORWARDED_FOR &&
            walk(trusted, q->headers[i - 1].value, &hops, client))
            break;
    r->client = client;
}
