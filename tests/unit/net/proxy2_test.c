/* SPDX-License-Identifier: Apache-2.0 */
#include "net/proxy2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* 203.0.113.9:40000 asks 127.0.0.1:443 */
#define TCP4 SIGNATURE "\x21\x11\0\x0c\xcb\0\x71\x09\x7f\0\0\1\x9c\x40\1\xbb"
/* 2001:db8::9 port 40000 asks ::1 port 443 */
#define TCP6                                                                                       \
    SIGNATURE "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09"                             \
              "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x9c\x40\1\xbb"
#define BYTES(lit_) sut_str_of((lit_), sizeof(lit_) - 1)

static enum sut_proxy2_step read_of(sut_str s, struct sut_proxy2 *ret)
{
    memset(ret, 0, sizeof(*ret));
    return sut_proxy2_read(s, ret);
}

static void the_client_is_read(void **state)
{
    (void) state;
    struct sut_proxy2 h;
    assert_int_equal(read_of(BYTES(TCP4 "GET /"), &h), SUT_PROXY2_DONE);
    assert_true(h.has_client);
    assert_string_equal(h.client.text, "203.0.113.9");
    assert_int_equal(h.client.port, 40000);
    assert_int_equal(h.length, 28);
    assert_int_equal(read_of(BYTES(TCP6), &h), SUT_PROXY2_DONE);
    assert_string_equal(h.client.text, "2001:db8::9");
    assert_int_equal(h.client.port, 40000);
    assert_int_equal(h.length, 52);
    /* A mapped address is the IPv4 one. */
    char mapped[] = TCP6;
    memset(mapped + 16, 0, 10);
    memset(mapped + 26, 0xff, 2);
    memcpy(mapped + 28, "\xc0\0\2\1", 4);
    assert_int_equal(read_of(BYTES(mapped), &h), SUT_PROXY2_DONE);
    assert_string_equal(h.client.text, "192.0.2.1");
}

static void every_cut_is_waited_for_and_every_flipped_bit_of_the_head_is_judged(void **state)
{
    (void) state;
    struct sut_proxy2 h;
    static const char tcp4[] = TCP4;
    for (size_t n = 0; n < sizeof(tcp4) - 1; n++)
        assert_int_equal(read_of(sut_str_of(tcp4, n), &h), SUT_PROXY2_MORE);
    for (size_t bit = 0; bit < 12 * 8; bit++) {
        char bad[] = TCP4;
        bad[bit / 8] = (char) (bad[bit / 8] ^ (char) (1U << bit % 8));
        /* As soon as it is seen. */
        assert_int_equal(read_of(sut_str_of(bad, bit / 8 + 1), &h), SUT_PROXY2_BAD);
        assert_int_equal(read_of(BYTES(bad), &h), SUT_PROXY2_BAD);
    }
    for (unsigned v = 0; v < 256; v++) {
        char other[] = TCP4;
        other[12] = (char) (unsigned char) v;
        assert_int_equal(read_of(BYTES(other), &h),
                         v == 0x20 || v == 0x21 ? SUT_PROXY2_DONE : SUT_PROXY2_BAD);
        assert_int_equal(h.has_client, v == 0x21);
    }
    for (unsigned v = 0; v < 256; v++) {
        char other[] = TCP4;
        other[13] = (char) (unsigned char) v;
        /* 0: it can't tell; TCP4.  TCP6 and UNIX want more bytes than there are. */
        assert_int_equal(read_of(BYTES(other), &h),
                         v == 0x00 || v == 0x11 ? SUT_PROXY2_DONE : SUT_PROXY2_BAD);
        assert_int_equal(h.has_client, v == 0x11);
    }
}

static void lengths_hold(void **state)
{
    (void) state;
    struct sut_proxy2 h;
    char big[SUT_PROXY2_MAX + 64] = TCP4;
    const size_t most = SUT_PROXY2_MAX - SUT_PROXY2_HEAD;
    big[14] = (char) (most >> 8);
    big[15] = (char) (unsigned char) (most & 0xff);
    assert_int_equal(read_of(sut_str_of(big, SUT_PROXY2_MAX - 1), &h), SUT_PROXY2_MORE);
    assert_int_equal(read_of(sut_str_of(big, sizeof(big)), &h), SUT_PROXY2_DONE);
    assert_int_equal(h.length, SUT_PROXY2_MAX);
    big[15] = (char) (unsigned char) ((most + 1) & 0xff);
    big[14] = (char) ((most + 1) >> 8);
    assert_int_equal(read_of(sut_str_of(big, SUT_PROXY2_HEAD), &h), SUT_PROXY2_BAD);
    /* Shorter than its addresses. */
    big[14] = 0;
    big[15] = 11;
    assert_int_equal(read_of(sut_str_of(big, sizeof(big)), &h), SUT_PROXY2_BAD);
    /* LOCAL may have anything, or nothing. */
    big[12] = 0x20;
    assert_int_equal(read_of(sut_str_of(big, sizeof(big)), &h), SUT_PROXY2_DONE);
    assert_false(h.has_client);
    assert_int_equal(h.length, 27);
}

/* ---- the link ---- */

struct top {
    struct sut_filter filter; /* first */
    struct sut_proxied proxied;
    struct sut_filter wire;
    struct sut_buf got;
    unsigned good;
    unsigned bad;
    struct sut_proxy2 header;
};

static void top_bytes(struct sut_filter *f, sut_str bytes)
{
    sut_buf_str_add(&((struct top *) f)->got, bytes);
}

static const struct sut_filter_ops top_ops = { .name = "top", .on_bytes = top_bytes };
static const struct sut_filter_ops wire_ops = { .name = "wire" };

static bool on_proxied(struct sut_filter *f, const struct sut_proxy2 *header)
{
    struct top *t = (struct top *) f;
    if (header == NULL) {
        t->bad++;
        return false;
    }
    t->good++;
    t->header = *header;
    return true;
}

static void begin(struct top *t)
{
    *t = (struct top){ .filter = { .ops = &top_ops }, .wire = { .ops = &wire_ops } };
    sut_buf_init(&t->got, 1 << 16);
    sut_proxied_init(&t->proxied, on_proxied, &t->filter);
    sut_filter_join(&t->wire, &t->proxied.filter);
    sut_filter_join(&t->proxied.filter, &t->filter);
}

static void end(struct top *t)
{
    sut_proxied_done(&t->proxied);
    sut_buf_done(&t->got);
}

static void the_link_takes_the_header_away_however_it_comes(void **state)
{
    (void) state;
    static const char all[] = TCP6 "GET / HTTP/1.1\r\n\r\nmore";
    for (size_t size = 1; size <= sizeof(all) - 1; size++) {
        struct top t;
        begin(&t);
        for (size_t at = 0; at < sizeof(all) - 1; at += size)
            sut_filter_up_bytes(&t.wire, sut_str_sub(BYTES(all), at, at + size));
        assert_int_equal(t.good, 1);
        assert_int_equal(t.bad, 0);
        assert_string_equal(t.header.client.text, "2001:db8::9");
        assert_true(sut_str_is(sut_buf_str(&t.got), "GET / HTTP/1.1\r\n\r\nmore"));
        end(&t);
    }
}

static void nothing_goes_up_after_what_is_no_header(void **state)
{
    (void) state;
    struct top t;
    begin(&t);
    sut_filter_up_bytes(&t.wire, SUT_STR("\r\n\r\n"));
    assert_int_equal(t.bad, 0);
    sut_filter_up_bytes(&t.wire, SUT_STR("GET / HTTP/1.1\r\n"));
    assert_int_equal(t.bad, 1);
    assert_int_equal(t.good, 0);
    assert_int_equal(t.got.n, 0);
    end(&t);
    /* One that promises extensions without end is not held for. */
    begin(&t);
    char big[3 * SUT_PROXY2_MAX] = TCP4;
    big[14] = 0x07;
    big[15] = 0x00;
    sut_filter_up_bytes(&t.wire, sut_str_of(big, sizeof(big)));
    assert_int_equal(t.good, 1);
    assert_int_equal(t.got.n, sizeof(big) - SUT_PROXY2_HEAD - 0x700);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_is_read),
        cmocka_unit_test(every_cut_is_waited_for_and_every_flipped_bit_of_the_head_is_judged),
        cmocka_unit_test(lengths_hold),
        cmocka_unit_test(the_link_takes_the_header_away_however_it_comes),
        cmocka_unit_test(nothing_goes_up_after_what_is_no_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
