/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/diag.h"
#include "loop/loop.h"
#include "net/listen.h"
#include "os/fd.h"

static void a_port_is_chosen_bound_and_then_in_use(void **state)
{
    (void) state;
    struct sut_diag diag = { .text = "" };
    int fd = -1;
    int second = -1;
    struct sut_addr a;
    assert_false(sut_failed(sut_listen_open(SUT_STR("127.0.0.1"), 0, &fd, &diag)));
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_false(sut_failed(sut_listen_addr(fd, &a)));
    assert_true(a.port > 0);
    assert_true(sut_addr_is_loopback(&a));
    assert_int_equal(sut_listen_open(SUT_STR("localhost"), a.port, &second, &diag).code,
                     SUT_E_BUSY);
    assert_non_null(strstr(diag.text, "in use"));
    assert_int_equal(second, -1);
    sut_fd_close(&fd);
    assert_false(sut_failed(sut_listen_open(SUT_STR("*"), 0, &fd, &diag)));
    sut_fd_close(&fd);
}

static void an_address_that_is_none_or_not_ours_is_told(void **state)
{
    (void) state;
    struct sut_diag diag = { .text = "" };
    int fd = -1;
    assert_int_equal(sut_listen_open(SUT_STR("shop.example"), 80, &fd, &diag).code, SUT_E_PARSE);
    assert_non_null(strstr(diag.place, "shop.example"));
    assert_int_equal(sut_listen_open(SUT_STR("192.0.2.1"), 0, &fd, &diag).code, SUT_E_SYSTEM);
    assert_int_equal(fd, -1);
}

struct seen {
    struct sut_loop *loop;
    unsigned n;
    struct sut_addr peer;
};

static void on_accept(void *ctx, int fd, const struct sut_addr *peer)
{
    struct seen *s = ctx;
    s->n++;
    s->peer = *peer;
    close(fd);
    sut_loop_stop(s->loop);
}

static int connect_to(const struct sut_addr *a)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(a->port) };
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (const struct sockaddr *) &in, sizeof(in)), 0);
    return fd;
}

static void connections_come_with_their_address_and_wait_while_paused(void **state)
{
    (void) state;
    struct sut_loop *l = NULL;
    struct sut_listener *listener = NULL;
    int fd = -1;
    struct sut_addr a;
    assert_false(sut_failed(sut_loop_create(&l)));
    assert_false(sut_failed(sut_listen_open(SUT_STR("127.0.0.1"), 0, &fd, NULL)));
    assert_false(sut_failed(sut_listen_addr(fd, &a)));
    struct seen s = { .loop = l };
    assert_false(sut_failed(sut_listener_start(l, fd, on_accept, &s, &listener)));
    sut_listener_pause(listener);
    int c = connect_to(&a);
    sut_loop_turn(l, false);
    assert_int_equal(s.n, 0);
    sut_listener_resume(listener);
    sut_listener_resume(listener);
    assert_false(sut_failed(sut_loop_run(l)));
    assert_int_equal(s.n, 1);
    assert_string_equal(s.peer.text, "127.0.0.1");
    sut_listener_stop(&listener);
    assert_null(listener);
    sut_loop_free(&l);
    sut_fd_close(&c);
    sut_fd_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_is_chosen_bound_and_then_in_use),
        cmocka_unit_test(an_address_that_is_none_or_not_ours_is_told),
        cmocka_unit_test(connections_come_with_their_address_and_wait_while_paused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
