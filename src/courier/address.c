/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* The first `bits` of ip. */
struct net {
    unsigned char ip[16];
    unsigned bits;
};

/* clang-format off */
static const struct net special4[] = {
    { { 0 }, 8 },               /* this network */
    { { 10 }, 8 },              /* private */
    { { 100, 64 }, 10 },        /* a carrier's NAT */
    { { 127 }, 8 },             /* loopback */
    { { 169, 254 }, 16 },       /* link-local, metadata of clouds */
    { { 172, 16 }, 12 },        /* private */
    { { 192, 0, 0 }, 24 },      /* protocols */
    { { 192, 0, 2 }, 24 },      /* documentation */
    { { 192, 88, 99 }, 24 },    /* relays of 6to4 */
    { { 192, 168 }, 16 },       /* private */
    { { 198, 18 }, 15 },        /* benchmarks */
    { { 198, 51, 100 }, 24 },   /* documentation */
    { { 203, 0, 113 }, 24 },    /* documentation */
    { { 168, 63, 129, 16 }, 32 }, /* a cloud's own host, in each of its machines */
    { { 224 }, 4 },             /* multicast */
    { { 240 }, 4 },             /* reserved, broadcast */
};

/* All that is outside of 2000::/3 is special: ::, ::1, mapped and compatible IPv4, NAT64, unique
 * local, link-local, site-local, multicast. */
static const struct net global6 = { { 0x20 }, 3 };
static const struct net special6[] = {
    { { 0x20, 0x01, 0x00 }, 23 },             /* protocols: Teredo, ORCHID, benchmarks */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 },       /* documentation */
    { { 0x20, 0x02 }, 16 },                   /* 6to4: an IPv4 address */
    { { 0x3f, 0xfe }, 16 },                   /* 6bone, given back */
    { { 0x3f, 0xff, 0x00 }, 20 },             /* documentation */
};
/* clang-format on */

SUT_ERR sut_address_of(const struct sockaddr *sa, struct sut_address *ret)
{
    *ret = (struct sut_address){ .is_v6 = sa->sa_family == AF_INET6 };
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        memcpy(ret->ip, &in.sin_addr, 4);
        return SUT_OK;
    }
    ENSURE(ret->is_v6, INVALID);
    struct sockaddr_in6 in6;
    memcpy(&in6, sa, sizeof(in6));
    ENSURE(in6.sin6_scope_id == 0, INVALID);
    memcpy(ret->ip, &in6.sin6_addr, 16);
    return SUT_OK;
}

static bool is_in(const unsigned char *ip, const struct net *n)
{
    const size_t whole = n->bits / 8;
    const unsigned rest = n->bits % 8;
    if (memcmp(ip, n->ip, whole) != 0)
        return false;
    const unsigned mask = 0xffU << (8 - rest) & 0xffU;
    return rest == 0 || (ip[whole] & mask) == (n->ip[whole] & mask);
}

/* ISATAP: the interface is 0000:5efe or 0200:5efe and an IPv4 address. */
static bool is_isatap(const unsigned char *ip)
{
    return (ip[8] == 0 || ip[8] == 2) && ip[9] == 0 && ip[10] == 0x5e && ip[11] == 0xfe;
}

bool sut_address_is_public(const struct sut_address *a)
{
    if (!a->is_v6) {
        for (size_t i = 0; i < sizeof(special4) / sizeof(special4[0]); i++)
            if (is_in(a->ip, &special4[i]))
                return false;
        return true;
    }
    if (!is_in(a->ip, &global6) || is_isatap(a->ip))
        return false;
    for (size_t i = 0; i < sizeof(special6) / sizeof(special6[0]); i++)
        if (is_in(a->ip, &special6[i]))
            return false;
    return true;
}

bool sut_address_is_loopback(const struct sut_address *a)
{
    static const unsigned char one[16] = { [15] = 1 };
    return a->is_v6 ? memcmp(a->ip, one, sizeof(one)) == 0 : a->ip[0] == 127;
}

bool sut_address_eq(const struct sut_address *a, const struct sut_address *b)
{
    return a->is_v6 == b->is_v6 && memcmp(a->ip, b->ip, a->is_v6 ? 16 : 4) == 0;
}

void sut_address_text(const struct sut_address *a, char ret[SUT_ADDRESS_TEXT_MAX])
{
    SUT_BUG_IF(inet_ntop(a->is_v6 ? AF_INET6 : AF_INET, a->ip, ret, SUT_ADDRESS_TEXT_MAX) == NULL);
}
