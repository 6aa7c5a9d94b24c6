/* SPDX-License-Identifier: Apache-2.0
 *
 * authn_cli - passwords and tokens from a command line, for tests in other
 * languages.  Reads one command a line, its words apart by a tab, and answers
 * with one line:
 *
 *     hash    pbkdf2|argon2  PASSWORD          a hash
 *     verify  HASH           PASSWORD          ok | no | unusable | malformed | over_budget
 *     rehash  HASH           pbkdf2|argon2     yes | no
 *     mint    KEY  KIND  USER_ID  NOW  LIFE    a token
 *     token   KEY  KIND  NOW      TOKEN        ok USER_ID FOREIGN EXP IAT | the refusal's text
 *     check   PASSWORD  USERNAME  FIRST  LAST  EMAIL   messages apart by '|'
 */
#include <stdio.h>
#include <string.h>

#include "authn/jwt.h"
#include "authn/password_rules.h"
#include "base/scan.h"
#include "crypto/pwhash.h"

enum { LINE_MAX_BYTES = 8192, WORDS_MAX = 6, WIDE_ARENA = 1 << 20 };

static const struct sut_pwhash_policy policies[] = {
    { .kind = SUT_PWHASH_PBKDF2, .rounds = 390000 },
    { .kind = SUT_PWHASH_ARGON2ID, .memory_kib = 19456, .passes = 2, .lanes = 1 },
};
static const struct sut_pwhash_budget budget = {
    .rounds = 2000000, .memory_kib = 131072, .passes = 8, .lanes = 8
};

static const struct sut_pwhash_policy *policy_named(sut_str name)
{
    return &policies[sut_str_is(name, "argon2") ? 1 : 0];
}

static SUT_ERR hash(const sut_str *w)
{
    struct sut_pwhash_text t;
    TRY(sut_pwhash_hash(policy_named(w[1]), &sut_random_system, w[2], &t));
    (void) printf("%.*s\n", SUT_STR_ARG(sut_pwhash_str(&t)));
    return SUT_OK;
}

static SUT_ERR verify(const sut_str *w)
{
    static const char *const names[] = {
        [SUT_PWHASH_OK] = "ok",
        [SUT_PWHASH_NO] = "no",
        [SUT_PWHASH_UNUSABLE] = "unusable",
        [SUT_PWHASH_MALFORMED] = "malformed",
        [SUT_PWHASH_OVER_BUDGET] = "over_budget",
    };
    enum sut_pwhash_verdict v = SUT_PWHASH_NO;
    TRY(sut_pwhash_verify(w[1], w[2], &budget, SUT_STR(""), &v));
    (void) puts(names[v]);
    return SUT_OK;
}

static SUT_ERR rehash(const sut_str *w)
{
    (void) puts(sut_pwhash_needs_rehash(w[1], policy_named(w[2])) ? "yes" : "no");
    return SUT_OK;
}

static SUT_ERR ring_of(sut_str secret, struct sut_keyring **ret)
{
    const struct sut_key_text key = { .secret = secret };
    return sut_keyring_create(&key, NULL, false, ret);
}

static enum sut_token_kind kind_named(sut_str name)
{
    int kind = 0;
    while (kind < SUT_TOKEN_KINDS - 1 &&
           !sut_str_is(name, sut_token_kind_name((enum sut_token_kind) kind)))
        kind++;
    return (enum sut_token_kind) kind;
}

static SUT_ERR mint(const sut_str *w)
{
    DEFER(sut_keyring_free) struct sut_keyring *ring = NULL;
    const struct sut_token_policy policy = { .takes_foreign = true };
    struct sut_token t = { .kind = kind_named(w[2]), .session = 1234567 };
    char text[SUT_TOKEN_MINTED_MAX];
    size_t n = 0;
    int64_t life = 0;
    TRY(ring_of(w[1], &ring));
    TRY(sut_parse_i64(w[3], 1, INT64_MAX, &t.user_id));
    TRY(sut_parse_i64(w[4], 1, INT64_MAX, &t.iat_s));
    TRY(sut_parse_i64(w[5], 1, 1000000, &life));
    t.exp_s = t.iat_s + life;
    TRY(sut_token_mint(ring, &policy, &sut_random_system, &t, text, sizeof(text), &n));
    (void) printf("%.*s\n", (int) n, text);
    return SUT_OK;
}

static SUT_ERR token(const sut_str *w)
{
    DEFER(sut_keyring_free) struct sut_keyring *ring = NULL;
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    const struct sut_token_policy policy = { .takes_foreign = true };
    struct sut_token t;
    enum sut_token_fault fault = SUT_TOKEN_FINE;
    int64_t now_s = 0;
    TRY(ring_of(w[1], &ring));
    TRY(sut_arena_create(WIDE_ARENA, &a));
    TRY(sut_parse_i64(w[3], 0, INT32_MAX, &now_s));
    const sut_err e = sut_token_verify(ring, &policy, kind_named(w[2]), w[4],
                                       (sut_ms){ now_s * 1000 }, a, &t, &fault);
    if (e.code == SUT_E_TOKEN) {
        (void) puts(sut_token_fault_text(fault));
        return SUT_OK;
    }
    TRY(e);
    (void) printf("ok %lld %d %lld %lld\n", (long long) t.user_id, t.is_foreign,
                  (long long) t.exp_s, (long long) t.iat_s);
    return SUT_OK;
}

static SUT_ERR check(const sut_str *w)
{
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    const struct sut_password_policy policy = { .length_min = 8 };
    const struct sut_password_user user = {
        .username = w[2], .first_name = w[3], .last_name = w[4], .email = w[5]
    };
    struct sut_password_verdict v;
    TRY(sut_arena_create(WIDE_ARENA, &a));
    TRY(sut_password_check(a, &policy, &user, w[1], &v));
    for (size_t i = 0; i < v.n; i++)
        (void) printf("%s%.*s", i > 0 ? "|" : "", SUT_STR_ARG(v.messages[i]));
    (void) puts("");
    return SUT_OK;
}

static const struct {
    const char *name;
    size_t words;
    SUT_ERR (*run)(const sut_str *words);
} commands[] = {
    { "hash", 3, hash }, { "verify", 3, verify }, { "rehash", 3, rehash },
    { "mint", 6, mint }, { "token", 5, token },   { "check", 6, check },
};

static void run_line(sut_str line)
{
    sut_str words[WORDS_MAX] = { { 0 } };
    struct sut_scan c = sut_scan_of(line);
    size_t n = 0;
    do {
        words[n++] = sut_scan_until(&c, '\t');
    } while (n < WORDS_MAX && sut_scan_char(&c, '\t'));

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!sut_str_is(words[0], commands[i].name) || commands[i].words != n)
            continue;
        const sut_err e = commands[i].run(words);
        if (sut_failed(e))
            (void) printf("error %s\n", sut_err_info(e.code)->name);
        return;
    }
    (void) puts("error usage");
}

int main(void)
{
    char line[LINE_MAX_BYTES];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        const size_t n = strcspn(line, "\n");
        run_line(sut_str_of(line, n));
        (void) fflush(stdout);
    }
    return 0;
}
