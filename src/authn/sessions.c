/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/sessions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "store/person.h"
#include "store/session.h"
#include "store/store.h"

enum {
    SLOTS_FIRST = 1024,
    SLOTS_MAX = 1 << 19, /* of 24 bytes: 12 MiB */
    MS_PER_S = 1000,
};
static const int64_t foreign_life_ms = INT64_C(1000) * 86400 * SUT_SESSIONS_FOREIGN_DAYS;

struct key {
    uint64_t a;
    uint64_t b;
};

/* value: until when (sessions, foreign tokens), or since when (users); 0: the slot is free. */
struct slot {
    struct key key;
    int64_t value;
};

/* A hash table with open addressing, at most three quarters full. */
struct table {
    struct slot *slots;
    size_t cap;
    size_t n;
};

struct sut_sessions {
    pthread_rwlock_t lock;
    int64_t access_life_ms;
    bool accept_foreign;
    struct table revoked;    /* session -> until */
    struct table foreign;    /* hash of the jti -> until */
    struct table users;      /* user -> tokens of before are refused */
    int64_t floor_s;         /* tokens issued at or before are refused: there was no room */
    int64_t foreign_floor_s; /* the same for foreign ones */
    int64_t loaded_ms;       /* the last load that succeeded; 0: none */
    atomic_bool knows;
};

static size_t home(struct key k, size_t cap)
{
    uint64_t h = k.a ^ (k.b * 0x9e3779b97f4a7c15u);
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
    h = (h ^ h >> 27) * 0x94d049bb133111ebu;
    return (size_t) (h ^ h >> 31) & (cap - 1);
}

/* Where the key is, or where it would go.  The table has a free slot. */
static struct slot *find(const struct table *t, struct key k)
{
    size_t i = home(k, t->cap);
    while (t->slots[i].value != 0 && (t->slots[i].key.a != k.a || t->slots[i].key.b != k.b))
        i = (i + 1) & (t->cap - 1);
    return &t->slots[i];
}

/* The value of a key, or 0. */
static int64_t look(const struct table *t, struct key k)
{
    return t->n == 0 ? 0 : find(t, k)->value;
}

/* Move what is worth keeping (value above `least`) into `cap` slots; false without memory. */
static bool rebuild(struct table *t, size_t cap, int64_t least)
{
    struct table to = { .slots = sut_mem_zalloc(cap, sizeof(*to.slots)), .cap = cap };
    if (to.slots == NULL)
        return false;
    for (size_t i = 0; i < t->cap; i++) {
        if (t->slots[i].value <= least)
            continue;
        *find(&to, t->slots[i].key) = t->slots[i];
        to.n++;
    }
    sut_mem_free(t->slots);
    *t = to;
    return true;
}

/* Put a value, the greater of two; false when there is no room. */
static bool put(struct table *t, struct key k, int64_t value)
{
    if (t->n >= t->cap / 4 * 3) {
        const size_t cap = t->cap == 0 ? SLOTS_FIRST : t->cap * 2;
        if (cap > SLOTS_MAX || !rebuild(t, cap, 0))
            return false;
    }
    struct slot *s = find(t, k);
    if (s->value == 0)
        t->n++;
    s->key = k;
    s->value = value > s->value ? value : s->value;
    return true;
}

/* Forget what ended before `least`; small tables stay as they are. */
static void sweep(struct table *t, int64_t least)
{
    size_t live = 0;
    for (size_t i = 0; i < t->cap; i++)
        live += t->slots[i].value > least;
    if (live == t->n)
        return;
    size_t cap = SLOTS_FIRST;
    while (cap / 4 * 3 <= live * 2)
        cap *= 2;
    /* Without memory for the smaller table the greater one serves on. */
    (void) rebuild(t, cap < t->cap ? cap : t->cap, least);
}

static struct key of_id(int64_t id)
{
    return (struct key){ .a = (uint64_t) id };
}

static struct key of_hash(const unsigned char hash[SUT_JTI_HASH])
{
    struct key k;
    memcpy(&k.a, hash, sizeof(k.a));
    memcpy(&k.b, hash + sizeof(k.a), sizeof(k.b));
    return k;
}

static void raise_floor(int64_t *floor_s, int64_t now_ms)
{
    const int64_t s = now_ms / MS_PER_S;
    *floor_s = s > *floor_s ? s : *floor_s;
}

SUT_ERR sut_sessions_create(const struct sut_sessions_options *opt, struct sut_sessions **ret)
{
    ENSURE(opt->access_life_ms > 0, INVALID);
    struct sut_sessions *s = sut_mem_zalloc(1, sizeof(*s));
    ENSURE(s != NULL, NOMEM);
    if (pthread_rwlock_init(&s->lock, NULL) != 0) {
        sut_mem_free(s);
        FAIL(NOMEM);
    }
    s->access_life_ms = opt->access_life_ms;
    s->accept_foreign = opt->accept_foreign;
    s->floor_s = INT64_MIN;
    s->foreign_floor_s = INT64_MIN;
    *ret = s;
    return SUT_OK;
}

void sut_sessions_free(struct sut_sessions **s)
{
    if (*s == NULL)
        return;
    (void) pthread_rwlock_destroy(&(*s)->lock);
    sut_mem_free((*s)->revoked.slots);
    sut_mem_free((*s)->foreign.slots);
    sut_mem_free((*s)->users.slots);
    sut_mem_free(*s);
    *s = NULL;
}

void sut_sessions_revoke(struct sut_sessions *s, int64_t session, sut_ms now)
{
    (void) pthread_rwlock_wrlock(&s->lock);
    if (!put(&s->revoked, of_id(session), now.v + s->access_life_ms + SUT_SESSIONS_SLACK_MS))
        raise_floor(&s->floor_s, now.v);
    (void) pthread_rwlock_unlock(&s->lock);
}

void sut_sessions_revoke_user(struct sut_sessions *s, int64_t user_id, sut_ms now)
{
    (void) pthread_rwlock_wrlock(&s->lock);
    if (!put(&s->users, of_id(user_id), now.v))
        raise_floor(&s->foreign_floor_s, now.v);
    (void) pthread_rwlock_unlock(&s->lock);
}

/* Without room every foreign token goes that was issued before this one would end. */
void sut_sessions_refuse_foreign(struct sut_sessions *s, const unsigned char jti_hash[SUT_JTI_HASH],
                                 sut_ms expires_at)
{
    (void) pthread_rwlock_wrlock(&s->lock);
    if (!put(&s->foreign, of_hash(jti_hash), expires_at.v))
        raise_floor(&s->foreign_floor_s, expires_at.v);
    (void) pthread_rwlock_unlock(&s->lock);
}

static SUT_ERR seen_session(void *ctx, int64_t id, sut_ms revoked_at)
{
    sut_sessions_revoke(ctx, id, revoked_at);
    return SUT_OK;
}

static SUT_ERR seen_user(void *ctx, int64_t user_id, sut_ms revoked_at)
{
    sut_sessions_revoke_user(ctx, user_id, revoked_at);
    return SUT_OK;
}

static SUT_ERR seen_foreign(void *ctx, sut_str jti_hash, sut_ms expires_at)
{
    ENSURE(jti_hash.n == SUT_JTI_HASH, CORRUPT);
    unsigned char hash[SUT_JTI_HASH];
    memcpy(hash, jti_hash.p, sizeof(hash));
    sut_sessions_refuse_foreign(ctx, hash, expires_at);
    return SUT_OK;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What changed since the last load, or all that can still matter. */
static SUT_ERR read_store(struct sut_sessions *s, struct sut_db_conn *c, sut_ms now)
{
    const int64_t news = s->loaded_ms == 0 ? INT64_MIN : s->loaded_ms - SUT_SESSIONS_SLACK_MS;
    const sut_ms sessions = { later(news, now.v - s->access_life_ms - SUT_SESSIONS_SLACK_MS) };
    TRY(sut_session_each_revoked(c, sessions, seen_session, s));
    if (!s->accept_foreign)
        return SUT_OK;
    TRY(sut_blacklist_each(c, (sut_ms){ news }, now, seen_foreign, s));
    const sut_ms users = { later(news, now.v - foreign_life_ms) };
    return sut_person_each_revoked(c, users, seen_user, s);
}

static SUT_ERR load(struct sut_sessions *s, struct sut_store *store, sut_ms now)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(store, &c));
    const sut_err e = read_store(s, c, now);
    sut_store_return(store, &c);
    return e;
}

SUT_ERR sut_sessions_load(struct sut_sessions *s, struct sut_store *store, sut_ms now)
{
    const sut_err e = load(s, store, now);
    if (!sut_failed(e)) {
        s->loaded_ms = now.v;
        (void) pthread_rwlock_wrlock(&s->lock);
        raise_floor(&s->foreign_floor_s, now.v - foreign_life_ms);
        (void) pthread_rwlock_unlock(&s->lock);
        atomic_store(&s->knows, true);
    } else if (now.v - s->loaded_ms > SUT_SESSIONS_STALE_MS) {
        atomic_store(&s->knows, false);
    }
    return e;
}

bool sut_sessions_knows(const struct sut_sessions *s)
{
    return atomic_load(&s->knows);
}

static bool is_foreign_refused(const struct sut_sessions *s, const struct sut_token *t)
{
    if (!s->accept_foreign || t->iat_s <= s->foreign_floor_s ||
        look(&s->foreign, of_hash(t->jti_hash)) != 0)
        return true;
    /* A token of the very second of the revocation may be of before it. */
    const int64_t since = look(&s->users, of_id(t->user_id));
    return since != 0 && t->iat_s <= since / MS_PER_S;
}

/* Minted under settings of before, and its session's end may be forgotten already. */
static bool outlives(const struct sut_sessions *s, const struct sut_token *t)
{
    return !t->is_foreign && t->kind == SUT_TOKEN_ACCESS &&
           t->exp_s - t->iat_s > s->access_life_ms / MS_PER_S;
}

bool sut_sessions_is_refused(struct sut_sessions *s, const struct sut_token *t)
{
    if (!sut_sessions_knows(s) || outlives(s, t))
        return true;
    (void) pthread_rwlock_rdlock(&s->lock);
    const bool is_refused =
        t->is_foreign ? is_foreign_refused(s, t)
                      : t->iat_s <= s->floor_s || look(&s->revoked, of_id(t->session)) != 0;
    (void) pthread_rwlock_unlock(&s->lock);
    return is_refused;
}

void sut_sessions_prune(struct sut_sessions *s, sut_ms now)
{
    (void) pthread_rwlock_wrlock(&s->lock);
    sweep(&s->revoked, now.v);
    sweep(&s->foreign, now.v);
    sweep(&s->users, now.v - foreign_life_ms);
    raise_floor(&s->foreign_floor_s, now.v - foreign_life_ms);
    (void) pthread_rwlock_unlock(&s->lock);
}

uint64_t sut_sessions_count(struct sut_sessions *s)
{
    (void) pthread_rwlock_rdlock(&s->lock);
    const uint64_t n = s->revoked.n + s->foreign.n + s->users.n;
    (void) pthread_rwlock_unlock(&s->lock);
    return n;
}
