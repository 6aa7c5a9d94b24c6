/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/permits.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/ed25519.h"
#include "crypto/remote_key.h"
#include "crypto/wrap.h"
#include "ipc/keeper_wire.h"
#include "ipc/peer.h"
#include "keeper/data_key.h"
#include "os/core.h"

enum {
    OPEN_KEY_MAX = SUT_KEY_SIZE + SUT_WRAPPED_MAX, /* room for what any wrapped key could hold */
    CHECKPOINT_MAX = 128,
};

_Static_assert((int) SUT_KEY_SIZE == (int) SUT_ED25519_SEED, "an audit key is a seed");
_Static_assert((int) SUT_MASTER_ID == (int) SUT_WRAP_ID, "one name of a master key");
_Static_assert((int) SUT_TLS_KEY_ID == (int) SUT_REMOTE_KEY_ID, "one name of a TLS key");
_Static_assert((int) SUT_TLS_ECDSA_SHA512 == (int) SUT_REMOTE_ECDSA_SHA512, "the same numbers");
_Static_assert((int) SUT_TLS_SIGNATURE_MAX == (int) SUT_REMOTE_SIGNATURE_MAX, "the same room");
_Static_assert(1 + SUT_AEAD_OVERHEAD + SUT_KEY_SIZE == SUT_DATA_WRAPPED, "format, text");
_Static_assert(SUT_WRAP_OVERHEAD + SUT_KEY_SIZE <= SUT_WRAPPED_MAX, "fits");

/* In locked memory. */
struct masters {
    struct sut_wrap_key wraps; /* the newest: what it wraps is as it should be */
    struct sut_wrap_key also;  /* unwraps too */
    bool has_also;
};

struct sut_keyholder {
    struct sut_secret *memory;
    const struct sut_random *random;
    struct sut_ipc_table table;
    struct sut_keeper_about about;
    pthread_rwlock_t lock;                                /* of the TLS keys */
    struct sut_tls_key *tls_keys[SUT_KEYHOLDER_TLS_KEYS]; /* the newest first */
};

static const struct masters *masters_of(const struct sut_keyholder *h)
{
    return (const struct masters *) (const void *) sut_secret_str(h->memory).p;
}

/* A key on the stack, wiped when it leaves scope. */
struct open_key {
    char bytes[OPEN_KEY_MAX];
};

static void open_key_done(struct open_key *k)
{
    sut_wipe(k->bytes, sizeof(k->bytes));
}

static void aead_key_done(struct sut_aead_key *k)
{
    sut_aead_key_done(k);
}

static void answer(struct sut_buf *reply, enum sut_keeper_answer status)
{
    sut_ipc_put_u64(reply, status);
}

static void answer_spent(uint32_t wait_ms, struct sut_buf *reply)
{
    answer(reply, SUT_KEEPER_BUSY);
    sut_ipc_put_u64(reply, wait_ms);
}

/* --- reading --- */

static SUT_ERR get_purpose(struct sut_ipc_reader *in, enum sut_key_purpose *ret)
{
    uint64_t v = 0;
    TRY(sut_ipc_get_u64(in, SUT_KEY_PURPOSES - 1, &v));
    *ret = (enum sut_key_purpose) v;
    return SUT_OK;
}

static SUT_ERR get_version(struct sut_ipc_reader *in, uint32_t *ret)
{
    uint64_t v = 0;
    TRY(sut_ipc_get_u64(in, UINT32_MAX, &v));
    *ret = (uint32_t) v;
    return SUT_OK;
}

/* --- wrapped keys --- */

static SUT_ERR unwrap_by(const struct sut_wrap_key *master, sut_str word, uint32_t version,
                         sut_str wrapped, struct open_key *ret)
{
    struct sut_buf out = { .p = ret->bytes, .cap = OPEN_KEY_MAX, .max = OPEN_KEY_MAX };
    TRY(sut_wrap_key_unwrap(master, word, version, wrapped, &out));
    ENSURE(out.n == SUT_KEY_SIZE, CORRUPT);
    return SUT_OK;
}

/* Under whichever master key; the older format names none. */
static SUT_ERR unwrap(const struct sut_keyholder *h, enum sut_key_purpose purpose, uint32_t version,
                      sut_str wrapped, struct open_key *ret)
{
    const struct masters *const m = masters_of(h);
    const sut_str word = sut_str_from(sut_key_purpose_word(purpose));
    const sut_err e = unwrap_by(&m->wraps, word, version, wrapped, ret);
    if (e.code != SUT_E_CORRUPT || !m->has_also)
        return e;
    return unwrap_by(&m->also, word, version, wrapped, ret);
}

static SUT_ERR wrap(const struct sut_keyholder *h, enum sut_key_purpose purpose, uint32_t version,
                    const struct open_key *key, struct sut_buf *out)
{
    return sut_wrap_key_wrap(h->random, &masters_of(h)->wraps,
                             sut_str_from(sut_key_purpose_word(purpose)), version,
                             sut_str_of(key->bytes, SUT_KEY_SIZE), out);
}

static SUT_ERR handle_about(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    const struct sut_keyholder *const h = arg;
    const struct sut_keeper_about *const a = &h->about;
    TRY(sut_ipc_get_end(in));
    answer(reply, SUT_KEEPER_OK);
    sut_ipc_put_bytes(reply, sut_str_of((const char *) a->master_id, SUT_MASTER_ID));
    sut_ipc_put_u64(reply, a->has_next ? 1 : 0);
    sut_ipc_put_bytes(
        reply, sut_str_of((const char *) a->next_id, a->has_next ? (size_t) SUT_MASTER_ID : 0));
    sut_ipc_put_u64(reply, a->has_previous ? 1 : 0);
    sut_ipc_put_u64(reply, a->may_rotate ? 1 : 0);
    sut_ipc_put_u64(reply, a->is_passphrase ? 1 : 0);
    sut_ipc_put_i64(reply, a->master_made_at.v);
    return SUT_OK;
}

static SUT_ERR get_wrapped_key(struct sut_ipc_reader *in, enum sut_key_purpose *ret_purpose,
                               uint32_t *ret_version, sut_str *ret_wrapped)
{
    TRY(get_purpose(in, ret_purpose));
    TRY(get_version(in, ret_version));
    TRY(sut_ipc_get_bytes(in, SUT_WRAPPED_MAX, ret_wrapped));
    return sut_ipc_get_end(in);
}

static SUT_ERR handle_unwrap(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    const struct sut_keyholder *const h = arg;
    enum sut_key_purpose purpose = SUT_KEY_PURPOSES;
    uint32_t version = 0;
    sut_str wrapped = { 0 };
    DEFER(open_key_done) struct open_key key;
    TRY(get_wrapped_key(in, &purpose, &version, &wrapped));
    ENSURE(sut_key_purpose_leaves(purpose), DENIED);
    const sut_err e = unwrap(h, purpose, version, wrapped, &key);
    if (e.code == SUT_E_CORRUPT) {
        answer(reply, SUT_KEEPER_CORRUPT);
        return SUT_OK;
    }
    TRY(e);
    answer(reply, SUT_KEEPER_OK);
    sut_ipc_put_bytes(reply, sut_str_of(key.bytes, SUT_KEY_SIZE));
    return SUT_OK;
}

/* Append a field of bytes that `wrap` fills. */
static SUT_ERR put_wrapped(const struct sut_keyholder *h, enum sut_key_purpose purpose,
                           uint32_t version, const struct open_key *key, struct sut_buf *reply)
{
    char bytes[SUT_WRAPPED_MAX];
    struct sut_buf wrapped = { .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
    TRY(wrap(h, purpose, version, key, &wrapped));
    sut_ipc_put_bytes(reply, sut_buf_str(&wrapped));
    return SUT_OK;
}

static SUT_ERR handle_make(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    const struct sut_keyholder *const h = arg;
    enum sut_key_purpose purpose = SUT_KEY_PURPOSES;
    uint32_t version = 0;
    uint64_t wants_key = 0;
    DEFER(open_key_done) struct open_key key;
    TRY(get_purpose(in, &purpose));
    TRY(get_version(in, &version));
    TRY(sut_ipc_get_u64(in, 1, &wants_key));
    TRY(sut_ipc_get_end(in));
    ENSURE(wants_key == 0 || sut_key_purpose_leaves(purpose), DENIED);
    TRY(sut_random_fill(h->random, key.bytes, SUT_KEY_SIZE));
    answer(reply, SUT_KEEPER_OK);
    TRY(put_wrapped(h, purpose, version, &key, reply));
    sut_ipc_put_bytes(reply, sut_str_of(key.bytes, wants_key != 0 ? (size_t) SUT_KEY_SIZE : 0));
    return SUT_OK;
}

static SUT_ERR handle_rewrap(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    const struct sut_keyholder *const h = arg;
    enum sut_key_purpose purpose = SUT_KEY_PURPOSES;
    uint32_t version = 0;
    sut_str wrapped = { 0 };
    DEFER(open_key_done) struct open_key key;
    TRY(get_wrapped_key(in, &purpose, &version, &wrapped));
    const sut_err e = unwrap(h, purpose, version, wrapped, &key);
    if (e.code == SUT_E_CORRUPT) {
        answer(reply, SUT_KEEPER_CORRUPT);
        return SUT_OK;
    }
    TRY(e);
    const bool is_new = sut_wrap_key_is_of(&masters_of(h)->wraps, wrapped);
    answer(reply, SUT_KEEPER_OK);
    sut_ipc_put_u64(reply, is_new ? 0 : 1);
    if (!is_new)
        return put_wrapped(h, purpose, version, &key, reply);
    sut_ipc_put_bytes(reply, wrapped);
    return SUT_OK;
}

/* --- data keys --- */

/* What both requests begin with; *ret_opens is false when the KEK does not open. */
static SUT_ERR get_kek(const struct sut_keyholder *h, struct sut_ipc_reader *in,
                       uint32_t *ret_version, struct sut_aead_key *ret_kek, bool *ret_opens,
                       size_t *ret_n)
{
    sut_str wrapped = { 0 };
    uint64_t n = 0;
    DEFER(open_key_done) struct open_key key;
    TRY(get_version(in, ret_version));
    TRY(sut_ipc_get_bytes(in, SUT_WRAPPED_MAX, &wrapped));
    TRY(sut_ipc_get_u64(in, SUT_DATA_KEYS_MAX, &n));
    ENSURE(n > 0, PARSE);
    *ret_n = (size_t) n;
    const sut_err e = unwrap(h, SUT_KEY_DATA, *ret_version, wrapped, &key);
    *ret_opens = !sut_failed(e);
    if (e.code == SUT_E_CORRUPT)
        return SUT_OK;
    TRY(e);
    return sut_aead_key_init(ret_kek, sut_str_of(key.bytes, SUT_KEY_SIZE));
}

static SUT_ERR get_name(struct sut_ipc_reader *in, struct sut_data_key_name *ret)
{
    TRY(sut_ipc_get_i64(in, &ret->person));
    return get_version(in, &ret->version);
}

static SUT_ERR open_one(struct sut_ipc_reader *in, const struct sut_aead_key *kek,
                        struct sut_data_key_name *name, struct sut_buf *reply)
{
    sut_str wrapped = { 0 };
    DEFER(open_key_done) struct open_key key;
    TRY(get_name(in, name));
    TRY(sut_ipc_get_exact(in, SUT_DATA_WRAPPED, &wrapped));
    const sut_err e = sut_data_key_open(kek, name, wrapped.p, (unsigned char *) key.bytes);
    if (e.code != SUT_E_CORRUPT)
        TRY(e);
    sut_ipc_put_bytes(reply, sut_str_of(key.bytes, sut_failed(e) ? 0 : (size_t) SUT_KEY_SIZE));
    return SUT_OK;
}

/* The rest of a request whose KEK does not open is looked at all the same. */
static SUT_ERR skip_open(struct sut_ipc_reader *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sut_data_key_name name;
        sut_str wrapped = { 0 };
        TRY(get_name(in, &name));
        TRY(sut_ipc_get_exact(in, SUT_DATA_WRAPPED, &wrapped));
    }
    return sut_ipc_get_end(in);
}

static SUT_ERR handle_open_data(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    const struct sut_keyholder *const h = arg;
    struct sut_data_key_name name = { 0 };
    bool opens = false;
    size_t n = 0;
    DEFER(aead_key_done) struct sut_aead_key kek = { 0 };
    TRY(get_kek(h, in, &name.kek_version, &kek, &opens, &n));
    if (!opens) {
        answer(reply, SUT_KEEPER_CORRUPT);
        return skip_open(in, n);
    }
    answer(reply, SUT_KEEPER_OK);
    for (size_t i = 0; i < n; i++)
        TRY(open_one(in, &kek, &name, reply));
    return sut_ipc_get_end(in);
}

static SUT_ERR make_one(const struct sut_keyholder *h, struct sut_ipc_reader *in,
                        const struct sut_aead_key *kek, struct sut_data_key_name *name,
                        struct sut_buf *reply)
{
    char wrapped[SUT_DATA_WRAPPED];
    DEFER(open_key_done) struct open_key key;
    TRY(get_name(in, name));
    TRY(sut_random_fill(h->random, key.bytes, SUT_KEY_SIZE));
    TRY(sut_data_key_wrap(h->random, kek, name, (const unsigned char *) key.bytes, wrapped));
    sut_ipc_put_bytes(reply, sut_str_of(wrapped, sizeof(wrapped)));
    sut_ipc_put_bytes(reply, sut_str_of(key.bytes, SUT_KEY_SIZE));
    return SUT_OK;
}

static SUT_ERR handle_make_data(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    const struct sut_keyholder *const h = arg;
    struct sut_data_key_name name = { 0 };
    bool opens = false;
    size_t n = 0;
    DEFER(aead_key_done) struct sut_aead_key kek = { 0 };
    TRY(get_kek(h, in, &name.kek_version, &kek, &opens, &n));
    if (!opens) {
        for (size_t i = 0; i < n; i++)
            TRY(get_name(in, &name));
        answer(reply, SUT_KEEPER_CORRUPT);
        return sut_ipc_get_end(in);
    }
    answer(reply, SUT_KEEPER_OK);
    for (size_t i = 0; i < n; i++)
        TRY(make_one(h, in, &kek, &name, reply));
    return sut_ipc_get_end(in);
}

/* --- signatures --- */

static struct sut_tls_key *find_tls_key(const struct sut_keyholder *h, sut_str id)
{
    for (size_t i = 0; i < SUT_KEYHOLDER_TLS_KEYS; i++)
        if (h->tls_keys[i] != NULL &&
            memcmp(sut_tls_key_id(h->tls_keys[i]), id.p, SUT_TLS_KEY_ID) == 0)
            return h->tls_keys[i];
    return NULL;
}

static enum sut_keeper_answer sign_digest(struct sut_keyholder *h, sut_str id, uint64_t scheme,
                                          sut_str digest, unsigned char ret[SUT_TLS_SIGNATURE_MAX],
                                          size_t *ret_n)
{
    (void) pthread_rwlock_rdlock(&h->lock);
    struct sut_tls_key *const key = find_tls_key(h, id);
    sut_err e = SUT_OK;
    if (key != NULL)
        e = sut_tls_key_sign(key, (enum sut_remote_scheme) scheme, digest, ret, ret_n);
    (void) pthread_rwlock_unlock(&h->lock);
    if (key == NULL)
        return SUT_KEEPER_NOT_FOUND;
    return sut_failed(e) ? SUT_KEEPER_INVALID : SUT_KEEPER_OK;
}

static SUT_ERR handle_tls_sign(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    struct sut_keyholder *const h = arg;
    unsigned char signature[SUT_TLS_SIGNATURE_MAX];
    size_t n = 0;
    sut_str id = { 0 };
    sut_str digest = { 0 };
    uint64_t scheme = 0;
    uint64_t core = 0;
    TRY(sut_ipc_get_exact(in, SUT_TLS_KEY_ID, &id));
    TRY(sut_ipc_get_u64(in, SUT_TLS_ECDSA_SHA512, &scheme));
    TRY(sut_ipc_get_bytes(in, SUT_TLS_DIGEST_MAX, &digest));
    TRY(sut_ipc_get_u64(in, SUT_CORES_MAX, &core));
    TRY(sut_ipc_get_end(in));
    ENSURE(digest.n > 0 && digest.n == sut_tls_scheme_digest(scheme), PARSE);
    /* Who asks sleeps meanwhile: its core is free, and to be woken on is cheap there. */
    if (sut_core_here() != core)
        sut_core_stay_on((uint32_t) core);
    const enum sut_keeper_answer status = sign_digest(h, id, scheme, digest, signature, &n);
    answer(reply, status);
    if (status == SUT_KEEPER_OK)
        sut_ipc_put_bytes(reply, sut_str_of((const char *) signature, n));
    return SUT_OK;
}

static SUT_ERR put_checkpoint(const struct open_key *key, const struct sut_checkpoint *c,
                              struct sut_buf *reply)
{
    char bytes[CHECKPOINT_MAX];
    struct sut_buf text = { .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
    unsigned char signature[SUT_CHECKPOINT_SIGNATURE];
    unsigned char public_key[SUT_ED25519_PUBLIC];
    sut_checkpoint_text(c, &text);
    TRY(sut_buf_check(&text));
    TRY(sut_ed25519_sign((const unsigned char *) key->bytes, sut_buf_str(&text), signature,
                         public_key));
    answer(reply, SUT_KEEPER_OK);
    sut_ipc_put_bytes(reply, sut_str_of((const char *) signature, sizeof(signature)));
    sut_ipc_put_bytes(reply, sut_str_of((const char *) public_key, sizeof(public_key)));
    return SUT_OK;
}

static SUT_ERR handle_checkpoint(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    const struct sut_keyholder *const h = arg;
    struct sut_checkpoint c;
    uint32_t version = 0;
    sut_str wrapped = { 0 };
    sut_str head = { 0 };
    DEFER(open_key_done) struct open_key key;
    TRY(get_version(in, &version));
    TRY(sut_ipc_get_bytes(in, SUT_WRAPPED_MAX, &wrapped));
    TRY(sut_ipc_get_u64(in, UINT64_MAX, &c.sequence));
    TRY(sut_ipc_get_i64(in, &c.at.v));
    TRY(sut_ipc_get_exact(in, SUT_CHECKPOINT_HEAD, &head));
    TRY(sut_ipc_get_end(in));
    memcpy(c.head, head.p, SUT_CHECKPOINT_HEAD);
    const sut_err e = unwrap(h, SUT_KEY_AUDIT, version, wrapped, &key);
    if (e.code == SUT_E_CORRUPT) {
        answer(reply, SUT_KEEPER_CORRUPT);
        return SUT_OK;
    }
    TRY(e);
    return put_checkpoint(&key, &c, reply);
}

/* --- the table --- */

enum {
    SMALL = 2 * SUT_KEEPER_U + SUT_KEEPER_B + SUT_WRAPPED_MAX,
    KEY_REPLY = SUT_KEEPER_U + SUT_KEEPER_B + SUT_KEY_SIZE,
};

/*
 * Rates are what the busiest hour of a shop needs and some: sealing all rows of a
 * large store anew opens and makes two keys a row, a cold list 256, a full house of
 * new clients shakes hands.  The rest happens at starts and rotations.
 */
const struct sut_ipc_permit sut_keyholder_permits[] = {
    { .type = SUT_KEEPER_ABOUT,
      .max = 0,
      .reply_max = 128,
      .per_second = 100,
      .burst = 200,
      .handle = handle_about },
    { .type = SUT_KEEPER_UNWRAP,
      .max = SMALL,
      .reply_max = KEY_REPLY,
      .per_second = 200,
      .burst = 1000,
      .handle = handle_unwrap },
    { .type = SUT_KEEPER_MAKE,
      .max = 3 * SUT_KEEPER_U,
      .reply_max = KEY_REPLY + SUT_KEEPER_B + SUT_WRAPPED_MAX,
      .per_second = 50,
      .burst = 200,
      .handle = handle_make },
    { .type = SUT_KEEPER_REWRAP,
      .max = SMALL,
      .reply_max = 2 * SUT_KEEPER_U + SUT_KEEPER_B + SUT_WRAPPED_MAX,
      .per_second = 200,
      .burst = 1000,
      .handle = handle_rewrap },
    { .type = SUT_KEEPER_OPEN_DATA,
      .max = SUT_KEEPER_OPEN_DATA_MAX,
      .reply_max = SUT_KEEPER_OPEN_DATA_REPLY_MAX,
      .per_second = 60000,
      .burst = 60000,
      .unit = SUT_KEEPER_OPEN_ROW,
      .handle = handle_open_data },
    { .type = SUT_KEEPER_MAKE_DATA,
      .max = SUT_KEEPER_MAKE_DATA_MAX,
      .reply_max = SUT_KEEPER_MAKE_DATA_REPLY_MAX,
      .per_second = 60000,
      .burst = 60000,
      .unit = SUT_KEEPER_MAKE_ROW,
      .handle = handle_make_data },
    { .type = SUT_KEEPER_TLS_SIGN,
      .max = 2 * SUT_KEEPER_U + 2 * SUT_KEEPER_B + SUT_TLS_KEY_ID + SUT_TLS_DIGEST_MAX,
      .reply_max = SUT_KEEPER_U + SUT_KEEPER_B + SUT_TLS_SIGNATURE_MAX,
      .per_second = 20000,
      .burst = 20000,
      .handle = handle_tls_sign },
    { .type = SUT_KEEPER_CHECKPOINT,
      .max = 3 * SUT_KEEPER_U + 2 * SUT_KEEPER_B + SUT_WRAPPED_MAX + SUT_CHECKPOINT_HEAD,
      .reply_max = SUT_KEEPER_U + 2 * SUT_KEEPER_B + SUT_CHECKPOINT_SIGNATURE + SUT_ED25519_PUBLIC,
      .per_second = 20,
      .burst = 100,
      .handle = handle_checkpoint },
    { .handle = NULL },
};

/* --- the keyholder --- */

static SUT_ERR load_masters(struct sut_keyholder *h, const struct sut_master *master)
{
    const struct sut_secret *const newest = master->next != NULL ? master->next : master->key;
    const struct sut_secret *const also = master->next != NULL ? master->key : master->previous;
    TRY(sut_secret_create(sizeof(struct masters), &h->memory));
    struct masters *const m = sut_secret_bytes(h->memory);
    TRY(sut_wrap_key_init(&m->wraps, sut_secret_str(newest)));
    if (also != NULL)
        TRY(sut_wrap_key_init(&m->also, sut_secret_str(also)));
    m->has_also = also != NULL;

    h->about = (struct sut_keeper_about){
        .has_next = master->next != NULL,
        .has_previous = master->previous != NULL,
        .may_rotate = master->may_rotate,
        .is_passphrase = master->is_passphrase,
        .master_made_at = master->made_at,
    };
    memcpy(h->about.master_id, h->about.has_next ? m->also.id : m->wraps.id, SUT_MASTER_ID);
    if (h->about.has_next)
        memcpy(h->about.next_id, m->wraps.id, SUT_MASTER_ID);
    return SUT_OK;
}

SUT_ERR sut_keyholder_create(const struct sut_master *master, const struct sut_random *random,
                             struct sut_keyholder **ret)
{
    struct sut_keyholder *h = sut_mem_zalloc(1, sizeof(*h));
    ENSURE(h != NULL, NOMEM);
    h->random = random;
    if (pthread_rwlock_init(&h->lock, NULL) != 0) {
        sut_mem_free(h);
        FAIL(NOMEM);
    }
    sut_err e = load_masters(h, master);
    if (!sut_failed(e))
        e = sut_ipc_table_init(&h->table, sut_keyholder_permits, h);
    h->table.spent = answer_spent;
    if (sut_failed(e))
        sut_keyholder_free(&h);
    else
        *ret = h;
    return e;
}

void sut_keyholder_free(struct sut_keyholder **h)
{
    if (*h == NULL)
        return;
    for (size_t i = 0; i < SUT_KEYHOLDER_TLS_KEYS; i++)
        sut_tls_key_free(&(*h)->tls_keys[i]);
    (void) pthread_rwlock_destroy(&(*h)->lock);
    sut_ipc_table_done(&(*h)->table);
    sut_secret_free(&(*h)->memory);
    sut_mem_freep(h);
}

SUT_ERR sut_keyholder_take_tls_key(struct sut_keyholder *h, sut_str pem,
                                   unsigned char ret_id[SUT_TLS_KEY_ID])
{
    struct sut_tls_key *key = NULL;
    TRY(sut_tls_key_load(pem, &key));
    memcpy(ret_id, sut_tls_key_id(key), SUT_TLS_KEY_ID);
    (void) pthread_rwlock_wrlock(&h->lock);
    /* In place of the oldest, or of itself: one that comes again is the newest again. */
    size_t at = 0;
    while (at < SUT_KEYHOLDER_TLS_KEYS - 1 &&
           (h->tls_keys[at] == NULL ||
            memcmp(sut_tls_key_id(h->tls_keys[at]), ret_id, SUT_TLS_KEY_ID) != 0))
        at++;
    struct sut_tls_key *gone = h->tls_keys[at];
    memmove(h->tls_keys + 1, h->tls_keys, at * sizeof(struct sut_tls_key *));
    h->tls_keys[0] = key;
    (void) pthread_rwlock_unlock(&h->lock);
    sut_tls_key_free(&gone);
    return SUT_OK;
}

SUT_ERR sut_keyholder_serve(struct sut_keyholder *h, int fd)
{
    return sut_ipc_peer_serve(fd, &h->table, SUT_KEYHOLDER_PATIENCE_MS);
}

struct sut_ipc_meter sut_keyholder_count(struct sut_keyholder *h, enum sut_keeper_ask type)
{
    return sut_ipc_table_count(&h->table, (uint16_t) type);
}
