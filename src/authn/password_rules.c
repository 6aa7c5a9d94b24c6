/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/password_rules.h"

#include <stdint.h>
#include <stdlib.h>
#include <zxcvbn.h>

#include "authn/common_passwords.h"
#include "base/buf.h"
#include "base/secret.h"
#include "codec/utf8.h"

enum {
    ATTRIBUTES = 4,
    GUESSED_MAX = 100, /* bytes that libzxcvbn looks at: its time grows with their square */
    WORD_MAX = 64,     /* bytes of an attribute that it knows */
    MESSAGE_MAX = 160,
};

/* Django's UserAttributeSimilarityValidator.max_similarity */
static const double max_similarity = 0.7;

/* Code points, sorted: all that a quick ratio needs to know. */
struct letters {
    uint32_t *p;
    size_t n;
};

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *) a;
    const uint32_t y = *(const uint32_t *) b;
    return x < y ? -1 : x > y;
}

static SUT_ERR letters_of(struct sut_arena *a, sut_str s, struct letters *ret)
{
    uint32_t *p = ARENA_ARRAY(a, uint32_t, s.n + 1);
    ENSURE(p != NULL, NOMEM);
    size_t n = 0;
    size_t at = 0;
    while (sut_utf8_next(s, &at, &p[n]))
        n++;
    qsort(p, n, sizeof(*p), by_value);
    *ret = (struct letters){ .p = p, .n = n };
    return SUT_OK;
}

/* Python's SequenceMatcher.quick_ratio(): letters in common, wherever they stand. */
static double quick_ratio(const struct letters *a, const struct letters *b)
{
    size_t same = 0;
    size_t i = 0;
    size_t j = 0;
    if (a->n + b->n == 0)
        return 1.0;
    while (i < a->n && j < b->n) {
        if (a->p[i] == b->p[j]) {
            same++;
            i++;
            j++;
        } else if (a->p[i] < b->p[j]) {
            i++;
        } else {
            j++;
        }
    }
    return 2.0 * (double) same / (double) (a->n + b->n);
}

/* Django's exceeds_maximum_length_ratio(): far too short to matter. */
static bool is_too_short_to_compare(size_t password_n, size_t value_n)
{
    return password_n >= 10 * value_n &&
           (double) value_n < max_similarity / 2 * (double) password_n;
}

static SUT_ERR is_like_part(struct sut_arena *a, const struct letters *password, sut_str part,
                            bool *ret)
{
    const struct sut_mark mark = sut_arena_mark(a);
    struct letters value;
    TRY(letters_of(a, part, &value));
    *ret = !is_too_short_to_compare(password->n, value.n) &&
           quick_ratio(password, &value) >= max_similarity;
    sut_arena_rewind(a, mark);
    return SUT_OK;
}

/* The password against the words of a value (re.split(r'\W+')), and the whole of it. */
static SUT_ERR is_like(struct sut_arena *a, const struct letters *password, sut_str value,
                       bool *ret)
{
    sut_str lower;
    TRY(sut_utf8_lower(a, value, &lower));
    size_t at = 0;
    size_t from = 0;
    bool was_word = true;
    *ret = false;
    while (!*ret) {
        const size_t here = at;
        uint32_t cp = 0;
        const bool has_more = sut_utf8_next(lower, &at, &cp);
        const bool is_word = has_more && sut_utf8_is_word(cp);
        if (is_word && !was_word)
            from = here;
        /* Between two separators there is no part, at either end there is an empty one. */
        if (!is_word && (was_word || !has_more))
            TRY(is_like_part(a, password,
                             was_word ? sut_str_sub(lower, from, here) : sut_str_of(lower.p, 0),
                             ret));
        was_word = is_word;
        if (!has_more)
            break;
    }
    if (!*ret)
        TRY(is_like_part(a, password, lower, ret));
    return SUT_OK;
}

static void add_message(struct sut_password_verdict *v, enum sut_password_fault fault, sut_str text)
{
    v->faults |= (unsigned) fault;
    v->messages[v->n++] = text;
}

static SUT_ERR add_formatted(struct sut_arena *a, struct sut_password_verdict *v,
                             enum sut_password_fault fault, const char *before, unsigned number,
                             const char *after)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, MESSAGE_MAX);
    sut_buf_printf(&b, "%s%u%s", before, number, after);
    TRY(sut_buf_check(&b));
    add_message(v, fault, sut_buf_str(&b));
    return SUT_OK;
}

static SUT_ERR check_similarity(struct sut_arena *a, const struct sut_password_user *user,
                                sut_str lower, struct sut_password_verdict *v)
{
    static const sut_str texts[ATTRIBUTES] = {
        SUT_STR_INIT("The password is too similar to the username."),
        SUT_STR_INIT("The password is too similar to the first name."),
        SUT_STR_INIT("The password is too similar to the last name."),
        SUT_STR_INIT("The password is too similar to the email address."),
    };
    const sut_str values[ATTRIBUTES] = { user->username, user->first_name, user->last_name,
                                         user->email };
    struct letters password;
    TRY(letters_of(a, lower, &password));
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        bool is_similar = false;
        if (values[i].n > 0)
            TRY(is_like(a, &password, values[i], &is_similar));
        if (is_similar) {
            add_message(v, SUT_PASSWORD_SIMILAR, texts[i]);
            return SUT_OK;
        }
    }
    return SUT_OK;
}

static sut_str common_at(size_t i)
{
    const uint32_t from = sut_common_passwords_at[i];
    return sut_str_of((const char *) sut_common_passwords + from,
                      sut_common_passwords_at[i + 1] - from);
}

/* The list is in the order of bytes, as Python sorts them. */
static bool is_in_list(sut_str lower)
{
    const sut_str word = sut_utf8_trim(lower);
    size_t low = 0;
    size_t high = sut_common_passwords_n;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const int c = sut_str_cmp(word, common_at(mid));
        if (c == 0)
            return true;
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}

/* A word of libzxcvbn's lists as a whole; a part that is one does no harm. */
static bool is_in_dictionaries(sut_str password)
{
    char text[GUESSED_MAX + 1] = { 0 };
    ZxcMatch_t *parts = NULL;
    if (password.n == 0 || password.n > GUESSED_MAX)
        return false;
    memcpy(text, password.p, password.n);
    (void) ZxcvbnMatch(text, NULL, &parts);
    const bool is_word = parts != NULL && parts->Begin == 0 &&
                         (size_t) parts->Length == strlen(text) &&
                         (parts->Type == DICTIONARY_MATCH || parts->Type == DICT_LEET_MATCH);
    ZxcvbnFreeInfo(parts);
    sut_wipe(text, sizeof(text));
    return is_word;
}

static bool is_all_digits(sut_str s)
{
    size_t at = 0;
    uint32_t cp = 0;
    while (sut_utf8_next(s, &at, &cp)) {
        if (!sut_utf8_is_digit(cp))
            return false;
    }
    return s.n > 0;
}

static SUT_ERR check_length(struct sut_arena *a, const struct sut_password_policy *policy,
                            sut_str password, struct sut_password_verdict *v)
{
    const size_t chars = sut_utf8_count(password);
    if (chars < policy->length_min)
        return add_formatted(
            a, v, SUT_PASSWORD_SHORT, "This password is too short. It must contain at least ",
            policy->length_min, policy->length_min == 1 ? " character." : " characters.");
    if (chars > SUT_PASSWORD_CHARS_MAX)
        return add_formatted(a, v, SUT_PASSWORD_LONG,
                             "This password is too long. It must contain at most ",
                             SUT_PASSWORD_CHARS_MAX, " characters.");
    return SUT_OK;
}

SUT_ERR sut_password_check(struct sut_arena *a, const struct sut_password_policy *policy,
                           const struct sut_password_user *user, sut_str password,
                           struct sut_password_verdict *ret)
{
    struct sut_password_verdict v = { 0 };
    sut_str lower;
    ENSURE(sut_utf8_is_valid(password), PARSE);
    /* What is too long is not looked at further: looking takes time. */
    if (sut_utf8_count(password) > SUT_PASSWORD_CHARS_MAX) {
        TRY(check_length(a, policy, password, &v));
        *ret = v;
        return SUT_OK;
    }
    TRY(sut_utf8_lower(a, password, &lower));
    if (user != NULL)
        TRY(check_similarity(a, user, lower, &v));
    TRY(check_length(a, policy, password, &v));
    if (is_in_list(lower) || (policy->has_more_words && is_in_dictionaries(password)))
        add_message(&v, SUT_PASSWORD_COMMON, SUT_STR("This password is too common."));
    if (is_all_digits(password))
        add_message(&v, SUT_PASSWORD_NUMERIC, SUT_STR("This password is entirely numeric."));
    *ret = v;
    return SUT_OK;
}

unsigned sut_password_strength(const struct sut_password_user *user, sut_str password)
{
    /* log2 of 10^3, 10^6, 10^8 and 10^10 guesses */
    static const double steps[] = { 9.966, 19.932, 26.575, 33.219 };
    char text[GUESSED_MAX + 1] = { 0 };
    char words[ATTRIBUTES][WORD_MAX + 1] = { { 0 } };
    const char *list[ATTRIBUTES + 1] = { NULL };
    size_t n = 0;
    if (user != NULL) {
        const sut_str values[ATTRIBUTES] = { user->username, user->first_name, user->last_name,
                                             user->email };
        for (size_t i = 0; i < ATTRIBUTES; i++) {
            const sut_str value = sut_str_sub(values[i], 0, WORD_MAX);
            if (value.n == 0)
                continue;
            memcpy(words[n], value.p, value.n);
            list[n] = words[n];
            n++;
        }
    }
    const sut_str head = sut_str_sub(password, 0, GUESSED_MAX);
    if (head.n > 0)
        memcpy(text, head.p, head.n);
    const double bits = text[0] == '\0' ? 0 : ZxcvbnMatch(text, list, NULL);
    sut_wipe(text, sizeof(text));
    unsigned score = 0;
    while (score < 4 && bits >= steps[score])
        score++;
    return score;
}
