/* SPDX-License-Identifier: Apache-2.0 */
#include "net/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static const uint8_t MAPPED[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

enum { PREFIX_64 = 8 };

static void set_text(struct sut_addr *a)
{
    const bool is_v4 = sut_addr_is_ipv4(a);
    const void *from = is_v4 ? a->ip + sizeof(MAPPED) : a->ip;
    SUT_BUG_IF(inet_ntop(is_v4 ? AF_INET : AF_INET6, from, a->text, sizeof(a->text)) == NULL);
}

static void set_ipv4(struct sut_addr *a, const void *four)
{
    memcpy(a->ip, MAPPED, sizeof(MAPPED));
    memcpy(a->ip + sizeof(MAPPED), four, 4);
}

SUT_ERR sut_addr_from_sockaddr(const struct sockaddr *sa, struct sut_addr *ret)
{
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        set_ipv4(ret, &in.sin_addr);
        ret->port = ntohs(in.sin_port);
    } else {
        ENSURE(sa->sa_family == AF_INET6, INVALID);
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        memcpy(ret->ip, &in6.sin6_addr, sizeof(ret->ip));
        ret->port = ntohs(in6.sin6_port);
    }
    set_text(ret);
    return SUT_OK;
}

SUT_ERR sut_addr_parse(sut_str s, struct sut_addr *ret)
{
    char z[INET6_ADDRSTRLEN];
    ENSURE(s.n > 0 && s.n < sizeof(z) && memchr(s.p, '\0', s.n) == NULL, PARSE);
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, z, &four) == 1) {
        set_ipv4(ret, &four);
    } else {
        ENSURE(inet_pton(AF_INET6, z, &six) == 1, PARSE);
        memcpy(ret->ip, &six, sizeof(ret->ip));
    }
    ret->port = 0;
    set_text(ret);
    return SUT_OK;
}

bool sut_addr_is_ipv4(const struct sut_addr *a)
{
    return memcmp(a->ip, MAPPED, sizeof(MAPPED)) == 0;
}

bool sut_addr_is_loopback(const struct sut_addr *a)
{
    static const uint8_t one[16] = { [15] = 1 };
    return sut_addr_is_ipv4(a) ? a->ip[12] == 127 : memcmp(a->ip, one, sizeof(one)) == 0;
}

bool sut_addr_eq(const struct sut_addr *a, const struct sut_addr *b)
{
    return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

void sut_addr_limit_key(const struct sut_addr *a, uint8_t ret[16])
{
    memcpy(ret, a->ip, 16);
    if (!sut_addr_is_ipv4(a))
        memset(ret + PREFIX_64, 0, 16 - PREFIX_64);
}
