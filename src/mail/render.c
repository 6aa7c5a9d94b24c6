/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/email.h"
#include "codec/json.h"
#include "codec/time.h"
#include "codec/utf8.h"
#include "mail/goods.h"
#include "mail/mail.h"
#include "mail/message.h"
#include "mail/template.h"

enum {
    BODY_MAX = 64 * 1024,
    LINK_MAX = 2048,
    WORDS_MAX = 200, /* characters of a word of the payload */
    NAME_MAX_CP = 60,
    WIRE_MAX = 320,
    DETAILS_MAX = 3,
};

struct detail {
    const char *label;
    sut_str value;
};

/* All that a mail says; every text is fit to be shown, none is escaped. */
struct page {
    const struct sut_mail_template *t;
    sut_str shop;
    sut_str public_url;
    sut_str name;
    sut_str what;
    sut_str link;
    struct detail details[DETAILS_MAX];
    size_t n_details;
    struct sut_mail_goods goods;
};

/* --- reading --- */

static SUT_ERR cleaned(struct sut_arena *a, sut_str s, size_t max, sut_str *ret)
{
    char *to = sut_arena_bytes(a, 4 * max);
    ENSURE(to != NULL, NOMEM);
    *ret = sut_message_clean(s, max, to);
    return SUT_OK;
}

static SUT_ERR get(const struct sut_json *o, const char *key, sut_str *ret)
{
    const struct sut_json *const v = sut_json_get(o, key);
    *ret = SUT_STR("");
    if (v == NULL)
        return SUT_OK;
    ENSURE(v->type == SUT_JSON_STRING, PARSE);
    *ret = v->s;
    return SUT_OK;
}

/* Absolute, and of what may stand in a URL. */
static bool is_link(sut_str s)
{
    if (s.n > LINK_MAX ||
        (!sut_str_starts(s, SUT_STR("https://")) && !sut_str_starts(s, SUT_STR("http://"))))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("\"'<>\\^`{|}", s.p[i]) != NULL)
            return false;
    return true;
}

static bool is_word_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c & 0x80) != 0;
}

/*
 * Whether a mail program would make a link of a part of it.  Anybody can register the address of
 * another under such a name: we do not carry it there.
 */
static bool looks_like_link(sut_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        const bool has_two = i + 2 < s.n && is_word_byte(s.p[i + 1]) && is_word_byte(s.p[i + 2]);
        if (s.p[i] == '@' || (s.p[i] == ':' && i + 1 < s.n && s.p[i + 1] == '/') ||
            (s.p[i] == '.' && i > 0 && is_word_byte(s.p[i - 1]) && has_two))
            return true;
    }
    return false;
}

static SUT_ERR add_detail(struct sut_arena *a, struct page *p, const char *label, sut_str v)
{
    sut_str shown = { 0 };
    TRY(cleaned(a, v, WORDS_MAX, &shown));
    if (shown.n > 0)
        p->details[p->n_details++] = (struct detail){ label, shown };
    return SUT_OK;
}

/* "2026-11-22 09:00 UTC" */
static SUT_ERR time_text(struct sut_arena *a, int64_t at, sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, 64);
    sut_time_iso(&b, (sut_ms){ at });
    ENSURE(b.n == sizeof("2026-11-22T09:00:00Z") - 1, SYSTEM);
    b.p[10] = ' ';
    b.n = 16;
    sut_buf_lit(&b, " UTC");
    *ret = sut_buf_str(&b);
    return sut_buf_check(&b);
}

static SUT_ERR read_details(struct sut_arena *a, const struct sut_json *o, struct page *p)
{
    sut_str v = { 0 };
    const struct sut_json *const at = sut_json_get(o, "at");
    if (!p->t->has_details)
        return SUT_OK;
    TRY(get(o, "device", &v));
    TRY(add_detail(a, p, "Device", v));
    TRY(get(o, "addr", &v));
    TRY(add_detail(a, p, "Network address", v));
    if (at == NULL)
        return SUT_OK;
    ENSURE(at->type == SUT_JSON_INT, PARSE);
    TRY(time_text(a, at->i, &v));
    return add_detail(a, p, "Time", v);
}

static SUT_ERR read_payload(struct sut_arena *a, sut_str payload, sut_str name, struct page *p,
                            sut_str *ret_to)
{
    const struct sut_json *o = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    TRY(sut_json_parse(a, payload, &o, &fault));
    ENSURE(o->type == SUT_JSON_OBJECT, PARSE);
    TRY(get(o, "to", ret_to));
    TRY(get(o, "link", &p->link));
    ENSURE(p->link.n == 0 ? !p->t->needs_link : p->t->button != NULL && is_link(p->link), PARSE);
    TRY(get(o, "what", &p->what));
    TRY(cleaned(a, p->what, WORDS_MAX, &p->what));
    if (p->what.n == 0 && p->t->what != NULL)
        p->what = sut_str_from(p->t->what);
    TRY(cleaned(a, name, NAME_MAX_CP, &p->name));
    if (looks_like_link(p->name))
        p->name = SUT_STR("");
    TRY(sut_mail_goods_get(a, o, &p->goods));
    return read_details(a, o, p);
}

/* --- writing --- */

static void add(struct sut_buf *b, sut_str s, bool is_html)
{
    if (is_html)
        sut_mail_escaped(b, s);
    else
        sut_buf_str_add(b, s);
}

/* A text of the table, its words put in. */
static void add_text(struct sut_buf *b, const struct page *p, const char *text, bool is_html)
{
    for (sut_str rest = sut_str_from(text); rest.n > 0;) {
        const size_t at = sut_str_find(rest, 0, '{');
        add(b, sut_str_sub(rest, 0, at), is_html);
        rest = sut_str_sub(rest, at, rest.n);
        const size_t end = sut_str_find(rest, 0, '}');
        const sut_str word = sut_str_sub(rest, 1, end);
        if (sut_str_is(word, "shop"))
            add(b, p->shop, is_html);
        else if (sut_str_is(word, "what"))
            add(b, p->what, is_html);
        rest = sut_str_sub(rest, end + 1, rest.n);
    }
}

static void add_greeting(struct sut_buf *b, const struct page *p, bool is_html)
{
    sut_buf_lit(b, "Hello");
    if (p->name.n > 0)
        sut_buf_char(b, ' ');
    add(b, p->name, is_html);
    sut_buf_char(b, ',');
}

static const char *foot_of(const struct page *p)
{
    return p->t->is_to_shop ? "You get this mail because the shop's settings name this address."
                            : "You get this mail because of what happened on your account. Nobody "
                              "reads answers to it.";
}

static void add_plain(struct sut_buf *b, const struct page *p)
{
    add_greeting(b, p, false);
    sut_buf_lit(b, "\n\n");
    for (size_t i = 0; i < SUT_TEMPLATE_PARAGRAPHS && p->t->says[i] != NULL; i++) {
        add_text(b, p, p->t->says[i], false);
        sut_buf_lit(b, "\n\n");
    }
    sut_mail_goods_text(b, &p->goods);
    for (size_t i = 0; i < p->n_details; i++) {
        sut_buf_lit(b, "    ");
        sut_buf_z(b, p->details[i].label);
        sut_buf_lit(b, ": ");
        sut_buf_str_add(b, p->details[i].value);
        sut_buf_z(b, i + 1 == p->n_details ? "\n\n" : "\n");
    }
    if (p->link.n > 0) {
        sut_buf_z(b, p->t->button);
        sut_buf_lit(b, ":\n\n");
        sut_buf_str_add(b, p->link);
        sut_buf_lit(b, "\n\n");
    }
    add_text(b, p, p->t->note, false);
    sut_buf_lit(b, "\n\n-- \n");
    sut_buf_str_add(b, p->shop);
    sut_buf_char(b, '\n');
    if (p->public_url.n > 0) {
        sut_buf_str_add(b, p->public_url);
        sut_buf_char(b, '\n');
    }
    sut_buf_z(b, foot_of(p));
    sut_buf_char(b, '\n');
}

static void add_html_details(struct sut_buf *b, const struct page *p)
{
    if (p->n_details == 0)
        return;
    sut_buf_lit(b, "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\""
                   " style=\"margin:0 0 16px\">\n");
    for (size_t i = 0; i < p->n_details; i++) {
        sut_buf_lit(b, "<tr><td style=\"padding:2px 16px 2px 0;color:#666666\">");
        sut_buf_z(b, p->details[i].label);
        sut_buf_lit(b, "</td><td style=\"padding:2px 0\">");
        sut_mail_escaped(b, p->details[i].value);
        sut_buf_lit(b, "</td></tr>\n");
    }
    sut_buf_lit(b, "</table>\n");
}

static void add_html_link(struct sut_buf *b, const struct page *p)
{
    if (p->link.n == 0)
        return;
    sut_buf_lit(b, "<p style=\"margin:24px 0\"><a href=\"");
    sut_mail_escaped(b, p->link);
    sut_buf_lit(b, "\" style=\"background:#1a5fb4;border-radius:6px;color:#ffffff;"
                   "display:inline-block;padding:12px 20px;text-decoration:none\">");
    sut_buf_z(b, p->t->button);
    sut_buf_lit(b, "</a></p>\n<p style=\"margin:0 0 16px;color:#666666;font-size:13px\">"
                   "Or open this address: <span style=\"word-break:break-all\">");
    sut_mail_escaped(b, p->link);
    sut_buf_lit(b, "</span></p>\n");
}

static void add_html(struct sut_buf *b, const struct page *p)
{
    sut_buf_lit(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    add_text(b, p, p->t->subject, true);
    sut_buf_lit(b, "</title>\n</head>\n<body style=\"margin:0;background:#f4f4f4\">\n"
                   "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\""
                   " cellspacing=\"0\"><tr><td align=\"center\" style=\"padding:24px 12px\">\n"
                   "<table role=\"presentation\" width=\"560\" cellpadding=\"0\" cellspacing=\"0\""
                   " style=\"max-width:560px;width:100%;background:#ffffff;border-radius:8px\">"
                   "<tr><td style=\"padding:28px;color:#222222;"
                   "font:16px/1.5 Helvetica,Arial,sans-serif\">\n"
                   "<p style=\"margin:0 0 20px;font-size:20px;font-weight:bold\">");
    sut_mail_escaped(b, p->shop);
    sut_buf_lit(b, "</p>\n<p style=\"margin:0 0 16px\">");
    add_greeting(b, p, true);
    sut_buf_lit(b, "</p>\n");
    for (size_t i = 0; i < SUT_TEMPLATE_PARAGRAPHS && p->t->says[i] != NULL; i++) {
        sut_buf_lit(b, "<p style=\"margin:0 0 16px\">");
        add_text(b, p, p->t->says[i], true);
        sut_buf_lit(b, "</p>\n");
    }
    sut_mail_goods_html(b, &p->goods);
    add_html_details(b, p);
    add_html_link(b, p);
    sut_buf_lit(b, "<p style=\"margin:0 0 16px\">");
    add_text(b, p, p->t->note, true);
    sut_buf_lit(b, "</p>\n<p style=\"margin:24px 0 0;color:#666666;font-size:13px\">");
    sut_mail_escaped(b, p->shop);
    if (p->public_url.n > 0) {
        sut_buf_lit(b, " &middot; <a href=\"");
        sut_mail_escaped(b, p->public_url);
        sut_buf_lit(b, "\" style=\"color:#666666\">");
        sut_mail_escaped(b, p->public_url);
        sut_buf_lit(b, "</a>");
    }
    sut_buf_lit(b, "<br>");
    sut_buf_z(b, foot_of(p));
    sut_buf_lit(b, "</p>\n</td></tr></table>\n</td></tr></table>\n</body>\n</html>\n");
}

SUT_ERR sut_mail_render(struct sut_arena *a, const struct sut_mail_sender *sender,
                        enum sut_mail_kind kind, sut_str payload, sut_str address, sut_str name,
                        sut_str message_id, sut_ms now, struct sut_buf *out, sut_str *ret_to)
{
    ENSURE((unsigned) kind < SUT_MAIL_KINDS, PARSE);
    struct page p = { .t = &sut_mail_templates[kind] };
    struct sut_message m = { .message_id = message_id, .date = now };
    struct sut_buf subject;
    struct sut_buf text;
    struct sut_buf html;
    sut_str to = { 0 };
    sut_str from = { 0 };
    TRY(cleaned(a, sender->shop, WORDS_MAX, &p.shop));
    if (is_link(sender->public_url))
        p.public_url = sender->public_url;
    TRY(read_payload(a, payload, name, &p, &to));
    TRY(sut_email_wire(a, to.n > 0 ? to : address, ret_to));
    ENSURE(ret_to->n <= WIRE_MAX, INVALID);
    TRY(sut_email_mailbox(sender->from, &m.from_name, &from));
    TRY(sut_email_wire(a, from, &m.from));
    if (m.from_name.n == 0)
        m.from_name = p.shop;
    m.to = *ret_to;
    m.to_name = p.name;

    sut_buf_init_arena(&subject, a, BODY_MAX);
    sut_buf_init_arena(&text, a, BODY_MAX);
    sut_buf_init_arena(&html, a, BODY_MAX);
    add_text(&subject, &p, p.t->subject, false);
    add_plain(&text, &p);
    add_html(&html, &p);
    TRY(sut_buf_check(&subject));
    TRY(sut_buf_check(&text));
    TRY(sut_buf_check(&html));
    m.subject = sut_buf_str(&subject);
    m.text = sut_buf_str(&text);
    m.html = sut_buf_str(&html);
    return sut_message_write(&m, out);
}
