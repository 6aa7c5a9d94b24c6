/* SPDX-License-Identifier: Apache-2.0
 *
 * keeper_int - what the two files of the keeper's client share: a call, and the
 * pool of connections that carries it.
 *
 * For them alone.  As ipc/keeper.h.
 */
#ifndef SUT_IPC_KEEPER_INT_H
#define SUT_IPC_KEEPER_INT_H

#include "ipc/keeper.h"
#include "ipc/message.h"

/* A request: how it is written, and how its answer is read behind the status. */
struct sut_keeper_call {
    uint16_t type;
    void (*put)(const void *in, struct sut_buf *b);
    const void *in;
    SUT_ERR (*get)(struct sut_ipc_reader *r, void *out);
    void *out;
    bool moves; /* the keeper's thread comes to the caller's core */
};

/*
 * Ask, on whatever connection lives, and read the answer; again where one breaks
 * or the keeper says to wait.  put and get may run several times.
 */
SUT_ERR sut_keeper__call(struct sut_keeper *k, const struct sut_keeper_call *a);

#endif
