/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/jwks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "authn/asking.h"
#include "base/mem.h"
#include "codec/b64url.h"
#include "codec/json.h"

enum {
    TREE_MAX = 4 * 1024 * 1024, /* of a set's JSON, while it is read */
    MS_PER_S = 1000,
    NS_PER_MS = 1000000,
};

struct named_key {
    char kid[SUT_JWS_KID_MAX];
    size_t kid_n;
    struct sut_jwk *key;
};

struct sut_jwks_set {
    atomic_uint refs;
    size_t n;
    struct named_key keys[SUT_JWKS_KEYS_MAX];
};

struct sut_jwks {
    sut_jwks_fetch *fetch;
    void *ctx;
    const struct sut_clock *steady;
    pthread_mutex_t lock;
    pthread_cond_t fetched;
    /* Under the lock: */
    struct sut_jwks_set *set;
    bool is_fetching;
    bool has_failed; /* the last fetch did */
    struct sut_asking waiting;
    int64_t fresh_until; /* of the set */
    int64_t keep_until;  /* likewise */
    int64_t retry_at;    /* no fetch before */
    int64_t unknown_at;  /* none for an unknown name before */
};

static sut_ms steady_now(void *ctx)
{
    (void) ctx;
    return (sut_ms){ .v = (int64_t) (sut_monotonic_ns() / NS_PER_MS) };
}

const struct sut_clock sut_jwks_steady = { .now = steady_now };

/* --- a set --- */

void sut_jwks_set_unref(struct sut_jwks_set **s)
{
    struct sut_jwks_set *const set = STEAL(*s);
    if (set == NULL || atomic_fetch_sub(&set->refs, 1) > 1)
        return;
    for (size_t i = 0; i < set->n; i++)
        sut_jwk_free(&set->keys[i].key);
    sut_mem_free(set);
}

size_t sut_jwks_set_n(const struct sut_jwks_set *s)
{
    return s->n;
}

const struct sut_jwk *sut_jwks_set_find(const struct sut_jwks_set *s, sut_str kid,
                                        enum sut_jwk_alg alg)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct named_key *const k = &s->keys[i];
        if (sut_jwk_alg(k->key) == alg && sut_str_eq(sut_str_of(k->kid, k->kid_n), kid))
            return k->key;
    }
    return NULL;
}

static sut_str text_of(const struct sut_json *o, const char *name)
{
    const struct sut_json *v = sut_json_get(o, name);
    return v == NULL || v->type != SUT_JSON_STRING ? (sut_str){ 0 } : v->s;
}

/* Absent, or this text. */
static bool is_or_absent(const struct sut_json *o, const char *name, const char *want)
{
    return sut_json_get(o, name) == NULL || sut_str_is(text_of(o, name), want);
}

/* RFC 7517 4.3: absent, or a list that has "verify". */
static bool may_verify(const struct sut_json *k)
{
    const struct sut_json *ops = sut_json_get(k, "key_ops");
    if (ops == NULL)
        return true;
    for (size_t i = 0; ops->type == SUT_JSON_ARRAY && i < ops->n; i++) {
        if (ops->items[i].type == SUT_JSON_STRING && sut_str_is(ops->items[i].s, "verify"))
            return true;
    }
    return false;
}

/* Whether it is a public key, for signatures; one that shows its secret is nobody's any more. */
static bool is_for_signatures(const struct sut_json *k)
{
    return k->type == SUT_JSON_OBJECT && is_or_absent(k, "use", "sig") && may_verify(k) &&
           sut_json_get(k, "d") == NULL && sut_json_get(k, "k") == NULL;
}

static SUT_ERR make_key(const struct sut_json *k, struct sut_jwk **ret)
{
    char first[SUT_JWK_RSA_MAX];
    char second[SUT_JWK_RSA_MAX];
    size_t first_n = 0;
    size_t second_n = 0;
    const bool is_rsa = sut_str_is(text_of(k, "kty"), "RSA");
    ENSURE(is_rsa ||
               (sut_str_is(text_of(k, "kty"), "EC") && sut_str_is(text_of(k, "crv"), "P-256")),
           INVALID);
    const enum sut_jwk_alg alg = is_rsa ? SUT_JWK_RS256 : SUT_JWK_ES256;
    ENSURE(is_or_absent(k, "alg", sut_jwk_alg_name(alg)), INVALID);
    TRY(sut_b64url_decode(text_of(k, is_rsa ? "n" : "x"), first, sizeof(first), &first_n));
    TRY(sut_b64url_decode(text_of(k, is_rsa ? "e" : "y"), second, sizeof(second), &second_n));
    const sut_str a = sut_str_of(first, first_n);
    const sut_str b = sut_str_of(second, second_n);
    return is_rsa ? sut_jwk_create_rsa(a, b, ret) : sut_jwk_create_p256(a, b, ret);
}

/* Take the key when it is for us; one that is not is passed over. */
static SUT_ERR take_key(struct sut_jwks_set *set, const struct sut_json *k)
{
    DEFER(sut_jwk_free) struct sut_jwk *key = NULL;
    const sut_str kid = text_of(k, "kid");
    if (!is_for_signatures(k) || kid.n == 0 || kid.n > SUT_JWS_KID_MAX)
        return SUT_OK;
    const sut_err e = make_key(k, &key);
    if (sut_failed(e))
        return e.code == SUT_E_NOMEM ? e : SUT_OK;
    /* Of two of one name the first counts. */
    if (sut_jwks_set_find(set, kid, sut_jwk_alg(key)) != NULL)
        return SUT_OK;
    ENSURE(set->n < SUT_JWKS_KEYS_MAX, TOO_LARGE);
    struct named_key *const to = &set->keys[set->n++];
    memcpy(to->kid, kid.p, kid.n);
    to->kid_n = kid.n;
    to->key = STEAL(key);
    return SUT_OK;
}

SUT_ERR sut_jwks_set_parse(sut_str text, struct sut_jwks_set **ret)
{
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    DEFER(sut_jwks_set_unref) struct sut_jwks_set *set = sut_mem_zalloc(1, sizeof(*set));
    const struct sut_json *tree = NULL;
    ENSURE(set != NULL, NOMEM);
    atomic_init(&set->refs, 1);
    ENSURE(text.n <= SUT_JWKS_TEXT_MAX, TOO_LARGE);
    TRY(sut_arena_create(TREE_MAX, &a));
    TRY(sut_json_parse(a, text, &tree, NULL));
    const struct sut_json *keys = sut_json_get(tree, "keys");
    ENSURE(keys != NULL && keys->type == SUT_JSON_ARRAY, PARSE);
    ENSURE(keys->n <= SUT_JWKS_KEYS_SEEN_MAX, TOO_LARGE);
    for (size_t i = 0; i < keys->n; i++)
        TRY(take_key(set, &keys->items[i]));
    ENSURE(set->n > 0, PARSE);
    *ret = STEAL(set);
    return SUT_OK;
}

/* --- what is kept --- */

SUT_ERR sut_jwks_create(sut_jwks_fetch *fetch, void *ctx, const struct sut_clock *steady,
                        struct sut_jwks **ret)
{
    DEFER(sut_mem_freep) struct sut_jwks *j = sut_mem_zalloc(1, sizeof(*j));
    ENSURE(j != NULL, NOMEM);
    j->fetch = fetch;
    j->ctx = ctx;
    j->steady = steady;
    j->retry_at = j->unknown_at = INT64_MIN;
    ENSURE(pthread_mutex_init(&j->lock, NULL) == 0, SYSTEM);
    if (pthread_cond_init(&j->fetched, NULL) != 0) {
        (void) pthread_mutex_destroy(&j->lock);
        FAIL(SYSTEM);
    }
    *ret = STEAL(j);
    return SUT_OK;
}

void sut_jwks_free(struct sut_jwks **j)
{
    if (*j == NULL)
        return;
    sut_jwks_set_unref(&(*j)->set);
    (void) pthread_cond_destroy(&(*j)->fetched);
    (void) pthread_mutex_destroy(&(*j)->lock);
    sut_mem_freep(j);
}

static int64_t fresh_ms(uint32_t max_age_s)
{
    if (max_age_s == 0)
        return SUT_JWKS_FRESH_UNTOLD_MS;
    const int64_t told = (int64_t) max_age_s * MS_PER_S;
    if (told < SUT_JWKS_FRESH_MIN_MS)
        return SUT_JWKS_FRESH_MIN_MS;
    return told > SUT_JWKS_FRESH_MAX_MS ? SUT_JWKS_FRESH_MAX_MS : told;
}

static SUT_ERR fetch_set(const struct sut_jwks *j, struct sut_jwks_set **ret,
                         uint32_t *ret_max_age_s)
{
    struct sut_buf body;
    sut_buf_init(&body, SUT_JWKS_TEXT_MAX);
    sut_err e = j->fetch(j->ctx, &body, ret_max_age_s);
    if (!sut_failed(e))
        e = sut_jwks_set_parse(sut_buf_str(&body), ret);
    sut_buf_done(&body);
    return e;
}

/* With the lock, which is let go meanwhile: nobody else fetches. */
static void refresh(struct sut_jwks *j)
{
    struct sut_jwks_set *fresh = NULL;
    uint32_t max_age_s = 0;
    j->is_fetching = true;
    (void) pthread_mutex_unlock(&j->lock);
    const sut_err e = fetch_set(j, &fresh, &max_age_s);
    (void) pthread_mutex_lock(&j->lock);
    const int64_t now = sut_clock_now(j->steady).v;
    j->is_fetching = false;
    j->has_failed = sut_failed(e);
    if (j->has_failed) {
        j->retry_at = now + SUT_JWKS_RETRY_MS;
    } else {
        sut_jwks_set_unref(&j->set);
        j->set = fresh;
        j->fresh_until = now + fresh_ms(max_age_s);
        j->keep_until = j->fresh_until + SUT_JWKS_KEEP_MS;
    }
    (void) pthread_cond_broadcast(&j->fetched);
}

/* With the lock: whether a fetch is due now, for keys that have aged or for a name. */
static bool is_due(struct sut_jwks *j, int64_t now, bool is_known)
{
    if (now < j->retry_at)
        return false;
    if (j->set == NULL || now >= j->fresh_until)
        return true;
    if (is_known || now < j->unknown_at)
        return false;
    j->unknown_at = now + SUT_JWKS_UNKNOWN_MS;
    return true;
}

/* With the lock. */
static SUT_ERR find(struct sut_jwks *j, sut_str kid, enum sut_jwk_alg alg,
                    struct sut_jwks_set **ret_set, const struct sut_jwk **ret)
{
    bool has_fetched = false;
    for (;;) {
        const int64_t now = sut_clock_now(j->steady).v;
        if (j->set != NULL && now >= j->keep_until)
            sut_jwks_set_unref(&j->set);
        const struct sut_jwk *key = j->set == NULL ? NULL : sut_jwks_set_find(j->set, kid, alg);
        if (!j->is_fetching && !has_fetched && is_due(j, now, key != NULL)) {
            refresh(j);
            has_fetched = true;
            continue;
        }
        if (key != NULL) {
            atomic_fetch_add(&j->set->refs, 1);
            *ret_set = j->set;
            *ret = key;
            return SUT_OK;
        }
        if (!j->is_fetching) {
            ENSURE(j->set != NULL && !j->has_failed, UNAVAILABLE);
            FAIL(TOKEN);
        }
        /* What somebody else fetches may have it. */
        ENSURE(sut_asking_begin(&j->waiting), BUSY);
        (void) pthread_cond_wait(&j->fetched, &j->lock);
        sut_asking_end(&j->waiting);
        has_fetched = true;
    }
}

SUT_ERR sut_jwks_find(struct sut_jwks *j, sut_str kid, enum sut_jwk_alg alg,
                      struct sut_jwks_set **ret_set, const struct sut_jwk **ret)
{
    (void) pthread_mutex_lock(&j->lock);
    const sut_err e = find(j, kid, alg, ret_set, ret);
    (void) pthread_mutex_unlock(&j->lock);
    return e;
}
