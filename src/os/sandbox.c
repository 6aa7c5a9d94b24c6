/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sandbox.h"

#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fd.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

/* Landlock as the kernel documents it (userspace-api/landlock); headers may be older than it. */
enum {
    NR_CREATE_RULESET = 444,
    NR_ADD_RULE = 445,
    NR_RESTRICT_SELF = 446,
    CREATE_VERSION = 1,
    RULE_PATH = 1,
    RULE_PORT = 2,
    ABI_REFER = 2,
    ABI_TRUNCATE = 3,
    ABI_NET = 4,
    ABI_IOCTL = 5,
    ABI_SCOPE = 6,
};

#define FS_EXECUTE     (1ULL << 0)
#define FS_WRITE_FILE  (1ULL << 1)
#define FS_READ_FILE   (1ULL << 2)
#define FS_READ_DIR    (1ULL << 3)
#define FS_REMOVE_DIR  (1ULL << 4)
#define FS_REMOVE_FILE (1ULL << 5)
#define FS_MAKE_DIR    (1ULL << 7)
#define FS_MAKE_REG    (1ULL << 8)
#define FS_MAKE_SOCK   (1ULL << 9)
#define FS_ABI_1       ((1ULL << 13) - 1)
#define FS_REFER       (1ULL << 13)
#define FS_TRUNCATE    (1ULL << 14)
#define FS_IOCTL_DEV   (1ULL << 15)
/* What a rule on a file may grant; the rest is for folders. */
#define FS_OF_FILE (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

#define NET_BIND    (1ULL << 0)
#define NET_CONNECT (1ULL << 1)

#define SCOPE_ABSTRACT_SOCKET (1ULL << 0)
#define SCOPE_SIGNAL          (1ULL << 1)

struct ruleset {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

struct rule_path {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

struct rule_port {
    uint64_t allowed;
    uint64_t port;
};

#if IS_SANITIZED
/* What the runtimes of ASan, LSan and TSan call of their own accord.  Not in the shipped program.
 */
static const struct sut_sandbox_call sanitizer_calls[] = {
    { .number = SCMP_SYS(open) },
    { .number = SCMP_SYS(openat) },
    { .number = SCMP_SYS(close) },
    { .number = SCMP_SYS(write) },
    { .number = SCMP_SYS(madvise) },
    { .number = SCMP_SYS(gettid) },
    { .number = SCMP_SYS(getpid) },
    { .number = SCMP_SYS(rt_sigprocmask) },
    { .number = SCMP_SYS(rt_sigaction) },
    { .number = SCMP_SYS(futex) },
    { .number = SCMP_SYS(readlink) },
    { .number = SCMP_SYS(readlinkat) },
    { .number = SCMP_SYS(fstat) },
    { .number = SCMP_SYS(newfstatat) },
    { .number = SCMP_SYS(mmap) },
    { .number = SCMP_SYS(mprotect) },
    { .number = SCMP_SYS(clone) },
    { .number = SCMP_SYS(ptrace) },
    { .number = SCMP_SYS(wait4) },
    { .number = SCMP_SYS(getppid) },
    { .number = SCMP_SYS(getdents) },
    { .number = SCMP_SYS(getdents64) },
    { .number = SCMP_SYS(sigaltstack) },
    { .number = SCMP_SYS(prctl) },
    { .number = SCMP_SYS(arch_prctl) },
    { .number = SCMP_SYS(personality) },
    { .number = SCMP_SYS(pipe) },
    { .number = SCMP_SYS(pipe2) },
    { .number = SCMP_SYS(sched_getaffinity) },
    { .number = SCMP_SYS(sched_yield) },
    { .number = SCMP_SYS(getrlimit) },
    { .number = SCMP_SYS(prlimit64) },
    { .number = SCMP_SYS(kill) },
    { .number = SCMP_SYS(lseek) },
    { .number = SCMP_SYS(mincore) },
    { .number = SCMP_SYS(getrusage) },
    { .number = SCMP_SYS(unlink) },
    { .number = SCMP_SYS(dup2) },
    { .number = SCMP_SYS(nanosleep) },
    { .number = -1 },
};
static const struct sut_sandbox_path sanitizer_paths[] = {
    { "/proc", SUT_SANDBOX_READ }, { "/sys/devices/system/cpu", SUT_SANDBOX_READ }
};
#endif

static SUT_ERR limit(int what, uint64_t most)
{
    const struct rlimit l = { .rlim_cur = most, .rlim_max = most };
    if (setrlimit((__rlimit_resource_t) what, &l) < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

static SUT_ERR set_limits(const struct sut_sandbox *s)
{
    struct rlimit files;
    if (s->files_max > 0) {
        if (getrlimit(RLIMIT_NOFILE, &files) < 0)
            FAIL_SYS(SYSTEM);
        TRY(limit(RLIMIT_NOFILE, s->files_max < files.rlim_max ? s->files_max : files.rlim_max));
    }
    if (s->memory_max > 0 && !IS_SANITIZED)
        TRY(limit(RLIMIT_AS, s->memory_max));
    if (s->cpu_s_max > 0) {
        const struct rlimit cpu = { .rlim_cur = s->cpu_s_max, .rlim_max = s->cpu_s_max + 1 };
        if (setrlimit(RLIMIT_CPU, &cpu) < 0)
            FAIL_SYS(SYSTEM);
    }
    return SUT_OK;
}

/* --- Landlock --- */

static struct ruleset handled_by(long abi)
{
    struct ruleset r = { .fs = FS_ABI_1 };
    if (abi >= ABI_REFER)
        r.fs |= FS_REFER;
    if (abi >= ABI_TRUNCATE)
        r.fs |= FS_TRUNCATE;
    if (abi >= ABI_IOCTL)
        r.fs |= FS_IOCTL_DEV;
    if (abi >= ABI_NET)
        r.net = NET_BIND | NET_CONNECT;
    if (abi >= ABI_SCOPE)
        r.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
    return r;
}

static size_t ruleset_size(long abi)
{
    if (abi >= ABI_SCOPE)
        return sizeof(struct ruleset);
    return abi >= ABI_NET ? offsetof(struct ruleset, scoped) : offsetof(struct ruleset, net);
}

static SUT_ERR allow_path(int set, const struct ruleset *handled, const struct sut_sandbox_path *p)
{
    DEFER(sut_fd_close) int fd = open(p->path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR || errno == EACCES)
            return SUT_OK;
        FAIL_SYS(SYSTEM);
    }
    struct stat st;
    if (fstat(fd, &st) < 0)
        FAIL_SYS(SYSTEM);
    struct rule_path rule = { .parent = fd };
    if ((p->rights & SUT_SANDBOX_READ) != 0)
        rule.allowed |= FS_READ_FILE | FS_READ_DIR;
    if ((p->rights & SUT_SANDBOX_WRITE) != 0)
        rule.allowed |= FS_WRITE_FILE | FS_TRUNCATE | FS_REMOVE_FILE | FS_REMOVE_DIR | FS_MAKE_REG |
                        FS_MAKE_DIR | FS_MAKE_SOCK;
    if ((p->rights & SUT_SANDBOX_EXEC) != 0)
        rule.allowed |= FS_EXECUTE;
    rule.allowed &= handled->fs;
    if (!S_ISDIR(st.st_mode))
        rule.allowed &= FS_OF_FILE;
    if (syscall(NR_ADD_RULE, set, RULE_PATH, &rule, 0) < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

static SUT_ERR allow_port(int set, uint16_t port)
{
    const struct rule_port rule = { .allowed = NET_CONNECT, .port = port };
    if (syscall(NR_ADD_RULE, set, RULE_PORT, &rule, 0) < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

static SUT_ERR fence_files(const struct sut_sandbox *s, int *ret_abi)
{
    *ret_abi = 0;
    const long abi = syscall(NR_CREATE_RULESET, NULL, 0, CREATE_VERSION);
    if (abi < 1)
        return SUT_OK;
    const struct ruleset handled = handled_by(abi);
    DEFER(sut_fd_close) int set = (int) syscall(NR_CREATE_RULESET, &handled, ruleset_size(abi), 0);
    if (set < 0)
        FAIL_SYS(SYSTEM);
    for (size_t i = 0; i < s->n_paths; i++)
        TRY(allow_path(set, &handled, &s->paths[i]));
#if IS_SANITIZED
    for (size_t i = 0; i < sizeof(sanitizer_paths) / sizeof(sanitizer_paths[0]); i++)
        TRY(allow_path(set, &handled, &sanitizer_paths[i]));
#endif
    for (size_t i = 0; i < s->n_ports && abi >= ABI_NET; i++)
        TRY(allow_port(set, s->ports[i]));
    if (syscall(NR_RESTRICT_SELF, set, 0) < 0)
        FAIL_SYS(SYSTEM);
    *ret_abi = (int) abi;
    return SUT_OK;
}

/* --- seccomp --- */

/* libseccomp's errors are negative errnos. */
static SUT_ERR outcome(int rc)
{
    if (rc < 0 && rc != -EEXIST) {
        errno = -rc;
        FAIL_SYS(SYSTEM);
    }
    return SUT_OK;
}

static SUT_ERR add_call(scmp_filter_ctx f, const struct sut_sandbox_call *c)
{
    struct scmp_arg_cmp args[SUT_SANDBOX_CHECKS];
    unsigned n = 0;
    for (size_t i = 0; i < SUT_SANDBOX_CHECKS; i++) {
        const struct sut_sandbox_check *k = &c->checks[i];
        if (k->mask != 0)
            args[n++] = (struct scmp_arg_cmp){
                .arg = k->arg,
                .op = SCMP_CMP_MASKED_EQ,
                .datum_a = k->mask,
                .datum_b =
                    k->value == SUT_SANDBOX_OWN_PID ? (uint64_t) (unsigned) getpid() : k->value,
            };
    }
    const uint32_t action =
        c->error != 0 ? SCMP_ACT_ERRNO((uint32_t) c->error) : (uint32_t) SCMP_ACT_ALLOW;
    return outcome(seccomp_rule_add_array(f, action, c->number, n, args));
}

static SUT_ERR add_table(scmp_filter_ctx f, const struct sut_sandbox_call *table)
{
    for (const struct sut_sandbox_call *c = table; c->number != -1; c++)
        TRY(add_call(f, c));
    return SUT_OK;
}

static void filter_done(scmp_filter_ctx *f)
{
    if (*f != NULL)
        seccomp_release(*f);
}

static SUT_ERR fence_calls(const struct sut_sandbox *s)
{
    DEFER(filter_done) scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    ENSURE(f != NULL, NOMEM);
    TRY(outcome(seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS)));
    TRY(outcome(seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1)));
    /* A tree instead of a row: what is at its end costs as little as what stands first. */
    TRY(outcome(seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2)));
    for (size_t i = 0; i < s->n_calls; i++)
        TRY(add_table(f, s->calls[i]));
#if IS_SANITIZED
    TRY(add_table(f, sanitizer_calls));
#endif
    return outcome(seccomp_load(f));
}

SUT_ERR sut_sandbox_enter(const struct sut_sandbox *s, int *ret_landlock,
                          struct sut_diag *reterr_diag)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        const int sys = errno;
        sut_diag_set(reterr_diag, "the role %s can't renounce new privileges", s->role);
        errno = sys;
        FAIL_SYS(SYSTEM);
    }
    const char *wall = "resource limits";
    sut_err e = set_limits(s);
    if (!sut_failed(e)) {
        wall = "Landlock";
        e = fence_files(s, ret_landlock);
    }
    if (!sut_failed(e)) {
        wall = "seccomp";
        e = fence_calls(s);
    }
    if (sut_failed(e)) {
        sut_diag_set(reterr_diag, "the role %s can't be shut in by %s (errno %d)", s->role, wall,
                     e.sys);
        sut_diag_hint(reterr_diag, "it needs a kernel with seccomp filters, and a container that "
                                   "lets it set one");
    }
    return e;
}
