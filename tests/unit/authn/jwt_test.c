/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/b64url.h"
#include "crypto/sha256.h"

enum { NOW_S = 1772366400 };

static const struct sut_token_policy plain = { .takes_foreign = true };
static const struct sut_token_policy strict = { .iss = SUT_STR_INIT("https://shop.example"),
                                                .aud = SUT_STR_INIT("sutler") };
static struct sut_keyring *ring;
static struct sut_arena *scratch;

static int set_up(void **state)
{
    (void) state;
    const struct sut_key_text key = { .secret = SUT_STR("0123456789abcdef0123456789abcdef") };
    assert_false(sut_failed(sut_keyring_create(&key, NULL, false, &ring)));
    assert_false(sut_failed(sut_arena_create(64 * 1024, &scratch)));
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    sut_keyring_free(&ring);
    sut_arena_free(&scratch);
    return 0;
}

struct text {
    char p[SUT_TOKEN_MAX + 64];
    size_t n;
};

static sut_str str_of(const struct text *t)
{
    return sut_str_of(t->p, t->n);
}

static struct sut_token mint(const struct sut_token_policy *policy, enum sut_token_kind kind,
                             struct text *to)
{
    struct sut_token t = {
        .kind = kind, .user_id = 42, .session = 77, .iat_s = NOW_S, .exp_s = NOW_S + 900
    };
    assert_false(sut_failed(
        sut_token_mint(ring, policy, &sut_random_system, &t, to->p, sizeof(to->p), &to->n)));
    assert_true(to->n <= SUT_TOKEN_MINTED_MAX);
    return t;
}

static enum sut_token_fault fault_at(const struct sut_token_policy *policy,
                                     enum sut_token_kind kind, sut_str text, int64_t at_ms)
{
    struct sut_token got;
    enum sut_token_fault fault = SUT_TOKEN_FINE;
    const sut_err e =
        sut_token_verify(ring, policy, kind, text, (sut_ms){ at_ms }, scratch, &got, &fault);
    assert_int_equal(sut_failed(e), fault != SUT_TOKEN_FINE);
    assert_true(!sut_failed(e) || e.code == SUT_E_TOKEN);
    return fault;
}

static enum sut_token_fault fault_of(sut_str text)
{
    return fault_at(&plain, SUT_TOKEN_ACCESS, text, (int64_t) NOW_S * 1000);
}

/* A token with claims of the test's own, signed by the right key. */
static enum sut_token_fault fault_of_claims(const struct sut_token_policy *policy, const char *json)
{
    struct sut_buf b;
    sut_buf_init(&b, 8192);
    assert_false(sut_failed(sut_jws_sign(ring, sut_str_from(json), &b)));
    const enum sut_token_fault f =
        fault_at(policy, SUT_TOKEN_ACCESS, sut_buf_str(&b), (int64_t) NOW_S * 1000);
    sut_buf_done(&b);
    return f;
}

static void says_what_was_minted(void **state)
{
    (void) state;
    const struct sut_token_policy *const policies[] = { &plain, &strict };
    for (size_t i = 0; i < 2; i++) {
        struct text text;
        struct sut_token got;
        enum sut_token_fault fault = SUT_TOKEN_FINE;
        const struct sut_token made = mint(policies[i], SUT_TOKEN_REFRESH, &text);
        assert_false(
            sut_failed(sut_token_verify(ring, policies[i], SUT_TOKEN_REFRESH, str_of(&text),
                                        (sut_ms){ NOW_S * 1000LL }, scratch, &got, &fault)));
        assert_int_equal(got.user_id, 42);
        assert_int_equal(got.session, 77);
        assert_int_equal(got.nonce, made.nonce);
        assert_int_equal(got.exp_s, NOW_S + 900);
        assert_int_equal(got.iat_s, NOW_S);
        assert_false(got.is_foreign);
        assert_memory_equal(got.jti_hash, made.jti_hash, SUT_JTI_HASH);
    }
}

static void holds_exactly_the_claims_of_the_policy(void **state)
{
    (void) state;
    struct text text;
    char json[1024];
    char want[1024];
    size_t n = 0;
    for (int is_strict = 0; is_strict < 2; is_strict++) {
        const struct sut_token t = mint(is_strict ? &strict : &plain, SUT_TOKEN_ACCESS, &text);
        const size_t first = sut_str_find(str_of(&text), 0, '.');
        const size_t second = sut_str_find(str_of(&text), first + 1, '.');
        assert_false(sut_failed(sut_b64url_decode(sut_str_sub(str_of(&text), first + 1, second),
                                                  json, sizeof(json), &n)));
        (void) snprintf(want, sizeof(want),
                        "{\"token_type\":\"access\",\"exp\":%d,\"iat\":%d,"
                        "\"jti\":\"s%016llx-%016llx\",\"user_id\":42%s}",
                        NOW_S + 900, NOW_S, 77ULL, (unsigned long long) t.nonce,
                        is_strict ? ",\"iss\":\"https://shop.example\",\"aud\":\"sutler\"" : "");
        assert_true(sut_str_is(sut_str_of(json, n), want));
        assert_false(sut_failed(
            sut_b64url_decode(sut_str_sub(str_of(&text), 0, first), json, sizeof(json), &n)));
        assert_true(sut_str_starts(sut_str_of(json, n), SUT_STR("{\"alg\":\"HS256\",\"kid\":\"")));
        assert_true(sut_str_ends(sut_str_of(json, n), SUT_STR("\",\"typ\":\"JWT\"}")));
    }
}

static void every_bit_flip_truncation_and_doubled_byte_is_refused(void **state)
{
    (void) state;
    struct text text;
    (void) mint(&plain, SUT_TOKEN_ACCESS, &text);
    assert_int_equal(fault_of(str_of(&text)), SUT_TOKEN_FINE);
    for (size_t bit = 0; bit < 8 * text.n; bit++) {
        text.p[bit / 8] = (char) (text.p[bit / 8] ^ (1 << (bit % 8)));
        assert_int_not_equal(fault_of(str_of(&text)), SUT_TOKEN_FINE);
        text.p[bit / 8] = (char) (text.p[bit / 8] ^ (1 << (bit % 8)));
    }
    for (size_t n = 0; n < text.n; n++)
        assert_int_not_equal(fault_of(sut_str_of(text.p, n)), SUT_TOKEN_FINE);
    for (size_t i = 0; i < text.n; i++) {
        struct text twice = text;
        memmove(twice.p + i + 1, twice.p + i, text.n - i);
        twice.n++;
        assert_int_not_equal(fault_of(str_of(&twice)), SUT_TOKEN_FINE);
    }
}

/* SPEC: rfc8725 §3.12 */
static void no_kind_passes_for_another(void **state)
{
    (void) state;
    const struct sut_token_policy *const policies[] = { &plain, &strict };
    for (size_t p = 0; p < 2; p++) {
        for (int made = 0; made < SUT_TOKEN_KINDS; made++) {
            struct text text;
            (void) mint(policies[p], (enum sut_token_kind) made, &text);
            for (int used = 0; used < SUT_TOKEN_KINDS; used++)
                assert_int_equal(fault_at(policies[p], (enum sut_token_kind) used, str_of(&text),
                                          NOW_S * 1000LL),
                                 made == used ? SUT_TOKEN_FINE : SUT_TOKEN_KIND);
        }
    }
}

static void ends_with_its_time_and_starts_not_before_it(void **state)
{
    (void) state;
    struct text text;
    (void) mint(&plain, SUT_TOKEN_ACCESS, &text);
    static const struct {
        int64_t at_s;
        enum sut_token_fault want;
    } rows[] = {
        { NOW_S + 899, SUT_TOKEN_FINE },    { NOW_S + 900, SUT_TOKEN_EXPIRED },
        { NOW_S + 901, SUT_TOKEN_EXPIRED }, { NOW_S - 60, SUT_TOKEN_FINE },
        { NOW_S - 61, SUT_TOKEN_EARLY },    { 0, SUT_TOKEN_EARLY },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(fault_at(&plain, SUT_TOKEN_ACCESS, str_of(&text), rows[i].at_s * 1000),
                         rows[i].want);
    assert_string_equal(sut_token_fault_text(SUT_TOKEN_EXPIRED), "Token is expired");
    assert_string_equal(sut_token_fault_text(SUT_TOKEN_KIND), "Token has wrong type");
    assert_string_equal(sut_token_fault_text(SUT_TOKEN_SIGNATURE), "Token is invalid");
}

#define JTI "\"jti\":\"5d2c7be3f6f94b1c9d8f0d3b1a2c3d4e\""
#define EXP "\"exp\":1772367300"
#define IAT "\"iat\":1772366400"
#define TYP "\"token_type\":\"access\""
#define UID "\"user_id\":7"

static void takes_claims_in_any_order_and_spacing(void **state)
{
    (void) state;
    static const char *const good[] = {
        "{" TYP "," EXP "," IAT "," JTI "," UID "}",
        "{" UID "," JTI "," IAT "," EXP "," TYP "}",
        " {\n" TYP " ,\t" EXP "\r, " IAT "," JTI "," UID " } ",
        "{" TYP "," EXP "," IAT "," JTI "," UID ",\"email\":\"a@b.example\",\"x\":{\"y\":[1]}}",
        "{" TYP "," EXP "," IAT "," JTI "," UID ",\"nbf\":1772366400}",
        "{\"token_type\":\"acc\\u0065ss\"," EXP "," IAT "," JTI "," UID "}",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(fault_of_claims(&plain, good[i]), SUT_TOKEN_FINE);
}

static void refuses_claims_that_are_missing_doubled_or_of_another_type(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "{}",
        "not json",
        "{" EXP "," IAT "," JTI "," UID "}",
        "{" TYP "," IAT "," JTI "," UID "}",
        "{" TYP "," EXP "," JTI "," UID "}",
        "{" TYP "," EXP "," IAT "," UID "}",
        "{" TYP "," EXP "," IAT "," JTI "}",
        "{" TYP "," EXP "," EXP "," IAT "," JTI "," UID "}",
        "{" TYP "," EXP "," IAT "," JTI "," UID "," UID "}",
        "{" TYP "," EXP "," IAT "," JTI ",\"user_id\":1,\"user_id\":2}",
        "{" TYP ",\"exp\":\"1772367300\"," IAT "," JTI "," UID "}",
        "{" TYP ",\"exp\":1772367300.0," IAT "," JTI "," UID "}",
        "{" TYP ",\"exp\":1e10," IAT "," JTI "," UID "}",
        "{" TYP ",\"exp\":99999999999999999999," IAT "," JTI "," UID "}",
        "{" TYP ",\"exp\":9223372036854775807," IAT "," JTI "," UID "}",
        "{" TYP ",\"exp\":253402300800," IAT "," JTI "," UID "}",
        "{" TYP ",\"exp\":01772367300," IAT "," JTI "," UID "}",
        "{" TYP ",\"exp\":null," IAT "," JTI "," UID "}",
        "{" TYP ",\"exp\":true," IAT "," JTI "," UID "}",
        "{" TYP "," EXP ",\"iat\":\"1\"," JTI "," UID "}",
        "{" TYP "," EXP "," IAT ",\"jti\":5," UID "}",
        "{" TYP "," EXP "," IAT ",\"jti\":\"\"," UID "}",
        "{" TYP "," EXP "," IAT "," JTI ",\"user_id\":null}",
        "{" TYP "," EXP "," IAT "," JTI ",\"user_id\":\"7\"}",
        "{" TYP "," EXP "," IAT "," JTI ",\"user_id\":0}",
        "{" TYP "," EXP "," IAT "," JTI ",\"user_id\":-7}",
        "{" TYP "," EXP "," IAT "," JTI ",\"user_id\":7.0}",
        "{" TYP "," EXP "," IAT "," JTI ",\"user_id\":[7]}",
        "{\"token_type\":[\"access\"]," EXP "," IAT "," JTI "," UID "}",
        "{" TYP "," EXP "," IAT "," JTI "," UID ",\"nbf\":\"now\"}",
        "{" TYP "," EXP "," IAT "," JTI "," UID "}{}",
        "{" TYP "," EXP "," IAT "," JTI "," UID ",}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (fault_of_claims(&plain, bad[i]) != SUT_TOKEN_MALFORMED)
            fail_msg("claims %s", bad[i]);
    }
    assert_int_equal(fault_of_claims(&plain, "{" TYP ",\"exp\":-1," IAT "," JTI "," UID "}"),
                     SUT_TOKEN_EXPIRED);
    assert_int_equal(
        fault_of_claims(&plain, "{" TYP "," EXP ",\"iat\":1772366461," JTI "," UID "}"),
        SUT_TOKEN_EARLY);
    assert_int_equal(
        fault_of_claims(&plain, "{" TYP "," EXP "," IAT "," JTI "," UID ",\"nbf\":1772366461}"),
        SUT_TOKEN_EARLY);
    assert_int_equal(
        fault_of_claims(&plain, "{\"token_type\":\"Access\"," EXP "," IAT "," JTI "," UID "}"),
        SUT_TOKEN_KIND);
}

static void the_audience_is_the_policy_s_and_no_other(void **state)
{
    (void) state;
#define OURS "\"jti\":\"s000000000000004d-00000000000000ff\""
#define HEAD "{" TYP "," EXP "," IAT "," OURS "," UID
    static const struct {
        const char *json;
        enum sut_token_fault want;
    } rows[] = {
        { HEAD ",\"iss\":\"https://shop.example\",\"aud\":\"sutler\"}", SUT_TOKEN_FINE },
        { HEAD ",\"aud\":\"sutler\",\"iss\":\"https://shop.example\"}", SUT_TOKEN_FINE },
        { HEAD "}", SUT_TOKEN_AUDIENCE },
        { HEAD ",\"iss\":\"https://shop.example\"}", SUT_TOKEN_AUDIENCE },
        { HEAD ",\"aud\":\"sutler\"}", SUT_TOKEN_AUDIENCE },
        { HEAD ",\"iss\":\"https://shop.example/\",\"aud\":\"sutler\"}", SUT_TOKEN_AUDIENCE },
        { HEAD ",\"iss\":\"https://shop.example\",\"aud\":\"other\"}", SUT_TOKEN_AUDIENCE },
        { HEAD ",\"iss\":\"https://shop.example\",\"aud\":[\"sutler\"]}", SUT_TOKEN_AUDIENCE },
        { HEAD ",\"iss\":null,\"aud\":null}", SUT_TOKEN_AUDIENCE },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(fault_of_claims(&strict, rows[i].json), rows[i].want);
    /* Another system's claim is no business of a policy without one. */
    assert_int_equal(fault_of_claims(&plain, rows[7].json), SUT_TOKEN_FINE);
}

static void a_foreign_token_is_taken_only_where_the_policy_says_so(void **state)
{
    (void) state;
    static const char json[] = "{" TYP "," EXP "," IAT "," JTI "," UID "}";
    const struct sut_token_policy closed = { .takes_foreign = false };
    assert_int_equal(fault_of_claims(&closed, json), SUT_TOKEN_FOREIGN);
    assert_int_equal(fault_of_claims(&closed, HEAD "}"), SUT_TOKEN_FINE);

    struct sut_buf b;
    struct sut_token got;
    enum sut_token_fault fault = SUT_TOKEN_FINE;
    unsigned char digest[SUT_SHA256_SIZE];
    sut_buf_init(&b, 8192);
    assert_false(sut_failed(sut_jws_sign(ring, sut_str_from(json), &b)));
    assert_false(sut_failed(sut_token_verify(ring, &plain, SUT_TOKEN_ACCESS, sut_buf_str(&b),
                                             (sut_ms){ NOW_S * 1000LL }, scratch, &got, &fault)));
    sut_sha256(SUT_STR("5d2c7be3f6f94b1c9d8f0d3b1a2c3d4e"), digest);
    assert_true(got.is_foreign);
    assert_int_equal(got.session, 0);
    assert_int_equal(got.nonce, 0);
    assert_int_equal(got.user_id, 7);
    assert_memory_equal(got.jti_hash, digest, SUT_JTI_HASH);
    sut_buf_done(&b);

    /* What only looks like ours is foreign. */
    static const char *const lookalikes[] = {
        "s0000000000000000-00000000000000ff", "s800000000000004d-00000000000000ff",
        "s000000000000004D-00000000000000ff", "s000000000000004d_00000000000000ff",
        "S000000000000004d-00000000000000ff", "s00000000000004d-000000000000000ff",
        "s000000000000004d-00000000000000f",  "s00000000000000zz-00000000000000ff",
    };
    for (size_t i = 0; i < sizeof(lookalikes) / sizeof(lookalikes[0]); i++) {
        char text[512];
        (void) snprintf(text, sizeof(text), "{" TYP "," EXP "," IAT ",\"jti\":\"%s\"," UID "}",
                        lookalikes[i]);
        assert_int_equal(fault_of_claims(&closed, text), SUT_TOKEN_FOREIGN);
    }
}

/* A blank in front sends the same claims through the JSON parser. */
static void both_ways_of_reading_agree(void **state)
{
    (void) state;
    static const char base[] = HEAD ",\"iss\":\"https://shop.example\",\"aud\":\"sutler\"}";
    const size_t n = sizeof(base) - 1;
    char own[sizeof(base)];
    char spaced[sizeof(base) + 1] = " ";
    for (size_t i = 0; i < n; i++) {
        for (int c = 1; c < 256; c++) {
            memcpy(own, base, sizeof(base));
            own[i] = (char) c;
            memcpy(spaced + 1, own, sizeof(own));
            assert_int_equal(fault_of_claims(&strict, own), fault_of_claims(&strict, spaced));
        }
    }
}

static void the_previous_key_still_counts_and_a_third_does_not(void **state)
{
    (void) state;
    const struct sut_key_text old = { .secret = SUT_STR("old-old-old-old-old-old-old-old-") };
    const struct sut_key_text now = { .secret = SUT_STR("now-now-now-now-now-now-now-now-") };
    struct sut_keyring *older = NULL;
    struct sut_keyring *both = NULL;
    struct sut_token t = {
        .kind = SUT_TOKEN_ACCESS, .user_id = 1, .session = 2, .iat_s = NOW_S, .exp_s = NOW_S + 9
    };
    struct text text;
    struct sut_token got;
    enum sut_token_fault fault = SUT_TOKEN_FINE;
    const sut_ms at = { NOW_S * 1000LL };
    assert_false(sut_failed(sut_keyring_create(&old, NULL, false, &older)));
    assert_false(sut_failed(sut_keyring_create(&now, &old, false, &both)));
    assert_false(sut_failed(
        sut_token_mint(older, &plain, &sut_random_system, &t, text.p, sizeof(text.p), &text.n)));
    assert_false(sut_failed(sut_token_verify(both, &plain, SUT_TOKEN_ACCESS, str_of(&text), at,
                                             scratch, &got, &fault)));
    assert_true(sut_failed(sut_token_verify(ring, &plain, SUT_TOKEN_ACCESS, str_of(&text), at,
                                            scratch, &got, &fault)));
    assert_int_equal(fault, SUT_TOKEN_KEY);
    assert_false(sut_failed(
        sut_token_mint(both, &plain, &sut_random_system, &t, text.p, sizeof(text.p), &text.n)));
    assert_true(sut_failed(sut_token_verify(older, &plain, SUT_TOKEN_ACCESS, str_of(&text), at,
                                            scratch, &got, &fault)));
    assert_int_equal(fault, SUT_TOKEN_KEY);
    sut_keyring_free(&older);
    sut_keyring_free(&both);
}

static void mints_nothing_for_nobody(void **state)
{
    (void) state;
    const struct sut_token good = {
        .kind = SUT_TOKEN_ACCESS, .user_id = 1, .session = 2, .iat_s = NOW_S, .exp_s = NOW_S + 9
    };
    struct sut_token bad[6] = { good, good, good, good, good, good };
    bad[0].user_id = 0;
    bad[1].session = -1;
    bad[2].exp_s = NOW_S;
    bad[3].iat_s = 0;
    bad[4].kind = (enum sut_token_kind) SUT_TOKEN_KINDS;
    bad[5].session = 0;
    char to[SUT_TOKEN_MINTED_MAX];
    size_t n = 0;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(
            sut_token_mint(ring, &plain, &sut_random_system, &bad[i], to, sizeof(to), &n).code,
            SUT_E_INVALID);
    struct sut_token t = good;
    for (size_t cap = 0; cap < 200; cap++)
        assert_int_equal(sut_token_mint(ring, &plain, &sut_random_system, &t, to, cap, &n).code,
                         SUT_E_TOO_LARGE);
}

static void our_own_tokens_cost_no_allocation(void **state)
{
    (void) state;
    struct text text;
    sut_mem_fault_nth(1);
    (void) mint(&strict, SUT_TOKEN_ACCESS, &text);
    for (int i = 0; i < 100; i++)
        assert_int_equal(fault_at(&strict, SUT_TOKEN_ACCESS, str_of(&text), NOW_S * 1000LL),
                         SUT_TOKEN_FINE);
    assert_false(sut_mem_fault_hit());
    sut_mem_fault_nth(0);
}

/* Every allocation of the long way fails once: never a crash, never a wrong verdict. */
static void without_memory_a_foreign_token_is_neither_good_nor_bad(void **state)
{
    (void) state;
    struct sut_buf b;
    sut_buf_init(&b, 8192);
    assert_false(
        sut_failed(sut_jws_sign(ring, SUT_STR("{" UID "," JTI "," IAT "," EXP "," TYP "}"), &b)));
    unsigned long n = 1;
    for (;; n++) {
        struct sut_token got;
        enum sut_token_fault fault = SUT_TOKEN_FINE;
        struct sut_arena *a = NULL;
        assert_false(sut_failed(sut_arena_create(64 * 1024, &a)));
        sut_mem_fault_nth(n);
        const sut_err e = sut_token_verify(ring, &plain, SUT_TOKEN_ACCESS, sut_buf_str(&b),
                                           (sut_ms){ NOW_S * 1000LL }, a, &got, &fault);
        const bool was_hit = sut_mem_fault_hit();
        sut_mem_fault_nth(0);
        sut_arena_free(&a);
        /* An allocation that is tried again may succeed in the end. */
        assert_true(!sut_failed(e) || (was_hit && e.code == SUT_E_NOMEM));
        if (!was_hit)
            break;
    }
    assert_true(n > 1);
    sut_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_was_minted),
        cmocka_unit_test(holds_exactly_the_claims_of_the_policy),
        cmocka_unit_test(every_bit_flip_truncation_and_doubled_byte_is_refused),
        cmocka_unit_test(no_kind_passes_for_another),
        cmocka_unit_test(ends_with_its_time_and_starts_not_before_it),
        cmocka_unit_test(takes_claims_in_any_order_and_spacing),
        cmocka_unit_test(refuses_claims_that_are_missing_doubled_or_of_another_type),
        cmocka_unit_test(the_audience_is_the_policy_s_and_no_other),
        cmocka_unit_test(a_foreign_token_is_taken_only_where_the_policy_says_so),
        cmocka_unit_test(both_ways_of_reading_agree),
        cmocka_unit_test(the_previous_key_still_counts_and_a_third_does_not),
        cmocka_unit_test(mints_nothing_for_nobody),
        cmocka_unit_test(our_own_tokens_cost_no_allocation),
        cmocka_unit_test(without_memory_a_foreign_token_is_neither_good_nor_bad),
    };
    return cmocka_run_group_tests_name("jwt", tests, set_up, tear_down);
}
