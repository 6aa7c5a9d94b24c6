/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver over libpq: connections, outcomes, transactions.
 */
#include "db/postgres.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
    CONNECT_TIMEOUT_S = 5,
    STATEMENT_TIMEOUT_MS = 10000,
    GRACE_MS = 2000,            /* beyond the server's own time-out, for its word of it to come */
    SCRIPT_TIMEOUT_MS = 600000, /* a migration may have much to do */
    RETRY_MS = 500,             /* between tries to reach a server that is away */
    LOCK_STEP_MS = 50,
    NS_PER_MS = 1000000,
    MS_PER_S = 1000,
    VERSION_MIN = 120000,
    LAST_WORDS = 8,
};

/*
 * A serializable write that reads a whole table, which a planner prefers while it is small, meets
 * every other write to it; and statements of a write are short: their plan is made once.
 */
#define WRITE_PLANS "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan"

static struct sut_pg_conn *conn_of(struct sut_db_conn *c)
{
    return (struct sut_pg_conn *) c;
}

static uint64_t deadline_ns(unsigned ms)
{
    return sut_monotonic_ns() + (uint64_t) ms * NS_PER_MS;
}

/* Wait until the socket is ready; false at the deadline or on an error. */
static bool wait_socket(const struct sut_pg_conn *c, short events, uint64_t until_ns)
{
    struct pollfd p = { .fd = c->pq->PQsocket(c->h), .events = events };
    for (;;) {
        const uint64_t now = sut_monotonic_ns();
        if (now >= until_ns || p.fd < 0)
            return false;
        const int n = poll(&p, 1, (int) ((until_ns - now) / NS_PER_MS) + 1);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

/* SQLSTATE, PostgreSQL's appendix A. */
static SUT_ERR outcome(const char *state)
{
    static const struct {
        const char *state; /* or its class, the first two characters */
        enum sut_ecode code;
    } rows[] = {
        { "23505", SUT_E_EXISTS },      { "40001", SUT_E_CONFLICT },
        { "40P01", SUT_E_CONFLICT },    { "55P03", SUT_E_CONFLICT },
        { "40003", SUT_E_UNAVAILABLE }, { "53100", SUT_E_FULL },
        { "53200", SUT_E_BUSY },        { "53", SUT_E_UNAVAILABLE },
        { "57014", SUT_E_UNAVAILABLE }, { "57P", SUT_E_UNAVAILABLE },
        { "08", SUT_E_UNAVAILABLE },    { "25P03", SUT_E_UNAVAILABLE },
        { "25P04", SUT_E_UNAVAILABLE }, { "22021", SUT_E_INVALID },
        { "22P05", SUT_E_INVALID },     { "54", SUT_E_TOO_LARGE },
        { "XX001", SUT_E_CORRUPT },     { "XX002", SUT_E_CORRUPT },
    };
    static const struct sut_esite site = { __FILE__, __func__, __LINE__ };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strncmp(state, rows[i].state, strlen(rows[i].state)) == 0)
            return (sut_err){ .at = &site, .sys = 0, .code = rows[i].code };
    }
    FAIL(SYSTEM);
}

static SUT_ERR lost(struct sut_pg_conn *c, const char *what, const char *why)
{
    c->is_lost = true;
    sut_db__set_error(&c->super, what, why);
    FAIL(UNAVAILABLE);
}

/* Send what libpq still holds and wait until a result can be read without blocking. */
static SUT_ERR wait_result(struct sut_pg_conn *c, const char *what, uint64_t until_ns)
{
    for (;;) {
        const int rest = c->pq->PQflush(c->h);
        if (rest < 0)
            return lost(c, what, c->pq->PQerrorMessage(c->h));
        if (rest == 0 && c->pq->PQisBusy(c->h) == 0)
            return SUT_OK;
        if (!wait_socket(c, (short) (POLLIN | (rest > 0 ? POLLOUT : 0)), until_ns))
            return lost(c, what, "the server does not answer");
        if (c->pq->PQconsumeInput(c->h) == 0)
            return lost(c, what, c->pq->PQerrorMessage(c->h));
    }
}

static bool is_error(const struct sut_pg_conn *c, const PGresult *r)
{
    const ExecStatusType status = c->pq->PQresultStatus(r);
    return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY;
}

/* The primary message alone: the detail would quote a row's values. */
static SUT_ERR failed(struct sut_pg_conn *c, const char *what, const PGresult *r)
{
    const char *state = c->pq->PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = c->pq->PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    if (state == NULL || c->pq->PQstatus(c->h) != CONNECTION_OK)
        return lost(c, what, text != NULL ? text : c->pq->PQerrorMessage(c->h));
    sut_db__set_error(&c->super, what, text);
    /* Another server has changed a table: this connection's plans are of no use any more. */
    if (strcmp(state, "0A000") == 0 || strcmp(state, "26000") == 0) {
        c->is_lost = true;
        FAIL(CONFLICT);
    }
    if (strncmp(state, "57P", 3) == 0 || strncmp(state, "08", 2) == 0)
        c->is_lost = true;
    return outcome(state);
}

sut_err sut_pg__await(struct sut_pg_conn *c, const char *what, int sent, unsigned wait_ms,
                      PGresult **ret)
{
    if (c->is_lost || sent == 0)
        return lost(c, what, c->pq->PQerrorMessage(c->h));

    const uint64_t until = deadline_ns(wait_ms);
    PGresult *kept = NULL;
    for (;;) {
        const sut_err err = wait_result(c, what, until);
        if (sut_failed(err)) {
            c->pq->PQclear(kept);
            return err;
        }
        PGresult *r = c->pq->PQgetResult(c->h);
        if (r == NULL)
            break;
        if (kept != NULL && is_error(c, kept)) {
            c->pq->PQclear(r);
        } else {
            c->pq->PQclear(kept);
            kept = r;
        }
    }
    if (kept == NULL)
        return lost(c, what, "no result");
    if (is_error(c, kept)) {
        const sut_err err = failed(c, what, kept);
        c->pq->PQclear(kept);
        return err;
    }
    *ret = kept;
    return SUT_OK;
}

/* Run text of the program's own by the simple protocol. */
static SUT_ERR run_text(struct sut_pg_conn *c, const char *what, const char *text, unsigned wait_ms)
{
    PGresult *r = NULL;
    TRY(sut_pg__await(c, what, c->is_lost ? 0 : c->pq->PQsendQuery(c->h, text), wait_ms, &r));
    c->pq->PQclear(r);
    return SUT_OK;
}

static void close_db(struct sut_db *db)
{
    struct sut_pg_db *d = (struct sut_pg_db *) db;
    sut_secret_free(&d->dsn);
    sut_mem_free(d);
}

static sut_err open_db(const struct sut_db_options *opt, struct sut_db **ret,
                       struct sut_diag *reterr_diag)
{
    ENSURE(opt->dsn != NULL, INVALID);
    /* libpq's own words about an address that it can't read quote it, password and all. */
    char *words = NULL;
    struct sut_pq pq;
    TRY(sut_pq__load(&pq, reterr_diag));
    PQconninfoOption *parsed = pq.PQconninfoParse(opt->dsn, &words);
    pq.PQfreemem(words);
    if (parsed == NULL) {
        sut_diag_set(reterr_diag, "the address of the PostgreSQL server can't be read");
        sut_diag_hint(reterr_diag, "postgresql://user:password@host:5432/name?sslmode=verify-full");
        FAIL(INVALID);
    }
    pq.PQconninfoFree(parsed);

    struct sut_pg_db *d = sut_mem_zalloc(1, sizeof(*d));
    ENSURE(d != NULL, NOMEM);
    const sut_err err = sut_secret_dup(sut_str_of(opt->dsn, strlen(opt->dsn) + 1), &d->dsn);
    if (sut_failed(err)) {
        sut_mem_free(d);
        return err;
    }
    d->pq = pq;
    const unsigned connect_s =
        opt->connect_timeout_s > 0 ? opt->connect_timeout_s : CONNECT_TIMEOUT_S;
    d->connect_timeout_ms = connect_s * MS_PER_S;
    d->statement_timeout_ms =
        opt->statement_timeout_ms > 0 ? opt->statement_timeout_ms : STATEMENT_TIMEOUT_MS;
    *ret = &d->super;
    return SUT_OK;
}

static void be_silent(void *arg, const char *message)
{
    (void) arg;
    (void) message;
}

static bool finish_connecting(struct sut_pg_conn *c, unsigned wait_ms)
{
    const uint64_t until = deadline_ns(wait_ms);
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    while (want == PGRES_POLLING_READING || want == PGRES_POLLING_WRITING) {
        if (!wait_socket(c, want == PGRES_POLLING_READING ? POLLIN : POLLOUT, until))
            return false;
        want = c->pq->PQconnectPoll(c->h);
    }
    return want == PGRES_POLLING_OK;
}

static SUT_ERR check_server(const struct sut_pg_conn *c, struct sut_diag *reterr_diag)
{
    const char *encoding = c->pq->PQparameterStatus(c->h, "server_encoding");
    if (c->pq->PQserverVersion(c->h) < VERSION_MIN) {
        sut_diag_set(reterr_diag, "PostgreSQL 12 or newer is needed, this server is %d",
                     c->pq->PQserverVersion(c->h) / 10000);
        FAIL(SYSTEM);
    }
    if (encoding == NULL || strcmp(encoding, "UTF8") != 0) {
        sut_diag_set(reterr_diag, "the PostgreSQL database must be in UTF8, it is in %s",
                     encoding == NULL ? "?" : encoding);
        FAIL(SYSTEM);
    }
    return SUT_OK;
}

static SUT_ERR open_session(struct sut_pg_db *d, struct sut_pg_conn *c, enum sut_db_mode mode,
                            struct sut_diag *reterr_diag)
{
    /* The last one of a keyword holds: what follows the address can't be changed by it.  No
     * Kerberos and no password file: the sandbox lets libpq use its socket and nothing else. */
    static const char *const names[] = { "dbname",
                                         "gssencmode",
                                         "passfile",
                                         "application_name",
                                         "client_encoding",
                                         "keepalives_idle",
                                         "keepalives_interval",
                                         "keepalives_count",
                                         "tcp_user_timeout",
                                         NULL };
    const char *const values[] = { sut_secret_str(d->dsn).p,
                                   "disable",
                                   "/dev/null",
                                   "sutler",
                                   "UTF8",
                                   "5",
                                   "2",
                                   "3",
                                   "10000",
                                   NULL };
    c->h = c->pq->PQconnectStartParams(names, values, 1);
    ENSURE(c->h != NULL, NOMEM);
    (void) c->pq->PQsetNoticeProcessor(c->h, be_silent, NULL);
    if (c->pq->PQstatus(c->h) == CONNECTION_BAD || !finish_connecting(c, d->connect_timeout_ms)) {
        const char *why = c->pq->PQerrorMessage(c->h);
        sut_db__explain(reterr_diag, "can't reach the PostgreSQL server",
                        why[0] != '\0' ? why : "it does not answer");
        FAIL(UNAVAILABLE);
    }
    TRY(check_server(c, reterr_diag));
    ENSURE(c->pq->PQsetnonblocking(c->h, 1) == 0, SYSTEM);

    c->wait_ms = d->statement_timeout_ms + GRACE_MS;
    char text[512];
    /* To compile a plan takes longer than any of our statements. */
    (void) snprintf(text, sizeof(text),
                    "SET statement_timeout = %u; SET lock_timeout = %u; SET jit = off;"
                    "SET idle_in_transaction_session_timeout = 60000;"
                    "SET client_min_messages = error; SET standard_conforming_strings = on;"
                    "SET default_transaction_read_only = %s%s",
                    d->statement_timeout_ms, d->statement_timeout_ms,
                    mode == SUT_DB_READ ? "on" : "off; ", mode == SUT_DB_READ ? "" : WRITE_PLANS);
    const sut_err err = run_text(c, "set-up", text, c->wait_ms);
    if (sut_failed(err))
        sut_db__explain(reterr_diag, "the PostgreSQL server refuses", c->super.error);
    return err;
}

static void disconnect(struct sut_db_conn *c)
{
    const struct sut_pg_conn *const pg = conn_of(c);
    pg->pq->PQfinish(pg->h);
    sut_mem_free(c);
}

static sut_err connect_db(struct sut_db *db, enum sut_db_mode mode, struct sut_db_conn **ret,
                          struct sut_diag *reterr_diag)
{
    struct sut_pg_db *d = (struct sut_pg_db *) db;
    const bool was_down = atomic_load(&d->is_down);
    if (was_down &&
        (sut_monotonic_ns() < atomic_load(&d->again_ns) || atomic_exchange(&d->is_trying, true)))
        FAIL(UNAVAILABLE);

    struct sut_pg_conn *c = sut_mem_zalloc(1, sizeof(*c));
    sut_err err;
    if (c != NULL) {
        c->pq = &d->pq;
        err = open_session(d, c, mode, reterr_diag);
    } else {
        static const struct sut_esite site = { __FILE__, __func__, __LINE__ };
        err = (sut_err){ .at = &site, .sys = 0, .code = SUT_E_NOMEM };
    }
    if (sut_failed(err))
        atomic_store(&d->again_ns, deadline_ns(RETRY_MS));
    atomic_store(&d->is_down, sut_failed(err));
    if (was_down)
        atomic_store(&d->is_trying, false);
    if (sut_failed(err)) {
        if (c != NULL)
            disconnect(&c->super);
        return err;
    }
    *ret = &c->super;
    return SUT_OK;
}

/* A server that went away while the connection lay idle has left its last word in the socket. */
static bool is_alive(struct sut_db_conn *conn)
{
    struct sut_pg_conn *c = conn_of(conn);
    if (c->is_lost || c->pq->PQstatus(c->h) != CONNECTION_OK)
        return false;
    /* First comes the word, then the end. */
    struct pollfd p = { .fd = c->pq->PQsocket(c->h), .events = POLLIN };
    for (int i = 0; i < LAST_WORDS && !c->is_lost && poll(&p, 1, 0) > 0; i++)
        c->is_lost = c->pq->PQconsumeInput(c->h) == 0;
    return !c->is_lost && c->pq->PQstatus(c->h) == CONNECTION_OK;
}

static bool in_tx(const struct sut_db_conn *c)
{
    const struct sut_pg_conn *pg = (const struct sut_pg_conn *) c;
    const PGTransactionStatusType status = pg->pq->PQtransactionStatus(pg->h);
    return !pg->is_lost && (status == PQTRANS_INTRANS || status == PQTRANS_INERROR);
}

static sut_err run_script(struct sut_db_conn *conn, const char *script)
{
    struct sut_pg_conn *c = conn_of(conn);
    if (in_tx(conn))
        TRY(run_text(c, "script", "SET LOCAL statement_timeout = 0", c->wait_ms));
    return run_text(c, "script", script, SCRIPT_TIMEOUT_MS);
}

/* COMMIT of a transaction that has failed answers ROLLBACK and no error. */
static SUT_ERR commit(struct sut_pg_conn *c)
{
    PGresult *r = NULL;
    TRY(sut_pg__await(c, "commit", c->is_lost ? 0 : c->pq->PQsendQuery(c->h, "COMMIT"), c->wait_ms,
                      &r));
    const bool kept = strcmp(c->pq->PQcmdStatus(r), "COMMIT") == 0;
    c->pq->PQclear(r);
    ENSURE(kept, SYSTEM);
    return SUT_OK;
}

static sut_err transact(struct sut_db_conn *conn, enum sut_db_verb verb)
{
    struct sut_pg_conn *c = conn_of(conn);
    switch (verb) {
    case SUT_DB_BEGIN:
        return run_text(c, "begin",
                        conn->mode == SUT_DB_WRITE
                            ? "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE"
                            : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                        c->wait_ms);
    case SUT_DB_COMMIT:
        return commit(c);
    case SUT_DB_ROLLBACK:
        return run_text(c, "rollback", "ROLLBACK", c->wait_ms);
    case SUT_DB_SAVEPOINT:
        return run_text(c, "savepoint", "SAVEPOINT s", c->wait_ms);
    case SUT_DB_RELEASE:
        return run_text(c, "release", "RELEASE SAVEPOINT s", c->wait_ms);
    case SUT_DB_ROLLBACK_TO:
        return run_text(c, "rollback_to", "ROLLBACK TO SAVEPOINT s; RELEASE SAVEPOINT s",
                        c->wait_ms);
    }
    FAIL(SYSTEM);
}

static SUT_ERR try_lock(struct sut_pg_conn *c, const char *text, bool *ret)
{
    PGresult *r = NULL;
    TRY(sut_pg__await(c, "lock", c->is_lost ? 0 : c->pq->PQsendQuery(c->h, text), c->wait_ms, &r));
    *ret = c->pq->PQntuples(r) == 1 && strcmp(c->pq->PQgetvalue(r, 0, 0), "t") == 0;
    c->pq->PQclear(r);
    return SUT_OK;
}

static sut_err lock(struct sut_db_conn *conn, int64_t key, unsigned wait_ms)
{
    struct sut_pg_conn *c = conn_of(conn);
    char text[96];
    (void) snprintf(text, sizeof(text), "SELECT pg_try_advisory_lock(%lld)", (long long) key);
    const uint64_t until = deadline_ns(wait_ms);
    bool held = false;
    for (;;) {
        TRY(try_lock(c, text, &held));
        if (held)
            return SUT_OK;
        ENSURE(sut_monotonic_ns() < until, BUSY);
        const struct timespec step = { .tv_sec = 0, .tv_nsec = (long) LOCK_STEP_MS * NS_PER_MS };
        (void) nanosleep(&step, NULL);
    }
}

static const struct sut_sql has_table = {
    "has_table",
    "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = $1",
};

static unsigned wal_pages(const struct sut_db_conn *c)
{
    (void) c;
    return 0;
}

static sut_err checkpoint(struct sut_db_conn *c, enum sut_db_checkpoint how)
{
    (void) c;
    (void) how;
    return SUT_OK;
}

const struct sut_db_driver sut_db_postgres_driver = {
    .kind = SUT_DB_POSTGRES,
    .open = open_db,
    .close = close_db,
    .connect = connect_db,
    .disconnect = disconnect,
    .is_alive = is_alive,
    .in_tx = in_tx,
    .stmt_create = sut_pg__stmt_create,
    .stmt_free = sut_pg__stmt_free,
    .stmt_reset = sut_pg__stmt_reset,
    .bind_i64 = sut_pg__bind_i64,
    .bind_text = sut_pg__bind_text,
    .bind_blob = sut_pg__bind_blob,
    .bind_null = sut_pg__bind_null,
    .step = sut_pg__step,
    .col_i64 = sut_pg__col_i64,
    .col_text = sut_pg__col_bytes,
    .col_blob = sut_pg__col_bytes,
    .col_is_null = sut_pg__col_is_null,
    .script = run_script,
    .transact = transact,
    .lock = lock,
    .has_table = &has_table,
    .wal_pages = wal_pages,
    .checkpoint = checkpoint,
};
