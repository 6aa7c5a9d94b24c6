/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/diag.h"
#include "os/dir.h"
#include "os/fd.h"

static char base[64];

static const char *at(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", base, name);
    return path;
}

static int set_up(void **state)
{
    (void) state;
    snprintf(base, sizeof(base), "/tmp/sutler-dir-XXXXXX");
    return mkdtemp(base) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void) state;
    static const char *const names[] = { "d", "lock", "new", "secret", "big", "file" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (rmdir(at(names[i])) != 0)
            unlink(at(names[i]));
    return rmdir(base);
}

static void a_new_folder_is_private_and_an_old_one_is_accepted(void **state)
{
    (void) state;
    bool made = false;
    struct sut_diag diag = { .text = "" };
    assert_false(sut_failed(sut_dir_make_private(at("d"), &made, &diag)));
    assert_true(made);
    struct stat st;
    assert_int_equal(stat(at("d"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_false(sut_failed(sut_dir_make_private(at("d"), &made, NULL)));
    assert_false(made);
}

static void a_folder_open_to_others_is_refused_with_a_hint(void **state)
{
    (void) state;
    struct sut_diag diag = { .text = "" };
    assert_int_equal(mkdir(at("d"), 0700), 0);
    assert_int_equal(chmod(at("d"), 0750), 0);
    assert_int_equal(sut_dir_make_private(at("d"), NULL, &diag).code, SUT_E_DENIED);
    assert_non_null(strstr(diag.text, "0750"));
    assert_non_null(strstr(diag.hint, "chmod 700"));
}

static void what_is_no_folder_is_refused(void **state)
{
    (void) state;
    struct sut_diag diag = { .text = "" };
    assert_false(sut_failed(sut_dir_write_new(at("file"), SUT_STR("x"))));
    assert_int_equal(sut_dir_make_private(at("file"), NULL, &diag).code, SUT_E_DENIED);
    assert_int_equal(sut_dir_make_private(at("no/such"), NULL, &diag).code, SUT_E_SYSTEM);
}

static void a_lock_is_held_by_one_alone(void **state)
{
    (void) state;
    struct sut_diag diag = { .text = "" };
    int fd = -1;
    int second = -1;
    assert_false(sut_failed(sut_dir_lock(at("lock"), &fd, &diag)));
    assert_int_equal(sut_dir_lock(at("lock"), &second, &diag).code, SUT_E_BUSY);
    assert_non_null(strstr(diag.text, "pid"));
    sut_fd_close(&fd);
    assert_false(sut_failed(sut_dir_lock(at("lock"), &second, &diag)));
    sut_fd_close(&second);
}

static void a_new_file_is_private_and_never_overwritten(void **state)
{
    (void) state;
    struct sut_buf b;
    sut_buf_init(&b, 100);
    assert_false(sut_failed(sut_dir_write_new(at("new"), SUT_STR("one"))));
    assert_int_equal(sut_dir_write_new(at("new"), SUT_STR("two")).code, SUT_E_EXISTS);
    assert_false(sut_failed(sut_dir_read_private(at("new"), 100, &b, NULL)));
    assert_true(sut_str_is(sut_buf_str(&b), "one"));
    sut_buf_reset(&b);
    assert_false(sut_failed(sut_dir_replace(at("new"), SUT_STR("three"))));
    assert_false(sut_failed(sut_dir_read_file(at("new"), 5, &b)));
    assert_true(sut_str_is(sut_buf_str(&b), "three"));
    sut_buf_reset(&b);
    assert_int_equal(sut_dir_read_file(at("new"), 4, &b).code, SUT_E_TOO_LARGE);
    sut_buf_done(&b);
}

static void a_secret_open_to_others_is_refused(void **state)
{
    (void) state;
    struct sut_diag diag = { .text = "" };
    struct sut_buf b;
    sut_buf_init(&b, 100);
    assert_false(sut_failed(sut_dir_write_new(at("secret"), SUT_STR("key"))));
    assert_int_equal(chmod(at("secret"), 0640), 0);
    assert_int_equal(sut_dir_read_private(at("secret"), 100, &b, &diag).code, SUT_E_DENIED);
    assert_int_equal(b.n, 0);
    assert_non_null(strstr(diag.hint, "chmod 600"));
    assert_int_equal(sut_dir_read_private(at("absent"), 100, &b, &diag).code, SUT_E_NOT_FOUND);
    sut_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_folder_is_private_and_an_old_one_is_accepted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_folder_open_to_others_is_refused_with_a_hint, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_folder_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lock_is_held_by_one_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_file_is_private_and_never_overwritten, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_secret_open_to_others_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
