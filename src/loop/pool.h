/* SPDX-License-Identifier: Apache-2.0
 *
 * pool - threads for work that blocks, behind a queue that can be full.
 *
 * Threads start when work waits and no thread is free, up to the maximum, have
 * small stacks, and end when they were idle for a while.  The thread that went
 * idle last works first.  A job is the giver's storage and stays until its run
 * is called.  give may come from any thread.
 */
#ifndef SUT_LOOP_POOL_H
#define SUT_LOOP_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_pool;

struct sut_job {
    /* On a pool thread.  is_late: the deadline passed while it waited; only answer, don't work. */
    void (*run)(struct sut_job *j, bool is_late);
    uint64_t deadline_ns; /* monotonic (sut_monotonic_ns); 0: none */
    struct sut_job *next;
};

struct sut_pool_options {
    const char *name;     /* up to 15 characters; what `top -H` shows */
    unsigned threads_max; /* 1 .. 1024 */
    unsigned queue_max;   /* jobs that wait, beyond those that run */
    size_t stack_bytes;   /* 0: 256 KiB */
    unsigned idle_ms;     /* a thread without work for so long ends; 0: 10 s */
    int nice;             /* 0 .. 19: added to the process's own */
};

struct sut_pool_counts {
    unsigned threads;
    unsigned running;
    unsigned waiting;
    uint64_t done;
    uint64_t refused; /* BUSY */
    uint64_t late;
};

/* INVALID when an option is out of range. */
SUT_ERR sut_pool_create(const struct sut_pool_options *o, struct sut_pool **ret);
/* Refuse new jobs, run those that wait, wait for all threads, give memory back. */
void sut_pool_free(struct sut_pool **p);

/* Queue j.  BUSY when the queue is full (or the pool is ending): j stays the caller's. */
SUT_ERR sut_pool_give(struct sut_pool *p, struct sut_job *j);

/* What waits and runs now. */
struct sut_pool_counts sut_pool_count(struct sut_pool *p);

#endif
