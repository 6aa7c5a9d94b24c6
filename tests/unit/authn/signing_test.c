/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/signing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/b64url.h"
#include "corpus_json.h"
#include "with_arena.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

static const char key_text[] = "test-secret-key-0123456789abcdef0123456789abcdef";
static const sut_ms noon = { INT64_C(1772366400123) };

static struct sut_keyring *ring_of(const char *current, const char *previous)
{
    struct sut_keyring *k = NULL;
    const struct sut_key_text now = { .secret = sut_str_from(current) };
    const struct sut_key_text before = { .secret = sut_str_from(previous) };
    OK(sut_keyring_create(&now, previous == NULL ? NULL : &before, false, &k));
    return k;
}

static sut_str str_of(const json_t *v)
{
    return sut_str_of(json_string_value(v), json_string_length(v));
}

/* The text of Django's JSON: what stands before the first colon. */
static sut_str json_of(struct sut_arena *a, sut_str token)
{
    const sut_str text = sut_str_sub(token, 0, sut_str_find(token, 0, ':'));
    const size_t cap = sut_b64_decoded_max(text.n);
    char *to = sut_arena_bytes(a, cap);
    size_t n = 0;
    assert_non_null(to);
    OK(sut_b64url_decode(text, to, cap, &n));
    return sut_str_of(to, n);
}

static void agrees_with_djangos_vectors(void **state)
{
    struct sut_arena *a = *state;
    json_t *all = corpus_json("django/signing_vectors.json");
    if (all == NULL)
        skip();
    size_t i = 0;
    json_t *v = NULL;
    size_t n = 0;
    json_array_foreach(all, i, v)
    {
        struct sut_keyring *ring = ring_of(corpus_str(v, "key"), NULL);
        const sut_str salt = str_of(json_object_get(v, "salt"));
        const sut_str token = str_of(json_object_get(v, "token"));
        const sut_ms at = { json_integer_value(json_object_get(v, "time")) * 1000 };
        sut_str made = { 0 };
        sut_str json = { 0 };
        sut_ms signed_at = { 0 };
        OK(sut_signing_dumps(ring, a, salt, json_of(a, token), at, &made));
        assert_true(sut_str_eq(made, token));
        OK(sut_signing_loads(ring, a, salt, token, &json, &signed_at));
        assert_true(sut_str_eq(json, json_of(a, token)));
        assert_true(signed_at.v == at.v);
        /* Of another salt, it is none. */
        assert_int_equal(
            sut_signing_loads(ring, a, SUT_STR("other"), token, &json, &signed_at).code,
            SUT_E_TOKEN);
        sut_keyring_free(&ring);
        n++;
    }
    assert_int_equal(n, 32);
    json_decref(all);
}

/* The whole link, as the shop before this one made it. */
static void reads_the_links_of_the_django_shop(void **state)
{
    struct sut_arena *a = *state;
    json_t *all = corpus_json("django/signing_vectors.json");
    if (all == NULL)
        skip();
    size_t i = 0;
    json_t *v = NULL;
    size_t n = 0;
    json_array_foreach(all, i, v)
    {
        const json_t *data = json_object_get(v, "data");
        const sut_ms at = { json_integer_value(json_object_get(v, "time")) * 1000 };
        struct sut_keyring *ring = ring_of(corpus_str(v, "key"), NULL);
        struct sut_verify got;
        enum sut_verify_fault fault = SUT_VERIFY_FINE;
        const bool is_link =
            json_is_object(data) && strcmp(corpus_str(v, "salt"), SUT_SIGNING_DEFAULT_SALT) == 0;
        const sut_err e =
            sut_verify_read(ring, a, str_of(json_object_get(v, "seed_token")), at, &got, &fault);
        assert_int_equal(!sut_failed(e), is_link);
        assert_int_equal(fault, is_link ? SUT_VERIFY_FINE : SUT_VERIFY_INVALID);
        if (is_link) {
            assert_true(got.user_id == json_integer_value(json_object_get(data, "user_id")));
            assert_true(sut_str_eq(got.email, str_of(json_object_get(data, "email"))));
            n++;
        }
        sut_keyring_free(&ring);
    }
    assert_int_equal(n, 8);
    json_decref(all);
}

static sut_str minted(struct sut_keyring *ring, struct sut_arena *a, const char *email, sut_ms at)
{
    const struct sut_verify v = { .user_id = 15, .email = sut_str_from(email) };
    sut_str text = { 0 };
    OK(sut_verify_mint(ring, a, &v, at, &text));
    return text;
}

static enum sut_verify_fault read_at(struct sut_keyring *ring, struct sut_arena *a, sut_str text,
                                     sut_ms at)
{
    struct sut_verify got;
    enum sut_verify_fault fault = SUT_VERIFY_FINE;
    const sut_err e = sut_verify_read(ring, a, text, at, &got, &fault);
    assert_int_equal(sut_failed(e), fault != SUT_VERIFY_FINE);
    assert_true(!sut_failed(e) || e.code == SUT_E_TOKEN);
    return fault;
}

static void writes_the_json_that_python_writes(void **state)
{
    struct sut_arena *a = *state;
    struct sut_keyring *ring = ring_of(key_text, NULL);
    static const struct {
        const char *email;
        int64_t at_ms;
        const char *json;
    } rows[] = {
        { "sarah@example.com", INT64_C(1772366400000),
          "{\"user_id\":15,\"email\":\"sarah@example.com\","
          "\"timestamp\":\"2026-03-01T12:00:00+00:00\"}" },
        { "\"a<b\\\"&\"@x\xc3\xbc.example", INT64_C(1772366400007),
          "{\"user_id\":15,\"email\":\"\\\"a<b\\\\\\\"&\\\"@x\\u00fc.example\","
          "\"timestamp\":\"2026-03-01T12:00:00.007000+00:00\"}" },
        { "a@\xf0\x9f\x98\x80.example", INT64_C(1772366400120),
          "{\"user_id\":15,\"email\":\"a@\\ud83d\\ude00.example\","
          "\"timestamp\":\"2026-03-01T12:00:00.120000+00:00\"}" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const sut_str text = minted(ring, a, rows[i].email, (sut_ms){ rows[i].at_ms });
        char inner[SUT_VERIFY_MAX];
        struct sut_verify got;
        enum sut_verify_fault fault = SUT_VERIFY_FINE;
        size_t n = 0;
        assert_int_equal(text.n % 4, 0);
        OK(sut_b64_decode(SUT_B64_URL, sut_str_sub(text, 0, sut_str_find(text, 0, '=')), inner,
                          sizeof(inner), &n));
        assert_true(sut_str_is(json_of(a, sut_str_of(inner, n)), rows[i].json));
        OK(sut_verify_read(ring, a, text, noon, &got, &fault));
        assert_true(sut_str_is(got.email, rows[i].email));
        assert_int_equal(got.user_id, 15);
    }
    sut_keyring_free(&ring);
}

static void every_changed_byte_is_refused(void **state)
{
    struct sut_arena *a = *state;
    struct sut_keyring *ring = ring_of(key_text, NULL);
    const sut_str text = minted(ring, a, "sarah@example.com", noon);
    static const char others[] = { 'A', 'z', '0', '-', '_', '=', ':', '.', '\0', '\x80' };
    for (size_t i = 0; i < text.n; i++)
        for (size_t k = 0; k < sizeof(others); k++) {
            const struct sut_mark m = sut_arena_mark(a);
            char *copy = sut_str_z(a, text);
            assert_non_null(copy);
            if (copy[i] == others[k])
                continue;
            copy[i] = others[k];
            assert_int_equal(read_at(ring, a, sut_str_of(copy, text.n), noon), SUT_VERIFY_INVALID);
            sut_arena_rewind(a, m);
        }
    for (size_t n = 0; n < text.n; n++) {
        /* Without its padding it is still the same text. */
        const bool is_whole = text.p[n] == '=' && (n == 0 || text.p[n - 1] != '=');
        assert_int_equal(read_at(ring, a, sut_str_sub(text, 0, n), noon),
                         is_whole ? SUT_VERIFY_FINE : SUT_VERIFY_INVALID);
    }
    sut_keyring_free(&ring);
}

static void lives_for_72_hours_of_the_readers_clock(void **state)
{
    struct sut_arena *a = *state;
    struct sut_keyring *ring = ring_of(key_text, NULL);
    const int64_t life_ms = SUT_VERIFY_LIFE_S * INT64_C(1000);
    const sut_ms second = { noon.v - noon.v % 1000 };
    const sut_str text = minted(ring, a, "sarah@example.com", noon);
    assert_int_equal(read_at(ring, a, text, noon), SUT_VERIFY_FINE);
    assert_int_equal(read_at(ring, a, text, (sut_ms){ second.v + life_ms }), SUT_VERIFY_FINE);
    assert_int_equal(read_at(ring, a, text, (sut_ms){ second.v + life_ms + 1 }),
                     SUT_VERIFY_EXPIRED);
    /* A clock that steps back an hour, or a server whose clock is behind: it stays good. */
    assert_int_equal(read_at(ring, a, text, (sut_ms){ noon.v - 3600000 }), SUT_VERIFY_FINE);
    assert_int_equal(read_at(ring, a, text, (sut_ms){ 0 }), SUT_VERIFY_FINE);
    sut_keyring_free(&ring);
}

static void a_previous_key_is_read_and_a_strange_one_is_not(void **state)
{
    struct sut_arena *a = *state;
    struct sut_keyring *old = ring_of(key_text, NULL);
    struct sut_keyring *both = ring_of("another-secret-key-0123456789abcdef0123456789ab", key_text);
    struct sut_keyring *strange = ring_of("another-secret-key-0123456789abcdef0123456789ab", NULL);
    const sut_str text = minted(old, a, "sarah@example.com", noon);
    assert_int_equal(read_at(both, a, text, noon), SUT_VERIFY_FINE);
    assert_int_equal(read_at(strange, a, text, noon), SUT_VERIFY_INVALID);
    /* What is made is made with the current one. */
    assert_int_equal(read_at(strange, a, minted(both, a, "sarah@example.com", noon), noon),
                     SUT_VERIFY_FINE);
    assert_int_equal(read_at(old, a, minted(both, a, "sarah@example.com", noon), noon),
                     SUT_VERIFY_INVALID);
    sut_keyring_free(&old);
    sut_keyring_free(&both);
    sut_keyring_free(&strange);
}

/* A text of our own signature around what is no link. */
static enum sut_verify_fault fault_of_json(struct sut_keyring *ring, struct sut_arena *a,
                                           const char *json)
{
    struct sut_buf b;
    sut_str text = { 0 };
    OK(sut_signing_dumps(ring, a, SUT_STR(SUT_SIGNING_DEFAULT_SALT), sut_str_from(json), noon,
                         &text));
    sut_buf_init_arena(&b, a, SUT_VERIFY_MAX);
    sut_b64url_encode(&b, text);
    OK(sut_buf_check(&b));
    return read_at(ring, a, sut_buf_str(&b), noon);
}

static void what_is_no_link_is_refused_though_it_is_signed(void **state)
{
    struct sut_arena *a = *state;
    struct sut_keyring *ring = ring_of(key_text, NULL);
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "null",
        "\"x\"",
        "{\"user_id\":15}",
        "{\"email\":\"a@x.org\"}",
        "{\"user_id\":\"15\",\"email\":\"a@x.org\"}",
        "{\"user_id\":0,\"email\":\"a@x.org\"}",
        "{\"user_id\":-1,\"email\":\"a@x.org\"}",
        "{\"user_id\":1.5,\"email\":\"a@x.org\"}",
        "{\"user_id\":15,\"email\":null}",
        "{\"user_id\":15,\"email\":\"a@x.org\"",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(fault_of_json(ring, a, bad[i]), SUT_VERIFY_INVALID);
    assert_int_equal(fault_of_json(ring, a, "{\"user_id\":15,\"email\":\"a@x.org\"}"),
                     SUT_VERIFY_FINE);
    static const char *const texts[] = { "", ":", "::", "a", "=", "==", "====", "Og", "Ojo" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(read_at(ring, a, sut_str_from(texts[i]), noon), SUT_VERIFY_INVALID);
    sut_keyring_free(&ring);
}

static void a_text_that_is_too_long_is_refused(void **state)
{
    struct sut_arena *a = *state;
    struct sut_keyring *ring = ring_of(key_text, NULL);
    char *big = sut_arena_bytes(a, SUT_VERIFY_MAX * 2);
    sut_str text = { 0 };
    assert_non_null(big);
    memset(big, 'A', SUT_VERIFY_MAX * 2);
    assert_int_equal(read_at(ring, a, sut_str_of(big, SUT_VERIFY_MAX * 2), noon),
                     SUT_VERIFY_INVALID);
    assert_int_equal(read_at(ring, a, sut_str_of(big, SUT_VERIFY_MAX), noon), SUT_VERIFY_INVALID);
    assert_int_equal(
        sut_signing_dumps(ring, a, SUT_STR("s"), sut_str_of(big, SUT_SIGNED_MAX), noon, &text).code,
        SUT_E_TOO_LARGE);
    sut_keyring_free(&ring);
}

int main(void)
{
#define T(name_) cmocka_unit_test_setup_teardown(name_, make_arena, free_arena)
    const struct CMUnitTest tests[] = {
        T(agrees_with_djangos_vectors),
        T(reads_the_links_of_the_django_shop),
        T(writes_the_json_that_python_writes),
        T(every_changed_byte_is_refused),
        T(lives_for_72_hours_of_the_readers_clock),
        T(a_previous_key_is_read_and_a_strange_one_is_not),
        T(what_is_no_link_is_refused_though_it_is_signed),
        T(a_text_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
