/* SPDX-License-Identifier: Apache-2.0
 *
 * setting - the rows of settings.def, and how the text of a value becomes a field.
 *
 * For this layer alone.  The table is constant; sut_setting__apply() writes
 * into the config that is being made.  One thread.
 */
#ifndef SUT_CONFIG_SETTING_H
#define SUT_CONFIG_SETTING_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "config/config.h"

struct sut_arena;

enum sut_setting_kind {
    SUT_KIND_TEXT,
    SUT_KIND_PATH,
    SUT_KIND_BOOL,
    SUT_KIND_COUNT,   /* uint32_t */
    SUT_KIND_BYTES,   /* uint64_t: 65536, 64K, 19M, 1G */
    SUT_KIND_BYTES32, /* uint32_t */
    SUT_KIND_SECONDS, /* uint32_t: 90s, 15m, 1h, 14d */
    SUT_KIND_MILLIS,  /* uint32_t: 250ms, 10s, 1m */
    SUT_KIND_RATE,    /* 100/hour, 5/m */
    SUT_KIND_CHOICE,
    SUT_KIND_ADDRS,
    SUT_KIND_NETS,
    SUT_KIND_HOSTS,
    SUT_KIND_ORIGINS,
    SUT_KIND_URL,
    SUT_KIND_SECRET,
    SUT_KIND_SECRET_URL,
    SUT_KIND_KEY, /* a secret of 32 bytes, as 64 hexadecimal digits */
    SUT_KIND_STORE,
};

enum sut_setting_flags {
    SUT_SETTING_SECRET = 1,             /* never from a file or argv */
    SUT_SETTING_SECRET_IF_PASSWORD = 2, /* the same when the URL holds a password */
    SUT_SETTING_STRONG = 4,             /* weak and example secrets are refused */
    SUT_SETTING_LATER = 8,              /* read and checked; used when that feature is on */
    SUT_SETTING_KEEPER = 16,            /* the keeper reads it, and no other setting */
    SUT_SETTING_NO_WORKER = 32,         /* the worker must not have it */
    SUT_SETTING_COURIER = 64,           /* the courier reads it, and no other setting */
};

struct sut_setting {
    const char *section;
    const char *key;
    enum sut_setting_kind kind;
    size_t offset; /* in struct sut_config */
    const char *fallback;
    const char *doc;
    int64_t min;                /* of numbers, and of a text's length */
    int64_t max;                /* 0 with a text: 4096 */
    const char *const *choices; /* NULL ends; the index is the enum's number */
    const char *django;         /* the name that a Django shop has in its environment */
    unsigned flags;
    bool (*check)(sut_str value, struct sut_diag *reterr_diag); /* of a text that is not empty */
};

/* All rows, in the order of settings.def. */
const struct sut_setting *sut_setting__all(size_t *ret_n);
/* The row, or NULL. */
const struct sut_setting *sut_setting__find(sut_str section, sut_str key);
size_t sut_setting__index(const struct sut_setting *s);
bool sut_setting__has_section(sut_str section);
/* The preset's text for this row, else the table's. */
const char *sut_setting__fallback(const struct sut_setting *s, enum sut_config_preset preset);
/* Whether a preset gives it. */
bool sut_setting__is_of_preset(const struct sut_setting *s);
/* The number of a choice's word, or -1. */
int sut_setting__choice(const char *const *choices, sut_str word);
extern const char *const sut_setting__presets[];

/* Append "SUTLER_LIMITS_ANON". */
void sut_setting__env_name(const struct sut_setting *s, struct sut_buf *out);

/* The setting that SUTLER_... names (then *ret_exact), or one that was probably meant, or NULL. */
const struct sut_setting *sut_setting__by_env_name(sut_str name, bool *ret_exact);

/*
 * Say what was probably meant, as a hint: the key of this section that is
 * nearest, or the section in which that key stands.
 */
void sut_setting__hint_key(sut_str section, sut_str key, struct sut_diag *d);
void sut_setting__hint_section(sut_str section, struct sut_diag *d);
/* How many single changes (a letter more, less, another, two swapped) lie between; above 32 bytes
 * they count as far. */
size_t sut_setting__distance(sut_str a, sut_str b);

/*
 * Check the text and write the field.  INVALID with a sentence and perhaps a
 * hint; NOMEM.  Strings are copied into the arena.  The sentence names the
 * value, unless the setting is a secret.
 */
SUT_ERR sut_setting__apply(const struct sut_setting *s, sut_str raw, struct sut_arena *a,
                           struct sut_config *c, struct sut_diag *reterr_diag);
/* The secret behind a field, or NULL. */
struct sut_secret **sut_setting__secret(const struct sut_setting *s, struct sut_config *c);

bool sut_setting__is_currency(sut_str v, struct sut_diag *d);
bool sut_setting__is_prefix(sut_str v, struct sut_diag *d);
bool sut_setting__is_contact(sut_str v, struct sut_diag *d);
bool sut_setting__is_mailbox(sut_str v, struct sut_diag *d);
/* One to 16 items parted by commas. */
bool sut_setting__is_names(sut_str v, struct sut_diag *d);
bool sut_setting__is_app_id(sut_str v, struct sut_diag *d);
bool sut_setting__is_domain(sut_str v, struct sut_diag *d);
bool sut_setting__is_clamd(sut_str v, struct sut_diag *d);
/* A region, a bucket, the id of a key: letters, digits, and -._ within. */
bool sut_setting__is_s3_word(sut_str v, struct sut_diag *d);

#endif
