/* SPDX-License-Identifier: Apache-2.0 */
#include "config/weak.h"

#include <stdbool.h>

enum { LEAST_DISTINCT = 8 };

/* Words of examples, tutorials and templates; by chance none of them comes up. */
static const char *const words[] = {
    "changeme",       "change-me",        "change_me",    "change this",   "changethis",
    "change-this",    "your-secr",        "your_secr",    "yoursecr",      "secret-key",
    "secret_key",     "secretkey",        "mysecret",     "my-secret",     "my_secret",
    "supersecret",    "super-secret",     "super_secret", "topsecret",     "insecure",
    "placeholder",    "password",         "passphrase",   "example",       "replaceme",
    "replace-me",     "replace_me",       "default-key",  "development",   "dev-secret",
    "dev_secret",     "test-key",         "test_key",     "testsecret",    "test-secret",
    "test_secret",    "qwerty",           "letmein",      "not-so-secret", "keep-it-secret",
    "keepthissecret", "deadbeefdeadbeef",
};

static bool has_word(sut_str s, const char *word)
{
    const sut_str w = sut_str_from(word);
    for (size_t i = 0; i + w.n <= s.n; i++) {
        if (sut_str_eq_nocase(sut_str_sub(s, i, i + w.n), w))
            return true;
    }
    return false;
}

static size_t distinct(sut_str s)
{
    bool seen[256] = { false };
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        const unsigned char c = (unsigned char) s.p[i];
        n += seen[c] ? 0 : 1;
        seen[c] = true;
    }
    return n;
}

/* "abcabcabc": one part again and again, the last time perhaps not whole. */
static bool repeats(sut_str s)
{
    for (size_t period = 1; period <= s.n / 2; period++) {
        size_t i = period;
        while (i < s.n && s.p[i] == s.p[i - period])
            i++;
        if (i == s.n)
            return true;
    }
    return false;
}

/* "abcdefgh12345678": most characters follow the one before. */
static bool counts_up(sut_str s)
{
    size_t steps = 0;
    for (size_t i = 1; i < s.n; i++) {
        const int step = (unsigned char) s.p[i] - (unsigned char) s.p[i - 1];
        steps += step >= -1 && step <= 1 ? 1 : 0;
    }
    return steps * 2 > s.n;
}

const char *sut_weak__reason(sut_str s)
{
    if (s.n >= 16 && sut_str_starts(s, SUT_STR("django-insecure-")))
        return "is the one that `django-admin startproject` writes for development";
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (has_word(s, words[i]))
            return "holds a word of examples and templates";
    }
    if (s.n < SUT_WEAK_LEAST_BYTES)
        return "is shorter than 32 bytes";
    if (distinct(s) < LEAST_DISTINCT)
        return "is made of fewer than 8 different characters";
    if (repeats(s))
        return "repeats itself";
    if (counts_up(s))
        return "is a row of neighbouring characters";
    return NULL;
}
