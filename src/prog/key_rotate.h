/* SPDX-License-Identifier: Apache-2.0
 *
 * key_rotate - one rotation, from its first step or from where one before it
 * ended, to its end.
 *
 * Whatever is under way stands in the store and in files, never in memory: a
 * process that is killed anywhere leaves a shop in which everything opens, and
 * the same call again goes on.  doc/design/0012-key-hierarchy.md has the steps.
 *
 * A rotation blocks, for minutes with many people: a thread of its own, or a
 * command.  Not two at a time (prog/key_admin.h sees to that).
 */
#ifndef SUT_PROG_KEY_ROTATE_H
#define SUT_PROG_KEY_ROTATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/err.h"
#include "prog/boot.h"
#include "prog/key_kinds.h"
#include "prog/words.h"

enum { SUT_KEY_TEXT = 256 };

/* Borrowed for as long as it is used. */
struct sut_key_rotate {
    struct sut_boot *boot;
    const struct sut_clock *clock;
    /* Ask the supervisor (SUT_WORD_ASK_…), or do what it would. */
    SUT_ERR (*ask)(void *ctx, enum sut_word ask, struct sut_diag *reterr_diag);
    /* Take the keyring's change into use here: tokens, links, the log.  May be NULL. */
    SUT_ERR (*reload)(void *ctx);
    /* Told of each step; false: end soon, with STALE.  May be NULL. */
    bool (*progress)(void *ctx, const char *phase, uint64_t done, uint64_t total);
    void *ctx;
    /* How long other servers over the same store may take to see a change of the keyring; 0: there
     * are none. */
    unsigned announce_ms;
};

/*
 * Rotate; *ret_text says in a sentence what was done.  Errors with a sentence in
 * *reterr_diag: INVALID for what can't be rotated here (the settings have the key, the store has no
 * file), STALE when it was ended by `progress`, and those of the store and the keeper.
 */
SUT_ERR sut_key_rotate(struct sut_key_rotate *r, enum sut_key_kind kind,
                       char ret_text[SUT_KEY_TEXT], struct sut_diag *reterr_diag);

/* Whether a rotation of this kind was begun and not ended. */
SUT_ERR sut_key_rotate_is_unfinished(const struct sut_boot *boot, enum sut_key_kind kind,
                                     bool *ret);

#endif
