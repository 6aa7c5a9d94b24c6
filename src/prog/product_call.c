/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/product_call.h"

#include "base/mem.h"
#include "prog/boot.h"
#include "prog/control.h"
#include "prog/own_keeper.h"
#include "prog/product_admin.h"

enum { MEMORY = 24 * 1024 * 1024 };

struct sut_product_call {
    const struct sut_config *config;
    struct sut_arena *arena;
    bool is_local;
    bool has_asked; /* a server: the store is not ours from then on */
    struct sut_own_keeper *keeper;
    struct sut_boot boot;
    struct sut_product_admin admin;
};

SUT_ERR sut_product_call_open(const struct sut_config *config, struct sut_product_call **ret,
                              struct sut_diag *reterr_diag)
{
    DEFER(sut_product_call_close) struct sut_product_call *c = sut_mem_zalloc(1, sizeof(*c));
    (void) reterr_diag;
    ENSURE(c != NULL, NOMEM);
    c->config = config;
    TRY(sut_arena_create(MEMORY, &c->arena));
    *ret = STEAL(c);
    return SUT_OK;
}

void sut_product_call_close(struct sut_product_call **pc)
{
    struct sut_product_call *c = *pc;
    if (c == NULL)
        return;
    sut_product_admin_done(&c->admin);
    if (c->is_local)
        sut_boot_done(&c->boot);
    sut_own_keeper_stop(&c->keeper);
    sut_arena_free(&c->arena);
    sut_mem_freep(pc);
}

static SUT_ERR open_store(struct sut_product_call *c, struct sut_diag *d)
{
    TRY(sut_own_keeper_start(c->config, 0, &c->keeper, d));
    TRY(sut_boot_open(c->config, 0, sut_own_keeper_of(c->keeper), &c->boot, d));
    c->is_local = true;
    c->admin = (struct sut_product_admin){
        .store = c->boot.store,
        .clock = &sut_clock_system,
        .is_zero_ok = c->config->shop.price_rule == SUT_PRICE_NOT_NEGATIVE,
    };
    return SUT_OK;
}

/* NOT_FOUND: no server runs. */
static SUT_ERR ask_server(struct sut_product_call *c, const struct sut_products_ask *ask,
                          struct sut_products_answer *ret, struct sut_diag *d)
{
    struct sut_buf fields;
    struct sut_buf reply;
    sut_buf_init_arena(&fields, c->arena, SUT_PRODUCTS_ASK_MAX);
    sut_buf_init_arena(&reply, c->arena, SUT_PRODUCTS_ANSWER_MAX);
    sut_products_ask_put(&fields, ask);
    TRY(sut_buf_check(&fields));
    TRY(sut_control_call(c->config->server.data, SUT_ASK_PRODUCTS, sut_buf_str(&fields), &reply,
                         d));
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&reply));
    return sut_products_answer_get(&r, c->arena, ret);
}

static SUT_ERR ask_someone(struct sut_product_call *c, const struct sut_products_ask *ask,
                           struct sut_products_answer *ret, struct sut_diag *d)
{
    if (!c->is_local) {
        const sut_err e = ask_server(c, ask, ret, d);
        if (e.code == SUT_E_NOT_FOUND && c->has_asked)
            sut_diag_set(d, "the server has ended meanwhile");
        if (e.code != SUT_E_NOT_FOUND || c->has_asked) {
            c->has_asked = true;
            return e;
        }
        TRY(open_store(c, d));
    }
    return sut_product_admin_do(&c->admin, c->arena, ask, ret);
}

SUT_ERR sut_product_call_ask(struct sut_product_call *c, const struct sut_products_ask *ask,
                             struct sut_products_answer *ret, struct sut_diag *reterr_diag)
{
    sut_arena_reset(c->arena);
    const sut_err e = ask_someone(c, ask, ret, reterr_diag);
    if (sut_failed(e)) {
        if (reterr_diag->text[0] == '\0')
            sut_diag_set(reterr_diag, "the store refused: %s", sut_err_info(e.code)->name);
        return e;
    }
    if (ret->refused.n > 0) {
        sut_diag_set(reterr_diag, "%.*s", SUT_STR_ARG(ret->refused));
        FAIL(INVALID);
    }
    return SUT_OK;
}
