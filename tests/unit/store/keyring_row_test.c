/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "store/keyring_row.h"
#include "store/store.h"
#include "temp_store.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

static const sut_ms now = { INT64_C(1770000000000) };
static enum sut_db_kind kind;

/* What a write job of these tests does. */
enum verb { ADD, ACTIVATE, FORGET, REWRAP };

struct change {
    enum verb verb;
    struct sut_keyring_row row;
    const char *wrapped;
    sut_ms now;
};

static sut_err run(struct sut_db_conn *c, void *arg)
{
    const struct change *const ch = arg;
    switch (ch->verb) {
    case ADD:
        return sut_keyring_row_add(c, &ch->row);
    case ACTIVATE:
        return sut_keyring_row_activate(c, ch->row.purpose, ch->row.version, ch->now);
    case FORGET:
        return sut_keyring_row_forget(c, ch->row.purpose, ch->row.version);
    case REWRAP:
        break;
    }
    return sut_keyring_row_rewrap(c, &ch->row, sut_str_from(ch->wrapped));
}

static struct sut_keyring_row row_of(enum sut_key_purpose purpose, uint32_t version,
                                     enum sut_keyring_state state)
{
    struct sut_keyring_row r = {
        .purpose = purpose, .version = version, .state = state, .created_at = now, .wrapped_n = 3
    };
    memcpy(r.wrapped, "abc", 3);
    return r;
}

static sut_err add(struct sut_store *s, enum sut_key_purpose purpose, uint32_t version,
                   enum sut_keyring_state state)
{
    struct change ch = { .verb = ADD, .row = row_of(purpose, version, state) };
    return sut_store_write(s, run, &ch);
}

static sut_err change(struct sut_store *s, enum verb verb, enum sut_key_purpose purpose,
                      uint32_t version)
{
    struct change ch = { .verb = verb, .now = { now.v + version } };
    ch.row.purpose = purpose;
    ch.row.version = version;
    return sut_store_write(s, run, &ch);
}

static size_t load(struct sut_store *s, enum sut_key_purpose purpose, struct sut_keyring_row *ret)
{
    struct sut_db_conn *c = NULL;
    size_t n = 0;
    OK(sut_store_lease(s, &c));
    OK(sut_keyring_row_load(c, purpose, ret, SUT_KEYRING_VERSIONS_MAX, &n));
    sut_store_return(s, &c);
    return n;
}

static sut_err empty(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "DELETE FROM keyring");
}

/* A store without the keys that its opening made. */
static int open_store(void **state)
{
    struct temp_store *t = temp_store_create(kind);
    *state = t;
    if (t == NULL)
        return kind == SUT_DB_SQLITE ? -1 : 0;
    return sut_failed(sut_store_write(temp_store_of(t), empty, NULL)) ? -1 : 0;
}

static int close_store(void **state)
{
    struct temp_store *t = *state;
    temp_store_free(&t);
    return 0;
}

static struct sut_store *store_of(void **state)
{
    if (*state == NULL)
        skip();
    return temp_store_of(*state);
}

static void one_is_current_and_the_others_come_newest_first(void **state)
{
    struct sut_store *s = store_of(state);
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    assert_int_equal(load(s, SUT_KEY_LINK, rows), 0);
    OK(add(s, SUT_KEY_LINK, 1, SUT_KEYRING_CURRENT));
    OK(add(s, SUT_KEY_LINK, 2, SUT_KEYRING_NEXT));
    assert_int_equal(load(s, SUT_KEY_LINK, rows), 2);
    assert_int_equal(rows[0].version, 1);
    assert_int_equal(rows[0].state, SUT_KEYRING_CURRENT);
    assert_int_equal(rows[1].state, SUT_KEYRING_NEXT);
    assert_int_equal(rows[0].purpose, SUT_KEY_LINK);
    assert_memory_equal(rows[0].wrapped, "abc", 3);

    OK(change(s, ACTIVATE, SUT_KEY_LINK, 2));
    OK(add(s, SUT_KEY_LINK, 3, SUT_KEYRING_NEXT));
    OK(change(s, ACTIVATE, SUT_KEY_LINK, 3));
    assert_int_equal(load(s, SUT_KEY_LINK, rows), 3);
    assert_int_equal(rows[0].version, 3);
    assert_int_equal(rows[0].created_at.v, now.v + 3);
    assert_int_equal(rows[1].version, 2);
    assert_int_equal(rows[2].version, 1);
    assert_int_equal(rows[2].state, SUT_KEYRING_PREVIOUS);

    OK(change(s, FORGET, SUT_KEY_LINK, 2));
    assert_int_equal(load(s, SUT_KEY_LINK, rows), 2);
    assert_int_equal(rows[1].version, 1);
}

static void refuses_what_would_lose_or_double_a_key(void **state)
{
    struct sut_store *s = store_of(state);
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    /* The first is current, and only the first. */
    assert_int_equal(add(s, SUT_KEY_DATA, 1, SUT_KEYRING_NEXT).code, SUT_E_EXISTS);
    OK(add(s, SUT_KEY_DATA, 1, SUT_KEYRING_CURRENT));
    assert_int_equal(add(s, SUT_KEY_DATA, 2, SUT_KEYRING_CURRENT).code, SUT_E_EXISTS);
    assert_int_equal(add(s, SUT_KEY_DATA, 1, SUT_KEYRING_NEXT).code, SUT_E_EXISTS);
    assert_int_equal(add(s, SUT_KEY_DATA, 2, SUT_KEYRING_PREVIOUS).code, SUT_E_INVALID);
    OK(add(s, SUT_KEY_DATA, 2, SUT_KEYRING_NEXT));
    /* One next key at a time. */
    assert_int_equal(add(s, SUT_KEY_DATA, 3, SUT_KEYRING_NEXT).code, SUT_E_BUSY);
    /* The current and the next are never forgotten; what is no next key never becomes current. */
    assert_int_equal(change(s, FORGET, SUT_KEY_DATA, 1).code, SUT_E_NOT_FOUND);
    assert_int_equal(change(s, FORGET, SUT_KEY_DATA, 2).code, SUT_E_NOT_FOUND);
    assert_int_equal(change(s, FORGET, SUT_KEY_DATA, 7).code, SUT_E_NOT_FOUND);
    assert_int_equal(change(s, ACTIVATE, SUT_KEY_DATA, 1).code, SUT_E_NOT_FOUND);
    assert_int_equal(change(s, ACTIVATE, SUT_KEY_DATA, 7).code, SUT_E_NOT_FOUND);
    assert_int_equal(load(s, SUT_KEY_DATA, rows), 2);
    assert_int_equal(rows[0].version, 1);

    struct change odd = { .verb = ADD, .row = row_of(SUT_KEY_MEDIA, 1, SUT_KEYRING_CURRENT) };
    odd.row.wrapped_n = 0;
    assert_int_equal(sut_store_write(s, run, &odd).code, SUT_E_INVALID);
    odd.row.wrapped_n = SUT_WRAPPED_MAX + 1;
    assert_int_equal(sut_store_write(s, run, &odd).code, SUT_E_INVALID);
}

static void keeps_sixteen_previous_keys_and_no_more(void **state)
{
    struct sut_store *s = store_of(state);
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    OK(add(s, SUT_KEY_TOKEN, 1, SUT_KEYRING_CURRENT));
    for (uint32_t v = 2; v <= 1 + SUT_KEYRING_PREVIOUS_MAX; v++) {
        OK(add(s, SUT_KEY_TOKEN, v, SUT_KEYRING_NEXT));
        OK(change(s, ACTIVATE, SUT_KEY_TOKEN, v));
    }
    assert_int_equal(load(s, SUT_KEY_TOKEN, rows), 1 + SUT_KEYRING_PREVIOUS_MAX);
    assert_int_equal(add(s, SUT_KEY_TOKEN, 99, SUT_KEYRING_NEXT).code, SUT_E_BUSY);
    OK(change(s, FORGET, SUT_KEY_TOKEN, 1));
    OK(add(s, SUT_KEY_TOKEN, 99, SUT_KEYRING_NEXT));
    assert_int_equal(load(s, SUT_KEY_TOKEN, rows), 1 + SUT_KEYRING_PREVIOUS_MAX);
}

static void rewrapping_replaces_exactly_what_was_read(void **state)
{
    struct sut_store *s = store_of(state);
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    OK(add(s, SUT_KEY_INDEX, 1, SUT_KEYRING_CURRENT));
    struct change ch = { .verb = REWRAP, .wrapped = "defg" };
    ch.row = row_of(SUT_KEY_INDEX, 1, SUT_KEYRING_CURRENT);
    OK(sut_store_write(s, run, &ch));
    assert_int_equal(load(s, SUT_KEY_INDEX, rows), 1);
    assert_int_equal(rows[0].wrapped_n, 4);
    assert_memory_equal(rows[0].wrapped, "defg", 4);
    /* The same again: those bytes are not there any more. */
    assert_int_equal(sut_store_write(s, run, &ch).code, SUT_E_CONFLICT);
}

static sut_err add_strange(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "INSERT INTO keyring (purpose, version, state, wrapped, created_at)"
                            " SELECT 'of-a-newer-program', 1, 1, wrapped, 5 FROM keyring");
}

static sut_err spoil(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "UPDATE keyring SET state = 9");
}

static void the_list_shows_all_that_this_program_knows(void **state)
{
    struct sut_store *s = store_of(state);
    static struct sut_keyring_row rows[SUT_KEYRING_ROWS_MAX];
    struct sut_db_conn *c = NULL;
    size_t n = 0;
    OK(add(s, SUT_KEY_AUDIT, 1, SUT_KEYRING_CURRENT));
    OK(sut_store_write(s, add_strange, NULL));
    OK(add(s, SUT_KEY_TOKEN, 1, SUT_KEYRING_CURRENT));
    OK(add(s, SUT_KEY_TOKEN, 2, SUT_KEYRING_NEXT));
    OK(sut_store_lease(s, &c));
    OK(sut_keyring_row_list(c, rows, SUT_KEYRING_ROWS_MAX, &n));
    assert_int_equal(n, 3);
    assert_int_equal(rows[0].purpose, SUT_KEY_AUDIT);
    assert_int_equal(rows[1].purpose, SUT_KEY_TOKEN);
    assert_int_equal(rows[2].version, 2);
    assert_int_equal(sut_keyring_row_list(c, rows, 2, &n).code, SUT_E_TOO_LARGE);
    sut_store_return(s, &c);
    OK(sut_store_write(s, spoil, NULL));
    OK(sut_store_lease(s, &c));
    assert_int_equal(sut_keyring_row_list(c, rows, SUT_KEYRING_ROWS_MAX, &n).code, SUT_E_CORRUPT);
    sut_store_return(s, &c);
}

int main(int argc, char **argv)
{
    kind = temp_store_kind(argc, argv);
#define EACH(test_) cmocka_unit_test_setup_teardown(test_, open_store, close_store)
    const struct CMUnitTest tests[] = {
        EACH(one_is_current_and_the_others_come_newest_first),
        EACH(refuses_what_would_lose_or_double_a_key),
        EACH(keeps_sixteen_previous_keys_and_no_more),
        EACH(rewrapping_replaces_exactly_what_was_read),
        EACH(the_list_shows_all_that_this_program_knows),
    };
    return cmocka_run_group_tests_name("keyring_row", tests, NULL, NULL);
}
