/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "log/line.h"

struct bench {
    int fd;
    sut_ms now;
    struct sut_clock clock;
    char text[256 * 1024];
    size_t n;
};

static sut_ms now_of(void *ctx)
{
    const struct bench *b = ctx;
    return b->now;
}

static int set_up(void **state)
{
    static struct bench b;
    b = (struct bench){ .now = { .v = 1795315251123 } };
    b.clock = (struct sut_clock){ .now = now_of, .ctx = &b };
    b.fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(b.fd >= 0);
    sut_log_init(SUT_LOG_INFO, SUT_LOG_LOGFMT, b.fd, "worker");
    sut_log_clock(&b.clock);
    *state = &b;
    return 0;
}

static int tear_down(void **state)
{
    const struct bench *b = *state;
    sut_log_init(SUT_LOG_INFO, SUT_LOG_LOGFMT, STDERR_FILENO, "test");
    sut_log_pseudonyms(NULL, NULL);
    return close(b->fd);
}

/* All that was written so far. */
static sut_str written(struct bench *b)
{
    const ssize_t n = pread(b->fd, b->text, sizeof(b->text), 0);
    assert_true(n >= 0);
    b->n = (size_t) n;
    return sut_str_of(b->text, b->n);
}

static void forget(struct bench *b)
{
    assert_int_equal(ftruncate(b->fd, 0), 0);
    assert_int_equal(lseek(b->fd, 0, SEEK_SET), 0);
}

static size_t lines(sut_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n';
    return n;
}

static void assert_str(sut_str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

static bool contains(sut_str s, const char *what)
{
    return memmem(s.p, s.n, what, strlen(what)) != NULL;
}

static void a_line_has_time_level_role_event_and_fields(void **state)
{
    struct bench *b = *state;
    sut_log(SUT_LOG_WARN, "rate_limited", LOG_Z("scope", "anon"), LOG_INT("count", -3),
            LOG_ADDR("addr", "2001:db8::1"), LOG_NAME("route", "/api/products/{id}/"),
            LOG_ID("request_id", "0123456789abcdef0123456789abcdef"),
            LOG_WHY("why", "no Host, or more than one"));
    assert_str(written(b), "ts=2026-11-22T02:40:51.123Z level=warn role=worker event=rate_limited "
                           "scope=anon count=-3 addr=2001:db8::1 route=/api/products/{id}/ "
                           "request_id=0123456789abcdef0123456789abcdef "
                           "why=\"no Host, or more than one\"\n");
}

static void an_error_shows_its_code_and_place_and_errno(void **state)
{
    struct bench *b = *state;
    static const struct sut_esite at = { "src/x.c", "f", 12 };
    const sut_err e = { .at = &at, .sys = ENOSPC, .code = SUT_E_FULL };
    sut_log(SUT_LOG_ERROR, "store_failed", LOG_ERR(e));
    assert_true(contains(written(b), "err=FULL file=src/x.c line=12 errno=ENOSPC\n"));
}

static void levels_below_the_least_are_not_written(void **state)
{
    struct bench *b = *state;
    sut_log(SUT_LOG_DEBUG, "quiet", LOG_INT("n", 1));
    sut_log_write(SUT_LOG_DEBUG, "quiet", NULL, 0);
    assert_int_equal(written(b).n, 0);
    assert_false(sut_log_wants(SUT_LOG_DEBUG));
    assert_true(sut_log_wants(SUT_LOG_INFO));
}

static sut_str one(struct sut_line *l, sut_str value)
{
    sut_line_reset(l, false);
    sut_line_text(l, "v", value);
    return sut_line_end(l);
}

static void values_are_escaped(void **state)
{
    (void) state;
    static const struct {
        sut_str in;
        const char *out;
    } rows[] = {
        { SUT_STR_INIT("plain/word-1.2"), "v=plain/word-1.2\n" },
        { SUT_STR_INIT(""), "v=\"\"\n" },
        { SUT_STR_INIT("two words"), "v=\"two words\"\n" },
        { SUT_STR_INIT("a=b"), "v=\"a=b\"\n" },
        { SUT_STR_INIT("say \"hi\"\\"), "v=\"say \\\"hi\\\"\\\\\"\n" },
        { SUT_STR_INIT("x\nlevel=error event=forged"), "v=\"x\\nlevel=error event=forged\"\n" },
        { SUT_STR_INIT("\r\t\0\x1b[31m\x7f"), "v=\"\\r\\t\\x00\\x1b[31m\\x7f\"\n" },
        { SUT_STR_INIT("Zo\xc3\xab"), "v=\"Zo\xc3\xab\"\n" },
        { SUT_STR_INIT("\xc3("), "v=\"\\xc3(\"\n" },
        { SUT_STR_INIT("\xc0\xaf"), "v=\"\\xc0\\xaf\"\n" },                   /* overlong */
        { SUT_STR_INIT("\xed\xa0\x80"), "v=\"\\xed\\xa0\\x80\"\n" },          /* surrogate */
        { SUT_STR_INIT("\xf4\x90\x80\x80"), "v=\"\\xf4\\x90\\x80\\x80\"\n" }, /* past U+10FFFF */
        { SUT_STR_INIT("\xe2\x82"), "v=\"\\xe2\\x82\"\n" },                   /* cut short */
        { SUT_STR_INIT("\xff\xfe"), "v=\"\\xff\\xfe\"\n" },
        { SUT_STR_INIT("\xc2\x85\xe2\x80\xa8\xe2\x80\xae"), "v=\"\\u0085\\u2028\\u202e\"\n" },
        { SUT_STR_INIT("\xf0\x9f\x98\x80"), "v=\"\xf0\x9f\x98\x80\"\n" },
    };
    struct sut_line l;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_str(one(&l, rows[i].in), rows[i].out);
}

static void no_byte_string_makes_a_second_line_or_a_control_character(void **state)
{
    (void) state;
    struct sut_line l;
    char in[3];
    for (unsigned v = 0; v < 1u << 16; v++) {
        in[0] = (char) (v >> 8);
        in[1] = (char) (v & 0xff);
        in[2] = 'z';
        const sut_str s = one(&l, sut_str_of(in, sizeof(in)));
        assert_int_equal(lines(s), 1);
        for (size_t i = 0; i + 1 < s.n; i++)
            assert_true((unsigned char) s.p[i] >= ' ' && s.p[i] != 0x7f);
    }
}

static void keys_that_are_badly_made_do_not_break_the_line(void **state)
{
    (void) state;
    struct sut_line l;
    sut_line_reset(&l, false);
    sut_line_int(&l, "a b\n=", INT64_MIN);
    assert_str(sut_line_end(&l), "a_b__=-9223372036854775808\n");
}

static void a_long_line_is_cut_and_says_so(void **state)
{
    (void) state;
    static char big[8192];
    static const char fill[] = { 'a', '\n', '"', '\x01' };
    struct sut_line l;
    for (size_t f = 0; f < sizeof(fill); f++) {
        for (size_t n = 1800; n < 2100; n++) {
            memset(big, fill[f], n);
            sut_line_reset(&l, false);
            sut_line_text(&l, "v", sut_str_of(big, n));
            sut_line_int(&l, "after", 1);
            const sut_str s = sut_line_end(&l);
            assert_true(s.n <= SUT_LOG_LINE_MAX);
            assert_int_equal(lines(s), 1);
            assert_true(contains(s, " after=1\n") || contains(s, " cut=1\n"));
        }
    }
    memset(big, 'a', sizeof(big));
    assert_true(sut_str_ends(one(&l, sut_str_of(big, sizeof(big))), SUT_STR("aaa\" cut=1\n")));
}

static void times_are_right_over_leap_years_and_clamped_outside(void **state)
{
    (void) state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        { 0, "t=1970-01-01T00:00:00.000Z\n" },
        { -5, "t=1970-01-01T00:00:00.000Z\n" },
        { 951782399999, "t=2000-02-28T23:59:59.999Z\n" },
        { 951782400000, "t=2000-02-29T00:00:00.000Z\n" },
        { 1709251199000, "t=2024-02-29T23:59:59.000Z\n" },
        { 4107542400000, "t=2100-03-01T00:00:00.000Z\n" },
        { INT64_MAX, "t=9999-12-31T23:59:59.999Z\n" },
    };
    struct sut_line l;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sut_line_reset(&l, false);
        sut_line_time(&l, "t", (sut_ms){ .v = rows[i].ms });
        assert_str(sut_line_end(&l), rows[i].text);
    }
}

static void a_repeated_event_is_held_back_and_counted(void **state)
{
    struct bench *b = *state;
    sut_log_limit(3, 1000);
    for (int i = 0; i < 10; i++)
        sut_log(SUT_LOG_INFO, "flood", LOG_INT("i", i));
    sut_log(SUT_LOG_INFO, "other", LOG_INT("i", 0));
    assert_int_equal(lines(written(b)), 4);
    b->now.v += 1000;
    forget(b);
    sut_log(SUT_LOG_INFO, "flood", LOG_INT("i", 11));
    assert_true(contains(written(b), "event=flood suppressed=7 i=11\n"));
    forget(b);
    sut_log(SUT_LOG_INFO, "flood", LOG_INT("i", 12));
    assert_false(contains(written(b), "suppressed"));
}

static void a_clock_that_steps_back_does_not_silence_an_event(void **state)
{
    struct bench *b = *state;
    sut_log_limit(1, 1000);
    sut_log(SUT_LOG_INFO, "e", LOG_INT("i", 1));
    sut_log(SUT_LOG_INFO, "e", LOG_INT("i", 2));
    b->now.v -= 3600 * 1000;
    sut_log(SUT_LOG_INFO, "e", LOG_INT("i", 3));
    assert_int_equal(lines(written(b)), 2);
}

static void what_was_held_back_is_told_at_the_end(void **state)
{
    struct bench *b = *state;
    sut_log_limit(1, 1000);
    for (int i = 0; i < 5; i++)
        sut_log(SUT_LOG_WARN, "flood", LOG_INT("i", i));
    forget(b);
    sut_log_flush();
    assert_true(contains(written(b), "level=warn role=worker event=log_suppressed of=flood "
                                     "suppressed=4\n"));
    forget(b);
    sut_log_flush();
    assert_int_equal(written(b).n, 0);
}

static void more_events_than_slots_still_come_through(void **state)
{
    struct bench *b = *state;
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    for (int level = SUT_LOG_INFO; level <= SUT_LOG_ERROR; level++) {
        for (size_t i = 0; i < 8; i++)
            sut_log_write((enum sut_log_level) level, names[i], NULL, 0);
    }
    char many[100][8];
    for (size_t i = 0; i < 100; i++) {
        many[i][0] = 'x';
        many[i][1] = (char) ('0' + i / 10);
        many[i][2] = (char) ('0' + i % 10);
        many[i][3] = '\0';
        sut_log_write(SUT_LOG_INFO, many[i], NULL, 0);
    }
    assert_int_equal(lines(written(b)), 124);
    sut_log_limit(0, 0); /* forget names that end with this frame */
}

static void errno_survives_and_a_closed_descriptor_is_no_failure(void **state)
{
    (void) state;
    sut_log_init(SUT_LOG_INFO, SUT_LOG_LOGFMT, -1, "worker");
    errno = ENOENT;
    sut_log(SUT_LOG_INFO, "nowhere", LOG_INT("i", 1));
    assert_int_equal(errno, ENOENT);
}

static void *writer(void *arg)
{
    (void) arg;
    for (int i = 0; i < 200; i++)
        sut_log(SUT_LOG_INFO, "threads", LOG_Z("text", "line\nfeed"), LOG_PERSON("person", 7),
                LOG_INT("i", i));
    return NULL;
}

static void lines_of_several_threads_never_mix(void **state)
{
    struct bench *b = *state;
    sut_log_limit(0, 0);
    assert_true(fcntl(b->fd, F_SETFL, O_APPEND) == 0);
    pthread_t t[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, writer, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    const sut_str all = written(b);
    assert_int_equal(lines(all), 800);
    for (size_t at = 0; at < all.n;) {
        const size_t end = sut_str_find(all, at, '\n');
        assert_true(sut_str_starts(sut_str_sub(all, at, end), SUT_STR("ts=2026-")));
        at = end + 1;
    }
}

/* --- typed values --- */

/* Not a constant: as if it had come with a request. */
static const char *from_outside(const char *text)
{
    static char room[256];
    (void) memcpy(room, text, strlen(text) + 1);
    return room;
}

static void a_text_from_outside_is_no_name(void **state)
{
    struct bench *b = *state;
    char on_stack[] = "ada";
    sut_log(SUT_LOG_INFO, "e", LOG_NAME("a", from_outside("login")), LOG_NAME("b", on_stack),
            LOG_WHY("c", from_outside("Ada Byron")), LOG_NAME("d", NULL), LOG_WHY("e", NULL));
    assert_true(contains(written(b), "event=e a=? b=? c=? d=? e=?\n"));
}

static void a_name_is_a_word_of_few_characters(void **state)
{
    struct bench *b = *state;
    static const char *const wrong[] = {
        "",
        "ada@shop.example",
        "Ada Byron",
        "+4917112345678",
        "a=b",
        "a\nb",
        "Zo\xc3\xab",
        "\"",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aa"
        "aaaaa",
    };
    static const char *const right[] = { "login", "--insecure-dev", "/api/{id}/", "GET",
                                         "-",     "a_b.c:d" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        forget(b);
        sut_log(SUT_LOG_INFO, "e", LOG_NAME("v", wrong[i]));
        assert_true(contains(written(b), "event=e v=?\n"));
    }
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        forget(b);
        sut_log(SUT_LOG_INFO, "e", LOG_NAME("v", right[i]));
        assert_true(contains(written(b), right[i]));
    }
}

static void what_is_no_address_is_not_written_as_one(void **state)
{
    struct bench *b = *state;
    static const char *const wrong[] = { "",           "ada@shop.example",  "017112345678",
                                         "1.2.3",      "1.2.3.4.5",         "256.1.1.1",
                                         "1.2.3.4 x",  "example.com",       "dead:beef",
                                         "0171.123.4", "::1%eth0\nlevel=e", NULL };
    static const char *const right[] = { "127.0.0.1", "255.255.255.255", "::1", "2001:db8::a:1",
                                         "::ffff:10.0.0.1" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        forget(b);
        sut_log(SUT_LOG_INFO, "e", LOG_ADDR("addr", wrong[i]));
        assert_true(contains(written(b), "event=e addr=?\n"));
    }
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        forget(b);
        sut_log(SUT_LOG_INFO, "e", LOG_ADDR("addr", from_outside(right[i])));
        assert_true(contains(written(b), right[i]));
    }
}

static void an_id_is_thirty_two_hexadecimal_digits(void **state)
{
    struct bench *b = *state;
    static const char *const wrong[] = { "",
                                         "abc",
                                         "0123456789abcdef0123456789abcde",
                                         "0123456789abcdef0123456789abcdef0",
                                         "0123456789ABCDEF0123456789ABCDEF",
                                         "0123456789abcdef0123456789abcdeg",
                                         "ada@shop.example,ada@shop.exampl",
                                         NULL };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        forget(b);
        sut_log(SUT_LOG_INFO, "e", LOG_ID("id", wrong[i]));
        assert_true(contains(written(b), "event=e id=?\n"));
    }
    forget(b);
    sut_log(SUT_LOG_INFO, "e", LOG_ID("id", from_outside("00ff456789abcdef0123456789abcdef")));
    assert_true(contains(written(b), "id=00ff456789abcdef0123456789abcdef\n"));
}

/* --- pseudonyms --- */

static void flip(void *ctx, int64_t person, unsigned char ret[SUT_LOG_PSEUDONYM])
{
    const unsigned char *key = ctx;
    for (size_t i = 0; i < SUT_LOG_PSEUDONYM; i++)
        ret[i] = (unsigned char) (*key ^ (unsigned char) (person >> (8 * i)));
}

static void a_person_stands_there_as_a_pseudonym(void **state)
{
    struct bench *b = *state;
    unsigned char key = 0xa5;
    sut_log(SUT_LOG_INFO, "e", LOG_PERSON("person", 4711));
    assert_true(contains(written(b), "event=e person=p?\n"));
    forget(b);
    sut_log_pseudonyms(flip, &key);
    sut_log(SUT_LOG_INFO, "e", LOG_PERSON("person", 4711), LOG_PERSON("nobody", 0),
            LOG_PERSON("other", 4712));
    assert_true(contains(written(b), "event=e person=pc2b7a5a5a5a5a5a5 other=pcdb7a5a5a5a5a5a5\n"));
    assert_false(contains(written(b), "471"));
    forget(b);
    unsigned char next = 0x11;
    sut_log_pseudonyms(flip, &next);
    key = 0;
    sut_log(SUT_LOG_INFO, "e", LOG_PERSON("person", 4711));
    assert_true(contains(written(b), "person=p7603111111111111\n"));
}

/* The key of the moment: the other one is wiped while nobody can be in it. */
static void *rotator(void *arg)
{
    static unsigned char keys[2];
    (void) arg;
    for (unsigned i = 0; i < 2000; i++) {
        unsigned char *next = &keys[i % 2];
        *next = 0x42;
        sut_log_pseudonyms(flip, next);
        keys[(i + 1) % 2] = 0;
    }
    return NULL;
}

static void a_rotation_while_lines_are_written_shows_no_half_key(void **state)
{
    struct bench *b = *state;
    unsigned char key = 0x42;
    pthread_t t[3];
    sut_log_limit(0, 0);
    sut_log_pseudonyms(flip, &key);
    assert_true(fcntl(b->fd, F_SETFL, O_APPEND) == 0);
    assert_int_equal(pthread_create(&t[0], NULL, rotator, NULL), 0);
    for (size_t i = 1; i < 3; i++)
        assert_int_equal(pthread_create(&t[i], NULL, writer, NULL), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    const sut_str all = written(b);
    assert_int_equal(lines(all), 400);
    for (size_t at = 0; at < all.n; at = sut_str_find(all, at, '\n') + 1)
        assert_true(contains(sut_str_sub(all, at, sut_str_find(all, at, '\n')),
                             "person=p4542424242424242 "));
}

/* --- JSON --- */

static sut_str one_json(struct sut_line *l, sut_str value)
{
    sut_line_reset(l, true);
    sut_line_text(l, "v", value);
    return sut_line_end(l);
}

static void json_is_one_object_a_line(void **state)
{
    struct bench *b = *state;
    static const struct sut_esite at = { "src/x.c", "f", 12 };
    const sut_err e = { .at = &at, .sys = ENOSPC, .code = SUT_E_FULL };
    sut_log_init(SUT_LOG_INFO, SUT_LOG_JSON, b->fd, "worker");
    sut_log_clock(&b->clock);
    sut_log(SUT_LOG_WARN, "store_failed", LOG_Z("why", "a \"b\"\n"), LOG_INT("n", INT64_MIN),
            LOG_ERR(e), LOG_PERSON("person", 1));
    assert_str(written(b), "{\"ts\":\"2026-11-22T02:40:51.123Z\",\"level\":\"warn\",\"role\":"
                           "\"worker\",\"event\":\"store_failed\",\"why\":\"a \\\"b\\\"\\n\","
                           "\"n\":-9223372036854775808,\"err\":\"FULL\",\"file\":\"src/x.c\","
                           "\"line\":12,\"errno\":\"ENOSPC\",\"person\":\"p?\"}\n");
}

static void json_escapes_what_it_must(void **state)
{
    (void) state;
    static const struct {
        sut_str in;
        const char *out;
    } rows[] = {
        { SUT_STR_INIT(""), "{\"v\":\"\"}\n" },
        { SUT_STR_INIT("plain/word"), "{\"v\":\"plain/word\"}\n" },
        { SUT_STR_INIT("\\\"\n\r\t"), "{\"v\":\"\\\\\\\"\\n\\r\\t\"}\n" },
        { SUT_STR_INIT("\0\x1b\x7f"), "{\"v\":\"\\u0000\\u001b\\u007f\"}\n" },
        { SUT_STR_INIT("\xc3("), "{\"v\":\"\\ufffd(\"}\n" },
        { SUT_STR_INIT("\xed\xa0\x80"), "{\"v\":\"\\ufffd\\ufffd\\ufffd\"}\n" },
        { SUT_STR_INIT("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae"),
          "{\"v\":\"\\u2028\\u2029\\u202e\"}\n" },
        { SUT_STR_INIT("Zo\xc3\xab \xf0\x9f\x98\x80"),
          "{\"v\":\"Zo\xc3\xab \xf0\x9f\x98\x80\"}\n" },
    };
    struct sut_line l;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_str(one_json(&l, rows[i].in), rows[i].out);
    sut_line_reset(&l, true);
    sut_line_int(&l, "a \"\n", 1);
    assert_str(sut_line_end(&l), "{\"a___\":1}\n");
    sut_line_reset(&l, true);
    assert_str(sut_line_end(&l), "{}\n");
}

/* Braces and quotes close at each length; a value that was begun is a prefix of itself. */
static void json_that_is_cut_is_still_json(void **state)
{
    (void) state;
    static char big[4096];
    static const char fill[] = { 'a', '\n', '"', '\x01', '\xff' };
    struct sut_line l;
    for (size_t f = 0; f < sizeof(fill); f++) {
        memset(big, fill[f], sizeof(big));
        for (size_t n = 300; n < sizeof(big); n++) {
            const sut_str s = one_json(&l, sut_str_of(big, n));
            assert_true(s.n <= SUT_LINE_MAX);
            assert_int_equal(lines(s), 1);
            assert_true(sut_str_ends(s, l.cut ? SUT_STR("\",\"cut\":true}\n") : SUT_STR("\"}\n")));
        }
    }
    memset(big, 'a', sizeof(big));
    for (size_t n = 1950; n < SUT_LINE_MAX; n++) {
        sut_line_reset(&l, true);
        sut_line_text(&l, "v", sut_str_of(big, n));
        sut_line_text(&l, "a_long_key", SUT_STR("b"));
        sut_line_int(&l, "i", INT64_MIN);
        sut_line_time(&l, "t", (sut_ms){ 0 });
        const bool was_cut = l.cut;
        const sut_str s = sut_line_end(&l);
        assert_true(sut_str_ends(s, SUT_STR("}\n")));
        assert_int_equal(was_cut, contains(s, ",\"cut\":true}"));
        /* A field is whole or not there. */
        assert_int_equal(contains(s, "a_long_key"), contains(s, "\"a_long_key\":\"b\"") ||
                                                        contains(s, "\"a_long_key\":\"\",\"cut\""));
        assert_int_equal(contains(s, "\"i\""), contains(s, "\"i\":-9223372036854775808"));
        assert_int_equal(contains(s, "\"t\""), contains(s, "\"t\":\"1970-01-01T00:00:00.000Z\""));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_time_level_role_event_and_fields, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_error_shows_its_code_and_place_and_errno, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(levels_below_the_least_are_not_written, set_up, tear_down),
        cmocka_unit_test(values_are_escaped),
        cmocka_unit_test(no_byte_string_makes_a_second_line_or_a_control_character),
        cmocka_unit_test(keys_that_are_badly_made_do_not_break_the_line),
        cmocka_unit_test_setup_teardown(a_long_line_is_cut_and_says_so, set_up, tear_down),
        cmocka_unit_test(times_are_right_over_leap_years_and_clamped_outside),
        cmocka_unit_test_setup_teardown(a_repeated_event_is_held_back_and_counted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_clock_that_steps_back_does_not_silence_an_event, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_held_back_is_told_at_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_events_than_slots_still_come_through, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(errno_survives_and_a_closed_descriptor_is_no_failure,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_of_several_threads_never_mix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_text_from_outside_is_no_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_is_a_word_of_few_characters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_address_is_not_written_as_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_id_is_thirty_two_hexadecimal_digits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_person_stands_there_as_a_pseudonym, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rotation_while_lines_are_written_shows_no_half_key,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(json_is_one_object_a_line, set_up, tear_down),
        cmocka_unit_test(json_escapes_what_it_must),
        cmocka_unit_test(json_that_is_cut_is_still_json),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
