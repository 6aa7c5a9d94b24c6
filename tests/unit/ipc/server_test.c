/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/diag.h"
#include "ipc/channel.h"
#include "ipc/server.h"
#include "os/fd.h"

enum {
    ECHO = 1,
    ONCE = 2,
    FAILS = 3,
    TRAILING = 4,
    BIG = 5,
    /* The server's: a client of the test may itself be kept waiting between two steps. */
    PATIENCE_MS = 2500,
    WAIT_S = 30 /* the test's, for what must come */
};

static char dir[] = "/tmp/sut-ipc-XXXXXX";
static char path[64];
static struct sut_ipc_server *server;
static pthread_t thread;
static int handled;

static SUT_ERR echo(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    sut_str s = { 0 };
    TRY(sut_ipc_get_bytes(in, 1000, &s));
    TRY(sut_ipc_get_end(in));
    sut_ipc_put_bytes(reply, s);
    __atomic_add_fetch((int *) arg, 1, __ATOMIC_SEQ_CST);
    return SUT_OK;
}

static SUT_ERR fails(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    (void) arg;
    (void) in;
    sut_buf_lit(reply, "never seen");
    FAIL(INVALID);
}

/* A handler that forgot to look whether anything is left. */
static SUT_ERR careless(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    (void) arg;
    (void) in;
    sut_buf_lit(reply, "never seen");
    return SUT_OK;
}

static SUT_ERR too_much(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply)
{
    (void) arg;
    TRY(sut_ipc_get_end(in));
    for (size_t i = 0; i < 100; i++)
        sut_buf_lit(reply, "0123456789");
    return SUT_OK;
}

static const struct sut_ipc_permit permits[] = {
    { .type = ECHO, .max = 1024, .reply_max = 1024, .handle = echo },
    { .type = ONCE, .once = true, .max = 1024, .reply_max = 1024, .handle = echo },
    { .type = FAILS, .max = 16, .reply_max = 100, .handle = fails },
    { .type = TRAILING, .max = 16, .reply_max = 100, .handle = careless },
    { .type = BIG, .max = 0, .reply_max = 100, .handle = too_much },
    { .handle = NULL },
};

static void *run(void *arg)
{
    (void) arg;
    sut_ignore(sut_ipc_server_run(server), "a test fails by what it sees");
    return NULL;
}

static int setup(void **state)
{
    (void) state;
    int fd = -1;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/s.sock", dir);
    if (sut_failed(sut_ipc_listen(path, &fd, NULL)) ||
        sut_failed(sut_ipc_server_create(fd, permits, &handled, PATIENCE_MS, &server)))
        return -1;
    return pthread_create(&thread, NULL, run, NULL);
}

static int teardown(void **state)
{
    (void) state;
    sut_ipc_server_stop(server);
    pthread_join(thread, NULL);
    sut_ipc_server_free(&server);
    unlink(path);
    return rmdir(dir);
}

static int dial(void)
{
    int fd = -1;
    assert_false(sut_failed(sut_ipc_connect(path, &fd)));
    return fd;
}

static sut_err call_echo(int fd, uint16_t type, uint32_t id, sut_str text, sut_str *ret)
{
    static struct sut_buf reply;
    struct sut_buf fields;
    sut_buf_done(&reply);
    sut_buf_init(&reply, 2048);
    sut_buf_init(&fields, 4096);
    sut_ipc_put_bytes(&fields, text);
    const sut_err e = sut_ipc_call(fd, type, id, sut_buf_str(&fields), WAIT_S * 1000, &reply);
    sut_buf_done(&fields);
    if (!sut_failed(e)) {
        struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&reply));
        assert_false(sut_failed(sut_ipc_get_bytes(&r, 2048, ret)));
        assert_false(sut_failed(sut_ipc_get_end(&r)));
    }
    return e;
}

/* The server hangs up without a byte. */
static void expect_dropped(int fd)
{
    char c = 0;
    const struct timeval wait = { .tv_sec = WAIT_S };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
    const ssize_t n = recv(fd, &c, 1, 0);
    assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
    sut_fd_close(&fd);
}

static void send_raw(int fd, const char *p, size_t n)
{
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), (ssize_t) n);
}

static void answers_calls_in_turn(void **state)
{
    (void) state;
    int fd = dial();
    sut_str got = { 0 };
    for (uint32_t i = 0; i < 20; i++) {
        assert_false(sut_failed(call_echo(fd, ECHO, i, SUT_STR("hello"), &got)));
        assert_true(sut_str_is(got, "hello"));
    }
    sut_fd_close(&fd);
}

static void takes_a_message_in_single_bytes(void **state)
{
    (void) state;
    static const char text[] = "\x01\x00\x08\x00\x00\x00\x2a\x00\x00\x00"
                               "b\x03\x00\x00\x00"
                               "abc";
    int fd = dial();
    char got[64];
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        send_raw(fd, text + i, 1);
    size_t n = 0;
    assert_false(sut_failed(sut_fd_read_full(fd, got, 18, &n)));
    assert_int_equal(n, 18);
    assert_memory_equal(got, "\x01\x80\x08\x00\x00\x00\x2a\x00\x00\x00", 10);
    sut_fd_close(&fd);
}

static void drops_whoever_breaks_the_table(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        size_t n;
    } cases[] = {
        { "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 10 }, /* no such type */
        { "\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00", 10 }, /* no such type */
        { "\x01\x80\x00\x00\x00\x00\x00\x00\x00\x00", 10 }, /* a reply */
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10 }, /* all of it */
        { "\x01\x00\x01\x04\x00\x00\x00\x00\x00\x00", 10 }, /* one above its cap */
        { "\x01\x00\xff\xff\xff\xff\x00\x00\x00\x00", 10 }, /* far above */
        { "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", 10 }, /* a field is missing */
        { "\x01\x00\x05\x00\x00\x00\x00\x00\x00\x00"
          "b\xff\xff\xff\xff",
          15 }, /* a length that lies */
        { "\x01\x00\x06\x00\x00\x00\x00\x00\x00\x00"
          "b\x00\x00\x00\x00x",
          16 }, /* bytes behind it */
        { "\x01\x00\x05\x00\x00\x00\x00\x00\x00\x00"
          "u\x00\x00\x00\x00",
          15 },                                              /* another tag */
        { "\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00", 10 },  /* the handler refuses */
        { "\x04\x00\x01\x00\x00\x00\x00\x00\x00\x00x", 11 }, /* trailing, unseen by the handler */
        { "\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00", 10 },  /* the reply outgrows its cap */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int fd = dial();
        send_raw(fd, cases[i].text, cases[i].n);
        expect_dropped(fd);
    }
    answers_calls_in_turn(state);
}

static void grants_once_only_once(void **state)
{
    (void) state;
    int fd = dial();
    sut_str got = { 0 };
    assert_false(sut_failed(call_echo(fd, ONCE, 1, SUT_STR("x"), &got)));
    assert_true(sut_failed(call_echo(fd, ONCE, 2, SUT_STR("x"), &got)));
    sut_fd_close(&fd);
    fd = dial();
    assert_false(sut_failed(call_echo(fd, ONCE, 1, SUT_STR("x"), &got)));
    sut_fd_close(&fd);
}

static void drops_dawdlers_and_goes_on_meanwhile(void **state)
{
    (void) state;
    const int silent = dial();
    const int half = dial();
    send_raw(half, "\x01\x00\x08", 3);
    answers_calls_in_turn(state);
    expect_dropped(silent);
    expect_dropped(half);
}

static void bounds_the_number_of_peers(void **state)
{
    (void) state;
    int fds[SUT_IPC_PEERS_MAX];
    sut_str got = { 0 };
    for (size_t i = 0; i < SUT_IPC_PEERS_MAX; i++) {
        fds[i] = dial();
        assert_false(sut_failed(call_echo(fds[i], ECHO, 1, SUT_STR("x"), &got)));
    }
    expect_dropped(dial());
    for (size_t i = 0; i < SUT_IPC_PEERS_MAX; i++)
        sut_fd_close(&fds[i]);
}

static void survives_random_bytes(void **state)
{
    (void) state;
    uint64_t x = 88172645463325252ULL;
    for (int round = 0; round < 200; round++) {
        char noise[64];
        for (size_t i = 0; i < sizeof(noise); i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            noise[i] = (char) (x & 0xff);
        }
        noise[0] = (char) (1 + round % 5);
        noise[1] = 0;
        if (round % 2 == 0)
            memset(noise + 3, 0, 3);
        int fd = dial();
        send_raw(fd, noise, sizeof(noise));
        sut_fd_close(&fd);
    }
    answers_calls_in_turn(state);
}

static void keeps_its_socket_private_and_to_itself(void **state)
{
    (void) state;
    struct stat st;
    struct sut_diag d = { 0 };
    int fd = -1;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(sut_ipc_listen(path, &fd, &d).code, SUT_E_BUSY);
    assert_true(d.text[0] != '\0');
}

static void replaces_a_socket_left_behind_but_nothing_else(void **state)
{
    (void) state;
    char other[80];
    int fd = -1;
    snprintf(other, sizeof(other), "%s/o.sock", dir);
    assert_int_equal(sut_ipc_connect(other, &fd).code, SUT_E_NOT_FOUND);
    assert_false(sut_failed(sut_ipc_listen(other, &fd, NULL)));
    sut_fd_close(&fd);
    assert_int_equal(sut_ipc_connect(other, &fd).code, SUT_E_NOT_FOUND);
    assert_false(sut_failed(sut_ipc_listen(other, &fd, NULL)));
    sut_fd_close(&fd);
    assert_int_equal(unlink(other), 0);

    FILE *f = fopen(other, "we");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(sut_ipc_listen(other, &fd, NULL).code, SUT_E_EXISTS);
    assert_int_equal(unlink(other), 0);
}

/* A socket's address has room for 107 bytes; a data folder may lie deeper. */
static void reaches_a_socket_far_down(void **state)
{
    (void) state;
    char deep[200];
    char name[220];
    int fd = -1;
    int client = -1;
    (void) snprintf(deep, sizeof(deep), "%s/%0150d", dir, 1);
    (void) snprintf(name, sizeof(name), "%s/control.sock", deep);
    assert_int_equal(sut_ipc_connect(name, &client).code, SUT_E_NOT_FOUND);
    assert_int_equal(mkdir(deep, 0700), 0);
    assert_int_equal(sut_ipc_connect(name, &client).code, SUT_E_NOT_FOUND);
    assert_false(sut_failed(sut_ipc_listen(name, &fd, NULL)));
    assert_false(sut_failed(sut_ipc_connect(name, &client)));
    sut_fd_close(&client);
    sut_fd_close(&fd);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(rmdir(deep), 0);
}

struct dialer {
    const char *name;
    sut_err last;
    int fds[64];
    size_t n;
};

/* Until one is not taken in. */
static void *dial_many(void *arg)
{
    struct dialer *const d = arg;
    while (d->n < sizeof(d->fds) / sizeof(d->fds[0])) {
        d->last = sut_ipc_connect(d->name, &d->fds[d->n]);
        if (sut_failed(d->last))
            break;
        d->n++;
    }
    return NULL;
}

/* One that hangs: the system takes some callers in for it, and has the next one wait. */
static void waits_for_no_server_that_takes_nobody_in(void **state)
{
    (void) state;
    char name[80];
    int fd = -1;
    pthread_t t;
    struct dialer d = { .name = name };
    struct timespec until;
    (void) snprintf(name, sizeof(name), "%s/hangs.sock", dir);
    assert_false(sut_failed(sut_ipc_listen(name, &fd, NULL)));
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
    until.tv_sec += 60;
    assert_int_equal(pthread_create(&t, NULL, dial_many, &d), 0);
    assert_int_equal(pthread_timedjoin_np(t, NULL, &until), 0);
    assert_int_equal(d.last.code, SUT_E_BUSY);
    assert_true(d.n > 0);
    while (d.n > 0)
        sut_fd_close(&d.fds[--d.n]);
    sut_fd_close(&fd);
    assert_int_equal(unlink(name), 0);
}

static void refuses_a_path_that_is_too_long(void **state)
{
    (void) state;
    char name[200];
    struct sut_diag d = { 0 };
    int fd = -1;
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(sut_ipc_listen(name, &fd, &d).code, SUT_E_INVALID);
    assert_true(d.hint[0] != '\0');
    assert_int_equal(sut_ipc_connect(name, &fd).code, SUT_E_INVALID);
}

/* The caller's side takes the server for hostile as well. */
static void call_refuses_what_is_no_reply(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        size_t n;
        enum sut_ecode code;
    } cases[] = {
        { "\x01\x80\x00\x00\x00\x00\x07\x00\x00\x00", 10, SUT_E_OK },
        { "\x01\x00\x00\x00\x00\x00\x07\x00\x00\x00", 10, SUT_E_PARSE },
        { "\x02\x80\x00\x00\x00\x00\x07\x00\x00\x00", 10, SUT_E_PARSE },
        { "\x01\x80\x00\x00\x00\x00\x08\x00\x00\x00", 10, SUT_E_PARSE },
        { "\x01\x80\xff\xff\xff\xff\x07\x00\x00\x00", 10, SUT_E_TOO_LARGE },
        { "\x01\x80\x65\x00\x00\x00\x07\x00\x00\x00", 10, SUT_E_TOO_LARGE },
        { "\x01\x80\x05\x00\x00\x00\x07\x00\x00\x00x", 11, SUT_E_UNAVAILABLE },
        { "\x01\x80", 2, SUT_E_UNAVAILABLE },
        { "", 0, SUT_E_UNAVAILABLE },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int pair[2];
        struct sut_buf reply;
        assert_false(sut_failed(sut_fd_socketpair(pair)));
        sut_buf_init(&reply, 100);
        if (cases[i].n > 0)
            send_raw(pair[1], cases[i].text, cases[i].n);
        assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
        assert_int_equal(sut_ipc_call(pair[0], ECHO, 7, SUT_STR(""), WAIT_S * 1000, &reply).code,
                         cases[i].code);
        sut_buf_done(&reply);
        sut_fd_close(&pair[0]);
        sut_fd_close(&pair[1]);
    }
    int pair[2];
    struct sut_buf reply;
    assert_false(sut_failed(sut_fd_socketpair(pair)));
    sut_buf_init(&reply, 100);
    assert_int_equal(sut_ipc_call(pair[0], ECHO, 7, SUT_STR(""), 50, &reply).code,
                     SUT_E_UNAVAILABLE);
    sut_fd_close(&pair[0]);
    sut_fd_close(&pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_calls_in_turn),
        cmocka_unit_test(takes_a_message_in_single_bytes),
        cmocka_unit_test(drops_whoever_breaks_the_table),
        cmocka_unit_test(grants_once_only_once),
        cmocka_unit_test(drops_dawdlers_and_goes_on_meanwhile),
        cmocka_unit_test(bounds_the_number_of_peers),
        cmocka_unit_test(survives_random_bytes),
        cmocka_unit_test(keeps_its_socket_private_and_to_itself),
        cmocka_unit_test(replaces_a_socket_left_behind_but_nothing_else),
        cmocka_unit_test(reaches_a_socket_far_down),
        cmocka_unit_test(waits_for_no_server_that_takes_nobody_in),
        cmocka_unit_test(refuses_a_path_that_is_too_long),
        cmocka_unit_test(call_refuses_what_is_no_reply),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
