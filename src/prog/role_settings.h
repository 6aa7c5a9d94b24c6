/* SPDX-License-Identifier: Apache-2.0
 *
 * role_settings - the settings that a role finds on its descriptor.
 */
#ifndef SUT_PROG_ROLE_SETTINGS_H
#define SUT_PROG_ROLE_SETTINGS_H

#include "base/err.h"
#include "config/config.h"

/* Read SUT_ROLE_FD_SETTINGS to its end, close it, wipe what was read.  PARSE: it holds none. */
SUT_ERR sut_role_settings(struct sut_config **ret);

#endif
