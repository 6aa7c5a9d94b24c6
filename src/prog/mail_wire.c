/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/mail_wire.h"

enum { SENTENCE_MAX = 1024, WORD_MAX = 128 };
#define OFFSET_MAX UINT64_C(1000000000000)

void sut_mail_ask_put(struct sut_buf *b, const struct sut_mail_ask *ask)
{
    sut_ipc_put_u64(b, ask->verb);
    sut_ipc_put_i64(b, ask->id);
    sut_ipc_put_u64(b, ask->offset);
}

SUT_ERR sut_mail_ask_get(struct sut_ipc_reader *r, struct sut_mail_ask *ret)
{
    struct sut_mail_ask ask = { .id = 0 };
    uint64_t verb = 0;
    TRY(sut_ipc_get_u64(r, SUT_MAIL_VERBS - 1, &verb));
    ask.verb = (enum sut_mail_verb) verb;
    TRY(sut_ipc_get_i64(r, &ask.id));
    TRY(sut_ipc_get_u64(r, OFFSET_MAX, &ask.offset));
    TRY(sut_ipc_get_end(r));
    *ret = ask;
    return SUT_OK;
}

void sut_mail_shown_put(struct sut_buf *b, const struct sut_mail_shown *answer)
{
    sut_ipc_put_bytes(b, answer->refused);
    sut_ipc_put_u64(b, answer->has_more);
    sut_ipc_put_u64(b, answer->n_rows);
    for (size_t i = 0; i < answer->n_rows; i++) {
        const struct sut_mail_row *const m = &answer->rows[i];
        sut_ipc_put_i64(b, m->id);
        sut_ipc_put_bytes(b, m->what);
        sut_ipc_put_bytes(b, m->state);
        sut_ipc_put_i64(b, m->person);
        sut_ipc_put_bytes(b, m->pseudonym);
        sut_ipc_put_u64(b, m->tries);
        sut_ipc_put_i64(b, m->created_at.v);
        sut_ipc_put_i64(b, m->due_at.v);
        sut_ipc_put_i64(b, m->done_at.v);
        sut_ipc_put_bytes(b, m->why);
    }
    sut_ipc_put_bytes(b, answer->message);
}

static SUT_ERR get_row(struct sut_ipc_reader *r, struct sut_mail_row *m)
{
    TRY(sut_ipc_get_i64(r, &m->id));
    TRY(sut_ipc_get_bytes(r, WORD_MAX, &m->what));
    TRY(sut_ipc_get_bytes(r, WORD_MAX, &m->state));
    TRY(sut_ipc_get_i64(r, &m->person));
    TRY(sut_ipc_get_bytes(r, WORD_MAX, &m->pseudonym));
    TRY(sut_ipc_get_u64(r, UINT32_MAX, &m->tries));
    TRY(sut_ipc_get_i64(r, &m->created_at.v));
    TRY(sut_ipc_get_i64(r, &m->due_at.v));
    TRY(sut_ipc_get_i64(r, &m->done_at.v));
    return sut_ipc_get_bytes(r, WORD_MAX, &m->why);
}

SUT_ERR sut_mail_shown_get(struct sut_ipc_reader *r, struct sut_arena *a,
                           struct sut_mail_shown *ret)
{
    struct sut_mail_shown answer = { .n_rows = 0 };
    uint64_t n = 0;
    TRY(sut_ipc_get_bytes(r, SENTENCE_MAX, &answer.refused));
    TRY(sut_ipc_get_bool(r, &answer.has_more));
    TRY(sut_ipc_get_u64(r, SUT_MAIL_PAGE_MAX, &n));
    answer.n_rows = (size_t) n;
    answer.rows = ARENA_ARRAY(a, struct sut_mail_row, n + 1);
    ENSURE(answer.rows != NULL, NOMEM);
    for (size_t i = 0; i < answer.n_rows; i++)
        TRY(get_row(r, &answer.rows[i]));
    TRY(sut_ipc_get_bytes(r, SUT_MAIL_MESSAGE_MAX, &answer.message));
    TRY(sut_ipc_get_end(r));
    *ret = answer;
    return SUT_OK;
}
