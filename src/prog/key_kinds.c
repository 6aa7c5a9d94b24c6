/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/key_kinds.h"

const struct sut_key_kind_info sut_key_kinds[SUT_KINDS] = {
    [SUT_KIND_TOKEN] = { "token", SUT_KEY_TOKEN, 90, "signs access and refresh tokens" },
    [SUT_KIND_LINK] = { "link", SUT_KEY_LINK, 90, "signs links in mails" },
    [SUT_KIND_INDEX] = { "index", SUT_KEY_INDEX, 365, "by what sealed fields are found" },
    [SUT_KIND_DATA] = { "data", SUT_KEY_DATA, 365,
                        "the keys of all persons: seals every row anew" },
    [SUT_KIND_MEDIA] = { "media", SUT_KEY_MEDIA, 365, "seals pictures" },
    [SUT_KIND_FILE] = { "file", SUT_KEY_FILE, 365, "encrypts the embedded store's file" },
    [SUT_KIND_MASTER] = { "master", SUT_KEY_PURPOSES, 365, "wraps all other keys" },
    [SUT_KIND_LOG] = { "log", SUT_KEY_PSEUDONYM, 365, "stands for a person in the log" },
    [SUT_KIND_AUDIT] = { "audit", SUT_KEY_AUDIT, 730, "signs checkpoints of the audit" },
    [SUT_KIND_TLS] = { "tls", SUT_KEY_PURPOSES, 0, "reads certificate and key anew" },
};

bool sut_key_kind_of(sut_str word, enum sut_key_kind *ret)
{
    for (unsigned k = 0; k < SUT_KINDS; k++)
        if (sut_str_is(word, sut_key_kinds[k].word)) {
            *ret = (enum sut_key_kind) k;
            return true;
        }
    return false;
}

enum sut_key_kind sut_key_kind_for(enum sut_key_purpose purpose)
{
    unsigned k = 0;
    while (k < SUT_KINDS && (sut_key_kinds[k].purpose != purpose || purpose == SUT_KEY_PURPOSES))
        k++;
    return (enum sut_key_kind) k;
}
