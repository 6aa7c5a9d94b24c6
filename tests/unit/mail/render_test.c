/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "codec/json.h"
#include "codec/json_out.h"
#include "corpora.h"
#include "mail/mail.h"
#include "mail/template.h"
#include "with_arena.h"

enum { OUT_MAX = 256 * 1024 };

static const struct sut_mail_sender shop = {
    .shop = SUT_STR_INIT("Tom & Kate's <Shop>"),
    .from = SUT_STR_INIT("The Shop <shop@shop.example>"),
    .public_url = SUT_STR_INIT("https://shop.example"),
};

static const char full[] =
    "{\"link\":\"https://shop.example/x?token=abc&b=1\",\"device\":\"Fire<fox> \\\"1\\\" & 'co'\","
    "\"what\":\"an <b>app</b>\",\"addr\":\"192.0.2.0/24\",\"at\":1770000000000}";

static sut_err render(struct sut_arena *a, enum sut_mail_kind k, const char *payload,
                      const char *name, sut_str *ret, sut_str *ret_to)
{
    struct sut_buf out;
    sut_buf_init_arena(&out, a, OUT_MAX);
    const sut_err e = sut_mail_render(
        a, &shop, k, sut_str_from(payload), SUT_STR("Sarah@B\xc3\xbc\x63her.example"),
        sut_str_from(name), SUT_STR("<1.2@shop.example>"), (sut_ms){ 1770000000000 }, &out, ret_to);
    *ret = sut_buf_str(&out);
    return e;
}

/* The n-th part (0: text, 1: HTML), with what quoted-printable wrote undone. */
static sut_str part(struct sut_arena *a, sut_str message, const char *type)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, OUT_MAX);
    const char *at = memmem(message.p, message.n, type, strlen(type));
    assert_non_null(at);
    at = strstr(at, "\r\n\r\n") + 4;
    const char *const end = memmem(at, message.n - (size_t) (at - message.p), "\r\n--=_", 6);
    for (; at < end; at++) {
        unsigned v = 0;
        if (at[0] == '=' && at[1] == '\r') {
            at += 2;
        } else if (at[0] == '=') {
            assert_int_equal(sscanf(at + 1, "%2X", &v), 1);
            sut_buf_char(&b, (char) v);
            at += 2;
        } else if (at[0] != '\r') {
            sut_buf_char(&b, at[0]);
        }
    }
    return sut_buf_str(&b);
}

static bool has(sut_str s, const char *what)
{
    return memmem(s.p, s.n, what, strlen(what)) != NULL;
}

/* The payload of a kind: without a link for those that have none. */
static const char *payload_of(enum sut_mail_kind k)
{
    static const char no_link[] = "{\"device\":\"Fire<fox>\",\"what\":\"an <b>app</b>\","
                                  "\"addr\":\"192.0.2.0/24\",\"at\":1770000000000}";
    return sut_mail_templates[k].button != NULL ? full : no_link;
}

static void each_mail_has_both_parts_and_its_words(void **state)
{
    struct sut_arena *a = *state;
    for (int k = 0; k < SUT_MAIL_KINDS; k++) {
        const struct sut_mail_template *const t = &sut_mail_templates[k];
        sut_str s = { 0 };
        sut_str to = { 0 };
        assert_non_null(t->subject);
        assert_non_null(t->says[0]);
        assert_non_null(t->note);
        assert_int_equal(
            render(a, (enum sut_mail_kind) k, payload_of((enum sut_mail_kind) k), "Sarah", &s, &to)
                .code,
            SUT_E_OK);
        assert_true(sut_str_is(to, "Sarah@xn--bcher-kva.example"));
        const sut_str text = part(a, s, "text/plain");
        const sut_str html = part(a, s, "text/html");
        assert_true(has(text, "Hello Sarah,\n"));
        assert_true(has(text, "Tom & Kate's <Shop>"));
        assert_true(has(text, "https://shop.example\n"));
        assert_true(has(html, "Tom &amp; Kate&#39;s &lt;Shop&gt;"));
        assert_int_equal(has(text, "token=abc&b=1\n"), t->button != NULL);
        assert_int_equal(has(html, "href=\"https://shop.example/x?token=abc&amp;b=1\""),
                         t->button != NULL);
        assert_int_equal(has(text, "192.0.2.0/24"), t->has_details);
        assert_int_equal(has(text, "2026-02-02 02:40 UTC"), t->has_details);
        assert_false(has(text, "{"));
        assert_false(has(html, "{"));
        assert_false(has(html, "<img"));
        assert_false(has(html, "<script"));
        assert_false(has(html, "src="));
    }
}

static void every_word_from_outside_is_escaped(void **state)
{
    struct sut_arena *a = *state;
    for (int k = 0; k < SUT_MAIL_KINDS; k++) {
        sut_str s = { 0 };
        sut_str to = { 0 };
        assert_int_equal(render(a, (enum sut_mail_kind) k, payload_of((enum sut_mail_kind) k),
                                "<script>alert(1)</script>\"'& \xf0\x9f\x8e\x89\r\nBcc: x", &s, &to)
                             .code,
                         SUT_E_OK);
        const sut_str html = part(a, s, "text/html");
        assert_true(has(html, "Hello &lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp; "
                              "\xf0\x9f\x8e\x89 Bcc: x,"));
        assert_false(has(html, "<script"));
        assert_false(has(html, "<b>"));
        assert_false(has(html, "<fox"));
        assert_false(has(html, "<Shop"));
        assert_false(has(s, "\nBcc"));
    }
}

static void a_name_that_is_a_link_is_left_out(void **state)
{
    struct sut_arena *a = *state;
    static const char *const links[] = { "Win at https://evil.example", "evil.com",
                                         "go evil.xn--p1ai", "me@evil.example", "ftp:/x" };
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        sut_str s = { 0 };
        sut_str to = { 0 };
        assert_int_equal(render(a, SUT_MAIL_VERIFY, full, links[i], &s, &to).code, SUT_E_OK);
        assert_true(has(part(a, s, "text/plain"), "Hello,\n"));
        assert_false(has(s, "evil"));
    }
    static const char *const names[] = { "J.R.R. Tolkien", "Dr. No", "St.", "Anne-Marie O'Neil" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        sut_str s = { 0 };
        sut_str to = { 0 };
        assert_int_equal(render(a, SUT_MAIL_VERIFY, full, names[i], &s, &to).code, SUT_E_OK);
        assert_true(has(part(a, s, "text/plain"), names[i]));
    }
}

static void a_payload_that_is_none_is_refused(void **state)
{
    struct sut_arena *a = *state;
    static const char *const payloads[] = {
        "",
        "[]",
        "1",
        "{",
        "{\"at\":1}",
        "{\"link\":1,\"at\":1}",
        "{\"link\":\"javascript:alert(1)\",\"at\":1}",
        "{\"link\":\"//evil.example\",\"at\":1}",
        "{\"link\":\"https://x.example/\\\" onclick=\\\"\",\"at\":1}",
        "{\"link\":\"https://x.example/a b\",\"at\":1}",
        "{\"link\":\"https://x.example/\\r\\nBcc: y\",\"at\":1}",
        "{\"link\":\"https://x.example/\\u00e9\",\"at\":1}",
        "{\"link\":\"https://x.example/\",\"at\":\"now\"}",
    };
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        sut_str s = { 0 };
        sut_str to = { 0 };
        if (render(a, SUT_MAIL_RESET, payloads[i], "Sarah", &s, &to).code != SUT_E_PARSE)
            fail_msg("%s was taken", payloads[i]);
    }
    sut_str s = { 0 };
    sut_str to = { 0 };
    /* A link where none belongs. */
    assert_int_equal(render(a, SUT_MAIL_NEW_DEVICE, full, "Sarah", &s, &to).code, SUT_E_PARSE);
    assert_int_equal(render(a, SUT_MAIL_KINDS, full, "Sarah", &s, &to).code, SUT_E_PARSE);
}

static void the_words_may_name_another_receiver(void **state)
{
    struct sut_arena *a = *state;
    sut_str s = { 0 };
    sut_str to = { 0 };
    assert_int_equal(render(a, SUT_MAIL_EMAIL_CONFIRM,
                            "{\"to\":\"new@example.org\",\"link\":\"https://x.example/\",\"at\":1}",
                            "Sarah", &s, &to)
                         .code,
                     SUT_E_OK);
    assert_true(sut_str_is(to, "new@example.org"));
    assert_true(has(s, "To: \"Sarah\" <new@example.org>\r\n"));
    static const char *const none[] = { "nobody", "a@b@c", "a@example.org\\r\\nBcc: x@y.example",
                                        "<a@example.org>", "a@-example.org" };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        char payload[256];
        (void) snprintf(payload, sizeof(payload),
                        "{\"to\":\"%s\",\"link\":\"https://x.example/\",\"at\":1}", none[i]);
        assert_int_equal(render(a, SUT_MAIL_EMAIL_CONFIRM, payload, "Sarah", &s, &to).code,
                         SUT_E_INVALID);
    }
}

static void a_changed_address_is_told_with_and_without_a_way_back(void **state)
{
    struct sut_arena *a = *state;
    sut_str s = { 0 };
    sut_str to = { 0 };
    assert_int_equal(
        render(a, SUT_MAIL_EMAIL_CHANGED, "{\"at\":1770000000000}", "Sarah", &s, &to).code,
        SUT_E_OK);
    assert_false(has(s, "Take the change back"));
    assert_int_equal(render(a, SUT_MAIL_EMAIL_CHANGED, full, "Sarah", &s, &to).code, SUT_E_OK);
    assert_true(has(s, "Take the change back"));
}

static void the_words_of_the_kinds_stand(void **state)
{
    (void) state;
    assert_string_equal(sut_mail_word(SUT_MAIL_VERIFY), "verify");
    assert_string_equal(sut_mail_word(SUT_MAIL_SOCIAL_LINKED), "social-linked");
    assert_string_equal(sut_mail_word(SUT_MAIL_KINDS), "");
}

static size_t count(sut_str s, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == c;
    return n;
}

/* A naughty string in every place adds no tag, no header, no line that is too long. */
static void naughty_strings_stay_words(void **state)
{
    struct sut_arena *a = *state;
    char path[SUT_CORPORA_PATH_MAX];
    if (!corpora_path("blns/blns.json", path))
        skip();
    const sut_str text = corpora_read(path);
    struct sut_arena *own = NULL;
    assert_int_equal(sut_arena_create(64 << 20, &own).code, SUT_E_OK);
    const struct sut_json *all = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    assert_int_equal(sut_json_parse(own, text, &all, &fault).code, SUT_E_OK);
    assert_true(all->n > 400);
    sut_str plain = { 0 };
    sut_str to = { 0 };
    assert_int_equal(render(a, SUT_MAIL_NEW_DEVICE,
                            "{\"device\":\"x\",\"addr\":\"x\",\"at\":1770000000000}", "x", &plain,
                            &to)
                         .code,
                     SUT_E_OK);
    const size_t tags = count(part(a, plain, "text/html"), '<');
    for (size_t i = 0; i < all->n; i++) {
        const struct sut_mark mark = sut_arena_mark(a);
        const sut_str words = all->items[i].s;
        struct sut_buf payload;
        sut_str s = { 0 };
        sut_buf_init_arena(&payload, a, OUT_MAX);
        struct sut_jw w = sut_jw_of(&payload);
        sut_jw_obj(&w);
        sut_jw_key(&w, "device");
        sut_jw_str(&w, words.n == 0 ? SUT_STR("x") : words);
        sut_jw_key(&w, "addr");
        sut_jw_str(&w, SUT_STR("x"));
        sut_jw_key(&w, "at");
        sut_jw_i64(&w, 1770000000000);
        sut_jw_obj_end(&w);
        sut_buf_char(&payload, '\0');
        assert_int_equal(
            render(a, SUT_MAIL_NEW_DEVICE, payload.p, sut_str_z(a, words), &s, &to).code, SUT_E_OK);
        const sut_str html = part(a, s, "text/html");
        /* One that shows nothing at all takes its row of the table along. */
        if (count(html, '<') != tags && count(html, '<') != tags - 6)
            fail_msg("tags came of %.*s", SUT_STR_ARG(words));
        for (size_t at = 0; at < s.n;) {
            const size_t end = sut_str_find(s, at, '\n');
            assert_true(end < s.n && s.p[end - 1] == '\r');
            assert_in_range(end - 1 - at, 0, 78);
            at = end + 1;
        }
        for (size_t at = 0; at < s.n; at++)
            assert_true((s.p[at] >= ' ' && s.p[at] <= '~') || s.p[at] == '\r' || s.p[at] == '\n');
        sut_arena_rewind(a, mark);
    }
    sut_arena_free(&own);
    sut_mem_free((void *) (uintptr_t) text.p);
}

static void an_order_is_listed_and_summed(void **state)
{
    struct sut_arena *a = *state;
    sut_str s = { 0 };
    sut_str to = { 0 };
    static const char payload[] =
        "{\"what\":\"MW-2026-00089\",\"goods\":[{\"name\":\"A <b>dress</b> (M, Sand)\",\"n\":2,"
        "\"sum\":\"24.00\"}],\"more\":3,\"total\":\"99.50 ZAR\",\"at\":1770000000000}";
    assert_int_equal(render(a, SUT_MAIL_ORDER_PLACED, payload, "Sarah", &s, &to).code, SUT_E_OK);
    assert_true(has(s, "Subject: Your order MW-2026-00089 at"));
    const sut_str text = part(a, s, "text/plain");
    const sut_str html = part(a, s, "text/html");
    assert_true(has(text, "    2 x A <b>dress</b> (M, Sand): 24.00\n"));
    assert_true(has(text, "    and 3 more lines\n    Total: 99.50 ZAR\n"));
    assert_true(has(html, "A &lt;b&gt;dress&lt;/b&gt; (M, Sand)"));
    assert_true(has(html, "99.50 ZAR"));
    assert_false(has(html, "<b>"));
}

static void goods_that_are_none_are_refused(void **state)
{
    struct sut_arena *a = *state;
    sut_str s = { 0 };
    sut_str to = { 0 };
    static const char *const payloads[] = {
        "{\"goods\":1,\"more\":0,\"total\":\"1\"}",
        "{\"goods\":[1],\"more\":0,\"total\":\"1\"}",
        "{\"goods\":[{\"n\":1,\"sum\":\"1\"}],\"more\":0,\"total\":\"1\"}",
        "{\"goods\":[{\"name\":\"x\",\"n\":-1,\"sum\":\"1\"}],\"more\":0,\"total\":\"1\"}",
        "{\"goods\":[],\"more\":-1,\"total\":\"1\"}",
        "{\"goods\":[],\"more\":0}",
    };
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        assert_int_equal(render(a, SUT_MAIL_ORDER_PAID, payloads[i], "Sarah", &s, &to).code,
                         SUT_E_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mail_has_both_parts_and_its_words),
        cmocka_unit_test(every_word_from_outside_is_escaped),
        cmocka_unit_test(a_name_that_is_a_link_is_left_out),
        cmocka_unit_test(a_payload_that_is_none_is_refused),
        cmocka_unit_test(the_words_may_name_another_receiver),
        cmocka_unit_test(a_changed_address_is_told_with_and_without_a_way_back),
        cmocka_unit_test(the_words_of_the_kinds_stand),
        cmocka_unit_test(naughty_strings_stay_words),
        cmocka_unit_test(an_order_is_listed_and_summed),
        cmocka_unit_test(goods_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
