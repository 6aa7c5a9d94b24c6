/* SPDX-License-Identifier: Apache-2.0
 *
 * curl - libcurl, loaded by the courier alone; for files of this folder alone.
 *
 * It brings thirty libraries along (Kerberos, LDAP, GnuTLS, SSH).  Linked to the
 * program they would cost each role more than a megabyte.  It is loaded before the role shuts
 * itself in; from then on nothing is.
 */
#ifndef SUT_COURIER_CURL_H
#define SUT_COURIER_CURL_H

/* Its checks of types are macros that call by name. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

/* And so are its doors to the functions with `...`. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt
#undef curl_share_setopt

#include "base/diag.h"
#include "base/err.h"

/* clang-format off */
#define SUT_CURL_FUNCTIONS(X) \
    X(curl_easy_cleanup) \
    X(curl_easy_getinfo) \
    X(curl_easy_init) \
    X(curl_easy_setopt) \
    X(curl_free) \
    X(curl_global_init_mem) \
    X(curl_multi_add_handle) \
    X(curl_multi_cleanup) \
    X(curl_multi_info_read) \
    X(curl_multi_init) \
    X(curl_multi_perform) \
    X(curl_multi_poll) \
    X(curl_multi_remove_handle) \
    X(curl_multi_setopt) \
    X(curl_share_cleanup) \
    X(curl_share_init) \
    X(curl_share_setopt) \
    X(curl_slist_append) \
    X(curl_slist_free_all) \
    X(curl_url) \
    X(curl_url_cleanup) \
    X(curl_url_get) \
    X(curl_url_set)
/* clang-format on */

struct sut_curl {
#define SUT_CURL_MEMBER(name_) __typeof__(name_) *name_;
    SUT_CURL_FUNCTIONS(SUT_CURL_MEMBER)
#undef SUT_CURL_MEMBER
};

/* SYSTEM with a diag when it is not there. */
SUT_ERR sut_curl_load(struct sut_curl *ret, struct sut_diag *reterr_diag);

#endif
