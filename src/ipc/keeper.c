/* SPDX-License-Identifier: Apache-2.0
 *
 * The types of requests: what goes out, and what must come back.
 */
#include "ipc/keeper.h"

#include <string.h>

#include "ipc/keeper_int.h"
#include "ipc/keeper_wire.h"
#include "ipc/message.h"
#include "os/core.h"

const char *sut_key_purpose_word(enum sut_key_purpose p)
{
    switch (p) {
#define X(name, word, where)                                                                       \
    case SUT_KEY_##name:                                                                           \
        return word;
#include "ipc/purposes.def"
#undef X
    case SUT_KEY_PURPOSES:
        break;
    }
    return "";
}

bool sut_key_purpose_leaves(enum sut_key_purpose p)
{
    enum { STAYS, LEAVES };
    switch (p) {
#define X(name, word, where)                                                                       \
    case SUT_KEY_##name:                                                                           \
        return (where) == LEAVES;
#include "ipc/purposes.def"
#undef X
    case SUT_KEY_PURPOSES:
        break;
    }
    return false;
}

static SUT_ERR get_about(struct sut_ipc_reader *r, void *out)
{
    struct sut_keeper_about *const about = out;
    sut_str id = { 0 };
    sut_str next = { 0 };
    TRY(sut_ipc_get_exact(r, SUT_MASTER_ID, &id));
    TRY(sut_ipc_get_bool(r, &about->has_next));
    TRY(sut_ipc_get_exact(r, about->has_next ? SUT_MASTER_ID : 0, &next));
    TRY(sut_ipc_get_bool(r, &about->has_previous));
    TRY(sut_ipc_get_bool(r, &about->may_rotate));
    TRY(sut_ipc_get_bool(r, &about->is_passphrase));
    TRY(sut_ipc_get_i64(r, &about->master_made_at.v));
    memcpy(about->master_id, id.p, id.n);
    if (about->has_next)
        memcpy(about->next_id, next.p, next.n);
    return SUT_OK;
}

SUT_ERR sut_keeper_about(struct sut_keeper *k, struct sut_keeper_about *ret)
{
    *ret = (struct sut_keeper_about){ .has_next = false };
    return sut_keeper__call(
        k, &(struct sut_keeper_call){ .type = SUT_KEEPER_ABOUT, .get = get_about, .out = ret });
}

/* What UNWRAP, MAKE and REWRAP ask. */
struct key_in {
    enum sut_key_purpose purpose;
    uint32_t version;
    sut_str wrapped;
    bool wants_key;
};

static void put_wrapped(const void *in, struct sut_buf *b)
{
    const struct key_in *const k = in;
    sut_ipc_put_u64(b, k->purpose);
    sut_ipc_put_u64(b, k->version);
    sut_ipc_put_bytes(b, k->wrapped);
}

static SUT_ERR get_key(struct sut_ipc_reader *r, void *out)
{
    sut_str key = { 0 };
    TRY(sut_ipc_get_exact(r, SUT_KEY_SIZE, &key));
    memcpy(out, key.p, key.n);
    return SUT_OK;
}

SUT_ERR sut_keeper_unwrap(struct sut_keeper *k, enum sut_key_purpose purpose, uint32_t version,
                          sut_str wrapped, struct sut_secret **ret)
{
    const struct key_in in = { .purpose = purpose, .version = version, .wrapped = wrapped };
    DEFER(sut_secret_free) struct sut_secret *key = NULL;
    ENSURE(sut_key_purpose_leaves(purpose), DENIED);
    ENSURE(wrapped.n <= SUT_WRAPPED_MAX, CORRUPT);
    TRY(sut_secret_create(SUT_KEY_SIZE, &key));
    TRY(sut_keeper__call(k, &(struct sut_keeper_call){ .type = SUT_KEEPER_UNWRAP,
                                                       .put = put_wrapped,
                                                       .in = &in,
                                                       .get = get_key,
                                                       .out = sut_secret_bytes(key) }));
    *ret = STEAL(key);
    return SUT_OK;
}

static void put_make(const void *in, struct sut_buf *b)
{
    const struct key_in *const k = in;
    sut_ipc_put_u64(b, k->purpose);
    sut_ipc_put_u64(b, k->version);
    sut_ipc_put_u64(b, k->wants_key ? 1 : 0);
}

/* What MAKE and REWRAP give. */
struct key_out {
    struct sut_buf *out; /* has room */
    unsigned char *key;  /* NULL: not wanted */
    bool is_changed;
};

static SUT_ERR get_made(struct sut_ipc_reader *r, void *out)
{
    struct key_out *const o = out;
    sut_str wrapped = { 0 };
    sut_str key = { 0 };
    TRY(sut_ipc_get_bytes(r, SUT_WRAPPED_MAX, &wrapped));
    TRY(sut_ipc_get_exact(r, o->key != NULL ? SUT_KEY_SIZE : 0, &key));
    ENSURE(wrapped.n > 0, PARSE);
    if (o->key != NULL)
        memcpy(o->key, key.p, key.n);
    sut_buf_str_add(o->out, wrapped);
    return SUT_OK;
}

SUT_ERR sut_keeper_make(struct sut_keeper *k, enum sut_key_purpose purpose, uint32_t version,
                        struct sut_buf *out, struct sut_secret **ret_key)
{
    const bool wants_key = ret_key != NULL;
    const struct key_in in = { .purpose = purpose, .version = version, .wants_key = wants_key };
    DEFER(sut_secret_free) struct sut_secret *key = NULL;
    struct key_out o = { .out = out };
    ENSURE(purpose < SUT_KEY_PURPOSES, INVALID);
    ENSURE(!wants_key || sut_key_purpose_leaves(purpose), INVALID);
    if (sut_buf_room(out, SUT_WRAPPED_MAX) == NULL)
        TRY(sut_buf_check(out));
    if (wants_key) {
        TRY(sut_secret_create(SUT_KEY_SIZE, &key));
        o.key = sut_secret_bytes(key);
    }
    TRY(sut_keeper__call(
        k, &(struct sut_keeper_call){
               .type = SUT_KEEPER_MAKE, .put = put_make, .in = &in, .get = get_made, .out = &o }));
    if (wants_key)
        *ret_key = STEAL(key);
    return SUT_OK;
}

static SUT_ERR get_rewrapped(struct sut_ipc_reader *r, void *out)
{
    struct key_out *const o = out;
    sut_str wrapped = { 0 };
    TRY(sut_ipc_get_bool(r, &o->is_changed));
    TRY(sut_ipc_get_bytes(r, SUT_WRAPPED_MAX, &wrapped));
    ENSURE(wrapped.n > 0, PARSE);
    sut_buf_str_add(o->out, wrapped);
    return SUT_OK;
}

SUT_ERR sut_keeper_rewrap(struct sut_keeper *k, enum sut_key_purpose purpose, uint32_t version,
                          sut_str wrapped, struct sut_buf *out, bool *ret_changed)
{
    const struct key_in in = { .purpose = purpose, .version = version, .wrapped = wrapped };
    struct key_out o = { .out = out };
    ENSURE(purpose < SUT_KEY_PURPOSES, INVALID);
    ENSURE(wrapped.n <= SUT_WRAPPED_MAX, CORRUPT);
    if (sut_buf_room(out, SUT_WRAPPED_MAX) == NULL)
        TRY(sut_buf_check(out));
    TRY(sut_keeper__call(k, &(struct sut_keeper_call){ .type = SUT_KEEPER_REWRAP,
                                                       .put = put_wrapped,
                                                       .in = &in,
                                                       .get = get_rewrapped,
                                                       .out = &o }));
    *ret_changed = o.is_changed;
    return SUT_OK;
}

/* What OPEN_DATA and MAKE_DATA ask and give. */
struct data {
    const struct sut_kek *kek;
    const struct sut_data_key_row *rows;
    struct sut_data_key_row *made; /* MAKE_DATA: where the wrapped ones go */
    size_t n;
    unsigned char (*keys)[SUT_KEY_SIZE];
    bool *ok;
};

static void put_kek(const struct data *d, struct sut_buf *b)
{
    sut_ipc_put_u64(b, d->kek->version);
    sut_ipc_put_bytes(b, sut_str_of(d->kek->wrapped, d->kek->wrapped_n));
    sut_ipc_put_u64(b, d->n);
}

static void put_open(const void *in, struct sut_buf *b)
{
    const struct data *const d = in;
    put_kek(d, b);
    for (size_t i = 0; i < d->n; i++) {
        sut_ipc_put_i64(b, d->rows[i].person);
        sut_ipc_put_u64(b, d->rows[i].version);
        sut_ipc_put_bytes(b, sut_str_of(d->rows[i].wrapped, SUT_DATA_WRAPPED));
    }
}

static SUT_ERR get_opened(struct sut_ipc_reader *r, void *out)
{
    struct data *const d = out;
    for (size_t i = 0; i < d->n; i++) {
        sut_str key = { 0 };
        TRY(sut_ipc_get_bytes(r, SUT_KEY_SIZE, &key));
        ENSURE(key.n == 0 || key.n == SUT_KEY_SIZE, PARSE);
        d->ok[i] = key.n > 0;
        if (d->ok[i])
            memcpy(d->keys[i], key.p, SUT_KEY_SIZE);
    }
    return SUT_OK;
}

static SUT_ERR check_kek(const struct sut_kek *kek, size_t n)
{
    ENSURE(n > 0 && n <= SUT_DATA_KEYS_MAX, INVALID);
    ENSURE(kek->wrapped_n > 0 && kek->wrapped_n <= SUT_WRAPPED_MAX, CORRUPT);
    return SUT_OK;
}

SUT_ERR sut_keeper_open_data(struct sut_keeper *k, const struct sut_kek *kek,
                             const struct sut_data_key_row *rows, size_t n,
                             unsigned char (*ret_keys)[SUT_KEY_SIZE], bool *ret_ok)
{
    struct data d = { .kek = kek, .rows = rows, .n = n, .keys = ret_keys, .ok = ret_ok };
    TRY(check_kek(kek, n));
    for (size_t i = 0; i < n; i++)
        ENSURE(rows[i].kek_version == kek->version, INVALID);
    memset(ret_keys, 0, n * SUT_KEY_SIZE);
    memset(ret_ok, 0, n * sizeof(*ret_ok));
    const sut_err e = sut_keeper__call(k, &(struct sut_keeper_call){ .type = SUT_KEEPER_OPEN_DATA,
                                                                     .put = put_open,
                                                                     .in = &d,
                                                                     .get = get_opened,
                                                                     .out = &d });
    /* An answer that broke off may have given some. */
    for (size_t i = 0; i < n; i++) {
        ret_ok[i] = ret_ok[i] && !sut_failed(e);
        if (!ret_ok[i])
            sut_wipe(ret_keys[i], SUT_KEY_SIZE);
    }
    return e;
}

static void put_make_data(const void *in, struct sut_buf *b)
{
    const struct data *const d = in;
    put_kek(d, b);
    for (size_t i = 0; i < d->n; i++) {
        sut_ipc_put_i64(b, d->rows[i].person);
        sut_ipc_put_u64(b, d->rows[i].version);
    }
}

static SUT_ERR get_made_data(struct sut_ipc_reader *r, void *out)
{
    struct data *const d = out;
    for (size_t i = 0; i < d->n; i++) {
        sut_str wrapped = { 0 };
        sut_str key = { 0 };
        TRY(sut_ipc_get_exact(r, SUT_DATA_WRAPPED, &wrapped));
        TRY(sut_ipc_get_exact(r, SUT_KEY_SIZE, &key));
        memcpy(d->made[i].wrapped, wrapped.p, SUT_DATA_WRAPPED);
        memcpy(d->keys[i], key.p, SUT_KEY_SIZE);
    }
    return SUT_OK;
}

SUT_ERR sut_keeper_make_data(struct sut_keeper *k, const struct sut_kek *kek,
                             struct sut_data_key_row *rows, size_t n,
                             unsigned char (*ret_keys)[SUT_KEY_SIZE])
{
    struct data d = { .kek = kek, .rows = rows, .made = rows, .n = n, .keys = ret_keys };
    TRY(check_kek(kek, n));
    const sut_err e = sut_keeper__call(k, &(struct sut_keeper_call){ .type = SUT_KEEPER_MAKE_DATA,
                                                                     .put = put_make_data,
                                                                     .in = &d,
                                                                     .get = get_made_data,
                                                                     .out = &d });
    for (size_t i = 0; i < n; i++) {
        rows[i].kek_version = kek->version;
        if (sut_failed(e))
            sut_wipe(ret_keys[i], SUT_KEY_SIZE);
    }
    return e;
}

/* What TLS_SIGN and CHECKPOINT ask and give. */
struct sign {
    const unsigned char *key_id;
    enum sut_tls_scheme scheme;
    sut_str digest;
    uint32_t version;
    sut_str wrapped;
    const struct sut_checkpoint *checkpoint;
    unsigned char *signature;
    size_t signature_n;
    unsigned char *public_key;
};

static void put_tls_sign(const void *in, struct sut_buf *b)
{
    const struct sign *const s = in;
    sut_ipc_put_bytes(b, sut_str_of((const char *) s->key_id, SUT_TLS_KEY_ID));
    sut_ipc_put_u64(b, s->scheme);
    sut_ipc_put_bytes(b, s->digest);
    sut_ipc_put_u64(b, sut_core_here());
}

static SUT_ERR get_tls_signature(struct sut_ipc_reader *r, void *out)
{
    struct sign *const s = out;
    sut_str signature = { 0 };
    TRY(sut_ipc_get_bytes(r, SUT_TLS_SIGNATURE_MAX, &signature));
    ENSURE(signature.n > 0, PARSE);
    memcpy(s->signature, signature.p, signature.n);
    s->signature_n = signature.n;
    return SUT_OK;
}

SUT_ERR sut_keeper_tls_sign(struct sut_keeper *k, const unsigned char key_id[SUT_TLS_KEY_ID],
                            enum sut_tls_scheme scheme, sut_str digest,
                            unsigned char ret[SUT_TLS_SIGNATURE_MAX], size_t *ret_n)
{
    struct sign s = { .key_id = key_id, .scheme = scheme, .digest = digest, .signature = ret };
    ENSURE(digest.n > 0 && digest.n == sut_tls_scheme_digest(scheme), INVALID);
    TRY(sut_keeper__call(k, &(struct sut_keeper_call){ .type = SUT_KEEPER_TLS_SIGN,
                                                       .put = put_tls_sign,
                                                       .in = &s,
                                                       .get = get_tls_signature,
                                                       .out = &s,
                                                       .moves = true }));
    *ret_n = s.signature_n;
    return SUT_OK;
}

void sut_checkpoint_text(const struct sut_checkpoint *c, struct sut_buf *out)
{
    sut_buf_lit(out, "sutler audit checkpoint 1\n");
    for (unsigned i = 0; i < 8; i++)
        sut_buf_char(out, (char) (c->sequence >> (8 * i) & 0xff));
    for (unsigned i = 0; i < 8; i++)
        sut_buf_char(out, (char) ((uint64_t) c->at.v >> (8 * i) & 0xff));
    sut_buf_add(out, (const char *) c->head, SUT_CHECKPOINT_HEAD);
}

static void put_checkpoint(const void *in, struct sut_buf *b)
{
    const struct sign *const s = in;
    sut_ipc_put_u64(b, s->version);
    sut_ipc_put_bytes(b, s->wrapped);
    sut_ipc_put_u64(b, s->checkpoint->sequence);
    sut_ipc_put_i64(b, s->checkpoint->at.v);
    sut_ipc_put_bytes(b, sut_str_of((const char *) s->checkpoint->head, SUT_CHECKPOINT_HEAD));
}

static SUT_ERR get_checkpoint(struct sut_ipc_reader *r, void *out)
{
    struct sign *const s = out;
    sut_str signature = { 0 };
    sut_str public_key = { 0 };
    TRY(sut_ipc_get_exact(r, SUT_CHECKPOINT_SIGNATURE, &signature));
    TRY(sut_ipc_get_exact(r, 32, &public_key));
    memcpy(s->signature, signature.p, signature.n);
    if (s->public_key != NULL)
        memcpy(s->public_key, public_key.p, public_key.n);
    return SUT_OK;
}

SUT_ERR sut_keeper_checkpoint(struct sut_keeper *k, uint32_t key_version, sut_str wrapped_key,
                              const struct sut_checkpoint *c,
                              unsigned char ret[SUT_CHECKPOINT_SIGNATURE],
                              unsigned char ret_public[32])
{
    struct sign s = { .version = key_version,
                      .wrapped = wrapped_key,
                      .checkpoint = c,
                      .signature = ret,
                      .public_key = ret_public };
    ENSURE(wrapped_key.n <= SUT_WRAPPED_MAX, CORRUPT);
    return sut_keeper__call(k, &(struct sut_keeper_call){ .type = SUT_KEEPER_CHECKPOINT,
                                                          .put = put_checkpoint,
                                                          .in = &s,
                                                          .get = get_checkpoint,
                                                          .out = &s });
}
