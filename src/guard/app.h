/* SPDX-License-Identifier: Apache-2.0
 *
 * app - all that a request may need, made once at start and then only read.
 *
 * prog fills it and owns every part; the parts do their own locking.
 */
#ifndef SUT_GUARD_APP_H
#define SUT_GUARD_APP_H

#include "authn/jwt.h"
#include "authn/password_rules.h"
#include "base/bytes.h"
#include "base/clock.h"

struct sut_config;
struct sut_random;
struct sut_store;
struct sut_keyring;
struct sut_sessions;
struct sut_hasher;
struct sut_counters;
struct sut_hmac_key;
struct sut_events;
struct sut_fragments;
struct sut_views;
struct sut_router;
struct sut_headers;
struct sut_pages;
struct sut_sharing;
struct sut_media;
struct sut_postman;
struct sut_sweeper;
struct sut_uploads;
struct sut_courier;
struct sut_darkroom;
struct sut_google;
struct sut_asking;
struct sut_cashier;
struct sut_pay;
struct api_portraits;

struct sut_app {
    const struct sut_config *config;
    const struct sut_clock *clock;
    sut_ms started_at; /* of this program: guard/idempotency.h */
    const struct sut_random *random;
    struct sut_store *store;
    struct sut_keyring *keyring;
    struct sut_keyring *links; /* signs what links in mails carry */
    struct sut_keyring *media; /* signs addresses of pictures */
    struct sut_token_policy token_policy;
    struct sut_sessions *sessions;
    struct sut_password_policy password_policy;
    struct sut_hasher *hasher;
    struct sut_counters *counters;
    const struct sut_hmac_key *device_key; /* of device cookies; NULL: no device is told apart */
    struct sut_events *events;
    struct sut_fragments *fragments;
    struct sut_views *views; /* of outfits; NULL: none are counted */
    const struct sut_router *router;
    const struct sut_headers *headers;
    struct sut_courier *courier;     /* NULL: the settings name no place to go out to */
    struct sut_darkroom *darkroom;   /* decodes pictures */
    struct sut_google *google;       /* NULL: nobody signs in with Google */
    struct sut_asking *asking;       /* Facebook */
    struct sut_media *pictures;      /* where they are kept */
    struct sut_sweeper *sweeper;     /* deletes those that nobody points to */
    struct sut_uploads *uploads;     /* bounds forms with files; NULL: tests */
    struct sut_postman *postman;     /* NULL: mails wait in the outbox */
    const struct sut_pay *pay;       /* NULL: tests */
    struct api_portraits *portraits; /* NULL: nobody signs in with a provider */
    struct sut_cashier *cashier;     /* NULL: events of providers wait in the inbox */
    struct sut_bytes *openapi;       /* the document, rendered once */
    struct sut_sharing *sharing;     /* NULL: some proxy is trusted, or it is development */
    bool plain_loopback_ok; /* --demo or --insecure-dev: plain HTTP is answered on loopback */
};

#endif
