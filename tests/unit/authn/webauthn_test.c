/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/webauthn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "codec/b64url.h"
#include "with_arena.h"

/* What an independent authenticator says (tests/tools/gen-webauthn-vectors): SUT_VECTORS. */
enum { ORIGINS_MAX = 8 };

struct vectors {
    json_t *all;
    sut_str origins[ORIGINS_MAX];
    struct sut_webauthn_site site;
};

static struct vectors vectors;

static int load_vectors(void **state)
{
    (void) state;
    size_t i = 0;
    const json_t *v = NULL;
    vectors.all = json_load_file(SUT_VECTORS, 0, NULL);
    assert_non_null(vectors.all);
    json_array_foreach(json_object_get(vectors.all, "origins"), i, v) vectors.origins[i] =
        sut_str_from(json_string_value(v));
    vectors.site = (struct sut_webauthn_site){
        .rp_id = sut_str_from(json_string_value(json_object_get(vectors.all, "rp_id"))),
        .origins = vectors.origins,
        .n_origins = i,
    };
    return 0;
}

static int drop_vectors(void **state)
{
    (void) state;
    json_decref(vectors.all);
    return 0;
}

static sut_str bytes_of(struct sut_arena *a, const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    if (v == NULL || json_is_null(v))
        return (sut_str){ 0 };
    const sut_str text = sut_str_of(json_string_value(v), json_string_length(v));
    const size_t cap = sut_b64_decoded_max(text.n);
    char *to = sut_arena_bytes(a, cap);
    size_t n = 0;
    assert_non_null(to);
    assert_false(sut_failed(sut_b64url_decode(text, to, cap, &n)));
    return sut_str_of(to, n);
}

static bool flag_of(const json_t *o, const char *name)
{
    return json_is_true(json_object_get(o, name));
}

static struct sut_webauthn_site site_of(const json_t *c)
{
    struct sut_webauthn_site site = vectors.site;
    site.any_localhost = flag_of(c, "any_localhost");
    return site;
}

/* --- one case --- */

static sut_err create(struct sut_arena *a, const json_t *c, struct sut_webauthn_credential *made,
                      enum sut_webauthn_fault *fault)
{
    const struct sut_webauthn_site site = site_of(c);
    const struct sut_webauthn_registration in = {
        .id = bytes_of(a, c, "id"),
        .client_data = bytes_of(a, c, "client_data"),
        .object = bytes_of(a, c, "object"),
    };
    return sut_webauthn_register(a, &site, bytes_of(a, c, "challenge"), flag_of(c, "needs_user"),
                                 &in, made, fault);
}

struct get {
    struct sut_webauthn_assertion in;
    struct sut_webauthn_known known;
};

static struct get get_of(struct sut_arena *a, const json_t *c)
{
    const json_t *k = json_object_get(c, "known");
    return (struct get){
        .in = {
            .id = bytes_of(a, c, "id"),
            .client_data = bytes_of(a, c, "client_data"),
            .auth_data = bytes_of(a, c, "auth_data"),
            .signature = bytes_of(a, c, "signature"),
            .user_handle = bytes_of(a, c, "user_handle"),
        },
        .known = {
            .public_key = bytes_of(a, k, "public_key"),
            .user_handle = bytes_of(a, k, "user_handle"),
            .sign_count = json_integer_value(json_object_get(k, "sign_count")),
            .flags = (unsigned) json_integer_value(json_object_get(k, "flags")),
        },
    };
}

static sut_err judge(struct sut_arena *a, const json_t *c, const struct get *g,
                     struct sut_webauthn_seen *seen, enum sut_webauthn_fault *fault)
{
    const struct sut_webauthn_site site = site_of(c);
    return sut_webauthn_verify(a, &site, bytes_of(a, c, "challenge"), flag_of(c, "needs_user"),
                               flag_of(c, "needs_handle"), &g->in, &g->known, seen, fault);
}

static bool is_create(const json_t *c)
{
    return json_object_get(c, "object") != NULL;
}

static const char *text_of(const json_t *c, const char *name)
{
    return json_string_value(json_object_get(c, name));
}

static void expect(const json_t *c, sut_err e, enum sut_webauthn_fault fault)
{
    const char *want = text_of(c, "want");
    const bool is_fine = strcmp(want, "fine") == 0;
    if (strcmp(sut_webauthn_fault_word(fault), want) != 0)
        fail_msg("%s: %s, not %s", text_of(c, "name"), sut_webauthn_fault_word(fault), want);
    assert_int_equal(e.code, is_fine ? SUT_E_OK : SUT_E_DENIED);
}

/* --- tests --- */

static void registrations_are_judged_as_the_standard_says(void **state)
{
    struct sut_arena *a = *state;
    size_t i = 0;
    size_t n = 0;
    const json_t *c = NULL;
    json_array_foreach(json_object_get(vectors.all, "cases"), i, c)
    {
        if (!is_create(c))
            continue;
        const struct sut_mark mark = sut_arena_mark(a);
        struct sut_webauthn_credential made;
        enum sut_webauthn_fault fault = SUT_WEBAUTHN_FINE;
        const sut_err e = create(a, c, &made, &fault);
        expect(c, e, fault);
        n++;
        if (!sut_failed(e)) {
            const char *format = text_of(c, "format");
            assert_int_equal(made.attestation, strcmp(format, "none") == 0 ? SUT_WEBAUTHN_NONE
                                               : strcmp(format, "packed") == 0
                                                   ? SUT_WEBAUTHN_SELF
                                                   : SUT_WEBAUTHN_CERTIFIED);
            assert_int_equal(made.alg, json_integer_value(json_object_get(c, "alg")));
            assert_true(sut_str_eq(made.id, bytes_of(a, c, "id")));
            assert_true(made.public_key.n > 0 && made.public_key.n <= SUT_WEBAUTHN_KEY_MAX);
        }
        sut_arena_rewind(a, mark);
    }
    assert_true(n > 150);
}

static void assertions_are_judged_as_the_standard_says(void **state)
{
    struct sut_arena *a = *state;
    size_t i = 0;
    size_t n = 0;
    const json_t *c = NULL;
    json_array_foreach(json_object_get(vectors.all, "cases"), i, c)
    {
        if (is_create(c))
            continue;
        const struct sut_mark mark = sut_arena_mark(a);
        const struct get g = get_of(a, c);
        struct sut_webauthn_seen seen;
        enum sut_webauthn_fault fault = SUT_WEBAUTHN_FINE;
        const sut_err e = judge(a, c, &g, &seen, &fault);
        expect(c, e, fault);
        n++;
        if (!sut_failed(e))
            assert_int_equal(seen.sign_count, json_integer_value(json_object_get(c, "counts")));
        sut_arena_rewind(a, mark);
    }
    assert_true(n > 75);
}

static const json_t *find(const char *name)
{
    size_t i = 0;
    const json_t *c = NULL;
    json_array_foreach(json_object_get(vectors.all, "cases"), i,
                       c) if (strcmp(text_of(c, "name"), name) == 0) return c;
    fail_msg("no case %s", name);
    return NULL;
}

static const char *const packed[] = {
    "create: ES256, packed",
    "create: EdDSA, packed",
    "create: RS256, packed",
    "create: ES256, x5c",
};

static sut_str copy_of(struct sut_arena *a, sut_str s, char **ret)
{
    *ret = sut_arena_bytes(a, s.n + 1);
    assert_non_null(*ret);
    if (s.n > 0)
        memcpy(*ret, s.p, s.n);
    return sut_str_of(*ret, s.n);
}

static bool takes_object(struct sut_arena *a, const json_t *c, sut_str object)
{
    struct sut_webauthn_credential made;
    enum sut_webauthn_fault fault = SUT_WEBAUTHN_FINE;
    const struct sut_webauthn_registration in = {
        .id = bytes_of(a, c, "id"),
        .client_data = bytes_of(a, c, "client_data"),
        .object = object,
    };
    const sut_err e = sut_webauthn_register(a, &vectors.site, bytes_of(a, c, "challenge"), false,
                                            &in, &made, &fault);
    assert_true(!sut_failed(e) || (e.code == SUT_E_DENIED && fault != SUT_WEBAUTHN_FINE));
    return !sut_failed(e);
}

static void a_registration_cut_anywhere_is_refused(void **state)
{
    struct sut_arena *a = *state;
    for (size_t k = 0; k < sizeof(packed) / sizeof(packed[0]); k++) {
        const json_t *c = find(packed[k]);
        const sut_str object = bytes_of(a, c, "object");
        for (size_t n = 0; n < object.n; n++) {
            const struct sut_mark mark = sut_arena_mark(a);
            char *own = NULL;
            const sut_str cut = copy_of(a, sut_str_sub(object, 0, n), &own);
            assert_false(takes_object(a, c, cut));
            sut_arena_rewind(a, mark);
        }
        assert_true(takes_object(a, c, object));
    }
}

static bool certificate_has_slack(const json_t *c)
{
    /* A certificate's own signature is not asked: nobody's key would check it. */
    return strstr(text_of(c, "name"), "x5c") != NULL;
}

static void a_signed_registration_with_any_byte_changed_is_refused(void **state)
{
    struct sut_arena *a = *state;
    for (size_t k = 0; k < sizeof(packed) / sizeof(packed[0]); k++) {
        const json_t *c = find(packed[k]);
        char *own = NULL;
        const sut_str object = copy_of(a, bytes_of(a, c, "object"), &own);
        for (size_t i = 0; i < object.n; i++) {
            const struct sut_mark mark = sut_arena_mark(a);
            own[i] ^= 1;
            if (takes_object(a, c, object) && !certificate_has_slack(c))
                fail_msg("%s: byte %zu", packed[k], i);
            own[i] ^= 1;
            sut_arena_rewind(a, mark);
        }
        assert_true(takes_object(a, c, object));
    }
}

static const char *const good[] = { "get: ES256", "get: EdDSA", "get: RS256" };

/* All that an assertion says, byte for byte: id and handle apart, which the caller looks up. */
static void an_assertion_with_any_byte_changed_is_refused(void **state)
{
    struct sut_arena *a = *state;
    for (size_t k = 0; k < sizeof(good) / sizeof(good[0]); k++) {
        const json_t *c = find(good[k]);
        struct get g = get_of(a, c);
        sut_str *const parts[] = { &g.in.client_data, &g.in.auth_data, &g.in.signature,
                                   &g.in.user_handle };
        struct sut_webauthn_seen seen;
        enum sut_webauthn_fault fault = SUT_WEBAUTHN_FINE;
        assert_false(sut_failed(judge(a, c, &g, &seen, &fault)));
        for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++) {
            char *own = NULL;
            *parts[p] = copy_of(a, *parts[p], &own);
            for (size_t i = 0; i < parts[p]->n; i++) {
                const struct sut_mark mark = sut_arena_mark(a);
                own[i] ^= 1;
                if (!sut_failed(judge(a, c, &g, &seen, &fault)))
                    fail_msg("%s: part %zu, byte %zu", good[k], p, i);
                own[i] ^= 1;
                sut_arena_rewind(a, mark);
            }
        }
        assert_false(sut_failed(judge(a, c, &g, &seen, &fault)));
    }
}

static void an_assertion_cut_anywhere_is_refused(void **state)
{
    struct sut_arena *a = *state;
    for (size_t k = 0; k < sizeof(good) / sizeof(good[0]); k++) {
        const json_t *c = find(good[k]);
        struct get g = get_of(a, c);
        sut_str *const parts[] = { &g.in.client_data, &g.in.auth_data, &g.in.signature };
        struct sut_webauthn_seen seen;
        enum sut_webauthn_fault fault = SUT_WEBAUTHN_FINE;
        for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++) {
            const sut_str whole = *parts[p];
            for (size_t n = 0; n < whole.n; n++) {
                const struct sut_mark mark = sut_arena_mark(a);
                char *own = NULL;
                *parts[p] = copy_of(a, sut_str_sub(whole, 0, n), &own);
                assert_int_equal(judge(a, c, &g, &seen, &fault).code, SUT_E_DENIED);
                sut_arena_rewind(a, mark);
            }
            *parts[p] = whole;
        }
    }
}

static void the_flags_of_the_registration_are_kept_and_backup_follows(void **state)
{
    struct sut_arena *a = *state;
    struct sut_webauthn_credential made;
    struct sut_webauthn_seen seen;
    enum sut_webauthn_fault fault = SUT_WEBAUTHN_FINE;
    assert_false(sut_failed(create(a, find("create: that is backed up"), &made, &fault)));
    assert_int_equal(made.flags,
                     SUT_WEBAUTHN_VERIFIED | SUT_WEBAUTHN_ELIGIBLE | SUT_WEBAUTHN_BACKED_UP);
    assert_false(
        sut_failed(create(a, find("create: no user verified, none needed"), &made, &fault)));
    assert_int_equal(made.flags, 0);
    const json_t *c = find("get: that is not backed up any more");
    struct get g = get_of(a, c);
    assert_false(sut_failed(judge(a, c, &g, &seen, &fault)));
    assert_int_equal(seen.flags, SUT_WEBAUTHN_VERIFIED | SUT_WEBAUTHN_ELIGIBLE);
    /* Verified this time, though not when it was registered: that is not rewritten. */
    g.known.flags &= ~(unsigned) SUT_WEBAUTHN_VERIFIED;
    assert_false(sut_failed(judge(a, c, &g, &seen, &fault)));
    assert_true(seen.is_verified);
    assert_int_equal(seen.flags, SUT_WEBAUTHN_ELIGIBLE);
}

static void a_challenge_is_read_as_it_was_given(void **state)
{
    struct sut_arena *a = *state;
    unsigned char got[SUT_WEBAUTHN_CHALLENGE_SIZE];
    const json_t *c = find("get: ES256");
    assert_true(sut_webauthn_challenge_of(a, bytes_of(a, c, "client_data"), got));
    assert_true(
        sut_str_eq(bytes_of(a, c, "challenge"), sut_str_of((const char *) got, sizeof(got))));
    static const char *const bad[] = { "get: not JSON", "get: no challenge",
                                       "get: a short challenge", "get: a long challenge",
                                       "get: a challenge that is no text" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(sut_webauthn_challenge_of(a, bytes_of(a, find(bad[i]), "client_data"), got));
}

static void without_memory_nothing_is_taken_and_nothing_leaks(void **state)
{
    struct sut_arena *a = *state;
    const json_t *c = find("create: ES256, packed");
    const sut_str challenge = bytes_of(a, c, "challenge");
    const struct sut_webauthn_registration in = {
        .id = bytes_of(a, c, "id"),
        .client_data = bytes_of(a, c, "client_data"),
        .object = bytes_of(a, c, "object"),
    };
    for (unsigned long n = 1;; n++) {
        struct sut_webauthn_credential made;
        enum sut_webauthn_fault fault = SUT_WEBAUTHN_FINE;
        struct sut_arena *own = NULL;
        assert_false(sut_failed(sut_arena_create(1 << 20, &own)));
        sut_mem_fault_nth(n);
        const sut_err e =
            sut_webauthn_register(own, &vectors.site, challenge, false, &in, &made, &fault);
        const bool was_hit = sut_mem_fault_hit();
        sut_mem_fault_nth(0);
        sut_arena_free(&own);
        if (!was_hit) {
            assert_false(sut_failed(e));
            return;
        }
        assert_true(sut_failed(e));
    }
}

#define T(name_) cmocka_unit_test_setup_teardown(name_, make_arena, free_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(registrations_are_judged_as_the_standard_says),
        T(assertions_are_judged_as_the_standard_says),
        T(a_registration_cut_anywhere_is_refused),
        T(a_signed_registration_with_any_byte_changed_is_refused),
        T(an_assertion_with_any_byte_changed_is_refused),
        T(an_assertion_cut_anywhere_is_refused),
        T(the_flags_of_the_registration_are_kept_and_backup_follows),
        T(a_challenge_is_read_as_it_was_given),
        T(without_memory_nothing_is_taken_and_nothing_leaks),
    };
    return cmocka_run_group_tests_name("webauthn", tests, load_vectors, drop_vectors);
}
