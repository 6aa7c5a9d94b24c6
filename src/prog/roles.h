/* SPDX-License-Identifier: Apache-2.0
 *
 * roles - the processes of a running server, as `sutler --role=NAME` starts them.
 *
 * The supervisor starts each by fork and exec and hands it descriptors under
 * fixed numbers: 3 the packed settings, 4 its line to the supervisor, from 8 on
 * the listening sockets (first plain, then TLS).  A darkroom has but one: 5, the connection
 * of its picture.
 */
#ifndef SUT_PROG_ROLES_H
#define SUT_PROG_ROLES_H

enum {
    SUT_ROLE_FD_SETTINGS = 3,
    SUT_ROLE_FD_SUPERVISOR = 4,
    SUT_ROLE_FD_PICTURE = 5,
    SUT_ROLE_FD_LISTEN = 8,
    SUT_ROLE_LISTEN_MAX = 16,
};

/* How a darkroom ends that nobody has sent a byte. */
enum { SUT_DARKROOM_RESTED = 3 };

/* Run the role of this name until it ends; gives its exit code. */
int sut_role_main(const char *name, int argc, char **argv);

/* The keeper: argv holds `--keys=DIR`, `--may-create=0|1` and `--next=none|make|adopt` (words.h).
 */
int sut_role_keeper(int argc, char **argv);
/* The courier: argv[2] is `--rest=MS`, after how long without an errand it says REST (words.h). */
int sut_role_courier(int argc, char **argv);
/* A darkroom: argv[2] is `--rest=MS`, how long it waits for the first byte of its picture. */
int sut_role_darkroom(int argc, char **argv);
/* The worker: argv holds `--plain=N` and `--tls=N`, how many sockets of each kind it got. */
int sut_role_worker(int argc, char **argv);

#endif
