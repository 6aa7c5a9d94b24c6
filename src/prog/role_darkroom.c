/* SPDX-License-Identifier: Apache-2.0
 *
 * role_darkroom - the process that decodes one picture and ends.  What the program drew itself is
 * encoded before that, one after another: it can do no harm.
 *
 * It loads the libraries, shuts itself in, and has then one connection, its memory and nothing
 * else: no file, no other socket, no clock, no thread, no standard error.  The walls stand before
 * the first byte is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/scan.h"
#include "darkroom/develop.h"
#include "ipc/darkroom_wire.h"
#include "os/fd.h"
#include "os/harden.h"
#include "prog/command.h"
#include "prog/roles.h"
#include "prog/sandboxes.h"

enum { REST_MS_MAX = 24 * 3600 * 1000, MS_PER_S = 1000 };

/* Set before an answer's first byte: then it is too late for another. */
static volatile sig_atomic_t is_answering;

/* In a signal's handler, too: nothing but the call. */
static bool send_outcome(enum sut_darkroom_outcome o)
{
    const struct sut_darkroom_answer a = { .outcome = o };
    unsigned char head[SUT_DARKROOM_ANSWER];
    sut_darkroom_answer_write(&a, head);
    return write(SUT_ROLE_FD_PICTURE, head, sizeof(head)) == (ssize_t) sizeof(head);
}

/* The kernel says that the processor was used for as long as it may be. */
static _Noreturn void on_time_over(int sig)
{
    (void) sig;
    if (is_answering)
        _exit(SUT_EXIT_FAILED);
    _exit(send_outcome(SUT_DARKROOM_TOO_LARGE) ? SUT_EXIT_OK : SUT_EXIT_FAILED);
}

static SUT_ERR take_rest(int argc, char **argv)
{
    static const char name[] = "--rest=";
    uint64_t ms = 0;
    ENSURE(argc > 2 && strncmp(argv[2], name, sizeof(name) - 1) == 0, INVALID);
    TRY(sut_parse_u64(sut_str_from(argv[2] + sizeof(name) - 1), REST_MS_MAX, &ms));
    const struct timeval t = { .tv_sec = (time_t) (ms / MS_PER_S),
                               .tv_usec = (suseconds_t) (ms % MS_PER_S * MS_PER_S) };
    /* By the socket itself: behind the walls there is no clock to wait by. */
    if (setsockopt(SUT_ROLE_FD_PICTURE, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) < 0 ||
        setsockopt(SUT_ROLE_FD_PICTURE, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

static SUT_ERR start(int argc, char **argv, struct sut_codecs **ret, struct sut_diag *reterr_diag)
{
    TRY(sut_harden_process());
    TRY(take_rest(argc, argv));
    sut_harden_wipe_environ();
    /* One arena alone grows by calls of the table. */
    (void) mallopt(M_ARENA_MAX, 1);
    /* Large rooms are given back at once and come back clean. */
    (void) mallopt(M_MMAP_THRESHOLD, 1 << 20);
    TRY(sut_codecs_load(ret, reterr_diag));
    if (signal(SIGXCPU, on_time_over) == SIG_ERR)
        FAIL_SYS(SYSTEM);
    return sut_sandbox_darkroom(reterr_diag);
}

/* What was sent; *ret_has_rested: not a byte was. */
static SUT_ERR receive(struct sut_darkroom_ask *ret, char **ret_bytes, bool *ret_has_rested)
{
    unsigned char head[SUT_DARKROOM_ASK];
    size_t n = 0;
    errno = 0;
    const sut_err e = sut_fd_read_full(SUT_ROLE_FD_PICTURE, head, sizeof(head), &n);
    *ret_has_rested = n == 0 && sut_failed(e);
    TRY(e);
    ENSURE(n == sizeof(head), UNAVAILABLE);
    TRY(sut_darkroom_ask_read(head, ret));
    *ret_bytes = sut_mem_alloc((size_t) ret->n + 1);
    ENSURE(*ret_bytes != NULL, NOMEM);
    TRY(sut_fd_read_full(SUT_ROLE_FD_PICTURE, *ret_bytes, ret->n, &n));
    ENSURE(n == ret->n, UNAVAILABLE);
    return SUT_OK;
}

static enum sut_darkroom_outcome outcome_of(enum sut_ecode code)
{
    if (code == SUT_E_INVALID)
        return SUT_DARKROOM_INVALID;
    return code == SUT_E_TOO_LARGE ? SUT_DARKROOM_TOO_LARGE : SUT_DARKROOM_PARSE;
}

static SUT_ERR send_picture(const struct sut_picture *p)
{
    struct sut_darkroom_answer a = {
        .outcome = SUT_DARKROOM_DONE, .kind = p->kind, .width = p->width, .height = p->height
    };
    unsigned char head[SUT_DARKROOM_ANSWER];
    for (size_t i = 0; i < SUT_PICTURE_FILES; i++)
        a.n[i] = (uint32_t) p->files[i].n;
    sut_darkroom_answer_write(&a, head);
    is_answering = 1;
    TRY(sut_fd_write_full(SUT_ROLE_FD_PICTURE, sut_str_of((const char *) head, sizeof(head))));
    for (size_t i = 0; i < SUT_PICTURE_FILES; i++)
        TRY(sut_fd_write_full(SUT_ROLE_FD_PICTURE, sut_buf_str(&p->files[i])));
    return SUT_OK;
}

static SUT_ERR develop(const struct sut_codecs *l, const struct sut_darkroom_ask *ask,
                       const char *bytes)
{
    struct sut_picture p;
    const sut_str s = sut_str_of(bytes, ask->n);
    const sut_err e = ask->what == SUT_DARKROOM_PRINT
                          ? sut_develop_print(l, s, ask->width, ask->height, &p)
                          : sut_develop(l, s, &p);
    if (!sut_failed(e)) {
        const sut_err sent = send_picture(&p);
        sut_picture_done(&p);
        return sent;
    }
    is_answering = 1;
    ENSURE(send_outcome(outcome_of(e.code)), UNAVAILABLE);
    return SUT_OK;
}

int sut_role_darkroom(int argc, char **argv)
{
    struct sut_diag diag = { .text = "" };
    struct sut_codecs *codecs = NULL;
    struct sut_darkroom_ask ask;
    char *bytes = NULL;
    bool has_rested = false;
    sut_err e = start(argc, argv, &codecs, &diag);
    if (sut_failed(e)) {
        if (diag.text[0] == '\0')
            sut_diag_set(&diag, "the darkroom can't start: %s", sut_err_info(e.code)->name);
        return sut_command_fail(&diag);
    }
    do {
        sut_mem_freep(&bytes);
        is_answering = 0;
        e = receive(&ask, &bytes, &has_rested);
        if (!sut_failed(e))
            e = develop(codecs, &ask, bytes);
    } while (!sut_failed(e) && ask.what == SUT_DARKROOM_PRINT);
    /* Its memory goes with it. */
    _exit(has_rested ? SUT_DARKROOM_RESTED : sut_failed(e) ? SUT_EXIT_FAILED : SUT_EXIT_OK);
}
