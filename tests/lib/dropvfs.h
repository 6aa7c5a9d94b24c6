/* SPDX-License-Identifier: Apache-2.0
 *
 * dropvfs - a disk that keeps nothing that was not synced, and can be full.
 *
 * A SQLite VFS over "unix": what is written stays in this process's memory,
 * where all its connections see it, until the file is synced; so a process
 * that is killed loses what a machine without power would lose.  Locks and the
 * shared index of the log are unix's own.  For tests, and for the server
 * `sutler-test`; one process per database.  Any thread.
 */
#ifndef TESTS_LIB_DROPVFS_H
#define TESTS_LIB_DROPVFS_H

#include <stdbool.h>
#include <stdint.h>

/* Make the VFS known under this name (for sut_db_options.vfs); a second call changes nothing. */
bool sut_testvfs_register(const char *name);
/* The files together may hold this many bytes; negative: no limit (as at the start). */
void sut_testvfs_set_budget(int64_t bytes);
/* Bytes that the files of this VFS hold now. */
int64_t sut_testvfs_total(void);
/* Lie as a broken disk does: a sync keeps nothing.  Shows that a test can see a loss. */
void sut_testvfs_ignore_syncs(bool ignore);

#endif
