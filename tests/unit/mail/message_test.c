/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/b64url.h"
#include "mail/message.h"
#include "with_arena.h"

enum { OUT_MAX = 256 * 1024 };

static struct sut_message plain_message(void)
{
    return (struct sut_message){
        .from_name = SUT_STR("Shop"),
        .from = SUT_STR("shop@shop.example"),
        .to_name = SUT_STR("Sarah Jones"),
        .to = SUT_STR("sarah@example.org"),
        .subject = SUT_STR("Hello"),
        .message_id = SUT_STR("<1.2@shop.example>"),
        .date = { INT64_C(1770000000000) },
        .text = SUT_STR("Hello Sarah,\n\nhow are you?\n"),
        .html = SUT_STR("<p>Hello Sarah</p>\n"),
    };
}

static sut_str written(struct sut_arena *a, const struct sut_message *m)
{
    struct sut_buf out;
    sut_buf_init_arena(&out, a, OUT_MAX);
    assert_int_equal(sut_message_write(m, &out).code, SUT_E_OK);
    return sut_buf_str(&out);
}

static bool has(sut_str s, const char *what)
{
    return memmem(s.p, s.n, what, strlen(what)) != NULL;
}

/* CRLF alone, ASCII alone, no control characters, no line above 78. */
static void assert_is_wire(sut_str s)
{
    size_t column = 0;
    for (size_t i = 0; i < s.n; i++) {
        const unsigned char c = (unsigned char) s.p[i];
        if (c == '\r') {
            assert_true(i + 1 < s.n && s.p[i + 1] == '\n');
            continue;
        }
        if (c == '\n') {
            assert_true(i > 0 && s.p[i - 1] == '\r');
            assert_in_range(column, 0, 78);
            column = 0;
            continue;
        }
        assert_true((c >= ' ' && c <= '~') || c == '\t');
        column++;
    }
    assert_int_equal(column, 0);
}

/* The value of a header, unfolded, its encoded words decoded. */
static sut_str header(struct sut_arena *a, sut_str message, const char *name)
{
    struct sut_buf b;
    struct sut_buf out;
    const size_t n = strlen(name);
    size_t at = 0;
    sut_buf_init_arena(&b, a, OUT_MAX);
    sut_buf_init_arena(&out, a, OUT_MAX);
    sut_buf_lit(&b, "");
    for (; at < message.n; at = sut_str_find(message, at, '\n') + 1)
        if (message.n - at > n && memcmp(message.p + at, name, n) == 0 && message.p[at + n] == ':')
            break;
    assert_true(at < message.n);
    for (at += n + 1;;) {
        const size_t end = sut_str_find(message, at, '\n');
        sut_buf_str_add(&b, sut_str_sub(message, at, end - 1));
        at = end + 1;
        if (at >= message.n || (message.p[at] != ' ' && message.p[at] != '\t'))
            break;
    }
    const sut_str raw = sut_str_trim(sut_buf_str(&b));
    bool was_encoded = false;
    for (size_t i = 0; i < raw.n;) {
        const sut_str rest = sut_str_sub(raw, i, raw.n);
        if (sut_str_starts(rest, SUT_STR("=?utf-8?B?"))) {
            const size_t end = sut_str_find(rest, 10, '?');
            unsigned char bytes[64];
            size_t got = 0;
            /* Blanks between two encoded words are none (RFC 2047 6.2). */
            if (was_encoded)
                out.n--;
            assert_in_range(end + 2, 12, 75);
            assert_int_equal(sut_b64_decode(SUT_B64_PADDED, sut_str_sub(rest, 10, end), bytes,
                                            sizeof(bytes), &got)
                                 .code,
                             SUT_E_OK);
            sut_buf_add(&out, (const char *) bytes, got);
            i += end + 2;
            was_encoded = true;
            continue;
        }
        was_encoded = was_encoded && raw.p[i] == ' ';
        sut_buf_char(&out, raw.p[i++]);
    }
    return sut_buf_str(&out);
}

static sut_str unquoted(struct sut_arena *a, sut_str s)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, OUT_MAX);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '=' && s.p[i + 1] == '\r') {
            i += 2;
        } else if (s.p[i] == '=') {
            static const char hex[] = "0123456789ABCDEF";
            const size_t high = (size_t) (strchr(hex, s.p[i + 1]) - hex);
            const size_t low = (size_t) (strchr(hex, s.p[i + 2]) - hex);
            sut_buf_char(&b, (char) (high * 16 + low));
            i += 2;
        } else if (s.p[i] != '\r') {
            sut_buf_char(&b, s.p[i]);
        }
    }
    return sut_buf_str(&b);
}

static void a_message_has_what_it_needs(void **state)
{
    const struct sut_message m = plain_message();
    const sut_str s = written(*state, &m);
    assert_is_wire(s);
    assert_true(has(s, "Date: Mon, 02 Feb 2026 02:40:00 +0000\r\n"));
    assert_true(has(s, "From: \"Shop\" <shop@shop.example>\r\n"));
    assert_true(has(s, "To: \"Sarah Jones\" <sarah@example.org>\r\n"));
    assert_true(has(s, "Subject: Hello\r\n"));
    assert_true(has(s, "Message-ID: <1.2@shop.example>\r\n"));
    assert_true(has(s, "Auto-Submitted: auto-generated\r\n"));
    assert_true(has(s, "MIME-Version: 1.0\r\n"));
    assert_true(has(s, "Content-Type: multipart/alternative;\r\n boundary=\"=_"));
    assert_true(has(s, "Content-Type: text/plain; charset=utf-8\r\n"));
    assert_true(has(s, "Content-Type: text/html; charset=utf-8\r\n"));
    assert_true(sut_str_ends(s, SUT_STR("--\r\n")));
}

static void the_same_mail_is_the_same_bytes(void **state)
{
    const struct sut_message m = plain_message();
    assert_true(sut_str_eq(written(*state, &m), written(*state, &m)));
}

static void nothing_from_outside_begins_a_header(void **state)
{
    static const char *const evil[] = {
        "Sarah\r\nBcc: all@example.org",
        "Sarah\nBcc: all@example.org",
        "Sarah\rBcc: all@example.org",
        "\r\n\r\n<p>body</p>",
        "a\xe2\x80\xa8"
        "Bcc: x@example.org", /* line separator */
        "a\xc2\x85"
        "Bcc: x@example.org", /* next line, of C1 */
        "a\x0b"
        "b\x0c"
        "c\x01"
        "d\x7f",
        "=?utf-8?B?DQpCY2M6IHhAZXhhbXBsZS5vcmc=?=", /* taken as it is written */
        "\\\"\r\nBcc: x@example.org",
        "\xff\xfe\r\nBcc: x@example.org",
    };
    for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
        struct sut_message m = plain_message();
        m.to_name = sut_str_from(evil[i]);
        m.from_name = sut_str_from(evil[i]);
        m.subject = sut_str_from(evil[i]);
        const sut_str s = written(*state, &m);
        assert_is_wire(s);
        assert_false(has(s, "\nBcc:"));
        assert_false(has(s, "?DQpCY2M6"));
        const sut_str head =
            sut_str_of(s.p, (size_t) ((const char *) memmem(s.p, s.n, "\r\n\r\n", 4) - s.p));
        assert_true(has(head, "Message-ID: <1.2@shop.example>"));
    }
}

static void an_address_that_breaks_a_header_is_refused(void **state)
{
    static const char *const evil[] = {
        "",
        "a b@example.org",
        "a@example.org>\r\nBcc: x",
        "a@ex\nample.org",
        "<a@example.org>",
        "a@b\xc3\xbc\x63her.example",
        "a\x7f@example.org",
    };
    for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
        struct sut_message m = plain_message();
        struct sut_buf out;
        sut_buf_init_arena(&out, *state, OUT_MAX);
        m.to = sut_str_from(evil[i]);
        assert_int_equal(sut_message_write(&m, &out).code, SUT_E_INVALID);
        m = plain_message();
        m.from = sut_str_from(evil[i]);
        assert_int_equal(sut_message_write(&m, &out).code, SUT_E_INVALID);
        m = plain_message();
        m.message_id = SUT_STR("<1@x>\r\nBcc: y");
        assert_int_equal(sut_message_write(&m, &out).code, SUT_E_INVALID);
    }
}

static void words_of_other_scripts_are_encoded_and_come_back(void **state)
{
    static const char *const words[] = {
        "Gr\xc3\xbc\xc3\x9f"
        "e",
        "\xf0\x9f\x8e\x89 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7 hooray",
        "\xe4\xbb\x96\xe4\xbb\xac\xe4\xb8\xba\xe4\xbb\x80\xe4\xb9\x88\xe4\xb8\x8d\xe8\xaf\xb4"
        "\xe4\xb8\xad\xe6\x96\x87\xe4\xbb\x96\xe4\xbb\xac\xe4\xb8\xba\xe4\xbb\x80\xe4\xb9\x88"
        "\xe4\xb8\x8d\xe8\xaf\xb4\xe4\xb8\xad\xe6\x96\x87",
        "=?utf-8?Q?as=20it=20is?=",
        "a word and another and another and another and another and another and another and more",
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct sut_message m = plain_message();
        m.subject = sut_str_from(words[i]);
        const sut_str s = written(*state, &m);
        assert_is_wire(s);
        const sut_str got = header(*state, s, "Subject");
        if (!sut_str_is(got, words[i]))
            fail_msg("%.*s is not %s", SUT_STR_ARG(got), words[i]);
    }
}

static void a_display_name_is_quoted_or_encoded(void **state)
{
    struct sut_message m = plain_message();
    m.to_name = SUT_STR("O\"Brien \\ Co., <x@y.example>");
    assert_true(has(written(*state, &m),
                    "To: \"O\\\"Brien \\\\ Co., <x@y.example>\" <sarah@example.org>\r\n"));
    m.to_name = SUT_STR("Zo\xc3\xab");
    assert_true(has(written(*state, &m), "To: =?utf-8?B?Wm/Dqw==?= <sarah@example.org>\r\n"));
    m.to_name = SUT_STR("");
    assert_true(has(written(*state, &m), "To: <sarah@example.org>\r\n"));
    m.to_name = SUT_STR(" \r\n\t ");
    assert_true(has(written(*state, &m), "To: <sarah@example.org>\r\n"));
}

/* What is written with a backslash is as long as it is written. */
static void a_name_of_quotes_fits_its_line(void **state)
{
    static const char quotes[] = "\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\"
                                 "\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\";
    struct sut_arena *a = *state;
    struct sut_message m = plain_message();
    for (size_t n = 1; n < sizeof(quotes); n++) {
        m.to_name = sut_str_of(quotes, n);
        const sut_str s = written(a, &m);
        assert_is_wire(s);
        assert_true(has(s, "<sarah@example.org>\r\n"));
    }
}

static void long_words_are_cut(void **state)
{
    struct sut_arena *a = *state;
    const size_t n = 100000;
    char *p = sut_arena_bytes(a, n);
    memset(p, 'x', n);
    struct sut_message m = plain_message();
    m.to_name = sut_str_of(p, n);
    m.subject = sut_str_of(p, n);
    const sut_str s = written(a, &m);
    assert_is_wire(s);
    assert_in_range(s.n, 1, 4096);
    assert_int_equal(header(a, s, "Subject").n, SUT_MESSAGE_SUBJECT_MAX);
}

static void a_long_address_stands_on_a_line_of_its_own(void **state)
{
    struct sut_arena *a = *state;
    char address[321];
    memset(address, 'a', 320);
    memcpy(address + 300, "@example.org", 12);
    struct sut_message m = plain_message();
    m.to = sut_str_of(address, 312);
    const sut_str s = written(a, &m);
    assert_true(has(s, "To: \"Sarah Jones\"\r\n <aaaa"));
    m.to = sut_str_of(address, 320);
    memset(address + 308, 'b', 12);
    assert_true(has(written(a, &m), "\r\n <aaaa"));
}

static void a_body_comes_back_whatever_is_in_it(void **state)
{
    struct sut_arena *a = *state;
    static const char *const bodies[] = {
        "plain\n",
        "\n\n\n",
        "blank at the end \nand a tab\t\n",
        ".\n..\n.leading dot\nFrom me\n",
        "1+1=2 \xe2\x82\xac 5 \xf0\x9f\x8e\x89\n",
        /* the brackets: two literals on purpose */
        ("https://shop.example/"
         "verify-email?token=abcdefghijklmnopqrstuvwxyz0123456789abcdefg=3D==\n"),
        "--=_0123456789abcdef\n",
        "bytes \x01\x02\xff\n",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct sut_buf b;
        sut_buf_init_arena(&b, a, OUT_MAX);
        sut_message_quoted(&b, sut_str_from(bodies[i]));
        assert_is_wire(sut_buf_str(&b));
        assert_false(has(sut_buf_str(&b), "=_"));
        assert_true(sut_str_is(unquoted(a, sut_buf_str(&b)), bodies[i]));
    }
}

static void no_line_of_a_body_is_too_long_at_any_length(void **state)
{
    struct sut_arena *a = *state;
    static const char *const units[] = { "x", "=", " ", "\xc3\xa9", "F", "." };
    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++)
        for (size_t n = 0; n < 240; n++) {
            struct sut_buf text;
            struct sut_buf b;
            const struct sut_mark mark = sut_arena_mark(a);
            sut_buf_init_arena(&text, a, OUT_MAX);
            sut_buf_init_arena(&b, a, OUT_MAX);
            for (size_t i = 0; i < n; i++)
                sut_buf_z(&text, units[u]);
            sut_buf_char(&text, '\n');
            sut_message_quoted(&b, sut_buf_str(&text));
            const sut_str s = sut_buf_str(&b);
            for (size_t at = 0; at < s.n;) {
                const size_t end = sut_str_find(s, at, '\n');
                assert_in_range(end - 1 - at, 0, 76);
                /* Blanks at a line's end get lost on the way. */
                assert_true(end < 2 || end - 1 == at || s.p[end - 2] != ' ');
                at = end + 1;
            }
            assert_true(sut_str_eq(unquoted(a, s), sut_buf_str(&text)));
            sut_arena_rewind(a, mark);
        }
}

static void a_message_is_shown_to_be_read(void **state)
{
    struct sut_arena *a = *state;
    struct sut_message m = plain_message();
    struct sut_buf out;
    m.text =
        SUT_STR("Hello,\n\nhttps://shop.example/?token=abcdefghijklmnopqrstuvwxyz0123456789abcdefgh"
                "ijklmnopqrstuvwxyz\n\xf0\x9f\x8e\x89 \x1b[31mred\n");
    sut_buf_init_arena(&out, a, OUT_MAX);
    sut_message_text(written(a, &m), &out);
    const sut_str s = sut_buf_str(&out);
    assert_true(sut_str_starts(s, SUT_STR("Date: ")));
    assert_true(has(s, "Subject: Hello\nMessage-ID: "));
    assert_true(has(s,
                    "\n\nHello,\n\nhttps://shop.example/?token=abcdefghijklmnopqrstuvwxyz0123456789"
                    "abcdefghijklmnopqrstuvwxyz\n"));
    assert_true(has(s, "\xf0\x9f\x8e\x89 \xef\xbf\xbd[31mred\n"));
    assert_false(has(s, "\r") || has(s, "<p>") || has(s, "quoted-printable"));
    static const char *const odd[] = {
        "", "\r\n\r\n", "Subject: x", "\r\n\r\n\r\n\r\n=", "=\r", "a\r\n\r\nb\r\n\r\n=4"
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        sut_buf_reset(&out);
        sut_message_text(sut_str_from(odd[i]), &out);
        assert_false(sut_failed(sut_buf_check(&out)));
    }
}

static void a_message_that_does_not_fit_is_told(void **state)
{
    (void) state;
    const struct sut_message m = plain_message();
    char bytes[300];
    struct sut_buf out = { .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
    assert_int_equal(sut_message_write(&m, &out).code, SUT_E_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_what_it_needs),
        cmocka_unit_test(the_same_mail_is_the_same_bytes),
        cmocka_unit_test(nothing_from_outside_begins_a_header),
        cmocka_unit_test(an_address_that_breaks_a_header_is_refused),
        cmocka_unit_test(words_of_other_scripts_are_encoded_and_come_back),
        cmocka_unit_test(a_display_name_is_quoted_or_encoded),
        cmocka_unit_test(a_name_of_quotes_fits_its_line),
        cmocka_unit_test(long_words_are_cut),
        cmocka_unit_test(a_long_address_stands_on_a_line_of_its_own),
        cmocka_unit_test(a_body_comes_back_whatever_is_in_it),
        cmocka_unit_test(no_line_of_a_body_is_too_long_at_any_length),
        cmocka_unit_test(a_message_is_shown_to_be_read),
        cmocka_unit_test(a_message_that_does_not_fit_is_told),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
