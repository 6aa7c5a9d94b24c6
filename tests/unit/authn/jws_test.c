/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/jws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/b64url.h"
#include "corpus_json.h"

static struct sut_keyring *ring_of(sut_str kid, sut_str secret)
{
    struct sut_keyring *ring = NULL;
    const struct sut_key_text key = { .kid = kid, .secret = secret };
    assert_false(sut_failed(sut_keyring_create(&key, NULL, false, &ring)));
    return ring;
}

static sut_err check(const struct sut_keyring *ring, sut_str text, enum sut_jws_fault *fault)
{
    struct sut_arena *a = NULL;
    char payload[SUT_JWS_PAYLOAD_MAX];
    size_t n = 0;
    *fault = SUT_JWS_OK;
    assert_false(sut_failed(sut_arena_create(64 * 1024, &a)));
    const size_t before = sut_arena_mark(a).used;
    const sut_err e = sut_jws_verify(ring, text, a, payload, sizeof(payload), &n, fault);
    assert_int_equal(sut_arena_mark(a).used, before);
    sut_arena_free(&a);
    return e;
}

static enum sut_jws_fault fault_of(const struct sut_keyring *ring, sut_str text)
{
    enum sut_jws_fault fault = SUT_JWS_OK;
    const sut_err e = check(ring, text, &fault);
    assert_int_equal(sut_failed(e), fault != SUT_JWS_OK);
    assert_true(!sut_failed(e) || e.code == SUT_E_TOKEN);
    return fault;
}

/* Labelled invalid but equal to a valid one, or labelled valid with a MAC of something else. */
static bool is_mislabelled(json_int_t id)
{
    return id == 367 || id == 370 || id == 372 || id == 373;
}

static void agrees_with_wycheproof(void **state)
{
    (void) state;
    json_t *d = corpus_json("wycheproof/json_web_signature_test.json");
    if (d == NULL)
        skip();
    size_t gi = 0;
    size_t ti = 0;
    size_t seen = 0;
    const json_t *g = NULL;
    const json_t *t = NULL;
    json_array_foreach(json_object_get(d, "testGroups"), gi, g)
    {
        const json_t *key = json_object_get(g, "private");
        if (!sut_str_is(sut_str_from(corpus_str(key, "alg")), "HS256"))
            continue;
        char secret[256];
        size_t n = 0;
        assert_false(sut_failed(
            sut_b64url_decode(sut_str_from(corpus_str(key, "k")), secret, sizeof(secret), &n)));
        struct sut_keyring *ring =
            ring_of(sut_str_from(corpus_str(key, "kid")), sut_str_of(secret, n));
        json_array_foreach(json_object_get(g, "tests"), ti, t)
        {
            const bool is_valid = sut_str_is(sut_str_from(corpus_str(t, "result")), "valid");
            const bool is_taken = fault_of(ring, sut_str_from(corpus_str(t, "jws"))) == SUT_JWS_OK;
            const json_int_t id = json_integer_value(json_object_get(t, "tcId"));
            if (is_taken != (is_mislabelled(id) ? !is_valid : is_valid))
                fail_msg("case %lld", (long long) id);
            seen++;
        }
        sut_keyring_free(&ring);
    }
    assert_int_equal(seen, 40);
    json_decref(d);
}

#define SECRET SUT_STR("0123456789abcdef0123456789abcdef")

static sut_str with_header(const struct sut_keyring *ring, sut_str header, struct sut_buf *out)
{
    unsigned char mac[SUT_HMAC_SIZE];
    sut_buf_init(out, 8192);
    sut_b64url_encode(out, header);
    sut_buf_lit(out, ".");
    sut_b64url_encode(out, SUT_STR("{}"));
    sut_hmac(&sut_keyring_look(ring)->current.mac, sut_buf_str(out), mac);
    sut_buf_lit(out, ".");
    sut_b64url_encode(out, sut_str_of((const char *) mac, sizeof(mac)));
    assert_false(sut_failed(sut_buf_check(out)));
    return sut_buf_str(out);
}

/* SPEC: rfc8725 §3.1, §3.10, §3.12; rfc7515 §4.1.11 */
static void takes_only_headers_that_say_hs256_and_our_key(void **state)
{
    (void) state;
    struct sut_keyring *ring = ring_of(SUT_STR("k1"), SECRET);
    static const struct {
        const char *header;
        enum sut_jws_fault want;
    } rows[] = {
        { "{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}", SUT_JWS_OK },
        { "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", SUT_JWS_OK },
        { " { \"typ\" : \"application/jwt\" ,\n\"alg\":\"HS256\"} ", SUT_JWS_OK },
        { "{\"alg\":\"HS256\"}", SUT_JWS_OK },
        { "{\"alg\":\"HS256\",\"jku\":\"http://127.0.0.1:9/\",\"x5u\":\"http://127.0.0.1:9/\","
          "\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"},\"x5c\":[\"AA\"],\"zip\":\"DEF\"}",
          SUT_JWS_OK },
        { "{\"alg\":\"none\"}", SUT_JWS_ALGORITHM },
        { "{\"alg\":\"None\"}", SUT_JWS_ALGORITHM },
        { "{\"alg\":\"hs256\"}", SUT_JWS_ALGORITHM },
        { "{\"alg\":\"HS256 \"}", SUT_JWS_ALGORITHM },
        { "{\"alg\":\"HS384\"}", SUT_JWS_ALGORITHM },
        { "{\"alg\":\"RS256\"}", SUT_JWS_ALGORITHM },
        { "{\"alg\":\"ES256\"}", SUT_JWS_ALGORITHM },
        { "{\"alg\":\"\"}", SUT_JWS_ALGORITHM },
        { "{\"alg\":null}", SUT_JWS_ALGORITHM },
        { "{\"alg\":[\"HS256\"]}", SUT_JWS_ALGORITHM },
        { "{\"typ\":\"JWT\"}", SUT_JWS_ALGORITHM },
        { "{\"alg\":\"HS256\",\"typ\":\"JOSE+JSON\"}", SUT_JWS_ALGORITHM },
        { "{\"alg\":\"HS256\",\"typ\":1}", SUT_JWS_ALGORITHM },
        { "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", SUT_JWS_ALGORITHM },
        { "{\"alg\":\"HS256\",\"crit\":[]}", SUT_JWS_ALGORITHM },
        { "{\"alg\":\"HS256\",\"kid\":\"\"}", SUT_JWS_KEY },
        { "{\"alg\":\"HS256\",\"kid\":\"k2\"}", SUT_JWS_KEY },
        { "{\"alg\":\"HS256\",\"kid\":\"k1 \"}", SUT_JWS_KEY },
        { "{\"alg\":\"HS256\",\"kid\":\"../../etc/passwd\"}", SUT_JWS_KEY },
        { "{\"alg\":\"HS256\",\"kid\":\"' OR 1=1 --\"}", SUT_JWS_KEY },
        { "{\"alg\":\"HS256\",\"kid\":null}", SUT_JWS_KEY },
        { "{\"alg\":\"HS256\",\"kid\":1}", SUT_JWS_KEY },
        { "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", SUT_JWS_MALFORMED },
        { "{\"alg\":\"none\",\"alg\":\"HS256\"}", SUT_JWS_MALFORMED },
        { "[]", SUT_JWS_MALFORMED },
        { "\"HS256\"", SUT_JWS_MALFORMED },
        { "{\"alg\":\"HS256\"", SUT_JWS_MALFORMED },
        { "{\"alg\":\"HS256\"}x", SUT_JWS_MALFORMED },
        { "{\"alg\":\"HS256\",\"a\":\"\xff\"}", SUT_JWS_MALFORMED },
        { "{\"alg\":\"HS256\",\"a\":\"\\u0000\"}", SUT_JWS_MALFORMED },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sut_buf text;
        const sut_str token = with_header(ring, sut_str_from(rows[i].header), &text);
        if (fault_of(ring, token) != rows[i].want)
            fail_msg("header %s", rows[i].header);
        sut_buf_done(&text);
    }
    sut_keyring_free(&ring);
}

static void refuses_other_shapes(void **state)
{
    (void) state;
    struct sut_keyring *ring = ring_of(SUT_STR("k1"), SECRET);
    struct sut_buf b;
    sut_buf_init(&b, 65536);
    assert_false(sut_failed(sut_jws_sign(ring, SUT_STR("{}"), &b)));
    const size_t n = b.n;
    assert_int_equal(fault_of(ring, sut_buf_str(&b)), SUT_JWS_OK);
    sut_buf_lit(&b, ".");
    assert_int_equal(fault_of(ring, sut_buf_str(&b)), SUT_JWS_MALFORMED);
    sut_buf_lit(&b, "AA.AA");
    assert_int_equal(fault_of(ring, sut_buf_str(&b)), SUT_JWS_MALFORMED);
    b.n = n;
    static const char *const around[] = { " ", "\n", "=", "\"", "%" };
    for (size_t i = 0; i < 5; i++) {
        b.n = n;
        sut_buf_z(&b, around[i]);
        assert_int_equal(fault_of(ring, sut_buf_str(&b)), SUT_JWS_MALFORMED);
    }
    static const char *const bad[] = { "", ".", "..", "...", "a.b.c", "{}", "a..c" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(fault_of(ring, sut_str_from(bad[i])), SUT_JWS_MALFORMED);
    /* A megabyte is refused by its length, before anything is decoded. */
    char *big = sut_mem_alloc(1 << 20);
    assert_non_null(big);
    memset(big, 'A', 1 << 20);
    big[100] = '.';
    big[200] = '.';
    assert_int_equal(fault_of(ring, sut_str_of(big, 1 << 20)), SUT_JWS_MALFORMED);
    sut_mem_free(big);
    sut_buf_done(&b);
    sut_keyring_free(&ring);
}

static void a_full_scratch_is_not_a_bad_token(void **state)
{
    (void) state;
    struct sut_keyring *ring = ring_of(SUT_STR("k1"), SECRET);
    struct sut_buf text;
    const sut_str token = with_header(ring, SUT_STR("{\"alg\":\"HS256\"}"), &text);
    struct sut_arena *a = NULL;
    char payload[SUT_JWS_PAYLOAD_MAX];
    size_t n = 0;
    enum sut_jws_fault fault = SUT_JWS_OK;
    assert_false(sut_failed(sut_arena_create(16, &a)));
    const sut_err e = sut_jws_verify(ring, token, a, payload, sizeof(payload), &n, &fault);
    assert_int_equal(e.code, SUT_E_NOMEM);
    sut_arena_free(&a);
    sut_buf_done(&text);
    sut_keyring_free(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_wycheproof),
        cmocka_unit_test(takes_only_headers_that_say_hs256_and_our_key),
        cmocka_unit_test(refuses_other_shapes),
        cmocka_unit_test(a_full_scratch_is_not_a_bad_token),
    };
    return cmocka_run_group_tests_name("jws", tests, NULL, NULL);
}
