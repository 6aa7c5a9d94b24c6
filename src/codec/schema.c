/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/schema.h"

#include "base/buf.h"
#include "base/scan.h"
#include "codec/utf8.h"

enum {
    CARD_DIGITS_MIN = 13,
    CARD_DIGITS_MAX = 19,
    CARD_GAP_MAX = 3,
    PHONE_DIGITS_MIN = 5,
    ECHO_MAX = 100, /* code points of a wrong choice that the answer repeats */
    MESSAGE_MAX = 1024,
    FAULTS_MAX = 100,
};

/* Collects faults in order. */
struct check {
    struct sut_arena *a;
    sut_str prefix; /* "variants.0.", or empty: where the fields stand */
    const struct sut_fault *first;
    struct sut_fault *last;
    size_t n;
    bool no_memory;
};

/* prefix + name, in the arena; the name alone needs no copy. */
static sut_str full_name(struct check *k, sut_str name)
{
    if (k->prefix.n == 0)
        return name;
    struct sut_buf b;
    sut_buf_init_arena(&b, k->a, k->prefix.n + name.n);
    sut_buf_str_add(&b, k->prefix);
    sut_buf_str_add(&b, name);
    return sut_buf_str(&b);
}

static void refuse(struct check *k, sut_str field, sut_str message)
{
    /* Enough for any form; a body of nothing but faults is not answered one by one. */
    if (k->n == FAULTS_MAX)
        return;
    k->n++;
    struct sut_fault *f = ARENA_NEW(k->a, struct sut_fault);
    if (f == NULL || message.p == NULL) {
        k->no_memory = true;
        return;
    }
    f->field = full_name(k, field);
    f->message = message;
    if (k->last == NULL)
        k->first = f;
    else
        k->last->next = f;
    k->last = f;
}

/* "Ensure this … N…": the words around a number. */
static sut_str with_number(struct check *k, const char *before, int64_t n, const char *after)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, k->a, MESSAGE_MAX);
    sut_buf_z(&b, before);
    sut_buf_i64(&b, n);
    sut_buf_z(&b, after);
    return sut_buf_str(&b);
}

static sut_str with_cents(struct check *k, const char *before, int64_t cents)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, k->a, MESSAGE_MAX);
    sut_buf_z(&b, before);
    sut_buf_i64(&b, cents / 100);
    sut_buf_char(&b, '.');
    sut_buf_pad(&b, (uint64_t) (cents % 100), 2);
    sut_buf_char(&b, '.');
    return sut_buf_str(&b);
}

/* Doubled digits above nine lose nine: the sum over all is a multiple of ten. */
static bool passes_luhn(const char *digits, size_t n)
{
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned) (digits[n - 1 - i] - '0');
        if (i % 2 == 1)
            d = d * 2 > 9 ? d * 2 - 9 : d * 2;
        sum += d;
    }
    return sum % 10 == 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether a card's number begins with the group of digits at `at`. */
static bool card_at(sut_str text, size_t at)
{
    char digits[CARD_DIGITS_MAX];
    size_t n = 0;
    size_t gap = 0;
    for (; at < text.n; at++) {
        const char c = text.p[at];
        if (c == ' ' || c == '-') {
            if (++gap > CARD_GAP_MAX)
                return false;
            continue;
        }
        if (!is_digit(c) || n == CARD_DIGITS_MAX)
            return false;
        gap = 0;
        digits[n++] = c;
        /* A number ends where a group of digits does. */
        const bool ends = at + 1 == text.n || !is_digit(text.p[at + 1]);
        if (ends && n >= CARD_DIGITS_MIN && passes_luhn(digits, n))
            return true;
    }
    return false;
}

bool sut_has_card_number(sut_str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (is_digit(text.p[i]) && (i == 0 || !is_digit(text.p[i - 1])) && card_at(text, i))
            return true;
    return false;
}

bool sut_is_phone(sut_str text)
{
    size_t digits = 0;
    for (size_t i = 0; i < text.n; i++) {
        const char c = text.p[i];
        if (is_digit(c))
            digits++;
        else if (c == '\0' || strchr(" +-().", c) == NULL)
            return false;
    }
    return digits >= PHONE_DIGITS_MIN;
}

/* Tab and newline (also as CR LF) are text; every other control is not. */
static bool has_control(sut_str s, bool *ret_nul)
{
    size_t at = 0;
    for (uint32_t cp = 0; sut_utf8_next(s, &at, &cp);) {
        const bool crlf = cp == '\r' && at < s.n && s.p[at] == '\n';
        if (!sut_utf8_is_control(cp) || cp == '\t' || cp == '\n' || crlf)
            continue;
        *ret_nul = cp == 0;
        return true;
    }
    return false;
}

static sut_str length_fault(struct check *k, const struct sut_field *f, sut_str s)
{
    const int64_t n = (int64_t) sut_utf8_count(s);
    if (f->max > 0 && n > f->max)
        return with_number(k, "Ensure this field has no more than ", f->max, " characters.");
    if (n < f->min)
        return with_number(k, "Ensure this field has at least ", f->min, " characters.");
    return (sut_str){ 0 };
}

static void check_text(struct check *k, const struct sut_field *f, const struct sut_json *v)
{
    const sut_str name = sut_str_from(f->name);
    if (v->type != SUT_JSON_STRING) {
        refuse(k, name, SUT_STR("Not a valid string."));
        return;
    }
    const sut_str s = f->type == SUT_F_PASSWORD ? v->s : sut_utf8_trim(v->s);
    if (s.n == 0) {
        if ((f->flags & SUT_F_BLANK) == 0)
            refuse(k, name, SUT_STR("This field may not be blank."));
        return;
    }
    const sut_str length = length_fault(k, f, s);
    bool nul = false;
    if (length.n > 0)
        refuse(k, name, length);
    else if (f->type == SUT_F_PASSWORD)
        return;
    else if (has_control(s, &nul))
        refuse(k, name,
               nul ? SUT_STR("Null characters are not allowed.")
                   : SUT_STR("Control characters are not allowed."));
    else if (f->type == SUT_F_EMAIL && (!sut_is_email(s) || memchr(s.p, '\t', s.n) != NULL))
        refuse(k, name, SUT_STR("Enter a valid email address."));
    else if (f->type == SUT_F_PHONE && !sut_is_phone(s))
        refuse(k, name, SUT_STR("Enter a valid phone number."));
    else if (f->type == SUT_F_STRING && sut_has_card_number(s))
        refuse(k, name, SUT_STR("Card numbers are not accepted."));
}

static void check_int(struct check *k, const struct sut_field *f, const struct sut_json *v)
{
    const sut_str name = sut_str_from(f->name);
    const bool ranged = f->min != 0 || f->max != 0;
    if (v->type != SUT_JSON_INT)
        refuse(k, name, SUT_STR("A valid integer is required."));
    else if (ranged && v->i < f->min)
        refuse(k, name,
               with_number(k, "Ensure this value is greater than or equal to ", f->min, "."));
    else if (ranged && v->i > f->max)
        refuse(k, name, with_number(k, "Ensure this value is less than or equal to ", f->max, "."));
}

/* Digits, a point, and three digits or more: a number, but not of cents. */
static bool has_too_many_places(sut_str s)
{
    const size_t point = sut_str_find(s, 0, '.');
    if (point == 0 || s.n < point + 4)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (i != point && !is_digit(s.p[i]))
            return false;
    return true;
}

static void check_price(struct check *k, const struct sut_field *f, const struct sut_json *v)
{
    const sut_str name = sut_str_from(f->name);
    const bool number = v->type == SUT_JSON_INT || v->type == SUT_JSON_REAL;
    if (!number && v->type != SUT_JSON_STRING) {
        refuse(k, name, SUT_STR("A valid number is required."));
        return;
    }
    const bool negative = v->s.n > 1 && v->s.p[0] == '-';
    const sut_str digits = negative ? sut_str_sub(v->s, 1, v->s.n) : v->s;
    int64_t cents = 0;
    const bool ok = !sut_failed(sut_parse_cents(digits, INT64_MAX, &cents));
    const bool ranged = f->min != 0 || f->max != 0;

    if (!ok && has_too_many_places(digits))
        refuse(k, name, SUT_STR("Ensure that there are no more than 2 decimal places."));
    else if (!ok || (negative && cents == 0))
        refuse(k, name, SUT_STR("A valid number is required."));
    else if (negative && (f->flags & SUT_F_SIGNED) != 0)
        return;
    else if (negative || (ranged && cents < f->min))
        refuse(k, name, with_cents(k, "Ensure this value is greater than or equal to ", f->min));
    else if (ranged && cents > f->max)
        refuse(k, name, with_cents(k, "Ensure this value is less than or equal to ", f->max));
}

static void check_choice(struct check *k, const struct sut_field *f, const struct sut_json *v)
{
    const sut_str name = sut_str_from(f->name);
    const bool written =
        v->type == SUT_JSON_STRING || v->type == SUT_JSON_INT || v->type == SUT_JSON_REAL;
    if (!written) {
        refuse(k, name, SUT_STR("Not a valid string."));
        return;
    }
    const sut_str s = sut_utf8_trim(v->s);
    if (s.n == 0 && (f->flags & SUT_F_BLANK) != 0)
        return;
    for (const char *const *c = f->choices; v->type == SUT_JSON_STRING && *c != NULL; c++)
        if (sut_str_is(s, *c))
            return;

    struct sut_buf b;
    sut_buf_init_arena(&b, k->a, MESSAGE_MAX);
    sut_buf_char(&b, '"');
    sut_buf_str_add(&b, sut_utf8_head(s, ECHO_MAX));
    sut_buf_lit(&b, "\" is not a valid choice.");
    refuse(k, name, sut_buf_str(&b));
}

static void check_fields(struct check *k, const struct sut_schema *schema,
                         const struct sut_json *body);

/* Go into an object that stands at `name`: its faults are named "name.field". */
static void check_inside(struct check *k, sut_str name, const struct sut_schema *schema,
                         const struct sut_json *v)
{
    if (v->type != SUT_JSON_OBJECT) {
        refuse(k, name, SUT_STR("Invalid data. Expected a dictionary."));
        return;
    }
    if (schema == NULL)
        return;
    const sut_str outer = k->prefix;
    struct sut_buf b;
    sut_buf_init_arena(&b, k->a, outer.n + name.n + 1);
    sut_buf_str_add(&b, outer);
    sut_buf_str_add(&b, name);
    sut_buf_char(&b, '.');
    k->prefix = sut_buf_str(&b);
    check_fields(k, schema, v);
    k->prefix = outer;
}

static void check_value(struct check *k, const struct sut_field *f, const struct sut_json *v);

static void check_array(struct check *k, const struct sut_field *f, const struct sut_json *v)
{
    const sut_str name = sut_str_from(f->name);
    if (v->type != SUT_JSON_ARRAY) {
        refuse(k, name, SUT_STR("Expected a list of items."));
        return;
    }
    if ((int64_t) v->n < f->min)
        refuse(k, name, with_number(k, "Ensure this field has at least ", f->min, " elements."));
    else if (f->max > 0 && (int64_t) v->n > f->max)
        refuse(k, name,
               with_number(k, "Ensure this field has no more than ", f->max, " elements."));
    else
        for (size_t i = 0; i < v->n && !k->no_memory; i++) {
            struct sut_buf b;
            sut_buf_init_arena(&b, k->a, name.n + 24);
            sut_buf_str_add(&b, name);
            sut_buf_char(&b, '.');
            sut_buf_u64(&b, i);
            const sut_str at = sut_buf_str(&b);
            const char *z = sut_str_z(k->a, at);
            const struct sut_field one = { .name = z, .type = f->items };
            k->no_memory |= z == NULL;
            if (z != NULL && f->of != NULL)
                check_inside(k, at, f->of, &v->items[i]);
            else if (z != NULL)
                check_value(k, &one, &v->items[i]);
        }
}

static void check_value(struct check *k, const struct sut_field *f, const struct sut_json *v)
{
    const sut_str name = sut_str_from(f->name);
    switch (f->type) {
    case SUT_F_STRING:
    case SUT_F_EMAIL:
    case SUT_F_PHONE:
    case SUT_F_PASSWORD:
    case SUT_F_TIME:
    case SUT_F_URL:
        check_text(k, f, v);
        break;
    case SUT_F_INT:
        check_int(k, f, v);
        break;
    case SUT_F_PRICE:
        check_price(k, f, v);
        break;
    case SUT_F_NUMBER:
        if (v->type != SUT_JSON_INT && v->type != SUT_JSON_REAL)
            refuse(k, name, SUT_STR("A valid number is required."));
        break;
    case SUT_F_BOOL:
        if (v->type != SUT_JSON_BOOL)
            refuse(k, name, SUT_STR("Must be a valid boolean."));
        break;
    case SUT_F_CHOICE:
        check_choice(k, f, v);
        break;
    case SUT_F_OBJECT:
        check_inside(k, name, f->of, v);
        break;
    case SUT_F_ARRAY:
        check_array(k, f, v);
        break;
    case SUT_F_NULL:
        if (v->type != SUT_JSON_NULL)
            refuse(k, name, SUT_STR("Invalid data."));
        break;
    }
}

static void check_member(struct check *k, const struct sut_field *f, const struct sut_json *v)
{
    const bool required = (f->flags & SUT_F_REQUIRED) != 0;
    const bool nullable = (f->flags & SUT_F_NULLABLE) != 0 || f->type == SUT_F_NULL;
    if ((f->flags & SUT_F_UNUSED) != 0)
        return;
    if (v == NULL) {
        if (required)
            refuse(k, sut_str_from(f->name), SUT_STR("This field is required."));
        return;
    }
    if (v->type != SUT_JSON_NULL)
        check_value(k, f, v);
    else if (!nullable)
        refuse(k, sut_str_from(f->name), SUT_STR("This field may not be null."));
}

static bool is_known(const struct sut_schema *schema, sut_str key)
{
    for (size_t i = 0; i < schema->n; i++)
        if (sut_str_is(key, schema->fields[i].name))
            return true;
    return false;
}

static void check_fields(struct check *k, const struct sut_schema *schema,
                         const struct sut_json *body)
{
    for (size_t i = 0; i < schema->n && !k->no_memory; i++)
        check_member(k, &schema->fields[i], sut_json_get(body, schema->fields[i].name));
    for (size_t i = 0; body != NULL && i < body->n && !k->no_memory; i++)
        if (!is_known(schema, body->keys[i]))
            refuse(k, body->keys[i], SUT_STR("Unknown field."));
}

SUT_ERR sut_schema_check(struct sut_arena *a, const struct sut_schema *schema,
                         const struct sut_json *body, const struct sut_fault **reterr_faults)
{
    struct check k = { .a = a };
    if (body == NULL || body->type == SUT_JSON_OBJECT)
        check_fields(&k, schema, body);
    else
        refuse(&k, SUT_STR("non_field_errors"), SUT_STR("Invalid data. Expected a dictionary."));
    ENSURE(!k.no_memory, NOMEM);
    if (k.first == NULL)
        return SUT_OK;
    *reterr_faults = k.first;
    FAIL(INVALID);
}

/* The member of the wanted type, or NULL. */
static const struct sut_json *member(const struct sut_json *body, const char *name,
                                     enum sut_json_type type)
{
    const struct sut_json *v = sut_json_get(body, name);
    return v != NULL && v->type == type ? v : NULL;
}

sut_str sut_schema_str(const struct sut_json *body, const char *name)
{
    const struct sut_json *v = member(body, name, SUT_JSON_STRING);
    return v == NULL ? (sut_str){ 0 } : sut_utf8_trim(v->s);
}

sut_str sut_schema_raw(const struct sut_json *body, const char *name)
{
    const struct sut_json *v = member(body, name, SUT_JSON_STRING);
    return v == NULL ? (sut_str){ 0 } : v->s;
}

int64_t sut_schema_i64(const struct sut_json *body, const char *name, int64_t absent)
{
    const struct sut_json *v = member(body, name, SUT_JSON_INT);
    return v == NULL ? absent : v->i;
}

int64_t sut_schema_cents(const struct sut_json *body, const char *name, int64_t absent)
{
    const struct sut_json *v = sut_json_get(body, name);
    int64_t cents = 0;
    const bool negative = v != NULL && v->s.n > 1 && v->s.p[0] == '-';
    if (v == NULL ||
        sut_failed(sut_parse_cents(sut_str_sub(v->s, negative ? 1 : 0, v->s.n), INT64_MAX, &cents)))
        return absent;
    return negative ? -cents : cents;
}

bool sut_schema_bool(const struct sut_json *body, const char *name, bool absent)
{
    const struct sut_json *v = member(body, name, SUT_JSON_BOOL);
    return v == NULL ? absent : v->b;
}

SUT_ERR sut_parse_cents(sut_str text, int64_t max, int64_t *ret)
{
    struct sut_scan c = sut_scan_of(text);
    uint64_t whole = 0;
    uint64_t places = 0;
    ENSURE(!sut_failed(sut_scan_u64(&c, INT64_MAX / 100 - 1, &whole)), INVALID);
    if (sut_scan_char(&c, '.')) {
        const size_t n = sut_scan_rest(&c).n;
        ENSURE(n == 1 || n == 2, INVALID);
        ENSURE(!sut_failed(sut_scan_fixed(&c, (unsigned) n, &places)), INVALID);
        places *= n == 1 ? 10 : 1;
    }
    ENSURE(sut_scan_at_end(&c), INVALID);
    const int64_t cents = (int64_t) (whole * 100 + places);
    ENSURE(cents <= max, INVALID);
    *ret = cents;
    return SUT_OK;
}
