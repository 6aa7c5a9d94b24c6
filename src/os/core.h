/* SPDX-License-Identifier: Apache-2.0
 *
 * core - on which core a thread runs.
 *
 * To wake a thread that sleeps on another core costs an interrupt there, and on
 * a virtual machine an exit or two: some ten times what a switch on the same core
 * does.  Two threads that wait for each other in turn are best on one.
 */
#ifndef SUT_OS_CORE_H
#define SUT_OS_CORE_H

#include <stdint.h>

/* Above every number of a core. */
enum { SUT_CORES_MAX = 1024 };

/* The number of the core that runs the caller just now; SUT_CORES_MAX: not known. */
uint32_t sut_core_here(void);

/* From now on the calling thread runs on this core only; nothing changes where it may not. */
void sut_core_stay_on(uint32_t core);

#endif
