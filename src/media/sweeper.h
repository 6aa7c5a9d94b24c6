/* SPDX-License-Identifier: Apache-2.0
 *
 * sweeper - the thread that deletes the files of pictures that nobody points to.
 *
 * Now and then, and when it is woken after a commit that took a picture away.
 */
#ifndef SUT_MEDIA_SWEEPER_H
#define SUT_MEDIA_SWEEPER_H

#include <stdbool.h>

#include "base/clock.h"
#include "media/media.h"

struct sut_sweeper;

enum { SUT_SWEEPER_EVERY_MS = 10 * 60 * 1000, SUT_SWEEPER_TROUBLE_MS = 15 * 1000 };

struct sut_sweeper_options {
    struct sut_media *media; /* borrowed until stop */
    const struct sut_clock *clock;
    bool recovers; /* begin with sut_media_recover(): nobody else has this store */
    void (*tell)(void *ctx, sut_err e); /* a sweep failed, and comes again; in its thread */
    void *tell_ctx;
};

SUT_ERR sut_sweeper_start(const struct sut_sweeper_options *o, struct sut_sweeper **ret);
/* After a commit that dropped a picture.  Any thread; costs next to nothing.  NULL is fine. */
void sut_sweeper_wake(struct sut_sweeper *s);
/* Finishes the picture in hand; NULL inside is fine. */
void sut_sweeper_stop(struct sut_sweeper **s);
/*
 * The same, but a place that keeps it waiting is not waited for longer than `ms`; false: its
 * thread is there still.  Then it will never touch the store again, but neither the media nor what
 * its place leans on must be freed: this is for a process that ends.
 */
bool sut_sweeper_stop_within(struct sut_sweeper **s, unsigned ms);

#endif
