/* SPDX-License-Identifier: Apache-2.0
 *
 * place - addresses, networks, host names, origins and URLs in settings.
 *
 * For this layer alone.  Every function checks one text, fills *ret with
 * copies in the arena, and says in the diag what is wrong: INVALID; NOMEM.
 */
#ifndef SUT_CONFIG_PLACE_H
#define SUT_CONFIG_PLACE_H

#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "config/config.h"

struct sut_arena;

/* "127.0.0.1:8000", "[::1]:8000", ":8000" (all addresses of IPv4); numeric hosts alone. */
SUT_ERR sut_place__addr(sut_str s, struct sut_arena *a, struct sut_config_addr *ret,
                        struct sut_diag *d);
/* "10.0.0.0/8", "::1": bits beyond the mask must be 0. */
SUT_ERR sut_place__net(sut_str s, struct sut_arena *a, struct sut_config_net *ret,
                       struct sut_diag *d);
/* "shop.example", ".example.com", "[::1]", "*"; made lower case. */
SUT_ERR sut_place__host(sut_str s, struct sut_arena *a, sut_str *ret, struct sut_diag *d);
/* "https://shop.example" exactly as a browser sends it: lower case, no default port, no path. */
SUT_ERR sut_place__origin(sut_str s, struct sut_arena *a, sut_str *ret, struct sut_diag *d);
/* An http or https URL without user, query or fragment; slashes at the end are dropped. */
SUT_ERR sut_place__url(sut_str s, struct sut_arena *a, sut_str *ret, struct sut_diag *d);

/* "unix:/PATH" (absolute, as long as a socket's address can be) or HOST:PORT; INVALID. */
SUT_ERR sut_place__clamd(sut_str s, struct sut_config_clamd *ret);

/* The port of a URL that has been checked, also when it is the scheme's own. */
uint16_t sut_place__port(sut_str url);

/* The password inside scheme://user:password@host, or an empty slice. */
sut_str sut_place__password_of(sut_str url);
/* Whether `password=` stands among the parameters of a URL. */
bool sut_place__has_password(sut_str url);

#endif
