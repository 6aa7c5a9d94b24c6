/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "ipc/courier.h"
#include "mail/goods.h"
#include "mail/letter.h"
#include "mail/maildir.h"
#include "mail/postman.h"
#include "store/outbox.h"
#include "store/personal.h"
#include "store_fixture.h"
#include "store_person.h"

enum { SEEN_MAX = 64, TIMEOUT_MS = 5000 };
static const int64_t hour = INT64_C(3600000);

/* A world whose time and mail server are the test's. */
static struct world {
    sut_ms now;
    struct sut_clock clock;
    sut_err fails; /* of the courier */
    struct sut_mail_answer answer;
    int64_t takes_ms; /* of each mail */
    _Atomic size_t n;
    char to[SEEN_MAX][128];
    char ids[SEEN_MAX][128];
    size_t notes[SUT_POSTMAN_TROUBLE + 1];
    struct sut_postman_note last;
} world;

static sut_ms world_now(void *ctx)
{
    (void) ctx;
    return world.now;
}

static SUT_ERR world_carry(void *ctx, sut_str from, sut_str to, sut_str message,
                           unsigned timeout_ms, struct sut_mail_answer *ret)
{
    (void) ctx;
    assert_true(sut_str_is(from, "shop@shop.example"));
    assert_int_equal(timeout_ms, TIMEOUT_MS);
    const size_t i = atomic_fetch_add(&world.n, 1);
    const char *const id = memmem(message.p, message.n, "Message-ID: ", 12);
    assert_non_null(id);
    if (i < SEEN_MAX) {
        assert_true(to.n < sizeof(world.to[i]));
        memcpy(world.to[i], to.p, to.n);
        memcpy(world.ids[i], id, (size_t) (strchr(id, '\r') - id));
    }
    world.now.v += world.takes_ms;
    *ret = world.answer;
    return world.fails;
}

static void world_tell(void *ctx, const struct sut_postman_note *n)
{
    (void) ctx;
    world.notes[n->event]++;
    world.last = *n;
}

static const struct sut_sql clear_outbox = { .name = "test_clear", .text = "DELETE FROM outbox" };
static const struct sut_sql lose_key = {
    .name = "test_lose_key",
    .text = "UPDATE data_keys SET wrapped = $2 WHERE person_id = $1",
};

static SUT_ERR clear_job(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_exec(c, &clear_outbox);
}

static struct sut_postman_options options(const struct fixture *f)
{
    return (struct sut_postman_options){
        .store = f->store,
        .sender = { .shop = SUT_STR("The Shop"),
                    .from = SUT_STR("Shop <shop@shop.example>"),
                    .public_url = SUT_STR("https://shop.example") },
        .timeout_ms = TIMEOUT_MS,
        .clock = &world.clock,
        .tell = world_tell,
        .carry = world_carry,
    };
}

static struct fixture *begin(void **state)
{
    struct fixture *f = fixture_of(state);
    OK(sut_store_write(f->store, clear_job, NULL));
    memset(&world, 0, sizeof(world));
    world.now = now;
    world.clock = (struct sut_clock){ .now = world_now };
    world.fails = SUT_OK;
    world.answer.fate = SUT_MAIL_SENT;
    world.answer.code = 250;
    return f;
}

static struct sut_postman *postman(struct fixture *f)
{
    const struct sut_postman_options o = options(f);
    struct sut_postman *p = NULL;
    OK(sut_postman_create(&o, &p));
    return p;
}

struct queueing {
    struct sut_arena *a;
    int64_t person;
    sut_str to;
    sut_str link;
};

static SUT_ERR queue_job(struct sut_db_conn *c, void *arg)
{
    const struct queueing *q = arg;
    const struct sut_mail_words words = { .to = q->to, .link = q->link, .at = world.now };
    return sut_mail_queue(c, q->a, SUT_MAIL_VERIFY, q->person, &words, SUT_STR(""), world.now);
}

static void queue_to(struct fixture *f, int64_t who, const char *to)
{
    struct queueing q = { .a = f->arena,
                          .person = who,
                          .to = sut_str_from(to),
                          .link = SUT_STR("https://shop.example/verify-email?token=x") };
    OK(sut_store_write(f->store, queue_job, &q));
}

static sut_ms turned(struct sut_postman *p, int64_t after_ms)
{
    sut_ms next = { 0 };
    world.now.v += after_ms;
    sut_postman_turn(p, &next);
    return next;
}

static struct sut_outbox_row newest(struct fixture *f)
{
    struct sut_outbox_row *rows = NULL;
    size_t n = 0;
    OK(sut_outbox_list(f->reader, f->arena, false, 0, 1, &rows, &n));
    assert_int_equal(n, 1);
    return rows[0];
}

static void a_mail_goes_once_to_the_present_address(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman *p = postman(f);
    queue_to(f, person(f, "Sarah@b\xc3\xbc\x63her.example"), "");
    (void) turned(p, 0);
    (void) turned(p, hour);
    assert_int_equal(world.n, 1);
    assert_string_equal(world.to[0], "Sarah@xn--bcher-kva.example");
    assert_int_equal(newest(f).state, SUT_OUTBOX_SENT);
    assert_int_equal(world.notes[SUT_POSTMAN_SENT], 1);
    sut_postman_stop(&p);
}

static void words_name_another_receiver(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman *p = postman(f);
    queue_to(f, person(f, "to@x.org"), "new@example.org");
    queue_to(f, 0, "nobody@example.org");
    (void) turned(p, 0);
    assert_int_equal(world.n, 2);
    assert_string_equal(world.to[0], "new@example.org");
    assert_string_equal(world.to[1], "nobody@example.org");
    sut_postman_stop(&p);
}

struct notice {
    struct sut_arena *a;
    int64_t person;
    enum sut_mail_kind kind;
};

static SUT_ERR notice_job(struct sut_db_conn *c, void *arg)
{
    const struct notice *n = arg;
    const struct sut_mail_words words = { .at = world.now };
    return sut_mail_queue(c, n->a, n->kind, n->person, &words, SUT_STR(""), world.now);
}

/* What anybody can bring about on an account that they made of a stranger's address. */
static void notices_to_one_person_are_no_flood(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman *p = postman(f);
    const int64_t stranger = person(f, "stranger@x.org");
    struct notice n = { .a = f->arena, .person = stranger, .kind = SUT_MAIL_PASSWORD_CHANGED };
    for (int i = 0; i < 2 * SUT_MAIL_NOTICES_A_DAY; i++)
        OK(sut_store_write(f->store, notice_job, &n));
    (void) turned(p, 0);
    (void) turned(p, 0);
    assert_int_equal(world.n, SUT_MAIL_NOTICES_A_DAY);
    /* Others are told, of this and of other things; a link is asked for and counted elsewhere. */
    n.kind = SUT_MAIL_NEW_DEVICE;
    OK(sut_store_write(f->store, notice_job, &n));
    queue_to(f, n.person, "");
    n = (struct notice){ .a = f->arena,
                         .person = person(f, "other@x.org"),
                         .kind = SUT_MAIL_PASSWORD_CHANGED };
    OK(sut_store_write(f->store, notice_job, &n));
    (void) turned(p, 0);
    assert_int_equal(world.n, SUT_MAIL_NOTICES_A_DAY + 3);
    n.person = stranger;
    world.now.v += 24 * hour;
    OK(sut_store_write(f->store, notice_job, &n));
    (void) turned(p, 0);
    assert_int_equal(world.n, SUT_MAIL_NOTICES_A_DAY + 4);
    sut_postman_stop(&p);
}

enum { NAME_CHARS = 255, SKU_CHARS = 64 };

/* As long as a catalogue may have them, and of what takes the most room in a payload. */
static SUT_ERR longest_job(struct sut_db_conn *c, void *arg)
{
    static char lessers[NAME_CHARS];
    struct sut_mail_good rows[SUT_MAIL_GOODS_MAX];
    memset(lessers, '<', sizeof(lessers));
    for (size_t i = 0; i < SUT_MAIL_GOODS_MAX; i++)
        rows[i] = (struct sut_mail_good){ .name = sut_str_of(lessers, NAME_CHARS),
                                          .quantity = INT64_MAX,
                                          .sum = sut_str_of(lessers, SKU_CHARS) };
    const struct sut_mail_goods goods = { .rows = rows, .n = SUT_MAIL_GOODS_MAX };
    const struct sut_mail_words words = { .to = SUT_STR("shop@x.org"),
                                          .what = sut_str_of(lessers, NAME_CHARS),
                                          .goods = &goods };
    return sut_mail_queue(c, arg, SUT_MAIL_LOW_STOCK, 0, &words, SUT_STR(""), world.now);
}

static void the_longest_list_of_goods_goes_out(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman *p = postman(f);
    OK(sut_store_write(f->store, longest_job, f->arena));
    (void) turned(p, 0);
    assert_int_equal(world.n, 1);
    sut_postman_stop(&p);
}

static void delays_double_up_to_an_hour(void **state)
{
    (void) state;
    assert_int_equal(sut_postman_delay_ms(0), 15000);
    assert_int_equal(sut_postman_delay_ms(1), 30000);
    assert_int_equal(sut_postman_delay_ms(2), 60000);
    assert_int_equal(sut_postman_delay_ms(7), 1920000);
    assert_int_equal(sut_postman_delay_ms(8), 3600000);
    assert_int_equal(sut_postman_delay_ms(UINT32_MAX), 3600000);
}

static void what_is_put_off_is_tried_again_for_three_days(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman *p = postman(f);
    queue_to(f, person(f, "later@x.org"), "");
    world.answer = (struct sut_mail_answer){ .fate = SUT_MAIL_LATER, .code = 451 };
    const sut_ms first = world.now;
    sut_ms next = turned(p, 0);
    assert_true(next.v == first.v + 15000);
    assert_true(sut_str_is(newest(f).why, "server_said_later"));
    (void) turned(p, 14999);
    assert_int_equal(world.n, 1);
    next = turned(p, 1);
    assert_int_equal(world.n, 2);
    assert_true(next.v == first.v + 45000);
    /* Each try at its time, until the days are over. */
    while (newest(f).state == SUT_OUTBOX_DUE) {
        const sut_ms due = newest(f).due_at;
        assert_true(due.v > world.now.v && due.v <= world.now.v + hour);
        (void) turned(p, due.v - world.now.v);
        assert_true(world.n < 200);
    }
    assert_int_equal(newest(f).state, SUT_OUTBOX_GIVEN_UP);
    assert_true(world.now.v - first.v > 71 * hour && world.now.v - first.v <= 72 * hour);
    assert_int_equal(world.notes[SUT_POSTMAN_GIVEN_UP], 1);
    assert_int_equal(world.last.code, 451);
    for (size_t i = 1; i < SEEN_MAX; i++)
        assert_string_equal(world.ids[i], world.ids[0]);
    sut_postman_stop(&p);
}

static void what_is_refused_for_good_is_given_up(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman *p = postman(f);
    queue_to(f, person(f, "refused@x.org"), "");
    world.answer = (struct sut_mail_answer){ .fate = SUT_MAIL_REFUSED, .code = 550 };
    (void) turned(p, 0);
    assert_int_equal(newest(f).state, SUT_OUTBOX_GIVEN_UP);
    assert_true(sut_str_is(newest(f).why, "server_refused"));
    (void) turned(p, hour);
    assert_int_equal(world.n, 1);
    sut_postman_stop(&p);
}

static void a_server_that_turns_us_away_is_no_reason_to_give_up(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman *p = postman(f);
    queue_to(f, person(f, "auth@x.org"), "");
    world.answer = (struct sut_mail_answer){ .fate = SUT_MAIL_REFUSED, .code = 535 };
    (void) turned(p, 0);
    assert_int_equal(newest(f).state, SUT_OUTBOX_DUE);
    world.answer.fate = SUT_MAIL_SENT;
    (void) turned(p, 15000);
    assert_int_equal(newest(f).state, SUT_OUTBOX_SENT);
    sut_postman_stop(&p);
}

static void a_server_that_is_away_is_left_in_peace(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman *p = postman(f);
    const int64_t u = person(f, "away@x.org");
    for (int i = 0; i < 5; i++)
        queue_to(f, u, "");
    world.answer = (struct sut_mail_answer){ .fate = SUT_MAIL_LATER, .code = 0 };
    sut_ms next = turned(p, 0);
    assert_int_equal(world.n, 1);
    assert_true(next.v == world.now.v + 15000);
    /* Whoever wakes it meanwhile does not make it knock. */
    (void) turned(p, 5000);
    assert_int_equal(world.n, 1);
    world.answer.fate = SUT_MAIL_SENT;
    (void) turned(p, 10000);
    (void) turned(p, 0);
    assert_int_equal(world.n, 6);
    assert_int_equal(newest(f).tries, 1);
    sut_postman_stop(&p);
}

static void a_courier_that_is_away_or_busy_loses_nothing(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman *p = postman(f);
    queue_to(f, person(f, "courier@x.org"), "");
    world.fails = (sut_err){ .code = SUT_E_BUSY };
    sut_ms next = turned(p, 0);
    assert_true(next.v == world.now.v + 1000);
    assert_int_equal(newest(f).tries, 0);
    world.fails = (sut_err){ .code = SUT_E_UNAVAILABLE };
    (void) turned(p, 1000);
    assert_int_equal(newest(f).tries, 1);
    assert_true(sut_str_is(newest(f).why, "courier_unavailable"));
    world.fails = SUT_OK;
    (void) turned(p, 15000);
    assert_int_equal(newest(f).state, SUT_OUTBOX_SENT);
    sut_postman_stop(&p);
}

static void an_address_that_no_mail_goes_to_is_given_up(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman *p = postman(f);
    queue_to(f, person(f, "address@x.org"), "no address\r\nBcc: x@y.example");
    (void) turned(p, 0);
    assert_int_equal(world.n, 0);
    assert_true(sut_str_is(newest(f).why, "bad_address"));
    queue_to(f, person(f, "address2@x.org"), "");
    world.fails = (sut_err){ .code = SUT_E_INVALID };
    (void) turned(p, 0);
    assert_int_equal(newest(f).state, SUT_OUTBOX_GIVEN_UP);
    sut_postman_stop(&p);
}

/* A reset that was asked for an address without an account. */
static void a_mail_to_nobody_ends_without_a_word(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman *p = postman(f);
    queue_to(f, 0, "");
    (void) turned(p, 0);
    assert_int_equal(world.n, 0);
    assert_int_equal(newest(f).state, SUT_OUTBOX_GIVEN_UP);
    assert_true(sut_str_is(newest(f).why, "to_nobody"));
    assert_int_equal(world.notes[SUT_POSTMAN_GIVEN_UP], 0);
    sut_postman_stop(&p);
}

static SUT_ERR lose_job(struct sut_db_conn *c, void *arg)
{
    static const char zeros[SUT_DATA_WRAPPED];
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &lose_key, &s));
    sut_db_bind_i64(s, 1, *(const int64_t *) arg);
    sut_db_bind_blob(s, 2, sut_str_of(zeros, sizeof(zeros)));
    return sut_db_step(s, &has_row);
}

static void a_lost_key_gives_one_mail_up_and_no_other(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman *p = postman(f);
    int64_t lost = person(f, "lostkey@x.org");
    queue_to(f, lost, "");
    queue_to(f, person(f, "kept@x.org"), "");
    OK(sut_store_write(f->store, lose_job, &lost));
    (void) turned(p, 0);
    assert_int_equal(world.n, 1);
    assert_string_equal(world.to[0], "kept@x.org");
    assert_int_equal(world.notes[SUT_POSTMAN_GIVEN_UP], 1);
    sut_postman_stop(&p);
}

static void who_dies_after_the_claim_leaves_it_to_the_next(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman *one = postman(f);
    struct sut_postman *two = postman(f);
    queue_to(f, person(f, "two@x.org"), "");
    /* The courier never answered, and neither did the first server after it. */
    world.fails = (sut_err){ .code = SUT_E_BUSY };
    (void) turned(one, 0);
    world.fails = SUT_OK;
    (void) turned(two, 999);
    assert_int_equal(world.n, 1);
    (void) turned(two, 1);
    (void) turned(one, 1000);
    assert_int_equal(world.n, 2);
    assert_string_equal(world.ids[0], world.ids[1]);
    sut_postman_stop(&one);
    sut_postman_stop(&two);
}

static void a_slow_server_gets_no_mail_whose_claim_may_end(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman *p = postman(f);
    const int64_t u = person(f, "slow@x.org");
    for (int i = 0; i < 4; i++)
        queue_to(f, u, "");
    world.takes_ms = TIMEOUT_MS;
    (void) turned(p, 0);
    assert_in_range(world.n, 1, 2);
    const size_t first = world.n;
    for (int i = 0; i < 4; i++)
        (void) turned(p, 0);
    assert_int_equal(world.n, 4);
    assert_int_equal(newest(f).tries, 1);
    assert_true(first < 4);
    sut_postman_stop(&p);
}

static void without_a_way_rows_wait_and_one_word_is_said(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman_options o = options(f);
    struct sut_postman *p = NULL;
    o.carry = NULL;
    OK(sut_postman_create(&o, &p));
    (void) turned(p, 0);
    assert_int_equal(world.notes[SUT_POSTMAN_NO_WAY], 0);
    queue_to(f, person(f, "noway@x.org"), "");
    for (int i = 0; i < 3; i++)
        (void) turned(p, 10000);
    assert_int_equal(world.notes[SUT_POSTMAN_NO_WAY], 1);
    assert_int_equal(newest(f).state, SUT_OUTBOX_DUE);
    assert_int_equal(newest(f).tries, 0);
    sut_postman_stop(&p);
}

static void a_maildir_has_each_mail_once_for_its_owner_alone(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman_options o = options(f);
    struct sut_postman *p = NULL;
    char base[] = "/tmp/sutler-mail.XXXXXX";
    char dir[128];
    char path[600];
    assert_non_null(mkdtemp(base));
    (void) snprintf(dir, sizeof(dir), "%s/mail", base);
    o.carry = NULL;
    o.maildir = sut_str_from(dir);
    OK(sut_postman_create(&o, &p));
    queue_to(f, person(f, "maildir@x.org"), "");
    (void) turned(p, 0);
    const struct sut_outbox_row row = newest(f);
    assert_int_equal(row.state, SUT_OUTBOX_SENT);
    char name[SUT_LETTER_FILE_MAX];
    struct sut_buf out;
    sut_buf_init_arena(&out, f->arena, 1 << 20);
    const sut_str file = sut_letter_file(&row, name);
    OK(sut_maildir_get(o.maildir, file, &out));
    assert_non_null(memmem(out.p, out.n, "To: \"Sarah\" <maildir@x.org>\r\n", 29));
    struct stat st;
    const char *const file_z = sut_str_z(f->arena, file);
    (void) snprintf(path, sizeof(path), "%s/new/%s", dir, file_z);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    /* Put again it is still one; a mail program may have moved it. */
    OK(sut_maildir_put(o.maildir, file, SUT_STR("again")));
    char seen[600];
    (void) snprintf(seen, sizeof(seen), "%s/cur/%s:2,S", dir, file_z);
    assert_int_equal(rename(path, seen), 0);
    sut_buf_reset(&out);
    OK(sut_maildir_get(o.maildir, file, &out));
    assert_true(sut_str_is(sut_buf_str(&out), "again"));
    assert_int_equal(sut_maildir_get(o.maildir, SUT_STR("1.M1.sutler"), &out).code,
                     SUT_E_NOT_FOUND);
    static const char *const bad[] = { "", "../x", "a/b", ".hidden", "a\nb" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(sut_maildir_put(o.maildir, sut_str_from(bad[i]), SUT_STR("x")).code,
                         SUT_E_INVALID);
        assert_int_equal(sut_maildir_get(o.maildir, sut_str_from(bad[i]), &out).code,
                         SUT_E_INVALID);
    }
    sut_postman_stop(&p);
    assert_int_equal(unlink(seen), 0);
    static const char *const folders[] = { "/mail/tmp", "/mail/new", "/mail/cur", "/mail", "" };
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        (void) snprintf(path, sizeof(path), "%s%s", base, folders[i]);
        assert_int_equal(rmdir(path), 0);
    }
}

static void the_thread_is_woken_and_stops(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman_options o = options(f);
    struct sut_postman *p = NULL;
    o.clock = &sut_clock_system;
    world.now = sut_clock_now(&sut_clock_system);
    OK(sut_postman_start(&o, &p));
    const struct timespec moment = { .tv_nsec = 10000000 };
    (void) nanosleep(&moment, NULL);
    queue_to(f, person(f, "thread@x.org"), "");
    sut_postman_wake(p);
    for (int i = 0; i < 3000 && atomic_load(&world.n) == 0; i++)
        (void) nanosleep(&moment, NULL);
    assert_int_equal(atomic_load(&world.n), 1);
    sut_postman_stop(&p);
    assert_null(p);
    sut_postman_stop(&p);
    sut_postman_wake(NULL);
}

static atomic_bool is_hanging;

static SUT_ERR hang(void *ctx, sut_str from, sut_str to, sut_str message, unsigned timeout_ms,
                    struct sut_mail_answer *ret)
{
    const struct timespec moment = { .tv_nsec = 10000000 };
    const sut_err e = world_carry(ctx, from, to, message, timeout_ms, ret);
    while (atomic_load(&is_hanging))
        (void) nanosleep(&moment, NULL);
    return e;
}

static void a_server_that_hangs_is_not_waited_for_at_the_end(void **state)
{
    struct fixture *f = begin(state);
    struct sut_postman_options o = options(f);
    struct sut_postman *p = NULL;
    const struct timespec moment = { .tv_nsec = 10000000 };
    o.clock = &sut_clock_system;
    o.carry = hang;
    world.now = sut_clock_now(&sut_clock_system);
    atomic_store(&is_hanging, true);
    queue_to(f, person(f, "hang@x.org"), "");
    OK(sut_postman_start(&o, &p));
    while (atomic_load(&world.n) == 0)
        (void) nanosleep(&moment, NULL);
    assert_false(sut_postman_stop_within(&p, 50));
    assert_null(p);
    /* When the answer comes after all nothing is done with it. */
    atomic_store(&is_hanging, false);
    for (int i = 0; i < 20; i++)
        (void) nanosleep(&moment, NULL);
    assert_int_equal(newest(f).state, SUT_OUTBOX_DUE);
    /* One that is not with the courier is waited for. */
    OK(sut_postman_start(&o, &p));
    assert_true(sut_postman_stop_within(&p, 30000));
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(a_mail_goes_once_to_the_present_address, &f),
        cmocka_unit_test_prestate(words_name_another_receiver, &f),
        cmocka_unit_test_prestate(notices_to_one_person_are_no_flood, &f),
        cmocka_unit_test_prestate(delays_double_up_to_an_hour, &f),
        cmocka_unit_test_prestate(what_is_put_off_is_tried_again_for_three_days, &f),
        cmocka_unit_test_prestate(what_is_refused_for_good_is_given_up, &f),
        cmocka_unit_test_prestate(a_server_that_turns_us_away_is_no_reason_to_give_up, &f),
        cmocka_unit_test_prestate(a_server_that_is_away_is_left_in_peace, &f),
        cmocka_unit_test_prestate(a_courier_that_is_away_or_busy_loses_nothing, &f),
        cmocka_unit_test_prestate(an_address_that_no_mail_goes_to_is_given_up, &f),
        cmocka_unit_test_prestate(a_mail_to_nobody_ends_without_a_word, &f),
        cmocka_unit_test_prestate(a_lost_key_gives_one_mail_up_and_no_other, &f),
        cmocka_unit_test_prestate(who_dies_after_the_claim_leaves_it_to_the_next, &f),
        cmocka_unit_test_prestate(a_slow_server_gets_no_mail_whose_claim_may_end, &f),
        cmocka_unit_test_prestate(without_a_way_rows_wait_and_one_word_is_said, &f),
        cmocka_unit_test_prestate(a_maildir_has_each_mail_once_for_its_owner_alone, &f),
        cmocka_unit_test_prestate(the_longest_list_of_goods_goes_out, &f),
        cmocka_unit_test_prestate(the_thread_is_woken_and_stops, &f),
        cmocka_unit_test_prestate(a_server_that_hangs_is_not_waited_for_at_the_end, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void) close_store(&state);
    return failed;
}
