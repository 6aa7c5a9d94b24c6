/* SPDX-License-Identifier: Apache-2.0
 *
 * key_admin - `sutler key …` as a server, or a command without one, carries it out.
 *
 * One rotation at a time over a store: in this process by a lock, among servers
 * over one PostgreSQL by an advisory lock of the database that is held for as
 * long as a rotation runs.  A rotation runs in a thread of its own at nice 19.
 *
 * The creator owns it; every function but create and free may come from any
 * thread.  The text that describes keys holds no byte of one.
 */
#ifndef SUT_PROG_KEY_ADMIN_H
#define SUT_PROG_KEY_ADMIN_H

#include <stddef.h>

#include "prog/key_rotate.h"
#include "store/keyring_row.h"

enum {
    SUT_KEY_ANNOUNCE_MS =
        3000, /* within which every server over a store has looked at the keyring */
    SUT_KEY_ROWS_MAX = SUT_KEYRING_ROWS_MAX + 4,
};

/* A key that is listed. */
struct sut_key_row {
    char purpose[24];
    uint32_t version;
    char state[16];    /* "current", "previous", "next" */
    sut_ms made_at;    /* 0: not known */
    int greatest_days; /* 0: none */
    char kind[12];     /* what to rotate; empty: nothing does */
};

struct sut_key_list {
    char master_id[2 * SUT_MASTER_ID + 1]; /* hexadecimal */
    bool unfinished[SUT_KINDS];
    size_t n;
    struct sut_key_row rows[SUT_KEY_ROWS_MAX];
};

/* How the last rotation of a kind does, or did. */
struct sut_key_status {
    bool is_known; /* there was one since the start */
    bool is_running;
    bool has_failed;
    enum sut_key_kind kind;
    char phase[64];
    uint64_t done;
    uint64_t total;
    char text[512]; /* at the end: what was done, or what went wrong */
    char hint[256];
};

struct sut_key_admin;

struct sut_key_admin_options {
    struct sut_boot *boot;
    const struct sut_clock *clock;
    SUT_ERR (*ask)(void *ctx, enum sut_word ask, struct sut_diag *reterr_diag);
    SUT_ERR (*reload)(void *ctx); /* may be NULL */
    /* A row of the certificate that is in use; NULL or false: none. */
    bool (*tls)(void *ctx, struct sut_key_row *ret);
    void *ctx;
    unsigned announce_ms; /* of a remote store; else 0 */
    bool is_server;       /* the log is told */
};

/* All of the options is borrowed. */
SUT_ERR sut_key_admin_create(const struct sut_key_admin_options *o, struct sut_key_admin **ret);
/* End what runs (it goes on when it is asked for again). */
void sut_key_admin_free(struct sut_key_admin **a);

/* Begin; BUSY with a sentence when one runs, here or on another server. */
SUT_ERR sut_key_admin_start(struct sut_key_admin *a, enum sut_key_kind kind,
                            struct sut_diag *reterr_diag);
void sut_key_admin_status(struct sut_key_admin *a, enum sut_key_kind kind,
                          struct sut_key_status *ret);
SUT_ERR sut_key_admin_list(struct sut_key_admin *a, struct sut_key_list *ret);

#endif
