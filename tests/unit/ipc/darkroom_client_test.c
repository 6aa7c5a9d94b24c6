/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's side against darkrooms that lie, fall, hang up at each byte, or are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "ipc/darkroom_wire.h"
#include "os/fd.h"

enum { BYTES = 300000, FILE_BYTES = 1000, CALLERS = 3 };

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

/* A darkroom of the test: one connection, answered as the script says. */
struct fake {
    int fd;
    pthread_t thread;
    const struct sut_darkroom_answer *answer; /* NULL: `raw` alone */
    const unsigned char *raw;
    size_t raw_n;
    const char *begin; /* of each file */
    size_t writes;     /* hang up after so many bytes of the answer */
    size_t heard;
    struct sut_darkroom_ask ask;
};

static char *picture;

static bool send_some(struct fake *f, const void *p, size_t n)
{
    const size_t k = n < f->writes ? n : f->writes;
    f->writes -= k;
    return send(f->fd, p, k, MSG_NOSIGNAL) == (ssize_t) k && k == n;
}

static void send_files(struct fake *f)
{
    char file[FILE_BYTES] = { 0 };
    (void) memcpy(file, f->begin, strlen(f->begin));
    for (size_t i = 0; i < SUT_PICTURE_FILES; i++)
        if (!send_some(f, file, f->answer->n[i] < FILE_BYTES ? f->answer->n[i] : FILE_BYTES))
            return;
}

static void *serve(void *arg)
{
    struct fake *const f = arg;
    unsigned char head[SUT_DARKROOM_ASK];
    unsigned char answer[SUT_DARKROOM_ANSWER];
    size_t n = 0;
    if (!sut_failed(sut_fd_read_full(f->fd, head, sizeof(head), &n)) && n == sizeof(head) &&
        !sut_failed(sut_darkroom_ask_read(head, &f->ask))) {
        char *const bytes = sut_mem_alloc(f->ask.n);
        if (bytes != NULL && !sut_failed(sut_fd_read_full(f->fd, bytes, f->ask.n, &f->heard))) {
            if (f->answer != NULL)
                sut_darkroom_answer_write(f->answer, answer);
            if (f->answer == NULL)
                (void) send_some(f, f->raw, f->raw_n);
            else if (send_some(f, answer, sizeof(answer)) && f->begin != NULL)
                send_files(f);
        }
        sut_mem_free(bytes);
    }
    sut_fd_close(&f->fd);
    return NULL;
}

static void start(struct fake *f, struct sut_darkroom *d)
{
    int pair[2];
    OK(sut_fd_socketpair(pair));
    f->fd = pair[0];
    OK(sut_darkroom_add(d, pair[1]));
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static sut_err ask(struct fake *f, struct sut_picture *ret)
{
    struct sut_darkroom *d = NULL;
    OK(sut_darkroom_create(CALLERS, &d));
    start(f, d);
    const sut_err e = sut_darkroom_develop(d, sut_str_of(picture, BYTES), ret);
    (void) pthread_join(f->thread, NULL);
    sut_darkroom_free(&d);
    return e;
}

static void expect(struct fake f, enum sut_ecode code)
{
    struct sut_picture p;
    const sut_err e = ask(&f, &p);
    if (e.code != code)
        fail_msg("%s and not %s", sut_err_info(e.code)->name, sut_err_info(code)->name);
    if (!sut_failed(e))
        sut_picture_done(&p);
}

static struct sut_darkroom_answer good(void)
{
    return (struct sut_darkroom_answer){ .outcome = SUT_DARKROOM_DONE,
                                         .kind = SUT_PICTURE_JPEG,
                                         .width = 40,
                                         .height = 30,
                                         .n = { 1000, 10, 200 } };
}

static void a_picture_goes_there_and_comes_back(void **state)
{
    const struct sut_darkroom_answer a = good();
    struct fake f = { .answer = &a, .begin = "\xff\xd8\xff", .writes = SIZE_MAX };
    struct sut_picture p;
    (void) state;
    OK(ask(&f, &p));
    assert_int_equal(f.heard, BYTES);
    assert_int_equal(f.ask.what, SUT_DARKROOM_DEVELOP);
    assert_int_equal(p.kind, SUT_PICTURE_JPEG);
    assert_int_equal(p.width, 40);
    assert_int_equal(p.files[SUT_PICTURE_FULL].n, 1000);
    assert_int_equal(p.files[SUT_PICTURE_LARGER].n, 200);
    sut_picture_done(&p);
}

static void what_it_says_of_a_picture_is_told(void **state)
{
    (void) state;
    struct sut_darkroom_answer a = { .outcome = SUT_DARKROOM_INVALID };
    expect((struct fake){ .answer = &a, .writes = SIZE_MAX }, SUT_E_INVALID);
    a.outcome = SUT_DARKROOM_PARSE;
    expect((struct fake){ .answer = &a, .writes = SIZE_MAX }, SUT_E_PARSE);
    a.outcome = SUT_DARKROOM_TOO_LARGE;
    expect((struct fake){ .answer = &a, .writes = SIZE_MAX }, SUT_E_TOO_LARGE);
}

static void one_that_falls_at_any_byte_is_unavailable(void **state)
{
    const struct sut_darkroom_answer a = good();
    const size_t all = SUT_DARKROOM_ANSWER + 1210;
    (void) state;
    for (size_t n = 0; n < all; n += n < SUT_DARKROOM_ANSWER + 4 ? 1 : 97)
        expect((struct fake){ .answer = &a, .begin = "\xff\xd8\xff", .writes = n },
               SUT_E_UNAVAILABLE);
}

static void an_answer_that_can_not_be_is_none(void **state)
{
    (void) state;
    for (int which = 0; which < 12; which++) {
        struct sut_darkroom_answer a = good();
        switch (which) {
        case 0:
            a.outcome = (enum sut_darkroom_outcome) 0;
            break;
        case 1:
            a.outcome = (enum sut_darkroom_outcome) 5;
            break;
        case 2:
            a.kind = (enum sut_picture_kind) 0;
            break;
        case 3:
            a.kind = (enum sut_picture_kind) 4;
            break;
        case 4:
            a.width = 0;
            break;
        case 5:
            a.height = 0;
            break;
        case 6:
            a.width = a.height = UINT32_MAX;
            break;
        case 7:
            a.n[0] = 0;
            break;
        case 8:
            a.n[1] = SUT_PICTURE_OUT_MAX + 1;
            break;
        case 9:
            a.n[2] = UINT32_MAX;
            break;
        case 10:
            a.kind = SUT_PICTURE_PNG; /* its files are none */
            break;
        default:
            a.n[1] = 2; /* too short to begin as one */
            break;
        }
        expect((struct fake){ .answer = &a, .begin = "\xff\xd8\xff", .writes = SIZE_MAX },
               SUT_E_UNAVAILABLE);
    }
    static const unsigned char noise[64] = { 0xff, 0xff, 0xff, 0xff };
    expect((struct fake){ .raw = noise, .raw_n = sizeof(noise), .writes = SIZE_MAX },
           SUT_E_UNAVAILABLE);
}

static void what_can_be_no_picture_is_not_sent(void **state)
{
    struct sut_darkroom *d = NULL;
    struct sut_picture p;
    (void) state;
    OK(sut_darkroom_create(CALLERS, &d));
    assert_int_equal(sut_darkroom_develop(d, SUT_STR(""), &p).code, SUT_E_INVALID);
    char *const large = sut_mem_zalloc(1, SUT_PICTURE_OUT_MAX + 1);
    assert_non_null(large);
    assert_int_equal(sut_darkroom_develop(d, sut_str_of(large, SUT_PICTURE_BYTES_MAX + 1), &p).code,
                     SUT_E_TOO_LARGE);
    assert_int_equal(
        sut_darkroom_print(d, sut_str_of(large, SUT_PICTURE_OUT_MAX + 1), 1, 1, &p).code,
        SUT_E_TOO_LARGE);
    assert_int_equal(sut_darkroom_print(d, sut_str_of(large, 11), 2, 2, &p).code, SUT_E_INVALID);
    assert_int_equal(sut_darkroom_print(d, sut_str_of(large, 12), UINT32_MAX, UINT32_MAX, &p).code,
                     SUT_E_INVALID);
    sut_mem_free(large);
    assert_int_equal(sut_darkroom_develop(NULL, SUT_STR("x"), &p).code, SUT_E_UNAVAILABLE);
    sut_darkroom_free(&d);
}

/* One that has ended while nobody asked is passed over for one that lives. */
static void a_connection_that_has_ended_is_passed_over(void **state)
{
    const struct sut_darkroom_answer a = good();
    struct fake f = { .answer = &a, .begin = "\xff\xd8\xff", .writes = SIZE_MAX };
    struct sut_darkroom *d = NULL;
    struct sut_picture p;
    int pair[2];
    (void) state;
    OK(sut_darkroom_create(CALLERS, &d));
    start(&f, d);
    OK(sut_fd_socketpair(pair));
    OK(sut_darkroom_add(d, pair[1]));
    sut_fd_close(&pair[0]);
    OK(sut_darkroom_develop(d, sut_str_of(picture, BYTES), &p));
    (void) pthread_join(f.thread, NULL);
    sut_picture_done(&p);
    sut_darkroom_free(&d);
}

struct call {
    struct sut_darkroom *d;
    pthread_t thread;
    bool is_print;
    sut_err e;
};

static void *call(void *arg)
{
    struct call *const c = arg;
    struct sut_picture p;
    c->e = c->is_print ? sut_darkroom_print(c->d, sut_str_of(picture, 300), 10, 10, &p)
                       : sut_darkroom_develop(c->d, sut_str_of(picture, BYTES), &p);
    if (!sut_failed(c->e))
        sut_picture_done(&p);
    return NULL;
}

/* Three wait, more are sent away at once, and those that wait are served as connections come. */
static void so_many_wait_and_no_more(void **state)
{
    const struct sut_darkroom_answer a = good();
    struct fake fakes[CALLERS];
    struct call calls[CALLERS];
    struct sut_darkroom *d = NULL;
    struct sut_picture p;
    (void) state;
    OK(sut_darkroom_create(CALLERS, &d));
    for (size_t i = 0; i < CALLERS; i++) {
        calls[i] = (struct call){ .d = d, .is_print = i == 0 };
        assert_int_equal(pthread_create(&calls[i].thread, NULL, call, &calls[i]), 0);
    }
    /* A fourth is refused as soon as three are in; until then it takes none: there is none. */
    while (sut_darkroom_waiting(d) < CALLERS)
        (void) usleep(1000);
    assert_int_equal(sut_darkroom_develop(d, sut_str_of(picture, BYTES), &p).code, SUT_E_BUSY);
    for (size_t i = 0; i < CALLERS; i++) {
        fakes[i] = (struct fake){ .answer = &a, .begin = "\xff\xd8\xff", .writes = SIZE_MAX };
        start(&fakes[i], d);
        (void) pthread_join(fakes[i].thread, NULL);
        /* What the program drew itself comes last. */
        assert_int_equal(fakes[i].ask.what,
                         i == CALLERS - 1 ? SUT_DARKROOM_PRINT : SUT_DARKROOM_DEVELOP);
    }
    for (size_t i = 0; i < CALLERS; i++) {
        (void) pthread_join(calls[i].thread, NULL);
        OK(calls[i].e);
    }
    sut_darkroom_free(&d);
}

static void more_connections_than_are_of_use_are_not_taken(void **state)
{
    struct sut_darkroom *d = NULL;
    int theirs[SUT_DARKROOM_CONNECTIONS_MAX + 1];
    (void) state;
    OK(sut_darkroom_create(CALLERS, &d));
    for (int i = 0; i <= SUT_DARKROOM_CONNECTIONS_MAX; i++) {
        int pair[2];
        OK(sut_fd_socketpair(pair));
        const bool has_room = i < SUT_DARKROOM_CONNECTIONS_MAX;
        assert_int_equal(sut_darkroom_add(d, pair[1]).code, has_room ? SUT_E_OK : SUT_E_FULL);
        theirs[i] = pair[0];
        if (!has_room)
            sut_fd_close(&pair[1]);
    }
    for (int i = 0; i <= SUT_DARKROOM_CONNECTIONS_MAX; i++)
        sut_fd_close(&theirs[i]);
    sut_darkroom_free(&d);
}

/* The supervisor brings another for each that has ended while nobody had a picture. */
static void those_that_have_ended_keep_no_new_one_out(void **state)
{
    const struct sut_darkroom_answer a = good();
    struct fake f = { .answer = &a, .begin = "\xff\xd8\xff", .writes = SIZE_MAX };
    struct sut_darkroom *d = NULL;
    struct sut_picture p;
    const size_t before = sut_fd_count();
    (void) state;
    OK(sut_darkroom_create(CALLERS, &d));
    for (int i = 0; i < 3 * SUT_DARKROOM_CONNECTIONS_MAX; i++) {
        int pair[2];
        OK(sut_fd_socketpair(pair));
        OK(sut_darkroom_add(d, pair[1]));
        sut_fd_close(&pair[0]);
    }
    assert_true(sut_fd_count() <= before + SUT_DARKROOM_CONNECTIONS_MAX);
    start(&f, d);
    OK(sut_darkroom_develop(d, sut_str_of(picture, BYTES), &p));
    (void) pthread_join(f.thread, NULL);
    sut_picture_done(&p);
    sut_darkroom_free(&d);
    assert_int_equal(sut_fd_count(), before);
}

static void an_ask_that_is_none_is_told_from_one_that_is(void **state)
{
    static const struct {
        uint32_t what;
        uint32_t n;
        bool is_good;
    } rows[] = {
        { 1, 0, true },
        { 1, SUT_PICTURE_BYTES_MAX, true },
        { 1, SUT_PICTURE_BYTES_MAX + 1, false },
        { 2, 12, true },
        { 2, SUT_PICTURE_OUT_MAX, true },
        { 2, SUT_PICTURE_OUT_MAX + 1, false },
        { 0, 1, false },
        { 3, 1, false },
        { UINT32_MAX, UINT32_MAX, false },
    };
    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned char head[SUT_DARKROOM_ASK];
        const struct sut_darkroom_ask in = {
            .what = (enum sut_darkroom_what) rows[i].what, .n = rows[i].n, .width = 7, .height = 9
        };
        struct sut_darkroom_ask out;
        sut_darkroom_ask_write(&in, head);
        assert_int_equal(sut_darkroom_ask_read(head, &out).code,
                         rows[i].is_good ? SUT_E_OK : SUT_E_PARSE);
        if (rows[i].is_good)
            assert_memory_equal(&in, &out, sizeof(in));
    }
}

static int make_picture(void **state)
{
    (void) state;
    picture = sut_mem_zalloc(1, BYTES);
    return picture == NULL ? -1 : 0;
}

static int free_picture(void **state)
{
    (void) state;
    sut_mem_freep(&picture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_goes_there_and_comes_back),
        cmocka_unit_test(what_it_says_of_a_picture_is_told),
        cmocka_unit_test(one_that_falls_at_any_byte_is_unavailable),
        cmocka_unit_test(an_answer_that_can_not_be_is_none),
        cmocka_unit_test(what_can_be_no_picture_is_not_sent),
        cmocka_unit_test(a_connection_that_has_ended_is_passed_over),
        cmocka_unit_test(so_many_wait_and_no_more),
        cmocka_unit_test(more_connections_than_are_of_use_are_not_taken),
        cmocka_unit_test(those_that_have_ended_keep_no_new_one_out),
        cmocka_unit_test(an_ask_that_is_none_is_told_from_one_that_is),
    };
    return cmocka_run_group_tests_name("ipc_darkroom_client", tests, make_picture, free_picture);
}
