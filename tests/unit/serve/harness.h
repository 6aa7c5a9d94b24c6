/* SPDX-License-Identifier: Apache-2.0
 *
 * harness - a server with a small application, and a blocking client, for the
 * tests of serve.  Everything fails the test by cmocka's assertions.
 */
#ifndef SUT_TESTS_SERVE_HARNESS_H
#define SUT_TESTS_SERVE_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/server.h"

/* So long is waited for what must come: a busy machine takes its time. */
enum { BIG_BYTES = 6 * 1024 * 1024, PATIENCE_MS = 30 * 1000 };

/*
 * The routes: /hello, /echo, /pool, /slow (on the pool, until gate is opened),
 * /big, /forbidden (answered at the head), /none (no answer), /close, /secretly
 * (a cleanup in the arena), /id (the request id).
 */
struct app {
    struct sut_service service;
    struct sut_server_options options;
    struct sut_server *server;
    int listen_fd;
    uint16_t port;
    atomic_int gate;
    atomic_int in_slow;  /* requests that wait for the gate */
    atomic_int handled;  /* on_request was called */
    atomic_int done;     /* on_done was called */
    atomic_int cleanups; /* what requests had deferred has run */
    atomic_int word;     /* enum sut_body_word; at HOLD bodies are held back from their heads on */
    atomic_int got;      /* what on_body was told last */
    atomic_int last_refusal;
    atomic_int loops_started;
};

/* Options at their defaults; change them before app_start(). */
void app_init(struct app *a);
void app_start(struct app *a, unsigned flags);
/* Stop, and check that every exchange was ended. */
void app_stop(struct app *a);

int client_open(const struct app *a);
void client_send(int fd, const char *z);
/* Bytes until the end, a reset, or `ms` without any; NUL-terminated, to free with sut_mem_free. */
char *client_read_all(int fd, int ms, size_t *ret_n);
/* Read until `n` answers with Content-Length are there; NUL-terminated. */
char *client_read_answers(int fd, unsigned n);
/* Open, send, read all, close. */
char *ask(const struct app *a, const char *request);
/* How often `needle` is in z. */
unsigned count_of(const char *z, const char *needle);
/* Wait up to PATIENCE_MS. */
void wait_for(atomic_int *value, int wanted);
/* The same for a count of the server, COUNT(field): a client may see what is counted before
 * it is. */
#define COUNT(field) offsetof(struct sut_server_counts, field)
void wait_for_count(const struct app *a, size_t count, uint64_t wanted);
void pause_ms(unsigned ms);

#endif
