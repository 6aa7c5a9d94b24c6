/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's side against couriers that hang up at each byte, lie, are slow, or are
 * replaced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/courier_wire.h"
#include "os/fd.h"

enum { MS = 10000, WAIT_MS = 30000, NS_PER_MS = 1000000, BODY_MAX = 65536 };

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

/* A courier of the test: one connection, answered as the script says. */
struct script {
    size_t reads;   /* hang up after so many bytes of the request; SIZE_MAX: it reads all */
    size_t writes;  /* and after so many of the answer */
    sut_str fields; /* of the answer */
    uint16_t type_xor;
    uint32_t id_xor;
    unsigned slow_ms; /* it answers so late, if it is not hung up on before */
};

struct fake {
    int fd;
    pthread_t thread;
    const struct script *script;
    atomic_uint heard;   /* whole requests */
    atomic_bool is_held; /* it answers nothing until it is let go */
    struct sut_buf said;
};

static struct sut_buf answer_text;

static void forget_answer(void)
{
    sut_buf_done(&answer_text);
    sut_buf_init(&answer_text, BODY_MAX);
}

static sut_str answer_of(enum sut_courier_reply reply, int status, const char *type,
                         const char *body)
{
    forget_answer();
    sut_ipc_put_u64(&answer_text, reply);
    if (type != NULL) {
        sut_ipc_put_u64(&answer_text, (uint64_t) status);
        sut_ipc_put_u64(&answer_text, 77);
        sut_ipc_put_bytes(&answer_text, sut_str_from(type));
        sut_ipc_put_bytes(&answer_text, sut_str_from(body));
    }
    return sut_buf_str(&answer_text);
}

static bool read_exact(int fd, char *to, size_t n)
{
    while (n > 0) {
        const ssize_t got = recv(fd, to, n, 0);
        if (got <= 0)
            return false;
        to += got;
        n -= (size_t) got;
    }
    return true;
}

static bool answer(struct fake *f)
{
    unsigned char raw[SUT_IPC_HEADER];
    const struct script *const s = f->script;
    char scrap[64];
    if (s->reads < SUT_IPC_HEADER) {
        (void) read_exact(f->fd, scrap, s->reads);
        return false;
    }
    if (!read_exact(f->fd, (char *) raw, sizeof(raw)))
        return false;
    const struct sut_ipc_header asked = sut_ipc_header_read(raw);
    sut_buf_done(&f->said);
    sut_buf_init(&f->said, SUT_IPC_LENGTH_MAX);
    char *const to = sut_buf_room(&f->said, asked.length);
    const size_t want = s->reads == SIZE_MAX ? asked.length : s->reads - SUT_IPC_HEADER;
    if (to == NULL || !read_exact(f->fd, to, want < asked.length ? want : asked.length))
        return false;
    f->said.n = asked.length;
    if (want < asked.length)
        return false;
    atomic_fetch_add(&f->heard, 1);
    struct pollfd hung_up = { .fd = f->fd };
    (void) poll(&hung_up, 1, (int) s->slow_ms);
    while (atomic_load(&f->is_held))
        (void) poll(NULL, 0, 1);
    const struct sut_ipc_header h = { .type =
                                          (uint16_t) ((asked.type | SUT_IPC_REPLY) ^ s->type_xor),
                                      .length = (uint32_t) s->fields.n,
                                      .id = asked.id ^ s->id_xor };
    sut_ipc_header_write(&h, raw);
    if (s->writes < SUT_IPC_HEADER) {
        (void) send(f->fd, raw, s->writes, MSG_NOSIGNAL);
        return false;
    }
    if (send(f->fd, raw, sizeof(raw), MSG_NOSIGNAL) != (ssize_t) sizeof(raw))
        return false;
    const size_t more = s->writes == SIZE_MAX ? s->fields.n : s->writes - SUT_IPC_HEADER;
    const size_t n = more < s->fields.n ? more : s->fields.n;
    return send(f->fd, s->fields.p, n, MSG_NOSIGNAL) == (ssize_t) n && n == s->fields.n;
}

static void *serve(void *arg)
{
    struct fake *const f = arg;
    while (answer(f))
        ;
    (void) shutdown(f->fd, SHUT_RDWR);
    return NULL;
}

static void begin_as(struct fake *f, const struct script *s, bool is_held, int *ret_fd)
{
    int pair[2];
    OK(sut_fd_socketpair(pair));
    *f = (struct fake){ .fd = pair[0], .script = s, .is_held = is_held };
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
    *ret_fd = pair[1];
}

static void begin(struct fake *f, const struct script *s, int *ret_fd)
{
    begin_as(f, s, false, ret_fd);
}

static void finish(struct fake *f)
{
    (void) shutdown(f->fd, SHUT_RDWR);
    (void) pthread_join(f->thread, NULL);
    sut_fd_close(&f->fd);
    sut_buf_done(&f->said);
}

static sut_err fetch_for(struct sut_courier *c, unsigned ms, struct sut_errand_answer *ret)
{
    const struct sut_errand e = { .purpose = SUT_ERRAND_GOOGLE_KEYS, .timeout_ms = ms };
    struct sut_buf body;
    sut_buf_init(&body, BODY_MAX);
    const sut_err got = sut_courier_fetch(c, &e, &body, ret);
    sut_buf_done(&body);
    return got;
}

static sut_err fetch_once(const struct script *s)
{
    struct fake f;
    int fd = -1;
    struct sut_courier *c = NULL;
    struct sut_errand_answer a;
    begin(&f, s, &fd);
    OK(sut_courier_create(&fd, 1, &c));
    const sut_err e = fetch_for(c, MS, &a);
    sut_courier_free(&c);
    finish(&f);
    return e;
}

static void an_errand_has_its_answer_and_the_connection_is_used_again(void **state)
{
    (void) state;
    const struct script s = { .reads = SIZE_MAX,
                              .writes = SIZE_MAX,
                              .fields = answer_of(SUT_COURIER_OK, 200, "application/json", "{}") };
    struct fake f;
    int fd = -1;
    struct sut_courier *c = NULL;
    begin(&f, &s, &fd);
    OK(sut_courier_create(&fd, 1, &c));
    for (int i = 0; i < 3; i++) {
        const struct sut_errand e = { .purpose = SUT_ERRAND_GOOGLE_KEYS, .timeout_ms = MS };
        struct sut_errand_answer a;
        struct sut_buf body;
        sut_buf_init(&body, BODY_MAX);
        OK(sut_courier_fetch(c, &e, &body, &a));
        assert_int_equal(a.status, 200);
        assert_int_equal(a.max_age_s, 77);
        assert_string_equal(a.content_type, "application/json");
        assert_true(sut_str_is(sut_buf_str(&body), "{}"));
        sut_buf_done(&body);
    }
    assert_int_equal(sut_courier_connections(c), 1);
    assert_int_equal(f.heard, 3);
    sut_courier_free(&c);
    finish(&f);
}

static void what_the_courier_says_is_the_outcome(void **state)
{
    (void) state;
    static const enum sut_ecode codes[] = {
        [SUT_COURIER_BUSY] = SUT_E_BUSY,           [SUT_COURIER_UNAVAILABLE] = SUT_E_UNAVAILABLE,
        [SUT_COURIER_DENIED] = SUT_E_DENIED,       [SUT_COURIER_TOO_LARGE] = SUT_E_TOO_LARGE,
        [SUT_COURIER_NOT_FOUND] = SUT_E_NOT_FOUND, [SUT_COURIER_PARSE] = SUT_E_PARSE,
    };
    for (int reply = SUT_COURIER_BUSY; reply < SUT_COURIER_REPLIES; reply++) {
        const struct script s = {
            .reads = SIZE_MAX,
            .writes = SIZE_MAX,
            .fields = answer_of((enum sut_courier_reply) reply, 0, NULL, NULL),
        };
        assert_int_equal(fetch_once(&s).code, codes[reply]);
    }
}

static void one_that_hangs_up_at_any_byte_or_lies_is_unavailable(void **state)
{
    (void) state;
    const sut_str good = answer_of(SUT_COURIER_OK, 200, "a/b", "{}");
    for (size_t n = 0; n < SUT_IPC_HEADER + 24; n++) {
        const struct script s = { .reads = n, .writes = SIZE_MAX, .fields = good };
        assert_int_equal(fetch_once(&s).code, SUT_E_UNAVAILABLE);
    }
    for (size_t n = 0; n < SUT_IPC_HEADER + good.n; n++) {
        const struct script s = { .reads = SIZE_MAX, .writes = n, .fields = good };
        assert_int_equal(fetch_once(&s).code, SUT_E_UNAVAILABLE);
    }
    const struct script lies[] = {
        { SIZE_MAX, SIZE_MAX, good, 1, 0, 0 },
        { SIZE_MAX, SIZE_MAX, good, SUT_IPC_REPLY, 0, 0 },
        { SIZE_MAX, SIZE_MAX, good, 0, 1, 0 },
        { SIZE_MAX, SIZE_MAX, SUT_STR(""), 0, 0, 0 },
        { SIZE_MAX, SIZE_MAX, SUT_STR("u\7\0\0\0\0\0\0\0"), 0, 0, 0 },
        { SIZE_MAX, SIZE_MAX, SUT_STR("u\1\0\0\0\0\0\0\0u"), 0, 0, 0 },
    };
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
        assert_int_equal(fetch_once(&lies[i]).code, SUT_E_UNAVAILABLE);
    /* More than the purpose may bring, and a status that is none. */
    char many[200];
    memset(many, 'a', sizeof(many) - 1);
    many[sizeof(many) - 1] = '\0';
    const struct script long_type = { .reads = SIZE_MAX,
                                      .writes = SIZE_MAX,
                                      .fields = answer_of(SUT_COURIER_OK, 200, many, "{}") };
    assert_int_equal(fetch_once(&long_type).code, SUT_E_UNAVAILABLE);
    const struct script status = { .reads = SIZE_MAX,
                                   .writes = SIZE_MAX,
                                   .fields = answer_of(SUT_COURIER_OK, 1000, "a/b", "{}") };
    assert_int_equal(fetch_once(&status).code, SUT_E_UNAVAILABLE);
}

static uint64_t since_ms(uint64_t start_ns)
{
    return (sut_monotonic_ns() - start_ns) / NS_PER_MS;
}

static void one_that_is_silent_is_given_up(void **state)
{
    (void) state;
    const struct script s = { .reads = SIZE_MAX,
                              .writes = SIZE_MAX,
                              .fields = answer_of(SUT_COURIER_OK, 200, "a/b", "{}"),
                              .slow_ms = 60000 };
    struct fake f;
    int fd = -1;
    struct sut_courier *c = NULL;
    struct sut_errand_answer a;
    begin(&f, &s, &fd);
    OK(sut_courier_create(&fd, 1, &c));
    const uint64_t start = sut_monotonic_ns();
    assert_int_equal(fetch_for(c, 200, &a).code, SUT_E_UNAVAILABLE);
    assert_in_range(since_ms(start), 200, 30000);
    /* Its answer would be another errand's: the connection is gone. */
    assert_int_equal(sut_courier_connections(c), 0);
    sut_courier_free(&c);
    finish(&f);
}

struct caller {
    struct sut_courier *courier;
    pthread_t thread;
    unsigned ms;
    sut_err got;
};

static void *call(void *arg)
{
    struct caller *const x = arg;
    struct sut_errand_answer a;
    x->got = fetch_for(x->courier, x->ms, &a);
    return NULL;
}

static void call_later(struct caller *x, struct sut_courier *c, unsigned ms)
{
    *x = (struct caller){ .courier = c, .ms = ms };
    assert_int_equal(pthread_create(&x->thread, NULL, call, x), 0);
}

static void wait_until_heard(struct fake *f)
{
    for (int i = 0; i < 30000 && atomic_load(&f->heard) == 0; i++)
        (void) poll(NULL, 0, 1);
    assert_int_equal(atomic_load(&f->heard), 1);
}

static void a_call_without_a_connection_waits_for_one(void **state)
{
    (void) state;
    const struct script s = { .reads = SIZE_MAX,
                              .writes = SIZE_MAX,
                              .fields = answer_of(SUT_COURIER_OK, 200, "a/b", "{}") };
    struct sut_courier *c = NULL;
    struct sut_errand_answer a;
    struct caller x;
    struct fake f;
    int fd = -1;
    OK(sut_courier_create(NULL, 0, &c));
    assert_int_equal(fetch_for(c, 50, &a).code, SUT_E_UNAVAILABLE);
    call_later(&x, c, WAIT_MS);
    (void) poll(NULL, 0, 100);
    begin(&f, &s, &fd);
    OK(sut_courier_reconnect(c, &fd, 1));
    (void) pthread_join(x.thread, NULL);
    OK(x.got);
    sut_courier_free(&c);
    finish(&f);
}

static void a_call_in_flight_ends_on_its_own_connection_when_others_come(void **state)
{
    (void) state;
    const sut_str good = answer_of(SUT_COURIER_OK, 200, "a/b", "{}");
    const struct script s = { SIZE_MAX, SIZE_MAX, good, 0, 0, 0 };
    struct fake old, new;
    int fd = -1;
    struct sut_courier *c = NULL;
    struct sut_errand_answer a;
    struct caller x;
    begin_as(&old, &s, true, &fd);
    OK(sut_courier_create(&fd, 1, &c));
    call_later(&x, c, WAIT_MS);
    wait_until_heard(&old);
    begin(&new, &s, &fd);
    OK(sut_courier_reconnect(c, &fd, 1));
    OK(fetch_for(c, MS, &a));
    assert_int_equal(new.heard, 1);
    atomic_store(&old.is_held, false);
    (void) pthread_join(x.thread, NULL);
    OK(x.got);
    assert_int_equal(old.heard, 1);
    /* The old one is closed with its call. */
    assert_int_equal(sut_courier_connections(c), 1);
    OK(fetch_for(c, MS, &a));
    assert_int_equal(old.heard, 1);
    sut_courier_free(&c);
    finish(&old);
    finish(&new);
}

static void more_calls_than_connections_wait_their_turn(void **state)
{
    (void) state;
    const struct script s = { SIZE_MAX, SIZE_MAX, answer_of(SUT_COURIER_OK, 200, "a/b", "{}"),
                              0,        0,        0 };
    struct fake f;
    int fd = -1;
    struct sut_courier *c = NULL;
    struct sut_errand_answer a;
    struct caller x, y;
    begin_as(&f, &s, true, &fd);
    OK(sut_courier_create(&fd, 1, &c));
    call_later(&x, c, WAIT_MS);
    wait_until_heard(&f);
    assert_int_equal(fetch_for(c, 50, &a).code, SUT_E_BUSY);
    call_later(&y, c, WAIT_MS);
    (void) poll(NULL, 0, 50);
    atomic_store(&f.is_held, false);
    (void) pthread_join(x.thread, NULL);
    (void) pthread_join(y.thread, NULL);
    OK(x.got);
    OK(y.got);
    assert_int_equal(f.heard, 2);
    sut_courier_free(&c);
    finish(&f);
}

static void what_the_table_does_not_allow_is_not_even_sent(void **state)
{
    (void) state;
    struct sut_errand_answer a;
    struct sut_mail_answer m;
    struct sut_courier *c = NULL;
    struct sut_buf body;
    const sut_str url = SUT_STR("https://a.example/");
    sut_buf_init(&body, SUT_IPC_LENGTH_MAX);
    OK(sut_courier_create(NULL, 0, &c));
    const struct {
        struct sut_errand e;
        enum sut_ecode code;
    } cases[] = {
        { { .purpose = SUT_ERRANDS, .timeout_ms = MS }, SUT_E_INVALID },
        { { .purpose = SUT_ERRAND_MAIL, .timeout_ms = MS }, SUT_E_INVALID },
        { { .purpose = SUT_ERRAND_GOOGLE_KEYS, .url = url, .timeout_ms = MS }, SUT_E_INVALID },
        { { .purpose = SUT_ERRAND_GOOGLE_KEYS, .text = url, .timeout_ms = MS }, SUT_E_INVALID },
        { { .purpose = SUT_ERRAND_GOOGLE_KEYS, .timeout_ms = 0 }, SUT_E_INVALID },
        { { .purpose = SUT_ERRAND_FACEBOOK_ME, .text = SUT_STR("a b"), .timeout_ms = MS },
          SUT_E_INVALID },
        { { .purpose = SUT_ERRAND_PICTURE, .timeout_ms = MS }, SUT_E_DENIED },
        { { .purpose = SUT_ERRAND_PICTURE, .url = SUT_STR("https://a b/"), .timeout_ms = MS },
          SUT_E_DENIED },
        { { .purpose = SUT_ERRAND_PICTURE, .url = url, .signature = url, .timeout_ms = MS },
          SUT_E_INVALID },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(sut_courier_fetch(c, &cases[i].e, &body, &a).code, cases[i].code);
    const sut_str from = SUT_STR("shop@shop.example");
    assert_int_equal(sut_courier_mail(c, from, SUT_STR("a@b.c>\r\n"), from, MS, &m).code,
                     SUT_E_INVALID);
    assert_int_equal(sut_courier_mail(c, from, from, SUT_STR("a\nb"), MS, &m).code, SUT_E_INVALID);
    /* Where the settings name nowhere to go there is none at all. */
    const struct sut_errand keys = { .purpose = SUT_ERRAND_GOOGLE_KEYS, .timeout_ms = MS };
    assert_int_equal(sut_courier_fetch(NULL, &keys, &body, &a).code, SUT_E_NOT_FOUND);
    assert_int_equal(sut_courier_mail(NULL, from, from, SUT_STR("a\r\n"), MS, &m).code,
                     SUT_E_NOT_FOUND);
    sut_buf_done(&body);
    sut_buf_init(&body, 10);
    assert_int_equal(sut_courier_fetch(c, &keys, &body, &a).code, SUT_E_INVALID);
    sut_buf_done(&body);
    sut_courier_free(&c);
}

static void a_mail_s_fate_is_told(void **state)
{
    (void) state;
    forget_answer();
    sut_ipc_put_u64(&answer_text, SUT_COURIER_OK);
    sut_ipc_put_u64(&answer_text, SUT_MAIL_REFUSED);
    sut_ipc_put_u64(&answer_text, 550);
    sut_ipc_put_bytes(&answer_text, SUT_STR("550 no"));
    const struct script s = { .reads = SIZE_MAX,
                              .writes = SIZE_MAX,
                              .fields = sut_buf_str(&answer_text) };
    struct fake f;
    int fd = -1;
    struct sut_courier *c = NULL;
    struct sut_mail_answer m;
    begin(&f, &s, &fd);
    OK(sut_courier_create(&fd, 1, &c));
    OK(sut_courier_mail(c, SUT_STR("shop@shop.example"), SUT_STR("ann@a.example"),
                        SUT_STR("Subject: x\r\n\r\n"), MS, &m));
    assert_int_equal(m.fate, SUT_MAIL_REFUSED);
    assert_int_equal(m.code, 550);
    assert_string_equal(m.text, "550 no");
    assert_true(memmem(f.said.p, f.said.n, "ann@a.example", 13) != NULL);
    sut_courier_free(&c);
    finish(&f);
}

static int done(void **state)
{
    (void) state;
    sut_buf_done(&answer_text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_errand_has_its_answer_and_the_connection_is_used_again),
        cmocka_unit_test(what_the_courier_says_is_the_outcome),
        cmocka_unit_test(one_that_hangs_up_at_any_byte_or_lies_is_unavailable),
        cmocka_unit_test(one_that_is_silent_is_given_up),
        cmocka_unit_test(a_call_without_a_connection_waits_for_one),
        cmocka_unit_test(a_call_in_flight_ends_on_its_own_connection_when_others_come),
        cmocka_unit_test(more_calls_than_connections_wait_their_turn),
        cmocka_unit_test(what_the_table_does_not_allow_is_not_even_sent),
        cmocka_unit_test(a_mail_s_fate_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
