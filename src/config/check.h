/* SPDX-License-Identifier: Apache-2.0
 *
 * check - what no single setting can tell: that they go together, and that
 * secrets are none.
 *
 * For this layer alone.
 */
#ifndef SUT_CONFIG_CHECK_H
#define SUT_CONFIG_CHECK_H

#include "config/config.h"

/* Look at a config whose values are each good, and fill in what follows from others. */
void sut_config__check(struct sut_config *c, struct sut_config_report *r);

#endif
