/* SPDX-License-Identifier: Apache-2.0
 *
 * picture_url - addresses of pictures as answers have them: absolute on the public URL,
 * signed, good for 12 to 24 hours.
 *
 * Rows hold names of files ("<name>.jpg"); whoever renders JSON makes addresses of them, in
 * the arena, so that one that was rendered long ago is never shown.  Any thread.
 */
#ifndef SUT_API_PICTURE_URL_H
#define SUT_API_PICTURE_URL_H

#include "base/arena.h"
#include "base/clock.h"
#include "config/config.h"
#include "guard/req.h"
#include "store/catalogue.h"

struct sut_keyring;

struct api_picture_urls {
    const struct sut_keyring *ring; /* NULL: names stay names (tests) */
    sut_str public_url;
    sut_ms now;
};

static inline struct api_picture_urls api_picture_urls_of(const struct sut_req *r)
{
    return (struct api_picture_urls){
        .ring = r->app->media,
        .public_url = r->app->config->server.public_url,
        .now = r->now,
    };
}

/* The address of a file; {NULL,0} for an empty name, and without memory (the arena says so). */
sut_str api_picture_url(const struct api_picture_urls *u, struct sut_arena *a, sut_str file);
/* Put addresses in the place of all names of files in products that were loaded from the store. */
SUT_ERR api_picture_urls_products(const struct api_picture_urls *u, struct sut_arena *a,
                                  struct sut_product *products, size_t n);

#endif
