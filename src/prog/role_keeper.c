/* SPDX-License-Identifier: Apache-2.0
 *
 * role_keeper - the process that holds the master key and the TLS key.
 *
 * It reads its settings and the master key, shuts itself in, and from then on
 * opens nothing: all else comes over its line (prog/words.h), and workers ask over
 * the sockets that come with it (ipc/keeper.h), each served by a thread.
 */
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"
#include "config/config.h"
#include "crypto/library.h"
#include "ipc/line.h"
#include "keeper/permits.h"
#include "log/log.h"
#include "os/fd.h"
#include "os/harden.h"
#include "prog/command.h"
#include "prog/role_settings.h"
#include "prog/role_signals.h"
#include "prog/roles.h"
#include "prog/sandboxes.h"
#include "prog/words.h"

enum {
    PEERS_MAX = 96, /* of a worker and of those before it that end just now */
    STACK_BYTES = 512 * 1024,
    SEND_MS = 2000,
};

/* A connection and the thread that serves it. */
struct peer {
    struct keeper *keeper;
    pthread_t thread;
    int fd; /* closed when the thread is joined */
    bool is_used;
    bool is_over; /* the thread is done */
};

struct keeper {
    struct sut_keyholder *keys;
    bool may_rotate;
    int signal_fd;
    pthread_mutex_t mutex; /* of the peers */
    struct peer peers[PEERS_MAX];
};

static const struct sut_line_permit heard[] = {
    { .type = SUT_WORD_PEERS, .fds_max = SUT_KEEPER_PEERS_MAX },
    { .type = SUT_WORD_TLS_KEY, .max = SUT_WORD_PEM_MAX + 16 },
    { .type = SUT_WORD_PING },
    { .type = 0 },
};

static const char *arg_of(int argc, char **argv, const char *name, const char *fallback)
{
    const size_t n = strlen(name);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], name, n) == 0)
            return argv[i] + n;
    return fallback;
}

static SUT_ERR step_of(const char *word, enum sut_master_step *ret)
{
    static const struct {
        const char *word;
        enum sut_master_step step;
    } steps[] = {
        { "none", SUT_MASTER_AS_IS },
        { "make", SUT_MASTER_MAKE_NEXT },
        { "adopt", SUT_MASTER_ADOPT },
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (strcmp(word, steps[i].word) == 0) {
            *ret = steps[i].step;
            return SUT_OK;
        }
    FAIL(INVALID);
}

/* The master key goes from settings or file into the keyholder, and nowhere else stays. */
static SUT_ERR load_master(struct keeper *k, const struct sut_config *c, int argc, char **argv,
                           struct sut_diag *reterr_diag)
{
    DEFER(sut_master_done) struct sut_master master = { .key = NULL };
    struct sut_master_options o = {
        .keys_dir = arg_of(argc, argv, "--keys=", c->server.keys.p),
        .key = c->security.master_key,
        .previous = c->security.master_key_previous,
        .passphrase = c->security.passphrase,
        .may_create = strcmp(arg_of(argc, argv, "--may-create=", "0"), "1") == 0,
        .random = &sut_random_system,
    };
    TRY(step_of(arg_of(argc, argv, "--next=", "none"), &o.step));
    TRY(sut_master_open(&o, &master, reterr_diag));
    if (master.should_seal)
        sut_log(SUT_LOG_WARN, "master_key_not_sealed",
                LOG_Z("seal_it_by", "sutler key rotate master"));
    k->may_rotate = master.may_rotate;
    return sut_keyholder_create(&master, &sut_random_system, &k->keys);
}

/* --- peers --- */

static void *serve_peer(void *arg)
{
    struct peer *const p = arg;
    const sut_err e = sut_keyholder_serve(p->keeper->keys, p->fd);
    /* A worker that ended hung up; anything else is what no worker of ours does. */
    if (e.code != SUT_E_UNAVAILABLE)
        sut_log(SUT_LOG_WARN, "keeper_peer_dropped", LOG_ERR(e));
    /* The other side sees the end now; the number stays taken until the thread is joined. */
    (void) shutdown(p->fd, SHUT_RDWR);
    (void) pthread_mutex_lock(&p->keeper->mutex);
    p->is_over = true;
    (void) pthread_mutex_unlock(&p->keeper->mutex);
    return NULL;
}

static void join_peer(struct peer *p)
{
    (void) pthread_join(p->thread, NULL);
    sut_fd_close(&p->fd);
    p->is_used = false;
}

/* A free place, after those that are over have been cleared away; NULL: all are taken. */
static struct peer *free_place(struct keeper *k)
{
    struct peer *found = NULL;
    for (size_t i = 0; i < PEERS_MAX; i++) {
        struct peer *const p = &k->peers[i];
        (void) pthread_mutex_lock(&k->mutex);
        const bool is_over = p->is_used && p->is_over;
        (void) pthread_mutex_unlock(&k->mutex);
        if (is_over)
            join_peer(p);
        if (!p->is_used)
            found = p;
    }
    return found;
}

static SUT_ERR start_peer(struct keeper *k, int *fd)
{
    struct peer *const p = free_place(k);
    ENSURE(p != NULL, FULL);
    *p = (struct peer){ .keeper = k, .fd = *fd, .is_used = true };
    const sut_err e = sut_thread_start(STACK_BYTES, serve_peer, p, &p->thread);
    p->is_used = !sut_failed(e);
    TRY(e);
    *fd = -1;
    return SUT_OK;
}

/* A socket that can't be served is closed with the message: the worker sees its end. */
static void take_peers(struct keeper *k, struct sut_line_message *m)
{
    for (size_t i = 0; i < m->n_fds; i++) {
        const sut_err e = start_peer(k, &m->fds[i]);
        if (sut_failed(e))
            sut_log(SUT_LOG_ERROR, "keeper_peer_refused", LOG_ERR(e));
    }
}

static void end_peers(struct keeper *k)
{
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (k->peers[i].is_used)
            (void) shutdown(k->peers[i].fd, SHUT_RDWR);
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (k->peers[i].is_used)
            join_peer(&k->peers[i]);
}

/* --- the line --- */

static SUT_ERR say_bytes(enum sut_word word, sut_str bytes)
{
    char text[SUT_WORD_TEXT_MAX + 16];
    struct sut_buf b = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
    sut_ipc_put_bytes(&b, bytes);
    TRY(sut_buf_check(&b));
    return sut_line_send(SUT_ROLE_FD_SUPERVISOR, (uint16_t) word, sut_buf_str(&b), NULL, 0,
                         SEND_MS);
}

static SUT_ERR say_ready(const struct keeper *k)
{
    char text[16];
    struct sut_buf b = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
    sut_ipc_put_u64(&b, k->may_rotate ? 1 : 0);
    return sut_line_send(SUT_ROLE_FD_SUPERVISOR, SUT_WORD_READY, sut_buf_str(&b), NULL, 0, SEND_MS);
}

static SUT_ERR take_tls_key(struct keeper *k, const struct sut_line_message *m)
{
    struct sut_ipc_reader in = sut_ipc_reader_of(sut_buf_str(&m->fields));
    unsigned char id[SUT_TLS_KEY_ID];
    sut_str pem = { 0 };
    TRY(sut_ipc_get_bytes(&in, SUT_WORD_PEM_MAX, &pem));
    TRY(sut_ipc_get_end(&in));
    const sut_err e = sut_keyholder_take_tls_key(k->keys, pem, id);
    /* Its decoders leave holes; from here on next to nothing is allocated. */
    (void) malloc_trim(0);
    if (sut_failed(e))
        return say_bytes(SUT_WORD_TLS_BAD,
                         e.code == SUT_E_INVALID
                             ? SUT_STR("it is no private key of RSA (2048 bits or more) or ECDSA "
                                       "(P-256, P-384, P-521) in PEM without a passphrase")
                             : sut_str_from(sut_err_info(e.code)->name));
    return say_bytes(SUT_WORD_TLS_OK, sut_str_of((const char *) id, sizeof(id)));
}

/* An error ends the keeper: the supervisor is gone, or is none. */
static SUT_ERR hear(struct keeper *k)
{
    struct sut_line_message m;
    const sut_err got = sut_line_receive(SUT_ROLE_FD_SUPERVISOR, heard, &m);
    if (got.code == SUT_E_BUSY)
        return SUT_OK;
    TRY(got);
    sut_err e = SUT_OK;
    if (m.type == SUT_WORD_PEERS)
        take_peers(k, &m);
    else if (m.type == SUT_WORD_PING)
        e = sut_line_send(SUT_ROLE_FD_SUPERVISOR, SUT_WORD_HERE, SUT_STR(""), NULL, 0, SEND_MS);
    else
        e = take_tls_key(k, &m);
    sut_line_message_done(&m);
    return e;
}

/* Until TERM or the end of the line. */
static SUT_ERR serve(struct keeper *k)
{
    for (;;) {
        struct pollfd p[] = {
            { .fd = SUT_ROLE_FD_SUPERVISOR, .events = POLLIN },
            { .fd = k->signal_fd, .events = POLLIN },
        };
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            FAIL_SYS(SYSTEM);
        if (p[1].revents != 0)
            return SUT_OK;
        if (p[0].revents != 0)
            TRY(hear(k));
    }
}

/* What was asked of it, for whoever reads the log after something has happened. */
static void log_counts(struct keeper *k)
{
    static const struct {
        enum sut_keeper_ask type;
        const char *name;
    } types[] = {
        { SUT_KEEPER_ABOUT, "about" },         { SUT_KEEPER_UNWRAP, "unwrap" },
        { SUT_KEEPER_MAKE, "make" },           { SUT_KEEPER_REWRAP, "rewrap" },
        { SUT_KEEPER_OPEN_DATA, "open_data" }, { SUT_KEEPER_MAKE_DATA, "make_data" },
        { SUT_KEEPER_TLS_SIGN, "tls_sign" },   { SUT_KEEPER_CHECKPOINT, "checkpoint" },
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const struct sut_ipc_meter m = sut_keyholder_count(k->keys, types[i].type);
        if (m.asked > 0 || m.spent > 0)
            sut_log(m.spent > 0 ? SUT_LOG_WARN : SUT_LOG_DEBUG, "keeper_asked",
                    LOG_NAME("for", types[i].name), LOG_INT("times", (int64_t) m.asked),
                    LOG_INT("limited", (int64_t) m.spent));
    }
}

static SUT_ERR start(struct keeper *k, int argc, char **argv, struct sut_diag *reterr_diag)
{
    DEFER(sut_config_free) struct sut_config *config = NULL;
    TRY(sut_role_signals(&k->signal_fd));
    TRY(sut_role_settings(&config));
    sut_harden_wipe_environ();
    (void) mallopt(M_ARENA_MAX, 2);
    sut_log_init((enum sut_log_level) config->log.level, (enum sut_log_format) config->log.format,
                 2, "keeper");
    if (!sut_crypto_lock_keys())
        sut_log(SUT_LOG_WARN, "tls_keys_not_locked", LOG_Z("raise", "ulimit -l"));
    TRY(load_master(k, config, argc, argv, reterr_diag));
    TRY(sut_sandbox_keeper(reterr_diag));
    (void) malloc_trim(0);
    return say_ready(k);
}

int sut_role_keeper(int argc, char **argv)
{
    static struct keeper k = { .signal_fd = -1, .mutex = PTHREAD_MUTEX_INITIALIZER };
    struct sut_diag diag = { .text = "" };
    (void) sut_crypto_wipe_freed();
    sut_err e = sut_harden_process();
    if (!sut_failed(e))
        e = start(&k, argc, argv, &diag);
    if (sut_failed(e)) {
        if (diag.text[0] == '\0')
            sut_diag_set(&diag, "the keeper can't start: %s", sut_err_info(e.code)->name);
        sut_keyholder_free(&k.keys);
        return sut_command_fail(&diag);
    }
    e = serve(&k);
    end_peers(&k);
    log_counts(&k);
    sut_keyholder_free(&k.keys);
    /* The supervisor's end is ours, and no fault. */
    if (sut_failed(e) && e.code != SUT_E_UNAVAILABLE) {
        sut_log(SUT_LOG_ERROR, "keeper_ended", LOG_ERR(e));
        return SUT_EXIT_FAILED;
    }
    return SUT_EXIT_OK;
}
