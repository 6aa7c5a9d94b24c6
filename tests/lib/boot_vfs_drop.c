/* SPDX-License-Identifier: Apache-2.0
 *
 * In the place of src/prog/boot_vfs.c: the program `sutler-drop`, whose disk
 * keeps nothing that was not synced.
 */
#include "base/err.h"
#include "dropvfs.h"
#include "prog/boot.h"

const char *sut_boot_vfs(void)
{
    SUT_BUG_IF(!sut_testvfs_register("drop"));
    return "drop";
}
