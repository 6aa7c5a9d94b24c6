/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "prog/boot.h"

const char *sut_boot_vfs(void)
{
    return NULL;
}
