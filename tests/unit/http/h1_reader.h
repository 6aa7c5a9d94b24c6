/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_reader - feeds a reader in pieces and keeps what came out, for tests and fuzzing.
 */
#ifndef SUT_TESTS_H1_READER_H
#define SUT_TESTS_H1_READER_H

#include "base/mem.h"
#include "http/h1.h"

enum { READER_ARENA = 8 * 1024 * 1024, READER_BODY_MAX = 64 * 1024 };

struct reader {
    struct sut_h1 *h;
    struct sut_arena *arena;
    bool keeps_apart; /* bodies are kept beside the arena */
    struct sut_http_request *req;
    enum sut_h1_event last;
    bool saw_head;
    size_t used; /* bytes taken up to the last event */
    int status;  /* of the refusal, else 0 */
    const char *why;
};

static inline void reader_init(struct reader *r)
{
    *r = (struct reader){ 0 };
    SUT_BUG_IF(sut_failed(sut_h1_create(&sut_h1_limits_default, &r->h)));
    SUT_BUG_IF(sut_failed(sut_arena_create(READER_ARENA, &r->arena)));
}

static inline void reader_done(struct reader *r)
{
    sut_h1_free(&r->h);
    sut_arena_free(&r->arena);
}

/* One request out of n bytes, `piece` at a time (0: all at once); each piece in memory of its own.
 */
static inline void reader_run(struct reader *r, const char *p, size_t n, size_t piece,
                              size_t body_max)
{
    sut_arena_reset(r->arena);
    SUT_BUG_IF(sut_failed(sut_h1_start(r->h, r->arena, &r->req)));
    r->saw_head = false;
    r->last = SUT_H1_NEED_MORE;
    r->used = 0;
    r->status = 0;
    r->why = NULL;
    while (r->last == SUT_H1_HEAD || (r->last == SUT_H1_NEED_MORE && r->used < n)) {
        const size_t left = n - r->used;
        const size_t take = piece == 0 || left < piece ? left : piece;
        char *copy = sut_mem_alloc(take + 1);
        SUT_BUG_IF(copy == NULL);
        if (take > 0)
            memcpy(copy, p + r->used, take);
        size_t used = 0;
        r->last = sut_h1_feed(r->h, copy, take, &used);
        SUT_BUG_IF(used > take || (r->last == SUT_H1_NEED_MORE && used != take));
        r->used += used;
        sut_mem_free(copy);
        if (r->last == SUT_H1_HEAD) {
            r->saw_head = true;
            sut_h1_set_body_max(r->h, body_max);
            if (r->keeps_apart)
                sut_h1_keep_body_apart(r->h);
        }
    }
    if (r->last == SUT_H1_REFUSED)
        r->status = sut_h1_refusal(r->h, &r->why);
}

#endif
