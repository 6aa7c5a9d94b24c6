/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/key_control.h"

#include "base/mem.h"

static SUT_ERR answer_list(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    struct sut_key_admin *const a = arg;
    DEFER(sut_mem_freep) struct sut_key_list *l = sut_mem_zalloc(1, sizeof(*l));
    TRY(sut_ipc_get_end(in));
    ENSURE(l != NULL, NOMEM);
    TRY(sut_key_admin_list(a, l));
    sut_key_list_put(reply, l);
    return SUT_OK;
}

static SUT_ERR answer_rotate(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    struct sut_key_admin *const a = arg;
    struct sut_diag d = { .text = "" };
    uint64_t kind = 0;
    TRY(sut_ipc_get_u64(in, SUT_KINDS - 1, &kind));
    TRY(sut_ipc_get_end(in));
    const sut_err e = sut_key_admin_start(a, (enum sut_key_kind) kind, &d);
    if (sut_failed(e) && d.text[0] == '\0')
        sut_diag_set(&d, "%s", sut_err_info(e.code)->text);
    sut_key_answer_put(reply, &d);
    return SUT_OK;
}

static SUT_ERR answer_status(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    struct sut_key_admin *const a = arg;
    struct sut_key_status s;
    uint64_t kind = 0;
    TRY(sut_ipc_get_u64(in, SUT_KINDS - 1, &kind));
    TRY(sut_ipc_get_end(in));
    sut_key_admin_status(a, (enum sut_key_kind) kind, &s);
    sut_key_status_put(reply, &s);
    return SUT_OK;
}

struct sut_control_keys sut_key_control(struct sut_key_admin *a)
{
    return (struct sut_control_keys){
        .arg = a, .list = answer_list, .rotate = answer_rotate, .status = answer_status
    };
}

SUT_ERR sut_key_ask_list(sut_str data_dir, struct sut_key_list *ret, struct sut_diag *reterr_diag)
{
    struct sut_buf reply;
    sut_buf_init(&reply, SUT_KEY_LIST_MAX);
    sut_err e = sut_control_call(data_dir, SUT_ASK_KEY_LIST, SUT_STR(""), &reply, reterr_diag);
    if (!sut_failed(e)) {
        struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&reply));
        e = sut_key_list_get(&r, ret);
    }
    sut_buf_done(&reply);
    return e;
}

/* An ask that names a kind. */
static SUT_ERR ask_of_kind(sut_str data_dir, uint16_t type, enum sut_key_kind kind,
                           struct sut_buf *reply, struct sut_diag *reterr_diag)
{
    struct sut_buf fields;
    sut_buf_init(&fields, SUT_KEY_ASK_MAX);
    sut_ipc_put_u64(&fields, kind);
    sut_err e = sut_buf_check(&fields);
    if (!sut_failed(e))
        e = sut_control_call(data_dir, type, sut_buf_str(&fields), reply, reterr_diag);
    sut_buf_done(&fields);
    return e;
}

SUT_ERR sut_key_ask_rotate(sut_str data_dir, enum sut_key_kind kind, struct sut_diag *reterr_diag)
{
    struct sut_buf reply;
    struct sut_diag refused = { .text = "" };
    sut_buf_init(&reply, SUT_KEY_ANSWER_MAX);
    sut_err e = ask_of_kind(data_dir, SUT_ASK_KEY_ROTATE, kind, &reply, reterr_diag);
    if (!sut_failed(e)) {
        struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&reply));
        e = sut_key_answer_get(&r, &refused);
    }
    sut_buf_done(&reply);
    TRY(e);
    if (refused.text[0] == '\0')
        return SUT_OK;
    *reterr_diag = refused;
    FAIL(BUSY);
}

SUT_ERR sut_key_ask_status(sut_str data_dir, enum sut_key_kind kind, struct sut_key_status *ret,
                           struct sut_diag *reterr_diag)
{
    struct sut_buf reply;
    sut_buf_init(&reply, SUT_KEY_STATUS_MAX);
    sut_err e = ask_of_kind(data_dir, SUT_ASK_KEY_STATUS, kind, &reply, reterr_diag);
    if (!sut_failed(e)) {
        struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&reply));
        e = sut_key_status_get(&r, ret);
    }
    sut_buf_done(&reply);
    return e;
}
