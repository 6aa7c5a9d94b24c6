/* SPDX-License-Identifier: Apache-2.0
 *
 * own - what a struct sut_config owns beside its fields: memory and origins.
 *
 * For this layer alone.
 */
#ifndef SUT_CONFIG_OWN_H
#define SUT_CONFIG_OWN_H

#include "base/str.h"
#include "config/config.h"

struct sut_arena;

enum { SUT_CONFIG_ARENA_MAX = 4 * 1024 * 1024 };

/* The text of one setting as it was given, and from where. */
struct sut_config_value {
    sut_str raw;       /* empty for a secret */
    sut_str origin;    /* "sutler.conf:12", "environment SUTLER_LIMITS_ANON", "preset nsgg" */
    bool is_explicit;  /* given by somebody, not by a preset or default */
    bool is_elsewhere; /* a secret that is set, and not for this role */
};

struct sut_config_own {
    struct sut_arena *arena;
    struct sut_config_value *values; /* by sut_setting__index() */
};

/* An empty config with its arena; end it with sut_config_free(). */
SUT_ERR sut_config__create(struct sut_config **ret);

#endif
