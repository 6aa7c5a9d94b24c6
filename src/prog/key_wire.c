/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/key_wire.h"

#include <string.h>

static void put_z(struct sut_buf *b, const char *z)
{
    sut_ipc_put_bytes(b, sut_str_from(z));
}

/* Text for a place of `cap` bytes, with a NUL. */
static SUT_ERR get_z(struct sut_ipc_reader *r, char *to, size_t cap)
{
    sut_str s = { 0 };
    TRY(sut_ipc_get_bytes(r, cap - 1, &s));
    ENSURE(s.n == 0 || memchr(s.p, 0, s.n) == NULL, PARSE);
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    to[s.n] = '\0';
    return SUT_OK;
}

void sut_key_list_put(struct sut_buf *b, const struct sut_key_list *l)
{
    put_z(b, l->master_id);
    for (unsigned k = 0; k < SUT_KINDS; k++)
        sut_ipc_put_u64(b, l->unfinished[k]);
    sut_ipc_put_u64(b, l->n);
    for (size_t i = 0; i < l->n; i++) {
        const struct sut_key_row *const row = &l->rows[i];
        put_z(b, row->purpose);
        sut_ipc_put_u64(b, row->version);
        put_z(b, row->state);
        sut_ipc_put_i64(b, row->made_at.v);
        sut_ipc_put_u64(b, (uint64_t) row->greatest_days);
        put_z(b, row->kind);
    }
}

static SUT_ERR get_row(struct sut_ipc_reader *r, struct sut_key_row *ret)
{
    uint64_t v = 0;
    TRY(get_z(r, ret->purpose, sizeof(ret->purpose)));
    TRY(sut_ipc_get_u64(r, UINT32_MAX, &v));
    ret->version = (uint32_t) v;
    TRY(get_z(r, ret->state, sizeof(ret->state)));
    TRY(sut_ipc_get_i64(r, &ret->made_at.v));
    TRY(sut_ipc_get_u64(r, INT16_MAX, &v));
    ret->greatest_days = (int) v;
    return get_z(r, ret->kind, sizeof(ret->kind));
}

SUT_ERR sut_key_list_get(struct sut_ipc_reader *r, struct sut_key_list *ret)
{
    uint64_t n = 0;
    *ret = (struct sut_key_list){ .n = 0 };
    TRY(get_z(r, ret->master_id, sizeof(ret->master_id)));
    for (unsigned k = 0; k < SUT_KINDS; k++)
        TRY(sut_ipc_get_bool(r, &ret->unfinished[k]));
    TRY(sut_ipc_get_u64(r, SUT_KEY_ROWS_MAX, &n));
    for (ret->n = 0; ret->n < n; ret->n++)
        TRY(get_row(r, &ret->rows[ret->n]));
    return sut_ipc_get_end(r);
}

void sut_key_status_put(struct sut_buf *b, const struct sut_key_status *s)
{
    sut_ipc_put_u64(b, s->is_known);
    sut_ipc_put_u64(b, s->is_running);
    sut_ipc_put_u64(b, s->has_failed);
    sut_ipc_put_u64(b, s->kind);
    put_z(b, s->phase);
    sut_ipc_put_u64(b, s->done);
    sut_ipc_put_u64(b, s->total);
    put_z(b, s->text);
    put_z(b, s->hint);
}

SUT_ERR sut_key_status_get(struct sut_ipc_reader *r, struct sut_key_status *ret)
{
    uint64_t kind = 0;
    *ret = (struct sut_key_status){ .is_known = false };
    TRY(sut_ipc_get_bool(r, &ret->is_known));
    TRY(sut_ipc_get_bool(r, &ret->is_running));
    TRY(sut_ipc_get_bool(r, &ret->has_failed));
    TRY(sut_ipc_get_u64(r, SUT_KINDS - 1, &kind));
    ret->kind = (enum sut_key_kind) kind;
    TRY(get_z(r, ret->phase, sizeof(ret->phase)));
    TRY(sut_ipc_get_u64(r, UINT64_MAX, &ret->done));
    TRY(sut_ipc_get_u64(r, UINT64_MAX, &ret->total));
    TRY(get_z(r, ret->text, sizeof(ret->text)));
    TRY(get_z(r, ret->hint, sizeof(ret->hint)));
    return sut_ipc_get_end(r);
}

void sut_key_answer_put(struct sut_buf *b, const struct sut_diag *d)
{
    put_z(b, d->text);
    put_z(b, d->hint);
}

SUT_ERR sut_key_answer_get(struct sut_ipc_reader *r, struct sut_diag *ret)
{
    *ret = (struct sut_diag){ .text = "" };
    TRY(get_z(r, ret->text, sizeof(ret->text)));
    TRY(get_z(r, ret->hint, sizeof(ret->hint)));
    return sut_ipc_get_end(r);
}
