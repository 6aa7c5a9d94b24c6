/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables: a call that stands in none of a role's kills it.
 */
#include "prog/sandboxes.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/sched.h>
#include <malloc.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "base/mem.h"
#include "config/config.h"
#include "crypto/library.h"
#include "db/reach.h"
#include "log/log.h"
#include "os/sandbox.h"
#include "prog/certificate.h"
#include "prog/roles.h"

enum {
    PATHS_MAX = 64,
    KEEPER_FILES = 128,
    COURIER_FILES = 256,
    DARKROOM_FILES = 16,
    DARKROOM_CPU_S = 10,
    DNS_PORT = 53,
    HTTPS_PORT = 443,
};

/* clang-format off */
#define ALLOW(name_)            { .number = SCMP_SYS(name_) }
#define REFUSE(name_, error_)   { .number = SCMP_SYS(name_), .error = (error_) }
#define ALLOW_IF(name_, ...)    { .number = SCMP_SYS(name_), .checks = { __VA_ARGS__ } }
#define REFUSE_IF(name_, error_, ...) \
    { .number = SCMP_SYS(name_), .error = (error_), .checks = { __VA_ARGS__ } }
#define IS(arg_, value_)        { (arg_), UINT32_MAX, (value_) }
#define LACKS(arg_, bits_)      { (arg_), (bits_), 0 }
#define HAS(arg_, bits_)        { (arg_), (bits_), (bits_) }
#define OWN_PID(arg_)           { (arg_), UINT32_MAX, SUT_SANDBOX_OWN_PID }
#define END                     { .number = -1 }

/* Every role: memory, threads, time, chance, what is open already. */
static const struct sut_sandbox_call calls_all[] = {
    ALLOW(read), ALLOW(write), ALLOW(readv), ALLOW(writev), ALLOW(close),
    ALLOW(recvmsg), ALLOW(recvfrom), ALLOW(shutdown), ALLOW(poll), ALLOW(ppoll),
    /* With this flag they connect, and no port is asked about: Landlock looks at connect(2) alone. */
    ALLOW_IF(sendmsg, LACKS(2, MSG_FASTOPEN)), ALLOW_IF(sendto, LACKS(3, MSG_FASTOPEN)),
    /* Not F_SETOWN and F_SETSIG: they make the kernel send a signal, to any process of this user. */
    ALLOW_IF(fcntl, IS(1, F_DUPFD)), ALLOW_IF(fcntl, IS(1, F_DUPFD_CLOEXEC)),
    ALLOW_IF(fcntl, IS(1, F_GETFD)), ALLOW_IF(fcntl, IS(1, F_SETFD)),
    ALLOW_IF(fcntl, IS(1, F_GETFL)), ALLOW_IF(fcntl, IS(1, F_SETFL), LACKS(2, O_ASYNC)),
    ALLOW_IF(fcntl, IS(1, F_GETLK)), ALLOW_IF(fcntl, IS(1, F_SETLK)),
    ALLOW_IF(fcntl, IS(1, F_SETLKW)), ALLOW_IF(fcntl, IS(1, F_GET_SEALS)),
    ALLOW_IF(fcntl, IS(1, F_ADD_SEALS)),
    ALLOW(lseek), ALLOW(fstat),
    ALLOW_IF(newfstatat, HAS(3, AT_EMPTY_PATH)), /* fstat() of newer libcs */

    ALLOW_IF(mmap, LACKS(2, PROT_EXEC)), ALLOW_IF(mprotect, LACKS(2, PROT_EXEC)),
    ALLOW(munmap), ALLOW(mremap), ALLOW(madvise), ALLOW(brk),
    ALLOW(mlock), ALLOW(mlock2), ALLOW(munlock),

    ALLOW_IF(clone, HAS(0, CLONE_THREAD)),
    REFUSE(clone3, ENOSYS), /* its flags lie in memory, where no filter sees them */
    ALLOW(futex), ALLOW(set_robust_list), ALLOW(rseq), ALLOW(membarrier),
    ALLOW(sched_yield), ALLOW(sched_getaffinity), ALLOW(exit), ALLOW(exit_group),
    ALLOW_IF(prctl, IS(0, PR_SET_NAME)),

    ALLOW(rt_sigreturn), ALLOW(rt_sigprocmask), ALLOW(rt_sigaction), ALLOW(rt_sigtimedwait),
    ALLOW(sigaltstack), ALLOW(restart_syscall),
    ALLOW(getpid), ALLOW(gettid), ALLOW(getuid), ALLOW(geteuid), ALLOW(getgid), ALLOW(getegid),

    ALLOW(clock_gettime), ALLOW(clock_getres), ALLOW(clock_nanosleep), ALLOW(nanosleep),
    ALLOW(gettimeofday), ALLOW(getrandom), ALLOW(getrusage),
    END
};

/* What is never started from: abort(3) and its kin, for this process alone. */
static const struct sut_sandbox_call calls_alone[] = {
    ALLOW_IF(tgkill, OWN_PID(0)),
    END
};

/* The keeper: a thread of its own goes to the core of who asks it (os/core.h). */
static const struct sut_sandbox_call calls_keeper[] = {
    ALLOW_IF(sched_setaffinity, IS(0, 0)),
    END
};

/* The worker: connections, loops, the embedded store's files (Landlock says which). */
static const struct sut_sandbox_call calls_worker[] = {
    ALLOW(accept4), ALLOW(getsockname), ALLOW(getpeername), ALLOW(getsockopt), ALLOW(setsockopt),
    ALLOW(epoll_create1), ALLOW(epoll_ctl), ALLOW(epoll_wait), ALLOW(epoll_pwait),
    ALLOW(eventfd2), ALLOW(pipe2), ALLOW_IF(ioctl, IS(1, FIONBIO)), ALLOW_IF(ioctl, IS(1, FIONREAD)),
    ALLOW_IF(ioctl, IS(1, TCGETS)),
    REFUSE(io_uring_setup, ENOSYS), /* libuv does without */

    ALLOW(openat), REFUSE(openat2, ENOSYS), ALLOW(stat), ALLOW(lstat), ALLOW(newfstatat),
    ALLOW(statx), ALLOW(access), ALLOW(faccessat), ALLOW(faccessat2), ALLOW(readlink),
    ALLOW(getcwd), ALLOW(fstatfs), ALLOW(pread64), ALLOW(pwrite64), ALLOW(ftruncate),
    ALLOW(fallocate), ALLOW(fsync), ALLOW(fdatasync), ALLOW(flock), ALLOW(unlink), ALLOW(rename),
    ALLOW(link), ALLOW(mkdir), ALLOW(rmdir), ALLOW(umask), ALLOW(fchmod), ALLOW(fchown),

    ALLOW_IF(getpriority, IS(0, PRIO_PROCESS)), ALLOW_IF(setpriority, IS(0, PRIO_PROCESS)),
    ALLOW_IF(prlimit64, IS(0, 0), { 2, UINT64_MAX, 0 }), /* asks, sets nothing */
    ALLOW(uname), ALLOW(sysinfo),
    END
};

/* The worker on a remote store: streams to it, nothing else (Landlock says which ports). */
static const struct sut_sandbox_call calls_remote[] = {
    ALLOW_IF(socket, IS(0, AF_INET), { 1, 0xf, SOCK_STREAM }, LACKS(2, ~(uint64_t) IPPROTO_TCP)),
    ALLOW_IF(socket, IS(0, AF_INET6), { 1, 0xf, SOCK_STREAM }, LACKS(2, ~(uint64_t) IPPROTO_TCP)),
    ALLOW_IF(socket, IS(0, AF_UNIX), { 1, 0xf, SOCK_STREAM }, IS(2, 0)),
    ALLOW(connect),
    END
};

/*
 * The supervisor: to start, watch and end roles, and what a role calls between
 * its exec and its own sandbox, since a filter is inherited.
 */
static const struct sut_sandbox_call calls_supervisor[] = {
    ALLOW(fork), ALLOW(vfork), ALLOW(clone), ALLOW(execve), ALLOW(wait4), ALLOW(waitid),
    ALLOW(pidfd_open), ALLOW(pidfd_send_signal), ALLOW(tgkill), ALLOW(getppid), ALLOW(socketpair),
    ALLOW(dup), ALLOW(dup2), ALLOW(dup3), ALLOW(pipe), ALLOW(close_range), ALLOW(signalfd4),
    ALLOW(bind), ALLOW(listen), ALLOW(chmod), /* the control socket */
    ALLOW(prlimit64), ALLOW(getrlimit), ALLOW(setrlimit), ALLOW(getdents64), ALLOW(statfs),
    ALLOW(mincore), ALLOW(readlinkat), ALLOW(linkat), ALLOW(unlinkat),

    ALLOW(mmap), ALLOW(mprotect), ALLOW(arch_prctl), ALLOW(set_tid_address), ALLOW(prctl),
    ALLOW(seccomp), ALLOW(capget), ALLOW(capset),
    ALLOW(landlock_create_ruleset), ALLOW(landlock_add_rule), ALLOW(landlock_restrict_self),
    ALLOW(ioctl), ALLOW(getgroups), ALLOW(getresuid), ALLOW(getresgid), ALLOW(sched_setaffinity),
    ALLOW_IF(socket, IS(0, AF_UNIX), { 1, 0xf, SOCK_STREAM }, IS(2, 0)),
    ALLOW(connect), /* a worker looks whether another one is behind a control socket */
    END
};

/* Names of a remote store are looked up by the worker before it shuts itself in. */
static const struct sut_sandbox_call calls_lookup[] = {
    ALLOW_IF(socket, IS(0, AF_INET), { 1, 0xf, SOCK_DGRAM }),
    ALLOW_IF(socket, IS(0, AF_INET6), { 1, 0xf, SOCK_DGRAM }),
    ALLOW_IF(socket, IS(0, AF_UNIX), { 1, 0xf, SOCK_DGRAM }),
    ALLOW_IF(socket, IS(0, AF_NETLINK)),
    ALLOW_IF(sendmmsg, LACKS(3, MSG_FASTOPEN)), ALLOW(recvmmsg), ALLOW(select), ALLOW(pselect6),
    END
};

/*
 * The courier: connections outward, to the ports that Landlock knows; DNS; the files that names
 * are looked up with.  A descriptor is not opened for writing.
 */
static const struct sut_sandbox_call calls_courier[] = {
    ALLOW_IF(socket, IS(0, AF_INET), { 1, 0xf, SOCK_STREAM }, LACKS(2, ~(uint64_t) IPPROTO_TCP)),
    ALLOW_IF(socket, IS(0, AF_INET6), { 1, 0xf, SOCK_STREAM }, LACKS(2, ~(uint64_t) IPPROTO_TCP)),
    ALLOW_IF(socket, IS(0, AF_INET), { 1, 0xf, SOCK_DGRAM }, LACKS(2, ~(uint64_t) IPPROTO_UDP)),
    ALLOW_IF(socket, IS(0, AF_INET6), { 1, 0xf, SOCK_DGRAM }, LACKS(2, ~(uint64_t) IPPROTO_UDP)),
    /* A cache of names, the machine's own addresses: libc does without. */
    REFUSE_IF(socket, EAFNOSUPPORT, IS(0, AF_UNIX)),
    REFUSE_IF(socket, EAFNOSUPPORT, IS(0, AF_NETLINK)),
    ALLOW(connect), ALLOW(getsockname), ALLOW(getpeername), ALLOW(getsockopt), ALLOW(setsockopt),
    ALLOW_IF(sendmmsg, LACKS(3, MSG_FASTOPEN)), ALLOW(recvmmsg),
    ALLOW_IF(ioctl, IS(1, FIONREAD)), ALLOW_IF(ioctl, IS(1, FIONBIO)), ALLOW_IF(ioctl, IS(1, TCGETS)),
    ALLOW_IF(openat, LACKS(2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)), ALLOW(newfstatat),
    ALLOW(statx), ALLOW(stat), ALLOW(uname),
    END
};

/*
 * The darkroom: the picture in, the files out, memory for both, the end.  It has none of what every
 * role may call.
 */
static const struct sut_sandbox_call calls_darkroom[] = {
    ALLOW_IF(read, IS(0, SUT_ROLE_FD_PICTURE)), ALLOW_IF(write, IS(0, SUT_ROLE_FD_PICTURE)),
    ALLOW_IF(mmap, LACKS(2, PROT_EXEC)), ALLOW(munmap), ALLOW(mremap), ALLOW(brk),
    ALLOW(rt_sigreturn), /* of the signal that says that its time is over */
    ALLOW(exit), ALLOW(exit_group),
    END
};

/* What a program needs of the system to start: itself, its libraries, their settings. */
static const struct sut_sandbox_path paths_start[] = {
    { "/proc/self/exe", SUT_SANDBOX_READ | SUT_SANDBOX_EXEC },
    { "/usr", SUT_SANDBOX_READ | SUT_SANDBOX_EXEC },
    { "/lib", SUT_SANDBOX_READ | SUT_SANDBOX_EXEC },
    { "/lib64", SUT_SANDBOX_READ | SUT_SANDBOX_EXEC },
    { "/etc/ld.so.cache", SUT_SANDBOX_READ },
    { "/etc/ssl", SUT_SANDBOX_READ },
    { "/etc/pki", SUT_SANDBOX_READ },
    { "/etc/crypto-policies", SUT_SANDBOX_READ },
    { "/etc/localtime", SUT_SANDBOX_READ },
    { "/proc", SUT_SANDBOX_READ },
    { "/sys/devices/system/cpu", SUT_SANDBOX_READ },
    { "/dev/null", SUT_SANDBOX_READ | SUT_SANDBOX_WRITE },
    { "/dev/urandom", SUT_SANDBOX_READ },
};

/* And to look a name up. */
static const struct sut_sandbox_path paths_lookup[] = {
    { "/etc/resolv.conf", SUT_SANDBOX_READ },   { "/etc/hosts", SUT_SANDBOX_READ },
    { "/etc/host.conf", SUT_SANDBOX_READ },     { "/etc/nsswitch.conf", SUT_SANDBOX_READ },
    { "/etc/gai.conf", SUT_SANDBOX_READ },      { "/run/systemd/resolve", SUT_SANDBOX_READ },
    { "/run/resolvconf", SUT_SANDBOX_READ },    { "/run/NetworkManager", SUT_SANDBOX_READ },
};

/* Certificate authorities, as src/courier/carrier.c looks for them: not the keys that lie beside. */
static const struct sut_sandbox_path paths_authorities[] = {
    { "/etc/ssl/certs", SUT_SANDBOX_READ },         { "/etc/ssl/cert.pem", SUT_SANDBOX_READ },
    { "/etc/ssl/ca-bundle.pem", SUT_SANDBOX_READ }, { "/etc/pki/tls/certs", SUT_SANDBOX_READ },
    { "/etc/pki/ca-trust/extracted", SUT_SANDBOX_READ },
};

/* And a remote store's, with whatever sources of names the system has. */
static const struct sut_sandbox_path paths_names[] = {
    { "/etc/services", SUT_SANDBOX_READ }, { "/etc/passwd", SUT_SANDBOX_READ },
    { "/etc/group", SUT_SANDBOX_READ },
};

/* libpq asks for its user's home again with each connection. */
static const struct sut_sandbox_path paths_remote[] = {
    { "/etc/nsswitch.conf", SUT_SANDBOX_READ }, { "/etc/passwd", SUT_SANDBOX_READ },
};

/* libuv keeps one descriptor in reserve. */
static const struct sut_sandbox_path paths_worker[] = {
    { "/dev/null", SUT_SANDBOX_READ },
};

/* SQLite's own randomness. */
static const struct sut_sandbox_path paths_embedded[] = {
    { "/dev/urandom", SUT_SANDBOX_READ },
};
/* clang-format on */

#define N(array_) (sizeof(array_) / sizeof((array_)[0]))

/* Paths as they come together: constants, and texts that live in here. */
struct paths {
    struct sut_sandbox_path items[PATHS_MAX];
    size_t n;
    char texts[8][PATH_MAX];
    size_t n_texts;
};

static void add(struct paths *p, const struct sut_sandbox_path *more, size_t n)
{
    for (size_t i = 0; i < n && p->n < PATHS_MAX; i++)
        p->items[p->n++] = more[i];
}

static void add_path(struct paths *p, const char *path, unsigned rights)
{
    const struct sut_sandbox_path one = { path, rights };
    if (path[0] != '\0')
        add(p, &one, 1);
}

/* The folder of a file: what takes the file's place later is reached too. */
static void add_folder_of(struct paths *p, const char *file, unsigned rights)
{
    if (file[0] == '\0' || p->n_texts == N(p->texts))
        return;
    char *text = p->texts[p->n_texts++];
    (void) snprintf(text, PATH_MAX, "%s", file);
    add_path(p, dirname(text), rights);
}

/* And that of what the file's name leads to. */
static void add_folders_of(struct paths *p, const char *file, unsigned rights)
{
    char leads_to[PATH_MAX];
    add_folder_of(p, file, rights);
    if (realpath(file, leads_to) != NULL)
        add_folder_of(p, leads_to, rights);
}

static void add_store(struct paths *p, const struct sut_config *c, const struct sut_db_reach *reach)
{
    add_path(p, c->server.data.p, SUT_SANDBOX_READ | SUT_SANDBOX_WRITE);
    if (c->store.kind == SUT_STORE_EMBEDDED && c->store.path.n > 0)
        add_folder_of(p, c->store.path.p, SUT_SANDBOX_READ | SUT_SANDBOX_WRITE);
    for (size_t i = 0; reach != NULL && i < reach->n_files; i++)
        add_path(p, reach->files[i], SUT_SANDBOX_READ);
}

static SUT_ERR enter(const struct sut_sandbox *s, struct sut_diag *reterr_diag)
{
    int abi = 0;
    /* What is read at first use alone is read now: the zone that even gmtime_r() looks for. */
    tzset();
    TRY(sut_crypto_init());
    TRY(sut_sandbox_enter(s, &abi, reterr_diag));
    if (abi == 0)
        sut_log(SUT_LOG_WARN, "no_landlock", LOG_Z("left", "system calls alone are limited"));
    else
        sut_log(SUT_LOG_DEBUG, "shut_in", LOG_NAME("which", s->role), LOG_INT("landlock", abi));
    return SUT_OK;
}

SUT_ERR sut_sandbox_keeper(struct sut_diag *reterr_diag)
{
    /* The heap of another arena would open a file of /proc when it shrinks. */
    (void) mallopt(M_ARENA_MAX, 1);
    static const struct sut_sandbox_call *const calls[] = { calls_all, calls_alone, calls_keeper };
    static const struct sut_sandbox box = {
        .role = "keeper",
        .calls = calls,
        .n_calls = N(calls),
        .files_max = KEEPER_FILES,
        .memory_max = 1ULL << 30,
    };
    return enter(&box, reterr_diag);
}

/* Of what the settings name; of what data names it is the one. */
static size_t ports_out(const struct sut_config *c, uint16_t ports[SUT_CONFIG_PORTS_OUT_MAX + 2])
{
    size_t n = sut_config_ports_out(c, ports);
    ports[n++] = HTTPS_PORT;
    ports[n++] = DNS_PORT;
    return n;
}

SUT_ERR sut_sandbox_courier(const struct sut_config *c, struct sut_diag *reterr_diag)
{
    static const struct sut_sandbox_call *const calls[] = { calls_all, calls_alone, calls_courier };
    DEFER(sut_mem_freep) struct paths *p = sut_mem_zalloc(1, sizeof(*p));
    ENSURE(p != NULL, NOMEM);
    uint16_t ports[SUT_CONFIG_PORTS_OUT_MAX + 2];
    add(p, paths_lookup, N(paths_lookup));
    add(p, paths_authorities, N(paths_authorities));
    const struct sut_sandbox box = {
        .role = "courier",
        .paths = p->items,
        .n_paths = p->n,
        .ports = ports,
        .n_ports = ports_out(c, ports),
        .calls = calls,
        .n_calls = N(calls),
        .files_max = COURIER_FILES,
        .memory_max = 1ULL << 30,
    };
    return enter(&box, reterr_diag);
}

SUT_ERR sut_sandbox_darkroom(struct sut_diag *reterr_diag)
{
    static const struct sut_sandbox_call *const calls[] = { calls_darkroom };
    static const struct sut_sandbox box = {
        .role = "darkroom",
        .calls = calls,
        .n_calls = N(calls),
        .files_max = DARKROOM_FILES,
        .memory_max = 512ULL << 20,
        .cpu_s_max = DARKROOM_CPU_S,
    };
    /* Without a word to the log: behind its walls it can't say one. */
    int abi = 0;
    return sut_sandbox_enter(&box, &abi, reterr_diag);
}

SUT_ERR sut_sandbox_worker(const struct sut_config *c, const struct sut_db_reach *reach,
                           struct sut_diag *reterr_diag)
{
    DEFER(sut_mem_freep) struct paths *p = sut_mem_zalloc(1, sizeof(*p));
    ENSURE(p != NULL, NOMEM);
    static const struct sut_sandbox_call *const calls[] = { calls_all, calls_alone, calls_worker,
                                                            calls_remote };
    add_store(p, c, reach);
    add(p, paths_worker, N(paths_worker));
    if (reach == NULL)
        add(p, paths_embedded, N(paths_embedded));
    else
        add(p, paths_remote, N(paths_remote));
    const struct sut_sandbox box = {
        .role = "worker",
        .paths = p->items,
        .n_paths = p->n,
        .ports = reach == NULL ? NULL : reach->ports,
        .n_ports = reach == NULL ? 0 : reach->n_ports,
        .calls = calls,
        .n_calls = reach == NULL ? N(calls) - 1 : N(calls),
    };
    return enter(&box, reterr_diag);
}

SUT_ERR sut_sandbox_supervisor(const struct sut_config *c,
                               const struct sut_certificate_files *certificate,
                               const struct sut_db_reach *reach, struct sut_diag *reterr_diag)
{
    DEFER(sut_mem_freep) struct paths *p = sut_mem_zalloc(1, sizeof(*p));
    ENSURE(p != NULL, NOMEM);
    uint16_t ports[SUT_DB_REACH_MAX + 1 + SUT_CONFIG_PORTS_OUT_MAX + 2];
    size_t n_ports = 0;
    const bool goes_out = sut_config_goes_out(c);
    static const struct sut_sandbox_call *const calls[] = { calls_all, calls_worker,
                                                            calls_supervisor, calls_remote,
                                                            calls_lookup };
    add(p, paths_start, N(paths_start));
    add_store(p, c, reach);
    add_path(p, c->server.keys.p, SUT_SANDBOX_READ | SUT_SANDBOX_WRITE);
    if (certificate != NULL && !certificate->is_own) {
        add_folders_of(p, certificate->cert, SUT_SANDBOX_READ);
        add_folders_of(p, certificate->key, SUT_SANDBOX_READ);
    }
    if (reach != NULL || goes_out)
        add(p, paths_lookup, N(paths_lookup));
    if (goes_out)
        n_ports = ports_out(c, ports);
    if (reach != NULL) {
        add(p, paths_names, N(paths_names));
        memcpy(ports + n_ports, reach->ports, reach->n_ports * sizeof(ports[0]));
        n_ports += reach->n_ports;
        ports[n_ports++] = DNS_PORT;
    }
    if (c->courier.ca_file.n > 0)
        add_folders_of(p, c->courier.ca_file.p, SUT_SANDBOX_READ);
    const struct sut_sandbox box = {
        .role = "supervisor",
        .paths = p->items,
        .n_paths = p->n,
        .ports = ports,
        .n_ports = n_ports,
        .calls = calls,
        .n_calls = reach == NULL && !goes_out ? N(calls) - 2 : N(calls),
    };
    return enter(&box, reterr_diag);
}
