/* SPDX-License-Identifier: Apache-2.0
 *
 * outbox - rows of what is to go out: written in the transaction that caused it,
 * sent at least once, so never lost between a commit and the mail server.
 *
 * The payload is sealed under its person's key and emptied when it was sent or
 * given up.  A row is claimed for a while before it is sent: of several servers
 * one sends it; when that one dies another does, after the claim has ended.
 */
#ifndef SUT_STORE_OUTBOX_H
#define SUT_STORE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;
struct sut_store;

enum sut_outbox_kind { SUT_OUTBOX_MAIL = 1, SUT_OUTBOX_EVENT = 2 };
enum sut_outbox_state { SUT_OUTBOX_DUE = 1, SUT_OUTBOX_SENT = 2, SUT_OUTBOX_GIVEN_UP = 3 };
enum { SUT_OUTBOX_PAYLOAD_MAX = 24 * 1024, SUT_OUTBOX_WORD_MAX = 64, SUT_OUTBOX_CLAIM_MAX = 32 };

struct sut_outbox_new {
    enum sut_outbox_kind kind;
    sut_str what;    /* of SUT_OUTBOX_WORD_MAX bytes at most */
    sut_str name;    /* against doubles; empty: none.  Nothing personal: it is kept in clear */
    int64_t person;  /* 0: nobody */
    sut_str payload; /* JSON */
    sut_ms due_at;   /* not before; 0: at once */
};
/* In a write job.  *ret_added (may be NULL) is false when there is one of this name. */
SUT_ERR sut_outbox_add(struct sut_db_conn *c, const struct sut_outbox_new *o, sut_ms now,
                       bool *ret_added);

/* How many rows of this word a person has that were added after `since`. */
SUT_ERR sut_outbox_count(struct sut_db_conn *c, int64_t person, sut_str what, sut_ms since,
                         uint64_t *ret);

struct sut_outbox_row {
    int64_t id;
    enum sut_outbox_kind kind;
    enum sut_outbox_state state;
    sut_str what;
    int64_t person;
    uint32_t tries; /* before this one */
    sut_ms created_at;
    sut_ms due_at;
    sut_ms done_at;  /* 0: not yet */
    sut_str why;     /* p is NULL: nothing has failed */
    sut_str payload; /* p is NULL: emptied, or it does not open any more: is_lost */
    bool is_lost;
};
/*
 * In a write job: take up to n (SUT_OUTBOX_CLAIM_MAX) rows of a kind that are due, the longest due
 * first; until `claim_ms` from now nobody else gets them.  Texts in the arena.
 */
SUT_ERR sut_outbox_claim(struct sut_db_conn *c, struct sut_arena *a, enum sut_outbox_kind kind,
                         size_t n, int64_t claim_ms, sut_ms now, struct sut_outbox_row *ret,
                         size_t *ret_n);
/* In a write job: a claimed row that was not tried is due again then; this was no try. */
SUT_ERR sut_outbox_release(struct sut_db_conn *c, int64_t id, sut_ms due_at);
/* In a write job: it is out; its payload is emptied. */
SUT_ERR sut_outbox_sent(struct sut_db_conn *c, int64_t id, sut_ms now);
/* In a write job: it is due again then (0: given up, and emptied); `why` is a constant word. */
SUT_ERR sut_outbox_failed(struct sut_db_conn *c, int64_t id, const char *why, sut_ms due_at,
                          sut_ms now);
/* When the next row of a kind is due; 0: none waits. */
SUT_ERR sut_outbox_next_due(struct sut_db_conn *c, enum sut_outbox_kind kind, sut_ms *ret);

/* A page, the newest first; payloads are opened only with has_payload. */
SUT_ERR sut_outbox_list(struct sut_db_conn *c, struct sut_arena *a, bool has_payload, size_t offset,
                        size_t limit, struct sut_outbox_row **ret, size_t *ret_n);
/* One row with its payload; NOT_FOUND. */
SUT_ERR sut_outbox_by_id(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                         struct sut_outbox_row *ret);

/*
 * Delete what was done SUT_OUTBOX_KEEP_DAYS ago, and give up what has waited for as long and
 * nobody tries any more (no mail server was named), in small steps.  Blocks.
 */
SUT_ERR sut_outbox_prune(struct sut_store *s, sut_ms now);

#endif
