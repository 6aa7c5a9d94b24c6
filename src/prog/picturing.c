/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/picturing.h"

#include <limits.h>
#include <string.h>

#include "base/buf.h"
#include "config/config.h"
#include "crypto/hmac.h"
#include "guard/uploads.h"
#include "log/log.h"
#include "media/local.h"
#include "media/media.h"
#include "media/s3.h"
#include "media/sweeper.h"
#include "store/store.h"

enum { SWEEPER_STOP_MS = 2000 /* for an object store that takes its time */ };

/* Addresses of pictures are signed with keys of the same ring: files have one derived of it. */
static void take_key(const struct sut_signing_key *from, struct sut_media_key *ret)
{
    sut_hmac(&from->mac, SUT_STR("sutler media seal"), ret->key);
    ret->kid_n = from->kid_n;
    memcpy(ret->kid, from->kid, from->kid_n);
}

static bool is_named(const struct sut_signing_key *k, sut_str kid)
{
    return k->kid_n <= SUT_MEDIA_KID && sut_str_eq(sut_str_of(k->kid, k->kid_n), kid);
}

static sut_err find_key(void *ctx, sut_str kid, struct sut_media_key *ret)
{
    const struct sut_signing_keys *keys = sut_keyring_look(ctx);
    const struct sut_signing_key *found = NULL;
    if (kid.n == 0 || is_named(&keys->current, kid))
        found = &keys->current;
    for (size_t i = 0; i < keys->n_others && found == NULL; i++)
        if (is_named(&keys->others[i], kid))
            found = &keys->others[i];
    /* The ring names its own keys, in 8 characters. */
    ENSURE(found != NULL && found->kid_n <= SUT_MEDIA_KID, NOT_FOUND);
    take_key(found, ret);
    return SUT_OK;
}

static SUT_ERR open_place(const struct sut_app *app, struct sut_media_place *ret)
{
    const struct sut_config *c = app->config;
    if (c->uploads.store == SUT_UPLOADS_S3)
        return sut_media_s3_open(app->courier, ret);
    char folder[PATH_MAX];
    struct sut_buf b = { .p = folder, .cap = sizeof(folder), .max = sizeof(folder) };
    sut_buf_str_add(&b, c->server.data);
    sut_buf_lit(&b, "/media");
    TRY(sut_buf_check(&b));
    return sut_media_local_open(sut_buf_str(&b), ret);
}

static void say_trouble(void *ctx, sut_err e)
{
    (void) ctx;
    sut_log(SUT_LOG_WARN, "pictures_not_swept", LOG_ERR(e));
}

SUT_ERR sut_picturing_start(struct sut_app *app)
{
    struct sut_media_options o = {
        .store = app->store,
        .random = app->random,
        .keys = { .ctx = app->media, .find = find_key },
    };
    TRY(sut_uploads_create(app->config->uploads.at_once, &app->uploads));
    TRY(open_place(app, &o.place));
    TRY(sut_media_create(&o, &app->pictures));
    const struct sut_sweeper_options so = {
        .media = app->pictures,
        .clock = app->clock,
        /* What waits there may be another server's. */
        .recovers = !sut_store_is_remote(app->store),
        .tell = say_trouble,
    };
    return sut_sweeper_start(&so, &app->sweeper);
}

bool sut_picturing_stop(struct sut_app *app)
{
    const bool is_home = sut_sweeper_stop_within(&app->sweeper, SWEEPER_STOP_MS);
    if (is_home)
        sut_media_free(&app->pictures);
    sut_uploads_free(&app->uploads);
    return is_home;
}
