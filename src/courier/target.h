/* SPDX-License-Identifier: Apache-2.0
 *
 * target - a URL, taken apart and judged before anything is looked up.
 *
 * libcurl's own parser reads it and libcurl goes by what that read: there is no
 * second opinion on what the host is.  Any thread.
 */
#ifndef SUT_COURIER_TARGET_H
#define SUT_COURIER_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "courier/address.h"
#include "courier/curl.h"
#include "courier/resolve.h"
#include "ipc/courier_wire.h"

struct sut_target {
    CURLU *url;
    char host[SUT_LOOKUP_NAME_MAX + 1]; /* lower case, an IPv6 address without brackets */
    uint16_t port;
    bool is_https;
    bool may_leave;  /* this machine: it is encrypted */
    bool is_numeric; /* the host is `address` */
    struct sut_address address;
};

/*
 * DENIED: no URL, or none of this kind.  Out of data: https to port 443, without a user or a
 * zone, to a name or a public address.  From the settings: https or http too, any port; SMTP
 * through sut_target_mail().
 */
SUT_ERR sut_target_parse(const struct sut_curl *curl, sut_str text, enum sut_errand_where where,
                         struct sut_target *ret);
/* Where and how a mail server is reached. */
struct sut_mail_place {
    sut_str host;
    uint16_t port;
    bool use_ssl;      /* TLS from the first byte */
    bool use_tls;      /* STARTTLS */
    bool may_be_clear; /* without either also beyond this machine: development */
};
/* `helo` is the name that we give. */
SUT_ERR sut_target_mail(const struct sut_curl *curl, const struct sut_mail_place *place,
                        sut_str helo, struct sut_target *ret);
void sut_target_done(const struct sut_curl *curl, struct sut_target *t);

/* Whether an address that its host has may be connected to. */
bool sut_target_may_connect(const struct sut_target *t, enum sut_errand_where where,
                            const struct sut_address *a);

#endif
