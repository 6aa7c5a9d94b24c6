/* SPDX-License-Identifier: Apache-2.0
 *
 * problems - collects what is wrong, each with place, sentence and hint.
 *
 * For this layer alone.  The caller owns the report; past the maximum the
 * last entry is overwritten.
 */
#ifndef SUT_CONFIG_PROBLEMS_H
#define SUT_CONFIG_PROBLEMS_H

#include "config/config.h"

enum { SUT_PROBLEMS_MAX = 100 };

/* Room for all, taken before the first is found: a problem is never lost for want of memory. */
SUT_ERR sut_problems__init(struct sut_config_report *r);
/* A new, empty entry to fill. */
struct sut_diag *sut_problems__add(struct sut_config_report *r);
struct sut_diag *sut_problems__warn(struct sut_config_report *r);

#endif
