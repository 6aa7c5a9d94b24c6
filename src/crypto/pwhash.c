/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pwhash.h"

#include <argon2.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/scan.h"
#include "base/secret.h"
#include "crypto/b64.h"
#include "crypto/pbkdf2.h"

enum {
    HASH_SIZE = 32,
    HASH_MIN = 16, /* of a stored Argon2 hash: Django's older ones */
    HASH_MAX = 64,
    SALT_CHARS = 22, /* of 62: 130 bits, as Django */
    SALT_BITS_MIN = 128,
    SALT_RAW_MAX = 256,
    ARGON2_SALT_MIN = 8, /* RFC 9106 3.1 */
    LANE_KIB_MIN = 8,
    /* Argon2id with less than the least that OWASP lists is not stronger than PBKDF2. */
    ARGON2_STRONG_KIB = 7168,
};

#define PBKDF2_NAME "pbkdf2_sha256"
#define ARGON2_NAME "argon2"

static bool take_number(struct sut_scan *c, const char *name, uint32_t *ret)
{
    uint64_t v = 0;
    if (!sut_scan_lit(c, sut_str_from(name)) || sut_scan_at_end(c) || *c->p == '0')
        return false;
    if (sut_failed(sut_scan_u64(c, UINT32_MAX, &v)))
        return false;
    *ret = (uint32_t) v;
    return true;
}

static bool parse_pbkdf2(struct sut_scan *c, struct sut_pwhash_info *to)
{
    unsigned char raw[HASH_SIZE];
    size_t n = 0;
    to->kind = SUT_PWHASH_PBKDF2;
    if (!take_number(c, PBKDF2_NAME "$", &to->rounds) || !sut_scan_char(c, '$'))
        return false;
    to->salt = sut_scan_until(c, '$');
    if (to->salt.n == 0 || !sut_scan_char(c, '$'))
        return false;
    to->hash = sut_scan_rest(c);
    to->work = 2 * (uint64_t) to->rounds;
    return !sut_failed(sut_b64_parse(to->hash, true, raw, sizeof(raw), &n)) && n == sizeof(raw);
}

static bool take_variant(struct sut_scan *c, char *ret)
{
    if (!sut_scan_lit(c, SUT_STR(ARGON2_NAME "$argon2")))
        return false;
    if (sut_scan_lit(c, SUT_STR("id$")))
        *ret = 'x';
    else if (sut_scan_lit(c, SUT_STR("i$")))
        *ret = 'i';
    else if (sut_scan_lit(c, SUT_STR("d$")))
        *ret = 'd';
    else
        return false;
    return true;
}

static bool parse_argon2(struct sut_scan *c, struct sut_pwhash_info *to)
{
    unsigned char raw[SALT_RAW_MAX];
    size_t n = 0;
    to->kind = SUT_PWHASH_ARGON2ID;
    if (!take_variant(c, &to->variant))
        return false;
    /* A hash without a version is of Argon2 1.0. */
    to->version = ARGON2_VERSION_10;
    if (take_number(c, "v=", &to->version) && !sut_scan_char(c, '$'))
        return false;
    if (to->version != ARGON2_VERSION_10 && to->version != ARGON2_VERSION_13)
        return false;
    if (!take_number(c, "m=", &to->memory_kib) || !take_number(c, ",t=", &to->passes) ||
        !take_number(c, ",p=", &to->lanes) || !sut_scan_char(c, '$'))
        return false;
    if (to->lanes > ARGON2_MAX_LANES || to->memory_kib / LANE_KIB_MIN < to->lanes)
        return false;

    to->salt = sut_scan_until(c, '$');
    if (!sut_scan_char(c, '$') ||
        sut_failed(sut_b64_parse(to->salt, false, raw, SALT_RAW_MAX, &n)) || n < ARGON2_SALT_MIN)
        return false;
    to->hash = sut_scan_rest(c);
    if (sut_failed(sut_b64_parse(to->hash, false, raw, HASH_MAX, &n)) || n < HASH_MIN)
        return false;
    to->memory_bytes = (uint64_t) to->memory_kib * 1024;
    to->work = (uint64_t) to->memory_kib * to->passes;
    return true;
}

void sut_pwhash_parse(sut_str encoded, struct sut_pwhash_info *ret)
{
    struct sut_scan c = sut_scan_of(encoded);
    struct sut_pwhash_info info = { .shape = SUT_PWHASH_MALFORMED };
    if (encoded.n > 0 && encoded.p[0] == '!') {
        info.shape = SUT_PWHASH_UNUSABLE;
    } else if (encoded.n <= SUT_PWHASH_PARSE_MAX) {
        const bool is_hash = sut_str_starts(encoded, SUT_STR(ARGON2_NAME "$"))
                                 ? parse_argon2(&c, &info)
                                 : parse_pbkdf2(&c, &info);
        if (is_hash)
            info.shape = SUT_PWHASH_OK;
        else
            info = (struct sut_pwhash_info){ .shape = SUT_PWHASH_MALFORMED };
    }
    *ret = info;
}

bool sut_pwhash_policy_is_valid(const struct sut_pwhash_policy *policy)
{
    if (policy->kind == SUT_PWHASH_PBKDF2)
        return policy->rounds > 0;
    return policy->passes > 0 && policy->lanes > 0 && policy->lanes <= ARGON2_MAX_LANES &&
           policy->memory_kib / LANE_KIB_MIN >= policy->lanes;
}

uint64_t sut_pwhash_policy_memory(const struct sut_pwhash_policy *policy)
{
    return policy->kind == SUT_PWHASH_PBKDF2 ? 0 : (uint64_t) policy->memory_kib * 1024;
}

/*
 * The memory of a hash comes from the kernel and goes back to it: kept by the
 * heap, the most that ran at once would stay with the program for good.
 */
static int map_memory(uint8_t **memory, size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return ARGON2_MEMORY_ALLOCATION_ERROR;
    /* Both only make it better: fewer page faults, nothing of it in a core file. */
    (void) madvise(p, n, MADV_HUGEPAGE);
    (void) madvise(p, n, MADV_DONTDUMP);
    *memory = p;
    return ARGON2_OK;
}

static void unmap_memory(uint8_t *memory, size_t n)
{
    (void) munmap(memory, n);
}

/* libargon2 takes its inputs as pointers to what it may wipe; it is not told to. */
static uint8_t *as_input(sut_str s)
{
    union {
        const char *from;
        uint8_t *to;
    } u = { .from = s.p };
    return u.to;
}

static SUT_ERR run_argon2(const struct sut_pwhash_info *p, sut_str salt, sut_str password,
                          unsigned char *ret, size_t n)
{
    argon2_context c = {
        .out = ret,
        .outlen = (uint32_t) n,
        .pwd = as_input(password),
        .pwdlen = (uint32_t) password.n,
        .salt = as_input(salt),
        .saltlen = (uint32_t) salt.n,
        .t_cost = p->passes,
        .m_cost = p->memory_kib,
        .lanes = p->lanes,
        .threads = 1,
        .version = p->version,
        .allocate_cbk = map_memory,
        .free_cbk = unmap_memory,
        .flags = ARGON2_DEFAULT_FLAGS,
    };
    const argon2_type type = p->variant == 'i'   ? Argon2_i
                             : p->variant == 'd' ? Argon2_d
                                                 : Argon2_id;
    const int rc = argon2_ctx(&c, type);
    ENSURE(rc != ARGON2_MEMORY_ALLOCATION_ERROR, NOMEM);
    ENSURE(rc == ARGON2_OK, INVALID);
    return SUT_OK;
}

/* The base64 text of the hash of this password by these parameters. */
static SUT_ERR compute(const struct sut_pwhash_info *p, size_t hash_size, sut_str password,
                       struct sut_buf *out)
{
    unsigned char hash[HASH_MAX];
    ENSURE(password.n <= SUT_PWHASH_PASSWORD_MAX, INVALID);
    if (p->kind == SUT_PWHASH_PBKDF2) {
        TRY(sut_pbkdf2(password, p->salt, p->rounds, hash, HASH_SIZE));
        sut_b64_add(out, hash, HASH_SIZE, true);
    } else {
        unsigned char salt[SALT_RAW_MAX];
        size_t salt_n = 0;
        TRY(sut_b64_parse(p->salt, false, salt, sizeof(salt), &salt_n));
        TRY(run_argon2(p, sut_str_of((const char *) salt, salt_n), password, hash, hash_size));
        sut_b64_add(out, hash, hash_size, false);
    }
    sut_wipe(hash, sizeof(hash));
    return sut_buf_check(out);
}

/* All of a hash's text but the hash, with a salt of the caller's. */
static void add_head(const struct sut_pwhash_policy *policy, sut_str salt, struct sut_buf *out)
{
    if (policy->kind == SUT_PWHASH_PBKDF2) {
        sut_buf_printf(out, PBKDF2_NAME "$%u$", policy->rounds);
        sut_buf_str_add(out, salt);
    } else {
        sut_buf_printf(out, ARGON2_NAME "$argon2id$v=%d$m=%u,t=%u,p=%u$", ARGON2_VERSION_13,
                       policy->memory_kib, policy->passes, policy->lanes);
        /* As Django: the characters of the salt are its bytes. */
        sut_b64_add(out, salt.p, salt.n, false);
    }
    sut_buf_char(out, '$');
}

/* Room in the caller's text, so that no hash is left on the heap. */
static struct sut_buf buf_over(struct sut_pwhash_text *t)
{
    return (struct sut_buf){ .p = t->p, .cap = sizeof(t->p), .max = sizeof(t->p) };
}

SUT_ERR sut_pwhash_hash(const struct sut_pwhash_policy *policy, const struct sut_random *rnd,
                        sut_str password, struct sut_pwhash_text *ret)
{
    ENSURE(sut_pwhash_policy_is_valid(policy), INVALID);
    char salt[SALT_CHARS];
    char salt_text[2 * SALT_CHARS];
    TRY(sut_random_alnum(rnd, sizeof(salt), salt));

    struct sut_buf out = buf_over(ret);
    add_head(policy, sut_str_of(salt, sizeof(salt)), &out);
    struct sut_buf text = { .p = salt_text, .cap = sizeof(salt_text), .max = sizeof(salt_text) };
    if (policy->kind == SUT_PWHASH_PBKDF2)
        sut_buf_add(&text, salt, sizeof(salt));
    else
        sut_b64_add(&text, salt, sizeof(salt), false);
    const struct sut_pwhash_info info = {
        .kind = policy->kind,
        .rounds = policy->rounds,
        .memory_kib = policy->memory_kib,
        .passes = policy->passes,
        .lanes = policy->lanes,
        .version = ARGON2_VERSION_13,
        .variant = 'x',
        .salt = sut_buf_str(&text),
    };
    TRY(compute(&info, HASH_SIZE, password, &out));
    ret->n = out.n;
    return SUT_OK;
}

SUT_ERR sut_pwhash_dummy(const struct sut_pwhash_policy *policy, const struct sut_random *rnd,
                         struct sut_pwhash_text *ret)
{
    ENSURE(sut_pwhash_policy_is_valid(policy), INVALID);
    char salt[SALT_CHARS];
    unsigned char hash[HASH_SIZE];
    TRY(sut_random_alnum(rnd, sizeof(salt), salt));
    TRY(sut_random_fill(rnd, hash, sizeof(hash)));

    struct sut_buf out = buf_over(ret);
    add_head(policy, sut_str_of(salt, sizeof(salt)), &out);
    sut_b64_add(&out, hash, sizeof(hash), policy->kind == SUT_PWHASH_PBKDF2);
    TRY(sut_buf_check(&out));
    ret->n = out.n;
    return SUT_OK;
}

static bool is_within(const struct sut_pwhash_info *p, const struct sut_pwhash_budget *budget)
{
    if (p->kind == SUT_PWHASH_PBKDF2)
        return p->rounds <= budget->rounds;
    return p->memory_kib <= budget->memory_kib && p->passes <= budget->passes &&
           p->lanes <= budget->lanes;
}

static SUT_ERR compare(const struct sut_pwhash_info *p, sut_str password, bool *ret)
{
    struct sut_pwhash_text own;
    unsigned char raw[HASH_MAX];
    size_t n = 0;
    TRY(sut_b64_parse(p->hash, p->kind == SUT_PWHASH_PBKDF2, raw, sizeof(raw), &n));

    struct sut_buf out = buf_over(&own);
    TRY(compute(p, n, password, &out));
    *ret = sut_secret_eq(sut_buf_str(&out), p->hash);
    sut_wipe(&own, sizeof(own));
    sut_wipe(raw, sizeof(raw));
    return SUT_OK;
}

/* Spend what a hash with more rounds would have cost on top. */
static SUT_ERR make_up(const struct sut_pwhash_info *was, const struct sut_pwhash_info *should,
                       sut_str password)
{
    unsigned char unused[HASH_SIZE];
    if (should->shape != SUT_PWHASH_OK || should->kind != SUT_PWHASH_PBKDF2 ||
        was->kind != SUT_PWHASH_PBKDF2 || was->rounds >= should->rounds)
        return SUT_OK;
    TRY(sut_pbkdf2(password, was->salt, should->rounds - was->rounds, unused, sizeof(unused)));
    sut_wipe(unused, sizeof(unused));
    return SUT_OK;
}

SUT_ERR sut_pwhash_verify(sut_str encoded, sut_str password, const struct sut_pwhash_budget *budget,
                          sut_str dummy, enum sut_pwhash_verdict *ret)
{
    ENSURE(password.n <= SUT_PWHASH_PASSWORD_MAX, INVALID);
    struct sut_pwhash_info stored;
    struct sut_pwhash_info standin;
    sut_pwhash_parse(encoded, &stored);
    sut_pwhash_parse(dummy, &standin);

    bool is_same = false;
    enum sut_pwhash_verdict verdict = stored.shape;
    if (verdict == SUT_PWHASH_OK && !is_within(&stored, budget))
        verdict = SUT_PWHASH_OVER_BUDGET;
    if (verdict != SUT_PWHASH_OK) {
        if (standin.shape == SUT_PWHASH_OK)
            TRY(compare(&standin, password, &is_same));
        *ret = verdict;
        return SUT_OK;
    }

    TRY(compare(&stored, password, &is_same));
    if (!is_same)
        TRY(make_up(&stored, &standin, password));
    *ret = is_same ? SUT_PWHASH_OK : SUT_PWHASH_NO;
    return SUT_OK;
}

/* Django's measure: characters of 62, log2(62) = 5.954 bits each. */
static bool is_short_salt(const struct sut_pwhash_info *p)
{
    size_t n = p->salt.n;
    if (p->kind == SUT_PWHASH_ARGON2ID)
        n = n * 3 / 4;
    /* Raw salts of 16 bytes are 128 bits; Django's of 22 characters 130. */
    return p->kind == SUT_PWHASH_ARGON2ID ? n * 8 < SALT_BITS_MIN : n * 5954 < SALT_BITS_MIN * 1000;
}

static bool is_strong_argon2(const struct sut_pwhash_info *p)
{
    return p->variant == 'x' && p->version == ARGON2_VERSION_13;
}

bool sut_pwhash_needs_rehash(sut_str encoded, const struct sut_pwhash_policy *policy)
{
    struct sut_pwhash_info p;
    sut_pwhash_parse(encoded, &p);
    if (p.shape != SUT_PWHASH_OK)
        return false;
    if (is_short_salt(&p))
        return true;
    if (p.kind == SUT_PWHASH_PBKDF2)
        return policy->kind != SUT_PWHASH_PBKDF2 || p.rounds < policy->rounds;
    if (!is_strong_argon2(&p))
        return true;
    if (policy->kind == SUT_PWHASH_PBKDF2)
        return p.memory_kib < ARGON2_STRONG_KIB;
    return p.memory_kib < policy->memory_kib ||
           p.work < (uint64_t) policy->memory_kib * policy->passes;
}
