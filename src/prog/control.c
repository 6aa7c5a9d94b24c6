/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/control.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/orders.h"
#include "audit/audit.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/thread.h"
#include "config/config.h"
#include "guard/app.h"
#include "ipc/channel.h"
#include "ipc/server.h"
#include "log/log.h"
#include "os/fd.h"
#include "pay/cashier.h"
#include "prog/key_control.h"
#include "prog/mail_wire.h"
#include "prog/mailing.h"
#include "prog/order_wire.h"
#include "prog/payments_wire.h"
#include "prog/product_admin.h"
#include "prog/user_wire.h"

/* From 2 on: prog/key_control.h, and the _wire.h of mails, orders, payments and products. */
enum {
    ASK_USER = 1,
    ASK_MEMORY = 2 * 1024 * 1024,
    ORDER_MEMORY = 8 * 1024 * 1024,
    MAIL_MEMORY = 6 * 1024 * 1024,      /* a message, as it is built */
    PAYMENTS_MEMORY = 32 * 1024 * 1024, /* the answers to one page's questions */
    PRODUCTS_MEMORY = 24 * 1024 * 1024, /* a part of an export, or of an import */
    PATH_BYTES = 4096,
    CALL_MS = 60000, /* a hash behind a full queue of sign-ins may take its time */
};

struct sut_control {
    struct sut_user_admin admin;
    struct sut_mail_admin mails;
    struct sut_order_admin orders;
    struct sut_product_admin products;
    char mail_dir[PATH_MAX];
    struct sut_control_keys keys;
    const struct sut_app *app;
    struct sut_ipc_server *server;
    pthread_t thread;
    char path[PATH_BYTES];
};

static SUT_ERR make_path(sut_str data_dir, char *ret)
{
    const int n = snprintf(ret, PATH_BYTES, "%.*s/control.sock", SUT_STR_ARG(data_dir));
    ENSURE(n > 0 && n < PATH_BYTES, INVALID);
    return SUT_OK;
}

/*
 * An import that is all or nothing keeps the embedded store's writer, and this thread, which would
 * bring its next rows, would wait for it: what an operator asks in between goes first.
 */
static void end_import(struct sut_control *c)
{
    if (!sut_store_is_remote(c->app->store))
        sut_product_admin_yield(&c->products);
}

static SUT_ERR handle_products(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    struct sut_control *c = arg;
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_products_ask ask;
    struct sut_products_answer answer;

    TRY(sut_arena_create(PRODUCTS_MEMORY, &a));
    TRY(sut_products_ask_get(in, a, &ask));
    const sut_err e = sut_product_admin_do(&c->products, a, &ask, &answer);
    if (sut_failed(e)) {
        sut_log(SUT_LOG_ERROR, "control_failed", LOG_INT("verb", ask.verb), LOG_ERR(e));
        answer =
            (struct sut_products_answer){ .refused = sut_str_from(sut_err_info(e.code)->text) };
    }
    sut_products_answer_put(reply, &answer);
    return SUT_OK;
}

static SUT_ERR handle_user(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    struct sut_control *c = arg;
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_user_ask ask;
    struct sut_user_answer answer = { 0 };

    TRY(sut_user_ask_get(in, &ask));
    end_import(c);
    TRY(sut_arena_create(ASK_MEMORY, &a));
    sut_arena_set_flags(a, SUT_ARENA_SECRET);
    const sut_err e = sut_user_admin_do(&c->admin, a, &ask, &answer);
    if (sut_failed(e)) {
        sut_log(SUT_LOG_ERROR, "control_failed", LOG_INT("verb", ask.verb), LOG_ERR(e));
        answer = (struct sut_user_answer){ .refused = sut_str_from(sut_err_info(e.code)->text) };
    }
    sut_user_answer_put(reply, &answer);
    return SUT_OK;
}

static SUT_ERR handle_mail(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    struct sut_control *c = arg;
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_mail_ask ask;
    struct sut_mail_shown answer;

    TRY(sut_mail_ask_get(in, &ask));
    end_import(c);
    TRY(sut_arena_create(MAIL_MEMORY, &a));
    sut_arena_set_flags(a, SUT_ARENA_SECRET);
    const sut_err e = sut_mail_admin_do(&c->mails, a, &ask, &answer);
    if (sut_failed(e)) {
        sut_log(SUT_LOG_ERROR, "control_failed", LOG_INT("verb", ask.verb), LOG_ERR(e));
        answer = (struct sut_mail_shown){ .refused = sut_str_from(sut_err_info(e.code)->text) };
    }
    sut_mail_shown_put(reply, &answer);
    return SUT_OK;
}

static SUT_ERR handle_order(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    struct sut_control *c = arg;
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_order_ask ask;
    struct sut_order_shown answer;

    TRY(sut_order_ask_get(in, &ask));
    end_import(c);
    TRY(sut_arena_create(ORDER_MEMORY, &a));
    sut_arena_set_flags(a, SUT_ARENA_SECRET);
    const sut_err e = sut_order_admin_do(&c->orders, a, &ask, &answer);
    if (sut_failed(e)) {
        sut_log(SUT_LOG_ERROR, "control_failed", LOG_INT("verb", ask.verb), LOG_ERR(e));
        answer = (struct sut_order_shown){ .refused = sut_str_from(sut_err_info(e.code)->text) };
    }
    sut_order_shown_put(reply, &answer);
    return SUT_OK;
}

static void orders_changed(void *ctx, const int64_t *products, size_t n)
{
    const struct sut_control *const c = ctx;
    api_orders_changed(c->app, products, n);
}

static SUT_ERR note_apply(struct sut_db_conn *c, void *arg)
{
    const sut_ms *const now = arg;
    return sut_audit_write(c, SUT_ACTION_ADMIN_PAYMENTS_RECONCILE, 0, SUT_STR("payments"),
                           SUT_STR(""), *now);
}

/* Who lets books be changed leaves a trace, once. */
static SUT_ERR reconcile(const struct sut_app *app, struct sut_arena *a,
                         const struct sut_reconcile_ask *ask, struct sut_reconcile_page *ret)
{
    sut_ms now = sut_clock_now(app->clock);
    ENSURE(app->pay != NULL, UNAVAILABLE);
    if (ask->is_applied && ask->stage == SUT_RECONCILE_OURS && ask->after == 0)
        TRY(sut_store_write(app->store, note_apply, &now));
    TRY(sut_reconcile_page(app->pay, a, ask, now, ret));
    if (ask->is_applied && ret->n > 0)
        sut_cashier_wake(app->cashier);
    return SUT_OK;
}

static SUT_ERR handle_payments(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    struct sut_control *c = arg;
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_reconcile_ask ask;
    struct sut_reconcile_page page;

    TRY(sut_payments_ask_get(in, &ask));
    end_import(c);
    TRY(sut_arena_create(PAYMENTS_MEMORY, &a));
    sut_arena_set_flags(a, SUT_ARENA_SECRET);
    const sut_err e = reconcile(c->app, a, &ask, &page);
    if (sut_failed(e)) {
        sut_log(SUT_LOG_ERROR, "control_failed", LOG_INT("verb", ask.stage), LOG_ERR(e));
        sut_payments_page_put(reply, SUT_STR("a provider, or the store, can't be asked now"), NULL);
        return SUT_OK;
    }
    sut_payments_page_put(reply, SUT_STR(""), &page);
    return SUT_OK;
}

static SUT_ERR handle_key_list(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    const struct sut_control *c = arg;
    ENSURE(c->keys.list != NULL, UNAVAILABLE);
    return c->keys.list(c->keys.arg, in, reply);
}

static SUT_ERR handle_key_rotate(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    struct sut_control *c = arg;
    end_import(c);
    ENSURE(c->keys.rotate != NULL, UNAVAILABLE);
    return c->keys.rotate(c->keys.arg, in, reply);
}

static SUT_ERR handle_key_status(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    const struct sut_control *c = arg;
    ENSURE(c->keys.status != NULL, UNAVAILABLE);
    return c->keys.status(c->keys.arg, in, reply);
}

static const struct sut_ipc_permit permits[] = {
    { .type = ASK_USER,
      .max = SUT_USER_ASK_MAX,
      .reply_max = SUT_USER_ANSWER_MAX,
      .handle = handle_user },
    { .type = SUT_ASK_KEY_LIST, .reply_max = SUT_KEY_LIST_MAX, .handle = handle_key_list },
    { .type = SUT_ASK_KEY_ROTATE,
      .max = SUT_KEY_ASK_MAX,
      .reply_max = SUT_KEY_ANSWER_MAX,
      .handle = handle_key_rotate },
    { .type = SUT_ASK_KEY_STATUS,
      .max = SUT_KEY_ASK_MAX,
      .reply_max = SUT_KEY_STATUS_MAX,
      .handle = handle_key_status },
    { .type = SUT_ASK_MAIL,
      .max = SUT_MAIL_ASK_MAX,
      .reply_max = SUT_MAIL_ANSWER_MAX,
      .handle = handle_mail },
    { .type = SUT_ASK_ORDER,
      .max = SUT_ORDER_ASK_MAX,
      .reply_max = SUT_ORDER_ANSWER_MAX,
      .handle = handle_order },
    { .type = SUT_ASK_PAYMENTS,
      .max = SUT_PAYMENTS_ASK_MAX,
      .reply_max = SUT_PAYMENTS_ANSWER_MAX,
      .handle = handle_payments },
    { .type = SUT_ASK_PRODUCTS,
      .max = SUT_PRODUCTS_ASK_MAX,
      .reply_max = SUT_PRODUCTS_ANSWER_MAX,
      .handle = handle_products },
    { .handle = NULL },
};

static void *serve(void *arg)
{
    struct sut_control *c = arg;
    const sut_err e = sut_ipc_server_run(c->server);
    if (sut_failed(e))
        sut_log(SUT_LOG_ERROR, "control_ended", LOG_ERR(e));
    return NULL;
}

SUT_ERR sut_control_listen(sut_str data_dir, int *ret_fd, struct sut_diag *reterr_diag)
{
    char path[PATH_BYTES];
    TRY(make_path(data_dir, path));
    return sut_ipc_listen(path, ret_fd, reterr_diag);
}

SUT_ERR sut_control_start(const struct sut_app *app, struct sut_pseudonyms *pseudonyms,
                          const struct sut_control_keys *keys, int *listen_fd,
                          struct sut_control **ret, struct sut_diag *reterr_diag)
{
    DEFER(sut_mem_freep) struct sut_control *c = sut_mem_zalloc(1, sizeof(*c));
    ENSURE(c != NULL, NOMEM);
    c->admin = (struct sut_user_admin){
        .password_policy = app->password_policy,
        .store = app->store,
        .hasher = app->hasher,
        .sessions = app->sessions,
        .counters = app->counters,
        .postman = app->postman,
        .pseudonyms = pseudonyms,
        .random = app->random,
        .clock = app->clock,
    };
    c->mails = (struct sut_mail_admin){
        .store = app->store,
        .pseudonyms = pseudonyms,
        .sender = sut_mailing_sender(app->config),
        .maildir = sut_mailing_dir(app->config, c->mail_dir),
        .clock = app->clock,
    };
    c->orders = (struct sut_order_admin){
        .store = app->store,
        .pseudonyms = pseudonyms,
        .clock = app->clock,
        .changed = orders_changed,
        .changed_ctx = c,
    };
    c->products = (struct sut_product_admin){
        .store = app->store,
        .clock = app->clock,
        .fragments = app->fragments,
        .is_zero_ok = app->config->shop.price_rule == SUT_PRICE_NOT_NEGATIVE,
    };
    c->app = app;
    if (keys != NULL)
        c->keys = *keys;
    TRY(make_path(app->config->server.data, c->path));
    TRY(sut_ipc_server_create(*listen_fd, permits, c, SUT_IPC_PATIENCE_MS, &c->server));
    *listen_fd = -1;
    const sut_err e = sut_thread_start(0, serve, c, &c->thread);
    if (sut_failed(e)) {
        sut_diag_set(reterr_diag, "no thread for the commands of operators");
        sut_ipc_server_free(&c->server);
        (void) unlink(c->path);
        return e;
    }
    *ret = STEAL(c);
    return SUT_OK;
}

void sut_control_stop(struct sut_control **c)
{
    if (*c == NULL)
        return;
    sut_ipc_server_stop((*c)->server);
    (void) pthread_join((*c)->thread, NULL);
    sut_product_admin_done(&(*c)->products);
    (void) unlink((*c)->path);
    sut_ipc_server_free(&(*c)->server);
    sut_mem_freep(c);
}

static SUT_ERR call(int fd, struct sut_arena *a, const struct sut_user_ask *ask,
                    struct sut_user_answer *ret)
{
    struct sut_buf fields;
    struct sut_buf reply;
    sut_buf_init(&fields, SUT_USER_ASK_MAX);
    sut_buf_init_arena(&reply, a, SUT_USER_ANSWER_MAX);
    sut_user_ask_put(&fields, ask);
    sut_err e = sut_buf_check(&fields);
    if (!sut_failed(e))
        e = sut_ipc_call(fd, ASK_USER, 1, sut_buf_str(&fields), CALL_MS, &reply);
    if (fields.p != NULL)
        sut_wipe(fields.p, fields.cap);
    sut_buf_done(&fields);
    TRY(e);
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&reply));
    return sut_user_answer_get(&r, a, ret);
}

static void say_silent(sut_err e, const char *path, struct sut_diag *reterr_diag)
{
    if (sut_failed(e) && e.code != SUT_E_NOT_FOUND && reterr_diag->text[0] == '\0')
        sut_diag_set(reterr_diag, "the running server does not answer on %s (%s)", path,
                     sut_err_info(e.code)->name);
}

/* NOT_FOUND: no server runs on this folder. */
static SUT_ERR reach(sut_str data_dir, char path[PATH_BYTES], int *ret_fd,
                     struct sut_diag *reterr_diag)
{
    TRY(make_path(data_dir, path));
    const sut_err e = sut_ipc_connect(path, ret_fd);
    /* No server could listen at such a path either. */
    if (e.code == SUT_E_INVALID)
        FAIL(NOT_FOUND);
    if (e.code == SUT_E_DENIED) {
        sut_diag_set(reterr_diag, "the server on this data folder is another user's");
        sut_diag_hint(reterr_diag, "run the command as that user, or as root");
    }
    say_silent(e, path, reterr_diag);
    return e;
}

SUT_ERR sut_control_ask(sut_str data_dir, struct sut_arena *a, const struct sut_user_ask *ask,
                        struct sut_user_answer *ret, struct sut_diag *reterr_diag)
{
    char path[PATH_BYTES];
    DEFER(sut_fd_close) int fd = -1;
    TRY(reach(data_dir, path, &fd, reterr_diag));
    const sut_err e = call(fd, a, ask, ret);
    say_silent(e, path, reterr_diag);
    return e;
}

SUT_ERR sut_control_call(sut_str data_dir, uint16_t type, sut_str fields, struct sut_buf *reply,
                         struct sut_diag *reterr_diag)
{
    char path[PATH_BYTES];
    DEFER(sut_fd_close) int fd = -1;
    TRY(reach(data_dir, path, &fd, reterr_diag));
    const sut_err e = sut_ipc_call(fd, type, 1, fields, CALL_MS, reply);
    say_silent(e, path, reterr_diag);
    return e;
}
