/* SPDX-License-Identifier: Apache-2.0
 *
 * supervisor_talk - what is said on the lines: sockets, the TLS key, asks.
 */
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/secret.h"
#include "crypto/remote_key.h"
#include "ipc/courier.h"
#include "ipc/keeper.h"
#include "log/log.h"
#include "os/fd.h"
#include "prog/command.h"
#include "prog/supervisor_int.h"

enum {
    PEERS = 12, /* connections between worker and keeper */
    SEND_MS = 1000,
    KEY_MS = 10 * 1000, /* for the keeper to say what it thinks of a key */
    FEW_MS = 5 * 1000,  /* between new connections because few are left */
    PING_MS = 2 * 1000, /* with HERE_MS less than the worker's calls wait */
    HERE_MS = 3 * 1000,
    CLAMD_A_SECOND = 100,
};

_Static_assert((int) PEERS <= (int) SUT_KEEPER_PEERS_MAX, "more than the keeper takes");
_Static_assert((int) PING_MS + (int) HERE_MS < (int) SUT_KEEPER_PATIENCE_MS, "no call fails");
_Static_assert((int) SUT_SUPERVISOR_ERRANDS <= (int) SUT_COURIER_PEERS_MAX, "and the courier");
_Static_assert((int) PEERS <= (int) SUT_LINE_FDS_MAX, "more than a message takes");

const struct sut_line_permit sut_supervisor__keeper_permits[] = {
    { .type = SUT_WORD_READY, .max = 16 },
    { .type = SUT_WORD_TLS_OK, .max = 64 },
    { .type = SUT_WORD_TLS_BAD, .max = SUT_WORD_TEXT_MAX },
    { .type = SUT_WORD_HERE },
    { .type = 0 },
};

const struct sut_line_permit sut_supervisor__courier_permits[] = {
    { .type = SUT_WORD_READY }, { .type = SUT_WORD_HERE },      { .type = SUT_WORD_REST },
    { .type = SUT_WORD_EMPTY }, { .type = SUT_WORD_ASK_CLAMD }, { .type = 0 },
};

const struct sut_line_permit sut_supervisor__worker_permits[] = {
    { .type = SUT_WORD_READY },
    { .type = SUT_WORD_ASK_MASTER_NEXT },
    { .type = SUT_WORD_ASK_MASTER_ADOPT },
    { .type = SUT_WORD_ASK_TLS },
    { .type = SUT_WORD_FEW },
    { .type = SUT_WORD_FEW_COURIER },
    { .type = 0 },
};

/* Say something to a role; one that can't be spoken to is of no use. */
static void say(struct sut_supervised *r, uint16_t type, sut_str fields, const int *fds, size_t n)
{
    if (r->line < 0)
        return;
    const sut_err e = sut_line_send(r->line, type, fields, fds, n, SEND_MS);
    if (sut_failed(e)) {
        /* One that has just ended is told of with its end. */
        if (e.sys != EPIPE)
            sut_log(SUT_LOG_ERROR, "role_deaf", LOG_NAME("which", r->name), LOG_ERR(e));
        sut_supervisor__kill(r);
    }
}

/* The same with one field of bytes, which may be a key. */
static void say_bytes(struct sut_supervised *r, uint16_t type, sut_str bytes)
{
    struct sut_buf b;
    sut_buf_init(&b, bytes.n + 16);
    /* At once, so that it never moves and leaves a copy behind. */
    (void) sut_buf_room(&b, bytes.n + 16);
    sut_ipc_put_bytes(&b, bytes);
    if (!sut_failed(sut_buf_check(&b)))
        say(r, type, sut_buf_str(&b), NULL, 0);
    if (b.p != NULL)
        sut_wipe(b.p, b.cap);
    sut_buf_done(&b);
}

void sut_supervisor__answer(struct sut_supervisor *s, const char *why)
{
    if (s->ask == 0)
        return;
    s->ask = 0;
    struct sut_buf b;
    sut_buf_init(&b, SUT_WORD_TEXT_MAX + 64);
    sut_ipc_put_u64(&b, why == NULL);
    sut_ipc_put_bytes(&b, sut_str_from(why == NULL ? "" : why));
    if (!sut_failed(sut_buf_check(&b)))
        say(&s->worker, SUT_WORD_DONE, sut_buf_str(&b), NULL, 0);
    sut_buf_done(&b);
}

static void plan_ping(struct sut_supervised *r)
{
    r->here_by_ns = 0;
    r->ping_ns = sut_monotonic_ns() + (uint64_t) PING_MS * 1000000;
}

void sut_supervisor__ping(struct sut_supervised *r)
{
    const uint64_t now = sut_monotonic_ns();
    if (!r->is_ready || r->line < 0 || r->deadline_ns != 0 || r->here_by_ns != 0 ||
        now < r->ping_ns)
        return;
    r->here_by_ns = now + (uint64_t) HERE_MS * 1000000;
    say(r, SUT_WORD_PING, SUT_STR(""), NULL, 0);
}

/* n socket pairs; false, and none, when there are no descriptors. */
static bool make_pairs(int *theirs, int *ours, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int pair[2];
        if (sut_failed(sut_fd_socketpair(pair))) {
            sut_log(SUT_LOG_ERROR, "no_sockets", LOG_INT("made", (int64_t) i));
            while (i-- > 0) {
                sut_fd_close(&theirs[i]);
                sut_fd_close(&ours[i]);
            }
            return false;
        }
        theirs[i] = pair[0];
        ours[i] = pair[1];
    }
    return true;
}

static void close_all(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sut_fd_close(&fds[i]);
}

void sut_supervisor__connect(struct sut_supervisor *s)
{
    int theirs[PEERS];
    int ours[PEERS];
    if (s->worker.line < 0 || !sut_supervisor__keeper_serves(s))
        return;
    if (make_pairs(theirs, ours, PEERS)) {
        say(&s->keeper, SUT_WORD_PEERS, SUT_STR(""), theirs, PEERS);
        say(&s->worker, SUT_WORD_KEEPER, SUT_STR(""), ours, PEERS);
        close_all(theirs, PEERS);
        close_all(ours, PEERS);
    } else {
        sut_supervisor__kill(&s->worker);
    }
    if (s->cert.n > 0)
        say_bytes(&s->worker, SUT_WORD_CERT, sut_buf_str(&s->cert));
}

void sut_supervisor__hand_over(struct sut_supervisor *s)
{
    if (s->courier.line < 0 || s->errand_fds[0] < 0)
        return;
    say(&s->courier, SUT_WORD_PEERS, SUT_STR(""), s->errand_fds, SUT_SUPERVISOR_ERRANDS);
    close_all(s->errand_fds, SUT_SUPERVISOR_ERRANDS);
}

void sut_supervisor__connect_courier(struct sut_supervisor *s)
{
    int theirs[SUT_SUPERVISOR_ERRANDS];
    int ours[SUT_SUPERVISOR_ERRANDS];
    if (s->worker.line < 0 || !sut_supervisor__has_courier(s))
        return;
    if (!make_pairs(theirs, ours, SUT_SUPERVISOR_ERRANDS)) {
        sut_supervisor__kill(&s->worker);
        return;
    }
    close_all(s->errand_fds, SUT_SUPERVISOR_ERRANDS);
    memcpy(s->errand_fds, theirs, sizeof(theirs));
    say(&s->worker, SUT_WORD_COURIER, SUT_STR(""), ours, SUT_SUPERVISOR_ERRANDS);
    close_all(ours, SUT_SUPERVISOR_ERRANDS);
    /* One that runs and is not about to rest has them at once. */
    if (!s->is_courier_resting)
        sut_supervisor__hand_over(s);
}

/* Without a key for a first start there is nothing to serve; later the one of before still holds.
 */
static void key_refused(struct sut_supervisor *s, const struct sut_diag *diag, const char *why)
{
    if (!s->worker.was_ready && s->worker.process.pid == 0) {
        sut_supervisor__give_up(s, sut_command_fail(diag));
        return;
    }
    if (s->keeper_has_key)
        sut_log(SUT_LOG_ERROR, "tls_key_refused", LOG_WHY("why", why),
                LOG_Z("kept", "the one before"));
    else
        sut_log(SUT_LOG_ERROR, "tls_key_refused", LOG_WHY("why", why),
                LOG_Z("left", "no handshake until the files are good and HUP comes"));
    if (s->ask == SUT_WORD_ASK_TLS)
        sut_supervisor__answer(s, diag->text);
    /* A keeper that is new has none: all but the handshakes goes on. */
    if (!s->keeper_has_key) {
        s->keeper_has_key = true;
        sut_supervisor__connect(s);
        /* What it was started for is done all the same. */
        sut_supervisor__answer(s, NULL);
    }
}

void sut_supervisor__load_key(struct sut_supervisor *s)
{
    struct sut_diag diag = { 0 };
    struct sut_buf key;
    s->is_key_due = false;
    sut_buf_init(&key, SUT_WORD_PEM_MAX);
    (void) sut_buf_room(&key, SUT_WORD_PEM_MAX);
    sut_buf_done(&s->cert_next);
    sut_buf_init(&s->cert_next, SUT_WORD_PEM_MAX);
    const char *why = "certificate and key cannot be read";
    sut_err e = sut_certificate_read(&s->o->certificate, &s->cert_next, &key, &diag);
    if (!sut_failed(e)) {
        /* Before the keeper has it: there it would take the place of one that is in use. */
        e = sut_tls_pair_check(sut_buf_str(&s->cert_next), sut_buf_str(&key), &why);
        if (sut_failed(e))
            sut_diag_set(&diag, "%s", why);
    }
    if (!sut_failed(e)) {
        say_bytes(&s->keeper, SUT_WORD_TLS_KEY, sut_buf_str(&key));
        s->keeper.deadline_ns = sut_monotonic_ns() + (uint64_t) KEY_MS * 1000000;
    }
    if (key.p != NULL)
        sut_wipe(key.p, key.cap);
    sut_buf_done(&key);
    if (sut_failed(e)) {
        if (diag.text[0] == '\0')
            sut_diag_set(&diag, "the TLS certificate can't be read (%s)",
                         sut_err_info(e.code)->name);
        key_refused(s, &diag, why);
    }
}

static void key_taken(struct sut_supervisor *s)
{
    struct sut_buf old = s->cert;
    s->cert = s->cert_next;
    s->cert_next = (struct sut_buf){ .p = NULL };
    sut_buf_done(&old);
    const bool is_new_keeper = !s->keeper_has_key;
    s->keeper_has_key = true;
    if (is_new_keeper)
        sut_supervisor__connect(s);
    else
        say_bytes(&s->worker, SUT_WORD_CERT, sut_buf_str(&s->cert));
    if (s->ask != 0)
        sut_supervisor__answer(s, NULL);
}

SUT_ERR sut_supervisor__keeper_heard(struct sut_supervisor *s, struct sut_ipc_reader *in,
                                     uint16_t type)
{
    struct sut_diag diag = { 0 };
    uint64_t may_rotate = 0;
    sut_str text = { 0 };
    if (type == SUT_WORD_READY) {
        ENSURE(!s->keeper.is_ready, DENIED);
        TRY(sut_ipc_get_u64(in, 1, &may_rotate));
        TRY(sut_ipc_get_end(in));
        s->keeper.is_ready = s->keeper.was_ready = true;
        s->keeper.deadline_ns = 0;
        s->keeper_may_rotate = may_rotate == 1;
        plan_ping(&s->keeper);
        s->next = "none";
        if (s->o->n_tls > 0) {
            sut_supervisor__load_key(s);
            return SUT_OK;
        }
        sut_supervisor__connect(s);
        sut_supervisor__answer(s, NULL);
        return SUT_OK;
    }
    if (type == SUT_WORD_HERE) {
        ENSURE(s->keeper.here_by_ns != 0, DENIED);
        TRY(sut_ipc_get_end(in));
        plan_ping(&s->keeper);
        return SUT_OK;
    }
    /* An answer, and to nothing else than a key. */
    ENSURE(s->keeper.deadline_ns != 0 && s->keeper.is_ready, DENIED);
    TRY(sut_ipc_get_bytes(in, SUT_WORD_TEXT_MAX, &text));
    TRY(sut_ipc_get_end(in));
    s->keeper.deadline_ns = 0;
    if (type == SUT_WORD_TLS_OK) {
        key_taken(s);
    } else {
        sut_diag_set(&diag, "the TLS key can't be used: %.*s", (int) text.n, text.p);
        key_refused(s, &diag, "the keeper does not take it");
    }
    if (s->is_key_due && !s->is_over)
        sut_supervisor__load_key(s);
    return SUT_OK;
}

/* -1 when nobody listens there, or too much waits for it. */
static int connect_clamd(const char *path)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    const size_t n = strlen(path);
    DEFER(sut_fd_close) int fd = -1;
    if (n >= sizeof(to.sun_path))
        return -1;
    memcpy(to.sun_path, path, n + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *) &to, sizeof(to)) != 0)
        return -1;
    return sut_fd_take(&fd);
}

/* This one place, so that the courier needs no call that would reach any other. */
static SUT_ERR give_clamd(struct sut_supervisor *s)
{
    const uint64_t now = sut_monotonic_ns();
    ENSURE(s->o->clamd != NULL, DENIED);
    if (now - s->clamd_ns > (uint64_t) 1000000000) {
        s->clamd_ns = now;
        s->clamd_n = 0;
    }
    DEFER(sut_fd_close) int fd = s->clamd_n++ < CLAMD_A_SECOND ? connect_clamd(s->o->clamd) : -1;
    say(&s->courier, SUT_WORD_CLAMD, SUT_STR(""), &fd, fd < 0 ? 0 : 1);
    return SUT_OK;
}

/*
 * It rests so: the worker gets other connections, whose ends stay here; when the last one of the
 * old has ended it is ended too.  So no call is lost.
 */
SUT_ERR sut_supervisor__courier_heard(struct sut_supervisor *s, struct sut_ipc_reader *in,
                                      uint16_t type)
{
    struct sut_supervised *const r = &s->courier;
    TRY(sut_ipc_get_end(in));
    if (type == SUT_WORD_READY) {
        ENSURE(!r->is_ready, DENIED);
        r->is_ready = r->was_ready = true;
        r->deadline_ns = 0;
        plan_ping(r);
        return SUT_OK;
    }
    ENSURE(r->is_ready, DENIED);
    if (type == SUT_WORD_HERE) {
        ENSURE(r->here_by_ns != 0, DENIED);
        plan_ping(r);
        return SUT_OK;
    }
    if (type == SUT_WORD_ASK_CLAMD)
        return give_clamd(s);
    if (type == SUT_WORD_REST) {
        ENSURE(!s->is_courier_resting, DENIED);
        s->is_courier_resting = true;
        sut_supervisor__connect_courier(s);
    } else if (s->is_courier_resting && r->process.pid > 0) {
        s->is_courier_ending = true;
        sut_ignore(sut_role_signal(&r->process, SIGTERM), "it may have ended already");
    }
    return SUT_OK;
}

/* Whether one more ask is within what an honest worker needs. */
static bool is_within_rate(struct sut_supervisor *s)
{
    const uint64_t now = sut_monotonic_ns();
    const uint64_t oldest = s->asks_ns[s->asks_at];
    if (oldest != 0 && now - oldest < (uint64_t) SUT_SUPERVISOR_ASKS_WITHIN_S * 1000000000)
        return false;
    s->asks_ns[s->asks_at] = now;
    s->asks_at = (s->asks_at + 1) % SUT_SUPERVISOR_ASKS;
    return true;
}

static void answer_ask(struct sut_supervisor *s, uint16_t type)
{
    if (!is_within_rate(s)) {
        sut_log(SUT_LOG_WARN, "asks_limited", LOG_INT("within_s", SUT_SUPERVISOR_ASKS_WITHIN_S));
        sut_supervisor__answer(s, "asked too often: try again in a minute");
        return;
    }
    if (!sut_supervisor__keeper_serves(s) || s->keeper.deadline_ns != 0) {
        sut_supervisor__answer(s, "the keeper is just starting: try again");
        return;
    }
    if (type == SUT_WORD_ASK_TLS) {
        if (s->o->n_tls == 0)
            sut_supervisor__answer(s, "this server does not listen with HTTPS");
        else
            sut_supervisor__load_key(s);
        return;
    }
    if (!s->keeper_may_rotate) {
        sut_supervisor__answer(s, "the master key does not lie in a file of the keys folder");
        return;
    }
    s->next = type == SUT_WORD_ASK_MASTER_NEXT ? "make" : "adopt";
    sut_supervisor__renew_keeper(s);
}

SUT_ERR sut_supervisor__worker_heard(struct sut_supervisor *s, struct sut_ipc_reader *in,
                                     uint16_t type)
{
    TRY(sut_ipc_get_end(in));
    if (type == SUT_WORD_READY) {
        ENSURE(!s->worker.is_ready, DENIED);
        s->worker.is_ready = s->worker.was_ready = true;
        /* What starting took goes back to the system: from here on it only waits. */
        (void) malloc_trim(0);
        return SUT_OK;
    }
    ENSURE(s->worker.is_ready, DENIED);
    if (type == SUT_WORD_FEW) {
        const uint64_t now = sut_monotonic_ns();
        if (now < s->few_ns)
            return SUT_OK;
        s->few_ns = now + (uint64_t) FEW_MS * 1000000;
        sut_supervisor__connect(s);
        return SUT_OK;
    }
    if (type == SUT_WORD_FEW_COURIER) {
        const uint64_t now = sut_monotonic_ns();
        ENSURE(sut_supervisor__has_courier(s), DENIED);
        if (now < s->few_courier_ns)
            return SUT_OK;
        s->few_courier_ns = now + (uint64_t) FEW_MS * 1000000;
        sut_supervisor__connect_courier(s);
        return SUT_OK;
    }
    ENSURE(s->ask == 0, DENIED);
    s->ask = type;
    answer_ask(s, type);
    return SUT_OK;
}
