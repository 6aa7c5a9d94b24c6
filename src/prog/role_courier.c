/* SPDX-License-Identifier: Apache-2.0
 *
 * role_courier - the process that speaks with the world: it takes errands of the
 * worker and brings the answers (ipc/courier.h).
 *
 * It holds what the shop signs in with at its mail server and its providers, and no data.  It
 * reads its settings, loads libcurl, shuts itself in, and from then on opens what looking up
 * a name needs, certificate authorities, and connections to the ports of its table.
 */
#include <malloc.h>
#include <string.h>
#include <unistd.h>

#include "base/scan.h"
#include "config/config.h"
#include "courier/carrier.h"
#include "ipc/line.h"
#include "ipc/permit.h"
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
    SEND_MS = 2000,
    REST_MS_MAX = 24 * 3600 * 1000,
    TRIM_MS = 1000, /* without an errand: what the last ones took goes back to the system */
    LINE_READY = 1,
    SIGNAL_READY = 2,
};

struct courier {
    struct sut_config *config; /* for as long as it lives: the carrier reads in it */
    struct sut_carrier *carrier;
    int signal_fd;
    int rest_ms; /* without an errand for so long it may be ended, and costs nothing then */
    bool is_trimmed;
    bool said_rest;
    bool said_empty;
};

static const struct sut_line_permit heard[] = {
    { .type = SUT_WORD_PEERS, .fds_max = SUT_COURIER_PEERS_MAX },
    { .type = SUT_WORD_PING },
    { .type = SUT_WORD_CLAMD, .fds_max = 1 },
    { .type = 0 },
};

static void note_dropped(sut_err e)
{
    sut_log(SUT_LOG_WARN, "courier_peer_dropped", LOG_ERR(e));
}

static SUT_ERR say(enum sut_word word)
{
    return sut_line_send(SUT_ROLE_FD_SUPERVISOR, (uint16_t) word, SUT_STR(""), NULL, 0, SEND_MS);
}

static SUT_ERR ask_clamd(void *arg)
{
    (void) arg;
    return say(SUT_WORD_ASK_CLAMD);
}

static struct sut_carrier_settings settings_of(const struct sut_config *c)
{
    const bool has_google = c->google.client_id.n > 0;
    const bool has_s3 = c->uploads.store == SUT_UPLOADS_S3;
    struct sut_config_clamd clamd;
    sut_config_clamd(c, &clamd);
    return (struct sut_carrier_settings){
        .mail = { .host = c->email.host,
                  .port = (uint16_t) c->email.port,
                  .use_ssl = c->email.use_ssl,
                  .use_tls = c->email.use_tls,
                  .may_be_clear = c->demo || c->insecure_dev },
        .mail_user = c->email.user,
        .mail_password = c->email.password,
        .mail_timeout_ms = c->email.timeout_s * 1000,
        .google_keys_url = has_google ? c->google.keys_url : SUT_STR(""),
        .facebook_graph_url = c->facebook.graph_url,
        .facebook_app_id = c->facebook.app_id,
        .facebook_app_secret = c->facebook.app_secret,
        .stripe_url = c->stripe.api_url,
        .stripe_key = c->stripe.secret_key,
        .paystack_url = c->paystack.api_url,
        .paystack_key = c->paystack.secret_key,
        .clamd_host = clamd.host,
        .clamd_port = clamd.port,
        .ask_clamd = clamd.path.n > 0 ? ask_clamd : NULL,
        .s3 = { .endpoint = has_s3 ? c->s3.endpoint : SUT_STR(""),
                .region = c->s3.region,
                .bucket = c->s3.bucket,
                .access_key = c->s3.access_key,
                .secret_key = c->s3.secret_key,
                .is_encrypted = c->s3.sse == SUT_S3_AES256,
                .is_private = c->s3.acl == SUT_S3_PRIVATE },
        .ca_file = c->courier.ca_file.n > 0 ? c->courier.ca_file.p : NULL,
        .dropped = note_dropped,
    };
}

/* A socket that can't be served is closed with the message: the worker sees its end. */
static void take_peers(struct courier *c, struct sut_line_message *m)
{
    for (size_t i = 0; i < m->n_fds; i++) {
        const sut_err e = sut_carrier_take(c->carrier, m->fds[i]);
        if (sut_failed(e))
            sut_log(SUT_LOG_ERROR, "courier_peer_refused", LOG_ERR(e));
        else
            m->fds[i] = -1;
    }
    c->said_rest = c->said_empty = false;
}

static void take_clamd(struct courier *c, struct sut_line_message *m)
{
    const int fd = m->n_fds > 0 ? m->fds[0] : -1;
    m->n_fds = 0;
    sut_carrier_clamd(c->carrier, fd);
}

/* An error ends the courier: the supervisor is gone, or is none. */
static SUT_ERR hear(struct courier *c)
{
    struct sut_line_message m;
    const sut_err got = sut_line_receive(SUT_ROLE_FD_SUPERVISOR, heard, &m);
    if (got.code == SUT_E_BUSY)
        return SUT_OK;
    TRY(got);
    sut_err e = SUT_OK;
    if (m.type == SUT_WORD_PEERS)
        take_peers(c, &m);
    else if (m.type == SUT_WORD_CLAMD)
        take_clamd(c, &m);
    else
        e = say(SUT_WORD_HERE);
    sut_line_message_done(&m);
    return e;
}

/* It ends when the supervisor says so, who has given the worker other connections before. */
static SUT_ERR offer_rest(struct courier *c)
{
    if (!c->said_rest && sut_carrier_idle_ms(c->carrier) >= (uint64_t) c->rest_ms) {
        c->said_rest = true;
        return say(SUT_WORD_REST);
    }
    if (c->said_rest && !c->said_empty && sut_carrier_peers(c->carrier) == 0) {
        c->said_empty = true;
        return say(SUT_WORD_EMPTY);
    }
    return SUT_OK;
}

static void trim(struct courier *c)
{
    const uint64_t idle_ms = sut_carrier_idle_ms(c->carrier);
    if (idle_ms >= TRIM_MS && !c->is_trimmed)
        (void) malloc_trim(0);
    c->is_trimmed = idle_ms >= TRIM_MS;
}

/* Milliseconds until something is due of which no socket tells. */
static int patience(const struct courier *c)
{
    if (!c->is_trimmed)
        return TRIM_MS;
    return c->said_rest ? -1 : c->rest_ms;
}

/* Until TERM or the end of the line. */
static SUT_ERR serve(struct courier *c)
{
    const int fds[] = { SUT_ROLE_FD_SUPERVISOR, c->signal_fd };
    for (;;) {
        unsigned ready = 0;
        TRY(sut_carrier_turn(c->carrier, fds, 2, patience(c), &ready));
        if ((ready & SIGNAL_READY) != 0)
            return SUT_OK;
        if ((ready & LINE_READY) != 0)
            TRY(hear(c));
        trim(c);
        TRY(offer_rest(c));
    }
}

/* What was asked of it, for whoever reads the log after something has happened. */
static void log_counts(struct courier *c)
{
    for (int p = 0; p < SUT_ERRANDS; p++) {
        const struct sut_ipc_meter m = sut_carrier_count(c->carrier, (enum sut_errand_purpose) p);
        if (m.asked > 0 || m.spent > 0)
            sut_log(m.spent > 0 ? SUT_LOG_WARN : SUT_LOG_DEBUG, "courier_sent",
                    LOG_NAME("for", sut_errand_word((enum sut_errand_purpose) p)),
                    LOG_INT("times", (int64_t) m.asked), LOG_INT("limited", (int64_t) m.spent));
    }
}

static SUT_ERR take_rest(struct courier *c, int argc, char **argv)
{
    static const char name[] = "--rest=";
    uint64_t ms = 0;
    ENSURE(argc > 2 && strncmp(argv[2], name, sizeof(name) - 1) == 0, INVALID);
    TRY(sut_parse_u64(sut_str_from(argv[2] + sizeof(name) - 1), REST_MS_MAX, &ms));
    c->rest_ms = (int) ms;
    return SUT_OK;
}

static SUT_ERR start(struct courier *c, struct sut_diag *reterr_diag)
{
    TRY(sut_role_signals(&c->signal_fd));
    TRY(sut_role_settings(&c->config));
    sut_harden_wipe_environ();
    /* The heap of another arena would open a file of /proc when it shrinks. */
    (void) mallopt(M_ARENA_MAX, 1);
    sut_log_init((enum sut_log_level) c->config->log.level,
                 (enum sut_log_format) c->config->log.format, 2, "courier");
    const struct sut_carrier_settings s = settings_of(c->config);
    TRY(sut_carrier_create(&s, &c->carrier, reterr_diag));
    TRY(sut_sandbox_courier(c->config, reterr_diag));
    TRY(sut_carrier_start(c->carrier));
    (void) malloc_trim(0);
    return say(SUT_WORD_READY);
}

int sut_role_courier(int argc, char **argv)
{
    /* Not freed at the end: a name that is being looked up may take longer than anybody waits. */
    static struct courier c = { .signal_fd = -1 };
    struct sut_diag diag = { .text = "" };
    sut_err e = sut_harden_process();
    if (!sut_failed(e))
        e = take_rest(&c, argc, argv);
    if (!sut_failed(e))
        e = start(&c, &diag);
    if (sut_failed(e)) {
        if (diag.text[0] == '\0')
            sut_diag_set(&diag, "the courier can't start: %s", sut_err_info(e.code)->name);
        return sut_command_fail(&diag);
    }
    e = serve(&c);
    log_counts(&c);
    if (sut_failed(e) && e.code != SUT_E_UNAVAILABLE) {
        sut_log(SUT_LOG_ERROR, "courier_ended", LOG_ERR(e));
        return SUT_EXIT_FAILED;
    }
    return SUT_EXIT_OK;
}
