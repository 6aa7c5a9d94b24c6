/* SPDX-License-Identifier: Apache-2.0 */
#include "net/proxy2.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum {
    SIGNATURE = 12,
    VERSION_2 = 2,
    COMMAND_LOCAL = 0,
    COMMAND_PROXY = 1,
    FAMILY_UNSPEC = 0x00,
    FAMILY_TCP4 = 0x11,
    FAMILY_TCP6 = 0x21,
    FAMILY_UNIX = 0x31, /* of a stream */
    SIZE_TCP4 = 12,     /* two addresses and two ports */
    SIZE_TCP6 = 36,
    SIZE_UNIX = 216,
};

static const char signature[SIGNATURE + 1] = "\r\n\r\n\0\r\nQUIT\n";

static unsigned byte_at(sut_str s, size_t i)
{
    return (unsigned char) s.p[i];
}

static void take_ipv4(sut_str body, struct sut_addr *ret)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    memcpy(&in.sin_addr, body.p, sizeof(in.sin_addr));
    memcpy(&in.sin_port, body.p + 8, sizeof(in.sin_port));
    sut_ignore(sut_addr_from_sockaddr((const struct sockaddr *) &in, ret), "it is of the family");
}

static void take_ipv6(sut_str body, struct sut_addr *ret)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    memcpy(&in6.sin6_addr, body.p, sizeof(in6.sin6_addr));
    memcpy(&in6.sin6_port, body.p + 32, sizeof(in6.sin6_port));
    sut_ignore(sut_addr_from_sockaddr((const struct sockaddr *) &in6, ret), "it is of the family");
}

/* The address block of a PROXY command; false: of no known family, or too short for its own. */
static bool take_client(unsigned family, sut_str body, struct sut_proxy2 *h)
{
    switch (family) {
    case FAMILY_UNSPEC:
        return true;
    case FAMILY_UNIX:
        return body.n >= SIZE_UNIX;
    case FAMILY_TCP4:
        if (body.n < SIZE_TCP4)
            return false;
        take_ipv4(body, &h->client);
        break;
    case FAMILY_TCP6:
        if (body.n < SIZE_TCP6)
            return false;
        take_ipv6(body, &h->client);
        break;
    default:
        return false;
    }
    h->has_client = true;
    return true;
}

enum sut_proxy2_step sut_proxy2_read(sut_str s, struct sut_proxy2 *ret)
{
    const size_t seen = s.n < SIGNATURE ? s.n : SIGNATURE;
    if (seen > 0 && memcmp(s.p, signature, seen) != 0)
        return SUT_PROXY2_BAD;
    /* What is wrong is refused as soon as it is seen. */
    if (s.n > SIGNATURE &&
        (byte_at(s, SIGNATURE) >> 4 != VERSION_2 || (byte_at(s, SIGNATURE) & 0xf) > COMMAND_PROXY))
        return SUT_PROXY2_BAD;
    if (s.n < SUT_PROXY2_HEAD)
        return SUT_PROXY2_MORE;
    const size_t rest = byte_at(s, 14) << 8 | byte_at(s, 15);
    if (SUT_PROXY2_HEAD + rest > SUT_PROXY2_MAX)
        return SUT_PROXY2_BAD;
    if (s.n < SUT_PROXY2_HEAD + rest)
        return SUT_PROXY2_MORE;
    struct sut_proxy2 h = { .length = SUT_PROXY2_HEAD + rest };
    const sut_str body = sut_str_sub(s, SUT_PROXY2_HEAD, h.length);
    if ((byte_at(s, SIGNATURE) & 0xf) == COMMAND_PROXY && !take_client(byte_at(s, 13), body, &h))
        return SUT_PROXY2_BAD;
    *ret = h;
    return SUT_PROXY2_DONE;
}

/* --- the link --- */

static struct sut_proxied *of(struct sut_filter *f)
{
    return (struct sut_proxied *) f;
}

/* The bytes so far: as they came, or behind those that came before. */
static sut_str gather(struct sut_proxied *p, sut_str bytes)
{
    if (p->held.n == 0)
        return bytes;
    sut_buf_str_add(&p->held, bytes);
    return sut_buf_str(&p->held);
}

static void hold(struct sut_proxied *p, sut_str bytes)
{
    if (p->held.n == 0)
        sut_buf_str_add(&p->held, bytes);
}

static void proxied_bytes(struct sut_filter *f, sut_str bytes)
{
    struct sut_proxied *p = of(f);
    struct sut_proxy2 h;
    if (p->is_over) {
        sut_filter_up_bytes(f, bytes);
        return;
    }
    const size_t before = p->held.n;
    const sut_str head = gather(p, sut_str_sub(bytes, 0, SUT_PROXY2_MAX));
    const enum sut_proxy2_step step = sut_proxy2_read(head, &h);
    if (step == SUT_PROXY2_MORE) {
        hold(p, bytes);
        if (!p->held.overflowed)
            return;
    }
    p->is_over = true;
    const bool is_good = step == SUT_PROXY2_DONE && !p->held.overflowed;
    sut_buf_done(&p->held);
    if (!p->fn(p->top, is_good ? &h : NULL) || !is_good)
        return;
    const size_t used = h.length - before;
    if (used < bytes.n)
        sut_filter_up_bytes(f, sut_str_sub(bytes, used, bytes.n));
}

static const struct sut_filter_ops proxied_ops = {
    .name = "proxy2",
    .on_bytes = proxied_bytes,
};

void sut_proxied_init(struct sut_proxied *p, sut_proxied_fn *fn, struct sut_filter *top)
{
    *p = (struct sut_proxied){ .filter = { .ops = &proxied_ops }, .fn = fn, .top = top };
    /* What is held never is a whole header; one more piece may lie behind it. */
    sut_buf_init(&p->held, 2 * SUT_PROXY2_MAX);
}

void sut_proxied_done(struct sut_proxied *p)
{
    sut_buf_done(&p->held);
}
