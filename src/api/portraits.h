/* SPDX-License-Identifier: Apache-2.0
 *
 * portraits - the thread that fetches the pictures that people have at their provider of
 * identity (store/social_picture.h), and gives them to who has none here.
 *
 * The address comes out of a token: the courier goes there only by https and to public
 * addresses.  What comes back is taken for as hostile as any upload, and goes the same way
 * (api/upload.h).  A place that can't be had is tried a few times, then forgotten; who takes
 * their picture away later is not given it again.
 */
#ifndef SUT_API_PORTRAITS_H
#define SUT_API_PORTRAITS_H

#include "base/clock.h"
#include "base/err.h"

struct sut_app;
struct api_portraits;

/* *ret is NULL, and nothing runs, where nobody signs in with a provider.  The app is borrowed. */
SUT_ERR api_portraits_start(const struct sut_app *app, struct api_portraits **ret);
/* After a commit that noted one.  Any thread; NULL is fine. */
void api_portraits_wake(struct api_portraits *p);
/* Finishes the one in hand, which takes as long as an upload; NULL inside is fine. */
void api_portraits_stop(struct api_portraits **p);

/* Fetch one that is due; *ret_next: when to come again. */
SUT_ERR api_portraits_turn(const struct sut_app *app, sut_ms *ret_next);

#endif
