/* SPDX-License-Identifier: Apache-2.0
 *
 * probe - linked into sutler-probe alone, which is the program and this: on a signal
 * the role that gets it does what no role may.  The scenarios look at what becomes
 * of it.  The program that is shipped has none of this.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char *what)
{
    if (write(2, what, strlen(what)) < 0)
        _exit(1);
}

static void try_open(int sig)
{
    (void) sig;
    const int fd = open("/etc/shadow", O_RDONLY | O_CLOEXEC);
    say(fd >= 0 ? "probe: opened\n" : errno == EACCES ? "probe: refused\n" : "probe: failed\n");
}

static void try_socket(int sig)
{
    (void) sig;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    say(fd >= 0 ? "probe: socket\n" : "probe: failed\n");
}

static void try_exec(int sig)
{
    static char name[] = "/bin/true";
    static char *argv[] = { name, NULL };
    (void) sig;
    (void) execve(name, argv, argv + 1);
    say(errno == EACCES ? "probe: refused\n" : "probe: failed\n");
}

static void try_fork(int sig)
{
    (void) sig;
    const long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    say(pid > 0 ? "probe: forked\n" : "probe: failed\n");
}

static void try_code(int sig)
{
    (void) sig;
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say(p != MAP_FAILED ? "probe: code\n" : "probe: failed\n");
}

static void try_write(int sig)
{
    (void) sig;
    const int fd = open("/tmp/sutler-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    say(fd >= 0 ? "probe: opened\n" : errno == EACCES ? "probe: refused\n" : "probe: failed\n");
}

/* What leads out without a name of its own: a signal, one that the kernel sends, a connection. */
static void try_signal(int sig)
{
    (void) sig;
    const long got = syscall(SYS_tgkill, 1, 1, 0);
    say(got == 0 ? "probe: signalled\n" : "probe: failed\n");
}

static void try_owner(int sig)
{
    (void) sig;
    say(fcntl(2, F_SETOWN, 1) == 0 ? "probe: owned\n" : "probe: failed\n");
}

static void try_fast_open(int sig)
{
    (void) sig;
    say(sendto(2, "", 0, MSG_FASTOPEN, NULL, 0) == 0 ? "probe: sent\n" : "probe: failed\n");
}

/* A port of our own, as a program that waits for visitors has one. */
static void try_bind(int sig)
{
    (void) sig;
    const struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    say(fd >= 0 && bind(fd, (const struct sockaddr *) &to, sizeof(to)) == 0 ? "probe: bound\n"
                                                                            : "probe: failed\n");
}

/* A port that stands in no table. */
static void try_connect(int sig)
{
    (void) sig;
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons(22),
                                    .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int code = connect(fd, (const struct sockaddr *) &to, sizeof(to));
    say(code < 0 && errno == EACCES ? "probe: refused\n" : "probe: connected\n");
}

/* What DNS and TCP have no need of. */
static void try_raw(int sig)
{
    (void) sig;
    say(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0 ? "probe: raw\n" : "probe: failed\n");
}

__attribute__((constructor)) static void install(void)
{
    static void (*const acts[])(int) = { try_open,      try_socket, try_exec,    try_fork,
                                         try_code,      try_write,  try_signal,  try_owner,
                                         try_fast_open, try_bind,   try_connect, try_raw };
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
        (void) signal(SIGRTMIN + 1 + (int) i, acts[i]);
}
