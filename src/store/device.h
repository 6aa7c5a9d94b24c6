/* SPDX-License-Identifier: Apache-2.0
 *
 * device - rows of devices that people have signed in on.
 *
 * A device is known by SUT_DEVICE_HASH bytes of its cookie's digest; the row
 * names the person, the cookie doesn't.
 */
#ifndef SUT_STORE_DEVICE_H
#define SUT_STORE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;
struct sut_store;

enum {
    SUT_DEVICE_HASH = 16,
    SUT_DEVICES_MAX = 64, /* of one person; beyond, the longest unseen are forgotten */
};

/* In a write job: seen now.  *ret_is_new: not before; *ret_is_first: the person's first at all. */
SUT_ERR sut_device_see(struct sut_db_conn *c, int64_t person, sut_str device, sut_ms now,
                       bool *ret_is_new, bool *ret_is_first);
/* Whether this person signed in on it within SUT_DEVICE_KEEP_DAYS. */
SUT_ERR sut_device_is_known(struct sut_db_conn *c, int64_t person, sut_str device, sut_ms now,
                            bool *ret);
/* The devices of a person, the latest seen first; slices of SUT_DEVICE_HASH bytes in the arena. */
SUT_ERR sut_device_list(struct sut_db_conn *c, struct sut_arena *a, int64_t person, sut_str **ret,
                        size_t *ret_n);
/* In a write job: the person knows no device any more. */
SUT_ERR sut_device_forget(struct sut_db_conn *c, int64_t person);
/* Delete what was last seen SUT_DEVICE_KEEP_DAYS ago, in small steps.  Blocks. */
SUT_ERR sut_device_prune(struct sut_store *s, sut_ms now);

#endif
