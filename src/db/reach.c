/* SPDX-License-Identifier: Apache-2.0 */
#include "db/reach.h"

#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/scan.h"
#include "db/pq.h"

enum { DSN_MAX = 16 * 1024, NAME_MAX_BYTES = 256, PORT_DEFAULT = 5432 };

/* The lists of hosts and ports as libpq wants them, one entry an address. */
struct lists {
    struct sut_buf host;
    struct sut_buf hostaddr;
    struct sut_buf port;
    size_t n;
};

static const char *value_of(const PQconninfoOption *all, const char *keyword)
{
    for (const PQconninfoOption *o = all; o->keyword != NULL; o++)
        if (strcmp(o->keyword, keyword) == 0)
            return o->val != NULL ? o->val : "";
    return "";
}

/* Cut the next entry off a list with commas. */
static sut_str next_entry(sut_str *list)
{
    const char *comma = list->n == 0 ? NULL : memchr(list->p, ',', list->n);
    const size_t n = comma == NULL ? list->n : (size_t) (comma - list->p);
    const sut_str entry = sut_str_of(list->p, n);
    const size_t taken = comma == NULL ? n : n + 1;
    *list = sut_str_of(list->p + taken, list->n - taken);
    return entry;
}

static SUT_ERR add_port(struct sut_db_reach *r, sut_str text)
{
    uint64_t port = PORT_DEFAULT;
    if (text.n > 0)
        TRY(sut_parse_u64(text, UINT16_MAX, &port));
    for (size_t i = 0; i < r->n_ports; i++)
        if (r->ports[i] == port)
            return SUT_OK;
    ENSURE(r->n_ports < SUT_DB_REACH_MAX, INVALID);
    r->ports[r->n_ports++] = (uint16_t) port;
    return SUT_OK;
}

static SUT_ERR add_file(struct sut_db_reach *r, const char *path)
{
    if (path[0] != '/' || r->n_files == SUT_DB_REACH_MAX)
        return SUT_OK;
    const int n = snprintf(r->files[r->n_files], SUT_DB_REACH_PATH, "%s", path);
    ENSURE(n > 0 && n < SUT_DB_REACH_PATH, INVALID);
    r->n_files++;
    return SUT_OK;
}

static SUT_ERR find_files(const PQconninfoOption *all, struct sut_db_reach *r)
{
    static const char *const keywords[] = { "sslrootcert", "sslcert", "sslkey", "sslcrl",
                                            "sslcrldir" };
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
        TRY(add_file(r, value_of(all, keywords[i])));
    /* Where libpq looks when nothing is said.  The look-up also loads what later ones need. */
    char text[4096];
    struct passwd row;
    struct passwd *found = NULL;
    if (getpwuid_r(geteuid(), &row, text, sizeof(text), &found) == 0 && found != NULL) {
        char path[SUT_DB_REACH_PATH];
        const int n = snprintf(path, sizeof(path), "%s/.postgresql", found->pw_dir);
        if (n > 0 && (size_t) n < sizeof(path))
            TRY(add_file(r, path));
    }
    return SUT_OK;
}

static SUT_ERR add_address(struct lists *l, sut_str host, const char *addr, sut_str port)
{
    ENSURE(l->n < SUT_DB_REACH_MAX, INVALID);
    if (l->n++ > 0) {
        sut_buf_char(&l->host, ',');
        sut_buf_char(&l->hostaddr, ',');
        sut_buf_char(&l->port, ',');
    }
    sut_buf_str_add(&l->host, host);
    sut_buf_z(&l->hostaddr, addr);
    sut_buf_str_add(&l->port, port);
    return SUT_OK;
}

static SUT_ERR look_up(struct lists *l, sut_str host, sut_str port, struct sut_diag *reterr_diag)
{
    char name[NAME_MAX_BYTES];
    /* A folder of a unix socket, or the default one. */
    if (host.n == 0 || host.p[0] == '/' || host.p[0] == '@')
        return add_address(l, host, "", port);
    ENSURE(host.n < sizeof(name), INVALID);
    memcpy(name, host.p, host.n);
    name[host.n] = '\0';
    const struct addrinfo want = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    if (getaddrinfo(name, NULL, &want, &found) != 0 || found == NULL) {
        sut_diag_set(reterr_diag, "the name of the PostgreSQL server leads nowhere");
        sut_diag_hint(reterr_diag, "look at the host in store.url, and at the resolver");
        FAIL(UNAVAILABLE);
    }
    sut_err e = SUT_OK;
    for (const struct addrinfo *a = found; a != NULL && !sut_failed(e); a = a->ai_next) {
        char text[64];
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) ==
            0)
            e = add_address(l, host, text, port);
    }
    freeaddrinfo(found);
    return e;
}

/* keyword='value', as libpq reads it. */
static void put_option(struct sut_buf *b, const char *keyword, sut_str value)
{
    sut_buf_z(b, keyword);
    sut_buf_lit(b, "='");
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '\'' || value.p[i] == '\\')
            sut_buf_char(b, '\\');
        sut_buf_char(b, value.p[i]);
    }
    sut_buf_lit(b, "' ");
}

static SUT_ERR write_dsn(const PQconninfoOption *all, const struct lists *l,
                         struct sut_secret **ret)
{
    struct sut_buf b;
    sut_buf_init(&b, DSN_MAX);
    (void) sut_buf_room(&b, DSN_MAX);
    for (const PQconninfoOption *o = all; o->keyword != NULL; o++) {
        if (o->val == NULL || o->val[0] == '\0' || strcmp(o->keyword, "host") == 0 ||
            strcmp(o->keyword, "port") == 0)
            continue;
        put_option(&b, o->keyword, sut_str_from(o->val));
    }
    put_option(&b, "host", sut_buf_str(&l->host));
    put_option(&b, "hostaddr", sut_buf_str(&l->hostaddr));
    put_option(&b, "port", sut_buf_str(&l->port));
    sut_err e = sut_buf_check(&b);
    if (!sut_failed(e))
        e = sut_secret_dup(sut_buf_str(&b), ret);
    if (b.p != NULL)
        sut_wipe(b.p, b.cap);
    sut_buf_done(&b);
    return e;
}

/* Each host with its port; one port may stand for all hosts. */
static SUT_ERR walk(const PQconninfoOption *all, bool resolve, struct lists *l,
                    struct sut_db_reach *r, struct sut_diag *reterr_diag)
{
    sut_str hosts = sut_str_from(value_of(all, "host"));
    sut_str ports = sut_str_from(value_of(all, "port"));
    const bool is_one_port = ports.n == 0 || memchr(ports.p, ',', ports.n) == NULL;
    const sut_str only = ports;
    do {
        const sut_str host = next_entry(&hosts);
        const sut_str port = is_one_port ? only : next_entry(&ports);
        TRY(add_port(r, port));
        if (resolve)
            TRY(look_up(l, host, port, reterr_diag));
    } while (hosts.n > 0);
    return SUT_OK;
}

/* The password is among them. */
static void wipe_options(const struct sut_pq *pq, PQconninfoOption *all)
{
    for (PQconninfoOption *o = all; o->keyword != NULL; o++)
        if (o->val != NULL)
            sut_wipe(o->val, strlen(o->val));
    pq->PQconninfoFree(all);
}

SUT_ERR sut_db_reach_find(const char *dsn, bool resolve, struct sut_db_reach *ret,
                          struct sut_diag *reterr_diag)
{
    *ret = (struct sut_db_reach){ .dsn = NULL };
    char *words = NULL;
    struct sut_pq pq;
    TRY(sut_pq__load(&pq, reterr_diag));
    PQconninfoOption *all = pq.PQconninfoParse(dsn, &words);
    pq.PQfreemem(words);
    if (all == NULL) {
        sut_diag_set(reterr_diag, "the address of the PostgreSQL server can't be read");
        sut_diag_hint(reterr_diag, "postgresql://user:password@host:5432/name?sslmode=verify-full");
        FAIL(INVALID);
    }
    struct lists l = { .n = 0 };
    sut_buf_init(&l.host, DSN_MAX);
    sut_buf_init(&l.hostaddr, DSN_MAX);
    sut_buf_init(&l.port, DSN_MAX);
    /* Who gives addresses has looked the names up already. */
    const bool has_addresses = value_of(all, "hostaddr")[0] != '\0';
    sut_err e = find_files(all, ret);
    if (!sut_failed(e))
        e = walk(all, resolve && !has_addresses, &l, ret, reterr_diag);
    if (!sut_failed(e) && resolve)
        e = has_addresses ? sut_secret_dup(sut_str_from(dsn), &ret->dsn)
                          : write_dsn(all, &l, &ret->dsn);
    sut_buf_done(&l.host);
    sut_buf_done(&l.hostaddr);
    sut_buf_done(&l.port);
    wipe_options(&pq, all);
    return e;
}

void sut_db_reach_done(struct sut_db_reach *r)
{
    sut_secret_free(&r->dsn);
    *r = (struct sut_db_reach){ .dsn = NULL };
}
