/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's side against keepers that die at each byte, lie, or are slow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/keeper.h"
#include "ipc/keeper_wire.h"
#include "ipc/message.h"
#include "os/fd.h"

enum { REPLY_MAX = 65536, THREADS = 8, CALLS = 200, LIES_MAX = 32 };

/* How a keeper of the test answers. */
struct script {
    size_t reads;  /* hang up after so many bytes of the request; SIZE_MAX: it reads all */
    size_t writes; /* and after so many of the answer */
    sut_str lie;   /* the fields to answer with, instead of true ones */
    uint16_t type_xor;
    uint32_t id_xor;
    unsigned busy_first; /* answers that say "wait a moment" */
    uint32_t busy_ms;
    unsigned slow_us;
};

struct fake {
    int fd;
    pthread_t thread;
    const struct script *script;
    unsigned answered;
};

static bool read_exact(int fd, void *to, size_t n)
{
    char *p = to;
    while (n > 0) {
        const ssize_t got = recv(fd, p, n, 0);
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t) got;
    }
    return true;
}

static void put_about(struct sut_buf *b)
{
    sut_ipc_put_u64(b, SUT_KEEPER_OK);
    sut_ipc_put_bytes(b, SUT_STR("12345678"));
    sut_ipc_put_u64(b, 0);
    sut_ipc_put_bytes(b, SUT_STR(""));
    sut_ipc_put_u64(b, 0);
    sut_ipc_put_u64(b, 1);
    sut_ipc_put_u64(b, 0);
    sut_ipc_put_i64(b, 1234);
}

static void put_truth(uint16_t type, struct sut_buf *b)
{
    if (type == SUT_KEEPER_ABOUT) {
        put_about(b);
        return;
    }
    sut_ipc_put_u64(b, SUT_KEEPER_OK);
    sut_ipc_put_bytes(b, SUT_STR("0123456789abcdef0123456789abcdef"));
}

static bool answer(struct fake *f, const struct sut_ipc_header *asked)
{
    const struct script *const s = f->script;
    struct sut_buf b;
    sut_buf_init(&b, REPLY_MAX);
    if (f->answered < s->busy_first) {
        sut_ipc_put_u64(&b, SUT_KEEPER_BUSY);
        sut_ipc_put_u64(&b, s->busy_ms);
    } else if (s->lie.p != NULL) {
        sut_buf_str_add(&b, s->lie);
    } else {
        put_truth(asked->type, &b);
    }
    f->answered++;
    const struct sut_ipc_header h = {
        .type = (uint16_t) ((asked->type | SUT_IPC_REPLY) ^ s->type_xor),
        .length = (uint32_t) b.n,
        .id = asked->id ^ s->id_xor,
    };
    unsigned char *const raw = malloc(SUT_IPC_HEADER + b.n);
    assert_non_null(raw);
    sut_ipc_header_write(&h, raw);
    if (b.n > 0)
        memcpy(raw + SUT_IPC_HEADER, b.p, b.n);
    const size_t whole = SUT_IPC_HEADER + b.n;
    const size_t n = s->writes < whole ? s->writes : whole;
    sut_buf_done(&b);
    if (s->slow_us > 0)
        usleep(s->slow_us);
    const bool is_sent = send(f->fd, raw, n, MSG_NOSIGNAL) == (ssize_t) n;
    free(raw);
    return is_sent && n == whole;
}

static void *serve(void *arg)
{
    struct fake *const f = arg;
    for (;;) {
        unsigned char raw[SUT_IPC_HEADER + 512];
        const size_t first = f->script->reads < SUT_IPC_HEADER ? f->script->reads : SUT_IPC_HEADER;
        if (!read_exact(f->fd, raw, first) || first < SUT_IPC_HEADER)
            break;
        const struct sut_ipc_header h = sut_ipc_header_read(raw);
        const size_t left = f->script->reads - SUT_IPC_HEADER;
        const size_t rest = left < h.length ? left : h.length;
        if (rest > sizeof(raw))
            break;
        if (!read_exact(f->fd, raw, rest) || rest < h.length || !answer(f, &h))
            break;
    }
    (void) shutdown(f->fd, SHUT_RDWR);
    return NULL;
}

static const struct script honest = { .reads = SIZE_MAX, .writes = SIZE_MAX };

static int start(struct fake *f, const struct script *s)
{
    int pair[2];
    assert_false(sut_failed(sut_fd_socketpair(pair)));
    *f = (struct fake){ .fd = pair[1], .script = s };
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
    return pair[0];
}

static void stop(struct fake *f)
{
    (void) shutdown(f->fd, SHUT_RDWR);
    (void) pthread_join(f->thread, NULL);
    sut_fd_close(&f->fd);
}

static sut_err unwrap(struct sut_keeper *k)
{
    struct sut_secret *key = NULL;
    const sut_err e = sut_keeper_unwrap(k, SUT_KEY_TOKEN, 1, SUT_STR("some wrapped key"), &key);
    assert_int_equal(key == NULL, sut_failed(e));
    if (!sut_failed(e))
        assert_memory_equal(sut_secret_str(key).p, "0123456789abcdef0123456789abcdef", 32);
    sut_secret_free(&key);
    return e;
}

static void a_keeper_that_dies_at_any_byte_costs_no_call(void **state)
{
    (void) state;
    for (int at_reply = 0; at_reply < 2; at_reply++) {
        for (size_t n = 0; n < (at_reply ? SUT_IPC_HEADER + 9 + 5 + 32 : SUT_IPC_HEADER + 39);
             n++) {
            const struct script s = { .reads = at_reply ? SIZE_MAX : n,
                                      .writes = at_reply ? n : 0 };
            struct fake fakes[2];
            int fds[2];
            struct sut_keeper *k = NULL;
            fds[0] = start(&fakes[0], &s);
            fds[1] = start(&fakes[1], &honest);
            assert_false(sut_failed(sut_keeper_create(fds, 2, &k)));
            assert_false(sut_failed(unwrap(k)));
            assert_int_equal(sut_keeper_calls(k), 1);
            assert_int_equal(sut_keeper_connections(k), 1);
            sut_keeper_free(&k);
            stop(&fakes[0]);
            stop(&fakes[1]);
        }
    }
}

/* Answers that no keeper gives to UNWRAP. */
static size_t lies(struct sut_buf *b, sut_str ret[LIES_MAX])
{
    size_t n = 0;
    size_t at = 0;
#define LIE(...)                                                                                   \
    do {                                                                                           \
        __VA_ARGS__;                                                                               \
        ret[n++] = sut_str_of(b->p + at, b->n - at);                                               \
        at = b->n;                                                                                 \
    } while (0)
    LIE((void) 0);
    LIE(sut_ipc_put_u64(b, SUT_KEEPER_OK));
    LIE(sut_ipc_put_u64(b, SUT_KEEPER_ANSWERS));
    LIE(sut_ipc_put_u64(b, UINT64_MAX));
    LIE(sut_ipc_put_i64(b, SUT_KEEPER_OK); sut_ipc_put_bytes(b, SUT_STR("x")));
    LIE(sut_ipc_put_u64(b, SUT_KEEPER_OK);
        sut_ipc_put_bytes(b, SUT_STR("0123456789abcdef0123456789abcde")));
    LIE(sut_ipc_put_u64(b, SUT_KEEPER_OK);
        sut_ipc_put_bytes(b, SUT_STR("0123456789abcdef0123456789abcdef0")));
    LIE(sut_ipc_put_u64(b, SUT_KEEPER_OK);
        sut_ipc_put_bytes(b, SUT_STR("0123456789abcdef0123456789abcdef")); sut_buf_char(b, 'u'));
    LIE(sut_ipc_put_u64(b, SUT_KEEPER_CORRUPT); sut_ipc_put_u64(b, 1));
    LIE(sut_ipc_put_u64(b, SUT_KEEPER_BUSY));
    LIE(sut_ipc_put_u64(b, SUT_KEEPER_BUSY); sut_ipc_put_u64(b, (uint64_t) UINT32_MAX + 1));
    LIE(sut_ipc_put_u64(b, SUT_KEEPER_OK); sut_buf_lit(b, "b\xff\xff\xff\xff"));
#undef LIE
    return n;
}

static void an_answer_that_makes_no_sense_is_asked_for_elsewhere(void **state)
{
    (void) state;
    static char bytes[4096];
    struct sut_buf b = { .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
    sut_str all[LIES_MAX];
    const size_t n = lies(&b, all);
    for (size_t i = 0; i < n + 3; i++) {
        struct script s = honest;
        if (i < n)
            s.lie = all[i];
        s.type_xor = i == n ? SUT_IPC_REPLY : i == n + 1 ? 1 : 0;
        s.id_xor = i == n + 2 ? 1 : 0;
        struct fake fakes[2];
        int fds[2];
        struct sut_keeper *k = NULL;
        fds[0] = start(&fakes[0], &s);
        fds[1] = start(&fakes[1], &honest);
        assert_false(sut_failed(sut_keeper_create(fds, 2, &k)));
        assert_false(sut_failed(unwrap(k)));
        assert_int_equal(sut_keeper_connections(k), 1);
        sut_keeper_free(&k);
        stop(&fakes[0]);
        stop(&fakes[1]);
    }
}

static void an_answer_that_is_too_long_is_not_read(void **state)
{
    (void) state;
    static char bytes[SUT_KEEPER_REPLY_MAX + 1];
    const struct script s = { .reads = SIZE_MAX,
                              .writes = SIZE_MAX,
                              .lie = sut_str_of(bytes, sizeof(bytes)) };
    struct fake fakes[2];
    int fds[2];
    struct sut_keeper *k = NULL;
    fds[0] = start(&fakes[0], &s);
    fds[1] = start(&fakes[1], &honest);
    assert_false(sut_failed(sut_keeper_create(fds, 2, &k)));
    assert_false(sut_failed(unwrap(k)));
    sut_keeper_free(&k);
    stop(&fakes[0]);
    stop(&fakes[1]);
}

static void a_keeper_that_only_lies_is_given_up(void **state)
{
    (void) state;
    const struct script s = { .reads = SIZE_MAX, .writes = SIZE_MAX, .lie = SUT_STR("lie") };
    struct fake fakes[12];
    int fds[12];
    struct sut_keeper *k = NULL;
    for (size_t i = 0; i < 12; i++)
        fds[i] = start(&fakes[i], &s);
    assert_false(sut_failed(sut_keeper_create(fds, 12, &k)));
    assert_int_equal(unwrap(k).code, SUT_E_UNAVAILABLE);
    assert_int_equal(sut_keeper_connections(k), 4);
    sut_keeper_free(&k);
    for (size_t i = 0; i < 12; i++)
        stop(&fakes[i]);
}

static void what_is_refused_is_an_error_of_the_call_and_keeps_the_connection(void **state)
{
    (void) state;
    const struct {
        enum sut_keeper_answer status;
        enum sut_ecode code;
    } rows[] = {
        { SUT_KEEPER_CORRUPT, SUT_E_CORRUPT },
        { SUT_KEEPER_NOT_FOUND, SUT_E_NOT_FOUND },
        { SUT_KEEPER_INVALID, SUT_E_INVALID },
    };
    for (size_t i = 0; i < 3; i++) {
        char bytes[16];
        struct sut_buf b = { .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
        sut_ipc_put_u64(&b, rows[i].status);
        const struct script s = { .reads = SIZE_MAX, .writes = SIZE_MAX, .lie = sut_buf_str(&b) };
        struct fake f;
        struct sut_keeper *k = NULL;
        const int fd = start(&f, &s);
        assert_false(sut_failed(sut_keeper_create(&fd, 1, &k)));
        for (int n = 0; n < 3; n++)
            assert_int_equal(unwrap(k).code, rows[i].code);
        assert_int_equal(sut_keeper_connections(k), 1);
        sut_keeper_free(&k);
        stop(&f);
    }
}

static void nothing_is_asked_that_can_not_be_answered(void **state)
{
    (void) state;
    struct fake f;
    struct sut_keeper *k = NULL;
    struct sut_secret *key = NULL;
    static char large[SUT_WRAPPED_MAX + 1];
    const sut_str too_long = sut_str_of(large, sizeof(large));
    unsigned char signature[SUT_TLS_SIGNATURE_MAX];
    unsigned char id[SUT_TLS_KEY_ID] = { 0 };
    size_t n = 0;
    bool is_changed = false;
    struct sut_buf out;
    sut_buf_init(&out, 1024);
    const int fd = start(&f, &honest);
    assert_false(sut_failed(sut_keeper_create(&fd, 1, &k)));
    assert_int_equal(sut_keeper_unwrap(k, SUT_KEY_DATA, 1, SUT_STR("x"), &key).code, SUT_E_DENIED);
    assert_int_equal(sut_keeper_unwrap(k, SUT_KEY_PURPOSES, 1, SUT_STR("x"), &key).code,
                     SUT_E_DENIED);
    assert_int_equal(sut_keeper_unwrap(k, SUT_KEY_TOKEN, 1, too_long, &key).code, SUT_E_CORRUPT);
    assert_int_equal(sut_keeper_make(k, SUT_KEY_AUDIT, 1, &out, &key).code, SUT_E_INVALID);
    assert_int_equal(sut_keeper_make(k, SUT_KEY_PURPOSES, 1, &out, NULL).code, SUT_E_INVALID);
    assert_int_equal(sut_keeper_rewrap(k, SUT_KEY_FILE, 1, too_long, &out, &is_changed).code,
                     SUT_E_CORRUPT);
    assert_int_equal(
        sut_keeper_tls_sign(k, id, SUT_TLS_ECDSA_SHA256, SUT_STR("short"), signature, &n).code,
        SUT_E_INVALID);
    assert_int_equal(
        sut_keeper_tls_sign(k, id, (enum sut_tls_scheme) 99, SUT_STR(""), signature, &n).code,
        SUT_E_INVALID);
    assert_int_equal(sut_keeper_calls(k), 0);
    assert_int_equal(f.answered, 0);
    assert_null(key);
    sut_keeper_free(&k);
    stop(&f);
    sut_buf_done(&out);
}

static void a_spent_rate_is_waited_for(void **state)
{
    (void) state;
    struct script s = honest;
    s.busy_first = 3;
    s.busy_ms = 20;
    struct fake f;
    struct sut_keeper *k = NULL;
    int fd = start(&f, &s);
    assert_false(sut_failed(sut_keeper_create(&fd, 1, &k)));
    const uint64_t began = sut_monotonic_ns();
    assert_false(sut_failed(unwrap(k)));
    assert_true(sut_monotonic_ns() - began >= 60 * UINT64_C(1000000));
    sut_keeper_free(&k);
    stop(&f);
    /* Longer than anybody waits: said at once. */
    s.busy_ms = SUT_KEEPER_PATIENCE_MS + 1;
    fd = start(&f, &s);
    assert_false(sut_failed(sut_keeper_create(&fd, 1, &k)));
    const uint64_t asked = sut_monotonic_ns();
    assert_int_equal(unwrap(k).code, SUT_E_BUSY);
    assert_true(sut_monotonic_ns() - asked < SUT_KEEPER_PATIENCE_MS * UINT64_C(1000000));
    sut_keeper_free(&k);
    stop(&f);
}

struct later {
    struct sut_keeper *k;
    int fd;
};

static void *reconnect_later(void *arg)
{
    const struct later *const l = arg;
    usleep(150 * 1000);
    assert_false(sut_failed(sut_keeper_reconnect(l->k, &l->fd, 1)));
    return NULL;
}

static void without_a_connection_a_call_waits_for_new_ones(void **state)
{
    (void) state;
    const struct script dead = { .reads = 0 };
    struct fake fakes[2];
    struct later l = { .k = NULL };
    pthread_t t;
    const int fd = start(&fakes[0], &dead);
    assert_false(sut_failed(sut_keeper_create(&fd, 1, &l.k)));
    l.fd = start(&fakes[1], &honest);
    const uint64_t began = sut_monotonic_ns();
    assert_int_equal(pthread_create(&t, NULL, reconnect_later, &l), 0);
    assert_false(sut_failed(unwrap(l.k)));
    assert_true(sut_monotonic_ns() - began >= 100 * UINT64_C(1000000));
    (void) pthread_join(t, NULL);
    sut_keeper_free(&l.k);
    stop(&fakes[0]);
    stop(&fakes[1]);
}

static void *call_often(void *arg)
{
    struct sut_keeper *const k = arg;
    for (int i = 0; i < CALLS; i++)
        if (sut_failed(unwrap(k)))
            return k;
    return NULL;
}

/* Keepers come and go under threads that call all the time. */
static void no_call_fails_while_keepers_come_and_go(void **state)
{
    (void) state;
    static const struct script mortal = { .reads = SIZE_MAX, .writes = SIZE_MAX, .slow_us = 200 };
    struct fake fakes[2][2];
    int fds[2];
    pthread_t threads[THREADS];
    struct sut_keeper *k = NULL;
    for (size_t i = 0; i < 2; i++)
        fds[i] = start(&fakes[0][i], &mortal);
    assert_false(sut_failed(sut_keeper_create(fds, 2, &k)));
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, k), 0);
    for (int turn = 1; turn <= 20; turn++) {
        usleep(10 * 1000);
        for (size_t i = 0; i < 2; i++)
            fds[i] = start(&fakes[turn % 2][i], &mortal);
        /* Now the old ones die first, now the new ones come first. */
        if (turn % 4 < 2)
            assert_false(sut_failed(sut_keeper_reconnect(k, fds, 2)));
        for (size_t i = 0; i < 2; i++)
            stop(&fakes[(turn + 1) % 2][i]);
        if (turn % 4 >= 2)
            assert_false(sut_failed(sut_keeper_reconnect(k, fds, 2)));
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = NULL;
        (void) pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(sut_keeper_calls(k), THREADS * CALLS);
    sut_keeper_free(&k);
    for (size_t i = 0; i < 2; i++)
        stop(&fakes[0][i]);
}

static void the_number_of_connections_is_bounded(void **state)
{
    (void) state;
    int fds[SUT_KEEPER_PEERS_MAX + 1] = { 0 };
    struct sut_keeper *k = NULL;
    assert_int_equal(sut_keeper_create(fds, 0, &k).code, SUT_E_INVALID);
    assert_int_equal(sut_keeper_create(fds, SUT_KEEPER_PEERS_MAX + 1, &k).code, SUT_E_INVALID);
    assert_null(k);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_keeper_that_dies_at_any_byte_costs_no_call),
        cmocka_unit_test(an_answer_that_makes_no_sense_is_asked_for_elsewhere),
        cmocka_unit_test(an_answer_that_is_too_long_is_not_read),
        cmocka_unit_test(a_keeper_that_only_lies_is_given_up),
        cmocka_unit_test(what_is_refused_is_an_error_of_the_call_and_keeps_the_connection),
        cmocka_unit_test(nothing_is_asked_that_can_not_be_answered),
        cmocka_unit_test(a_spent_rate_is_waited_for),
        cmocka_unit_test(without_a_connection_a_call_waits_for_new_ones),
        cmocka_unit_test(no_call_fails_while_keepers_come_and_go),
        cmocka_unit_test(the_number_of_connections_is_bounded),
    };
    return cmocka_run_group_tests_name("keeper_client", tests, NULL, NULL);
}
