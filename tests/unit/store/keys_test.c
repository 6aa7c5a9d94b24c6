/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto/wrap.h"
#include "store/keys.h"
#include "temp_store.h"
#include "test_keeper.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

static const sut_ms now = { INT64_C(1770000000000) };
static enum sut_db_kind kind;
static struct temp_store *temp;
static struct sut_store *store;
static struct sut_keeper *keeper;

static int open_store(void **state)
{
    (void) state;
    temp = temp_store_create(kind);
    if (temp == NULL)
        return kind == SUT_DB_SQLITE ? -1 : 0;
    store = temp_store_of(temp);
    keeper = temp_store_keeper(temp);
    return 0;
}

static int close_store(void **state)
{
    (void) state;
    temp_store_free(&temp);
    return 0;
}

static void is_ready(void)
{
    if (temp == NULL)
        skip();
}

static size_t count(enum sut_key_purpose purpose, struct sut_keyring_row *rows)
{
    size_t n = 0;
    OK(sut_keys_load(store, purpose, rows, SUT_KEYRING_VERSIONS_MAX, &n));
    return n;
}

static void first_keys_are_made_once_and_never_that_of_the_file(void **state)
{
    (void) state;
    is_ready();
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    DEFER(sut_secret_free) struct sut_secret *a = NULL;
    DEFER(sut_secret_free) struct sut_secret *b = NULL;
    struct sut_secret *stays = NULL;
    uint32_t version = 0;
    OK(sut_keys_first_all(store, keeper, now));
    OK(sut_keys_current(store, keeper, SUT_KEY_TOKEN, &a, &version));
    OK(sut_keys_first_all(store, keeper, now));
    OK(sut_keys_current(store, keeper, SUT_KEY_TOKEN, &b, NULL));
    assert_int_equal(version, 1);
    assert_true(sut_secret_eq(sut_secret_str(a), sut_secret_str(b)));
    assert_int_equal(count(SUT_KEY_FILE, rows), 0);
    assert_int_equal(sut_keys_current(store, keeper, SUT_KEY_FILE, &stays, NULL).code,
                     SUT_E_NOT_FOUND);
    assert_int_equal(sut_keys_current(store, keeper, SUT_KEY_AUDIT, &stays, NULL).code,
                     SUT_E_DENIED);
    assert_null(stays);
}

static void each_step_of_a_change_may_be_made_twice(void **state)
{
    (void) state;
    is_ready();
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    uint32_t version = 0;
    OK(sut_keys_first(store, keeper, SUT_KEY_LINK, now));
    for (int i = 0; i < 2; i++) {
        OK(sut_keys_add_next(store, keeper, SUT_KEY_LINK, now, &version));
        assert_int_equal(version, 2);
    }
    for (int i = 0; i < 2; i++)
        OK(sut_keys_activate(store, SUT_KEY_LINK, 2, now));
    assert_int_equal(count(SUT_KEY_LINK, rows), 2);
    assert_int_equal(rows[0].version, 2);
    assert_int_equal(rows[1].state, SUT_KEYRING_PREVIOUS);
    for (int i = 0; i < 2; i++)
        OK(sut_keys_forget(store, SUT_KEY_LINK, 1));
    assert_int_equal(count(SUT_KEY_LINK, rows), 1);
    /* And what would leave nothing is none. */
    assert_int_equal(sut_keys_forget(store, SUT_KEY_LINK, 2).code, SUT_E_NOT_FOUND);
    assert_int_equal(sut_keys_activate(store, SUT_KEY_LINK, 7, now).code, SUT_E_NOT_FOUND);
}

/* As a key was wrapped before there were versions: the newest master key has not wrapped it. */
static sut_err put_old_format(struct sut_db_conn *c, void *arg)
{
    struct sut_keyring_row *const row = arg;
    char bytes[SUT_WRAPPED_MAX];
    struct sut_buf b = { .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
    TRY(sut_wrap(&sut_random_system, sut_str_of(test_master_key, 32),
                 sut_str_from(sut_key_purpose_word(row->purpose)),
                 SUT_STR("0123456789abcdef0123456789abcdef"), &b));
    return sut_keyring_row_rewrap(c, row, sut_buf_str(&b));
}

static sut_err add_strange(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "INSERT INTO keyring (purpose, version, state, wrapped, created_at)"
                            " SELECT 'of-a-newer-program', 1, 1, wrapped, 5 FROM keyring"
                            " WHERE purpose = 'media'");
}

static sut_err drop_strange(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "DELETE FROM keyring WHERE purpose = 'of-a-newer-program'");
}

static void all_are_wrapped_anew_or_none(void **state)
{
    (void) state;
    is_ready();
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    DEFER(sut_secret_free) struct sut_secret *key = NULL;
    size_t changed = 9;
    OK(sut_keys_first_all(store, keeper, now));
    OK(sut_keys_rewrap_all(store, keeper, &changed));
    assert_int_equal(changed, 0);
    assert_int_equal(count(SUT_KEY_MEDIA, rows), 1);
    OK(sut_store_write(store, put_old_format, &rows[0]));

    OK(sut_store_write(store, add_strange, NULL));
    assert_int_equal(sut_keys_rewrap_all(store, keeper, &changed).code, SUT_E_INVALID);
    assert_int_equal(count(SUT_KEY_MEDIA, rows), 1);
    assert_int_equal(rows[0].wrapped[0], 1);

    OK(sut_store_write(store, drop_strange, NULL));
    OK(sut_keys_rewrap_all(store, keeper, &changed));
    assert_int_equal(changed, 1);
    assert_int_equal(count(SUT_KEY_MEDIA, rows), 1);
    assert_int_equal(rows[0].wrapped[0], 2);
    OK(sut_keys_current(store, keeper, SUT_KEY_MEDIA, &key, NULL));
    assert_memory_equal(sut_secret_str(key).p, "0123456789abcdef0123456789abcdef", 32);
}

static void the_stamp_changes_with_the_keyring_and_with_nothing_else(void **state)
{
    (void) state;
    is_ready();
    unsigned char a[SUT_KEYS_STAMP];
    unsigned char b[SUT_KEYS_STAMP];
    uint32_t version = 0;
    OK(sut_keys_first(store, keeper, SUT_KEY_LINK, now));
    OK(sut_keys_stamp(store, a));
    OK(sut_keys_first(store, keeper, SUT_KEY_LINK, now));
    OK(sut_keys_stamp(store, b));
    assert_memory_equal(a, b, sizeof(a));
    OK(sut_keys_add_next(store, keeper, SUT_KEY_LINK, now, &version));
    OK(sut_keys_stamp(store, b));
    assert_memory_not_equal(a, b, sizeof(a));
    OK(sut_keys_activate(store, SUT_KEY_LINK, version, now));
    OK(sut_keys_stamp(store, a));
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(int argc, char **argv)
{
    kind = temp_store_kind(argc, argv);
#define EACH(test_) cmocka_unit_test_setup_teardown(test_, open_store, close_store)
    const struct CMUnitTest tests[] = {
        EACH(first_keys_are_made_once_and_never_that_of_the_file),
        EACH(each_step_of_a_change_may_be_made_twice),
        EACH(all_are_wrapped_anew_or_none),
        EACH(the_stamp_changes_with_the_keyring_and_with_nothing_else),
    };
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
