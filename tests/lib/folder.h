/* SPDX-License-Identifier: Apache-2.0
 *
 * folder - a folder of a test's own, and reading and spoiling the files in it.
 */
#ifndef TESTS_LIB_FOLDER_H
#define TESTS_LIB_FOLDER_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct folder {
    char dir[64];
    char path[128]; /* the last that folder_path() made */
};

static inline bool folder_init(struct folder *f)
{
    (void) snprintf(f->dir, sizeof(f->dir), "/tmp/sutler-test-XXXXXX");
    return mkdtemp(f->dir) != NULL;
}

static inline void folder_done(struct folder *f)
{
    (void) fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        (void) execl("/bin/rm", "rm", "-rf", f->dir, (char *) NULL);
        _exit(127);
    }
    if (pid > 0)
        (void) waitpid(pid, NULL, 0);
}

static inline const char *folder_path(struct folder *f, const char *name)
{
    (void) snprintf(f->path, sizeof(f->path), "%s/%s", f->dir, name);
    return f->path;
}

/* The whole file, to be freed; NULL when it is not there. */
static inline char *folder_read(const char *path, size_t *ret_n)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0)
            (void) close(fd);
        return NULL;
    }
    char *p = malloc((size_t) st.st_size + 1);
    *ret_n = 0;
    while (p != NULL && *ret_n < (size_t) st.st_size) {
        const ssize_t n = read(fd, p + *ret_n, (size_t) st.st_size - *ret_n);
        if (n <= 0)
            break;
        *ret_n += (size_t) n;
    }
    (void) close(fd);
    return p;
}

static inline bool folder_write(const char *path, const void *p, size_t n)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const bool ok = fd >= 0 && write(fd, p, n) == (ssize_t) n;
    if (fd >= 0)
        (void) close(fd);
    return ok;
}

/* Turn one bit of the file over. */
static inline bool folder_flip(const char *path, off_t at, int bit)
{
    unsigned char c = 0;
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    bool ok = fd >= 0 && pread(fd, &c, 1, at) == 1;
    c = (unsigned char) (c ^ (1U << bit));
    ok = ok && pwrite(fd, &c, 1, at) == 1;
    if (fd >= 0)
        (void) close(fd);
    return ok;
}

/* Whether these bytes stand anywhere in the file. */
static inline bool folder_has(const char *path, const char *needle)
{
    size_t n = 0;
    char *p = folder_read(path, &n);
    const bool found = p != NULL && memmem(p, n, needle, strlen(needle)) != NULL;
    free(p);
    return found;
}

#endif
