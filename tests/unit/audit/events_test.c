/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "audit/events.h"
#include "base/mem.h"
#include "base/str.h"
#include "log/log.h"

enum { TEXT_MAX = 1 << 16 };
#define REQUEST "0123456789abcdef0123456789abcdef"

static int pipe_ends[2] = { -1, -1 };

static struct sut_events *events(void)
{
    struct sut_events *e = NULL;
    if (pipe_ends[0] < 0)
        assert_int_equal(pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK), 0);
    sut_log_init(SUT_LOG_DEBUG, SUT_LOG_LOGFMT, pipe_ends[1], "test");
    assert_false(sut_failed(sut_events_create(&e)));
    return e;
}

/* All lines written so far. */
static const char *lines(void)
{
    static char text[TEXT_MAX];
    const ssize_t n = read(pipe_ends[0], text, sizeof(text) - 1);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *p = strstr(text, what); p != NULL; p = strstr(p + 1, what))
        n++;
    return n;
}

static void an_event_is_a_line_with_what_is_known(void **state)
{
    (void) state;
    struct sut_events *e = events();
    sut_event_raise(e, SUT_EVENT_LOGIN_FAILED, (sut_ms){ 1000 },
                    &(struct sut_event_detail){ .route = "login",
                                                .request_id = REQUEST,
                                                .addr = "192.0.2.1",
                                                .reason = "password",
                                                .user_id = 12 });
    sut_event_raise(e, SUT_EVENT_CONFIG_WEAK, (sut_ms){ 1000 }, NULL);
    const char *text = lines();
    assert_int_equal(count(text, "security_event"), 2);
    assert_non_null(strstr(text, "type=login_failed"));
    assert_non_null(strstr(text, "route=login"));
    assert_non_null(strstr(text, "192.0.2.1"));
    assert_non_null(strstr(text, "reason=password"));
    assert_non_null(strstr(text, "person=p?"));
    assert_null(strstr(text, "user_id"));
    assert_non_null(strstr(text, "request_id=" REQUEST));
    assert_non_null(strstr(text, "type=config_weak"));
    assert_null(strstr(text, "held_back"));
    sut_events_free(&e);
    assert_null(e);
    sut_events_free(&e);
}

static void a_flood_is_counted_and_told_of_later(void **state)
{
    (void) state;
    struct sut_events *e = events();
    for (int i = 0; i < 1000; i++)
        sut_event_raise(e, SUT_EVENT_RATE_LIMITED, (sut_ms){ 5000 + i % 1000 }, NULL);
    sut_event_raise(e, SUT_EVENT_TOKEN_REPLAYED, (sut_ms){ 5500 }, NULL);
    const char *text = lines();
    assert_int_equal(count(text, "type=rate_limited"), SUT_EVENTS_PER_SECOND);
    assert_int_equal(count(text, "type=token_replayed"), 1);
    assert_int_equal(sut_events_count(e, SUT_EVENT_RATE_LIMITED), 1000);

    sut_events_flush(e, (sut_ms){ 5999 });
    assert_string_equal(lines(), "");
    sut_event_raise(e, SUT_EVENT_RATE_LIMITED, (sut_ms){ 6000 }, NULL);
    assert_non_null(strstr(lines(), "held_back=980"));
    sut_event_raise(e, SUT_EVENT_RATE_LIMITED, (sut_ms){ 6001 }, NULL);
    assert_null(strstr(lines(), "held_back"));
    sut_events_free(&e);
}

static void what_was_held_back_is_told_at_the_end(void **state)
{
    (void) state;
    struct sut_events *e = events();
    for (int i = 0; i < 25; i++)
        sut_event_raise(e, SUT_EVENT_HONEY_TOUCHED, (sut_ms){ 7000 }, NULL);
    (void) lines();
    sut_events_flush(e, (sut_ms){ 8000 });
    assert_non_null(strstr(lines(), "held_back=5"));
    for (int i = 0; i < 25; i++)
        sut_event_raise(e, SUT_EVENT_HONEY_TOUCHED, (sut_ms){ 9000 }, NULL);
    (void) lines();
    sut_events_free(&e);
    assert_non_null(strstr(lines(), "held_back=5"));
}

static void every_type_has_a_name_of_its_own(void **state)
{
    (void) state;
    for (unsigned i = 0; i < SUT_EVENT_TYPES; i++)
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(sut_event_name((enum sut_event_type) i),
                                    sut_event_name((enum sut_event_type) k));
}

static void without_memory_there_is_none(void **state)
{
    (void) state;
    struct sut_events *e = NULL;
    sut_mem_fault_nth(1);
    assert_int_equal(sut_events_create(&e).code, SUT_E_NOMEM);
    sut_mem_fault_nth(0);
    assert_null(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_a_line_with_what_is_known),
        cmocka_unit_test(a_flood_is_counted_and_told_of_later),
        cmocka_unit_test(what_was_held_back_is_told_at_the_end),
        cmocka_unit_test(every_type_has_a_name_of_its_own),
        cmocka_unit_test(without_memory_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
