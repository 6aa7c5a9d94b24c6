/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/keyfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];

static const char *path_of(const char *name)
{
    static char path[512];
    (void) snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, const char *text, size_t n, mode_t mode)
{
    (void) unlink(path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), (ssize_t) n);
    assert_int_equal(fchmod(fd, mode), 0);
    (void) close(fd);
}

static int set_up(void **state)
{
    (void) state;
    (void) snprintf(folder, sizeof(folder), "%s/sutler-keyfile-XXXXXX",
                    getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void) state;
    static const char *const names[] = { "keys/master.key", "store.key", "other/master.key",
                                         "keys/linked" };
    for (size_t i = 0; i < 4; i++)
        (void) unlink(path_of(names[i]));
    (void) rmdir(path_of("keys"));
    (void) rmdir(path_of("other"));
    return rmdir(folder);
}

static sut_err master(bool may_create, struct sut_secret **ret, struct sut_diag *diag)
{
    char keys[512];
    (void) snprintf(keys, sizeof(keys), "%s", path_of("keys"));
    *diag = (struct sut_diag){ .text = "" };
    return sut_master_load_or_create(keys, NULL, may_create, &sut_random_system, ret, diag);
}

static void is_made_once_in_a_closed_folder_and_read_again(void **state)
{
    (void) state;
    struct sut_secret *a = NULL;
    struct sut_secret *b = NULL;
    struct sut_diag d;
    struct stat st;
    assert_false(sut_failed(master(true, &a, &d)));
    assert_false(sut_failed(master(true, &b, &d)));
    assert_true(sut_str_eq(sut_secret_str(a), sut_secret_str(b)));
    assert_int_equal(sut_secret_str(a).n, SUT_MASTER_SIZE);
    assert_int_equal(stat(path_of("keys"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(path_of("keys/master.key"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 65);
    assert_int_equal(st.st_nlink, 1);
    sut_secret_free(&a);
    sut_secret_free(&b);
}

static void a_missing_key_is_not_made_where_there_is_data(void **state)
{
    (void) state;
    struct sut_secret *key = NULL;
    struct sut_diag d;
    assert_int_equal(master(false, &key, &d).code, SUT_E_NOT_FOUND);
    assert_non_null(strstr(d.text, "master.key is missing"));
    assert_int_equal(access(path_of("keys"), F_OK), -1);
    assert_false(sut_failed(master(true, &key, &d)));
    sut_secret_free(&key);
    assert_int_equal(unlink(path_of("keys/master.key")), 0);
    assert_int_equal(master(false, &key, &d).code, SUT_E_NOT_FOUND);
    assert_null(key);
}

static void refuses_what_others_can_read_or_what_is_no_key(void **state)
{
    (void) state;
    struct sut_secret *key = NULL;
    struct sut_diag d;
    char file[512];
    char raw[33] = { 1 };
    static const char hex[] = "000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f";
    assert_false(sut_failed(master(true, &key, &d)));
    sut_secret_free(&key);
    (void) snprintf(file, sizeof(file), "%s", path_of("keys/master.key"));

    const mode_t modes[] = { 0640, 0604, 0660, 0644 };
    for (size_t i = 0; i < 4; i++) {
        write_file(file, hex, 64, modes[i]);
        assert_int_equal(master(true, &key, &d).code, SUT_E_INVALID);
        assert_non_null(strstr(d.text, "open to other users"));
        assert_non_null(strstr(d.hint, "chmod 600"));
    }
    const struct {
        const char *text;
        size_t n;
    } bad[] = { { "", 0 },
                { hex, 63 },
                { hex, 31 },
                { raw, 33 },
                { "zz0102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f", 64 } };
    for (size_t i = 0; i < 5; i++) {
        write_file(file, bad[i].text, bad[i].n, 0600);
        assert_int_equal(master(true, &key, &d).code, SUT_E_INVALID);
        assert_non_null(strstr(d.text, "not a master key"));
        /* What is wrong with a key never says what the key is. */
        assert_null(strstr(d.text, "0102030405"));
    }
    write_file(file, raw, 32, 0600);
    assert_false(sut_failed(master(true, &key, &d)));
    sut_secret_free(&key);

    assert_int_equal(chmod(path_of("keys"), 0755), 0);
    assert_int_equal(master(true, &key, &d).code, SUT_E_INVALID);
    assert_non_null(strstr(d.hint, "chmod 700"));
    assert_int_equal(chmod(path_of("keys"), 0700), 0);

    (void) unlink(file);
    write_file(path_of("keys/linked"), hex, 64, 0600);
    assert_int_equal(symlink("linked", file), 0);
    assert_int_equal(master(true, &key, &d).code, SUT_E_SYSTEM);
    assert_non_null(strstr(d.text, "symbolic link"));
    (void) unlink(file);
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_int_equal(master(true, &key, &d).code, SUT_E_INVALID);
    assert_non_null(strstr(d.text, "not a plain file"));
    if (geteuid() == 0) {
        write_file(file, hex, 64, 0600);
        assert_int_equal(chown(file, 12345, 12345), 0);
        assert_int_equal(master(true, &key, &d).code, SUT_E_INVALID);
        assert_non_null(strstr(d.text, "another user"));
    }
    assert_null(key);
}

static void the_environment_comes_first_and_must_be_64_characters(void **state)
{
    (void) state;
    struct sut_secret *key = NULL;
    struct sut_diag d;
    static const char hex[] = "000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f";
    assert_false(sut_failed(
        sut_master_load_or_create("/nonexistent", hex, false, &sut_random_system, &key, &d)));
    assert_int_equal(sut_secret_str(key).p[17], 1);
    sut_secret_free(&key);
    static const char *const bad[] = {
        "abc", "0123456789abcdef0123456789abcdef", "xyzzy",
        "g00102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f"
    };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            sut_master_load_or_create("/nonexistent", bad[i], true, &sut_random_system, &key, &d)
                .code,
            SUT_E_INVALID);
        assert_non_null(strstr(d.text, "SUTLER_MASTER_KEY"));
        assert_null(strstr(d.text, bad[i]));
    }
}

static void the_store_s_key_opens_under_its_own_master_alone(void **state)
{
    (void) state;
    struct sut_secret *mine = NULL;
    struct sut_secret *other = NULL;
    struct sut_secret *a = NULL;
    struct sut_secret *b = NULL;
    struct sut_diag d = { .text = "" };
    struct stat st;
    char elsewhere[512];
    (void) snprintf(elsewhere, sizeof(elsewhere), "%s", path_of("other"));
    assert_false(sut_failed(master(true, &mine, &d)));
    assert_false(
        sut_failed(sut_master_load_or_create(elsewhere, "", true, &sut_random_system, &other, &d)));
    assert_int_equal(
        sut_store_key_load_or_create(folder, mine, false, &sut_random_system, &a, &d).code,
        SUT_E_NOT_FOUND);
    assert_false(
        sut_failed(sut_store_key_load_or_create(folder, mine, true, &sut_random_system, &a, &d)));
    assert_false(
        sut_failed(sut_store_key_load_or_create(folder, mine, false, &sut_random_system, &b, &d)));
    assert_true(sut_str_eq(sut_secret_str(a), sut_secret_str(b)));
    assert_int_equal(stat(path_of("store.key"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    sut_secret_free(&b);

    assert_int_equal(
        sut_store_key_load_or_create(folder, other, true, &sut_random_system, &b, &d).code,
        SUT_E_CORRUPT);
    assert_non_null(strstr(d.text, "this data folder belongs to other keys"));
    assert_null(b);
    write_file(path_of("store.key"), "", 0, 0600);
    assert_int_equal(
        sut_store_key_load_or_create(folder, mine, true, &sut_random_system, &b, &d).code,
        SUT_E_CORRUPT);
    sut_secret_free(&a);
    sut_secret_free(&mine);
    sut_secret_free(&other);
}

static void derived_keys_differ_by_purpose_and_master(void **state)
{
    (void) state;
    struct sut_secret *a = NULL;
    struct sut_secret *b = NULL;
    unsigned char keys[4][32];
    assert_false(sut_failed(sut_secret_dup(SUT_STR("0123456789abcdef0123456789abcdef"), &a)));
    assert_false(sut_failed(sut_secret_dup(SUT_STR("0123456789abcdef0123456789abcdeF"), &b)));
    sut_master_derive(a, SUT_STR("device"), keys[0]);
    sut_master_derive(a, SUT_STR("device"), keys[1]);
    sut_master_derive(a, SUT_STR("csrf"), keys[2]);
    sut_master_derive(b, SUT_STR("device"), keys[3]);
    assert_memory_equal(keys[0], keys[1], 32);
    assert_memory_not_equal(keys[0], keys[2], 32);
    assert_memory_not_equal(keys[0], keys[3], 32);
    sut_secret_free(&a);
    sut_secret_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_made_once_in_a_closed_folder_and_read_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_missing_key_is_not_made_where_there_is_data, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_others_can_read_or_what_is_no_key, set_up,
                                        tear_down),
        cmocka_unit_test(the_environment_comes_first_and_must_be_64_characters),
        cmocka_unit_test_setup_teardown(the_store_s_key_opens_under_its_own_master_alone, set_up,
                                        tear_down),
        cmocka_unit_test(derived_keys_differ_by_purpose_and_master),
    };
    return cmocka_run_group_tests_name("keyfile", tests, NULL, NULL);
}
