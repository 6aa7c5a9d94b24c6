/* SPDX-License-Identifier: Apache-2.0
 *
 * death - what a process that must die says before it does.
 *
 * fn runs in a child; the child's stderr comes back.  Whoever calls it tells by
 * the text whether it died for the right reason.
 */
#ifndef TESTS_UNIT_BASE_DEATH_H
#define TESTS_UNIT_BASE_DEATH_H

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifndef HAS_ASAN
#define HAS_ASAN 0
#endif

/* Gives the status of waitpid(); ret_text holds what was printed, cut and NUL-terminated. */
static inline int death_of(void (*fn)(void *arg), void *arg, char *ret_text, size_t n)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    const pid_t pid = fork();
    if (pid == 0) {
        /* cmocka's own would go on with the next test, in the child. */
        (void) signal(SIGSEGV, SIG_DFL);
        (void) signal(SIGBUS, SIG_DFL);
        (void) signal(SIGABRT, SIG_DFL);
        (void) dup2(ends[1], STDERR_FILENO);
        (void) close(ends[0]);
        fn(arg);
        _exit(0);
    }
    (void) close(ends[1]);
    size_t got = 0;
    char rest[512];
    for (;;) {
        const bool is_full = got + 1 >= n;
        const ssize_t r = is_full ? read(ends[0], rest, sizeof(rest))
                                  : read(ends[0], ret_text + got, n - 1 - got);
        if (r <= 0)
            break;
        got += is_full ? 0 : (size_t) r;
    }
    ret_text[got] = '\0';
    (void) close(ends[0]);
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return status;
}

#endif
