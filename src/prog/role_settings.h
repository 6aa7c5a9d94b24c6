/* SPDX-License-Identifier: Apache-2.0
 *
 * role_settings - the settings that a role finds on its descriptor: packed by who
 * starts it, read by itself.
 */
#ifndef SUT_PROG_ROLE_SETTINGS_H
#define SUT_PROG_ROLE_SETTINGS_H

#include "base/err.h"
#include "config/config.h"

/*
 * Pack what this role may know into sealed memory that no path leads to, locked for
 * as long as the process lives; *ret_fd stands at its beginning.  SYSTEM.
 */
SUT_ERR sut_role_settings_pack(const struct sut_config *c, enum sut_config_for whom, int *ret_fd);
/* Read SUT_ROLE_FD_SETTINGS to its end, close it, wipe what was read.  PARSE: it holds none. */
SUT_ERR sut_role_settings(struct sut_config **ret);

#endif
