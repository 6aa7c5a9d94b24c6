/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool fixture_init(struct fixture *f, int argc, char **argv)
{
    *f = (struct fixture){ .opt = { .kind = SUT_DB_SQLITE } };
    if (argc > 1 && strcmp(argv[1], "postgres") == 0) {
        f->pg = pg_create();
        if (f->pg == NULL) {
            (void) printf("1..0 # SKIP PostgreSQL is not installed\n");
            return false;
        }
        f->opt.kind = SUT_DB_POSTGRES;
        f->opt.dsn = pg_dsn(f->pg);
        f->opt.statement_timeout_ms = 5000;
        f->opt.connect_timeout_s = 5;
        return true;
    }
    (void) snprintf(f->dir, sizeof(f->dir), "/tmp/sutler-conform-XXXXXX");
    if (mkdtemp(f->dir) == NULL ||
        sut_failed(sut_secret_dup(SUT_STR("0123456789abcdef0123456789abcdef"), &f->key)))
        return false;
    (void) snprintf(f->path, sizeof(f->path), "%s/test.db", f->dir);
    f->opt.path = f->path;
    f->opt.key = f->key;
    return true;
}

int fixture_done(struct fixture *f, int rc)
{
    pg_free(&f->pg);
    sut_secret_free(&f->key);
    if (f->dir[0] != '\0') {
        const pid_t pid = fork();
        if (pid == 0) {
            (void) execl("/bin/rm", "rm", "-rf", f->dir, (char *) NULL);
            _exit(127);
        }
        if (pid > 0)
            (void) waitpid(pid, NULL, 0);
    }
    return rc;
}
