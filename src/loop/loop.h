/* SPDX-License-Identifier: Apache-2.0
 *
 * loop - an event loop that one thread runs and any thread can post to.
 *
 * The creator owns it.  create, run, free and all that takes handles belong to
 * one thread; post and stop may come from any.  Errors of libuv come as SYSTEM
 * with their errno.
 */
#ifndef SUT_LOOP_LOOP_H
#define SUT_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct sut_loop;
struct uv_loop_s;

/* Work for a loop's thread, embedded in what it works on: posting allocates nothing, can't fail. */
struct sut_post {
    void (*fn)(struct sut_post *p);
    struct sut_post *next;
};

/* Called about every SUT_TICK_MS; the owner's storage. */
struct sut_tick {
    void (*fn)(struct sut_tick *t);
    struct sut_tick *next;
};

enum { SUT_TICK_MS = 250 };

SUT_ERR sut_loop_create(struct sut_loop **ret);
/*
 * Close what the loop itself opened and give its memory back.  All other
 * handles must be closed, and what was posted has run or never will: a post
 * that is still queued is dropped.
 */
void sut_loop_free(struct sut_loop **l);

/* Run in the calling thread until sut_loop_stop(). */
SUT_ERR sut_loop_run(struct sut_loop *l);
/* Let run return once the callbacks of this turn are done.  Any thread; also before run. */
void sut_loop_stop(struct sut_loop *l);
/* Run what is ready, waiting at most one event; for tests and for closing down. */
void sut_loop_turn(struct sut_loop *l, bool may_wait);

/*
 * Run p->fn on the loop's thread.  Any thread; in order for one poster.  p must
 * stay until fn is called and must not be posted twice meanwhile.
 */
void sut_loop_post(struct sut_loop *l, struct sut_post *p);

/* Begin and end ticking; a tick may remove itself, not others, while it is called. */
void sut_loop_tick_start(struct sut_loop *l, struct sut_tick *t);
void sut_loop_tick_stop(struct sut_loop *l, struct sut_tick *t);

/* Monotonic milliseconds as of this turn: for timeouts. */
uint64_t sut_loop_now_ms(const struct sut_loop *l);

/*
 * libuv's loop, for net and serve alone.  Handles on it must not use its
 * `data`, which is the struct sut_loop.
 */
struct uv_loop_s *sut_loop_uv(struct sut_loop *l);

#endif
