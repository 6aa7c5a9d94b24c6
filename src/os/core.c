/* SPDX-License-Identifier: Apache-2.0 */
#include "os/core.h"

#include <sched.h>

_Static_assert((int) SUT_CORES_MAX <= (int) CPU_SETSIZE, "a set has room");

uint32_t sut_core_here(void)
{
    const int core = sched_getcpu();
    return core < 0 || core >= SUT_CORES_MAX ? (uint32_t) SUT_CORES_MAX : (uint32_t) core;
}

void sut_core_stay_on(uint32_t core)
{
    cpu_set_t set;
    if (core >= SUT_CORES_MAX)
        return;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    /* Of a core that is not ours, or gone, the kernel says no: the thread stays where it may. */
    (void) sched_setaffinity(0, sizeof(set), &set);
}
