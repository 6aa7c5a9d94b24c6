/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/email.h"

#include <arpa/inet.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/schema.h"
#include "codec/utf8.h"

enum { ADDRESS_MAX = 320, LABEL_MAX = 63, LITERAL_MAX = 45 };

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 5322 atext. */
static bool is_atom_char(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("-!#$%&'*+/=?^_`{}|~", c) != NULL);
}

static bool is_dot_atom(sut_str s)
{
    bool wants_char = true;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.' && wants_char)
            return false;
        if (s.p[i] != '.' && !is_atom_char(s.p[i]))
            return false;
        wants_char = s.p[i] == '.';
    }
    return !wants_char;
}

static bool is_quoted_string(sut_str s)
{
    if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
        return false;
    for (size_t i = 1; i < s.n - 1; i++) {
        const unsigned char c = (unsigned char) s.p[i];
        const bool line = c == '\n' || c == '\r';
        if (c == 0 || c >= 0x80 || line)
            return false;
        if (c == '\\') {
            i++;
            const unsigned char escaped = (unsigned char) s.p[i];
            if (i == s.n - 1 || escaped == 0 || escaped >= 0x80 || escaped == '\n' ||
                escaped == '\r')
                return false;
        } else if (c == '\t' || c == ' ' || c == '"') {
            return false;
        }
    }
    return true;
}

static bool is_literal(sut_str domain)
{
    if (domain.n < 3 || domain.p[0] != '[' || domain.p[domain.n - 1] != ']')
        return false;
    const sut_str inner = sut_str_sub(domain, 1, domain.n - 1);
    if (inner.n > LITERAL_MAX)
        return false;

    char z[LITERAL_MAX + 1];
    memcpy(z, inner.p, inner.n);
    z[inner.n] = '\0';
    unsigned char ip[16];
    return strlen(z) == inner.n &&
           (inet_pton(AF_INET, z, ip) == 1 || inet_pton(AF_INET6, z, ip) == 1);
}

/* One label of a host name in ASCII. */
static bool is_label(sut_str s, bool last)
{
    if (s.n < (last ? 2u : 1u) || s.n > LABEL_MAX || s.p[s.n - 1] == '-')
        return false;
    /* Django lets the last label begin with a hyphen; it can't end with one. */
    if (!last && s.p[0] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

/* RFC 3492 6.1. */
static uint32_t adapt(uint32_t delta, uint32_t points, bool first)
{
    delta = first ? delta / 700 : delta / 2;
    delta += delta / points;
    uint32_t k = 0;
    for (; delta > (35 * 26) / 2; k += 36)
        delta /= 35;
    return k + 36 * delta / (delta + 38);
}

/* A label of a host name as it goes over the wire. */
struct label {
    char p[LABEL_MAX];
    size_t n; /* more than LABEL_MAX: it did not fit */
};

static void label_add(struct label *l, char c)
{
    if (l->n < sizeof(l->p))
        l->p[l->n] = c;
    l->n++;
}

static char digit_of(uint32_t v)
{
    return (char) (v < 26 ? 'a' + v : '0' + (v - 26));
}

/* One delta as Punycode's digits (RFC 3492 6.3). */
static void label_add_delta(struct label *l, uint32_t delta, uint32_t bias)
{
    for (uint32_t k = 36;; k += 36) {
        const uint32_t t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
        if (delta < t)
            break;
        label_add(l, digit_of(t + (delta - t) % (36 - t)));
        delta = (delta - t) / (36 - t);
    }
    label_add(l, digit_of(delta));
}

/* Add n ≤ 63 code points in Punycode. */
static void label_add_punycode(struct label *l, const ucs4_t *cp, size_t n)
{
    size_t basic = 0;
    for (size_t i = 0; i < n; i++) {
        if (cp[i] >= 0x80)
            continue;
        label_add(l, (char) cp[i]);
        basic++;
    }
    if (basic > 0)
        label_add(l, '-');

    uint32_t at = 128;
    uint32_t delta = 0;
    uint32_t bias = 72;
    for (uint32_t done = (uint32_t) basic; done < n; at++, delta++) {
        ucs4_t next = 0x10ffff;
        for (size_t i = 0; i < n; i++)
            if (cp[i] >= at && cp[i] < next)
                next = cp[i];
        delta += (next - at) * (done + 1);
        at = next;
        for (size_t i = 0; i < n; i++) {
            if (cp[i] < at)
                delta++;
            if (cp[i] != at)
                continue;
            label_add_delta(l, delta, bias);
            bias = adapt(delta, done + 1, done == basic);
            delta = 0;
            done++;
        }
    }
}

/* RFC 3454 C: what may not stand in a name, whatever its script. */
static bool is_prohibited(ucs4_t cp)
{
    return uc_is_general_category_withtable(cp, UC_CATEGORY_MASK_C | UC_CATEGORY_MASK_Z) ||
           uc_is_property(cp, UC_PROPERTY_NOT_A_CHARACTER) || cp == 0xfffd;
}

/* RFC 3454 6: text of both directions is refused. */
static bool breaks_bidi(const ucs4_t *cp, size_t n)
{
    bool right = false;
    bool left = false;
    for (size_t i = 0; i < n; i++) {
        const int class = uc_bidi_class(cp[i]);
        right |= class == UC_BIDI_R || class == UC_BIDI_AL;
        left |= class == UC_BIDI_L;
    }
    if (!right)
        return false;
    const int first = uc_bidi_class(cp[0]);
    const int last = uc_bidi_class(cp[n - 1]);
    return left || (first != UC_BIDI_R && first != UC_BIDI_AL) ||
           (last != UC_BIDI_R && last != UC_BIDI_AL);
}

static bool take_ascii(sut_str s, bool last, struct label *ret)
{
    if (!is_label(s, last))
        return false;
    for (size_t i = 0; i < s.n; i++)
        label_add(ret, sut_ascii_lower(s.p[i]));
    return true;
}

/* A label of another script: prepared as IDNA does, would it be a label in ASCII? */
static bool take_folded(const ucs4_t *cp, size_t n, bool last, struct label *ret)
{
    char ascii[LABEL_MAX];
    bool foreign = false;
    if (n == 0 || n > LABEL_MAX || breaks_bidi(cp, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (is_prohibited(cp[i]))
            return false;
        if (cp[i] >= 0x80)
            foreign = true;
        else if (!is_alnum((char) cp[i]) && cp[i] != '-')
            return false;
        ascii[i] = (char) (cp[i] & 0x7f);
    }
    if (!foreign)
        return take_ascii(sut_str_of(ascii, n), last, ret);
    /* RFC 3490 4.1 step 5: what is encoded already is not encoded again. */
    if (n >= 4 && memcmp(ascii, "xn--", 4) == 0)
        return false;
    for (const char *p = "xn--"; *p != '\0'; p++)
        label_add(ret, *p);
    label_add_punycode(ret, cp, n);
    return ret->n <= LABEL_MAX;
}

/* Whether s is a label; then as it goes over the wire, in lower case. */
static bool take_label(sut_str s, bool last, struct label *ret)
{
    ret->n = 0;
    if (sut_utf8_is_ascii(s))
        return take_ascii(s, last, ret);
    /* A label of 63 code points has at most 4 bytes each; NFKC then shows how many are left. */
    if (s.n > (size_t) LABEL_MAX * 4 || !sut_utf8_is_valid(s))
        return false;

    ucs4_t points[LABEL_MAX * 4];
    size_t n = 0;
    size_t at = 0;
    for (uint32_t cp = 0; sut_utf8_next(s, &at, &cp);)
        if (!uc_is_property(cp, UC_PROPERTY_DEFAULT_IGNORABLE_CODE_POINT))
            points[n++] = cp;
    ucs4_t room[LABEL_MAX * 4];
    size_t n_folded = sizeof(room) / sizeof(room[0]);
    uint32_t *folded = u32_casefold(points, n, NULL, UNINORM_NFKC, room, &n_folded);
    const bool ok = folded != NULL && take_folded(folded, n_folded, last, ret);
    if (folded != room)
        sut_mem_free(folded);
    return ok;
}

/* The next full stop, also as other scripts write it (RFC 3490 3.1); its length in *ret_n. */
static size_t find_dot(sut_str s, size_t from, size_t *ret_n)
{
    size_t at = from;
    size_t here = from;
    for (uint32_t cp = 0; sut_utf8_next(s, &at, &cp); here = at) {
        *ret_n = at - here;
        if (cp == '.' || cp == 0x3002 || cp == 0xff0e || cp == 0xff61)
            return here;
    }
    *ret_n = 0;
    return s.n;
}

/* Whether this is a domain; then as it goes over the wire, unless ret is NULL. */
static bool take_domain(sut_str domain, struct sut_buf *ret)
{
    size_t labels = 0;
    for (size_t at = 0;; labels++) {
        struct label label;
        size_t dot = 0;
        const size_t end = find_dot(domain, at, &dot);
        const bool last = end == domain.n;
        if (!take_label(sut_str_sub(domain, at, end), last, &label))
            return false;
        if (ret != NULL && labels > 0)
            sut_buf_char(ret, '.');
        if (ret != NULL)
            sut_buf_str_add(ret, sut_str_of(label.p, label.n));
        if (last)
            return labels > 0;
        at = end + dot;
    }
}

bool sut_is_email(sut_str text)
{
    if (text.n == 0 || text.n > (size_t) ADDRESS_MAX * 4 || sut_utf8_count(text) > ADDRESS_MAX)
        return false;
    const char *sign = memrchr(text.p, '@', text.n);
    if (sign == NULL)
        return false;

    const sut_str user = sut_str_of(text.p, (size_t) (sign - text.p));
    const sut_str domain = sut_str_sub(text, user.n + 1, text.n);
    if (!is_dot_atom(user) && !is_quoted_string(user))
        return false;
    return sut_str_is(domain, "localhost") || is_literal(domain) || take_domain(domain, NULL);
}

/* What a quoted string says: without its quotes where none are needed. */
static void add_user(struct sut_buf *b, sut_str user)
{
    char said[ADDRESS_MAX * 4];
    size_t n = 0;
    if (!is_quoted_string(user)) {
        sut_buf_str_add(b, user);
        return;
    }
    for (size_t i = 1; i < user.n - 1 && n < sizeof(said); i++) {
        if (user.p[i] == '\\')
            i++;
        said[n++] = user.p[i];
    }
    const bool needs_quotes = !is_dot_atom(sut_str_of(said, n));
    if (needs_quotes)
        sut_buf_char(b, '"');
    sut_buf_str_add(b, sut_str_of(said, n));
    if (needs_quotes)
        sut_buf_char(b, '"');
}

/* Both parts, without needless quotes and with the domain as it goes over the wire. */
static SUT_ERR add_wire(struct sut_arena *a, sut_str text, struct sut_buf *b)
{
    const char *sign = memrchr(text.p, '@', text.n);
    const sut_str user = sut_str_of(text.p, (size_t) (sign - text.p));
    const sut_str domain = sut_str_sub(text, user.n + 1, text.n);
    /* A code point of one byte at least becomes at most 63 of a label's. */
    sut_buf_init_arena(b, a, user.n + domain.n * LABEL_MAX + 2);
    add_user(b, user);
    sut_buf_char(b, '@');
    if (sut_utf8_is_ascii(domain))
        sut_buf_str_add(b, domain);
    else
        (void) take_domain(domain, b);
    return sut_buf_check(b);
}

SUT_ERR sut_email_key(struct sut_arena *a, sut_str text, sut_str *ret)
{
    struct sut_buf b;
    if (!sut_is_email(text))
        return sut_utf8_lower(a, text, ret);
    TRY(add_wire(a, text, &b));
    return sut_utf8_lower(a, sut_buf_str(&b), ret);
}

SUT_ERR sut_email_wire(struct sut_arena *a, sut_str address, sut_str *ret)
{
    struct sut_buf b;
    ENSURE(sut_is_email(address), INVALID);
    TRY(add_wire(a, address, &b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

SUT_ERR sut_email_mailbox(sut_str text, sut_str *ret_name, sut_str *ret_address)
{
    sut_str name = { 0 };
    sut_str address = sut_str_trim(text);
    size_t at = 0;
    for (uint32_t cp = 0; sut_utf8_next(text, &at, &cp);)
        ENSURE(!sut_utf8_is_control(cp), INVALID);
    const char *open = address.n == 0 ? NULL : memrchr(address.p, '<', address.n);
    if (open != NULL && address.p[address.n - 1] == '>') {
        const size_t n = (size_t) (open - address.p);
        name = sut_str_trim(sut_str_sub(address, 0, n));
        address = sut_str_trim(sut_str_sub(address, n + 1, address.n - 1));
        if (name.n >= 2 && name.p[0] == '"' && name.p[name.n - 1] == '"')
            name = sut_str_trim(sut_str_sub(name, 1, name.n - 1));
    }
    ENSURE(sut_is_email(address) && sut_utf8_is_valid(name), INVALID);
    *ret_name = name;
    *ret_address = address;
    return SUT_OK;
}
