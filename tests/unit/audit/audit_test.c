/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "base/buf.h"
#include "codec/json_out.h"
#include "store/audit_row.h"
#include "store_fixture.h"

static const enum sut_action actions[] = {
#define X(name, text) SUT_ACTION_##name,
#include "audit/actions.def"
#undef X
};
enum { ACTIONS = sizeof(actions) / sizeof(actions[0]) };

struct writing {
    enum sut_action action;
    int64_t user_id;
    sut_str resource;
    sut_str addr;
    sut_ms at;
    bool fails;
};

static SUT_ERR write_one(struct sut_db_conn *c, void *arg)
{
    const struct writing *w = arg;
    TRY(sut_audit_write(c, w->action, w->user_id, w->resource, w->addr, w->at));
    ENSURE(!w->fails, INVALID);
    return SUT_OK;
}

static int64_t listed(struct fixture *f, struct sut_audit_query q, struct sut_audit_row **ret)
{
    size_t n = 0;
    int64_t count = 0;
    q.limit = 50;
    OK(sut_audit_row_list(f->reader, f->arena, &q, ret, &n, &count));
    return count;
}

static void names_are_short_lower_case_and_different(void **state)
{
    (void) state;
    for (int i = 0; i < ACTIONS; i++) {
        const char *name = sut_action_name(actions[i]);
        assert_true(strlen(name) <= 50 && strchr(name, '.') != NULL);
        for (const char *p = name; *p != '\0'; p++)
            assert_true((*p >= 'a' && *p <= 'z') || *p == '_' || *p == '.');
        for (int k = 0; k < i; k++)
            assert_string_not_equal(name, sut_action_name(actions[k]));
    }
}

static void each_action_leaves_exactly_one_row(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_audit_row *rows = NULL;
    for (int i = 0; i < ACTIONS; i++) {
        struct writing w = { .action = actions[i],
                             .user_id = 12,
                             .resource = SUT_STR("order:89"),
                             .addr = SUT_STR("192.0.2.1"),
                             .at = { now.v + i } };
        OK(sut_store_write(f->store, write_one, &w));
        const struct sut_audit_query q = { .action = sut_str_from(sut_action_name(actions[i])) };
        assert_true(listed(f, q, &rows) == 1);
        assert_true(rows[0].user_id == 12 && rows[0].at.v == now.v + i);
        assert_true(sut_str_is(rows[0].resource, "order:89"));
        assert_true(sut_str_is(rows[0].ip, "192.0.2.1"));
    }
    assert_true(listed(f, (struct sut_audit_query){ 0 }, &rows) == ACTIONS);
    assert_true(rows[0].id > rows[1].id);
    const struct sut_audit_query one = { .since = { now.v + 2 }, .until = { now.v + 3 } };
    assert_true(listed(f, one, &rows) == 1);
    assert_true(rows[0].at.v == now.v + 2);
}

static void a_change_that_fails_leaves_none(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_audit_row *rows = NULL;
    const int64_t before = listed(f, (struct sut_audit_query){ 0 }, &rows);
    struct writing w = { .action = SUT_ACTION_USER_LOGIN, .at = now, .fails = true };
    assert_int_equal(sut_store_write(f->store, write_one, &w).code, SUT_E_INVALID);
    assert_true(listed(f, (struct sut_audit_query){ 0 }, &rows) == before);
}

static void nobody_and_nowhere_can_be_written(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_audit_row *rows = NULL;
    struct writing w = { .action = SUT_ACTION_USER_LOGIN_FAILED, .at = { now.v + 5000 } };
    OK(sut_store_write(f->store, write_one, &w));
    assert_true(listed(f, (struct sut_audit_query){ .since = { now.v + 5000 } }, &rows) == 1);
    assert_true(rows[0].user_id == 0 && rows[0].resource.n == 0 && rows[0].ip.n == 0);
}

static void what_is_too_long_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    char text[SUT_AUDIT_RESOURCE_MAX + 1];
    memset(text, 'x', sizeof(text));
    struct writing w = { .action = SUT_ACTION_USER_LOGIN,
                         .resource = sut_str_of(text, sizeof(text)),
                         .at = now };
    assert_int_equal(sut_store_write(f->store, write_one, &w).code, SUT_E_INVALID);
    w.resource.n--;
    OK(sut_store_write(f->store, write_one, &w));
    w.addr = sut_str_of(text, SUT_AUDIT_ADDR_MAX + 1);
    assert_int_equal(sut_store_write(f->store, write_one, &w).code, SUT_E_INVALID);
}

static SUT_ERR write_ids(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    const sut_ms at = { now.v + 9000 };
    TRY(sut_audit_write_id(c, SUT_ACTION_USER_UPDATE, 1, "user", 0, SUT_STR(""), at));
    TRY(sut_audit_write_id(c, SUT_ACTION_USER_UPDATE, 1, "user", 12, SUT_STR(""), at));
    return sut_audit_write_id(c, SUT_ACTION_USER_UPDATE, 1, "order", INT64_MAX, SUT_STR(""), at);
}

static void a_resource_can_be_a_kind_and_a_number(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_audit_row *rows = NULL;
    OK(sut_store_write(f->store, write_ids, NULL));
    assert_true(listed(f, (struct sut_audit_query){ .since = { now.v + 9000 } }, &rows) == 3);
    assert_true(sut_str_is(rows[2].resource, "user:0"));
    assert_true(sut_str_is(rows[1].resource, "user:12"));
    assert_true(sut_str_is(rows[0].resource, "order:9223372036854775807"));
}

static char long_state[SUT_AUDIT_STATE_MAX + 2];

static SUT_ERR write_changes(struct sut_db_conn *c, void *arg)
{
    const sut_ms at = { now.v + 12000 };
    const sut_str before = SUT_STR("{\"price\":\"1.00\"}");
    const sut_str after = SUT_STR("{\"price\":\"2.00\"}");
    (void) arg;
    memset(long_state, ' ', sizeof(long_state));
    long_state[0] = '{';
    long_state[sizeof(long_state) - 1] = '}';
    const sut_str large = sut_str_of(long_state, sizeof(long_state));
    TRY(sut_audit_write_change(c, SUT_ACTION_ADMIN_PRODUCT_UPDATE, 7, "product", 3, before, after,
                               SUT_STR("192.0.2.1"), at));
    TRY(sut_audit_write_change(c, SUT_ACTION_ADMIN_PRODUCT_ADD, 7, "product", 4, (sut_str){ 0 },
                               after, SUT_STR(""), at));
    TRY(sut_audit_write_change(c, SUT_ACTION_ADMIN_PRODUCT_DELETE, 7, "product", 4, large,
                               SUT_STR(""), SUT_STR(""), at));
    assert_int_equal(sut_audit_write_change(c, SUT_ACTION_ADMIN_PRODUCT_DELETE, 7, "product", 4,
                                            SUT_STR("[]"), SUT_STR(""), SUT_STR(""), at)
                         .code,
                     SUT_E_INVALID);
    return SUT_OK;
}

static void a_change_tells_what_was_and_what_is(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_audit_row *rows = NULL;
    OK(sut_store_write(f->store, write_changes, NULL));
    assert_true(listed(f, (struct sut_audit_query){ .since = { now.v + 12000 } }, &rows) == 3);
    assert_true(sut_str_is(rows[2].resource, "product:3"));
    assert_true(sut_str_is(rows[2].ip, "192.0.2.1"));
    assert_true(sut_str_is(rows[2].change,
                           "{\"before\":{\"price\":\"1.00\"},\"after\":{\"price\":\"2.00\"}}"));
    assert_true(sut_str_is(rows[1].change, "{\"before\":null,\"after\":{\"price\":\"2.00\"}}"));
    assert_true(sut_str_is(rows[0].change, "{\"before\":{\"cut\":4002},\"after\":null}"));
    assert_true(listed(f, (struct sut_audit_query){ .until = { now.v + 1 } }, &rows) > 0);
    assert_int_equal(rows[0].change.n, 0);
}

static void a_long_text_in_a_change_is_cut_between_characters(void **state)
{
    char text[SUT_AUDIT_TEXT_MAX + 2];
    struct sut_buf b;
    (void) state;
    sut_buf_init(&b, 4096);
    struct sut_jw w = sut_jw_of(&b);
    memset(text, 'x', sizeof(text));
    /* a character of two bytes where the cut would be */
    memcpy(text + SUT_AUDIT_TEXT_MAX - 4, "\xC3\xA9", 2);
    sut_audit_text(&w, sut_str_of(text, sizeof(text)));
    OK(sut_buf_check(&b));
    assert_int_equal(b.n, SUT_AUDIT_TEXT_MAX - 4 + 3 + 2);
    assert_true(sut_str_ends(sut_buf_str(&b), SUT_STR("x\xE2\x80\xA6\"")));
    sut_buf_reset(&b);
    sut_audit_text(&w, SUT_STR("short"));
    assert_true(sut_str_ends(sut_buf_str(&b), SUT_STR("\"short\"")));
    sut_buf_done(&b);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(names_are_short_lower_case_and_different, &f),
        cmocka_unit_test_prestate(each_action_leaves_exactly_one_row, &f),
        cmocka_unit_test_prestate(a_change_that_fails_leaves_none, &f),
        cmocka_unit_test_prestate(nobody_and_nowhere_can_be_written, &f),
        cmocka_unit_test_prestate(what_is_too_long_is_refused, &f),
        cmocka_unit_test_prestate(a_resource_can_be_a_kind_and_a_number, &f),
        cmocka_unit_test_prestate(a_change_tells_what_was_and_what_is, &f),
        cmocka_unit_test_prestate(a_long_text_in_a_change_is_cut_between_characters, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void) close_store(&state);
    return failed;
}
