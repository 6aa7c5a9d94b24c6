/* SPDX-License-Identifier: Apache-2.0 */
#include "pg.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 512, TRIES = 200, STEP_NS = 50 * 1000 * 1000, ARGS_MAX = 24 };

struct pg {
    char bin[PATH_BYTES];
    char dir[64];
    char dsn[256];
    char dsn_tcp[256];
    int port;
    int claim; /* nobody else's while it is open */
    pid_t pid;
};

/* PostgreSQL refuses to run as root. */
static void become_postgres(void)
{
    if (geteuid() != 0)
        return;
    const struct passwd *pw = getpwnam("postgres");
    if (pw == NULL || initgroups("postgres", pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 ||
        setuid(pw->pw_uid) != 0)
        _exit(126);
}

static pid_t spawn(const struct pg *p, const char *const argv[])
{
    char program[PATH_BYTES + 64];
    char log[128];
    (void) snprintf(program, sizeof(program), "%s/%s", p->bin, argv[0]);
    (void) snprintf(log, sizeof(log), "%s/log", p->dir);
    const pid_t pid = fork();
    if (pid != 0)
        return pid;
    become_postgres();
    const int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int null = open("/dev/null", O_RDONLY);
    if (fd < 0 || null < 0 || chdir(p->dir) != 0)
        _exit(126);
    (void) dup2(null, 0);
    (void) dup2(fd, 1);
    (void) dup2(fd, 2);
    (void) closefrom(3);
    (void) unsetenv("LC_ALL");
    char *args[ARGS_MAX] = { NULL }; /* exec's promise not to write is not in its type */
    for (size_t i = 1; argv[i] != NULL && i + 1 < ARGS_MAX; i++)
        memcpy(&args[i], &argv[i], sizeof(args[i]));
    args[0] = program; /* it looks for its companions beside the path that it was called by */
    (void) execv(program, args);
    _exit(127);
}

static bool run(const struct pg *p, const char *const argv[])
{
    const pid_t pid = spawn(p, argv);
    int status = 0;
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static bool find_bin(struct pg *p)
{
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) != 0)
        return false;
    const char *last = found.gl_pathv[found.gl_pathc - 1];
    const size_t n = strlen(last) - strlen("/initdb");
    const bool fits = n < sizeof(p->bin);
    if (fits)
        memcpy(p->bin, last, n);
    globfree(&found);
    return fits;
}

/* Whether the port's name is ours now; the kernel takes it back with the descriptor. */
static bool claim(struct pg *p, int port)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    const int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "sutler-test-port-%d", port);
    p->claim = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->claim < 0)
        return false;
    if (bind(p->claim, (struct sockaddr *) &a,
             (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + (size_t) n)) == 0)
        return true;
    (void) close(p->claim);
    p->claim = -1;
    return false;
}

static bool is_free(int port)
{
    const struct sockaddr_in a = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t) port),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool ok = fd >= 0 && bind(fd, (const struct sockaddr *) &a, sizeof(a)) == 0;
    if (fd >= 0)
        (void) close(fd);
    return ok;
}

/* Below those that the kernel gives to connections, and nobody else's in a test: as
 * tests/lib/ports.py. */
static bool find_port(struct pg *p)
{
    for (int i = 0; i < TRIES; i++) {
        uint16_t chance = 0;
        if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
            return false;
        p->port = 20000 + chance % 12000;
        if (!claim(p, p->port))
            continue;
        if (is_free(p->port))
            return true;
        (void) close(p->claim);
        p->claim = -1;
    }
    return false;
}

static bool make_folder(struct pg *p)
{
    (void) snprintf(p->dir, sizeof(p->dir), "/tmp/sutler-pg-XXXXXX");
    if (mkdtemp(p->dir) == NULL)
        return false;
    if (geteuid() == 0) {
        const struct passwd *pw = getpwnam("postgres");
        if (pw == NULL || chown(p->dir, pw->pw_uid, pw->pw_gid) != 0)
            return false;
    }
    char path[128];
    (void) snprintf(path, sizeof(path), "%s/password", p->dir);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    const bool ok = fd >= 0 && write(fd, "canary-password\n", 16) == 16;
    if (fd >= 0)
        (void) close(fd);
    return ok;
}

static bool make_cluster(struct pg *p)
{
    char data[128];
    char pwfile[128];
    (void) snprintf(data, sizeof(data), "--pgdata=%s/data", p->dir);
    (void) snprintf(pwfile, sizeof(pwfile), "--pwfile=%s/password", p->dir);
    const char *const argv[] = { "initdb",
                                 data,
                                 pwfile,
                                 "--username=sutler",
                                 "--auth=scram-sha-256",
                                 "--encoding=UTF8",
                                 "--locale=C",
                                 "--no-sync",
                                 NULL };
    return run(p, argv);
}

static bool answers(const char *dsn)
{
    PGconn *c = PQconnectdb(dsn);
    const bool ok = PQstatus(c) == CONNECTION_OK;
    PQfinish(c);
    return ok;
}

bool pg_start(struct pg *p)
{
    char data[128];
    char socket_dir[160];
    char port[32];
    (void) snprintf(data, sizeof(data), "%s/data", p->dir);
    (void) snprintf(socket_dir, sizeof(socket_dir), "unix_socket_directories=%s", p->dir);
    (void) snprintf(port, sizeof(port), "port=%d", p->port);
    const char *const argv[] = { "postgres",
                                 "-D",
                                 data,
                                 "-c",
                                 socket_dir,
                                 "-c",
                                 port,
                                 "-c",
                                 "listen_addresses=127.0.0.1",
                                 "-c",
                                 "max_connections=60",
                                 "-c",
                                 "shared_buffers=16MB",
                                 NULL };
    p->pid = spawn(p, argv);
    const struct timespec step = { .tv_sec = 0, .tv_nsec = STEP_NS };
    for (int i = 0; p->pid > 0 && i < TRIES; i++) {
        if (answers(p->dsn))
            return true;
        (void) nanosleep(&step, NULL);
    }
    return false;
}

bool pg_stop(struct pg *p)
{
    if (p->pid <= 0)
        return true;
    int status = 0;
    const bool ok = kill(p->pid, SIGINT) == 0 && waitpid(p->pid, &status, 0) == p->pid;
    p->pid = 0;
    return ok;
}

void pg_freeze(struct pg *p, bool frozen)
{
    /* The server's children do the work: signal those that are its own. */
    char path[64];
    (void) snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int) p->pid, (int) p->pid);
    FILE *f = fopen(path, "re");
    char line[4096] = "";
    if (f != NULL) {
        if (fgets(line, sizeof(line), f) == NULL)
            line[0] = '\0';
        (void) fclose(f);
    }
    const int sig = frozen ? SIGSTOP : SIGCONT;
    char *rest = line;
    for (char *end = rest; *rest != '\0'; rest = end) {
        const long pid = strtoul(rest, &end, 10) & 0x7fffffff;
        if (end == rest)
            break;
        if (pid > 1)
            (void) kill((pid_t) pid, sig);
    }
    (void) kill(p->pid, sig);
}

static bool make_database(const struct pg *p)
{
    char dsn[256];
    (void) snprintf(dsn, sizeof(dsn),
                    "host=%s port=%d user=sutler password=canary-password dbname=postgres", p->dir,
                    p->port);
    PGconn *c = PQconnectdb(dsn);
    PGresult *r = PQexec(c, "CREATE DATABASE sutler");
    const bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;
    PQclear(r);
    PQfinish(c);
    return ok;
}

static bool start_first(struct pg *p)
{
    char first[256];
    char wanted[256];
    (void) snprintf(wanted, sizeof(wanted), "%s", p->dsn);
    (void) snprintf(first, sizeof(first),
                    "host=%s port=%d user=sutler password=canary-password dbname=postgres", p->dir,
                    p->port);
    (void) snprintf(p->dsn, sizeof(p->dsn), "%s", first);
    const bool ok = pg_start(p);
    (void) snprintf(p->dsn, sizeof(p->dsn), "%s", wanted);
    return ok && make_database(p);
}

struct pg *pg_create(void)
{
    struct pg *p = calloc(1, sizeof(*p));
    if (p != NULL)
        p->claim = -1;
    if (p == NULL || !find_bin(p) || !make_folder(p) || !find_port(p)) {
        (void) fprintf(stderr, "# no PostgreSQL to test with\n");
        pg_free(&p);
        return NULL;
    }
    (void) snprintf(p->dsn, sizeof(p->dsn),
                    "host=%s port=%d user=sutler password=canary-password dbname=sutler", p->dir,
                    p->port);
    (void) snprintf(p->dsn_tcp, sizeof(p->dsn_tcp),
                    "postgresql://sutler:canary-password@127.0.0.1:%d/sutler", p->port);
    if (!make_cluster(p) || !start_first(p)) {
        (void) fprintf(stderr, "# PostgreSQL does not start: see %s/log\n", p->dir);
        p->dir[0] = '\0'; /* keep the log */
        pg_free(&p);
        exit(EXIT_FAILURE); /* it is installed: to skip would hide a fault */
    }
    return p;
}

void pg_free(struct pg **pp)
{
    struct pg *p = *pp;
    if (p == NULL)
        return;
    (void) pg_stop(p);
    if (p->dir[0] != '\0') {
        const pid_t pid = fork();
        if (pid == 0) {
            (void) execl("/bin/rm", "rm", "-rf", p->dir, (char *) NULL);
            _exit(127);
        }
        if (pid > 0)
            (void) waitpid(pid, NULL, 0);
    }
    if (p->claim >= 0)
        (void) close(p->claim);
    free(p);
    *pp = NULL;
}

const char *pg_dsn(const struct pg *p)
{
    return p->dsn;
}

const char *pg_dsn_tcp(const struct pg *p)
{
    return p->dsn_tcp;
}
