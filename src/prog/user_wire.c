/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/user_wire.h"

enum { GROUPS_MAX = 4096, SENTENCE_MAX = 4096, OFFSET_MAX = 1000000000 };

void sut_user_ask_put(struct sut_buf *b, const struct sut_user_ask *ask)
{
    sut_ipc_put_u64(b, ask->verb);
    sut_ipc_put_bytes(b, ask->who);
    sut_ipc_put_bytes(b, ask->email);
    sut_ipc_put_bytes(b, ask->password);
    sut_ipc_put_bytes(b, ask->first_name);
    sut_ipc_put_bytes(b, ask->last_name);
    sut_ipc_put_bytes(b, ask->phone);
    sut_ipc_put_u64(b, ask->is_verified);
    sut_ipc_put_u64(b, ask->has_role);
    sut_ipc_put_u64(b, ask->role);
    sut_ipc_put_bytes(b, ask->join);
    sut_ipc_put_bytes(b, ask->leave);
    sut_ipc_put_bytes(b, ask->search);
    sut_ipc_put_u64(b, ask->lock_s);
    sut_ipc_put_u64(b, ask->offset);
}

static SUT_ERR get_text(struct sut_ipc_reader *r, sut_str *ret)
{
    return sut_ipc_get_bytes(r, SUT_USER_TEXT_MAX, ret);
}

static SUT_ERR get_role(struct sut_ipc_reader *r, enum sut_user_role *ret)
{
    uint64_t v = 0;
    TRY(sut_ipc_get_u64(r, SUT_USER_ROLES - 1, &v));
    *ret = (enum sut_user_role) v;
    return SUT_OK;
}

SUT_ERR sut_user_ask_get(struct sut_ipc_reader *r, struct sut_user_ask *ret)
{
    struct sut_user_ask ask = { 0 };
    uint64_t verb = 0;
    TRY(sut_ipc_get_u64(r, SUT_USER_VERBS - 1, &verb));
    ask.verb = (enum sut_user_verb) verb;
    TRY(get_text(r, &ask.who));
    TRY(get_text(r, &ask.email));
    TRY(sut_ipc_get_bytes(r, SUT_USER_PASSWORD_MAX, &ask.password));
    TRY(get_text(r, &ask.first_name));
    TRY(get_text(r, &ask.last_name));
    TRY(get_text(r, &ask.phone));
    TRY(sut_ipc_get_bool(r, &ask.is_verified));
    TRY(sut_ipc_get_bool(r, &ask.has_role));
    TRY(get_role(r, &ask.role));
    TRY(get_text(r, &ask.join));
    TRY(get_text(r, &ask.leave));
    TRY(get_text(r, &ask.search));
    TRY(sut_ipc_get_u64(r, SUT_USER_LOCK_MAX_S, &ask.lock_s));
    TRY(sut_ipc_get_u64(r, OFFSET_MAX, &ask.offset));
    TRY(sut_ipc_get_end(r));
    *ret = ask;
    return SUT_OK;
}

void sut_user_answer_put(struct sut_buf *b, const struct sut_user_answer *answer)
{
    sut_ipc_put_bytes(b, answer->refused);
    sut_ipc_put_u64(b, answer->has_more);
    sut_ipc_put_u64(b, answer->n_rows);
    for (size_t i = 0; i < answer->n_rows; i++) {
        const struct sut_user_row *u = &answer->rows[i];
        sut_ipc_put_i64(b, u->id);
        sut_ipc_put_bytes(b, u->email);
        sut_ipc_put_bytes(b, u->first_name);
        sut_ipc_put_bytes(b, u->last_name);
        sut_ipc_put_u64(b, u->role);
        sut_ipc_put_bytes(b, u->groups);
        sut_ipc_put_u64(b, u->is_active);
        sut_ipc_put_u64(b, u->is_verified);
        sut_ipc_put_i64(b, u->joined.v);
        sut_ipc_put_i64(b, u->last_login.v);
        sut_ipc_put_i64(b, u->factors);
        sut_ipc_put_i64(b, u->locked_until.v);
        sut_ipc_put_bytes(b, u->pseudonym);
    }
}

static SUT_ERR get_row(struct sut_ipc_reader *r, struct sut_user_row *u)
{
    TRY(sut_ipc_get_i64(r, &u->id));
    TRY(sut_ipc_get_bytes(r, SENTENCE_MAX, &u->email));
    TRY(sut_ipc_get_bytes(r, SENTENCE_MAX, &u->first_name));
    TRY(sut_ipc_get_bytes(r, SENTENCE_MAX, &u->last_name));
    TRY(get_role(r, &u->role));
    TRY(sut_ipc_get_bytes(r, GROUPS_MAX, &u->groups));
    TRY(sut_ipc_get_bool(r, &u->is_active));
    TRY(sut_ipc_get_bool(r, &u->is_verified));
    TRY(sut_ipc_get_i64(r, &u->joined.v));
    TRY(sut_ipc_get_i64(r, &u->last_login.v));
    TRY(sut_ipc_get_i64(r, &u->factors));
    TRY(sut_ipc_get_i64(r, &u->locked_until.v));
    return get_text(r, &u->pseudonym);
}

SUT_ERR sut_user_answer_get(struct sut_ipc_reader *r, struct sut_arena *a,
                            struct sut_user_answer *ret)
{
    struct sut_user_answer answer = { 0 };
    uint64_t n = 0;
    TRY(sut_ipc_get_bytes(r, SENTENCE_MAX, &answer.refused));
    TRY(sut_ipc_get_bool(r, &answer.has_more));
    TRY(sut_ipc_get_u64(r, SUT_USER_PAGE_MAX, &n));
    answer.n_rows = (size_t) n;
    answer.rows = ARENA_ARRAY(a, struct sut_user_row, n + 1);
    ENSURE(answer.rows != NULL, NOMEM);
    for (size_t i = 0; i < answer.n_rows; i++)
        TRY(get_row(r, &answer.rows[i]));
    TRY(sut_ipc_get_end(r));
    *ret = answer;
    return SUT_OK;
}
