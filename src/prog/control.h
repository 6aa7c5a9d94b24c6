/* SPDX-License-Identifier: Apache-2.0
 *
 * control - the socket `<data>/control.sock` (0600) by which commands reach a
 * running server.
 *
 * The server's side is one thread that answers one ask after the other; only
 * processes of the same user, or root's, get an answer.  The command's side is
 * one blocking call.
 */
#ifndef SUT_PROG_CONTROL_H
#define SUT_PROG_CONTROL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/err.h"
#include "prog/user_admin.h"

struct sut_app;
struct sut_control;
struct sut_ipc_reader;

/* Who answers the asks about keys (prog/key_control.h); each as a permit's handler. */
struct sut_control_keys {
    void *arg;
    SUT_ERR (*list)(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply);
    SUT_ERR (*rotate)(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply);
    SUT_ERR (*status)(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply);
};
struct sut_pseudonyms;

/* The socket in this data folder; *reterr_diag says what is in the way. */
SUT_ERR sut_control_listen(sut_str data_dir, int *ret_fd, struct sut_diag *reterr_diag);
/*
 * Serve on *listen_fd, which is taken (becomes -1); `app` and the pseudonyms (may be
 * NULL) are borrowed until stop.  Opens nothing: the worker may be shut in.
 */
SUT_ERR sut_control_start(const struct sut_app *app, struct sut_pseudonyms *pseudonyms,
                          const struct sut_control_keys *keys, int *listen_fd,
                          struct sut_control **ret, struct sut_diag *reterr_diag);
/* Finish the ask at hand, end the thread, take the socket away.  NULL inside is fine. */
void sut_control_stop(struct sut_control **c);

/*
 * Ask the server that runs on this data folder.  NOT_FOUND when none does:
 * then the store is the caller's to open.  The answer lies in the arena.
 */
SUT_ERR sut_control_ask(sut_str data_dir, struct sut_arena *a, const struct sut_user_ask *ask,
                        struct sut_user_answer *ret, struct sut_diag *reterr_diag);
/* The same for another type of ask (prog/key_control.h): fields as they are, the reply's fields. */
SUT_ERR sut_control_call(sut_str data_dir, uint16_t type, sut_str fields, struct sut_buf *reply,
                         struct sut_diag *reterr_diag);

#endif
