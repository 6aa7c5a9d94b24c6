/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/filter.h"
#include "net/listen.h"
#include "os/fd.h"

#define GET(path_)  "GET " path_ " HTTP/1.1\r\nHost: shop\r\n\r\n"
#define LAST(path_) "GET " path_ " HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"

/* A link that hands up what comes in one byte at a time. */
static void up_by_bytes(struct sut_filter *f, sut_str s)
{
    for (size_t i = 0; i < s.n; i++)
        sut_filter_up_bytes(f, sut_str_of(s.p + i, 1));
}

static const struct sut_filter_ops one_byte = { .name = "one byte", .on_bytes = up_by_bytes };

static void a_request_is_answered_with_length_date_and_body(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    char *got = ask(&a, LAST("/hello"));
    assert_true(sut_str_starts(sut_str_from(got), SUT_STR("HTTP/1.1 200 OK\r\n")));
    assert_non_null(strstr(got, "Content-Length: 5\r\n"));
    assert_non_null(strstr(got, " GMT\r\n"));
    assert_non_null(strstr(got, "Connection: close\r\n"));
    assert_true(sut_str_ends(sut_str_from(got), SUT_STR("\r\n\r\nhello")));
    sut_mem_free(got);
    wait_for_count(&a, COUNT(requests), 1);
    app_stop(&a);
}

/* SPEC: rfc9110 9.3.2 MUST NOT send content in the response to HEAD. */
static void head_has_the_length_but_no_body(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    char *got = ask(&a, "HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_non_null(strstr(got, "Content-Length: 5\r\n"));
    assert_true(sut_str_ends(sut_str_from(got), SUT_STR("\r\n\r\n")));
    sut_mem_free(got);
    app_stop(&a);
}

static void what_computes_long_ranks_lower(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    char *got = ask(&a, LAST("/lower"));
    assert_non_null(strstr(got, "\r\n\r\nlower"));
    sut_mem_free(got);
    app_stop(&a);
}

static void pipelined(struct app *a)
{
    /* Loop and pool mixed: order must hold all the same. */
    static const char requests[] = GET("/hello")
        GET("/pool") "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" GET("/pool")
            GET("/hello") "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                          "chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0"
                          "\r\n\r\n" LAST("/pool") GET("/hello");
    char *got = ask(a, requests);
    static const char *const bodies[] = { "hello", "from the pool", "abc",          "from the pool",
                                          "hello", "def",           "from the pool" };
    const char *p = got;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        p = strstr(p, "\r\n\r\n");
        assert_non_null(p);
        p += 4;
        assert_memory_equal(p, bodies[i], strlen(bodies[i]));
    }
    /* SPEC: rfc9112 9.6 a server MUST NOT process requests after one with "close". */
    assert_int_equal(count_of(got, "HTTP/1.1 200 OK"), 7);
    sut_mem_free(got);
}

static void pipelined_requests_are_answered_in_order_and_none_after_close(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    pipelined(&a);
    app_stop(&a);
}

static void one_byte_at_a_time_changes_nothing(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    a.options.between = &one_byte;
    app_start(&a, 0);
    pipelined(&a);
    app_stop(&a);
}

static void many_pipelined_requests_take_turns_and_all_are_answered(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    a.options.limits.requests_per_turn = 3;
    a.options.limits.early_bytes = 512;
    app_start(&a, 0);
    const int fd = client_open(&a);
    for (int i = 0; i < 500; i++)
        client_send(fd, i % 7 == 0 ? GET("/pool") : GET("/hello"));
    client_send(fd, LAST("/hello"));
    char *got = client_read_all(fd, PATIENCE_MS, NULL);
    assert_int_equal(count_of(got, "HTTP/1.1 200 OK"), 501);
    sut_mem_free(got);
    close(fd);
    app_stop(&a);
}

static void a_client_that_shut_its_side_is_still_answered(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    const int fd = client_open(&a);
    client_send(fd, GET("/pool") GET("/hello"));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    char *got = client_read_all(fd, PATIENCE_MS, NULL);
    assert_int_equal(count_of(got, "HTTP/1.1 200 OK"), 2);
    sut_mem_free(got);
    close(fd);
    app_stop(&a);
}

/* SPEC: rfc9112 8 an incomplete request MUST NOT be processed as complete. */
static void an_incomplete_request_is_never_handled(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    static const char *const cut[] = {
        "GET /hello HTTP/1.1\r\nHost: x\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "G",
    };
    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
        const int fd = client_open(&a);
        client_send(fd, cut[i]);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        size_t n = 0;
        char *got = client_read_all(fd, PATIENCE_MS, &n);
        assert_int_equal(n, 0);
        sut_mem_free(got);
        close(fd);
    }
    assert_int_equal(atomic_load(&a.handled), 0);
    app_stop(&a);
}

static void refusals_are_read_by_the_client_and_close(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    char *big = sut_mem_alloc(40000);
    memset(big, 'a', 40000);
    static const char start[] = "GET /hello HTTP/1.1\r\nHost: x\r\nX: ";
    memcpy(big, start, sizeof(start) - 1);
    big[39999] = '\0';
    static const struct {
        const char *request;
        const char *status;
    } rows[] = {
        { "GET /hello HTTP/1.1\r\nHost : x\r\n\r\n", "HTTP/1.1 400" },
        { "GET /hello HTTP/1.1\r\n\r\n", "HTTP/1.1 400" },
        { "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n", "HTTP/1.1 413" },
        { "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
          "chunked\r\n\r\n0\r\n\r\n",
          "HTTP/1.1 400" },
        { "\x16\x03\x01\x02", "HTTP/1.1 400" },
        { NULL, "HTTP/1.1 431" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int fd = client_open(&a);
        client_send(fd, rows[i].request == NULL ? big : rows[i].request);
        char *got = client_read_all(fd, PATIENCE_MS, NULL);
        assert_true(sut_str_starts(sut_str_from(got), sut_str_from(rows[i].status)));
        assert_non_null(strstr(got, "Connection: close\r\n"));
        assert_true(sut_str_ends(sut_str_from(got), SUT_STR("refused")));
        sut_mem_free(got);
        close(fd);
    }
    assert_int_equal(atomic_load(&a.handled), 0);
    wait_for_count(&a, COUNT(refused), sizeof(rows) / sizeof(rows[0]));
    sut_mem_free(big);
    app_stop(&a);
}

static void an_answer_at_the_head_keeps_the_connection_only_without_a_body(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    char *got = ask(&a, GET("/forbidden") LAST("/hello"));
    assert_int_equal(count_of(got, "HTTP/1.1 403"), 1);
    assert_int_equal(count_of(got, "HTTP/1.1 200"), 1);
    sut_mem_free(got);
    got = ask(&a, "POST /forbidden HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\nabc");
    assert_int_equal(count_of(got, "HTTP/1.1 403"), 1);
    assert_non_null(strstr(got, "Connection: close"));
    sut_mem_free(got);
    app_stop(&a);
}

/* SPEC: rfc9110 10.1.1 100 before the body, and not for one that is refused. */
static void a_client_that_waits_for_leave_gets_it_or_the_refusal(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    int fd = client_open(&a);
    client_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "
                    "4\r\n\r\n");
    char leave[64];
    assert_int_equal(recv(fd, leave, sizeof(leave), 0), 25);
    assert_memory_equal(leave, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    client_send(fd, "body");
    char *got = client_read_answers(fd, 1);
    assert_true(sut_str_ends(sut_str_from(got), SUT_STR("\r\n\r\nbody")));
    sut_mem_free(got);
    close(fd);

    got = ask(&a, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "
                  "99999\r\n\r\n");
    assert_int_equal(count_of(got, "100 Continue"), 0);
    assert_int_equal(count_of(got, "HTTP/1.1 413"), 1);
    sut_mem_free(got);

    fd = client_open(&a);
    client_send(fd, "POST /forbidden HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                    "Content-Length: 4\r\n\r\n");
    got = client_read_all(fd, PATIENCE_MS, NULL);
    assert_int_equal(count_of(got, "100 Continue"), 0);
    assert_int_equal(count_of(got, "HTTP/1.1 403"), 1);
    sut_mem_free(got);
    close(fd);
    app_stop(&a);
}

static void slow_clients_are_ended_in_time(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    /* A client of ours may itself be kept waiting between connecting and its first byte. */
    a.options.timeouts.head_ms = 300;
    a.options.timeouts.idle_ms = 2000;
    a.options.timeouts.body_grace_ms = 300;
    a.options.limits.body_bytes_per_s = 100;
    app_start(&a, 0);
    char *got = ask(&a, "GET /hello HTT");
    assert_int_equal(count_of(got, "HTTP/1.1 408"), 1);
    sut_mem_free(got);
    got = ask(&a, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc");
    assert_int_equal(count_of(got, "HTTP/1.1 408"), 1);
    sut_mem_free(got);
    /* An idle one, before and after a request, without a word. */
    got = ask(&a, "");
    assert_string_equal(got, "");
    sut_mem_free(got);
    got = ask(&a, GET("/hello"));
    assert_int_equal(count_of(got, "HTTP/1.1"), 1);
    sut_mem_free(got);
    wait_for_count(&a, COUNT(timeouts), 2);
    app_stop(&a);
}

static void a_body_at_its_least_rate_is_waited_for(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    a.options.timeouts.body_grace_ms = 1000;
    a.options.limits.body_bytes_per_s = 10;
    app_start(&a, 0);
    const int fd = client_open(&a);
    client_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n");
    for (int i = 0; i < 8; i++) {
        client_send(fd, "12345");
        pause_ms(200);
    }
    char *got = client_read_answers(fd, 1);
    assert_int_equal(count_of(got, "HTTP/1.1 200"), 1);
    sut_mem_free(got);
    close(fd);
    app_stop(&a);
}

#define POST_4 "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"

static void a_body_is_held_back_until_the_service_says_so(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    atomic_store(&a.word, SUT_BODY_HOLD);
    const int fd = client_open(&a);
    client_send(fd, POST_4 "body" GET("/hello") POST_4 "more" LAST("/hello"));
    pause_ms(600);
    assert_int_equal(atomic_load(&a.handled), 0);
    assert_int_equal(atomic_load(&a.got), 0);
    atomic_store(&a.word, SUT_BODY_READ);
    char *got = client_read_all(fd, PATIENCE_MS, NULL);
    assert_int_equal(count_of(got, "HTTP/1.1 200"), 4);
    assert_int_equal(count_of(got, "body"), 1);
    assert_int_equal(count_of(got, "more"), 1);
    sut_mem_free(got);
    close(fd);
    app_stop(&a);
}

static void leave_to_send_is_given_with_the_place(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    atomic_store(&a.word, SUT_BODY_HOLD);
    const int fd = client_open(&a);
    client_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "
                    "4\r\n\r\n");
    char leave[64];
    pause_ms(400);
    assert_int_equal(recv(fd, leave, sizeof(leave), MSG_DONTWAIT), -1);
    atomic_store(&a.word, SUT_BODY_READ);
    assert_int_equal(recv(fd, leave, sizeof(leave), 0), 25);
    assert_memory_equal(leave, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    client_send(fd, "body");
    char *got = client_read_answers(fd, 1);
    assert_true(sut_str_ends(sut_str_from(got), SUT_STR("\r\n\r\nbody")));
    sut_mem_free(got);
    close(fd);
    app_stop(&a);
}

static void a_body_that_is_held_back_is_still_bounded(void **state)
{
    static char much[256 * 1024];
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    atomic_store(&a.word, SUT_BODY_HOLD);
    const int fd = client_open(&a);
    client_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n");
    /* It is not taken from the client: the kernel's buffers are full soon. */
    size_t sent = 0;
    ssize_t n = 0;
    for (int i = 0; i < 50; i++) {
        while ((n = send(fd, much, sizeof(much), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
            sent += (size_t) n;
        pause_ms(10);
    }
    assert_true(sent > a.options.limits.early_bytes && sent < 8000000);
    atomic_store(&a.word, SUT_BODY_READ);
    char *got = client_read_all(fd, PATIENCE_MS, NULL);
    assert_int_equal(count_of(got, "HTTP/1.1 413"), 1);
    sut_mem_free(got);
    close(fd);
    app_stop(&a);
}

static void a_body_has_to_give_way_when_the_service_says_so(void **state)
{
    static const char *const parts[] = { POST_4, POST_4 "bo" };
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    for (int i = 0; i < 4; i++) {
        atomic_store(&a.word, i < 2 ? SUT_BODY_HOLD : SUT_BODY_READ);
        atomic_store(&a.last_refusal, 0);
        const int fd = client_open(&a);
        client_send(fd, parts[i % 2]);
        pause_ms(400);
        wait_for(&a.got, i == 3 ? 2 : 0);
        atomic_store(&a.word, SUT_BODY_REFUSE);
        char *got = client_read_all(fd, PATIENCE_MS, NULL);
        assert_int_equal(count_of(got, "HTTP/1.1 503"), 1);
        assert_int_equal(count_of(got, "Connection: close"), 1);
        assert_int_equal(atomic_load(&a.last_refusal), 503);
        sut_mem_free(got);
        close(fd);
    }
    assert_int_equal(atomic_load(&a.handled), 0);
    wait_for(&a.done, 4);
    wait_for_count(&a, COUNT(refused), 4);
    app_stop(&a);
}

static void a_client_may_end_its_side_or_go_while_its_body_is_held_back(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    atomic_store(&a.word, SUT_BODY_HOLD);
    const int gone = client_open(&a);
    client_send(gone, POST_4);
    const int ended = client_open(&a);
    client_send(ended, POST_4);
    shutdown(ended, SHUT_WR);
    const int half = client_open(&a);
    client_send(half, POST_4 "bo");
    shutdown(half, SHUT_WR);
    const int whole = client_open(&a);
    client_send(whole, POST_4 "body");
    shutdown(whole, SHUT_WR);
    pause_ms(100);
    close(gone);
    wait_for(&a.done, 2);
    char *got = client_read_all(ended, PATIENCE_MS, NULL);
    assert_string_equal(got, "");
    sut_mem_free(got);
    atomic_store(&a.word, SUT_BODY_READ);
    got = client_read_all(whole, PATIENCE_MS, NULL);
    assert_int_equal(count_of(got, "HTTP/1.1 200"), 1);
    assert_int_equal(count_of(got, "body"), 1);
    sut_mem_free(got);
    got = client_read_all(half, PATIENCE_MS, NULL);
    assert_string_equal(got, "");
    sut_mem_free(got);
    wait_for(&a.done, 4);
    assert_int_equal(atomic_load(&a.handled), 1);
    close(ended);
    close(half);
    close(whole);
    app_stop(&a);
}

static void a_stop_ends_bodies_that_are_held_back(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    a.options.timeouts.stop_ms = 300;
    app_start(&a, 0);
    atomic_store(&a.word, SUT_BODY_HOLD);
    const int fd = client_open(&a);
    atomic_store(&a.got, -1);
    client_send(fd, POST_4 "body");
    /* It is held back now. */
    wait_for(&a.got, 0);
    app_stop(&a);
    assert_int_equal(atomic_load(&a.done), 1);
    close(fd);
}

static void a_client_may_vanish_while_the_pool_works_for_it(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    const int fd = client_open(&a);
    client_send(fd, GET("/slow"));
    wait_for(&a.in_slow, 1);
    const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    wait_for_count(&a, COUNT(connections), 0);
    wait_for_count(&a, COUNT(vanished), 1);
    assert_int_equal(atomic_load(&a.cleanups), 0);
    atomic_store(&a.gate, 1);
    wait_for(&a.cleanups, 1);
    wait_for(&a.done, 1);
    app_stop(&a);
}

static void a_full_pool_is_told_to_the_application(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    int fds[7];
    for (int i = 0; i < 7; i++) {
        fds[i] = client_open(&a);
        client_send(fds[i], LAST("/slow"));
    }
    /* Four run, two wait, one is refused at once. */
    wait_for(&a.in_slow, 4);
    wait_for(&a.handled, 7);
    char *got = ask(&a, LAST("/hello"));
    assert_int_equal(count_of(got, "HTTP/1.1 200"), 1);
    sut_mem_free(got);
    atomic_store(&a.gate, 1);
    unsigned good = 0;
    unsigned busy = 0;
    for (int i = 0; i < 7; i++) {
        got = client_read_all(fds[i], 5000, NULL);
        good += count_of(got, "HTTP/1.1 200");
        busy += count_of(got, "HTTP/1.1 503");
        sut_mem_free(got);
        close(fds[i]);
    }
    assert_int_equal(good, 6);
    assert_int_equal(busy, 1);
    app_stop(&a);
}

static void a_request_that_waited_too_long_for_a_thread_is_refused(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    a.options.pool.threads_max = 1;
    /* The first must have its thread sooner, however busy the machine is. */
    a.options.timeouts.queue_ms = 1000;
    app_start(&a, 0);
    const int first = client_open(&a);
    client_send(first, LAST("/slow"));
    wait_for(&a.in_slow, 1);
    const int second = client_open(&a);
    client_send(second, GET("/pool"));
    wait_for(&a.handled, 2);
    pause_ms(1500);
    atomic_store(&a.gate, 1);
    char *got = client_read_all(second, PATIENCE_MS, NULL);
    assert_int_equal(count_of(got, "HTTP/1.1 503"), 1);
    sut_mem_free(got);
    got = client_read_all(first, PATIENCE_MS, NULL);
    assert_int_equal(count_of(got, "HTTP/1.1 200"), 1);
    sut_mem_free(got);
    close(first);
    close(second);
    app_stop(&a);
}

static void a_slow_reader_gets_all_and_holds_nobody_up(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    const int fd = client_open(&a);
    client_send(fd, GET("/big") LAST("/hello"));
    wait_for(&a.handled, 1);
    pause_ms(50);
    /* The second request waits for its turn while the first answer is pending. */
    assert_int_equal(atomic_load(&a.handled), 1);
    char *other = ask(&a, LAST("/hello"));
    assert_int_equal(count_of(other, "HTTP/1.1 200"), 1);
    sut_mem_free(other);
    size_t n = 0;
    char *got = client_read_all(fd, PATIENCE_MS, &n);
    assert_true(n > BIG_BYTES);
    assert_true(sut_str_ends(sut_str_of(got, n), SUT_STR("\r\n\r\nhello")));
    assert_int_equal(count_of(got, "HTTP/1.1 200"), 2);
    sut_mem_free(got);
    close(fd);
    app_stop(&a);
}

static void a_reader_that_takes_nothing_is_dropped(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    a.options.timeouts.stall_ms = 300;
    app_start(&a, 0);
    const int fd = client_open(&a);
    client_send(fd, GET("/big"));
    wait_for_count(&a, COUNT(timeouts), 1);
    size_t n = 0;
    char *got = client_read_all(fd, PATIENCE_MS, &n);
    assert_true(n < BIG_BYTES);
    sut_mem_free(got);
    close(fd);
    app_stop(&a);
}

static void an_application_without_an_answer_gives_500(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    char *got = ask(&a, GET("/none"));
    assert_int_equal(count_of(got, "HTTP/1.1 500"), 1);
    assert_int_equal(atomic_load(&a.last_refusal), 500);
    sut_mem_free(got);
    app_stop(&a);
}

static void too_many_connections_from_an_address_are_turned_away(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    a.options.limits.connections_per_address = 2;
    app_start(&a, 0);
    const int one = client_open(&a);
    const int two = client_open(&a);
    client_send(one, GET("/hello"));
    client_send(two, GET("/hello"));
    char *got = client_read_answers(one, 1);
    sut_mem_free(got);
    got = client_read_answers(two, 1);
    sut_mem_free(got);
    const int three = client_open(&a);
    size_t n = 1;
    got = client_read_all(three, PATIENCE_MS, &n);
    assert_int_equal(n, 0);
    sut_mem_free(got);
    wait_for_count(&a, COUNT(turned_away), 1);
    close(one);
    close(two);
    close(three);
    app_stop(&a);
}

/* 203.0.113.N:40000 asks 127.0.0.1:80, by the PROXY protocol. */
#define PROXIED(n_) "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71" n_ "\x7f\0\0\1\x9c\x40\0\x50"
#define HELLO       "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"

static bool is_asked_proxy(const void *is_trusted, const struct sut_addr *peer)
{
    return atomic_load((const atomic_bool *) is_trusted) && sut_addr_is_loopback(peer);
}

static void send_bytes(int fd, const char *p, size_t n)
{
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

static void a_proxy_says_first_whom_it_speaks_for(void **state)
{
    (void) state;
    static const char first[] = PROXIED("\x01") HELLO;
    static const char second[] = PROXIED("\x02") HELLO;
    struct app a;
    size_t n = 0;
    atomic_bool is_trusted = true;
    app_init(&a);
    a.options.is_proxy = is_asked_proxy;
    a.options.proxy_ctx = &is_trusted;
    a.options.limits.connections_per_address = 2;
    a.options.timeouts.handshake_ms = 1500;
    app_start(&a, 0);
    /* Each client has its own share, though one peer makes all connections. */
    int fds[4];
    for (int i = 0; i < 4; i++) {
        fds[i] = client_open(&a);
        send_bytes(fds[i], i % 2 == 0 ? first : second, sizeof(first) - 1);
        char *answer = client_read_answers(fds[i], 1);
        assert_int_equal(count_of(answer, "HTTP/1.1 200"), 1);
        sut_mem_free(answer);
    }
    const int third = client_open(&a);
    send_bytes(third, first, sizeof(first) - 1);
    char *nothing = client_read_all(third, PATIENCE_MS, &n);
    assert_int_equal(n, 0);
    sut_mem_free(nothing);
    close(third);
    /* One that says nothing, or stops within its header, is ended in time. */
    for (size_t sent = 0; sent <= 20; sent += 20) {
        const int slow = client_open(&a);
        send_bytes(slow, first, sent);
        nothing = client_read_all(slow, PATIENCE_MS, &n);
        assert_int_equal(n, 0);
        sut_mem_free(nothing);
        close(slow);
    }
    /* What is no header is not answered, a request neither. */
    nothing = ask(&a, HELLO);
    assert_int_equal(strlen(nothing), 0);
    sut_mem_free(nothing);
    atomic_store(&is_trusted, false);
    const int stranger = client_open(&a);
    (void) send(stranger, second, sizeof(second) - 1, MSG_NOSIGNAL);
    nothing = client_read_all(stranger, PATIENCE_MS, &n);
    assert_int_equal(n, 0);
    sut_mem_free(nothing);
    close(stranger);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    /* Whoever did not leave the gate would stop the program here. */
    app_stop(&a);
}

static void request_ids_are_32_hex_digits_and_differ(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    char ids[8][33];
    for (int i = 0; i < 8; i++) {
        char *got = ask(&a, LAST("/id"));
        const char *body = strstr(got, "\r\n\r\n") + 4;
        assert_int_equal(strlen(body), 32);
        assert_int_equal(strspn(body, "0123456789abcdef"), 32);
        memcpy(ids[i], body, 33);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(ids[k], ids[i]);
        sut_mem_free(got);
    }
    app_stop(&a);
}

static void a_stop_finishes_what_is_in_flight_and_closes_the_idle(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    a.options.timeouts.stop_ms = 3000;
    app_start(&a, 0);
    const int idle = client_open(&a);
    const int half = client_open(&a);
    const int busy = client_open(&a);
    client_send(idle, GET("/hello"));
    char *got = client_read_answers(idle, 1);
    sut_mem_free(got);
    client_send(half, "GET /hel");
    client_send(busy, GET("/pool"));
    got = client_read_answers(busy, 1);
    sut_mem_free(got);
    client_send(busy, GET("/slow"));
    wait_for(&a.in_slow, 1);
    atomic_store(&a.gate, 1);
    app_stop(&a);
    got = client_read_all(busy, PATIENCE_MS, NULL);
    assert_int_equal(count_of(got, "HTTP/1.1 200"), 1);
    sut_mem_free(got);
    got = client_read_all(half, PATIENCE_MS, NULL);
    assert_string_equal(got, "");
    sut_mem_free(got);
    close(idle);
    close(half);
    close(busy);
}

static SUT_ERR no_start(void *app, unsigned loop, void **ret_ctx)
{
    (void) app;
    *ret_ctx = NULL;
    ENSURE(loop != 1, UNAVAILABLE);
    return SUT_OK;
}

static void count_stop(void *app, void *ctx)
{
    (void) app;
    (void) ctx;
}

static void a_loop_that_can_not_start_stops_the_start(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    a.options.loops = 3;
    a.service.loop_start = no_start;
    a.service.loop_stop = count_stop;
    int fd = -1;
    assert_false(sut_failed(sut_listen_open(SUT_STR("127.0.0.1"), 0, &fd, NULL)));
    const struct sut_server_listener l = { .fd = fd };
    assert_int_equal(sut_server_start(&a.options, &a.service, &l, 1, &a.server, NULL).code,
                     SUT_E_UNAVAILABLE);
    assert_null(a.server);
    a.options.loops = 0;
    assert_int_equal(sut_server_start(&a.options, &a.service, &l, 1, &a.server, NULL).code,
                     SUT_E_INVALID);
    const struct sut_server_listener tls = { .fd = fd, .flags = SUT_LISTENER_TLS };
    a.options.loops = 1;
    assert_int_equal(sut_server_start(&a.options, &a.service, &tls, 1, &a.server, NULL).code,
                     SUT_E_INVALID);
    sut_fd_close(&fd);
}

static void connections_are_dealt_evenly_over_the_loops(void **state)
{
    (void) state;
    enum { N = 40 };
    struct app a;
    app_init(&a);
    a.options.loops = 2;
    app_start(&a, 0);
    int fds[N];
    for (int i = 0; i < N; i++)
        fds[i] = client_open(&a);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++)
            client_send(fds[i], i % 2 == 0 ? GET("/hello") : GET("/pool"));
        for (int i = 0; i < N; i++) {
            char *got = client_read_answers(fds[i], 1);
            sut_mem_free(got);
        }
    }
    wait_for_count(&a, COUNT(connections), N);
    wait_for_count(&a, COUNT(requests), 3 * N);
    for (int i = 0; i < N; i++)
        close(fds[i]);
    app_stop(&a);
}

/* Every allocation fails once: whatever is answered or not, nothing crashes or leaks. */
static void without_memory_the_server_stays_well(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    app_start(&a, 0);
    for (unsigned long n = 1; n < 60; n++) {
        sut_mem_fault_nth(n);
        const int fd = client_open(&a);
        client_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: "
                        "close\r\n\r\nabc");
        char piece[4096];
        while (recv(fd, piece, sizeof(piece), 0) > 0)
            ;
        close(fd);
        if (!sut_mem_fault_hit())
            break;
    }
    sut_mem_fault_nth(0);
    char *got = ask(&a, LAST("/hello"));
    assert_int_equal(count_of(got, "HTTP/1.1 200"), 1);
    sut_mem_free(got);
    sut_server_stop(&a.server);
    sut_fd_close(&a.listen_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_with_length_date_and_body),
        cmocka_unit_test(head_has_the_length_but_no_body),
        cmocka_unit_test(what_computes_long_ranks_lower),
        cmocka_unit_test(pipelined_requests_are_answered_in_order_and_none_after_close),
        cmocka_unit_test(one_byte_at_a_time_changes_nothing),
        cmocka_unit_test(many_pipelined_requests_take_turns_and_all_are_answered),
        cmocka_unit_test(a_client_that_shut_its_side_is_still_answered),
        cmocka_unit_test(an_incomplete_request_is_never_handled),
        cmocka_unit_test(refusals_are_read_by_the_client_and_close),
        cmocka_unit_test(an_answer_at_the_head_keeps_the_connection_only_without_a_body),
        cmocka_unit_test(a_client_that_waits_for_leave_gets_it_or_the_refusal),
        cmocka_unit_test(slow_clients_are_ended_in_time),
        cmocka_unit_test(a_body_at_its_least_rate_is_waited_for),
        cmocka_unit_test(a_body_is_held_back_until_the_service_says_so),
        cmocka_unit_test(leave_to_send_is_given_with_the_place),
        cmocka_unit_test(a_body_that_is_held_back_is_still_bounded),
        cmocka_unit_test(a_body_has_to_give_way_when_the_service_says_so),
        cmocka_unit_test(a_client_may_end_its_side_or_go_while_its_body_is_held_back),
        cmocka_unit_test(a_stop_ends_bodies_that_are_held_back),
        cmocka_unit_test(a_client_may_vanish_while_the_pool_works_for_it),
        cmocka_unit_test(a_full_pool_is_told_to_the_application),
        cmocka_unit_test(a_request_that_waited_too_long_for_a_thread_is_refused),
        cmocka_unit_test(a_slow_reader_gets_all_and_holds_nobody_up),
        cmocka_unit_test(a_reader_that_takes_nothing_is_dropped),
        cmocka_unit_test(an_application_without_an_answer_gives_500),
        cmocka_unit_test(too_many_connections_from_an_address_are_turned_away),
        cmocka_unit_test(a_proxy_says_first_whom_it_speaks_for),
        cmocka_unit_test(request_ids_are_32_hex_digits_and_differ),
        cmocka_unit_test(a_stop_finishes_what_is_in_flight_and_closes_the_idle),
        cmocka_unit_test(a_loop_that_can_not_start_stops_the_start),
        cmocka_unit_test(connections_are_dealt_evenly_over_the_loops),
        cmocka_unit_test(without_memory_the_server_stays_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
