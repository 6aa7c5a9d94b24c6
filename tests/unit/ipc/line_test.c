/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/line.h"
#include "os/fd.h"

enum { HELLO = 1, GIVE = 2, LONG = 3, STRANGE = 9, WAIT_MS = 100 };

static const struct sut_line_permit permits[] = {
    { .type = HELLO, .max = 64 },
    { .type = GIVE, .max = 16, .fds_max = 2 },
    { .type = LONG, .max = SUT_LINE_MESSAGE_MAX },
    { .type = 0 },
};
/* A table in which nothing is long: a longer packet is cut by the kernel. */
static const struct sut_line_permit short_permits[] = {
    { .type = HELLO, .max = 64 },
    { .type = 0 },
};

struct line {
    int a, b;
    size_t fds_before;
};

static int setup(void **state)
{
    static struct line l;
    int pair[2];
    l.fds_before = sut_fd_count();
    if (sut_failed(sut_line_pair(pair)))
        return -1;
    l.a = pair[0];
    l.b = pair[1];
    *state = &l;
    return 0;
}

/* Whatever a test did, no descriptor is left. */
static int teardown(void **state)
{
    struct line *l = *state;
    sut_fd_close(&l->a);
    sut_fd_close(&l->b);
    return sut_fd_count() == l->fds_before ? 0 : -1;
}

static void raw(struct line *l, const void *p, size_t n)
{
    assert_int_equal(send(l->a, p, n, 0), n);
}

static void a_message_arrives_whole(void **state)
{
    struct line *l = *state;
    assert_false(sut_failed(sut_line_send(l->a, HELLO, SUT_STR("some fields"), NULL, 0, WAIT_MS)));
    assert_false(sut_failed(sut_line_send(l->a, HELLO, SUT_STR(""), NULL, 0, WAIT_MS)));
    struct sut_line_message m;
    assert_false(sut_failed(sut_line_receive(l->b, permits, &m)));
    assert_int_equal(m.type, HELLO);
    assert_true(sut_str_eq(sut_buf_str(&m.fields), SUT_STR("some fields")));
    assert_int_equal(m.n_fds, 0);
    sut_line_message_done(&m);
    assert_false(sut_failed(sut_line_receive(l->b, permits, &m)));
    assert_int_equal(m.fields.n, 0);
    sut_line_message_done(&m);
}

static void descriptors_travel_and_close_on_exec(void **state)
{
    struct line *l = *state;
    int p[2];
    assert_false(sut_failed(sut_fd_pipe(p)));
    assert_false(sut_failed(sut_line_send(l->a, GIVE, SUT_STR("x"), p, 2, WAIT_MS)));
    sut_fd_close(&p[0]);
    sut_fd_close(&p[1]);
    struct sut_line_message m;
    assert_false(sut_failed(sut_line_receive(l->b, permits, &m)));
    assert_int_equal(m.n_fds, 2);
    assert_true((fcntl(m.fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(write(m.fds[1], "q", 1), 1);
    /* One is taken, the other goes with the message. */
    int mine = sut_fd_take(&m.fds[0]);
    sut_line_message_done(&m);
    char c = 0;
    assert_int_equal(read(mine, &c, 1), 1);
    assert_int_equal(c, 'q');
    assert_int_equal(read(mine, &c, 1), 0);
    sut_fd_close(&mine);
}

static void the_longest_message_fits(void **state)
{
    struct line *l = *state;
    static char big[SUT_LINE_MESSAGE_MAX + 1];
    memset(big, 'x', sizeof(big));
    assert_false(sut_failed(
        sut_line_send(l->a, LONG, sut_str_of(big, SUT_LINE_MESSAGE_MAX), NULL, 0, WAIT_MS)));
    struct sut_line_message m;
    assert_false(sut_failed(sut_line_receive(l->b, permits, &m)));
    assert_int_equal(m.fields.n, SUT_LINE_MESSAGE_MAX);
    sut_line_message_done(&m);
    const sut_err e = sut_line_send(l->a, LONG, sut_str_of(big, sizeof(big)), NULL, 0, WAIT_MS);
    assert_int_equal(e.code, SUT_E_TOO_LARGE);
}

static void a_type_that_is_not_in_the_table_is_denied(void **state)
{
    struct line *l = *state;
    int p[2];
    struct sut_line_message m;
    assert_false(sut_failed(sut_fd_pipe(p)));
    assert_false(sut_failed(sut_line_send(l->a, STRANGE, SUT_STR(""), p, 2, WAIT_MS)));
    sut_fd_close(&p[0]);
    sut_fd_close(&p[1]);
    assert_int_equal(sut_line_receive(l->b, permits, &m).code, SUT_E_DENIED);
    /* The end mark of the table is no type either. */
    assert_false(sut_failed(sut_line_send(l->a, 0, SUT_STR(""), NULL, 0, WAIT_MS)));
    assert_int_equal(sut_line_receive(l->b, permits, &m).code, SUT_E_DENIED);
}

static void too_long_for_its_type_is_refused(void **state)
{
    struct line *l = *state;
    char text[200];
    memset(text, 'x', sizeof(text));
    struct sut_line_message m;
    assert_false(sut_failed(sut_line_send(l->a, HELLO, sut_str_of(text, 65), NULL, 0, WAIT_MS)));
    assert_int_equal(sut_line_receive(l->b, permits, &m).code, SUT_E_TOO_LARGE);
    for (size_t n = 65; n <= sizeof(text); n += 45) {
        assert_false(sut_failed(sut_line_send(l->a, HELLO, sut_str_of(text, n), NULL, 0, WAIT_MS)));
        assert_int_equal(sut_line_receive(l->b, short_permits, &m).code, SUT_E_TOO_LARGE);
    }
}

static void a_length_that_lies_is_refused(void **state)
{
    struct line *l = *state;
    unsigned char packet[SUT_IPC_HEADER + 8] = { 0 };
    struct sut_line_message m;
    const uint32_t lies[] = { 0, 7, 9, 64 };
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        const struct sut_ipc_header h = { .type = HELLO, .length = lies[i] };
        sut_ipc_header_write(&h, packet);
        raw(l, packet, sizeof(packet));
        assert_int_equal(sut_line_receive(l->b, permits, &m).code, SUT_E_PARSE);
    }
    const struct sut_ipc_header huge = { .type = HELLO, .length = UINT32_MAX };
    sut_ipc_header_write(&huge, packet);
    raw(l, packet, sizeof(packet));
    assert_int_equal(sut_line_receive(l->b, permits, &m).code, SUT_E_TOO_LARGE);
}

static void a_packet_without_a_whole_header_is_refused(void **state)
{
    struct line *l = *state;
    const unsigned char packet[SUT_IPC_HEADER] = { HELLO };
    struct sut_line_message m;
    for (size_t n = 1; n < SUT_IPC_HEADER; n++) {
        raw(l, packet, n);
        assert_int_equal(sut_line_receive(l->b, permits, &m).code, SUT_E_PARSE);
    }
}

static void descriptors_that_nobody_asked_for_are_closed(void **state)
{
    struct line *l = *state;
    struct sut_line_message m;
    int fds[SUT_LINE_FDS_MAX];
    for (size_t i = 0; i < SUT_LINE_FDS_MAX; i++)
        fds[i] = l->a;
    const size_t before = sut_fd_count();
    assert_false(sut_failed(sut_line_send(l->a, HELLO, SUT_STR(""), fds, 1, WAIT_MS)));
    assert_int_equal(sut_line_receive(l->b, permits, &m).code, SUT_E_DENIED);
    assert_false(sut_failed(sut_line_send(l->a, GIVE, SUT_STR(""), fds, 3, WAIT_MS)));
    assert_int_equal(sut_line_receive(l->b, permits, &m).code, SUT_E_DENIED);
    assert_false(
        sut_failed(sut_line_send(l->a, GIVE, SUT_STR(""), fds, SUT_LINE_FDS_MAX, WAIT_MS)));
    assert_int_equal(sut_line_receive(l->b, permits, &m).code, SUT_E_DENIED);
    assert_int_equal(sut_fd_count(), before);
    assert_int_equal(sut_line_send(l->a, GIVE, SUT_STR(""), fds, SUT_LINE_FDS_MAX + 1, 0).code,
                     SUT_E_INVALID);
}

/* More than our own sender would send: the kernel drops what has no room. */
static void more_descriptors_than_fit_leak_none(void **state)
{
    enum { MANY = SUT_LINE_FDS_MAX + 20 };
    struct line *l = *state;
    const size_t before = sut_fd_count();
    unsigned char head[SUT_IPC_HEADER];
    const struct sut_ipc_header h = { .type = GIVE };
    sut_ipc_header_write(&h, head);
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(MANY * sizeof(int))];
    } control = { .room = { 0 } };
    struct iovec part = { .iov_base = head, .iov_len = sizeof(head) };
    struct msghdr out = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.room,
        .msg_controllen = sizeof(control.room),
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&out);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(MANY * sizeof(int));
    for (size_t i = 0; i < MANY; i++)
        memcpy(CMSG_DATA(c) + i * sizeof(int), &l->a, sizeof(int));
    assert_int_equal(sendmsg(l->a, &out, 0), sizeof(head));
    struct sut_line_message m;
    assert_int_equal(sut_line_receive(l->b, permits, &m).code, SUT_E_DENIED);
    assert_int_equal(sut_fd_count(), before);
}

static void nothing_there_is_busy_and_the_end_is_unavailable(void **state)
{
    struct line *l = *state;
    struct sut_line_message m;
    assert_int_equal(sut_line_receive(l->b, permits, &m).code, SUT_E_BUSY);
    assert_false(sut_failed(sut_line_send(l->a, HELLO, SUT_STR("last"), NULL, 0, WAIT_MS)));
    sut_fd_close(&l->a);
    assert_false(sut_failed(sut_line_receive(l->b, permits, &m)));
    sut_line_message_done(&m);
    assert_int_equal(sut_line_receive(l->b, permits, &m).code, SUT_E_UNAVAILABLE);
    assert_int_equal(sut_line_send(l->b, HELLO, SUT_STR(""), NULL, 0, WAIT_MS).code,
                     SUT_E_UNAVAILABLE);
}

/* Who ends without having read what it was sent resets the line: its own last words arrive. */
static void last_words_arrive_though_the_line_was_reset(void **state)
{
    struct line *l = *state;
    struct sut_line_message m;
    assert_false(sut_failed(sut_line_send(l->a, HELLO, SUT_STR("last"), NULL, 0, WAIT_MS)));
    assert_false(sut_failed(sut_line_send(l->b, HELLO, SUT_STR("unread"), NULL, 0, WAIT_MS)));
    sut_fd_close(&l->a);
    assert_false(sut_failed(sut_line_receive(l->b, permits, &m)));
    sut_line_message_done(&m);
    assert_int_equal(sut_line_receive(l->b, permits, &m).code, SUT_E_UNAVAILABLE);
}

static void a_side_that_never_reads_holds_nobody_up(void **state)
{
    struct line *l = *state;
    static char big[SUT_LINE_MESSAGE_MAX];
    sut_err e = SUT_OK;
    for (int i = 0; i < 100 && !sut_failed(e); i++)
        e = sut_line_send(l->a, LONG, sut_str_of(big, sizeof(big)), NULL, 0, 20);
    assert_int_equal(e.code, SUT_E_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_arrives_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(descriptors_travel_and_close_on_exec, setup, teardown),
        cmocka_unit_test_setup_teardown(the_longest_message_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_type_that_is_not_in_the_table_is_denied, setup, teardown),
        cmocka_unit_test_setup_teardown(too_long_for_its_type_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_length_that_lies_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_packet_without_a_whole_header_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(descriptors_that_nobody_asked_for_are_closed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(more_descriptors_than_fit_leak_none, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_there_is_busy_and_the_end_is_unavailable, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(last_words_arrive_though_the_line_was_reset, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_side_that_never_reads_holds_nobody_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
