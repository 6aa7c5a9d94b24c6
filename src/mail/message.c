/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/message.h"

#include "codec/b64url.h"
#include "codec/time.h"
#include "codec/utf8.h"
#include "crypto/sha256.h"

enum {
    LINE_MAX_N = 76,  /* RFC 2045 6.7, and what RFC 5322 2.1.1 would like */
    WORD_BYTES = 45,  /* RFC 2047 2: 75 with what is around it, in base64 */
    WORD_AROUND = 12, /* "=?utf-8?B?" and "?=" */
    HEADER_ID_MAX = 250,
    ADDRESS_MAX = 320,
};

static const char hex[] = "0123456789ABCDEF";

/* --- words of a header --- */

/* Whether it would break a line, show nothing, or turn the direction of what follows. */
static bool is_odd(uint32_t cp)
{
    return sut_utf8_is_control(cp) || cp == 0x2028 || cp == 0x2029 || cp == 0x200e ||
           cp == 0x200f || (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) ||
           cp == 0xfeff;
}

sut_str sut_message_clean(sut_str s, size_t max, char *to)
{
    size_t n = 0;
    size_t at = 0;
    size_t count = 0;
    for (uint32_t cp = 0; count < max && sut_utf8_next(s, &at, &cp); count++) {
        if (!is_odd(cp) && cp != ' ')
            n += sut_utf8_put(cp, to + n);
        else if (n > 0 && to[n - 1] != ' ')
            to[n++] = ' ';
    }
    return sut_str_trim(sut_str_of(to, n));
}

/* Whether it can stand as it is: printable ASCII that no reader takes for an encoded word. */
static bool is_plain(sut_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~' || (s.p[i] == '=' && i + 1 < s.n && s.p[i + 1] == '?'))
            return false;
    return true;
}

/* Encoded words of whole characters, each on a line of its own; *column is where the line is. */
static void add_encoded(struct sut_buf *out, sut_str s, size_t *column)
{
    for (size_t at = 0; at < s.n;) {
        size_t fits = (LINE_MAX_N - *column - WORD_AROUND) / 4 * 3;
        size_t end = at;
        uint32_t cp = 0;
        fits = fits > WORD_BYTES ? WORD_BYTES : fits;
        for (size_t next = at; sut_utf8_next(s, &next, &cp) && next - at <= fits;)
            end = next;
        sut_buf_lit(out, "=?utf-8?B?");
        sut_b64_encode(out, SUT_B64_PADDED, sut_str_sub(s, at, end));
        sut_buf_lit(out, "?=");
        *column += WORD_AROUND + (end - at + 2) / 3 * 4;
        at = end;
        if (at < s.n) {
            sut_buf_lit(out, "\r\n ");
            *column = 1;
        }
    }
}

/* Printable words, folded at blanks. */
static void add_folded(struct sut_buf *out, sut_str s, size_t *column)
{
    for (size_t at = 0; at < s.n;) {
        size_t end = at + 1;
        while (end < s.n && s.p[end] != ' ')
            end++;
        /* The blank that begins a word begins the next line too: it stays what it is. */
        if (*column + (end - at) > LINE_MAX_N && s.p[at] == ' ' && end - at > 1) {
            sut_buf_lit(out, "\r\n");
            *column = 0;
        }
        sut_buf_str_add(out, sut_str_sub(s, at, end));
        *column += end - at;
        at = end;
    }
}

static size_t begin(struct sut_buf *out, const char *name)
{
    sut_buf_z(out, name);
    sut_buf_lit(out, ": ");
    return strlen(name) + 2;
}

void sut_message_words(struct sut_buf *out, const char *name, sut_str words)
{
    char room[SUT_MESSAGE_SUBJECT_MAX * 4];
    const sut_str s = sut_message_clean(words, SUT_MESSAGE_SUBJECT_MAX, room);
    size_t column = begin(out, name);
    /* A word that is longer than a line can't be folded. */
    size_t longest = 0;
    for (size_t i = 0, from = 0; i <= s.n; i++)
        if (i == s.n || s.p[i] == ' ') {
            longest = i - from > longest ? i - from : longest;
            from = i + 1;
        }
    if (is_plain(s) && longest < LINE_MAX_N - column)
        add_folded(out, s, &column);
    else
        add_encoded(out, s, &column);
    sut_buf_lit(out, "\r\n");
}

/* Within quotes these two need a backslash. */
static bool is_escaped(char c)
{
    return c == '"' || c == '\\';
}

static size_t quoted_length(sut_str s)
{
    size_t n = 2;
    for (size_t i = 0; i < s.n; i++)
        n += is_escaped(s.p[i]) ? 2 : 1;
    return n;
}

static void add_quoted(struct sut_buf *out, sut_str s)
{
    sut_buf_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (is_escaped(s.p[i]))
            sut_buf_char(out, '\\');
        sut_buf_char(out, s.p[i]);
    }
    sut_buf_char(out, '"');
}

void sut_message_mailbox(struct sut_buf *out, const char *name, sut_str display, sut_str address)
{
    char room[SUT_MESSAGE_NAME_MAX * 4];
    const sut_str s = sut_message_clean(display, SUT_MESSAGE_NAME_MAX, room);
    size_t column = begin(out, name);
    if (s.n > 0 && is_plain(s) && quoted_length(s) < LINE_MAX_N / 2 + 2) {
        add_quoted(out, s);
        column += quoted_length(s);
    } else if (s.n > 0) {
        add_encoded(out, s, &column);
    }
    if (s.n > 0)
        sut_buf_z(out, column + address.n + 3 > LINE_MAX_N ? "\r\n " : " ");
    sut_buf_char(out, '<');
    sut_buf_str_add(out, address);
    sut_buf_lit(out, ">\r\n");
}

/* --- bodies --- */

static bool is_safe(char c)
{
    return (c >= '!' && c <= '~' && c != '=') || c == ' ' || c == '\t';
}

/* One line without its end. */
static void add_line(struct sut_buf *out, sut_str line)
{
    size_t column = 0;
    for (size_t i = 0; i < line.n; i++) {
        const unsigned char c = (unsigned char) line.p[i];
        const bool is_last = i + 1 == line.n;
        bool plain = is_safe((char) c);
        /* A blank at the end gets lost, "From " and a dot at the start get changed on the way. */
        if ((c == ' ' || c == '\t') && is_last)
            plain = false;
        if (column == 0 && (c == '.' || c == 'F'))
            plain = false;
        const size_t n = plain ? 1 : 3;
        /* One is kept for the "=" of a soft end. */
        if (column + n > LINE_MAX_N - (is_last ? 0 : 1)) {
            sut_buf_lit(out, "=\r\n");
            column = 0;
            i--;
            continue;
        }
        if (plain) {
            sut_buf_char(out, (char) c);
        } else {
            const char escaped[3] = { '=', hex[c >> 4], hex[c & 15] };
            sut_buf_add(out, escaped, 3);
        }
        column += n;
    }
    sut_buf_lit(out, "\r\n");
}

void sut_message_quoted(struct sut_buf *out, sut_str text)
{
    for (size_t at = 0; at < text.n;) {
        const size_t end = sut_str_find(text, at, '\n');
        size_t stop = end;
        if (stop > at && text.p[stop - 1] == '\r')
            stop--;
        add_line(out, sut_str_sub(text, at, stop));
        at = end + 1;
    }
}

/* --- the whole --- */

static bool is_token(sut_str s, size_t max)
{
    if (s.n == 0 || s.n > max)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return true;
}

static bool is_address(sut_str s)
{
    return is_token(s, ADDRESS_MAX) && sut_str_find(s, 0, '<') == s.n &&
           sut_str_find(s, 0, '>') == s.n;
}

/* RFC 5322's date: HTTP's with a numeric zone. */
static void add_date(struct sut_buf *out, sut_ms t)
{
    const size_t from = out->n;
    sut_buf_lit(out, "Date: ");
    sut_time_http(out, t);
    if (!sut_failed(sut_buf_check(out)) && out->n - from > 3)
        out->n -= 3;
    sut_buf_lit(out, "+0000\r\n");
}

static void add_part(struct sut_buf *out, sut_str boundary, const char *type, sut_str body)
{
    sut_buf_lit(out, "--");
    sut_buf_str_add(out, boundary);
    sut_buf_lit(out, "\r\nContent-Type: ");
    sut_buf_z(out, type);
    sut_buf_lit(out, "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
    sut_message_quoted(out, body);
    sut_buf_lit(out, "\r\n");
}

SUT_ERR sut_message_write(const struct sut_message *m, struct sut_buf *out)
{
    ENSURE(is_address(m->from) && is_address(m->to), INVALID);
    ENSURE(is_token(m->message_id, HEADER_ID_MAX), INVALID);
    /* "=_" can't stand in quoted-printable, so the boundary is in no part. */
    unsigned char digest[SUT_SHA256_SIZE];
    char bytes[64];
    struct sut_buf boundary = { .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
    sut_sha256(m->message_id, digest);
    sut_buf_lit(&boundary, "=_");
    sut_buf_hex(&boundary, digest, 16);

    add_date(out, m->date);
    sut_message_mailbox(out, "From", m->from_name, m->from);
    sut_message_mailbox(out, "To", m->to_name, m->to);
    sut_message_words(out, "Subject", m->subject);
    sut_buf_lit(out, "Message-ID: ");
    sut_buf_str_add(out, m->message_id);
    sut_buf_lit(out, "\r\nAuto-Submitted: auto-generated\r\n"
                     "X-Auto-Response-Suppress: All\r\n"
                     "MIME-Version: 1.0\r\n"
                     "Content-Type: multipart/alternative;\r\n boundary=\"");
    sut_buf_str_add(out, sut_buf_str(&boundary));
    sut_buf_lit(out, "\"\r\n\r\n");
    add_part(out, sut_buf_str(&boundary), "text/plain", m->text);
    add_part(out, sut_buf_str(&boundary), "text/html", m->html);
    sut_buf_lit(out, "--");
    sut_buf_str_add(out, sut_buf_str(&boundary));
    sut_buf_lit(out, "--\r\n");
    return sut_buf_check(out);
}

/* --- reading --- */

static int digit_of(char c)
{
    const char *const at = c == '\0' ? NULL : strchr(hex, c);
    return at == NULL ? -1 : (int) (at - hex);
}

static void add_shown(struct sut_buf *out, sut_str s)
{
    size_t at = 0;
    for (uint32_t cp = 0; sut_utf8_next(s, &at, &cp);) {
        char raw[4];
        if (cp == '\r')
            continue;
        const bool is_shown = cp == '\n' || cp == ' ' || !is_odd(cp);
        sut_buf_add(out, raw, sut_utf8_put(is_shown ? cp : 0xfffd, raw));
    }
}

/* Undo quoted-printable in place of a copy: never longer than before. */
static void add_unquoted(struct sut_buf *out, sut_str s)
{
    struct sut_buf b;
    sut_buf_init(&b, s.n);
    for (size_t i = 0; i < s.n; i++) {
        const int high = s.p[i] == '=' && i + 2 < s.n ? digit_of(s.p[i + 1]) : -1;
        const int low = high >= 0 ? digit_of(s.p[i + 2]) : -1;
        if (low >= 0) {
            sut_buf_char(&b, (char) (high * 16 + low));
            i += 2;
        } else if (s.p[i] == '=' && i + 2 < s.n && s.p[i + 1] == '\r' && s.p[i + 2] == '\n') {
            i += 2;
        } else {
            sut_buf_char(&b, s.p[i]);
        }
    }
    add_shown(out, sut_buf_str(&b));
    sut_buf_done(&b);
}

/* Where `what` begins at or after `from`; s.n when it does not. */
static size_t find(sut_str s, size_t from, sut_str what)
{
    const char *const at = from < s.n ? memmem(s.p + from, s.n - from, what.p, what.n) : NULL;
    return at == NULL ? s.n : (size_t) (at - s.p);
}

void sut_message_text(sut_str message, struct sut_buf *out)
{
    const sut_str gap = SUT_STR("\r\n\r\n");
    const size_t head = find(message, 0, gap);
    const size_t body = find(message, head + gap.n, gap);
    const size_t end = find(message, body, SUT_STR("\r\n--=_"));
    add_shown(out, sut_str_sub(message, 0, head));
    sut_buf_lit(out, "\n\n");
    add_unquoted(out, sut_str_sub(message, body + gap.n, end));
    if (out->n > 0 && out->p[out->n - 1] != '\n')
        sut_buf_char(out, '\n');
}
