/* SPDX-License-Identifier: Apache-2.0
 *
 * harden - what every role does to itself before its first byte of input.
 */
#ifndef SUT_OS_HARDEN_H
#define SUT_OS_HARDEN_H

#include <stdint.h>

#include "base/err.h"

/*
 * No new privileges, not dumpable (no core, no ptrace by the same user,
 * /proc/self owned by root), core size 0, SIGPIPE ignored.  SYSTEM when the
 * kernel refuses any of it: the role must exit then.
 */
SUT_ERR sut_harden_process(void);

/*
 * Give up every capability for good, also root's: no set holds one afterwards,
 * and no exec brings one back.  Call before threads are started.
 */
SUT_ERR sut_harden_drop_capabilities(void);

/* Let this process and its children lock so many bytes of memory, as far as it may say so. */
void sut_harden_raise_locked(uint64_t bytes);

/*
 * Overwrite every string of the environment with zeros and empty it, so that
 * neither /proc/self/environ nor a child sees a secret that came by it.  Call
 * once, before threads, after the settings have copied what they need.
 */
void sut_harden_wipe_environ(void);

#endif
