/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's line, with the test at its other end in the supervisor's place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "ipc/courier.h"
#include "ipc/keeper.h"
#include "ipc/line.h"
#include "os/fd.h"
#include "prog/worker_line.h"

enum { SEND_MS = 2000, WAIT_MS = 10000, QUIET_MS = 150, PICTURES_MAX = 4 };

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

static const struct sut_line_permit heard[] = {
    { .type = SUT_WORD_READY }, { .type = SUT_WORD_ASK_MASTER_NEXT }, { .type = SUT_WORD_ASK_TLS },
    { .type = SUT_WORD_FEW },   { .type = SUT_WORD_FEW_COURIER },     { .type = 0 },
};

/* The two ends, and the keeper's side of the sockets that were given. */
struct stage {
    int theirs; /* the supervisor's */
    int ours;
    int keeper[8];
    size_t n_keeper;
    struct sut_worker_line *line;
};

static void give_sockets(struct stage *s, size_t n)
{
    int fds[8];
    for (size_t i = 0; i < n; i++) {
        int pair[2];
        OK(sut_fd_socketpair(pair));
        s->keeper[s->n_keeper++] = pair[0];
        fds[i] = pair[1];
    }
    OK(sut_line_send(s->theirs, SUT_WORD_KEEPER, SUT_STR(""), fds, n, SEND_MS));
    for (size_t i = 0; i < n; i++)
        sut_fd_close(&fds[i]);
}

static void say(struct stage *s, enum sut_word word, int number, const char *text)
{
    char room[256];
    struct sut_buf b = { .p = room, .cap = sizeof(room), .max = sizeof(room) };
    if (number >= 0)
        sut_ipc_put_u64(&b, (uint64_t) number);
    sut_ipc_put_bytes(&b, sut_str_from(text));
    OK(sut_line_send(s->theirs, (uint16_t) word, sut_buf_str(&b), NULL, 0, SEND_MS));
}

/* What the worker says next; 0: nothing for a while. */
static uint16_t hear(const struct stage *s, int wait_ms)
{
    struct sut_line_message m;
    struct pollfd p = { .fd = s->theirs, .events = POLLIN };
    if (poll(&p, 1, wait_ms) <= 0)
        return 0;
    OK(sut_line_receive(s->theirs, heard, &m));
    const uint16_t type = m.type;
    sut_line_message_done(&m);
    return type;
}

static int set_up(void **state)
{
    static struct stage s;
    int pair[2];
    s = (struct stage){ .theirs = -1, .ours = -1 };
    if (sut_failed(sut_line_pair(pair)))
        return -1;
    s.theirs = pair[0];
    s.ours = pair[1];
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *s = *state;
    sut_worker_line_close(&s->line);
    sut_fd_close(&s->theirs);
    sut_fd_close(&s->ours);
    for (size_t i = 0; i < s->n_keeper; i++)
        sut_fd_close(&s->keeper[i]);
    return 0;
}

static void open_line(struct stage *s, size_t sockets)
{
    struct sut_diag d = { .text = "" };
    give_sockets(s, sockets);
    OK(sut_worker_line_open(s->ours, false, PICTURES_MAX, &s->line, &d));
}

static void begins_when_keeper_and_certificate_are_there(void **state)
{
    struct stage *s = *state;
    struct sut_diag d = { .text = "" };
    DEFER(sut_buf_done) struct sut_buf cert = { .p = NULL };
    give_sockets(s, 2);
    say(s, SUT_WORD_CERT, -1, "a chain");
    OK(sut_worker_line_open(s->ours, true, PICTURES_MAX, &s->line, &d));
    assert_int_equal(sut_keeper_connections(sut_worker_line_keeper(s->line)), 2);
    assert_true(sut_worker_line_take_cert(s->line, &cert));
    assert_true(sut_str_is(sut_buf_str(&cert), "a chain"));
    struct sut_buf none;
    assert_false(sut_worker_line_take_cert(s->line, &none));
    OK(sut_worker_line_ready(s->line));
    assert_int_equal(hear(s, WAIT_MS), SUT_WORD_READY);
    assert_false(sut_worker_line_is_over(s->line));
}

static void a_supervisor_that_hangs_up_first_is_told(void **state)
{
    struct stage *s = *state;
    struct sut_diag d = { .text = "" };
    sut_fd_close(&s->theirs);
    assert_int_equal(sut_worker_line_open(s->ours, false, PICTURES_MAX, &s->line, &d).code,
                     SUT_E_UNAVAILABLE);
    assert_null(s->line);
    assert_non_null(strstr(d.text, "does not say where the keeper is"));
}

/* An ask in a thread of its own, as the command's is. */
struct asking {
    struct sut_worker_line *line;
    enum sut_word word;
    pthread_t thread;
    struct sut_diag d;
    sut_err e;
};

static void *run(void *arg)
{
    struct asking *a = arg;
    a->e = sut_worker_line_ask(a->line, a->word, &a->d);
    return NULL;
}

static void begin(struct stage *s, struct asking *a, enum sut_word word)
{
    *a = (struct asking){ .line = s->line, .word = word };
    assert_int_equal(pthread_create(&a->thread, NULL, run, a), 0);
    assert_int_equal(hear(s, WAIT_MS), word);
}

static enum sut_ecode outcome(struct asking *a)
{
    assert_int_equal(pthread_join(a->thread, NULL), 0);
    return a->e.code;
}

static void one_ask_at_a_time_and_each_has_its_answer(void **state)
{
    struct stage *s = *state;
    struct asking a;
    struct sut_diag d = { .text = "" };
    open_line(s, 4);
    begin(s, &a, SUT_WORD_ASK_MASTER_NEXT);
    assert_int_equal(sut_worker_line_ask(s->line, SUT_WORD_ASK_TLS, &d).code, SUT_E_BUSY);
    say(s, SUT_WORD_DONE, 1, "");
    assert_int_equal(outcome(&a), SUT_E_OK);
    begin(s, &a, SUT_WORD_ASK_MASTER_NEXT);
    say(s, SUT_WORD_DONE, 0, "not in a file");
    assert_int_equal(outcome(&a), SUT_E_DENIED);
    assert_string_equal(a.d.text, "not in a file");
}

/* Take what came and say how it went; waits for it. */
static void use_cert(struct stage *s, const char *why)
{
    struct pollfd p = { .fd = sut_worker_line_fd(s->line), .events = POLLIN };
    DEFER(sut_buf_done) struct sut_buf cert = { .p = NULL };
    do {
        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
        assert_false(sut_worker_line_is_over(s->line));
    } while (!sut_worker_line_take_cert(s->line, &cert));
    sut_worker_line_cert_done(s->line, why);
}

static void an_ask_for_tls_ends_when_the_certificate_is_in_use(void **state)
{
    struct stage *s = *state;
    struct asking a;
    open_line(s, 4);
    begin(s, &a, SUT_WORD_ASK_TLS);
    say(s, SUT_WORD_CERT, -1, "another chain");
    say(s, SUT_WORD_DONE, 1, "");
    use_cert(s, NULL);
    assert_int_equal(outcome(&a), SUT_E_OK);

    begin(s, &a, SUT_WORD_ASK_TLS);
    say(s, SUT_WORD_CERT, -1, "a bad chain");
    say(s, SUT_WORD_DONE, 1, "");
    use_cert(s, "it does not fit");
    assert_int_equal(outcome(&a), SUT_E_DENIED);
    assert_string_equal(a.d.text, "it does not fit");
}

static void the_end_of_the_line_ends_who_waits(void **state)
{
    struct stage *s = *state;
    struct asking a;
    struct sut_diag d = { .text = "" };
    open_line(s, 4);
    begin(s, &a, SUT_WORD_ASK_MASTER_NEXT);
    sut_fd_close(&s->theirs);
    assert_int_equal(outcome(&a), SUT_E_UNAVAILABLE);
    struct pollfd p = { .fd = sut_worker_line_fd(s->line), .events = POLLIN };
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    assert_true(sut_worker_line_is_over(s->line));
    assert_int_equal(sut_worker_line_ask(s->line, SUT_WORD_ASK_TLS, &d).code, SUT_E_UNAVAILABLE);
}

/* A supervisor that waits for our end answers nobody. */
static void a_worker_that_ends_waits_for_no_answer(void **state)
{
    struct stage *s = *state;
    struct sut_diag d = { .text = "" };
    struct asking a;
    open_line(s, 2);
    begin(s, &a, SUT_WORD_ASK_MASTER_NEXT);
    sut_worker_line_end_asks(s->line);
    assert_int_equal(outcome(&a), SUT_E_UNAVAILABLE);
    assert_int_equal(sut_worker_line_ask(s->line, SUT_WORD_ASK_TLS, &d).code, SUT_E_UNAVAILABLE);
    assert_false(sut_worker_line_is_over(s->line));
    sut_worker_line_end_asks(NULL);
}

static void what_is_no_supervisor_s_word_ends_the_line(void **state)
{
    struct stage *s = *state;
    open_line(s, 4);
    OK(sut_line_send(s->theirs, SUT_WORD_TLS_KEY, SUT_STR(""), NULL, 0, SEND_MS));
    struct pollfd p = { .fd = sut_worker_line_fd(s->line), .events = POLLIN };
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    assert_true(sut_worker_line_is_over(s->line));
}

static void few_connections_are_told_of_once_in_a_while(void **state)
{
    struct stage *s = *state;
    open_line(s, 3);
    sut_worker_line_refill(s->line);
    sut_worker_line_refill(s->line);
    assert_int_equal(hear(s, WAIT_MS), SUT_WORD_FEW);
    assert_int_equal(hear(s, QUIET_MS), 0);
}

static void enough_connections_are_not(void **state)
{
    struct stage *s = *state;
    open_line(s, 4);
    sut_worker_line_refill(s->line);
    assert_int_equal(hear(s, QUIET_MS), 0);
}

/* Sockets whose other ends the courier would have. */
static void give_courier(struct stage *s, size_t n, int *ret_theirs)
{
    int fds[8];
    for (size_t i = 0; i < n; i++) {
        int pair[2];
        OK(sut_fd_socketpair(pair));
        ret_theirs[i] = pair[0];
        fds[i] = pair[1];
    }
    OK(sut_line_send(s->theirs, SUT_WORD_COURIER, SUT_STR(""), fds, n, SEND_MS));
    for (size_t i = 0; i < n; i++)
        sut_fd_close(&fds[i]);
}

static void wait_courier(struct stage *s, size_t n)
{
    for (int i = 0; i < WAIT_MS && sut_courier_connections(sut_worker_line_courier(s->line)) != n;
         i++)
        (void) poll(NULL, 0, 1);
    assert_int_equal(sut_courier_connections(sut_worker_line_courier(s->line)), n);
}

static void the_courier_s_connections_come_and_are_replaced(void **state)
{
    struct stage *s = *state;
    int first[8], second[8];
    char byte = 0;
    open_line(s, 4);
    assert_int_equal(sut_courier_connections(sut_worker_line_courier(s->line)), 0);
    /* Without any yet there is nothing to be told of. */
    sut_worker_line_refill(s->line);
    assert_int_equal(hear(s, QUIET_MS), 0);
    give_courier(s, 5, first);
    wait_courier(s, 5);
    give_courier(s, 4, second);
    wait_courier(s, 4);
    /* The old ones are closed at once: nobody was in a call. */
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(read(first[i], &byte, 1), 0);
        sut_fd_close(&first[i]);
    }
    sut_worker_line_refill(s->line);
    assert_int_equal(hear(s, QUIET_MS), 0);
    for (size_t i = 0; i < 4; i++)
        sut_fd_close(&second[i]);
}

static void few_of_the_courier_s_are_told_of_too(void **state)
{
    struct stage *s = *state;
    int theirs[8];
    open_line(s, 4);
    give_courier(s, 2, theirs);
    wait_courier(s, 2);
    sut_worker_line_refill(s->line);
    sut_worker_line_refill(s->line);
    assert_int_equal(hear(s, WAIT_MS), SUT_WORD_FEW_COURIER);
    assert_int_equal(hear(s, QUIET_MS), 0);
    sut_fd_close(&theirs[0]);
    sut_fd_close(&theirs[1]);
}

int main(void)
{
#define EACH(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(begins_when_keeper_and_certificate_are_there),
        EACH(a_supervisor_that_hangs_up_first_is_told),
        EACH(one_ask_at_a_time_and_each_has_its_answer),
        EACH(an_ask_for_tls_ends_when_the_certificate_is_in_use),
        EACH(the_end_of_the_line_ends_who_waits),
        EACH(a_worker_that_ends_waits_for_no_answer),
        EACH(what_is_no_supervisor_s_word_ends_the_line),
        EACH(few_connections_are_told_of_once_in_a_while),
        EACH(enough_connections_are_not),
        EACH(the_courier_s_connections_come_and_are_replaced),
        EACH(few_of_the_courier_s_are_told_of_too),
    };
    return cmocka_run_group_tests_name("worker_line", tests, NULL, NULL);
}
