/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/step_int.h"

#include "codec/url.h"
#include "codec/utf8.h"
#include "guard/reply.h"

static bool is_choice(sut_str v, const char *const *choices)
{
    for (; choices != NULL && *choices != NULL; choices++)
        if (sut_str_is(v, *choices))
            return true;
    return false;
}

static bool is_slug(sut_str v)
{
    for (size_t i = 0; i < v.n; i++) {
        const char c = sut_ascii_lower(v.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return true;
}

/* C3: letters and digits of any script, space and ' - . , & @ + _ */
static bool is_people_search(sut_str v)
{
    size_t at = 0;
    while (at < v.n) {
        uint32_t cp = 0;
        if (!sut_utf8_next(v, &at, &cp))
            return false;
        const bool is_sign = cp < 0x80 && strchr(" '-.,&@+_", (int) cp) != NULL && cp != 0;
        if (!is_sign && !sut_utf8_is_word(cp))
            return false;
    }
    return true;
}

/* A whole number from 1; beyond `max` it is max (a page that far does not exist). */
static bool parse_count(sut_str v, int64_t max, int64_t *ret)
{
    int64_t n = 0;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return false;
        n = n > max / 10 ? max : n * 10 + (v.p[i] - '0');
    }
    *ret = n > max ? max : n;
    return v.n > 0 && n >= 1;
}

/* Hold one value against its key; an error is answered here. */
static enum sut_verdict check_value(struct sut_req *r, const struct sut_query_key *k, unsigned i)
{
    const sut_str v = r->query[i];
    const char *fault = NULL;
    if (k->max > 0 && k->type != SUT_Q_INT && k->type != SUT_Q_PRICE &&
        sut_utf8_count(v) > (size_t) k->max)
        fault = "This value is too long.";
    switch (k->type) {
    case SUT_Q_TEXT: /* what decodes at all holds no control characters */
        break;
    case SUT_Q_SLUG:
        if (fault == NULL && !is_slug(v))
            fault = "Enter a valid slug.";
        break;
    case SUT_Q_CHOICE:
        if (!is_choice(v, k->choices))
            fault = "This is not a valid choice.";
        break;
    case SUT_Q_COVERAGE:
        if (!is_choice(v, k->choices)) {
            struct sut_jw w = sut_reply_json(r, 400);
            sut_jw_obj(&w);
            sut_jw_key(&w, "error");
            sut_jw_z(&w, "Invalid coverage_level. Must be one of: full, moderate, light");
            sut_jw_obj_end(&w);
            return SUT_ANSWERED;
        }
        break;
    case SUT_Q_INT:
        if (!parse_count(v, k->max, &r->query_int[i]))
            fault = "A valid integer is required.";
        break;
    case SUT_Q_PRICE:
        if (sut_failed(sut_parse_cents(v, k->max, &r->query_int[i])))
            fault = "A valid number is required.";
        break;
    case SUT_Q_PEOPLE:
        if (fault == NULL && !is_people_search(v)) {
            sut_guard__event(r, SUT_EVENT_INPUT_SUSPICIOUS);
            fault = "Letters, digits, spaces and ' - . , & @ + _ are allowed here.";
        }
        break;
    }
    if (fault == NULL)
        return SUT_NEXT;
    sut_reply_fault(r, k->name, fault);
    return SUT_ANSWERED;
}

enum sut_verdict sut_guard__query(struct sut_req *r)
{
    if (r->route == NULL || r->route->query == NULL || r->x->req->query.n == 0)
        return SUT_NEXT;
    struct sut_pairs pairs;
    if (sut_failed(sut_url_parse_query(r->arena, r->x->req->query, SUT_QUERY_PAIRS_MAX, &pairs))) {
        sut_reply_refuse(r, 400, "parse_error", "Malformed query string.");
        return SUT_ANSWERED;
    }
    for (unsigned i = 0; r->route->query[i].name != NULL; i++) {
        const struct sut_query_key *k = &r->route->query[i];
        const struct sut_pair *p = sut_pairs_get(&pairs, k->name);
        if (p == NULL)
            continue;
        if (p->n > 1) {
            sut_reply_fault(r, k->name, "This parameter may be given only once.");
            return SUT_ANSWERED;
        }
        /* An empty filter of a form is no filter. */
        if (p->value.n == 0)
            continue;
        r->query[i] = p->value;
        if (check_value(r, k, i) == SUT_ANSWERED)
            return SUT_ANSWERED;
    }
    return SUT_NEXT;
}
