/* SPDX-License-Identifier: Apache-2.0
 *
 * Pseudonyms under the keyring's keys, through a keeper.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <unistd.h>

#include "log/log.h"
#include "prog/pseudonym.h"
#include "store/keys.h"
#include "temp_store.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

static const sut_ms now = { INT64_C(1770000000000) };
static enum sut_db_kind kind;
static struct temp_store *temp;
static struct sut_store *store;
static struct sut_keeper *keeper;
static struct sut_pseudonyms *pseudonyms;
static int log_fd = -1;

static int set_up(void **state)
{
    (void) state;
    temp = temp_store_create(kind);
    if (temp == NULL)
        return kind == SUT_DB_SQLITE ? -1 : 0;
    store = temp_store_of(temp);
    keeper = temp_store_keeper(temp);
    log_fd = memfd_create("log", MFD_CLOEXEC);
    sut_log_init(SUT_LOG_INFO, SUT_LOG_JSON, log_fd, "worker");
    return sut_failed(sut_keys_first(store, keeper, SUT_KEY_PSEUDONYM, now)) ||
                   sut_failed(sut_pseudonyms_create(&pseudonyms))
               ? -1
               : 0;
}

static int tear_down(void **state)
{
    (void) state;
    sut_pseudonyms_free(&pseudonyms);
    if (temp != NULL)
        temp_store_free(&temp);
    sut_log_init(SUT_LOG_INFO, SUT_LOG_LOGFMT, STDERR_FILENO, "test");
    (void) close(log_fd);
    return 0;
}

static void need_store(void)
{
    if (temp == NULL)
        skip();
}

/* What the log writes for this person now; without the quotes. */
static sut_str in_log(int64_t person)
{
    static char text[4096];
    assert_int_equal(ftruncate(log_fd, 0), 0);
    assert_int_equal(lseek(log_fd, 0, SEEK_SET), 0);
    sut_log(SUT_LOG_INFO, "e", LOG_PERSON("person", person));
    const ssize_t n = pread(log_fd, text, sizeof(text), 0);
    assert_true(n > 0);
    const sut_str all = sut_str_of(text, (size_t) n);
    const char *at = memmem(all.p, all.n, "\"person\":\"", 10);
    assert_non_null(at);
    at += 10;
    return sut_str_of(at, (size_t) (all.p + all.n - at) - (sizeof("\"}\n") - 1));
}

static void rotate(void)
{
    uint32_t version = 0;
    OK(sut_keys_add_next(store, keeper, SUT_KEY_PSEUDONYM, now, &version));
    OK(sut_keys_activate(store, SUT_KEY_PSEUDONYM, version, now));
}

static void the_log_and_the_server_say_the_same(void **state)
{
    (void) state;
    need_store();
    char text[SUT_PSEUDONYM_TEXT];
    assert_true(sut_str_is(in_log(7), "p?"));
    OK(sut_pseudonyms_load(pseudonyms, store, keeper));
    assert_true(sut_pseudonyms_of(pseudonyms, 7, text));
    assert_true(sut_str_eq(in_log(7), sut_str_of(text, sizeof(text))));
    assert_true(sut_pseudonyms_of(pseudonyms, 8, text));
    assert_false(sut_str_eq(in_log(7), sut_str_of(text, sizeof(text))));
    /* The same after a start: it hangs on the keyring's key alone. */
    sut_pseudonyms_free(&pseudonyms);
    assert_true(sut_str_is(in_log(8), "p?"));
    OK(sut_pseudonyms_create(&pseudonyms));
    OK(sut_pseudonyms_load(pseudonyms, store, keeper));
    assert_true(sut_str_eq(in_log(8), sut_str_of(text, sizeof(text))));
}

static void a_rotation_changes_it_and_the_older_is_found_as_long_as_its_key_is(void **state)
{
    (void) state;
    need_store();
    char before[SUT_PSEUDONYM_TEXT];
    char after[SUT_PSEUDONYM_TEXT];
    const int64_t people[] = { 5, 6, 7 };
    const sut_str old = sut_str_of(before, sizeof(before));
    OK(sut_pseudonyms_load(pseudonyms, store, keeper));
    assert_true(sut_pseudonyms_of(pseudonyms, 6, before));
    uint32_t version = 0;
    OK(sut_keys_add_next(store, keeper, SUT_KEY_PSEUDONYM, now, &version));
    OK(sut_pseudonyms_load(pseudonyms, store, keeper));
    assert_true(sut_str_eq(in_log(6), old)); /* a next key is not used yet */
    OK(sut_keys_activate(store, SUT_KEY_PSEUDONYM, version, now));
    OK(sut_pseudonyms_load(pseudonyms, store, keeper));
    assert_true(sut_pseudonyms_of(pseudonyms, 6, after));
    assert_false(sut_str_eq(old, sut_str_of(after, sizeof(after))));
    assert_true(sut_str_eq(in_log(6), sut_str_of(after, sizeof(after))));
    assert_int_equal(sut_pseudonyms_match(pseudonyms, old, people, 3), 1);
    assert_int_equal(sut_pseudonyms_match(pseudonyms, sut_str_of(after, sizeof(after)), people, 3),
                     1);
    assert_int_equal(sut_pseudonyms_match(pseudonyms, SUT_STR("p0123456789abcdef"), people, 3), 3);
    assert_int_equal(sut_pseudonyms_match(pseudonyms, SUT_STR("nobody"), people, 3), 3);
    OK(sut_keys_forget(store, SUT_KEY_PSEUDONYM, version - 1));
    OK(sut_pseudonyms_load(pseudonyms, store, keeper));
    assert_int_equal(sut_pseudonyms_match(pseudonyms, old, people, 3), 3);
}

static SUT_ERR forge_job(struct sut_db_conn *c, void *arg)
{
    const struct sut_keyring_row *row = arg;
    char wrapped[SUT_WRAPPED_MAX];
    memcpy(wrapped, row->wrapped, row->wrapped_n);
    wrapped[row->wrapped_n - 1] = (char) (wrapped[row->wrapped_n - 1] ^ 1);
    return sut_keyring_row_rewrap(c, row, sut_str_of(wrapped, row->wrapped_n));
}

static void an_altered_key_is_refused_and_the_one_before_stays(void **state)
{
    (void) state;
    need_store();
    char text[SUT_PSEUDONYM_TEXT];
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    size_t n = 0;
    rotate();
    OK(sut_pseudonyms_load(pseudonyms, store, keeper));
    assert_true(sut_pseudonyms_of(pseudonyms, 9, text));
    OK(sut_keys_load(store, SUT_KEY_PSEUDONYM, rows, SUT_KEYRING_VERSIONS_MAX, &n));
    assert_true(n > 0);
    OK(sut_store_write(store, forge_job, &rows[0]));
    assert_int_equal(sut_pseudonyms_load(pseudonyms, store, keeper).code, SUT_E_CORRUPT);
    assert_true(sut_str_eq(in_log(9), sut_str_of(text, sizeof(text))));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_log_and_the_server_say_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_rotation_changes_it_and_the_older_is_found_as_long_as_its_key_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_altered_key_is_refused_and_the_one_before_stays, set_up,
                                        tear_down),
    };
    kind = temp_store_kind(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
