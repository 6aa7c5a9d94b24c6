/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_load PORT CLIENTS SECONDS - so many clients make full handshakes with
 * 127.0.0.1, one after the other: "handshakes per second, failures".
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/clock.h"
#include "base/scan.h"

enum { CLIENTS_MAX = 256, SECONDS_MAX = 600, NS_PER_S = 1000000000 };

struct load {
    SSL_CTX *ctx;
    uint16_t port;
    uint64_t end_ns;
    _Atomic uint64_t good;
    _Atomic uint64_t bad;
};

static int dial(uint16_t port)
{
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons(port),
                                    .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* Closed by a reset: thousands a second would use up the ports while they wait. */
    const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    const int one = 1;
    const struct timeval patience = { .tv_sec = 20 };
    (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *) &to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool shake(struct load *l)
{
    const int fd = dial(l->port);
    SSL *ssl = SSL_new(l->ctx);
    const bool is_ok = fd >= 0 && ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1;
    SSL_free(ssl);
    ERR_clear_error();
    if (fd >= 0)
        close(fd);
    return is_ok;
}

static void *client(void *arg)
{
    struct load *l = arg;
    while (sut_monotonic_ns() < l->end_ns)
        atomic_fetch_add(shake(l) ? &l->good : &l->bad, 1);
    return NULL;
}

int main(int argc, char **argv)
{
    uint64_t port = 0;
    uint64_t clients = 0;
    uint64_t seconds = 0;
    if (argc != 4 || sut_failed(sut_parse_u64(sut_str_from(argv[1]), 65535, &port)) ||
        sut_failed(sut_parse_u64(sut_str_from(argv[2]), CLIENTS_MAX, &clients)) ||
        sut_failed(sut_parse_u64(sut_str_from(argv[3]), SECONDS_MAX, &seconds))) {
        (void) fprintf(stderr, "usage: tls_load PORT CLIENTS SECONDS\n");
        return 2;
    }
    (void) signal(SIGPIPE, SIG_IGN);
    struct load l = { .ctx = SSL_CTX_new(TLS_client_method()), .port = (uint16_t) port };
    if (l.ctx == NULL)
        return 1;
    SSL_CTX_set_session_cache_mode(l.ctx, SSL_SESS_CACHE_OFF);
    const uint64_t began_ns = sut_monotonic_ns();
    l.end_ns = began_ns + seconds * NS_PER_S;
    pthread_t threads[CLIENTS_MAX];
    size_t n = 0;
    while (n < clients && pthread_create(&threads[n], NULL, client, &l) == 0)
        n++;
    for (size_t i = 0; i < n; i++)
        (void) pthread_join(threads[i], NULL);
    const double took_s = (double) (sut_monotonic_ns() - began_ns) / NS_PER_S;
    (void) printf("%.1f %llu\n", (double) atomic_load(&l.good) / took_s,
                  (unsigned long long) atomic_load(&l.bad));
    SSL_CTX_free(l.ctx);
    return n == clients ? 0 : 1;
}
