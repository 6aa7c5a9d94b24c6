/* SPDX-License-Identifier: Apache-2.0
 *
 * key_kinds - the kinds of keys that an operator sees: `sutler key rotate KIND`.
 */
#ifndef SUT_PROG_KEY_KINDS_H
#define SUT_PROG_KEY_KINDS_H

#include <stdbool.h>

#include "base/str.h"
#include "ipc/keeper.h"

enum sut_key_kind {
    SUT_KIND_TOKEN,
    SUT_KIND_LINK,
    SUT_KIND_INDEX,
    SUT_KIND_DATA,
    SUT_KIND_MEDIA,
    SUT_KIND_FILE,
    SUT_KIND_MASTER,
    SUT_KIND_LOG,
    SUT_KIND_AUDIT,
    SUT_KIND_TLS,
    SUT_KINDS
};

struct sut_key_kind_info {
    const char *word;
    enum sut_key_purpose purpose; /* SUT_KEY_PURPOSES: none of the keyring's */
    int greatest_days;            /* an older one is marked; 0: it says itself when it ends */
    const char *what;             /* for the help text */
};
extern const struct sut_key_kind_info sut_key_kinds[SUT_KINDS];

/* False when there is no such kind. */
bool sut_key_kind_of(sut_str word, enum sut_key_kind *ret);
/* The kind that rotates a purpose; SUT_KINDS when none does. */
enum sut_key_kind sut_key_kind_for(enum sut_key_purpose purpose);

#endif
