/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/jws_public.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authn/jwks.h"
#include "codec/b64url.h"
#include "corpus_json.h"
#include "crypto/hmac.h"
#include "test_signer.h"

enum { TEXT_MAX = 16 * 1024 };

static enum sut_jws_fault judge(const struct sut_jwks_set *set, sut_str text)
{
    struct sut_arena *a = NULL;
    struct sut_jws_public j;
    sut_str payload = { 0 };
    enum sut_jws_fault fault = SUT_JWS_OK;
    assert_false(sut_failed(sut_arena_create(256 * 1024, &a)));
    sut_err e = sut_jws_public_open(a, text, &j, &fault);
    if (!sut_failed(e)) {
        const struct sut_jwk *key = sut_jwks_set_find(set, j.kid, j.alg);
        if (key == NULL)
            fault = SUT_JWS_KEY;
        else
            e = sut_jws_public_verify(a, &j, key, &payload, &fault);
    }
    assert_true(!sut_failed(e) || (e.code == SUT_E_TOKEN && fault != SUT_JWS_OK));
    sut_arena_free(&a);
    return fault;
}

static struct sut_jwks_set *set_of(sut_str text)
{
    struct sut_jwks_set *set = NULL;
    return sut_failed(sut_jwks_set_parse(text, &set)) ? NULL : set;
}

/* Labelled invalid but equal to a valid one, or labelled valid with a MAC of something else. */
static bool is_mislabelled(json_int_t id)
{
    return id == 367 || id == 370 || id == 372 || id == 373;
}

static bool is_ours(const char *alg)
{
    return strcmp(alg, "RS256") == 0 || strcmp(alg, "ES256") == 0;
}

/* The header's alg of a text of the corpus, so that a valid PS256 is not asked for. */
static bool says_ours(sut_str text)
{
    char header[4096];
    size_t n = 0;
    const sut_str h = sut_str_sub(text, 0, sut_str_find(text, 0, '.'));
    if (sut_failed(sut_b64url_decode(h, header, sizeof(header) - 1, &n)))
        return false;
    header[n] = '\0';
    json_t *o = json_loads(header, 0, NULL);
    const bool is = is_ours(corpus_str(o, "alg"));
    json_decref(o);
    return is;
}

static void judges_wycheproofs_rs256_and_es256(void **state)
{
    (void) state;
    json_t *d = corpus_json("wycheproof/json_web_signature_test.json");
    if (d == NULL)
        skip();
    size_t gi = 0;
    size_t seen = 0;
    size_t n_valid = 0;
    const json_t *g = NULL;
    json_array_foreach(json_object_get(d, "testGroups"), gi, g)
    {
        size_t ti = 0;
        const json_t *t = NULL;
        json_t *key = json_object_get(g, "public");
        if (key == NULL)
            continue;
        json_t *keys = json_pack("{s:[O]}", "keys", key);
        char *text = json_dumps(keys, JSON_COMPACT);
        struct sut_jwks_set *set = set_of(sut_str_from(text));
        json_array_foreach(json_object_get(g, "tests"), ti, t)
        {
            const sut_str jws = sut_str_from(corpus_str(t, "jws"));
            const json_int_t id = json_integer_value(json_object_get(t, "tcId"));
            const bool is_valid = strcmp(corpus_str(t, "result"), "valid") == 0 && says_ours(jws) &&
                                  is_ours(corpus_str(key, "alg"));
            const bool is_taken = set != NULL && judge(set, jws) == SUT_JWS_OK;
            if (is_taken != (is_mislabelled(id) ? !is_valid : is_valid))
                fail_msg("case %lld: %s", (long long) id, corpus_str(t, "result"));
            seen++;
            n_valid += is_taken;
        }
        sut_jwks_set_unref(&set);
        free(text);
        json_decref(keys);
    }
    assert_true(seen >= 350);
    print_message("%zu cases, %zu taken\n", seen, n_valid);
    json_decref(d);
}

struct provider {
    struct test_signer *rsa;
    struct test_signer *ec;
    struct sut_jwks_set *set;
    struct sut_buf text;
};

static struct provider p;

static int provider_make(void **state)
{
    (void) state;
    p.rsa = test_signer_rsa(2048);
    p.ec = test_signer_p256();
    sut_buf_init(&p.text, TEXT_MAX);
    sut_buf_lit(&p.text, "{\"keys\":[");
    test_signer_jwk(p.rsa, "\"kid\":\"r\"", &p.text);
    sut_buf_lit(&p.text, ",");
    test_signer_jwk(p.ec, "\"kid\":\"e\"", &p.text);
    sut_buf_lit(&p.text, "]}");
    p.set = set_of(sut_buf_str(&p.text));
    return p.set == NULL;
}

static int provider_end(void **state)
{
    (void) state;
    sut_jwks_set_unref(&p.set);
    sut_buf_done(&p.text);
    test_signer_free(&p.rsa);
    test_signer_free(&p.ec);
    return 0;
}

static enum sut_jws_fault judge_header(const struct test_signer *s, const char *header)
{
    struct sut_buf text;
    sut_buf_init(&text, TEXT_MAX);
    test_signer_sign(s, sut_str_from(header), SUT_STR("{\"a\":1}"), &text);
    const enum sut_jws_fault f = judge(p.set, sut_buf_str(&text));
    sut_buf_done(&text);
    return f;
}

/* SPEC: rfc8725 §3.1, §3.10, §3.12; rfc7515 §4.1.11 */
static void the_key_decides_how_a_text_is_checked(void **state)
{
    (void) state;
    static const struct {
        bool by_rsa;
        const char *header;
        enum sut_jws_fault want;
    } rows[] = {
        { true, "{\"alg\":\"RS256\",\"kid\":\"r\"}", SUT_JWS_OK },
        { true, "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"JWT\"}", SUT_JWS_OK },
        { false, "{\"alg\":\"ES256\",\"kid\":\"e\",\"typ\":\"application/jwt\"}", SUT_JWS_OK },
        { true,
          "{\"alg\":\"RS256\",\"kid\":\"r\",\"jku\":\"http://127.0.0.1:9/\",\"jwk\":{\"kty\":"
          "\"oct\",\"k\":\"AAAA\"},\"x5u\":\"http://127.0.0.1:9/\",\"x5c\":[\"AA\"]}",
          SUT_JWS_OK },
        /* signed well, with another key or algorithm than is named */
        { true, "{\"alg\":\"ES256\",\"kid\":\"e\"}", SUT_JWS_SIGNATURE },
        { false, "{\"alg\":\"RS256\",\"kid\":\"r\"}", SUT_JWS_SIGNATURE },
        { true, "{\"alg\":\"RS256\",\"kid\":\"e\"}", SUT_JWS_KEY },
        { false, "{\"alg\":\"ES256\",\"kid\":\"r\"}", SUT_JWS_KEY },
        { true, "{\"alg\":\"RS256\",\"kid\":\"R\"}", SUT_JWS_KEY },
        { true, "{\"alg\":\"RS256\",\"kid\":\"\"}", SUT_JWS_KEY },
        { true, "{\"alg\":\"RS256\",\"kid\":1}", SUT_JWS_KEY },
        { true, "{\"alg\":\"RS256\",\"kid\":null}", SUT_JWS_KEY },
        { true, "{\"alg\":\"RS256\"}", SUT_JWS_KEY },
        { true, "{\"alg\":\"RS256\",\"kid\":\"../../etc/passwd\"}", SUT_JWS_KEY },
        { true, "{\"alg\":\"none\",\"kid\":\"r\"}", SUT_JWS_ALGORITHM },
        { true, "{\"alg\":\"HS256\",\"kid\":\"r\"}", SUT_JWS_ALGORITHM },
        { true, "{\"alg\":\"PS256\",\"kid\":\"r\"}", SUT_JWS_ALGORITHM },
        { true, "{\"alg\":\"RS512\",\"kid\":\"r\"}", SUT_JWS_ALGORITHM },
        { true, "{\"alg\":\"rs256\",\"kid\":\"r\"}", SUT_JWS_ALGORITHM },
        { true, "{\"alg\":[\"RS256\"],\"kid\":\"r\"}", SUT_JWS_ALGORITHM },
        { true, "{\"kid\":\"r\"}", SUT_JWS_ALGORITHM },
        { true, "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"at+jwt\"}", SUT_JWS_ALGORITHM },
        { true, "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"logout+jwt\"}", SUT_JWS_ALGORITHM },
        { true, "{\"alg\":\"RS256\",\"kid\":\"r\",\"crit\":[\"b64\"],\"b64\":false}",
          SUT_JWS_ALGORITHM },
        { true, "{\"alg\":\"RS256\",\"kid\":\"r\",\"alg\":\"RS256\"}", SUT_JWS_MALFORMED },
        { true, "{\"alg\":\"none\",\"kid\":\"r\",\"alg\":\"RS256\"}", SUT_JWS_MALFORMED },
        { true, "[]", SUT_JWS_MALFORMED },
        { true, "", SUT_JWS_MALFORMED },
        { true, "{\"alg\":\"RS256\",\"kid\":\"\xff\"}", SUT_JWS_MALFORMED },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const enum sut_jws_fault f = judge_header(rows[i].by_rsa ? p.rsa : p.ec, rows[i].header);
        if (f != rows[i].want)
            fail_msg("%s: %d", rows[i].header, f);
    }
}

/* The public key as an HMAC's secret: the oldest trick of them all. */
static void a_mac_under_the_public_key_is_no_signature(void **state)
{
    (void) state;
    static const char *const headers[] = { "{\"alg\":\"HS256\",\"kid\":\"r\"}",
                                           "{\"alg\":\"RS256\",\"kid\":\"r\"}",
                                           "{\"alg\":\"none\",\"kid\":\"r\"}" };
    struct sut_buf jwk;
    sut_buf_init(&jwk, TEXT_MAX);
    test_signer_jwk(p.rsa, "\"kid\":\"r\"", &jwk);
    for (size_t i = 0; i < 3; i++) {
        unsigned char mac[SUT_HMAC_SIZE];
        struct sut_buf text;
        sut_buf_init(&text, TEXT_MAX);
        sut_b64url_encode(&text, sut_str_from(headers[i]));
        sut_buf_lit(&text, ".e30");
        sut_hmac_once(sut_buf_str(&jwk), sut_buf_str(&text), mac);
        sut_buf_lit(&text, ".");
        assert_int_not_equal(judge(p.set, sut_buf_str(&text)), SUT_JWS_OK);
        sut_b64url_encode(&text, sut_str_of((const char *) mac, sizeof(mac)));
        assert_int_not_equal(judge(p.set, sut_buf_str(&text)), SUT_JWS_OK);
        sut_buf_done(&text);
    }
    sut_buf_done(&jwk);
}

static void no_flipped_bit_and_no_cut_text_is_taken(void **state)
{
    (void) state;
    for (int by_rsa = 0; by_rsa < 2; by_rsa++) {
        struct sut_buf text;
        sut_buf_init(&text, TEXT_MAX);
        test_signer_sign(by_rsa ? p.rsa : p.ec,
                         by_rsa ? SUT_STR("{\"alg\":\"RS256\",\"kid\":\"r\"}")
                                : SUT_STR("{\"alg\":\"ES256\",\"kid\":\"e\"}"),
                         SUT_STR("{\"sub\":\"1\"}"), &text);
        assert_int_equal(judge(p.set, sut_buf_str(&text)), SUT_JWS_OK);
        for (size_t n = 0; n < text.n; n++)
            assert_int_not_equal(judge(p.set, sut_str_of(text.p, n)), SUT_JWS_OK);
        for (size_t bit = 0; bit < text.n * 8; bit++) {
            text.p[bit / 8] = (char) (text.p[bit / 8] ^ 1 << bit % 8);
            assert_int_not_equal(judge(p.set, sut_buf_str(&text)), SUT_JWS_OK);
            text.p[bit / 8] = (char) (text.p[bit / 8] ^ 1 << bit % 8);
        }
        sut_buf_lit(&text, "A");
        assert_int_not_equal(judge(p.set, sut_buf_str(&text)), SUT_JWS_OK);
        sut_buf_done(&text);
    }
}

static void our_own_tokens_are_none_here_and_these_are_none_there(void **state)
{
    (void) state;
    struct sut_keyring *ring = NULL;
    const struct sut_key_text key = { .kid = SUT_STR("r"),
                                      .secret = SUT_STR("0123456789abcdef0123456789abcdef") };
    struct sut_buf ours;
    struct sut_buf theirs;
    struct sut_arena *a = NULL;
    char payload[SUT_JWS_PAYLOAD_MAX];
    size_t n = 0;
    enum sut_jws_fault fault = SUT_JWS_OK;
    sut_buf_init(&ours, TEXT_MAX);
    sut_buf_init(&theirs, TEXT_MAX);
    assert_false(sut_failed(sut_arena_create(64 * 1024, &a)));
    assert_false(sut_failed(sut_keyring_create(&key, NULL, false, &ring)));
    assert_false(sut_failed(sut_jws_sign(ring, SUT_STR("{}"), &ours)));
    assert_int_equal(judge(p.set, sut_buf_str(&ours)), SUT_JWS_ALGORITHM);
    test_signer_sign(p.rsa, SUT_STR("{\"alg\":\"RS256\",\"kid\":\"r\"}"), SUT_STR("{}"), &theirs);
    assert_int_equal(
        sut_jws_verify(ring, sut_buf_str(&theirs), a, payload, sizeof(payload), &n, &fault).code,
        SUT_E_TOKEN);
    sut_keyring_free(&ring);
    sut_arena_free(&a);
    sut_buf_done(&ours);
    sut_buf_done(&theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_wycheproofs_rs256_and_es256),
        cmocka_unit_test(the_key_decides_how_a_text_is_checked),
        cmocka_unit_test(a_mac_under_the_public_key_is_no_signature),
        cmocka_unit_test(no_flipped_bit_and_no_cut_text_is_taken),
        cmocka_unit_test(our_own_tokens_are_none_here_and_these_are_none_there),
    };
    return cmocka_run_group_tests(tests, provider_make, provider_end);
}
