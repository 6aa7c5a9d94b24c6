/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_line - the worker's side of its line to the supervisor.
 *
 * A thread of its own hears it, and that thread never waits for the keeper: so
 * new connections to a keeper that was started anew reach the calls that wait for
 * them.  What takes the keeper to be done (a new certificate) is left for the main
 * thread, which polls sut_worker_line_fd().
 *
 * The creator owns it; open and start before other threads need the keeper.
 */
#ifndef SUT_PROG_WORKER_LINE_H
#define SUT_PROG_WORKER_LINE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/err.h"
#include "prog/words.h"

struct sut_courier;
struct sut_darkroom;
struct sut_keeper;
struct sut_worker_line;

/*
 * Wait for the first connections to the keeper (and, with wants_cert, for the
 * certificate) and start the thread.  fd is borrowed until close.  pictures_max: how many calls
 * may wait for a picture.
 */
SUT_ERR sut_worker_line_open(int fd, bool wants_cert, unsigned pictures_max,
                             struct sut_worker_line **ret, struct sut_diag *reterr_diag);
/* Ends the thread and the keeper's connections; nobody may use those any more. */
void sut_worker_line_close(struct sut_worker_line **l);

/* Borrowed: good until close.  Any thread. */
struct sut_keeper *sut_worker_line_keeper(struct sut_worker_line *l);

/* Where the settings name a place to go out to; its connections come when the supervisor has them.
 */
struct sut_courier *sut_worker_line_courier(struct sut_worker_line *l);

/* Borrowed, as the keeper is; its places come from the supervisor. */
struct sut_darkroom *sut_worker_line_darkroom(struct sut_worker_line *l);

/* Tell the supervisor that this worker serves. */
SUT_ERR sut_worker_line_ready(struct sut_worker_line *l);

/* --- the main thread --- */

/* Readable when there is a certificate to take, or the supervisor is gone. */
int sut_worker_line_fd(const struct sut_worker_line *l);
bool sut_worker_line_is_over(struct sut_worker_line *l);
/* Take the newest chain (PEM), to be freed; false: there is none. */
bool sut_worker_line_take_cert(struct sut_worker_line *l, struct sut_buf *ret);
/* And how it went: why is NULL when connections have it now. */
void sut_worker_line_cert_done(struct sut_worker_line *l, const char *why);

/* When calls to the keeper or the courier have given up so many connections that few are left, ask
 * for new ones. */
void sut_worker_line_refill(struct sut_worker_line *l);

/* --- any other thread --- */

/*
 * Ask the supervisor for SUT_WORD_ASK_…; waits until it is done, with the
 * certificate in use after SUT_WORD_ASK_TLS.  BUSY: another ask is open;
 * DENIED: refused, the diag says why; UNAVAILABLE: the supervisor is gone or silent.
 */
SUT_ERR sut_worker_line_ask(struct sut_worker_line *l, enum sut_word ask,
                            struct sut_diag *reterr_diag);

/*
 * The worker is told to end: who waits for an answer, and who asks from now on, gets UNAVAILABLE.
 * The supervisor answers nothing any more then, since it waits for our end.  NULL is fine.
 */
void sut_worker_line_end_asks(struct sut_worker_line *l);

#endif
