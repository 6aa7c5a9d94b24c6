/* SPDX-License-Identifier: Apache-2.0
 *
 * role_signals - what a role that serves the others does with signals.
 */
#ifndef SUT_PROG_ROLE_SIGNALS_H
#define SUT_PROG_ROLE_SIGNALS_H

#include "base/err.h"

/*
 * Block TERM, INT and HUP for this thread and those that it starts; *ret_fd (to be closed)
 * is readable on TERM alone: a terminal's INT goes to all, and the supervisor says when
 * to end.  SYSTEM.
 */
SUT_ERR sut_role_signals(int *ret_fd);

#endif
