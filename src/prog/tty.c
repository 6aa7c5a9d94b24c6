/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/tty.h"

#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "base/secret.h"

static const int ending_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
enum { N_SIGNALS = sizeof(ending_signals) / sizeof(ending_signals[0]) };

static volatile sig_atomic_t is_told_to_end;

static void note_end(int sig)
{
    (void) sig;
    is_told_to_end = 1;
}

/* Up to the end of the line or of the input; *ret_any is false when there was nothing at all. */
static SUT_ERR read_line(struct sut_buf *ret, bool *ret_any)
{
    *ret_any = false;
    for (;;) {
        char c = 0;
        const ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EINTR && !is_told_to_end)
            continue;
        if (n < 0)
            FAIL_SYS(SYSTEM);
        if (n == 0 || c == '\n')
            break;
        *ret_any = true;
        sut_buf_char(ret, c);
        sut_wipe(&c, sizeof(c));
    }
    if (ret->n > 0 && ret->p[ret->n - 1] == '\r')
        ret->n--;
    return sut_buf_check(ret);
}

static SUT_ERR ask_hidden(const char *prompt, struct sut_buf *ret)
{
    bool any = false;
    (void) fputs(prompt, stderr);
    (void) fflush(stderr);
    const sut_err e = read_line(ret, &any);
    (void) fputc('\n', stderr);
    return e;
}

static SUT_ERR ask_twice(struct sut_buf *ret, struct sut_diag *d)
{
    struct sut_buf again;
    sut_buf_init(&again, ret->max);
    sut_err e = ask_hidden("Password: ", ret);
    if (!sut_failed(e))
        e = ask_hidden("Password (again): ", &again);
    const bool is_same = sut_secret_eq(sut_buf_str(ret), sut_buf_str(&again));
    if (again.p != NULL)
        sut_wipe(again.p, again.cap);
    sut_buf_done(&again);
    TRY(e);
    if (!is_same) {
        sut_diag_set(d, "the two passwords differ");
        FAIL(INVALID);
    }
    return SUT_OK;
}

/* Echo off, signals noted instead of deadly, and everything as it was afterwards. */
static SUT_ERR ask_at_terminal(struct sut_buf *ret, struct sut_diag *d)
{
    struct termios before;
    struct sigaction old[N_SIGNALS];
    const struct sigaction note = { .sa_handler = note_end };
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        FAIL_SYS(SYSTEM);
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t) ECHO;

    is_told_to_end = 0;
    for (size_t i = 0; i < N_SIGNALS; i++)
        (void) sigaction(ending_signals[i], &note, &old[i]);
    sut_err e = SUT_OK;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0)
        e = ask_twice(ret, d);
    (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    for (size_t i = 0; i < N_SIGNALS; i++)
        (void) sigaction(ending_signals[i], &old[i], NULL);
    if (is_told_to_end) {
        sut_diag_set(d, "given up: nothing was changed");
        FAIL(INVALID);
    }
    return e;
}

SUT_ERR sut_tty_new_password(struct sut_buf *ret, struct sut_diag *reterr_diag)
{
    bool any = false;
    const sut_err e =
        isatty(STDIN_FILENO) == 1 ? ask_at_terminal(ret, reterr_diag) : read_line(ret, &any);
    if (e.code == SUT_E_TOO_LARGE) {
        sut_diag_set(reterr_diag, "the password is too long");
        FAIL(INVALID);
    }
    if (sut_failed(e) && reterr_diag->text[0] == '\0')
        sut_diag_set(reterr_diag, "the password can't be read");
    TRY(e);
    if (ret->n == 0) {
        sut_diag_set(reterr_diag, "there is no password on standard input");
        sut_diag_hint(reterr_diag, "type it at the terminal, or: sutler user add EMAIL < file");
        FAIL(INVALID);
    }
    return SUT_OK;
}
