/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/own_keeper.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ipc/line.h"
#include "os/fd.h"
#include "os/role.h"
#include "prog/boot.h"
#include "prog/command.h"
#include "prog/role_settings.h"
#include "prog/roles.h"
#include "prog/words.h"

enum {
    PEERS = 2,
    READY_MS = 60 * 1000, /* a passphrase takes a while */
    SEND_MS = 1000,
    STOP_MS = 3000,
    NS_PER_MS = 1000000,
};

struct sut_own_keeper {
    struct sut_role process;
    int line;
    struct sut_keeper *client;
};

static const struct sut_line_permit heard[] = {
    { .type = SUT_WORD_READY, .max = 16 },
    { .type = 0 },
};

static SUT_ERR spawn(const struct sut_config *c, bool may_create, const char *next,
                     struct sut_own_keeper *k)
{
    char binary[PATH_MAX];
    char keys[PATH_MAX + 16];
    DEFER(sut_fd_close) int settings = -1;
    DEFER(sut_fd_close) int theirs = -1;
    int pair[2] = { -1, -1 };
    const ssize_t n = readlink("/proc/self/exe", binary, sizeof(binary) - 1);
    if (n <= 0)
        FAIL_SYS(SYSTEM);
    binary[n] = '\0';
    const int n_keys = snprintf(keys, sizeof(keys), "--keys=%s", c->server.keys.p);
    ENSURE(n_keys > 0 && (size_t) n_keys < sizeof(keys), INVALID);
    TRY(sut_role_settings_pack(c, SUT_CONFIG_FOR_KEEPER, &settings));
    TRY(sut_line_pair(pair));
    k->line = pair[0];
    theirs = pair[1];
    const struct sut_role_fd fds[] = {
        { .fd = 2, .as = 2 },
        { .fd = settings, .as = SUT_ROLE_FD_SETTINGS },
        { .fd = theirs, .as = SUT_ROLE_FD_SUPERVISOR },
    };
    const char *const args[] = { keys, may_create ? "--may-create=1" : "--may-create=0", next,
                                 NULL };
    const struct sut_role_spec spec = {
        .binary = binary,
        .name = "keeper",
        .args = args,
        .fds = fds,
        .n_fds = sizeof(fds) / sizeof(fds[0]),
        .death_signal = SIGTERM,
    };
    return sut_role_spawn(&spec, &k->process);
}

/* UNAVAILABLE: it has ended, with a word on stderr. */
static SUT_ERR wait_ready(const struct sut_own_keeper *k)
{
    const uint64_t end_ns = sut_monotonic_ns() + (uint64_t) READY_MS * NS_PER_MS;
    for (;;) {
        const uint64_t now_ns = sut_monotonic_ns();
        ENSURE(now_ns < end_ns, BUSY);
        struct pollfd p = { .fd = k->line, .events = POLLIN };
        if (poll(&p, 1, (int) ((end_ns - now_ns) / NS_PER_MS) + 1) <= 0)
            continue;
        struct sut_line_message m;
        const sut_err e = sut_line_receive(k->line, heard, &m);
        if (e.code == SUT_E_BUSY)
            continue;
        TRY(e);
        sut_line_message_done(&m);
        return SUT_OK;
    }
}

static SUT_ERR connect_client(struct sut_own_keeper *k)
{
    int ours[PEERS];
    int theirs[PEERS];
    size_t n = 0;
    sut_err e = SUT_OK;
    for (; n < PEERS && !sut_failed(e); n++) {
        int pair[2] = { -1, -1 };
        e = sut_fd_socketpair(pair);
        ours[n] = pair[0];
        theirs[n] = pair[1];
    }
    if (!sut_failed(e))
        e = sut_line_send(k->line, SUT_WORD_PEERS, SUT_STR(""), theirs, PEERS, SEND_MS);
    if (!sut_failed(e) && k->client != NULL)
        e = sut_keeper_reconnect(k->client, ours, PEERS);
    else if (!sut_failed(e))
        e = sut_keeper_create(ours, PEERS, &k->client);
    for (size_t i = 0; i < n; i++) {
        sut_fd_close(&theirs[i]);
        if (sut_failed(e))
            sut_fd_close(&ours[i]);
    }
    return e;
}

SUT_ERR sut_own_keeper_start(const struct sut_config *c, unsigned flags,
                             struct sut_own_keeper **ret, struct sut_diag *reterr_diag)
{
    bool may_create = (flags & SUT_BOOT_CREATE) != 0;
    bool unused = may_create;
    TRY(sut_boot_folders(c, flags, reterr_diag));
    TRY(sut_boot_may_make(c, &may_create, &unused));
    DEFER(sut_own_keeper_stop) struct sut_own_keeper *k = sut_mem_zalloc(1, sizeof(*k));
    ENSURE(k != NULL, NOMEM);
    k->line = -1;
    k->process = SUT_ROLE_NONE;
    sut_err e = spawn(c, may_create, "--next=none", k);
    if (!sut_failed(e)) {
        e = wait_ready(k);
        if (e.code == SUT_E_UNAVAILABLE) {
            sut_diag_set(reterr_diag, SUT_COMMAND_TOLD);
            return e;
        }
    }
    if (!sut_failed(e))
        e = connect_client(k);
    if (sut_failed(e)) {
        sut_diag_set(reterr_diag, "the keeper of the keys can't be started (%s)",
                     sut_err_info(e.code)->name);
        return e;
    }
    *ret = STEAL(k);
    return SUT_OK;
}

struct sut_keeper *sut_own_keeper_of(struct sut_own_keeper *k)
{
    return k->client;
}

/* The process goes with its line. */
static void end_process(struct sut_own_keeper *k)
{
    sut_fd_close(&k->line);
    if (k->process.pid > 0) {
        bool has_ended = false;
        struct sut_role_end end;
        sut_ignore(sut_role_wait_ms(&k->process, STOP_MS, &has_ended, &end), "it is killed below");
    }
    sut_role_done(&k->process);
    k->process = SUT_ROLE_NONE;
}

SUT_ERR sut_own_keeper_renew(struct sut_own_keeper *k, const struct sut_config *c,
                             enum sut_word word, struct sut_diag *reterr_diag)
{
    const char *const next = word == SUT_WORD_ASK_MASTER_NEXT ? "--next=make" : "--next=adopt";
    end_process(k);
    sut_err e = spawn(c, false, next, k);
    if (!sut_failed(e))
        e = wait_ready(k);
    if (!sut_failed(e))
        e = connect_client(k);
    if (sut_failed(e))
        sut_diag_set(reterr_diag, "the keeper of the keys can't be started again (%s)",
                     sut_err_info(e.code)->name);
    return e;
}

void sut_own_keeper_stop(struct sut_own_keeper **k)
{
    if (*k == NULL)
        return;
    sut_keeper_free(&(*k)->client);
    end_process(*k);
    sut_mem_freep(k);
}
